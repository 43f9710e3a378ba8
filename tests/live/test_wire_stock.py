"""Rooms and presence where the installed `realtime` is not one whose inside we know: the same tests, the stock path."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from livewidgets.live import wire as wire_module
from livewidgets.live.client import Live
from livewidgets.sandbox.faults import FaultProxy
from tests.live import test_presence, test_room
from tests.live.conftest import BackFrom, eventually
from tests.live.test_presence import (  # collected here as well
    test_an_update_and_a_leave_are_told,  # noqa: F401
    test_handles_share_the_room_and_the_newest_word_counts,  # noqa: F401
    test_who_is_here,  # noqa: F401
)
from tests.live.test_room import (
    test_a_broadcast_reaches_the_others,  # noqa: F401
    test_a_private_channel_without_a_policy_is_refused,  # noqa: F401
    test_equal_names_share_a_channel,  # noqa: F401
)

# The package's own, on the stock path.
pytestmark = pytest.mark.filterwarnings("ignore:ConnectionClosed:DeprecationWarning")


@pytest.fixture(autouse=True)
def stock(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if another version were installed."""
    monkeypatch.setattr(wire_module, "_KNOWN_INSIDES", ("0.0.",))


#: Not "stall": without its inside known, a peer that falls silent is found after 50 s.
FAULTS = ("cut", "reset", "close")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_room_stays(
    open_live: Callable[..., Live], live: Live, proxy: FaultProxy, fault: str, back_from: BackFrom
) -> None:
    test_room.test_a_room_stays_through_faults(open_live, live, proxy, fault, back_from)


@pytest.mark.parametrize("fault", FAULTS)
def test_presence_stays(
    open_live: Callable[..., Live], proxy: FaultProxy, live: Live, fault: str, back_from: BackFrom
) -> None:
    test_presence.test_a_fault_is_no_leave(open_live, proxy, live, fault, back_from)


def test_it_is_the_stock_path_that_is_tested(live: Live) -> None:
    live.channel("stock").ready()
    wire = eventually(lambda: live._upstream._wire)
    assert wire._watch is not None
    assert wire._watch.get_name() == "livewidgets-watch-stock-client"
