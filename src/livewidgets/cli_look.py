"""How the command looks: colours only on a terminal, progress on stderr, an error as a message and an advice."""

from __future__ import annotations

import sys
from typing import Final, Self

from rich.console import Console
from rich.live import Live
from rich.padding import Padding
from rich.spinner import Spinner
from rich.text import Text

from livewidgets.errors import LiveWidgetsError

#: What each mark is where the terminal has no such letters.
_PLAIN: Final = {"✓": "+", "✗": "x", "–": "-"}  # noqa: RUF001 - the sign


def console(*, stderr: bool = False) -> Console:
    """Make a console for stdout or stderr as they are now; it honours NO_COLOR, and knows a pipe from a terminal."""
    return Console(stderr=stderr, highlight=False, emoji=False, markup=False)


def mark(sign: str, of: Console) -> str:
    """Give a sign, or what stands for it where it cannot be written."""
    try:
        sign.encode(of.encoding)
    except (UnicodeEncodeError, LookupError):
        return _PLAIN.get(sign, "?")
    return sign


class Working:
    """Says on a terminal's stderr that something is under way; a context manager. Elsewhere it says nothing.

    Parameters
    ----------
    what
        Said at once, where it is not empty.
    """

    def __init__(self, what: str) -> None:
        err = console(stderr=True)
        self._spinner = Spinner("dots", Text(what, "dim"), style="cyan")
        # What is printed meanwhile goes where it is meant to go, and not by way of stderr.
        self._live = (
            Live(self._spinner, console=err, transient=True, redirect_stdout=False, redirect_stderr=False)
            if err.is_terminal
            else None
        )
        if what and self._live is not None:
            self._live.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.hush()

    def tell(self, what: str) -> None:
        """Say something else from now on."""
        if self._live is not None:
            self._spinner.update(text=Text(what, "dim"))
            self._live.start()

    def hush(self) -> None:
        """Wipe it off, so that something can be printed in its place."""
        if self._live is not None:
            self._live.stop()


def say(line: str) -> None:
    """Print a line for the user or the script that waits for it."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def show_error(error: LiveWidgetsError) -> None:
    """Show an error on stderr: on a terminal the advice has a line of its own, in a log all is one line."""
    err = console(stderr=True)
    if not err.is_terminal:
        sys.stderr.write(f"Error: {' '.join(str(error).split())}\n")
        return
    err.print(Text.assemble((f"{mark('✗', err)} ", "bold red"), " ".join(error.message.split())))
    if error.advice:
        err.print(Padding(Text(error.advice, "cyan"), (0, 0, 0, 2)))


def survive_any_letter() -> None:
    """Write letters that a terminal does not have as question marks, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
