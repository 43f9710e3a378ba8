"""The command: help, what it prints, exit codes, and one message for an error."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from livewidgets import cli, cli_look, cli_record, cli_replay
from livewidgets.doctor.finding import Finding, Report, State, failed, passed, unknown
from livewidgets.errors import FilterError, RecordingError
from livewidgets.live.client import Live
from livewidgets.live.recorder import record
from livewidgets.sandbox.instance import SandboxInfo
from livewidgets.testing import wait_until
from tests.sandbox.processes import run

COMMANDS = ("demo", "dashboard", "replay", "sandbox", "record", "doctor")
PLAIN = {"COLUMNS": "120", "NO_COLOR": "1", "TERM": "dumb"}


def info(data: Path, *, started: bool) -> SandboxInfo:
    return SandboxInfo(
        url="http://127.0.0.1:54321",
        anon_key="anon.key",
        service_key="service.key",
        manager_token="manager.token",
        dsn="postgresql://postgres:secret@127.0.0.1:5432/postgres?application_name=a&b=c",
        pid=42,
        port=54321,
        data=data,
        started=started,
    )


def livewidgets(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, as a script does."""
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SUPABASE_", "LIVEWIDGETS_"))
    }
    return subprocess.run(
        [sys.executable, "-m", "livewidgets", *arguments],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        env={**env, **PLAIN, **options.pop("env", {})},
        **options,
    )


# -- help ----------------------------------------------------------------------------------------------------------


def test_help_names_the_commands_and_the_exit_codes() -> None:
    result = CliRunner().invoke(cli.app, ["--help"], env=PLAIN)
    assert result.exit_code == 0
    for name in COMMANDS:
        assert re.search(rf"^│ {name}\s+\S", result.output, re.MULTILINE), name
    assert "0 done, 1 failed (or a check did), 2 wrong usage, 130 Ctrl-C" in result.output


@pytest.mark.parametrize("width", ["80", "120"])
@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_the_terminal(command: str, width: str) -> None:
    result = CliRunner().invoke(cli.app, [command, "-h"], env={**PLAIN, "COLUMNS": width})
    assert result.exit_code == 0
    assert max(map(len, result.output.splitlines())) <= int(width)
    # Nothing of the machinery shows.
    for word in ("<bool>", "<int>", "x>=", "None"):
        assert word not in result.output


def test_help_names_the_options_of_the_sandbox() -> None:
    result = CliRunner().invoke(cli.app, ["sandbox", "--help"], env={**PLAIN, "COLUMNS": "200"})
    for option in (
        "--port",
        "--data",
        "--no-traffic",
        "--seed",
        "--speed",
        "--postgres",
        "--exit-when-idle",
        "--json",
    ):
        assert option in result.output


def test_python_dash_m_is_the_command() -> None:
    result = livewidgets("--help")
    assert result.returncode == 0
    assert "sandbox" in result.stdout


def test_the_version() -> None:
    assert re.fullmatch(r"livewidgets \d\S*\n", CliRunner().invoke(cli.app, ["--version"]).output)


@pytest.mark.parametrize(
    "arguments",
    [
        ("sandbox", "--port", "99999"),
        ("sandbox", "--speed", "0"),
        ("sandbox", "--exit-when-idle", "never"),
        ("record", "calls"),
        ("record", "calls", "x.jsonl", "--limit", "0"),
        ("doctor", "--wait", "-1"),
        ("doctor", "--role", "king"),
        ("dashboard",),
        ("dashboard", "call_center", "--preheat", "-1"),
        ("demo", "--preheat", "some"),
        ("replay", "x.jsonl", "--speed", "slow"),
        ("nonsense",),
    ],
)
def test_wrong_usage_is_said_without_a_traceback(arguments: tuple[str, ...]) -> None:
    result = CliRunner().invoke(cli.app, list(arguments), env=PLAIN)
    assert result.exit_code == 2
    assert "Error" in result.output
    assert "Traceback" not in result.output


