"""The command ``livewidgets``."""

from __future__ import annotations

import json
import shlex
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from livewidgets import cli_options as options
from livewidgets.cli_look import Working, say, show_error, survive_any_letter
from livewidgets.errors import LiveWidgetsError, PostgresUnavailableError

if TYPE_CHECKING:
    from livewidgets.sandbox.instance import SandboxInfo

#: Panels of the help.
_LOOK, _KEEP, _MEND = "See it", "Run it, keep it", "Mend it"

_EPILOG: Final = """
[bold]A first look[/]   livewidgets demo

[bold]Your project[/]   export SUPABASE_URL=… SUPABASE_KEY=…   (or a .env file)

[bold]Exit codes[/]     0 done, 1 failed (or a check did), 2 wrong usage, 130 Ctrl-C
"""


class _Group(TyperGroup):
    def get_help_option(self, ctx: Any) -> Any:  # noqa: ANN401 - the package's own, by version
        return _plain(super().get_help_option(ctx))


class _Command(TyperCommand):
    def get_help_option(self, ctx: Any) -> Any:  # noqa: ANN401 - the package's own, by version
        return _plain(super().get_help_option(ctx))


def _plain(option: Any) -> Any:  # noqa: ANN401 - the package's option
    """Take the type off an option that takes no value."""
    if option is not None:
        option.metavar = ""
    return option


