"""What the user is told: once each, bounded, from code, from promises and from rows."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from livewidgets.errors import ClosedError, CommandError
from livewidgets.live import notifications as module
from livewidgets.live.client import Live
from livewidgets.live.notification import Notification, NotificationState
from livewidgets.live.table import LiveTable
from livewidgets.sandbox.faults import FaultProxy
from tests.live.conftest import Table, eventually

MakeTable = Callable[..., Table]
OpenLive = Callable[..., Live]

ALERTS = (
    "id bigint primary key, message text, severity text, rule text, acknowledged_at timestamptz,"
    " acknowledged_by text, version bigint default 1"
)


@pytest.fixture
def proxy(sandbox: Any) -> Iterator[FaultProxy]:
    with FaultProxy.running(sandbox.url) as running:
        yield running


def texts(live: Live) -> list[str]:
    return [one.text for one in live.notifications.open()]


def test_a_notification_is_told_and_dismissed(live: Live) -> None:
    new: list[Notification] = []
    told: list[NotificationState] = []
    live.notifications.on_new(new.append)
    live.notifications._tap(lambda one: told.append(one.state))
    one = live.notify("Payment confirmed", type="success", duration=5, title="Payments")
    eventually(lambda: new == [one])
    assert (one.text, one.type, one.duration, one.title, one.count) == (
        "Payment confirmed",
        "success",
        5,
        "Payments",
        1,
    )
    one.update("Payment of 3 USD confirmed", type="warning")
    one.dismiss()
    one.dismiss()
    eventually(lambda: told == ["shown", "shown", "dismissed"] or len(told) == 3)
    assert one.state is NotificationState.DISMISSED
    assert live.notifications.open() == []
    assert live.notifications.all() == [one]
    assert "Payment" not in repr(one)


def test_those_of_one_key_are_counted(live: Live) -> None:
    new: list[Notification] = []
    live.notifications.on_new(new.append)
    first = live.notify("1 missed call", key="missed", group="calls")
    assert live.notify("2 missed calls", key="missed", group="calls") is first
    assert (first.text, first.count) == ("2 missed calls", 2)
    first.dismiss()
    second = live.notify("1 missed call", key="missed")
    assert second is not first
    eventually(lambda: new == [first, second])


def test_the_list_is_bounded(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KEPT", 5)
    ended = live.notify("ended")
    kept = [live.notify(str(number)) for number in range(4)]
    ended.dismiss()
    live.notify("4")
    assert texts(live) == ["0", "1", "2", "3", "4"]
    live.notify("5")
    assert texts(live) == ["1", "2", "3", "4", "5"]
    assert kept[0].is_open  # forgotten, not dismissed
    live.notifications.clear()
    assert texts(live) == []
    assert len(live.notifications) == 5


async def test_promises(live: Live) -> None:
    good: concurrent.futures.Future[int] = concurrent.futures.Future()
    bad = asyncio.get_running_loop().create_future()
    left: concurrent.futures.Future[int] = concurrent.futures.Future()
    promise = live.notifications.promise
    first = promise(good, pending="Saving", done=lambda n: f"Saved {n}")
    second = promise(bad, pending="Saving", failed="Not saved")
    third = promise(left, pending="Saving")

    async def work() -> None:
        await asyncio.sleep(0)

    fourth = promise(work(), pending="Working", done=lambda _: 1 / 0)  # type: ignore[arg-type, return-value]
    assert {one.state for one in (first, second, third, fourth)} == {NotificationState.PENDING}
    assert first.duration is None
    good.set_result(3)
    bad.set_exception(OSError())
    left.cancel()
    await asyncio.to_thread(eventually, lambda: NotificationState.PENDING not in (second.state, fourth.state))
    assert (first.text, first.type, first.duration) == ("Saved 3", "success", 5.0)
    assert (second.text, second.type, second.duration) == ("Not saved", "error", None)
    assert third.state is NotificationState.DISMISSED
    assert fourth.type == "error"
    first.done("again")
    assert first.text == "Saved 3"


def test_bad_notifications(live: Live) -> None:
    for call in (
        lambda: live.notify(""),
        lambda: live.notify("x", type="fatal"),
        lambda: live.notify("x", duration=0),
        lambda: live.notify("x", duration="5"),  # type: ignore[arg-type]
        lambda: live.notify("x").update(type="fatal"),
        lambda: live.notifications.acknowledge(live.notify("x")),
    ):
        with pytest.raises(CommandError):
            call()


def test_a_listener_that_raises_stops_nothing(live: Live, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[Notification] = []

    def fail(_: Notification) -> None:
        raise ZeroDivisionError

    live.notifications._tap(fail)
    live.notifications.on_new(fail)
    with live.notifications.on_change(seen.append):
        live.notify("x")
        live.notify("y")
        eventually(lambda: len(seen) == 2)
    assert "A listener of the notifications failed" in caplog.text


def test_new_rows_are_told(live: Live, make_table: MakeTable) -> None:
    data = make_table(ALERTS)
    data.run("insert into {} values (1, 'old', 'info')")
    alerts = live.notifications.from_table(data.name)
    alerts.table.ready()
    data.run("update {} set message = 'old, changed' where id = 1")
    data.run("insert into {} values (2, 'Cap reached', 'critical'), (3, 'Slow', 'warning'), (4, 'Odd', 'x')")
    eventually(lambda: len(live.notifications.open()) == 3)
    assert {one.text: one.type for one in live.notifications.open()} == {
        "Cap reached": "error",
        "Slow": "warning",
        "Odd": "info",
    }
    assert {one.group for one in live.notifications.open()} == {data.name}
    data.run("update {} set message = 'Cap reached twice' where id = 2")
    eventually(lambda: "Cap reached twice" in texts(live))
    data.run("update {} set acknowledged_at = now() where id = 2")
    data.run("delete from {} where id = 3")
    eventually(lambda: texts(live) == ["Odd"])
    alerts.close()
    data.run("insert into {} values (5, 'unheard', 'info')")
    eventually(lambda: not live._upstream._followers)
    assert texts(live) == ["Odd"]


def test_rows_from_an_outage_are_told_too(
    open_live: OpenLive, proxy: FaultProxy, make_table: MakeTable
) -> None:
    data = make_table(ALERTS)
    live = open_live(url=proxy.url)
    with live.notifications.from_table(data.name, text="{rule}: {message}") as alerts:
        alerts.table.ready()
        proxy.cut()
        data.run("insert into {} values (1, 'reached', 'warning', 'cap')")
        proxy.restore()
        live.retry_now()
        eventually(lambda: texts(live) == ["cap: reached"])


def test_an_alert_is_acknowledged(live: Live, make_table: MakeTable) -> None:
    data = make_table(ALERTS)
    alerts = live.notifications.from_table(data.name)
    alerts.table.ready()
    data.run("insert into {} values (1, 'Cap reached', 'critical')")
    one = eventually(live.notifications.open)[0]
    live.notifications.acknowledge(one)
    assert one.state is NotificationState.ACKNOWLEDGED
    eventually(
        lambda: data.rows("acknowledged_at is not null, acknowledged_by") == [(True, "manager@sandbox.test")]
    )
    eventually(lambda: len(alerts.table) == 0)
    eventually(lambda: not alerts.tells_of(one), "the write to be seen")
    with pytest.raises(CommandError):
        live.notifications.acknowledge(one)


def test_a_table_that_cannot_be_written_says_so(
    live: Live, make_table: MakeTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_table(ALERTS)
    alerts = live.notifications.from_table(data.name)
    alerts.table.ready()
    data.run("insert into {} values (1, 'Cap reached', 'critical')")
    one = eventually(live.notifications.open)[0]
    monkeypatch.setattr(LiveTable, "update", None, raising=False)
    with pytest.raises(CommandError, match="cannot be written"):
        live.notifications.acknowledge(one)
    assert one.is_open


def test_a_closed_connection(open_live: OpenLive) -> None:
    with open_live() as live:
        one = live.notify("x")
    with pytest.raises(ClosedError):
        live.notify("y")
    one.dismiss()
    assert not one.is_open