# -- errors --------------------------------------------------------------------------------------------------------


def test_an_error_of_ours_is_one_line(tmp_path: Path) -> None:
    result = run("--data", str(tmp_path), "--postgres", "postgresql://a:hunter2@127.0.0.1:1/x")
    assert result.returncode == 1
    assert result.stderr.startswith("Error: The database given with --postgres does not answer.")
    assert len(result.stderr.splitlines()) == 1
    assert "hunter2" not in result.stderr


def test_on_a_terminal_the_advice_has_a_line_of_its_own() -> None:
    screen, status = on_terminal("replay", "nowhere.jsonl")
    assert status == 1
    lines = [line.rstrip() for line in plain(screen).splitlines()]
    assert lines[0] == "✗ nowhere.jsonl cannot be read (No such file or directory)."
    assert lines[1] == "  Is that the file's name?"
    assert "\x1b[" in screen
    bare, _ = on_terminal("replay", "nowhere.jsonl", env={"NO_COLOR": "1"})
    assert not re.search(r"\x1b\[[0-9;]*3\dm", bare)


def test_letters_that_a_terminal_does_not_have_are_no_error() -> None:
    result = livewidgets(
        "doctor", "--json", env={"PYTHONIOENCODING": "ascii", "SUPABASE_URL": "http://ü.invalid"}
    )
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    shown = livewidgets("doctor", env={"PYTHONIOENCODING": "ascii", "SUPABASE_URL": "x"})
    assert re.search(r"^  x settings", shown.stdout, re.MULTILINE)


# -- sandbox -------------------------------------------------------------------------------------------------------


def test_what_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli._announce(info(tmp_path, started=True))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["URL", "http://127.0.0.1:54321"]
    assert lines[1].endswith("anon.key")
    assert lines[2].endswith("service.key")
    # As it is, for the shell.
    assert lines[3].endswith(
        "psql 'postgresql://postgres:secret@127.0.0.1:5432/postgres?application_name=a&b=c'"
    )
    assert "not for production" in lines[4]
    cli._announce(info(tmp_path, started=False))
    assert "Joined" in capsys.readouterr().out


def test_a_second_start_prints_json_for_a_script(sandbox: SandboxInfo) -> None:
    result = livewidgets("sandbox", "--data", str(sandbox.data), "--json")
    assert result.returncode == 0
    said = json.loads(result.stdout)
    assert (said["url"], said["anon_key"], said["started"]) == (sandbox.url, sandbox.anon_key, False)
    assert result.stderr == ""


# -- dashboard -----------------------------------------------------------------------------------------------------


def test_the_notebooks_that_come_with_us_are_listed() -> None:
    result = CliRunner().invoke(cli.app, ["dashboard", "--list"])
    assert result.exit_code == 0
    assert {"call_center", "quickstart"} <= set(result.output.split())


@pytest.mark.parametrize("command", ["dashboard", "demo"])
def test_a_notebook_that_is_not_there_names_those_that_are(command: str) -> None:
    result = livewidgets(command, "call_centre")
    assert result.returncode == 1
    assert "There is no notebook 'call_centre'." in result.stderr
    assert "call_center" in result.stderr


# -- record and replay ---------------------------------------------------------------------------------------------


@pytest.fixture
def things(sandbox_db: Any) -> Iterator[str]:
    name = f"things_{os.getpid()}"
    sandbox_db.execute(f"create table {name} (id bigint primary key, kind text, phone text)")
    sandbox_db.execute(f"grant all on {name} to anon, authenticated")
    sandbox_db.execute(f"alter publication supabase_realtime add table {name}")
    sandbox_db.execute(
        f"insert into {name} values (1, 'a', '+1 555 010 0001'), (2, 'b', null), (3, 'a', null)"
    )
    yield name
    sandbox_db.execute(f"drop table {name}")


