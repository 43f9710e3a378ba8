"""NotificationToast: what the page is told, what it may ask for, and what is left when it is closed."""

from __future__ import annotations

import json
import logging
from types import SimpleNamespace

import ipywidgets
import pytest
from traitlets import TraitError

from livewidgets.core.connection import ConnectionState
from livewidgets.core.mutation import MutationState
from livewidgets.errors import ClosedError
from livewidgets.live.client import Live
from livewidgets.live.notification import NotificationState
from livewidgets.live.notifications import MOST_KEPT
from livewidgets.live.table import TableState
from livewidgets.testing import wait_until
from livewidgets.widgets.hub import hub
from livewidgets.widgets.notification_toast import NotificationToast, ToastSource
from livewidgets.widgets.notification_toast_rows import COLUMNS
from tests.widgets.conftest import MemoryLive
from tests.widgets.hub_page import HubPage


class Here:
    """The I/O thread of a test: the one that it runs on."""

    def is_current(self):
        return True

    def call(self, function, *args):
        function(*args)


class ToastLive(MemoryLive):
    """A connection in memory that can tell the user something."""

    def __init__(self, wall):
        super().__init__()
        self._notifications = None
        self.inside = SimpleNamespace(
            wall=wall,
            thread=Here(),
            kept=set(),
            credentials=SimpleNamespace(present=None),
            write_listeners=[],
        )

    _upstream = property(lambda self: self.inside)

    def _check_open(self):
        pass


@pytest.fixture
def toasts(bench):
    """A source of notifications on a bench, without a widget."""
    bench.live = ToastLive(bench.wall)
    bench.source = ToastSource(bench.live, None, masked=True)
    bench.exchange.register("toasts", bench.source)
    bench.show("toasts")
    bench.loop.run(0.2)
    return bench


def rows(bench):
    bench.loop.run(0.2)
    return bench.pages[0].feeds["toasts"].rows


def meta(bench):
    bench.loop.run(0.2)
    return bench.pages[0].feeds["toasts"].meta


def ask(bench, name, *ids, number="1"):
    content = {"t": "cmd", "client": "page-0", "id": number, "feed": "toasts", "name": name}
    bench.exchange.hear({**content, "args": {"ids": list(ids)}})
    bench.loop.run(0.2)
    return bench.answers[-1]


def test_what_is_told_reaches_the_page_whole(toasts):
    one = toasts.live.notify(
        "Payment confirmed",
        type="success",
        title="Payments",
        group="{count} payments confirmed",
        action=("Look", "look"),
        key="+15551234567",
    )
    row = rows(toasts)[one.id]
    at = round(one.created * 1000)
    assert row == {
        "text": "Payment confirmed",
        "title": "Payments",
        "type": "success",
        "state": "shown",
        "created": at,
        "changed": at,
        "duration": 5000,
        "group": "{count} payments confirmed",
        "count": 1,
        "action": "Look",
        "acknowledge": None,
        "problem": None,
        "source": None,
        "quiet": False,
    }
    assert tuple(row) == COLUMNS
    assert meta(toasts) == {
        "state": "live",
        "since": meta(toasts)["since"],
        "rows": 1,
        "partial": False,
        "version": 0,
        "masked": True,
        "connection": toasts.live.notifications.id,
    }


def test_a_promise_becomes_what_came_of_it_in_its_row(toasts):
    one = toasts.live.notify("Saving", pending=True, duration=None)
    assert rows(toasts)[one.id]["state"] == "pending"
    one.done("Saved")
    row = rows(toasts)[one.id]
    assert (row["state"], row["type"], row["text"], row["duration"]) == ("shown", "success", "Saved", 5000)


def test_texts_are_masked_unless_the_user_says_otherwise(toasts):
    words = "Call +15551234567 or ana@example.org"
    one = toasts.live.notify(words, title=words, group=words, action=words)
    sent = json.dumps(rows(toasts)[one.id], ensure_ascii=False)
    assert "5551234567" not in sent
    assert "ana@" not in sent
    assert "•••" in rows(toasts)[one.id]["text"]
    toasts.exchange.register("toasts", ToastSource(toasts.live, None, masked=False))
    assert rows(toasts)[one.id]["text"] == words
    assert meta(toasts)["masked"] is False


