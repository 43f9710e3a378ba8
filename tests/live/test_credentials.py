"""The access token: read without verifying, renewed before it expires, and everything back after it did."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jwt
import pytest

from livewidgets.core.change import Change
from livewidgets.core.connection import ConnectionState
from livewidgets.core.gap import Gap
from livewidgets.errors import ConfigError, KeyRefusedError, UnreachableError
from livewidgets.live.client import Live
from livewidgets.live.credentials import Credentials, claims_of, expiry_of
from livewidgets.live.room_link import Broadcast
from livewidgets.live.table import TableState
from livewidgets.sandbox.keys import Keys
from livewidgets.testing import ManualClock
from tests.live.conftest import QUICK, BackFrom, Table, eventually

MakeTable = Callable[..., Table]
OpenLive = Callable[..., Live]


def token_with(**claims: Any) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"x.{body}.y"


class Issuer:
    """Signs tokens of the manager for the sandbox."""

    def __init__(self, sandbox: Any) -> None:
        self.secret = Keys.load(sandbox.data).secret
        self.claims = jwt.decode(sandbox.manager_token, options={"verify_signature": False})
        self.asked = 0
        #: Of the tokens that it gives from now on, in seconds.
        self.life = 3600.0
        self.lives: list[float] = []
        self.ends: list[float] = []
        self.works = True

    def sign(self, life: float) -> str:
        self.lives.append(life)
        self.ends.append(int(time.time() + life))
        claims = {**self.claims, "exp": self.ends[-1], "jti": str(len(self.lives))}
        return jwt.encode(claims, self.secret, algorithm="HS256")

    def __call__(self) -> str:
        self.asked += 1
        if not self.works:
            raise ConnectionError("the identity provider is away")
        return self.sign(self.life)


@pytest.fixture
def issuer(sandbox: Any) -> Issuer:
    return Issuer(sandbox)


def test_the_expiry_is_read_without_verifying() -> None:
    assert expiry_of(token_with(exp=1_800_000_000)) == 1_800_000_000
    for odd in (
        None,
        "",
        "a.b",
        "a.b.c",
        "a.!.c",
        token_with(),
        token_with(exp="soon"),
        token_with(exp=True),
    ):
        assert expiry_of(odd) is None
    assert claims_of("a.WzFd.c") == {}
    assert claims_of(token_with(sub="me")) == {"sub": "me"}


async def test_when_a_token_is_due() -> None:
    clock = ManualClock()
    life = [3600.0]
    credentials = Credentials(lambda: token_with(exp=clock() + life[0]), clock, 60.0, 5.0)
    assert credentials.due_in() is None
    await credentials.ask()
    assert credentials.due_in() == 3540.0
    clock.advance(3590.0)
    assert credentials.due_in() == 0.0
    assert not credentials.expired
    clock.advance(10.0)
    assert credentials.expired
    life[0] = 30.0
    await credentials.ask()
    assert credentials.due_in() == 15.0
    assert Credentials(token_with(exp=clock() + 100), clock, 60.0, 5.0).due_in() is None


async def test_a_provider_may_be_a_coroutine_function_and_may_fail() -> None:
    async def later() -> str:
        await asyncio.sleep(0)
        return token_with(exp=5)

    credentials = Credentials(later, time.time, 60.0, 5.0)
    assert expiry_of(await credentials.ask()) == 5.0
    assert "x." not in repr(credentials) + repr(vars(credentials))

    def signed_out() -> str:
        raise LookupError("secret-detail")

    def away() -> str:
        raise ConnectionResetError

    never = threading.Event()
    # Only the last is to come to its limit: on a busy machine a thread may begin late.
    for source, kind, limit in (
        (signed_out, KeyRefusedError, 30.0),
        (away, UnreachableError, 30.0),
        (lambda: None, KeyRefusedError, 30.0),
        (lambda: never.wait(60) or "x", UnreachableError, 0.2),
    ):
        with pytest.raises(kind) as caught:
            await Credentials(source, time.time, 60.0, limit).ask()  # type: ignore[arg-type]
        assert "secret-detail" not in str(caught.value)
    never.set()


@pytest.mark.parametrize("token", ["", "  ", 7, "ü"])
def test_what_is_no_token(token: Any) -> None:
    with pytest.raises(ConfigError):
        Live("http://127.0.0.1:9", "key", token)


def test_a_token_is_renewed_while_everything_goes_on(
    open_live: OpenLive, issuer: Issuer, make_table: MakeTable
) -> None:
    data = make_table()
    issuer.life = 8  # long enough to get ready in
    live = open_live(token=issuer)
    table = live.table(data.name).ready()
    room = live.channel("renewed").ready()
    issuer.life = 3600
    wire = live._upstream._wire
    states: list[TableState] = []
    table._tap(lambda _: None, lambda status: states.append(status.state))
    eventually(lambda: issuer.asked > 1, "the token was not renewed")
    eventually(lambda: time.time() > issuer.ends[0] + 1)
    data.run("insert into {} values (1, 'a')")
    eventually(lambda: 1 in table)
    room.broadcast("ping", {}).result(15)
    assert live._upstream._wire is wire  # by a message to the channels, not by a new connection
    assert TableState.ERROR not in states
    assert live.status.error is None


def test_after_an_expiry_everything_comes_back(
    open_live: OpenLive, live: Live, issuer: Issuer, make_table: MakeTable, back_from: BackFrom
) -> None:
    data = make_table()
    far = open_live(token=issuer, timings=replace(QUICK, token=0.5, grace=20.0))
    table = far.table(data.name).ready()
    seen: list[Change] = []
    gaps: list[Gap] = []
    hook = far.on("expiry", "*", seen.append, table=data.name).ready()
    hook.on_gap(gaps.append)
    room, other = far.channel("expiry").ready(), live.channel("expiry").ready()
    heard: list[Broadcast] = []
    room.on_broadcast("ping", heard.append)
    users = far.presence("expiry", me={"name": "Ana"})
    eventually(lambda: users.who())
    # All is there; only now a token that ends soon.
    issuer.life = 2
    far.set_access_token(issuer)
    eventually(lambda: issuer.lives[-1] == 2)
    issuer.works = False
    eventually(lambda: not room.joined and not hook.joined, "the token did not expire")
    data.run("insert into {} values (1, 'a')")
    with back_from("token expiry: table, hook, room and presence after a token is to be had again"):
        issuer.life = 3600
        issuer.works = True
        far.retry_now()
        eventually(lambda: 1 in table and table.status.state is TableState.LIVE)
        eventually(lambda: hook.joined and room.joined and gaps)
        data.run("insert into {} values (2, 'a')")
        eventually(lambda: any(change.record["id"] == 2 for change in seen))
        other.broadcast("ping", {"n": 1}).result(15)
        eventually(lambda: heard)
        eventually(lambda: [user.meta["name"] for user in users.who()] == ["Ana"])
        eventually(lambda: far.status.state is ConnectionState.LIVE)
    hook.close()


def test_an_expired_token_is_replaced_by_hand(
    open_live: OpenLive, issuer: Issuer, make_table: MakeTable
) -> None:
    data = make_table()
    live = open_live(token=issuer.sign(3600))
    table = live.table(data.name).ready()
    live.set_access_token(issuer.sign(2))  # only now, since getting ready may take as long
    eventually(lambda: isinstance(table.status.error, KeyRefusedError))
    data.run("insert into {} values (1, 'a')")
    live.set_access_token(issuer.sign(3600))
    eventually(lambda: table.status.state is TableState.LIVE)
    assert 1 in table
    live.set_access_token(lambda: issuer.sign(3600))
    data.run("insert into {} values (2, 'a')")
    eventually(lambda: 2 in table)
    live.set_access_token(None)
    eventually(lambda: live._upstream._wire is not None and live._upstream.credentials.present is None)
    with pytest.raises(ConfigError):
        live.set_access_token("")
