"""The command ``livewidgets``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from livewidgets.errors import LiveWidgetsError, PostgresUnavailableError

if TYPE_CHECKING:
    from livewidgets.sandbox.instance import SandboxInfo

app = typer.Typer(
    help="Live Jupyter widgets over Supabase Realtime.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _commands() -> None:
    """Live Jupyter widgets over Supabase Realtime."""


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 0,
    data: Annotated[
        Path | None, typer.Option(help="Data folder; kept between runs.", show_default=False)
    ] = None,
    traffic: Annotated[
        bool, typer.Option("--traffic/--no-traffic", help="Let calls come in by themselves.")
    ] = True,
    seed: Annotated[int, typer.Option(help="Which story the traffic tells.")] = 7,
    speed: Annotated[float, typer.Option(min=0.001, help="How many times faster than life.")] = 1.0,
    scenario: Annotated[
        str, typer.Option(help="What kind of day it is: normal, rush, outage or bid_war.")
    ] = "normal",
    postgres: Annotated[
        str | None,
        typer.Option(
            envvar="LIVEWIDGETS_POSTGRES",
            help="Serve this database (wal_level=logical) instead of the embedded one.",
            show_default=False,
            show_envvar=False,
        ),
    ] = None,
    exit_when_idle: Annotated[
        float | None,
        typer.Option(min=0.1, help="Stop after so many seconds without a client.", show_default=False),
    ] = None,
) -> None:
    """Start a Supabase-compatible backend on this machine. For trying and testing, not for production."""
    try:
        from livewidgets.sandbox.instance import default_data
        from livewidgets.sandbox.server import ServerOptions, serve
    except ModuleNotFoundError as error:
        raise PostgresUnavailableError(
            f"The sandbox needs {error.name}, which is not installed.",
            'Run: pip install "livewidgets[sandbox]"',
        ) from error
    options = ServerOptions(
        data=default_data() if data is None else data,
        port=port,
        traffic=traffic,
        seed=seed,
        speed=speed,
        scenario=scenario,
        postgres=postgres,
        exit_when_idle=exit_when_idle,
    )
    serve(options, _announce)


@app.command()
def demo(
    notebook: Annotated[
        str, typer.Argument(help="A notebook that comes with livewidgets, or a path.")
    ] = "call_center",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The dashboard's port; 0 takes a free one.")
    ] = 0,
    data: Annotated[Path | None, typer.Option(help="The sandbox's data folder.", show_default=False)] = None,
    seed: Annotated[int, typer.Option(help="Which story the traffic tells.")] = 7,
    speed: Annotated[float, typer.Option(min=0.001, help="How many times faster than life.")] = 1.0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open it in a browser.")] = True,
) -> None:
    """Start the sandbox with call traffic and show a dashboard on it. Ctrl-C stops both."""
    from livewidgets import demonstration

    demonstration.run(notebook, port=port, data=data, seed=seed, speed=speed, browser=browser, say=_say)


def _say(line: str) -> None:
    typer.echo(line)
    # Whoever started us through a pipe waits for it.
    sys.stdout.flush()


def _announce(info: SandboxInfo) -> None:
    lines = [
        f"URL          {info.url}",
        f"anon key     {info.anon_key}",
        f"service key  {info.service_key}",
        f"database     psql {shlex.quote(info.dsn)}",
    ]
    if info.started:
        lines.append("For trying and testing, not for production. Ctrl-C stops it.")
    else:
        lines.append(f"Joined the sandbox that runs already (process {info.pid}); it stays as it is.")
    _say("\n".join(lines))


def main() -> None:
    """Run the command; an error of ours is one line on stderr and exit code 1."""
    try:
        app(prog_name="livewidgets")
    except LiveWidgetsError as error:
        typer.echo(f"Error: {' '.join(str(error).split())}", err=True)
        sys.exit(1)