def test_the_page_dismisses_one_or_all(toasts):
    first, second, third = (toasts.live.notify(f"n{number}") for number in range(3))
    assert ask(toasts, "dismiss", first.id, "unknown")["ok"]
    assert [one.state for one in (first, second)] == [NotificationState.DISMISSED, NotificationState.SHOWN]
    assert rows(toasts)[first.id]["state"] == "dismissed"
    assert ask(toasts, "clear", number="2")["ok"]
    assert {row["state"] for row in rows(toasts).values()} == {"dismissed"}
    assert not third.is_open


def test_a_press_of_a_button_is_told_once(toasts):
    pressed = []
    one = toasts.live.notify("Disputed", duration=None, action=("Look", "look"))
    answer = ask(toasts, "act", one.id)
    assert answer["ok"] is False
    assert "Nobody listens" in answer["error"]["message"]
    toasts.live.notifications.buttons._takers.append(pressed.append)
    assert ask(toasts, "act", one.id, number="2")["ok"]
    assert ask(toasts, "act", one.id, number="3")["ok"]
    assert [action.name for action in pressed] == ["look"]
    assert rows(toasts)[one.id]["state"] == "dismissed"


@pytest.mark.parametrize(
    ("name", "args", "words"),
    [
        ("explode", {"ids": ["n1"]}, "no command"),
        ("dismiss", None, "needs the ids"),
        ("dismiss", {"ids": "n1"}, "needs the ids"),
        ("acknowledge", {"ids": ["gone"]}, "not there any more"),
        ("acknowledge", {"ids": ["n1"]}, "does not tell of a row"),
    ],
)
def test_what_the_page_may_not_ask_for(toasts, name, args, words):
    toasts.live.notify("x")
    toasts.exchange.hear(
        {"t": "cmd", "client": "page-0", "id": "9", "feed": "toasts", "name": name, "args": args}
    )
    toasts.loop.run(0.2)
    assert toasts.answers[-1]["ok"] is False
    assert words in toasts.answers[-1]["error"]["message"]


def test_the_list_is_bounded_in_the_page_too(toasts):
    for number in range(MOST_KEPT + 30):
        toasts.live.notify(f"n{number}")
    shown = rows(toasts)
    assert len(shown) == MOST_KEPT
    assert {row["text"] for row in shown.values()} == {f"n{number}" for number in range(30, MOST_KEPT + 30)}


def test_only_what_changed_is_written_again(toasts, monkeypatch):
    for number in range(50):
        toasts.live.notify(f"Told {number}")
    assert len(rows(toasts)) == 50
    written = []
    cells = toasts.source._cells
    monkeypatch.setattr(toasts.source, "_cells", lambda one: written.append(one.text) or cells(one))
    toasts.loop.run(5)  # beats, each with a description
    assert written == []
    toasts.live.notify("One more")
    toasts.loop.run(5)
    assert written == ["One more"]


def test_nothing_is_followed_while_nobody_looks_and_nothing_is_lost(toasts):
    toasts.show()
    toasts.loop.run(0.2)
    assert toasts.live.notifications._taps == []
    sent = len(toasts.messages)
    one = toasts.live.notify("Unseen")
    toasts.loop.run(0.05)
    assert len(toasts.messages) == sent
    toasts.show("toasts")
    assert rows(toasts)[one.id]["text"] == "Unseen"


def test_a_closed_connection_is_said(toasts):
    toasts.live.turn(state=ConnectionState.CLOSED)
    toasts.loop.run(6)
    assert meta(toasts)["state"] == "closed"


def test_what_the_widget_takes(comms):
    live = ToastLive(lambda: 1.0)
    with pytest.raises(TypeError, match="takes a Live"):
        NotificationToast("live")
    with pytest.raises(TypeError, match="alerts"):
        NotificationToast(live, alerts="alerts")
    with pytest.raises(TypeError, match="Did you mean 'corner'"):
        NotificationToast(live, corners="top-left")
    for wrong in ({"corner": "middle"}, {"most": 0}, {"duration": -1.0}, {"last": 1000}):
        with pytest.raises(TraitError):
            NotificationToast(live, **wrong)
    assert live.inside.kept == set()
    toast = NotificationToast(live, corner="top-left", most=2, duration=10.0, history=False)
    assert live.inside.write_listeners
    toast.set_state({"corner": "bottom-left", "read_until": 12.5})
    assert (toast.corner, toast.read_until) == ("top-left", 12.5)
    assert repr(toast) == "<NotificationToast>"
    live.notify("Call +15551234567")
    saved = json.dumps(ipywidgets.Widget.get_manager_state(), default=str)
    assert "Call" not in saved
    toast.close()
    toast.close()
    assert live.inside.write_listeners == []
    assert live.inside.kept == set()


# Over the real backend


