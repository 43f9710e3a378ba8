from __future__ import annotations

import json
import threading
from decimal import Decimal

import psycopg
import pytest
from traitlets import TraitError

from livewidgets.errors import NoRightsError, NotConnectedError, ReadOnlyError, WriteRefusedError
from livewidgets.live.client import Live
from livewidgets.live.thread import io_thread
from livewidgets.sandbox.keys import Keys
from livewidgets.testing import wait_until
from livewidgets.widgets.hub import hub
from livewidgets.widgets.live_bidding import BIDS, LiveBidding
from livewidgets.widgets.live_bidding_edits import CLICKS
from tests.widgets.bidding_world import BiddingBench, TargetLive, TargetTable, target
from tests.widgets.conftest import MemoryLive, MemoryTable
from tests.widgets.hub_page import HubPage

KEY = "target-1"


def edit_of(bench, number=1):
    row = bench.rows[f"target-{number}"]
    return {name.removeprefix("edit_"): value for name, value in row.items() if name.startswith("edit_")}


def test_each_target_is_shown_with_what_it_bids_exactly():
    bench = BiddingBench(target(1), target(2, base_bid=2**60 + 1, max_bid=str(2**62), bid_modifier_pct=0))
    row = bench.rows[KEY]
    shown = {
        name: row[name] for name in ("name", "buyer", "bid", "base", "modifier", "least", "most", "status")
    }
    assert shown == {
        "name": "Target 1",
        "buyer": "Acme",
        "bid": "22.00",
        "base": "20.0",
        "modifier": "10",
        "least": "10.00",
        "most": "30.00",
        "status": "active",
    }
    assert bench.rows["target-2"]["bid"] == "1152921504606846977.00"
    assert bench.meta["denied"] is None
    assert edit_of(bench)["state"] is None


def test_wins_and_their_trend_come_from_the_bids():
    won = {"target_id": KEY, "amount": 9, "is_winning": True, "request_id": "r1"}
    bench = BiddingBench(
        bids=[
            won | {"id": "b1", "adjusted_amount": "19.50", "created_at": "2026-11-22T12:00:00+00:00"},
            won
            | {
                "id": "b2",
                "adjusted_amount": "21.00",
                "created_at": "2026-11-22T12:05:00+00:00",
                "request_id": "r2",
            },
        ],
        rated=True,
    )
    assert (bench.rows[KEY]["won"], bench.rows[KEY]["trend"]) == ("21.00", "19.50,21.00")
    bench.bids.put({"id": "b3", "target_id": KEY, "request_id": "r3", "is_winning": False})
    bench.loop.run(0.2)
    assert (bench.rows[KEY]["requests"], bench.rows[KEY]["wins"]) == (3, 2)
    bench.bids.remove("b2")
    bench.loop.run(0.2)
    assert bench.rows[KEY]["won"] == "19.50"
    assert bench.rows["target-2"]["won"] is None


def test_a_change_is_pending_then_accepted_then_synced():
    bench = BiddingBench()
    answer = bench.ask("set", field="bid", value="21.50", seen="20.0")
    assert answer["value"]["state"] == "pending"
    [mutation] = bench.table.mutations_made
    assert mutation._edit.values == {"base_bid": "21.50"}
    assert bench.rows[KEY]["base"] == "21.50"
    assert bench.rows[KEY]["bid"] == "23.65"
    assert edit_of(bench) | {"id": None} == {
        "state": "pending",
        "id": None,
        "field": "bid",
        "mine": "21.50",
        "before": "20.0",
        "theirs": None,
        "message": None,
        "advice": None,
        "can_undo": False,
        "is_undo": False,
    }
    bench.table.answer(mutation)
    bench.loop.run(0.2)
    assert (edit_of(bench)["state"], edit_of(bench)["can_undo"]) == ("accepted", True)
    bench.table.show(mutation)
    bench.loop.run(0.2)
    assert edit_of(bench)["state"] == "synced"
    assert edit_of(bench, 2)["state"] is None


def test_a_click_that_is_said_twice_is_carried_out_once_and_gets_the_same_answer():
    bench = BiddingBench()
    first = bench.ask("set", id="same", field="bid", value="21", seen="20")
    again = bench.ask("set", id="same", field="bid", value="21", seen="20")
    assert first["value"] == again["value"]
    assert len(bench.table.mutations_made) == 1
    refused = bench.ask("set", id="other", field="bid", value="99")
    assert refused["error"] == bench.ask("set", id="other", field="bid", value="11")["error"]
    assert len(bench.table.mutations_made) == 1
    for number in range(CLICKS + 10):
        bench.source.edits.carry_out("dismiss", {"id": str(number)}, ("target-2",), {})
    assert len(bench.source.edits._clicks) == CLICKS