def test_a_table_is_recorded_for_a_time_and_played(sandbox: SandboxInfo, things: str, tmp_path: Path) -> None:
    file = tmp_path / "day.jsonl"
    options = (
        "--data",
        str(sandbox.data),
        "--for",
        "0.5",
        "--where",
        "kind=a",
        "--order",
        "-id",
        "--limit",
        "5",
    )
    result = livewidgets("record", things, str(file), *options, "--json")
    assert result.returncode == 0, result.stderr
    said = json.loads(result.stdout)
    assert (said["rows"], said["changes"], said["masked"]) == (2, 0, True)
    assert said["bytes"] == file.stat().st_size
    assert "555 010 0001" not in file.read_text()
    played = livewidgets("replay", str(file), "--json", "--speed", "inf")
    assert played.returncode == 0, played.stderr
    assert [sorted(row["id"] for row in json.loads(line)["up"]) for line in played.stdout.splitlines()] == [
        [1, 3]
    ]


def test_ctrl_c_ends_a_recording_and_its_changes_are_in_it(
    sandbox: SandboxInfo, sandbox_db: Any, things: str, tmp_path: Path
) -> None:
    file = tmp_path / "day.jsonl"
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "livewidgets",
            "record",
            things,
            str(file),
            "--data",
            str(sandbox.data),
            "--json",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until(lambda: file.exists() and '"more"' in file.read_text(), 30, "the recording's beginning")
        sandbox_db.execute(f"update {things} set kind = 'c' where id = 2")
        sandbox_db.execute(f"delete from {things} where id = 3")
        wait_until(lambda: '"gone"' in file.read_text(), 20, "the change in the file")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, err
    said = json.loads(out)
    assert (said["rows"], said["changes"]) == (3, 2)
    lines = [
        json.loads(line)
        for line in livewidgets("replay", str(file), "--json", "--speed", "inf").stdout.splitlines()
    ]
    assert [row["kind"] for line in lines[1:] for row in line["up"]] == ["c"]
    assert [line["gone"] for line in lines if line["gone"]] == [[[3]]]


