"""Hostile rows in every text position of every component are text or a dash: nothing runs, nothing breaks the page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Browser, expect

import livewidgets as lw

from .components import MADE, ROOM, ROOTS, TALL, Stage, clear, staging

pytestmark = pytest.mark.timeout(240)

RUNS = "window.__pwned = (window.__pwned || 0) + 1; alert(1)"
TEXTS = {
    "image": f'<img src=x onerror="{RUNS}">',
    "script": f"</script><script>{RUNS}</script>",
    "frame": f'"\'><iframe srcdoc="<script>parent.{RUNS}</script>"></iframe>',
    "drawing": f'<svg onload="{RUNS}"><title>{{{{7*7}}}} ${{7*7}}</title></svg>',
    "emoji": "👩‍👩‍👧‍👦🏳️‍🌈 \ufeff\u200b\u2028 Z̸͇̈a̵̛l̶g̷o",
    "backwards": "\u202e\u05e9\u05dc\u05d5\u05dd \u2066\u0645\u0631\u062d\u0628\u0627 <b>",
    "long": "W" * 10_000,
    "words": "long words " * 900,
    "nothing": "",
}
#: Moments far off, and what is no moment.
MOMENTS = ("infinity", "-infinity", "9999-12-31 23:59:59+00", "0001-01-01 00:00:00+00", None)
#: An integer that no JavaScript number holds, and what is no number.
NUMBERS = ("9007199254740993", "NaN", "Infinity", "-Infinity", None)
TITLE = TEXTS["image"]


def titled(line: str) -> str:
    """Give a component a hostile title, where it has one."""
    if "OnlineStatus" in line:
        return line
    if "Dashboard" in line:
        return line.replace("'All of it'", repr(TITLE))
    line = re.sub(r", title='[^']*'", "", line)
    return f"{line[:-1]}, title={TITLE!r})"


def write(db: psycopg.Connection[Any]) -> None:
    """Commit a row of everything with each of the texts in all places of text."""

    def insert(table: str, **row: object) -> Any:
        columns, places = ", ".join(row), ", ".join(["%s"] * len(row))
        query = f"insert into {table} ({columns}) values ({places}) returning id"
        found = db.execute(query, list(row.values())).fetchone()
        return found[0] if found else None

    for text in TEXTS.values():
        campaign = insert("campaigns", name=text, vertical=text)
        publisher = insert("publishers", name=text, sub_id=text)
        buyer = insert("buyers", company_name=text)
        target = insert(
            "targets",
            name=text,
            buyer_id=buyer,
            campaign_id=campaign,
            base_bid="NaN",
            max_bid="NaN",
            daily_cap=1,
        )
        agent = insert("agents", name=text, buyer_id=buyer)
        ids = {"campaign_id": campaign, "publisher_id": publisher, "buyer_id": buyer, "target_id": target}
        said = {"caller_number": text, "caller_key": text, "caller_state": text, "disposition": text}
        for status in (text, "in-progress"):
            call = insert(
                "calls", **ids, **said, agent_id=agent, status=status, status_raw=text, ended_by=text
            )
            db.execute("update calls set ringing_at = now(), connected_at = now() where id = %s", (call,))
        db.execute(
            "update calls set ended_at = now(), status = %s where id = %s", (f"completed {text}", call)
        )
        insert(
            "bids", campaign_id=campaign, target_id=target, buyer_id=buyer, call_id=call, reject_reason=text
        )
        insert("alerts", message=text, rule=text, entity_type=text, severity="critical")
        for status in ("draft", "disputed"):
            insert(
                "payments", buyer_id=buyer, direction="payable", amount="NaN", currency=text, status=status
            )
    for moment in MOMENTS:
        rung = {"queued_at": moment, "ringing_at": moment, "connected_at": moment}
        insert("calls", status="in-progress", **rung, version=2**53 + 1)
        insert("calls", status="ringing", created_at=moment or "now", **rung)
        insert("calls", status="completed", ended_at=moment, revenue="NaN", payout="NaN", telco_cost="NaN")
        insert("alerts", message="far off", created_at=moment or "now", fired_at=moment or "now")
        insert("payments", direction="receivable", amount=1, confirmed_at=moment, created_at=moment or "now")
    for number in NUMBERS:
        insert("alerts", message=f"of {number}", value=number, threshold=number, version=2**53 + 1)
    insert("targets", name="Nothing else", concurrency_cap=2**31 - 1, daily_cap=-1, priority=-(2**31))


@pytest.fixture(scope="module")
def stage(chromium: Browser, sandbox, tmp_path_factory) -> Iterator[Stage]:
    made = {name: titled(line) for name, line in MADE.items()}
    with staging("voila", chromium, sandbox, tmp_path_factory.mktemp("hostile"), made) as stage:
        stage.expect_all("live")
        yield stage
        clear(stage.story.db)
        for table, column in (("targets", "name"), ("agents", "name"), ("buyers", "company_name")):
            names = [*TEXTS.values(), "Nothing else"]
            stage.story.db.execute(f"delete from {table} where {column} = any(%s)", (names,))
        for table in ("campaigns", "publishers"):
            stage.story.db.execute(f"delete from {table} where name = any(%s)", (list(TEXTS.values()),))


def test_hostile_rows_are_text(stage: Stage, sandbox):
    page = stage.page
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    write(stage.story.db)
    others = []
    for text in TEXTS.values():
        other = lw.connect(sandbox.url, sandbox.service_key)
        me = {"name": text[:2_000], "doing": text[:2_000], "color": text[:200], text[:50]: 7}
        others.append((other, other.presence(ROOM, me=me)))
    chapter = stage.story.go_on()
    try:
        # What came last is there, so all has been taken; and each shows the markup as it was written.
        stage.expect_told(chapter, "tracker", "toast", "status")
        # Of so many items of three tables at once the last one committed need not be among the first on top.
        find = stage.root("feed").get_by_role("searchbox")
        find.fill(f"Alert {chapter.number}")
        stage.expect_told(chapter, "feed")
        find.fill("onerror")
        expect(stage.root("feed").locator(".lw-feed-text").first).to_contain_text("<img src=x")
        stage.unfold("users")
        for name in (
            "users",
            "tracker",
            "duration",
            "feed",
            "toast",
            "bidding",
            "chart",
            "metrics",
            "dashboard",
        ):
            expect(stage.place(name)).to_contain_text("<img src=x")
        expect(stage.place("users")).to_contain_text("<svg onload")
        expect(stage.place("figure")).to_contain_text("<img src=x")
        for width in (320, 1280):
            page.set_viewport_size({"width": width, "height": TALL["height"]})
            stage.expect_all("live")
            wide = page.evaluate(WIDER)
            assert wide == [], f"at {width} px"
            assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth"), width
        shown = "\n".join(stage.root(name).inner_text() for name in ROOTS)
        for broken in ("NaN", "Infinity", "undefined", "[object", "Invalid Date"):
            assert broken not in shown.replace("of NaN", "").replace("of Infinity", "").replace(
                "of -Infinity", ""
            ), broken
        found = page.evaluate(
            "() => document.querySelectorAll(\"img[src='x'], [onerror], [onload], iframe\").length"
        )
        assert found == 0
        assert page.evaluate("() => window.__pwned") is None
        assert dialogs == []
        assert stage.errors == []
    finally:
        for other, _ in others:
            other.close()


#: Our parts that reach beyond the page's edge and are cut off by nothing.
WIDER = """() => [...document.querySelectorAll('.lw, .lw-toasts')]
    .filter((root) => root.getBoundingClientRect().right > window.innerWidth + 1)
    .map((root) => `${root.className}: ${root.getBoundingClientRect().right}`)"""
