"""Serve a notebook as a dashboard: one Voila process on a loopback port, stopped with its owner."""

from __future__ import annotations

import http.client
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .errors import SetupError


@dataclass(frozen=True)
class Dashboard:
    """A running dashboard.

    Attributes
    ----------
    url
        Its address on this machine.
    process
        The Voila server.
    """

    url: str
    process: subprocess.Popen[bytes]


def notebooks() -> Path:
    """Return the folder of the notebooks that come with livewidgets."""
    here = Path(__file__).resolve().parent
    packaged = here / "notebooks"
    return packaged if packaged.is_dir() else here.parents[1] / "notebooks"


def find_notebook(name: str) -> Path:
    """Return the notebook of a name (``call_center``) or a path.

    Raises
    ------
    SetupError
        There is no such notebook; the message lists those that come with livewidgets.
    """
    for path in (Path(name), notebooks() / f"{name}.ipynb"):
        if path.suffix == ".ipynb" and path.is_file():
            return path.resolve()
    known = ", ".join(sorted(path.stem for path in notebooks().glob("*.ipynb")))
    raise SetupError(f"There is no notebook {name!r}.", f"Give a path to an .ipynb file, or one of: {known}.")


def voila_command(notebook: Path, port: int, preheated: int = 0) -> list[str]:
    """Return the command that serves `notebook` on `port`; the rest is in our ``voila.json``."""
    return [
        sys.executable,
        "-m",
        "voila",
        str(notebook),
        "--no-browser",
        f"--port={port}",
        "--Voila.ip=127.0.0.1",
        *(["--preheat_kernel=True", f"--pool_size={preheated}"] if preheated > 0 else []),
    ]


@contextmanager
def serve(
    notebook: Path,
    *,
    port: int = 0,
    preheated: int = 0,
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
    timeout: float = 60,
) -> Iterator[Dashboard]:
    """Serve a notebook with Voila until the block ends.

    Parameters
    ----------
    notebook
        The notebook's path.
    port
        Where to listen on the loopback address; 0 takes a free port.
    preheated
        Kernels that have run the notebook already and wait for a visitor; about 100 MB each, and his page is there in
        half the time. What his address says is known to them with his page's hello only, see `livewidgets.page`.
    env
        Environment variables for the kernels, on top of this process's.
    log
        Where the server's output goes; nowhere when None.
    timeout
        Seconds that the server may take to answer.

    Raises
    ------
    SetupError
        Voila is not installed, does not answer in time, or ends at once.
    """
    if importlib.util.find_spec("voila") is None:
        raise SetupError(
            "Dashboards are served by Voila, which is not installed.", "Run: pip install 'livewidgets[voila]'"
        )
    port = port or free_port()
    with (log or Path(os.devnull)).open("ab") as output:
        process = subprocess.Popen(
            voila_command(notebook, port, preheated),
            cwd=notebook.parent,
            # Our voila.json is read from there, wherever the notebook is.
            env={**os.environ, "JUPYTER_CONFIG_PATH": str(notebooks()), **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C in the terminal is ours to pass on, once
        )
    try:
        _wait_until_answering(process, port, timeout)
        yield Dashboard(f"http://127.0.0.1:{port}/", process)
    finally:
        _stop(process)


def free_port() -> int:
    """Return a loopback port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        number: int = server.getsockname()[1]
    return number


def _wait_until_answering(process: subprocess.Popen[bytes], port: int, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SetupError(
                f"Voila ended at once (exit status {process.returncode}).",
                "Run it by hand to see why: python -m voila",
            )
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            # Any path that starts no kernel; the answer's status does not matter.
            connection.request("GET", "/voila/static/")
            connection.getresponse()
        except OSError:
            time.sleep(0.1)
        else:
            return
        finally:
            connection.close()
    raise SetupError(f"Voila did not answer within {timeout:.0f} s.", "The machine may be busy; try again.")


def _stop(process: subprocess.Popen[bytes]) -> None:
    # SIGINT lets the server shut its kernels down; they in turn close their subscriptions.
    for number, patience in ((signal.SIGINT, 10), (signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        if process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
