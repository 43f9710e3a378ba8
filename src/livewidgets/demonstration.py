"""`livewidgets demo` and `dashboard`: a notebook as a page, with or without a sandbox of its own, until Ctrl-C."""

from __future__ import annotations

import os
import subprocess
import sys
import webbrowser
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from .cli_ending import stopped_by_signals
from .cli_look import Working
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
    scenario: str = "normal",
    preheated: int = 0,
) -> None:
    """Show a notebook as a dashboard on the sandbox until Ctrl-C, then stop everything that was started.

    Parameters
    ----------
    notebook
        The name of a notebook that comes with livewidgets, or a path.
    port
        The dashboard's port; 0 for a free one.
    data, seed, speed, scenario
        As for ``livewidgets sandbox``; no effect when it runs already.
    browser
        Whether to open a browser, where there is one.
    say
        Takes the lines for the user.
    preheated
        Kernels that have run the notebook before anybody comes.

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
    with stopped_by_signals():
        with Working("starting the sandbox"):
            info = launcher.launch(
                data,
                port=0,
                traffic=True,
                seed=seed,
                speed=speed,
                scenario=scenario,
                exit_when_idle=_ORPHAN_SECONDS,
            )
        end = (
            "Ctrl-C stops both."
            if info.started
            else "Ctrl-C stops the dashboard; the sandbox was there before."
        )
        try:
            say(f"Sandbox    {info.url}   psql {info.dsn}")
            env = {SANDBOX_VARIABLE: str(info.data)}
            _show(path, port, env, preheated=preheated, browser=browser, say=say, end=end)
        except KeyboardInterrupt:
            say("\nStopping …")
        finally:
            if info.started:
                with Working("stopping the sandbox"):
                    launcher.stop(info)


def show(
    notebook: Path,
    *,
    port: int,
    browser: bool,
    say: Callable[[str], None],
    env: Mapping[str, str] | None = None,
    preheated: int = 0,
) -> None:
    """Show a notebook as a dashboard on whatever is configured, until Ctrl-C.

    Parameters
    ----------
    notebook
        Its path.
    port, browser, say
        As for `run`.
    env
        Environment variables for its kernels.
    preheated
        As for `run`.

    Raises
    ------
    SetupError
        Voila is not installed, or does not start.
    """
    with stopped_by_signals():
        try:
            _show(
                notebook,
                port,
                env or {},
                preheated=preheated,
                browser=browser,
                say=say,
                end="Ctrl-C stops it.",
            )
        except KeyboardInterrupt:
            say("\nStopping …")


def _show(
    notebook: Path,
    port: int,
    env: Mapping[str, str],
    *,
    preheated: int,
    browser: bool,
    say: Callable[[str], None],
    end: str,
) -> None:
    with ExitStack() as stack:
        with Working("starting the dashboard"):
            dashboard = stack.enter_context(serve(notebook, port=port, preheated=preheated, env=env))
        say(f"Dashboard  {dashboard.url}")
        say(end)
        if browser and _has_screen():
            webbrowser.open(dashboard.url)
        _wait(dashboard.process)


def _wait(process: subprocess.Popen[bytes]) -> None:
    status = process.wait()
    raise SetupError(f"The dashboard ended by itself (exit status {status}).", "Start it again.")


def _has_screen() -> bool:
    # A text browser in the terminal would be worse than none.
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
