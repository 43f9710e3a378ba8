"""The ways in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import livewidgets as lw
from livewidgets import session
from livewidgets.config import KEY_NAMES, URL_NAME


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither environment nor file."""
    for name in (URL_NAME, *KEY_NAMES):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch, sandbox: Any) -> Iterator[list[dict[str, Any]]]:
    """What the launcher was asked for; it joins the tests' sandbox."""
    calls: list[dict[str, Any]] = []

    def launch(data: Any = None, **options: Any) -> Any:
        calls.append({"data": data, **options})
        return sandbox

    monkeypatch.setattr("livewidgets.sandbox.launcher.launch", launch)
    return calls


def role_of(live: lw.Live) -> bool:
    """Whether it sees what a manager sees."""
    return "caller_number" in live.table("calls").ready().to_pandas().columns


def test_connect_says_how_where_nothing_is_set() -> None:
    with pytest.raises(lw.ConfigError) as caught:
        lw.connect()
    assert "SUPABASE_URL" in str(caught.value)
    assert "sandbox()" in str(caught.value)


def test_connect_takes_arguments_the_environment_or_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sandbox: Any
) -> None:
    ways: list[Callable[[], Any]] = [
        lambda: lw.connect(sandbox.url, sandbox.anon_key),
        lambda: (monkeypatch.setenv("SUPABASE_URL", sandbox.url), lw.connect(key=sandbox.anon_key))[1],
        lambda: (monkeypatch.setenv("SUPABASE_ANON_KEY", sandbox.anon_key), lw.connect())[1],
        lambda: (monkeypatch.delenv("SUPABASE_ANON_KEY"), write_file(tmp_path, sandbox), lw.connect())[2],
    ]
    for way in ways:
        with way() as live:
            assert live.table("campaigns").ready().status.state == "live"


def write_file(folder: Path, sandbox: Any) -> None:
    (folder / ".env").write_text(f"SUPABASE_KEY={sandbox.anon_key}\n")


def test_a_token_may_be_a_function(sandbox: Any) -> None:
    async def later() -> str:
        return sandbox.manager_token

    for token in (sandbox.manager_token, lambda: sandbox.manager_token, later):
        with lw.connect(sandbox.url, sandbox.anon_key, access_token=token) as live:
            assert role_of(live)
    with lw.connect(sandbox.url, sandbox.anon_key) as live:
        assert not role_of(live)


def test_a_token_function_that_fails(sandbox: Any) -> None:
    with (
        lw.connect(sandbox.url, sandbox.anon_key, access_token=lambda: str(1 // 0)) as live,
        pytest.raises(lw.KeyRefusedError, match="ZeroDivisionError"),
    ):
        live.table("calls").ready()


def test_the_sandbox_has_roles(launched: list[dict[str, Any]], tmp_path: Path) -> None:
    with lw.sandbox(traffic=False, seed=3, speed=2.0, data=tmp_path, port=0) as live:
        assert role_of(live)
    assert launched == [
        {
            "data": tmp_path,
            "port": 0,
            "traffic": False,
            "seed": 3,
            "speed": 2.0,
            "scenario": "normal",
            "exit_when_idle": 60,
        }
    ]
    with lw.sandbox(role="anon") as live:
        assert not role_of(live)
    with lw.sandbox(role="service") as live:
        assert role_of(live)
    with pytest.raises(lw.ConfigError, match="manager"):
        session.sandbox(role="owner")  # type: ignore[arg-type]


def test_the_sandbox_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "find_spec", lambda name: None)
    with pytest.raises(lw.SetupError, match=r"pip install 'livewidgets\[sandbox\]'"):
        lw.sandbox()


def test_demo_is_the_sandbox_where_nothing_is_set(
    launched: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    with lw.demo() as live:
        assert role_of(live)
    assert len(launched) == 1
    assert capsys.readouterr() == ("", "")


def test_demo_is_the_project_where_one_is_set(
    launched: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, sandbox: Any
) -> None:
    monkeypatch.setenv("SUPABASE_URL", sandbox.url)
    with pytest.raises(lw.ConfigError, match="SUPABASE_KEY"):
        lw.demo()
    monkeypatch.setenv("SUPABASE_KEY", sandbox.anon_key)
    with lw.demo() as live:
        assert not role_of(live)
    monkeypatch.setenv("SUPABASE_URL", "nonsense")
    with pytest.raises(lw.ConfigError):
        lw.demo()
    assert launched == []
