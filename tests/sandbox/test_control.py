"""The traffic of a running sandbox, controlled over HTTP and through the launcher."""

from __future__ import annotations

import json

import httpx
import psycopg
import pytest
from websockets.sync.client import connect

from livewidgets.errors import SandboxError
from livewidgets.sandbox.instance import SandboxInfo
from livewidgets.sandbox.launcher import clients, pause, play, resume
from tests.sandbox.cluster import wait_until
from tests.sandbox.processes import run, sandbox


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    data = tmp_path_factory.mktemp("busy") / "data"
    with sandbox(data, "--speed", "100", "--scenario", "bid_war") as (_, info):
        yield info


def post(info: SandboxInfo, body: bytes, key: str) -> httpx.Response:
    return httpx.post(
        f"{info.url}/sandbox/v1/traffic", content=body, headers={"apikey": key}, trust_env=False, timeout=30
    )


def test_it_is_paused_resumed_and_played_otherwise(busy):
    with psycopg.connect(busy.dsn, autocommit=True) as db:
        assert play(busy) == {"state": "playing", "speed": 100.0, "scenario": "bid_war"}
        wait_until(lambda: db.execute("select from calls having count(*) > 100").rowcount)
        assert pause(busy)["state"] == "paused"
        count = "select count(*), sum(version) from calls"
        before = db.execute(count).fetchone()
        assert play(busy, speed=500, scenario="rush") == {
            "state": "paused",
            "speed": 500,
            "scenario": "rush",
        }
        assert db.execute(count).fetchone() == before
        assert resume(busy)["state"] == "playing"
        wait_until(lambda: db.execute(count).fetchone()[0] > before[0] + 100)
        play(busy, speed=1)  # the tests that follow want answers, and no load


def test_only_the_service_key_controls_it(busy):
    for key in ("", "nonsense", busy.anon_key, busy.manager_token):
        assert post(busy, b'{"state": "paused"}', key).status_code == 401
    bearer = {"authorization": f"Bearer {busy.service_key}"}
    answer = httpx.get(f"{busy.url}/sandbox/v1/traffic", headers=bearer, trust_env=False, timeout=30)
    assert answer.json()["state"] == "playing"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"seed": 1}',
        b'{"speed": -1}',
        b'{"state": null}',
        b'{"scenario": []}',
        b'{"speed": "' + b"9" * 5000 + b'"}',
    ],
)
def test_what_cannot_be_played_is_said(busy, body):
    answer = post(busy, body, busy.service_key)
    assert answer.status_code == 400
    assert answer.json()["message"]


def test_the_launcher_says_why_not(busy):
    with pytest.raises(SandboxError, match="normal, rush, outage, bid_war"):
        play(busy, scenario="calm")
    with pytest.raises(SandboxError, match="does not answer"):
        pause(SandboxInfo("http://127.0.0.1:1", "", "", "", "", 1, 1, busy.data))


def test_a_scenario_that_is_not_there_is_one_line(tmp_path):
    failed = run("--data", str(tmp_path), "--scenario", "calm")
    assert failed.returncode == 1
    assert failed.stderr.startswith("Error: There is no scenario 'calm'.")


def test_without_traffic_it_waits_to_be_let_in(tmp_path):
    with sandbox(tmp_path / "data", "--no-traffic") as (_, info), psycopg.connect(info.dsn) as db:
        assert play(info)["state"] == "paused"
        db.autocommit = True
        assert db.execute("select from calls").rowcount == 0
        resume(info)
        wait_until(lambda: db.execute("select from calls").rowcount > 10)


def test_who_is_connected_is_counted(busy):
    none = {"sockets": 0, "channels": 0, "subscriptions": 0}
    assert clients(busy) == none
    address = f"{busy.url.replace('http', 'ws')}/realtime/v1/websocket?apikey={busy.anon_key}&vsn=1.0.0"
    with connect(address, proxy=None) as first, connect(address, proxy=None) as second:
        for socket, bound in ((first, [{"event": "*", "schema": "public", "table": "calls"}]), (second, [])):
            config = {"postgres_changes": bound}
            join = {"topic": "realtime:here", "event": "phx_join", "ref": "1", "join_ref": "1"}
            socket.send(json.dumps({**join, "payload": {"config": config}}))
        wait_until(lambda: clients(busy) == {"sockets": 2, "channels": 2, "subscriptions": 1})
        second.send(json.dumps({"topic": "realtime:here", "event": "phx_leave", "ref": "2", "payload": {}}))
        wait_until(lambda: clients(busy) == {"sockets": 2, "channels": 1, "subscriptions": 1})
    wait_until(lambda: clients(busy) == none)


def test_only_the_service_key_counts_who_is_connected(busy):
    for key in ("", busy.anon_key, busy.manager_token):
        answer = httpx.get(
            f"{busy.url}/sandbox/v1/clients", headers={"apikey": key}, trust_env=False, timeout=30
        )
        assert answer.status_code == 401
