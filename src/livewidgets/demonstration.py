"""``livewidgets demo``: the sandbox with call traffic, and a dashboard on it, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from .dashboards import find_notebook, serve
from .errors import SetupError

#: Tells the kernels of a dashboard which sandbox to join, whatever else is configured.
SANDBOX_VARIABLE = "LIVEWIDGETS_SANDBOX"

# Should we be killed, nobody is left to stop the sandbox. It then stops by itself; a kernel that needs it starts it again.
_ORPHAN_SECONDS = 600.0


def run(
    notebook: str,
    *,
    port: int,
    data: Path | None,
    seed: int,
    speed: float,
    browser: bool,
    say: Callable[[str], None],
) -> None:
    """Show a notebook as a dashboard on the sandbox until Ctrl-C, then stop everything that was started.

    Parameters
    ----------
    notebook
        The name of a notebook that comes with livewidgets, or a path.
    port
        The dashboard's port; 0 for a free one.
    data, seed, speed
        As for ``livewidgets sandbox``; no effect when it runs already.
    browser
        Whether to open a browser, where there is one.
    say
        Takes the lines for the user.

    Raises
    ------
    SetupError
        An extra is not installed, or there is no such notebook.
    SandboxError
        The sandbox does not start.
    """
    path = find_notebook(notebook)
    try:
        from .sandbox import launcher
    except ModuleNotFoundError as error:
        raise SetupError(
            f"The sandbox needs {error.name}.", "Run: pip install 'livewidgets[sandbox,voila]'"
        ) from error
    with _stopped_by_signals():
        say("Starting the sandbox …")
        info = launcher.launch(
            data, port=0, traffic=True, seed=seed, speed=speed, exit_when_idle=_ORPHAN_SECONDS
        )
        try:
            say(f"Sandbox    {info.url}   psql {info.dsn}")
            with serve(path, port=port, env={SANDBOX_VARIABLE: str(info.data)}) as dashboard:
                say(f"Dashboard  {dashboard.url}")
                say(
                    "Ctrl-C stops both."
                    if info.started
                    else "Ctrl-C stops the dashboard; the sandbox was there before."
                )
                if browser and _has_screen():
                    webbrowser.open(dashboard.url)
                _wait(dashboard.process)
        except KeyboardInterrupt:
            say("\nStopping …")
        finally:
            if info.started:
                launcher.stop(info)


def _wait(process: subprocess.Popen[bytes]) -> None:
    status = process.wait()
    raise SetupError(f"The dashboard ended by itself (exit status {status}).", "Start the demo again.")


def _has_screen() -> bool:
    # A text browser in the terminal would be worse than none.
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Make Ctrl-C of both, SIGINT and SIGTERM; also where a script started us with SIGINT ignored."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
