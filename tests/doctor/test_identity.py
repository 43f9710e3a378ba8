"""As whom the server takes us, by its answers."""

from __future__ import annotations

import pytest

from livewidgets.doctor.finding import State
from livewidgets.doctor.identity import judge_key_reply, judge_role, judge_token, role_of
from livewidgets.live.diagnosis import Reply
from tests.doctor.test_way import jwt

GRANTED = Reply(200, {})
CLOSED = Reply(
    401,
    {
        "message": "Access to schema is forbidden",
        "hint": "Accessing the schema via the Data API is only allowed using a secret API key.",
    },
)
INVALID = Reply(401, {"message": "Invalid API key", "hint": "Double check"})


def test_a_project_that_keeps_its_description_to_itself_has_accepted_the_key():
    assert judge_key_reply(GRANTED).state is judge_key_reply(CLOSED).state is State.OK
    refused = judge_key_reply(INVALID)
    assert refused.state is State.FAILED
    assert refused.what == "refused (Invalid API key): it is not a key of this project"


def test_a_key_that_has_expired():
    assert (
        judge_key_reply(Reply(401, {"code": "PGRST303", "message": "JWT expired"})).what
        == "refused: it has expired"
    )


@pytest.mark.parametrize(
    ("token", "reply", "what"),
    [
        (jwt(exp=1000), GRANTED, "it expired 2 minutes ago"),
        (jwt(exp=9999), Reply(401, {"code": "PGRST303"}), "it expired"),
        ("what.is.this", GRANTED, "it is not a JWT"),
        (jwt(exp=9999), Reply(401, {"code": "PGRST301"}), "refused: it was not signed by this project"),
    ],
)
def test_tokens_that_are_no_good(token: str, reply: Reply, what: str):
    finding = judge_token(token, reply, 1150.0)
    assert (finding.state, finding.what) == (State.FAILED, what)
    assert finding.mend


def test_tokens_that_are():
    assert judge_token(jwt(exp=4750), GRANTED, 1150.0).what == "good for another 60 minutes"
    assert judge_token(jwt(role="authenticated"), CLOSED, 1150.0).what == "has no end"


@pytest.mark.parametrize(
    ("key", "token", "role"),
    [
        (jwt(role="anon"), None, "anon"),
        (jwt(role="service_role"), None, "service_role"),
        (jwt(role="anon"), jwt(role="authenticated"), "authenticated"),
        (jwt(role="anon"), jwt(role="analyst"), "analyst"),
        ("sb_publishable_x", None, "anon"),
        ("sb_secret_x", None, "service_role"),
        ("sb_publishable_x", jwt(sub="1"), "authenticated"),
    ],
)
def test_the_role(key: str, token: str | None, role: str):
    assert role_of(key, token) == role
    assert judge_role(role, signed_in=token is not None).what.startswith(role)
