from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livewidgets.core.connection import (
    TRANSITIONS,
    Connection,
    ConnectionEvent,
    ConnectionState,
    ConnectionStatus,
    backoff,
    retryable,
)
from livewidgets.errors import (
    ConfigError,
    KeyRefusedError,
    ProtocolError,
    UnknownTableError,
    UnreachableError,
)

S, E = ConnectionState, ConnectionEvent
KEY = "eyJhbGciOiJIUzI1NiJ9.secret.secret"


def connection_in(state):
    """A connection led to a state by its public methods."""
    made = Connection(100.0)
    made.fell_behind("calls", 100.0)
    if state in (S.CATCHING_UP, S.LIVE):
        made.opened(100.0)
    if state is S.LIVE:
        made.caught_up("calls", 100.0)
    if state is S.RECONNECTING:
        made.lost(100.0, UnreachableError("gone"), retry_in=1.0)
    if state is S.REFUSED:
        made.refused(100.0, KeyRefusedError("no"))
    if state is S.CLOSED:
        made.close(100.0)
    assert made.state is state
    return made


def put(made, event, now=200.0):
    match event:
        case E.OPENED:
            made.opened(now)
        case E.LOST:
            made.lost(now, UnreachableError("gone"), retry_in=2.0)
        case E.CAUGHT_UP:
            made.caught_up("calls", now)
        case E.FELL_BEHIND:
            made.fell_behind("calls", now)
        case E.RETRY:
            made.retry(now)
        case E.REFUSED:
            made.refused(now, KeyRefusedError("no"))
        case E.CLOSE:
            made.close(now)


def test_the_table_has_every_cell():
    assert set(TRANSITIONS) == set(itertools.product(S, E))


@pytest.mark.parametrize(("state", "event"), list(itertools.product(S, E)))
def test_the_machine_follows_the_table(state, event):
    made = connection_in(state)
    put(made, event)
    assert made.state is TRANSITIONS[state, event]
    assert made.status(200.0).since == (100.0 if made.state is state else 200.0)


def test_nothing_leaves_closed():
    made = connection_in(S.CLOSED)
    for event in E:
        put(made, event)
    assert made.status(300.0) == ConnectionStatus(S.CLOSED, 100.0, legs={"rest": None, "realtime": None})


def test_live_needs_every_channel_to_have_caught_up():
    made = Connection(0.0)
    made.fell_behind("calls", 0.0)
    made.fell_behind("bids", 0.0)
    made.opened(1.0)
    made.caught_up("calls", 2.0)
    assert made.state is S.CATCHING_UP
    assert made.behind == {"bids"}
    made.caught_up("bids", 3.0)
    assert made.state is S.LIVE
    assert made.status(3.0).since == 3.0
    made.fell_behind("bids", 4.0)
    assert made.state is S.CATCHING_UP


def test_every_channel_is_behind_after_a_loss():
    made = connection_in(S.LIVE)
    made.lost(5.0, UnreachableError("gone"))
    made.opened(6.0)
    assert made.behind == {"calls"}
    assert made.state is S.CATCHING_UP


def test_nothing_waits_for_a_channel_that_was_closed():
    made = connection_in(S.LIVE)
    made.fell_behind("bids", 4.0)
    made.left("bids", 5.0)
    assert made.state is S.LIVE
    made.caught_up("bids", 6.0)
    assert made.behind == frozenset()
    made.left("bids", 6.0)
    assert made.state is S.LIVE


def test_without_channels_open_is_live():
    made = Connection(0.0)
    made.opened(1.0)
    assert made.state is S.LIVE


def test_attempts_are_counted_until_it_is_open():
    made = Connection(0.0)
    made.lost(1.0, UnreachableError("gone"), retry_in=0.4)
    made.lost(2.0, UnreachableError("gone"), retry_in=0.8)
    status = made.status(2.0)
    assert (status.attempt, status.retry_in) == (2, 0.8)
    assert status.since == 1.0
    assert isinstance(status.error, UnreachableError)
    made.retry(2.5)
    assert made.status(2.5).retry_in is None
    made.opened(3.0)
    status = made.status(3.0)
    assert (status.attempt, status.retry_in, status.error) == (0, None, None)


def test_the_error_stays_until_all_has_caught_up():
    made = Connection(0.0)
    made.fell_behind("calls", 0.0)
    made.lost(1.0, UnreachableError("gone"))
    made.opened(2.0)
    assert made.status(2.0).error is not None
    made.caught_up("calls", 3.0)
    assert made.status(3.0).error is None


def test_an_answer_that_will_not_change_refuses():
    made = connection_in(S.LIVE)
    made.lost(1.0, KeyRefusedError("no"))
    assert made.state is S.REFUSED
    made.retry(2.0)
    assert made.state is S.CONNECTING


def test_the_age_of_each_leg():
    made = Connection(0.0)
    made.proof("rest", 5.0)
    made.opened(6.0)
    made.proof("realtime", 8.0, latency_ms=12.5)
    status = made.status(10.0)
    assert dict(status.legs) == {"rest": 5.0, "realtime": 2.0}
    assert status.latency_ms == 12.5
    assert made.status(4.0).legs["rest"] == 0.0


def test_a_status_compares_with_text_and_cannot_be_changed():
    status = ConnectionStatus(S.CATCHING_UP, 1.0)
    assert status.state == "catching-up"
    with pytest.raises(AttributeError):
        status.attempt = 3


def test_repr_names_an_error_and_quotes_nothing():
    status = ConnectionStatus(
        S.RECONNECTING,
        1.5,
        attempt=2,
        retry_in=3.25,
        error=UnreachableError(f"no answer with {KEY}"),
        latency_ms=4.0,
    )
    assert repr(status) == (
        "ConnectionStatus(state='reconnecting', since=1.500, attempt=2, retry_in=3.2, error=UnreachableError, latency_ms=4)"
    )


@given(st.floats(0, 1, exclude_max=True))
def test_waits_grow_to_their_cap_with_full_jitter(chance):
    waits = list(itertools.islice(backoff(lambda: chance), 12))
    assert waits == [chance * bound for bound in (0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30, 30, 30)]


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (UnreachableError("x"), True),
        (ProtocolError("x"), True),
        (OSError("x"), True),
        (KeyRefusedError("x"), False),
        (ConfigError("x"), False),
        (UnknownTableError("x"), False),
    ],
)
def test_what_trying_again_can_mend(error, again):
    assert retryable(error) is again
