"""The options that several commands share, and what they take."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Final

import typer

PROJECT: Final = "Which project"


# A default comes through these as well, as the number that it is.


def port_number(value: str | int) -> int:
    """Read a port."""
    text = str(value)
    if not text.isdecimal() or int(text) > 65535:
        raise typer.BadParameter(f"{text!r} is no port: use 0 to 65535.")
    return int(text)


def count(value: str | int) -> int:
    """Read a number of things, at least one."""
    text = str(value)
    if not text.isdecimal() or int(text) < 1:
        raise typer.BadParameter(f"{text!r} is no number of rows: use 1 or more.")
    return int(text)


def kernels(value: str | int) -> int:
    """Read a number of kernels, none among them."""
    text = str(value)
    if not text.isdecimal():
        raise typer.BadParameter(f"{text!r} is no number of kernels: use 0 or more.")
    return int(text)


def seconds(value: str | float) -> float:
    """Read a length of time."""
    number = _number(value)
    if not 0 < number < math.inf:
        raise typer.BadParameter(f"{value!r} is no time: use seconds above 0.")
    return number


def factor(value: str | float) -> float:
    """Read how many times faster; ``inf`` for at once."""
    number = _number(value)
    if not number > 0:
        raise typer.BadParameter(f"{value!r} is no speed: use a number above 0.")
    return number


def _number(value: str | float) -> float:
    try:
        return float(value)
    except ValueError:
        return math.nan


Port = Annotated[
    int,
    typer.Option(
        parser=port_number, metavar="N", help="Where to listen; 0 takes a free port.", show_default=False
    ),
]
Browser = Annotated[bool, typer.Option("--browser/--no-browser", metavar="", help="Open it in a browser.")]
Preheat = Annotated[
    int,
    typer.Option(
        parser=kernels,
        metavar="N",
        help="Kernels kept ready for visitors, 100 MB each.",
    ),
]
Json = Annotated[bool, typer.Option("--json", metavar="", help="Print it as JSON, for a script.")]
Seed = Annotated[int, typer.Option(metavar="N", help="Which story the traffic tells.")]
Speed = Annotated[float, typer.Option(parser=factor, metavar="X", help="How many times faster than life.")]
Scenario = Annotated[
    str, typer.Option(metavar="NAME", help="What kind of day: normal, rush, outage or bid_war.")
]
DataFolder = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="The sandbox's data folder, kept between runs.", show_default=False),
]

Url = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="Its address; else SUPABASE_URL.", show_default=False, rich_help_panel=PROJECT
    ),
]
Key = Annotated[
    str | None,
    typer.Option(
        metavar="KEY",
        help="Its API key; else SUPABASE_KEY, which nobody reads off the process list.",
        show_default=False,
        rich_help_panel=PROJECT,
    ),
]
AccessToken = Annotated[
    str | None,
    typer.Option(
        "--token",
        metavar="JWT",
        envvar="LIVEWIDGETS_ACCESS_TOKEN",
        show_envvar=False,
        help="A signed-in user's access token; else LIVEWIDGETS_ACCESS_TOKEN.",
        show_default=False,
        rich_help_panel=PROJECT,
    ),
]
ServiceKey = Annotated[
    str | None,
    typer.Option(
        metavar="KEY",
        envvar="SUPABASE_SERVICE_ROLE_KEY",
        show_envvar=False,
        help="Count with this key too: tells hidden rows from none. Else SUPABASE_SERVICE_ROLE_KEY.",
        show_default=False,
        rich_help_panel=PROJECT,
    ),
]
Schema = Annotated[
    str,
    typer.Option(metavar="NAME", help="The schema of the table.", rich_help_panel=PROJECT),
]
Sandbox = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="A sandbox instead, by its data folder.",
        show_default=False,
        rich_help_panel=PROJECT,
    ),
]