def test_what_cannot_be_is_refused_in_words_and_not_written():
    bench = BiddingBench()
    for args, words in [
        ({"field": "bid", "value": "9"}, "Below the minimum of 10.00."),
        ({"field": "bid", "value": "31"}, "Above the maximum of 30.00."),
        ({"field": "bid", "value": "1e3"}, "This is no number."),
        ({"field": "bid", "value": "20.125"}, "It has more than 2 decimals."),
        (
            {"field": "modifier", "value": "-90"},
            "With the modifier the bid is 2.00, below the minimum of 10.00.",
        ),
        ({"field": "max_bid", "value": "20"}, "This cannot be changed here."),
        ({"field": "bid", "value": "20", "id": ""}, "This click has no id."),
        ({"field": "bid", "value": "20", "key": "gone"}, "This target is not there any more."),
    ]:
        answer = bench.ask("set", **args)
        assert (answer["ok"], answer["error"]["message"]) == (False, words)
        assert answer["error"]["advice"]
    assert bench.ask("delete")["error"]["kind"] == "CommandError"
    assert bench.ask("undo")["error"]["message"] == "There is nothing to take back."
    assert bench.table.mutations_made == []
    bench.source.editable = False
    assert "only shows" in bench.ask("set", field="bid", value="21")["error"]["message"]


def test_what_is_so_already_is_not_written():
    bench = BiddingBench()
    assert bench.ask("set", field="bid", value="20.00", seen="19")["value"]["state"] is None
    assert bench.table.mutations_made == []


def test_a_refused_write_is_taken_back_and_says_why():
    bench = BiddingBench()
    bench.ask("set", field="modifier", value="50", seen="10")
    [mutation] = bench.table.mutations_made
    bench.table.refuse(mutation, WriteRefusedError("targets", "The write breaks the rule 'cap'.", "Keep it."))
    bench.loop.run(0.2)
    edit = edit_of(bench)
    assert (edit["state"], edit["message"], edit["advice"]) == (
        "rejected",
        "The write breaks the rule 'cap'.",
        "Keep it.",
    )
    assert bench.rows[KEY]["modifier"] == "10"
    assert edit["can_undo"] is False
    bench.ask("dismiss")
    assert edit_of(bench)["state"] is None


def test_a_lost_race_shows_both_and_either_can_be_chosen():
    bench = BiddingBench()
    bench.ask("set", field="bid", value="21", seen="20")
    bench.table.lose(bench.table.mutations_made[0], base_bid=24.0)
    bench.loop.run(0.2)
    edit = edit_of(bench)
    assert (edit["state"], edit["mine"], edit["theirs"]) == ("conflict", "21", "24.0")
    assert bench.rows[KEY]["base"] == "24.0"
    bench.ask("resolve", choice="mine")
    mutation = bench.table.mutations_made[1]
    assert mutation._edit.values == {"base_bid": "21"}
    assert edit_of(bench)["state"] == "pending"
    bench.table.lose(mutation, base_bid=25.0)
    bench.loop.run(0.2)
    bench.ask("resolve", choice="theirs")
    assert edit_of(bench)["state"] is None
    assert bench.rows[KEY]["base"] == "25.0"
    assert len(bench.table.mutations_made) == 2


def test_a_lost_race_shows_their_value_before_the_table_has_heard_of_it():
    bench = BiddingBench(target(1, version=3))
    bench.ask("set", field="bid", value="21", seen="20")
    bench.table.lose(bench.table.mutations_made[0], heard=False, base_bid=25.0, version=4)
    bench.loop.run(0.2)
    assert (edit_of(bench)["state"], edit_of(bench)["theirs"]) == ("conflict", "25.0")
    bench.table.put(target(1, base_bid=26.0, version=5))
    bench.loop.run(0.2)
    assert edit_of(bench)["theirs"] == "26.0"


