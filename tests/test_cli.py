"""The command: help, what it prints, and one line for an error."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from typer.testing import CliRunner

from livewidgets import cli
from livewidgets.sandbox.instance import SandboxInfo
from tests.sandbox.processes import run

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


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


def test_help_names_the_options() -> None:
    result = CliRunner().invoke(cli.app, ["sandbox", "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert result.exit_code == 0
    for option in ("--port", "--data", "--no-traffic", "--seed", "--speed", "--postgres", "--exit-when-idle"):
        assert option in result.output


def test_python_dash_m_is_the_command() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "livewidgets", "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0
    assert "sandbox" in result.stdout


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


def test_an_option_that_is_wrong_is_said_without_a_traceback(tmp_path: Path) -> None:
    result = run("--data", str(tmp_path), "--port", "99999")
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


def test_an_error_of_ours_is_one_line(tmp_path: Path) -> None:
    result = run("--data", str(tmp_path), "--postgres", "postgresql://a:hunter2@127.0.0.1:1/x")
    assert result.returncode == 1
    assert result.stderr.startswith("Error: The database given with --postgres does not answer.")
    assert len(result.stderr.splitlines()) == 1
    assert "hunter2" not in result.stderr
