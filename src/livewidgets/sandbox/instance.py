"""Which sandbox runs on a data folder: its addresses and keys on disk, and the lock that only one can hold.

Light on purpose: a kernel imports this to find or start a sandbox, without Postgres' driver or the web server.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Self

from platformdirs import user_data_path

from livewidgets.sandbox.files import write_private

INFO_FILE = "sandbox.json"
LOCK_FILE = "lock"
LOG_FILE = "sandbox.log"


def default_data() -> Path:
    """Give the data folder that is used where none is named."""
    return user_data_path("livewidgets", appauthor=False) / "sandbox"


@dataclass(frozen=True)
class SandboxInfo:
    """Where a running sandbox is, and its keys. The representation shows no key and no password.

    Attributes
    ----------
    url
        The base address, as for a Supabase project.
    anon_key, service_key
        API keys.
    manager_token
        An access token that sees everything.
    dsn
        The database's ``postgresql://`` address, as superuser.
    pid, port
        Of the sandbox's process.
    data
        The data folder.
    started
        Whether the call that returned this started it; False when it was running already.
    publishable_key, secret_key
        API keys of the newer kind; they do what ``anon_key`` and ``service_key`` do.
    """

    url: str
    anon_key: str = field(repr=False)
    service_key: str = field(repr=False)
    manager_token: str = field(repr=False)
    dsn: str = field(repr=False)
    pid: int
    port: int
    data: Path
    started: bool = False
    publishable_key: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)

    def write(self) -> None:
        """Put it into the data folder, for the owner's eyes only."""
        values = {**asdict(self), "data": str(self.data)}
        del values["started"]
        write_private(self.data / INFO_FILE, json.dumps(values, indent=1))

    @classmethod
    def read(cls, data: Path) -> SandboxInfo | None:
        """Read what the last sandbox on this folder wrote; whether it still runs is another question."""
        try:
            values = json.loads((data / INFO_FILE).read_text("utf-8"))
            return cls(**{**values, "data": data})
        except (OSError, ValueError, TypeError):
            return None

    def answers(self, timeout: float = 10.0) -> bool:
        """Ask whether it answers at its address. A busy one may take its time; where none is, that shows at once."""
        request = urllib.request.Request(f"{self.url}/health")  # noqa: S310 - our own loopback address
        # Never through a proxy that the environment names: it is on this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=timeout) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError, ValueError):
            return False

    def as_started(self, started: bool) -> SandboxInfo:
        """Give a copy that says who started it."""
        return replace(self, started=started)


class Lock:
    """The right to run the sandbox of a data folder. The system lets it go when the process ends, however it ends.

    Parameters
    ----------
    data
        The data folder; it must be there.
    """

    def __init__(self, data: Path) -> None:
        self._path = data / LOCK_FILE
        self._file: int | None = None

    def take(self) -> bool:
        """Try to take it, without waiting."""
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        if _lock(file):
            self._file = file
            return True
        os.close(file)
        return False

    def release(self) -> None:
        """Let it go."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def is_held(data: Path) -> bool:
    """Look whether a process runs the sandbox of this folder (or is about to)."""
    if not (data / LOCK_FILE).exists():
        return False
    with Lock(data) as probe:
        return not probe.take()


def running(data: Path | None = None) -> SandboxInfo | None:
    """Find the sandbox that runs on a data folder and answers.

    Parameters
    ----------
    data
        The folder; `default_data` where it is left out.
    """
    folder = default_data() if data is None else Path(data)
    info = SandboxInfo.read(folder)
    if info is None or not is_held(folder) or not info.answers():
        return None
    return info


if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> bool:
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _lock(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