def test_what_somebody_changed_while_it_was_typed_is_not_written_over_unseen():
    bench = BiddingBench()
    bench.table.put(target(1, base_bid="25.00"))
    answer = bench.ask("set", field="bid", value="21", seen="20")
    assert answer["value"]["state"] == "conflict"
    assert bench.table.mutations_made == []
    edit = edit_of(bench)
    assert (edit["mine"], edit["theirs"], edit["state"]) == ("21", "25.00", "conflict")
    bench.table.put(target(1, base_bid="26.00"))
    bench.loop.run(0.2)
    assert edit_of(bench)["theirs"] == "26.00"
    bench.ask("resolve", choice="mine")
    assert bench.table.mutations_made[0]._edit.values == {"base_bid": "21"}


def test_the_last_change_can_be_taken_back_once():
    bench = BiddingBench()
    bench.ask("set", field="bid", value="21", seen="20")
    first = bench.table.mutations_made[0]
    assert bench.ask("undo")["ok"] is False
    bench.table.answer(first)
    bench.table.show(first)
    assert bench.ask("undo")["value"]["state"] == "pending"
    assert bench.rows[KEY]["base"] == "20.0"
    assert edit_of(bench)["is_undo"] is True
    bench.table.answer(bench.table.mutations_made[1])
    bench.loop.run(0.2)
    assert edit_of(bench)["can_undo"] is False
    assert bench.ask("dismiss")["ok"] is False
    bench.table.show(bench.table.mutations_made[1])
    assert bench.ask("dismiss")["ok"] is True


def test_without_a_connection_nothing_is_written_and_it_is_said():
    bench = BiddingBench()
    bench.table.fault = NotConnectedError("There is no connection.", "Try again when there is.")
    answer = bench.ask("set", field="bid", value="21", seen="20")
    assert answer["error"]["message"] == "There is no connection."
    assert edit_of(bench)["state"] is None
    assert bench.meta["denied"] is None


def test_who_may_not_write_is_told_so_before_a_try_where_that_is_known():
    bench = BiddingBench(verbs=frozenset({"get"}))
    assert bench.meta["denied"]["message"] == "This key may not write 'targets'."
    assert bench.ask("set", field="bid", value="21")["error"]["kind"] == "NoRightsError"
    assert bench.table.mutations_made == []
    assert BiddingBench(verbs=frozenset({"get", "patch"})).meta["denied"] is None
    anonymous = BiddingBench({"id": KEY, "name": "Target 1", "status": "active"})
    assert anonymous.meta["denied"]["message"] == "This key may not read the bids."
    assert anonymous.rows[KEY]["bid"] is None


def test_a_refused_right_is_not_offered_again_until_somebody_else_signs_in():
    bench = BiddingBench()
    bench.ask("set", field="bid", value="21", seen="20")
    bench.table.refuse(bench.table.mutations_made[0], NoRightsError("targets", "write"))
    bench.loop.run(0.2)
    assert bench.rows[KEY]["denied"] == "This key may not write 'targets'."
    assert bench.rows["target-2"]["denied"] is None
    assert bench.ask("set", field="bid", value="22")["ok"] is False
    assert len(bench.table.mutations_made) == 1
    bench.ask("set", 2, field="bid", value="14", seen="12.25")
    bench.table.refuse(bench.table.mutations_made[1], NoRightsError("targets", "write"))
    bench.loop.run(0.2)
    assert bench.meta["denied"]["kind"] == "NoRightsError"
    bench.token = "second"
    bench.exchange.refresh("bids")
    bench.loop.run(0.2)
    assert bench.meta["denied"] is None
    assert bench.rows[KEY]["denied"] is None
    assert bench.ask("set", field="bid", value="22", seen="20")["ok"] is True


def test_a_view_of_the_database_takes_no_bids_at_all():
    bench = BiddingBench()
    bench.table.fault = ReadOnlyError("targets")
    assert bench.ask("set", field="bid", value="22", seen="20")["ok"] is False
    assert "read-only" in bench.meta["denied"]["message"]


def test_rows_that_go_and_come_leave_nothing_behind():
    bench = BiddingBench(bids=[])
    bench.ask("set", field="bid", value="21", seen="20")
    bench.table.remove(KEY)
    bench.loop.run(0.2)
    assert set(bench.rows) == {"target-2"}
    assert bench.source.edits.of((KEY,)) is None
    bench.table.answer(bench.table.mutations_made[0])  # of a row that is gone
    bench.show()
    bench.loop.run(0.2)
    assert bench.table.taps == bench.bids.taps == 0
    bench.show("bids")
    bench.loop.run(0.2)
    assert set(bench.rows) == {"target-2"}