app = typer.Typer(
    cls=_Group,
    help="Live Jupyter widgets over Supabase Realtime.",
    epilog=_EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        import livewidgets

        say(f"livewidgets {livewidgets.__version__}")
        raise typer.Exit


@app.callback()
def _commands(
    _: Annotated[
        bool,
        typer.Option("--version", metavar="", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    survive_any_letter()


@app.command(cls=_Command, rich_help_panel=_LOOK)
def demo(
    notebook: Annotated[
        str, typer.Argument(metavar="NAME|PATH", help="A notebook of ours (dashboard --list), or a path.")
    ] = "call_center",
    port: options.Port = 0,
    browser: options.Browser = True,
    data: options.DataFolder = None,
    seed: options.Seed = 7,
    speed: options.Speed = 1.0,
    scenario: options.Scenario = "normal",
    preheat: options.Preheat = 0,
) -> None:
    """Show a dashboard with live calls; no account needed.

    Starts the sandbox with call traffic, and a dashboard on it.
    Ctrl-C stops both.
    """
    from livewidgets import demonstration

    demonstration.run(
        notebook,
        port=port,
        data=data,
        seed=seed,
        speed=speed,
        scenario=scenario,
        preheated=preheat,
        browser=browser,
        say=say,
    )


@app.command(cls=_Command, rich_help_panel=_LOOK)
def dashboard(
    notebook: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME|PATH", help="A notebook of ours (--list), or a path.", show_default=False
        ),
    ] = None,
    port: options.Port = 0,
    browser: options.Browser = True,
    preheat: options.Preheat = 0,
    names: Annotated[bool, typer.Option("--list", metavar="", help="List our notebooks.")] = False,
) -> None:
    """Serve a notebook as a dashboard on your project.

    It follows the project that SUPABASE_URL and SUPABASE_KEY name,
    else the sandbox of this machine. Ctrl-C stops it.
    """
    from livewidgets import dashboards, demonstration

    known = sorted(path.stem for path in dashboards.notebooks().glob("*.ipynb"))
    if names:
        say("\n".join(known))
        return
    if notebook is None:
        raise typer.BadParameter(f"Name one of {', '.join(known)}, or a path.", param_hint="NAME|PATH")
    demonstration.show(
        dashboards.find_notebook(notebook), port=port, preheated=preheat, browser=browser, say=say
    )


@app.command(cls=_Command, rich_help_panel=_LOOK)
def replay(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `livewidgets record` wrote.")],
    speed: Annotated[
        float,
        typer.Option(parser=options.factor, metavar="X", help="How much faster than it was; inf: at once."),
    ] = 10.0,
    shift: Annotated[
        bool,
        typer.Option("--shift/--no-shift", metavar="", help="Move times to now: ages are as they were."),
    ] = True,
    as_json: Annotated[
        bool, typer.Option("--json", metavar="", help="Print the changes instead, a JSON line each.")
    ] = False,
    port: options.Port = 0,
    browser: options.Browser = True,
) -> None:
    """Play a recording, without any backend.

    Shows it on a page: calls in a tracker, other rows in a feed of what
    happened. With --json each change is a line at its time: `up` has the
    rows that are new or other, `gone` the keys of those removed; the first
    line has all rows.
    """
    from livewidgets import cli_replay

    if as_json:
        cli_replay.print_changes(file, speed=speed, shift=shift)
        return
    from livewidgets import demonstration

    with cli_replay.page(file, speed=speed, shift=shift) as (notebook, env):
        demonstration.show(notebook, port=port, browser=browser, say=say, env=env)


@app.command(cls=_Command, rich_help_panel=_KEEP)
def sandbox(
    port: options.Port = 0,
    data: options.DataFolder = None,
    traffic: Annotated[
        bool, typer.Option("--traffic/--no-traffic", metavar="", help="Let calls come in by themselves.")
    ] = True,
    seed: options.Seed = 7,
    speed: options.Speed = 1.0,
    scenario: options.Scenario = "normal",
    postgres: Annotated[
        str | None,
        typer.Option(
            metavar="DSN",
            envvar="LIVEWIDGETS_POSTGRES",
            help="Serve this database (wal_level=logical) instead of our own.",
            show_default=False,
            show_envvar=False,
        ),
    ] = None,
    exit_when_idle: Annotated[
        float | None,
        typer.Option(
            parser=options.seconds, metavar="SECONDS", help="Stop when nobody is there.", show_default=False
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Start a Supabase-compatible backend on this machine.

    A real Postgres behind the same protocols, for trying and testing, not
    for production. Prints its address and its keys, which are good on this
    machine only. A second start joins the first.
    """
    try:
        from livewidgets.sandbox.instance import default_data
        from livewidgets.sandbox.server import ServerOptions, serve
    except ModuleNotFoundError as error:
        raise PostgresUnavailableError(
            f"The sandbox needs {error.name}, which is not installed.",
            'Run: pip install "livewidgets[sandbox]"',
        ) from error
    wanted = ServerOptions(
        data=default_data() if data is None else data,
        port=port,
        traffic=traffic,
        seed=seed,
        speed=speed,
        scenario=scenario,
        postgres=postgres,
        exit_when_idle=exit_when_idle,
    )
    with ExitStack() as starting:
        starting.enter_context(Working("starting Postgres"))

        def announce(info: SandboxInfo) -> None:
            starting.close()
            _announce(info, as_json=as_json)

        serve(wanted, announce)


@app.command(cls=_Command, rich_help_panel=_KEEP)
def record(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="What to follow.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to, by custom .jsonl.")],
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=VALUE",
            help="Which rows: status=ringing, amount=gte.5, status=in.(a,b). Several: all must hold.",
            show_default=False,
        ),
    ] = None,
    order: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN", help="In what order: -created_at, the newest first.", show_default=False
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            parser=options.count, metavar="N", help="The first so many, by --order.", show_default=False
        ),
    ] = None,
    duration: Annotated[
        float | None,
        typer.Option(
            "--for",
            parser=options.seconds,
            metavar="SECONDS",
            help="For how long; else until Ctrl-C.",
            show_default=False,
        ),
    ] = None,
    masked: Annotated[
        bool, typer.Option("--masked/--unmasked", metavar="", help="Mask phone numbers and e-mails.")
    ] = True,
    as_json: options.Json = False,
    url: options.Url = None,
    key: options.Key = None,
    token: options.AccessToken = None,
    schema: options.Schema = "public",
    data: options.Sandbox = None,
) -> None:
    """Keep a table's rows and every change in a file.

    Until Ctrl-C, or for a time (--for). `livewidgets replay` plays it.
    """
    from livewidgets import cli_record
    from livewidgets.cli_connection import connected

    conditions = cli_record.parse_where(where or ())
    with connected(url, key, token, schema, data) as live:
        followed = live.table(table, where=conditions or None, order=order or None, limit=limit)
        cli_record.run(followed, file, seconds=duration, masked=masked, as_json=as_json)


@app.command(cls=_Command, rich_help_panel=_MEND)
def doctor(
    table: Annotated[
        str | None,
        typer.Argument(
            metavar="TABLE", help="The one that stays empty; also schema.table.", show_default=False
        ),
    ] = None,
    write: Annotated[
        bool | None,
        typer.Option(
            "--write/--no-write",
            metavar="",
            help="Set the key of one row to itself, and see the change arrive (triggers run). Else wait for one.",
            show_default=False,
        ),
    ] = None,
    wait: Annotated[
        float, typer.Option(parser=options.seconds, metavar="SECONDS", help="How long for a change.")
    ] = 5.0,
    timeout: Annotated[
        float, typer.Option(parser=options.seconds, metavar="SECONDS", help="How long for each answer.")
    ] = 10.0,
    as_json: options.Json = False,
    url: options.Url = None,
    key: options.Key = None,
    token: options.AccessToken = None,
    service_key: options.ServiceKey = None,
    schema: options.Schema = "public",
    data: options.Sandbox = None,
    role: Annotated[
        str,
        typer.Option(
            metavar="ROLE", help="In a sandbox: manager, anon or service.", rich_help_panel=options.PROJECT
        ),
    ] = "manager",
) -> None:
    """Find out why a widget is empty.

    Goes from the settings over network, key, table and row-level security
    to a change that arrives, and says what mends each. Looks at the project
    that is configured, else at the sandbox that runs, where it may --write
    unasked. Never shows a key or a row. Exits with 1 if a check failed.
    """
    from livewidgets import cli_doctor
    from livewidgets.doctor.case import Limits
    from livewidgets.doctor.sources import find_case

    if role not in ("manager", "anon", "service"):
        raise typer.BadParameter("Use manager, anon or service.", param_hint="--role")
    case = find_case(
        table,
        url=url,
        key=key,
        token=token,
        witness=service_key,
        schema=schema,
        data=data,
        role=role,
        write=write,
        limits=Limits(timeout, wait),
    )
    if not cli_doctor.run(case, as_json=as_json):
        raise typer.Exit(1)


def _announce(info: SandboxInfo, *, as_json: bool = False) -> None:
    if as_json:
        known = {
            "url": info.url,
            "anon_key": info.anon_key,
            "service_key": info.service_key,
            "manager_token": info.manager_token,
            "dsn": info.dsn,
            "data": str(info.data),
            "pid": info.pid,
            "started": info.started,
        }
        say(json.dumps(known))
        return
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
    say("\n".join(lines))


def main() -> None:
    """Run the command; an error of ours is a message with an advice on stderr, and exit code 1."""
    try:
        app(prog_name="livewidgets")
    except LiveWidgetsError as error:
        show_error(error)
        sys.exit(1)
