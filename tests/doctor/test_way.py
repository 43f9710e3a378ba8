"""What is said of settings and network, without either."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest

from livewidgets.doctor.case import Case, Wanted, sql_name
from livewidgets.doctor.finding import State
from livewidgets.doctor.way import (
    address,
    ago,
    encryption,
    judge_clock,
    judge_key,
    judge_rest,
    judge_settings,
    name,
)
from livewidgets.live.diagnosis import Contact


def jwt(**claims: object) -> str:
    def part(content: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")

    return f"{part({'alg': 'HS256'})}.{part(claims)}.signature"


def test_settings_from_two_places_are_named_both():
    assert judge_settings(Wanted("u", "k", "--url", "SUPABASE_KEY in the environment")).what == (
        "--url, SUPABASE_KEY in the environment"
    )
    lost = judge_settings(Wanted(trouble="SUPABASE_KEY is not set", advice="export SUPABASE_KEY=…"))
    assert (lost.state, lost.mend) == (State.FAILED, "export SUPABASE_KEY=…")


@pytest.mark.parametrize(
    ("url", "mend"),
    [
        ("https://supabase.com/dashboard/project/abcdef", "Use https://abcdef.supabase.co"),
        ("postgresql://postgres:hunter2@db.abc.supabase.co:5432/postgres", "Copy the Project URL"),
        ("abc.supabase.co", "Did you mean https://abc.supabase.co?"),
    ],
)
def test_an_address_that_is_something_else(url: str, mend: str):
    finding = address(Case(Wanted(url, "k")))
    assert finding.state is State.FAILED
    assert mend in finding.mend
    assert "hunter2" not in finding.what + finding.mend


def test_a_key_says_its_project():
    key = jwt(role="anon", ref="abcdef", exp=2e9)
    assert judge_key(key, "https://abcdef.supabase.co", 1e9).what == "a JWT for the role anon"
    wrong = judge_key(key, "https://uvwxyz.supabase.co", 1e9)
    assert wrong.state is State.FAILED
    assert wrong.what == "it is a key of the project abcdef, not of uvwxyz"
    assert "project/uvwxyz/settings/api-keys" in wrong.mend
    # A domain of one's own hides the project's name.
    assert judge_key(key, "https://api.example.com", 1e9).state is State.OK


def test_a_key_that_has_expired_and_the_new_kinds():
    assert (
        judge_key(jwt(role="anon", exp=100), "https://a.supabase.co", 100 + 3 * 3600).what
        == "it expired 3 hours ago"
    )
    assert judge_key("sb_publishable_abc", "https://a.supabase.co", 0).what == "a publishable key"
    assert judge_key("sb_secret_abc", "https://a.supabase.co", 0).what == "a secret key"


@pytest.mark.parametrize(
    ("status", "code", "what"),
    [
        (540, "", "the project is paused"),
        (503, "", "out of order (HTTP 503)"),
        (429, "", "out of order (HTTP 429)"),
        (404, "", "there is no Supabase at h (HTTP 404)"),
    ],
)
def test_a_first_answer_that_is_none(status: int, code: str, what: str):
    finding = judge_rest(status, code, 0.1, "h")
    assert (finding.state, finding.what) == (State.FAILED, what)
    assert finding.mend


@pytest.mark.parametrize(("status", "code"), [(200, ""), (401, ""), (404, "PGRST125")])
def test_any_other_answer_is_of_a_rest_service(status: int, code: str):
    assert judge_rest(status, code, 0.123, "h").what == "answers after 123 ms"


def test_the_clock():
    assert judge_clock(None).state is State.UNKNOWN
    assert judge_clock(4.9).state is judge_clock(-4.9).state is State.OK
    assert judge_clock(5.1).state is judge_clock(-5.1).state is State.FAILED
    assert "10 minutes behind the server" in judge_clock(-600).what


def test_a_certificate_that_is_not_valid_and_a_proxy():
    case = Case(Wanted())
    case.url = "https://abc.supabase.co"
    case.contact = Contact("connection", "the certificate is not valid (self-signed)", ("10.0.0.1",))
    finding = encryption(case)
    assert finding.state is State.FAILED
    assert "SSL_CERT_FILE" in finding.mend
    case.contact = Contact("encryption", proxied=True)
    assert encryption(case).state is State.UNKNOWN


def test_plain_http_to_another_machine_is_said():
    case = Case(Wanted())
    case.contact, case.url = Contact("encryption", "", ("10.0.0.1",)), "http://supabase.local"
    assert "anybody on the way can read the key" in encryption(case).what


def test_a_name_that_is_not_known():
    case = Case(Wanted())
    case.url = "https://nobody.invalid"
    finding = asyncio.run(name(case))
    assert finding.state is State.FAILED
    assert "nobody.invalid is not known to the network" in finding.what


def test_long_times_are_said_roughly():
    assert [ago(n) for n in (90, 150, 7300, 200_000)] == ["90 seconds", "2 minutes", "2 hours", "2 days"]


def test_names_in_sql():
    assert sql_name("public", "calls") == "public.calls"
    assert sql_name("public", "Order Items") == 'public."Order Items"'
    assert sql_name("public", "order") == 'public."order"'
    assert sql_name("a", 'b"; drop table x') == 'a."b""; drop table x"'
