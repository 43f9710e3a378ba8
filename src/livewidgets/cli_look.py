"""How the command looks: colours only on a terminal, progress on stderr, an error as a message and an advice."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.padding import Padding
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


@contextmanager
def working(what: str) -> Iterator[Callable[[str], None]]:
    """Show on a terminal's stderr that something is under way, until the block ends; gives a way to change the words."""
    err = console(stderr=True)
    if not err.is_terminal:
        yield lambda _: None
        return
    with err.status(Text(what, "dim"), spinner="dots", spinner_style="cyan") as status:
        yield lambda words: status.update(Text(words, "dim"))


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