def test_what_comes_while_a_recording_begins_is_counted_and_ctrl_c_loses_nothing(
    sandbox: SandboxInfo, sandbox_db: Any, things: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "day.jsonl"

    def interrupted(*arguments: Any, **options: Any) -> Any:
        made = record(*arguments, **options)
        sandbox_db.execute(f"update {things} set kind = 'c' where id = 2")
        wait_until(lambda: '"kind":"c"' in file.read_text(), 20, "the change in the file")
        signal.raise_signal(signal.SIGINT)
        return made

    monkeypatch.setattr(cli_record, "record", interrupted)
    with Live(sandbox.url, sandbox.anon_key) as live:
        tally = cli_record.run(live.table(things), file, seconds=None, masked=True, as_json=True)
    assert (tally.rows, tally.changes) == (3, 1)
    assert tally.bytes == file.stat().st_size


def test_progress_is_on_stderr_of_a_terminal_only(sandbox: SandboxInfo, things: str, tmp_path: Path) -> None:
    options = ("record", things, str(tmp_path / "day.jsonl"), "--data", str(sandbox.data), "--for", "0.6")
    screen, status = on_terminal(*options)
    assert status == 0
    assert f"recording {things} → day.jsonl   0 changes" in screen
    # What stays on the screen is the result.
    assert "Play it: livewidgets replay" in plain(screen).splitlines()[-1]
    assert livewidgets(*options).stderr == ""


def test_a_summary_for_people() -> None:
    tally = cli_record.Tally("/tmp/day.jsonl", "calls", 1204, True, 31, 60.0, 84_200)
    assert cli_record.summary(tally).splitlines() == [
        "/tmp/day.jsonl   1,204 rows of calls, then 31 changes in 60 s   (84 kB, masked)",
        "Play it: livewidgets replay /tmp/day.jsonl",
    ]
    tally.masked = False
    assert "not masked" in cli_record.summary(tally)
    assert cli_record.progress(tally, 3.2, None).endswith("31 changes   3 s   Ctrl-C ends it")


@pytest.mark.parametrize(
    ("text", "column", "condition"),
    [
        ("status=ringing", "status", ("eq", "ringing")),
        ("status=in-progress", "status", ("eq", "in-progress")),
        ("amount=gte.5", "amount", ("gte", "5")),
        ("amount=1.5", "amount", ("eq", "1.5")),
        ("name=", "name", ("eq", "")),
        ("note=eq.", "note", ("eq", "")),
        ("ended_at=is.null", "ended_at", ("is", "null")),
        ("ended_at=not.is.null", "ended_at", ("not.is", "null")),
        ("status=in.(ringing, queued)", "status", ("in", ["ringing", "queued"])),
        ("status=not.in.(a)", "status", ("not.in", ["a"])),
        ("url=http://a.b/c=d", "url", ("eq", "http://a.b/c=d")),
    ],
)
def test_conditions(text: str, column: str, condition: tuple[str, Any]) -> None:
    assert cli_record.parse_where([text]) == {column: [condition]}


def test_conditions_on_one_column_add_up_and_odd_ones_are_refused() -> None:
    assert cli_record.parse_where(["a=gt.1", "a=lt.5"]) == {"a": [("gt", "1"), ("lt", "5")]}
    with pytest.raises(FilterError, match="not understood"):
        cli_record.parse_where(["nonsense"])


def test_the_page_of_a_recording(tmp_path: Path) -> None:
    header = {
        "format": "livewidgets recording",
        "format_version": 1,
        "name": "calls",
        "key": ["id"],
        "columns": ["id"],
        "types": {"id": "bigint"},
        "order": [],
        "limit": None,
        "masked": True,
        "started": 0.0,
        "version": 0,
    }
    file = tmp_path / 'a "day".jsonl'
    file.write_text(json.dumps(header) + '\n{"at":0.0,"up":[{"id":1}],"more":false}\n')
    with cli_replay.page(file, speed=float("inf"), shift=False) as (notebook, env):
        (cell,) = json.loads(notebook.read_text())["cells"]
        compile(cell["source"], "cell", "exec")
        assert "lw.CallTracker(table" in cell["source"]
        assert 'speed=float("inf"), shift=False' in cell["source"]
        assert env == {"LIVEWIDGETS_RECORDING": str(file)}
    assert not notebook.exists()
    file.write_text(json.dumps({**header, "name": "wea'ther"}) + "\n")
    with cli_replay.page(file, speed=1, shift=True) as (notebook, _):
        (cell,) = json.loads(notebook.read_text())["cells"]
        compile(cell["source"], "cell", "exec")
        assert """lw.LiveFeed(table, title="wea'ther, replayed\"""" in cell["source"]
    with pytest.raises(RecordingError), cli_replay.page(tmp_path / "none", speed=1, shift=True):
        pass


def test_a_damaged_recording_is_played_as_far_as_it_goes(tmp_path: Path) -> None:
    file = tmp_path / "day.jsonl"
    header = {"format": "livewidgets recording", "format_version": 1, "name": "t", "key": ["id"], "types": {}}
    header |= {"order": [], "limit": None, "started": 0.0}
    file.write_text(json.dumps(header) + '\n{"at":0.0,"up":[{"id":1}],"more":false}\n{broken\n')
    result = livewidgets("replay", str(file), "--json", "--speed", "inf")
    assert result.returncode == 1
    assert json.loads(result.stdout)["up"] == [{"id": 1}]
    assert "damaged at line 3" in result.stderr


# -- doctor --------------------------------------------------------------------------------------------------------


def test_doctor_finds_a_cause_and_exits_with_1(sandbox: SandboxInfo, sandbox_db: Any, things: str) -> None:
    sandbox_db.execute(f"alter publication supabase_realtime drop table {things}")
    result = livewidgets("doctor", things, "--data", str(sandbox.data), "--wait", "1")
    assert result.returncode == 1
    lines = result.stdout.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("  ✗ publication"))
    assert lines[at + 1] == f"      alter publication supabase_realtime add table public.{things};"
    assert any(line.startswith("Why it is empty") for line in lines)
    assert result.stderr == ""
    assert not re.search(r"\x1b", result.stdout)
    for secret in (sandbox.anon_key, sandbox.service_key, sandbox.manager_token):
        assert secret not in result.stdout