class AskingPage(HubPage):
    """A page that asks for something, and waits for what comes of it."""

    def ask(self, feed, name, *ids):
        number = str(len(self.answers) + 1)
        content = {"t": "cmd", "client": self.client, "id": number, "feed": feed, "name": name}
        self.line._handle_custom_msg({**content, "args": {"ids": list(ids)}}, [])
        return wait_until(
            lambda: next((one for one in self.look().answers if one["id"] == number), None), 10, "an answer"
        )

    def told(self, feed, text):
        return next((key for key, row in self.rows(feed).items() if row["text"] == text), None)


@pytest.fixture
def alerts(sandbox_db):
    sandbox_db.execute("delete from alerts")
    yield lambda text, severity="critical": str(
        sandbox_db.execute(
            "insert into alerts (message, severity) values (%s, %s) returning id", [text, severity]
        ).fetchone()[0]
    )
    sandbox_db.execute("delete from alerts")


def test_a_manager_acknowledges_an_alert_and_another_sees_it_go(sandbox, sandbox_db, alerts, comms):
    alerts("Stood before", "warning")
    with (
        Live(sandbox.url, sandbox.anon_key, sandbox.manager_token) as live,
        Live(sandbox.url, sandbox.anon_key, sandbox.manager_token) as other,
    ):
        mine, theirs = NotificationToast(live, alerts=True), NotificationToast(other, alerts=True)
        page = AskingPage(hub(), comms)
        page.open(mine.feed, theirs.feed)
        for feed in (mine.feed, theirs.feed):
            old = wait_until(lambda feed=feed: page.told(feed, "Stood before"), 20, "the old alert")
            assert page.rows(feed)[old]["quiet"] is True
            assert page.rows(feed)[old]["acknowledge"] == "open"
        key = alerts("Cap reached")
        name = wait_until(lambda: page.told(mine.feed, "Cap reached"), 10, "the alert")
        wait_until(lambda: page.told(theirs.feed, "Cap reached"), 10, "the alert at the other's")
        row = page.rows(mine.feed)[name]
        assert (row["type"], row["quiet"], row["duration"], row["acknowledge"]) == (
            "error",
            False,
            None,
            "open",
        )
        # A double click.
        assert page.ask(mine.feed, "acknowledge", name)["ok"]
        page.ask(mine.feed, "acknowledge", name)
        wait_until(lambda: page.rows(mine.feed)[name]["acknowledge"] == "synced", 10, "the write to be seen")
        assert page.rows(mine.feed)[name]["state"] == "acknowledged"
        found = sandbox_db.execute(
            "select acknowledged_at is not null, acknowledged_by, version from alerts where id = %s", [key]
        ).fetchone()
        assert found == (True, "manager@sandbox.test", 2)
        wait_until(
            lambda: page.rows(theirs.feed)[page.told(theirs.feed, "Cap reached")]["state"] == "dismissed",
            10,
            "the other's to go",
        )
        assert page.refused == 0
        mine.close()
        theirs.close()


def test_an_alert_that_may_not_be_acknowledged_comes_back_with_the_reason_and_is_told_once(
    sandbox, sandbox_db, alerts, comms
):
    sandbox_db.execute("alter table alerts add constraint nobody check (acknowledged_at is null)")
    try:
        with Live(sandbox.url, sandbox.anon_key, sandbox.manager_token) as live:
            toast = NotificationToast(live, alerts=True)
            page = AskingPage(hub(), comms)
            page.open(toast.feed)
            wait_until(lambda: page.meta(toast.feed).get("state") == "live", 20, "the alerts")
            alerts("Cap reached")
            name = wait_until(lambda: page.told(toast.feed, "Cap reached"), 10, "the alert")
            assert page.ask(toast.feed, "acknowledge", name)["ok"]
            problem = wait_until(lambda: page.rows(toast.feed)[name]["problem"], 10, "the reason")
            assert "nobody" in problem
            assert page.rows(toast.feed)[name]["state"] == "shown"
            assert page.rows(toast.feed)[name]["acknowledge"] == "open"
            assert len(page.rows(toast.feed)) == 1
            toast.close()
    finally:
        sandbox_db.execute("alter table alerts drop constraint nobody")