def test_a_change_is_still_told_when_somebody_looks_again():
    bench = BiddingBench()
    bench.ask("set", field="bid", value="21", seen="20")
    bench.show()
    bench.loop.run(0.2)
    bench.table.refuse(bench.table.mutations_made[0], NoRightsError("targets", "write"))
    bench.show("bids")
    bench.loop.run(0.2)
    assert edit_of(bench)["state"] == "rejected"
    assert bench.rows[KEY]["denied"]


def test_commands_that_say_nothing_are_refused():
    bench = BiddingBench()
    bench.exchange.hear(
        {"t": "cmd", "client": "page-0", "id": "x", "feed": "bids", "name": "set", "args": None}
    )
    bench.loop.run(0.2)
    assert bench.answers[-1]["error"]["message"] == "The command says nothing."
    assert "0 rows" in repr(bench.source.edits)


# -- the component -----------------------------------------------------------------------------------------------------


def settle() -> None:
    done = threading.Event()
    io_thread().call(done.set)
    assert done.wait(20)


def test_options_are_checked_in_words(comms):
    live = MemoryLive()
    with pytest.raises(TypeError, match="not list"):
        LiveBidding([])
    with pytest.raises(TypeError, match="campaign_id"):
        LiveBidding(MemoryTable(live), campaign_id=7)
    for step in ("x", "0", "-1", "0.005", "NaN", "1e9"):
        with pytest.raises(TraitError, match="step"):
            LiveBidding(live, step=step)
    with pytest.raises(TypeError, match="Did you mean 'editable'"):
        LiveBidding(live, editabel=False)


def test_what_it_opens_it_closes_and_what_it_was_given_stays(comms):
    live = TargetLive(targets=[target(1), target(2, campaign_id=8)], bids=[])
    bidding = LiveBidding(live, campaign_id=7, step="0.250", win_rate=True)
    assert bidding.step == "0.250"
    page = HubPage(hub(), comms)
    page.open(bidding.feed)
    wait_until(lambda: set(page.rows(bidding.feed)) == {KEY}, 10, "the target")
    assert {(table.name, table.limit) for table in live.opened} >= {("targets", None), ("bids", BIDS)}
    bidding.campaign_id = None
    wait_until(lambda: len(page.rows(bidding.feed)) == 2, 10, "all campaigns")
    bidding.editable = False
    settle()
    assert bidding._bidding.editable is False
    bidding.close()
    settle()
    assert all(table.handle_closed for table in live.opened)
    table = TargetTable([target(1)], live=live)
    other = LiveBidding(table, bids=False)
    with pytest.raises(TypeError, match="given its table"):
        other.campaign_id = 7
    other.close()
    settle()
    assert not table.handle_closed


# -- with the sandbox --------------------------------------------------------------------------------------------------


@pytest.fixture
def places(sandbox_db):
    """A campaign with two targets; the second has no limits."""
    [campaign] = sandbox_db.execute("insert into campaigns (name) values ('Solar') returning id").fetchone()
    [buyer] = sandbox_db.execute("insert into buyers (company_name) values ('Acme') returning id").fetchone()
    ids = []
    for least, most in ((10, 30), (0, 0)):
        [made] = sandbox_db.execute(
            "insert into targets (campaign_id, buyer_id, name, base_bid, min_bid, max_bid, bid_modifier_pct)"
            " values (%s, %s, 'North', 20, %s, %s, 10) returning id",
            [campaign, buyer, least, most],
        ).fetchone()
        ids.append(str(made))
    yield str(campaign), str(buyer), ids
    sandbox_db.execute("delete from targets where campaign_id = %s", [campaign])
    sandbox_db.execute("delete from campaigns where id = %s", [campaign])
    sandbox_db.execute("delete from buyers where id = %s", [buyer])


class Viewer:
    """A page that looks at a component over a real connection."""

    def __init__(self, live, campaign, comms, **options) -> None:
        self.bidding = LiveBidding(live, campaign_id=campaign, **options)
        self.page = HubPage(hub(), comms)
        self.page.open(self.bidding.feed)
        wait_until(lambda: self.meta.get("state") == "live" and len(self.rows) == 2, 20, "the targets")
        self._clicks = 0

    @property
    def rows(self):
        return self.page.rows(self.bidding.feed)

    @property
    def meta(self):
        return self.page.meta(self.bidding.feed)

    def say(self, name, key, **args):
        self._clicks += 1
        args = {"id": f"click-{self._clicks}", "key": key} | args
        content = {
            "t": "cmd",
            "client": "page",
            "id": f"{self.bidding.feed}-{self._clicks}",
            "feed": self.bidding.feed,
            "name": name,
        }
        self.page.line._handle_custom_msg(content | {"args": args}, [])

    def until(self, key, state):
        return wait_until(
            lambda: self.rows[key]["edit_state"] == state and self.rows[key], 20, f"the state {state}"
        )


