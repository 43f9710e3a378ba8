"""Alerts that are acknowledged: by whom, twice, in vain, and what the others see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from livewidgets.core.mutation import MutationState
from livewidgets.errors import CommandError, NoRightsError, NotConnectedError, WriteRefusedError
from livewidgets.live.alerts import Alerts
from livewidgets.live.client import Live
from livewidgets.live.notification import Notification, NotificationState
from livewidgets.live.notifications_buttons import NotificationAction
from livewidgets.live.thread import io_thread
from livewidgets.live.writes_mutation import Mutation
from livewidgets.sandbox.faults import FaultProxy
from tests.live.conftest import Table, eventually
from tests.live.test_notifications import ALERTS, texts

MakeTable = Callable[..., Table]
OpenLive = Callable[..., Live]

LOCKED = "check (acknowledged_by is null or acknowledged_by <> 'manager@sandbox.test')"


def one_alert(live: Live, data: Table, **options: Any) -> tuple[Alerts, Notification]:
    alerts = live.notifications.from_table(data.name, **options)
    alerts.table.ready()
    data.run("insert into {} values (1, 'Cap reached', 'critical')")
    return alerts, eventually(live.notifications.open)[0]


def test_a_second_click_writes_nothing(live: Live, make_table: MakeTable) -> None:
    data = make_table(ALERTS)
    _, alert = one_alert(live, data)
    data.run("update {} set version = 7")
    data.run(
        "create function {}_raise() returns trigger language plpgsql as"
        " 'begin new.version = old.version + 1; return new; end'"
    )
    data.run("create trigger raise before update on {} for each row execute function {}_raise()")

    async def twice() -> tuple[Mutation, Mutation]:
        # In one step of the thread that takes the answers: the first is still on its way.
        return live.notifications.acknowledge(alert), live.notifications.acknowledge(alert)

    try:
        first, second = io_thread().run(twice())
        assert second is first
        eventually(lambda: first.state is MutationState.SYNCED)
        eventually(lambda: live.notifications.may_acknowledge(alert) is False)
        assert data.rows("version") == [(8,)]
        assert alert.state is NotificationState.ACKNOWLEDGED
    finally:
        data.run("drop function {}_raise() cascade")


def test_a_refusal_brings_the_alert_back_with_the_reason_and_tells_it_once(
    live: Live, make_table: MakeTable
) -> None:
    data = make_table(ALERTS + ", " + LOCKED)
    _, alert = one_alert(live, data)
    with live.notifications.from_writes():
        mutation = live.notifications.acknowledge(alert)
        with pytest.raises(WriteRefusedError):
            mutation.result(5)
        eventually(lambda: alert.is_open)
        assert alert.problem is mutation.error
        assert live.notifications.all() == [alert]
        # Tried again under another name it goes.
        again = live.notifications.acknowledge(alert, by="Ana")
        eventually(lambda: again.state is MutationState.SYNCED)
        assert alert.problem is None
    assert data.rows("acknowledged_by") == [("Ana",)]


def test_who_may_only_read_is_told_before_a_try(
    open_live: OpenLive, sandbox: Any, live: Live, make_table: MakeTable
) -> None:
    data = make_table(ALERTS, grant=False)
    data.run("grant select on {} to anon")
    data.run("grant all on {} to authenticated, service_role")
    public = open_live()
    _, theirs = one_alert(public, data)
    refusal = public.notifications.may_acknowledge(theirs)
    assert isinstance(refusal, NoRightsError)
    alerts = live.notifications.from_table(data.name)
    alerts.table.ready()
    assert live.notifications.may_acknowledge(theirs) is False  # told by another connection
    data.run("insert into {} values (2, 'Slow', 'warning')")
    mine = eventually(live.notifications.open)[0]
    assert live.notifications.may_acknowledge(mine) is True


def test_row_level_security_is_learned_from_the_first_refusal(live: Live, make_table: MakeTable) -> None:
    data = make_table(ALERTS)
    data.run("alter table {} enable row level security")
    data.run("create policy reads on {} for select to authenticated using (true)")
    data.run("create policy writes on {} for update to authenticated using (true) with check (false)")
    _, alert = one_alert(live, data)
    assert live.notifications.may_acknowledge(alert) is True
    mutation = live.notifications.acknowledge(alert)
    eventually(lambda: mutation.state is MutationState.REJECTED)
    eventually(lambda: alert.is_open)
    assert isinstance(live.notifications.may_acknowledge(alert), NoRightsError)
    assert isinstance(alert.problem, NoRightsError)


def test_without_a_connection_the_alert_stays(
    open_live: OpenLive, sandbox: Any, proxy: FaultProxy, make_table: MakeTable
) -> None:
    data = make_table(ALERTS)
    live = open_live(url=proxy.url, token=sandbox.manager_token)
    _, alert = one_alert(live, data)
    proxy.cut()
    eventually(lambda: live.status.state == "reconnecting")
    with pytest.raises(NotConnectedError):
        live.notifications.acknowledge(alert)
    assert alert.is_open
    assert isinstance(alert.problem, NotConnectedError)
    proxy.restore()


def test_two_that_follow_one_table_tell_once_and_either_acknowledges(
    live: Live, make_table: MakeTable
) -> None:
    data = make_table(ALERTS)
    first, alert = one_alert(live, data)
    second = Alerts(live.notifications, tell_old=True)
    table = live.table(data.name, where={"acknowledged_at": ("is", None)}).ready()
    second.follow(table)
    eventually(lambda: second.tells_of(alert))
    assert live.notifications.all() == [alert]
    assert alert.count == 1
    first.close()
    live.notifications.acknowledge(alert).result(5)
    assert data.rows("acknowledged_at is not null") == [(True,)]
    second.close()


def test_what_came_while_nobody_looked_is_news_and_what_stood_before_is_not(
    live: Live, make_table: MakeTable
) -> None:
    data = make_table(ALERTS + ", fired_at timestamptz")
    data.run("insert into {} (id, message, fired_at) values (1, 'Old', now() - interval '1 day')")
    alerts = Alerts(live.notifications, tell_old=True)
    table = live.table(data.name, where={"acknowledged_at": ("is", None)}).ready()
    alerts.follow(table)
    old = eventually(live.notifications.open)[0]
    assert old.quiet
    assert old.created < live.status.since - 80_000
    live._upstream.thread.call(alerts.pause)
    eventually(lambda: not alerts.tells_of(old))
    with pytest.raises(CommandError, match="No table"):
        alerts.table  # noqa: B018
    data.run("update {} set acknowledged_at = now()")
    data.run(
        "insert into {} (id, message, fired_at) values (2, 'New', now()), (3, 'Late', now() - interval '1 hour')"
    )
    eventually(lambda: len(table) == 2)
    alerts.follow(table)
    eventually(lambda: sorted(texts(live)) == ["Late", "New"])
    assert {one.text: one.quiet for one in live.notifications.open()} == {"New": False, "Late": True}
    assert old.state is NotificationState.DISMISSED
    alerts.close()
    table.close()


def test_one_that_is_closed_at_once_follows_nothing(
    live: Live, make_table: MakeTable, caplog: pytest.LogCaptureFixture
) -> None:
    data = make_table(ALERTS)
    for _ in range(20):
        live.notifications.from_table(data.name).close()
    eventually(lambda: live.tables == ())
    assert caplog.text == ""


def test_a_button_is_told_of_and_takes_its_notification_away(live: Live) -> None:
    pressed: list[NotificationAction] = []
    one = live.notify("Payment disputed", action=("Look", "look"))
    assert one.action == ("Look", "look")
    with pytest.raises(CommandError, match="Nobody listens"):
        live.notifications.buttons.press(one)
    with live.notifications.on_action(pressed.append):
        live.notifications.buttons.press(one)
        eventually(lambda: [(action.notification, action.name) for action in pressed] == [(one, "look")])
    assert one.state is NotificationState.DISMISSED
    with pytest.raises(CommandError, match="no button"):
        live.notifications.buttons.press(live.notify("x"))
    for wrong in ("", ("a",), ("a", ""), 3):
        with pytest.raises(CommandError):
            live.notify("x", action=wrong)  # type: ignore[arg-type]


def test_a_failed_write_is_told_once_with_its_reason(live: Live, make_table: MakeTable) -> None:
    data = make_table("id bigint primary key, title text check (title <> 'bad')")
    data.run("insert into {} values (1, 'good')")
    table = live.table(data.name).ready()
    first, second = live.notifications.from_writes(), live.notifications.from_writes()
    first.close()
    for _ in range(2):
        mutation = table.update(1, {"title": "bad"})
        eventually(lambda mutation=mutation: mutation.state is MutationState.REJECTED)
    wanted = [("error", "A change was not saved", 2, None)]

    def told() -> list[tuple[Any, ...]]:
        return [(one.type, one.title, one.count, one.duration) for one in live.notifications.open()]

    eventually(lambda: told() == wanted)
    assert "breaks the rule" in live.notifications.open()[0].text
    second.close()
    assert live._upstream.write_listeners == []


def test_one_that_ran_out_is_not_counted_on(open_live: OpenLive, monkeypatch: pytest.MonkeyPatch) -> None:
    live = open_live()
    first = live.notify("3 missed", key="missed", duration=5)
    failed = live.notify("No credit", type="error", key="credit")
    monkeypatch.setattr(live._upstream, "wall", lambda: first.changed + 6)
    assert live.notify("4 missed", key="missed") is not first
    assert live.notify("No credit", type="error", key="credit") is failed
    assert failed.count == 2
