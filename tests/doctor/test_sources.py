"""Where the settings come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from livewidgets.doctor.sources import find_case

URL, KEY = "https://abc.supabase.co", "sb_publishable_abc"


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SUPABASE_URL", URL)
    monkeypatch.setenv("SUPABASE_ANON_KEY", KEY)
    wanted = find_case("calls").wanted
    assert (wanted.url, wanted.key) == (URL, KEY)
    assert wanted.url_from == "SUPABASE_URL in the environment"
    assert wanted.key_from == "SUPABASE_ANON_KEY in the environment"
    assert KEY not in repr(find_case("calls"))


def test_from_a_file_and_from_the_command_line(tmp_path: Path):
    (tmp_path / ".env").write_text(f"SUPABASE_URL={URL}\nSUPABASE_KEY={KEY}\n")
    wanted = find_case("calls", url="https://other.supabase.co").wanted
    assert wanted.url == "https://other.supabase.co"
    assert wanted.url_from == "--url"
    assert wanted.key_from == f"SUPABASE_KEY in {tmp_path / '.env'}"


def test_half_of_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SUPABASE_URL", URL)
    wanted = find_case("calls").wanted
    assert wanted.trouble == "SUPABASE_KEY is not set"
    assert "export SUPABASE_KEY=" in wanted.advice


def test_nothing_at_all():
    wanted = find_case("calls").wanted
    assert wanted.trouble == "SUPABASE_URL and SUPABASE_KEY are not set, and no sandbox runs"
    assert "livewidgets sandbox" in wanted.advice


def test_a_file_that_cannot_be_read(tmp_path: Path):
    (tmp_path / ".env").write_bytes(b"\xff\xfe\x00bad")
    wanted = find_case("calls").wanted
    assert wanted.trouble == f"{tmp_path / '.env'} cannot be read"


def test_a_sandbox_that_does_not_run(tmp_path: Path):
    wanted = find_case(None, data=tmp_path / "none").wanted
    assert wanted.trouble == f"no sandbox runs on {tmp_path / 'none'}"
    assert wanted.advice == f"livewidgets sandbox --data {tmp_path / 'none'}"


def test_a_sandbox(sandbox: Any, monkeypatch: pytest.MonkeyPatch):
    case = find_case(None, data=sandbox.data)
    assert (case.wanted.url, case.table, case.token) == (sandbox.url, "calls", sandbox.manager_token)
    assert case.may_write
    assert case.witness == sandbox.service_key
    assert find_case(None, data=sandbox.data, write=False).may_write is False
    anon = find_case("bids", data=sandbox.data, role="anon")
    assert (anon.token, anon.wanted.key, anon.table) == (None, sandbox.anon_key, "bids")
    assert find_case(None, data=sandbox.data, role="service").wanted.key == sandbox.service_key
    # As a dashboard of the demo finds it, whatever else is configured.
    monkeypatch.setenv("SUPABASE_URL", URL)
    monkeypatch.setenv("SUPABASE_KEY", KEY)
    assert find_case(None).wanted.url == URL
    monkeypatch.setenv("LIVEWIDGETS_SANDBOX", str(sandbox.data))
    assert find_case(None).wanted.url == sandbox.url


def test_a_table_may_name_its_schema():
    case = find_case("sales.orders")
    assert (case.schema, case.table) == ("sales", "orders")