def test_with_the_sandbox_a_manager_changes_a_bid_and_takes_it_back(sandbox, sandbox_db, places, comms):
    campaign, _, [first, second] = places
    with Live(sandbox.url, sandbox.anon_key, sandbox.manager_token) as live:
        viewer = Viewer(live, campaign, comms)
        assert viewer.meta["denied"] is None
        # A double click: the same click said twice.
        for _ in range(2):
            viewer.say("set", first, id="double", field="bid", value="22.50", seen=viewer.rows[first]["base"])
        row = viewer.until(first, "synced")
        assert (Decimal(row["base"]), Decimal(row["bid"])) == (Decimal("22.5"), Decimal("24.75"))
        stored = sandbox_db.execute("select base_bid, version from targets where id = %s", [first]).fetchone()
        assert stored == (Decimal("22.50"), 2)
        # A counter in the same row does not stand in the way.
        sandbox_db.execute("update targets set live_calls = live_calls + 1 where id = %s", [first])
        viewer.say("undo", first)
        wait_until(
            lambda: (
                sandbox_db.execute("select base_bid from targets where id = %s", [first]).fetchone()
                == (Decimal("20.00"),)
            ),
            20,
            "the undo",
        )
        # The database refuses: more than the column holds, where the target has no limit.
        viewer.say("set", second, field="bid", value="100000000000", seen=viewer.rows[second]["base"])
        row = viewer.until(second, "rejected")
        assert "out of the range" in row["edit_message"]
        assert Decimal(row["base"]) == 20
        viewer.bidding.close()


def test_with_the_sandbox_two_change_one_bid_and_the_slower_one_chooses(sandbox, sandbox_db, places, comms):
    campaign, _, [first, _] = places
    with Live(sandbox.url, sandbox.anon_key, sandbox.manager_token) as live:
        viewer = Viewer(live, campaign, comms, bids=False)
        # The other one holds the row while ours is on its way, and is done first.
        with psycopg.connect(sandbox.dsn) as other:
            other.execute("update targets set base_bid = 25 where id = %s", [first])
            viewer.say("set", first, field="bid", value="21", seen=viewer.rows[first]["base"])
            viewer.until(first, "pending")
            wait_until(
                lambda: sandbox_db.execute(
                    "select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%%base_bid%%'"
                ).fetchone(),
                20,
                "our write to wait for theirs",
            )
        row = viewer.until(first, "conflict")
        assert (Decimal(row["edit_mine"]), Decimal(row["edit_theirs"])) == (21, 25)
        assert sandbox_db.execute("select base_bid from targets where id = %s", [first]).fetchone()[0] == 25
        viewer.say("resolve", first, choice="mine")
        viewer.until(first, "synced")
        assert sandbox_db.execute("select base_bid from targets where id = %s", [first]).fetchone()[0] == 21
        viewer.bidding.close()


def test_with_the_sandbox_who_may_not_write_is_told_so(sandbox, sandbox_db, places, comms):
    campaign, buyer, [first, _] = places
    with Live(sandbox.url, sandbox.anon_key) as public:
        viewer = Viewer(public, campaign, comms)
        wait_until(lambda: viewer.meta["denied"], 10, "the refusal")
        assert viewer.meta["denied"]["message"] == "This key may not read the bids."
        assert viewer.rows[first]["bid"] is None
        viewer.say("set", first, field="bid", value="21")
        wait_until(lambda: viewer.page.look().answers, 10, "the answer")
        assert viewer.page.answers[-1]["ok"] is False
        viewer.bidding.close()
    claims = {"role": "authenticated", "app_metadata": {"buyer_id": buyer}}
    with Live(sandbox.url, sandbox.anon_key, Keys.load(sandbox.data).sign(claims)) as live:
        viewer = Viewer(live, campaign, comms)
        viewer.say("set", first, field="bid", value="21", seen=viewer.rows[first]["base"])
        row = viewer.until(first, "rejected")
        assert row["denied"] == "This key may not write 'targets'."
        assert Decimal(row["base"]) == 20
        viewer.bidding.close()
    assert sandbox_db.execute("select base_bid from targets where id = %s", [first]).fetchone()[0] == 20
    assert json.dumps(str(comms)).count(sandbox.anon_key) == 0
