"""From a database commit to a pixel, in real JupyterLab and real Voila."""

from __future__ import annotations

import re
import time
import uuid
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Locator, Page, expect

from livewidgets.testing import wait_until

from .hosts import expect_live, showing
from .watching import PROMPT, Watch

#: How long a call has lasted, or rings.
CLOCK = re.compile(r"^\d+:\d\d$")
HOSTS = pytest.mark.parametrize("host", ["lab", "voila"])


@pytest.fixture
def calls(sandbox_db: psycopg.Connection):
    """The database with no calls in it, before and after."""
    sandbox_db.execute("delete from calls")
    yield sandbox_db
    sandbox_db.execute("delete from calls")


def insert(db: psycopg.Connection, status: str = "ringing", number: str = "+15550104321") -> str:
    key = str(uuid.uuid4())
    db.execute(
        "insert into calls (id, status, caller_number, queued_at, ringing_at) values (%s, %s, %s, now(), now())",
        (key, status, number),
    )
    return key


def row(page: Page, key: str) -> Locator:
    return page.locator(f".lw-call-tracker [data-key='{key}']")


def chip(page: Page, key: str) -> Locator:
    return row(page, key).locator(".lw-chip-label")


@HOSTS
@pytest.mark.timeout(180)
def test_a_commit_shows(host: str, page: Page, calls, sandbox, tmp_path: Path):
    before = insert(calls)
    with showing(host, page, tmp_path, {"SUPABASE_URL": sandbox.url, "SUPABASE_KEY": sandbox.service_key}):
        expect(chip(page, before)).to_have_text("Ringing")
        after = insert(calls)
        expect(chip(page, after)).to_have_text("Ringing")
        expect(row(page, after)).to_contain_text("4321")
        assert "5550104321" not in page.content()
        calls.execute("update calls set status = 'in-progress', connected_at = now() where id = %s", (after,))
        expect(chip(page, after)).to_have_text("In progress")
        ticks = row(page, after).locator(".lw-duration")
        expect(ticks).to_have_text(CLOCK)
        expect(ticks).not_to_have_text(ticks.inner_text())
        calls.execute("delete from calls where id = %s", (after,))
        expect(row(page, after)).to_have_count(0)
        expect(chip(page, before)).to_have_text("Ringing")


@HOSTS
@pytest.mark.timeout(240)
def test_a_cut_of_30_seconds_is_told_and_mended(
    host: str, page: Page, calls, sandbox, fault_proxy, tmp_path: Path
):
    keys = [insert(calls) for _ in range(5)]
    env = {"SUPABASE_URL": fault_proxy.url, "SUPABASE_KEY": sandbox.service_key}
    with showing(host, page, tmp_path, env):
        for key in keys:
            expect(chip(page, key)).to_have_text("Ringing")
        tracker = page.locator(".lw-call-tracker")
        watch = Watch.on(page)
        began = time.time()
        fault_proxy.cut()
        cut_at = time.time()
        watch.says("stale", since=began, within=PROMPT + (cut_at - began))
        expect(tracker.locator(".lw-banner")).to_contain_text("Stale")
        expect(page.locator(".lw-online-status")).not_to_contain_text("Live")
        calls.execute(
            "update calls set status = 'in-progress', connected_at = now() where id = %s", (keys[0],)
        )
        calls.execute(
            "update calls set status = 'completed', connected_at = now(), ended_at = now() where id = %s",
            (keys[1],),
        )
        calls.execute("delete from calls where id = %s", (keys[2],))
        new = insert(calls)
        calls.execute("update calls set status = 'no-answer', ended_at = now() where id = %s", (keys[3],))
        wait_until(lambda: time.time() >= cut_at + 30, 40, "the cut to last")
        expect(tracker).to_have_attribute("data-state", "stale")
        expect(chip(page, keys[0])).to_have_text("Ringing")  # what was known stays readable
        fault_proxy.restore()
        expect_live(page)
        expect(chip(page, keys[0])).to_have_text("In progress")
        expect(chip(page, keys[1])).to_have_text("Completed")
        expect(row(page, keys[2])).to_have_count(0)
        expect(chip(page, keys[3])).to_have_text("No answer")
        expect(chip(page, keys[4])).to_have_text("Ringing")
        expect(chip(page, new)).to_have_text("Ringing")