def test_doctor_for_a_script(sandbox: SandboxInfo, things: str) -> None:
    options = ("--data", str(sandbox.data), "--role", "anon", "--wait", "20", "--json")
    result = livewidgets("doctor", things, *options)
    said = json.loads(result.stdout)
    states = {check["name"]: check["state"] for check in said["checks"] if check["section"] != "This machine"}
    assert states["a change"] == "ok"
    assert "failed" not in states.values()
    assert said["table"] == f"public.{things}"
    assert result.returncode == (0 if said["ok"] else 1)


def test_doctor_without_anything_says_how_to_begin(tmp_path: Path) -> None:
    env = {"XDG_DATA_HOME": str(tmp_path)}
    result = livewidgets("doctor", cwd=tmp_path, env=env)
    assert result.returncode == 1
    assert "SUPABASE_URL and SUPABASE_KEY are not set, and no sandbox runs" in result.stdout
    assert "      livewidgets sandbox   # to try without a project" in result.stdout.splitlines()


@pytest.mark.parametrize("width", [80, 120])
def test_the_lines_of_the_doctor_are_aligned(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    from livewidgets import cli_doctor

    out = cli_look.console()
    out.width = width
    long = "a finding that has much to say and goes on for longer than a line of any terminal, " * 2
    for finding in (passed("short"), failed(long, "select 1;\nselect 2;"), unknown(long)):
        cli_doctor.show(finding_named(finding), out)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    said = [line for line in lines if "select" not in line]
    assert {len(line) - len(line[4:].lstrip()) for line in said if line[4:5] == " "} == {18}
    assert {line[18] == " " for line in said} == {False}
    assert [line for line in lines if "select" in line] == ["      select 1;", "      select 2;"]
    assert [line for line in lines if line != line.rstrip()] == []


def finding_named(finding: Finding) -> Finding:
    return replace(finding, name="a check", section="Table")


def test_the_answer_comes_last(capsys: pytest.CaptureFixture[str]) -> None:
    from livewidgets import cli_doctor

    def concluded(*findings: Finding) -> str:
        cli_doctor.conclude(Report([finding_named(finding) for finding in findings]), 1.0, cli_look.console())
        return capsys.readouterr().out

    assert "Nothing stands in the way.  1 ✓ in 1.0 s" in concluded(passed("x"))
    answer = concluded(passed("x"), failed("it is broken", "mend it;"), failed("that too", "y"))
    assert "  a check: it is broken\n      mend it;\n  Another check failed too: see above." in answer
    empty = concluded(Finding(State.UNKNOWN, "the table is empty", empty=True))
    assert "Why it is empty" in empty


# -- a terminal ----------------------------------------------------------------------------------------------------


def on_terminal(*arguments: str, env: dict[str, str] | None = None) -> tuple[str, int]:
    """Run the command on a terminal of 100 columns, and give all that was written, and its exit code."""
    ours, theirs = pty.openpty()
    known = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-m", "livewidgets", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**known, "TERM": "xterm-256color", "COLUMNS": "100", **(env or {})},
        start_new_session=True,
    )
    os.close(theirs)
    written = b""
    deadline = time.monotonic() + 60
    try:
        while time.monotonic() < deadline:
            if not select.select([ours], [], [], 1.0)[0]:
                continue
            try:
                part = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            written += part
        return written.decode("utf-8", "replace"), process.wait(20)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def plain(screen: str) -> str:
    """What stays of it, without colours and without lines that were wiped off."""
    kept = [line.rpartition("\x1b[2K")[2] for line in screen.replace("\r\n", "\n").split("\n")]
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", "\n".join(kept)).strip()