def test_the_public_may_look_and_not_acknowledge(sandbox, sandbox_db, alerts, comms):
    sandbox_db.execute("grant select on alerts to anon")
    sandbox_db.execute("create policy for_all on alerts for select to anon using (true)")
    try:
        with Live(sandbox.url, sandbox.anon_key) as public:
            toast = NotificationToast(public, alerts=True)
            page = AskingPage(hub(), comms)
            page.open(toast.feed)
            wait_until(lambda: page.meta(toast.feed).get("state") == "live", 20, "the alerts")
            key = alerts("Cap reached")
            name = wait_until(lambda: page.told(toast.feed, "Cap reached"), 10, "the alert")
            assert page.rows(toast.feed)[name]["acknowledge"] == "denied"
            assert "may not write 'alerts'" in page.rows(toast.feed)[name]["problem"]
            answer = page.ask(toast.feed, "acknowledge", name)
            wait_until(lambda: page.rows(toast.feed)[name]["state"] == "shown", 10, "it to be back")
            assert answer["ok"] or answer["error"]["kind"] == "NoRightsError"
            assert sandbox_db.execute(
                "select acknowledged_at from alerts where id = %s", [key]
            ).fetchone() == (None,)
            toast.close()
    finally:
        sandbox_db.execute("drop policy for_all on alerts")
        sandbox_db.execute("revoke select on alerts from anon")


def test_alerts_that_may_not_be_read_are_said_and_stop_no_toast(sandbox, comms):
    with Live(sandbox.url, sandbox.anon_key) as public:
        toast = NotificationToast(public, alerts=True)
        page = AskingPage(hub(), comms)
        page.open(toast.feed)
        error = wait_until(lambda: page.meta(toast.feed).get("error"), 20, "the refusal")
        assert error["kind"] == "NoRightsError"
        public.notify("Still told")
        wait_until(lambda: page.told(toast.feed, "Still told"), 10, "the toast")
        toast.close()


def test_a_failed_write_is_told_with_its_reason(sandbox, sandbox_db, comms, caplog):
    [target] = sandbox_db.execute(
        "insert into targets (name, status) values ('Northwind', 'active') returning id"
    ).fetchone()
    with Live(sandbox.url, sandbox.anon_key, sandbox.manager_token) as live, caplog.at_level(logging.DEBUG):
        targets = live.table("targets").ready()
        first, second = NotificationToast(live), NotificationToast(live)
        page = AskingPage(hub(), comms)
        page.open(first.feed, second.feed)
        mutation = targets.update(str(target), {"status": "unheard of"})
        wait_until(lambda: mutation.state is MutationState.REJECTED, 10, "the refusal")
        for feed in (first.feed, second.feed):
            row = wait_until(lambda feed=feed: next(iter(page.rows(feed).values()), None), 10, "the toast")
            assert (row["type"], row["title"], row["count"]) == ("error", "A change was not saved", 1)
            assert "targets" in row["text"]
            assert "unheard of" not in row["text"] + caplog.text
        first.close()
        second.close()
        targets.close()
    sandbox_db.execute("delete from targets where id = %s", [target])


def test_alerts_are_followed_only_while_somebody_looks(sandbox, alerts, comms):
    with Live(sandbox.url, sandbox.anon_key, sandbox.manager_token) as live:
        toast = NotificationToast(live, alerts=True)
        toast._toasts._leases["alerts"]._warm = 0.0
        assert live.tables == ()
        page = AskingPage(hub(), comms)
        page.open(toast.feed)
        wait_until(lambda: page.meta(toast.feed).get("state") == "live", 20, "the alerts")
        page.open()
        wait_until(lambda: live.tables == (), 10, "the table to be left")
        alerts("Meanwhile")
        page.open(toast.feed)
        name = wait_until(lambda: page.told(toast.feed, "Meanwhile"), 20, "what came meanwhile")
        assert page.rows(toast.feed)[name]["quiet"] is False
        toast.close()
        wait_until(lambda: live.tables == (), 10, "the table to be left for good")
        live.close()
        with pytest.raises(ClosedError):
            NotificationToast(live, alerts=True)


def test_a_table_of_ones_own_stays_open(sandbox, alerts, comms):
    with Live(sandbox.url, sandbox.anon_key, sandbox.manager_token) as live:
        table = live.table("alerts").ready()
        toast = NotificationToast(live, alerts=table)
        page = AskingPage(hub(), comms)
        page.open(toast.feed)
        alerts("Cap reached")
        name = wait_until(lambda: page.told(toast.feed, "Cap reached"), 20, "the alert")
        assert page.ask(toast.feed, "acknowledge", name)["ok"]
        wait_until(lambda: page.rows(toast.feed)[name]["acknowledge"] == "synced", 10, "the write")
        toast.close()
        assert table.status.state is TableState.LIVE
        table.close()