@HOSTS
@pytest.mark.timeout(180)
def test_updates_keep_coming_while_a_cell_runs(host: str, page: Page, calls, sandbox, tmp_path: Path):
    env = {"SUPABASE_URL": sandbox.url, "SUPABASE_KEY": sandbox.service_key}
    with showing(host, page, tmp_path, env) as shown:
        shown.block()
        tracker = page.locator(".lw-call-tracker")
        expect(tracker).to_have_attribute("data-state", "busy")
        # Far more messages than the credit of two: each change must show before the next is made.
        for _ in range(6):
            key = insert(calls)
            expect(chip(page, key)).to_have_text("Ringing")
            calls.execute(
                "update calls set status = 'in-progress', connected_at = now() where id = %s", (key,)
            )
            expect(chip(page, key)).to_have_text("In progress")
        expect(tracker).to_have_attribute("data-state", "busy")
        shown.release()
        expect(tracker).to_have_attribute("data-state", "live")
        expect(page.locator(".lw-aside")).to_have_text("6 live")


@HOSTS
@pytest.mark.timeout(240)
def test_20_000_changes_end_right(
    host: str, page: Page, calls, sandbox, tmp_path: Path, record_property, capsys
):
    rows, changes = 2_000, 20_000
    sizes: list[int] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: count(sizes, frame)))
    env = {"SUPABASE_URL": sandbox.url, "SUPABASE_KEY": sandbox.service_key}
    with showing(host, page, tmp_path, env):
        del sizes[:]
        started = time.monotonic()
        with calls.transaction():
            calls.execute(
                "insert into calls (status, caller_number, queued_at) "
                "select 'queued', '+1555010' || lpad(n::text, 4, '0'), now() from generate_series(0, %s) n",
                (rows - 1,),
            )
        keys = [key for (key,) in calls.execute("select id from calls order by caller_number").fetchall()]
        with calls.pipeline():
            for number in range(changes - rows):
                status = "ringing" if number % 3 else "in-progress"
                calls.execute("update calls set status = %s where id = %s", (status, keys[number % rows]))
        committed = time.monotonic()
        wanted = {
            status: f"{number:,}"
            for status, number in calls.execute(
                "select status, count(*) from calls group by status"
            ).fetchall()
        }
        chips = page.locator(".lw-filters")
        wait_until(
            lambda: (
                all(label_count(chips, label) == wanted.get(status) for status, label in LABELS.items())
                and page.locator(".lw-aside").inner_text() == f"{rows:,} live"
            ),
            120,
            f"the page to count {wanted}",
        )
        took = time.monotonic() - started
        told = (
            f"{host}: {changes:,} changes committed in {committed - started:.1f} s, right on the page after "
            f"{took:.1f} s, {len(sizes)} messages, {sum(sizes) / 1e6:.1f} MB"
        )
        record_property("messages", len(sizes))
        with capsys.disabled():
            print(f"\n{told}")
        # 20 ticks a second and a beat every two seconds are the bound, however many changes there were.
        assert len(sizes) <= 21 * took + 20, told
        # The replica says the same, to the last row.
        for index in (0, 1, rows - 1):
            (status,) = calls.execute("select status from calls where id = %s", (keys[index],)).fetchone()
            page.get_by_role("searchbox", name="Find a call").fill(str(keys[index]))
            expect(chip(page, str(keys[index]))).to_have_text(LABELS[status])


LABELS = {"ringing": "Ringing", "in-progress": "In progress"}


def label_count(chips: Locator, label: str) -> str | None:
    button = chips.locator("button", has=chips.page.get_by_text(label, exact=True))
    return button.locator(".lw-filter-count").inner_text() if button.count() else None


def count(sizes: list[int], frame: str | bytes) -> None:
    data = frame if isinstance(frame, bytes) else frame.encode()
    if b'"tick"' in data:
        sizes.append(len(data))
