"""What targets have bid and won lately: the last winning bid, how winning bids went, and how many were won. Pure."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from livewidgets.core.change import Key, Row
from livewidgets.core.values import instant, microseconds
from livewidgets.widgets.live_bidding_terms import number, plain

#: Winning bids of a target that make its trend.
POINTS: Final = 30


@dataclass(slots=True)
class _Account:
    """One target's bids."""

    #: When, which and how much, in order of time.
    wins: list[tuple[int, Key, str]] = field(default_factory=list)
    #: Requests that it bid for: how many bids that are held speak of each. A repeated bid is one request.
    bids: Counter[object] = field(default_factory=Counter)
    won: Counter[object] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Record:
    """What a target has won.

    Attributes
    ----------
    last, at
        The last winning bid as text, and when it was made.
    trend
        The last winning bids, the newest at the end, with commas between.
    requests, won
        Requests that it bid for, and those that it won.
    """

    last: str | None
    at: str | None
    trend: str
    requests: int
    won: int


class BidBook:
    """Bids by target, kept up by what changed."""

    def __init__(self) -> None:
        self._accounts: dict[object, _Account] = {}
        # What each bid has put in, so that it can be taken out again.
        self._bids: dict[Key, tuple[object, object, bool, tuple[int, Key, str] | None]] = {}
        self._times: dict[Key, str] = {}

    def __len__(self) -> int:
        return len(self._bids)

    def put(self, key: Key, row: Row) -> set[object]:
        """Take a bid; return the targets of which something is different now."""
        touched = self.drop(key)
        target = row.get("target_id")
        if target is None:
            return touched
        request = row.get("request_id") or key
        won = row.get("is_winning") is True
        amount = number(row.get("adjusted_amount")) or number(row.get("amount"))
        made = row.get("created_at")
        time = instant(made) if isinstance(made, str) else None
        win = None
        if won and amount is not None and time is not None:
            win = (microseconds(time), key, str(plain(amount)))
            self._times[key] = str(made)
        account = self._accounts.setdefault(target, _Account())
        account.bids[request] += 1
        if won:
            account.won[request] += 1
        if win is not None:
            insort(account.wins, win)
        self._bids[key] = (target, request, won, win)
        return touched | {target}

    def drop(self, key: Key) -> set[object]:
        """Take a bid out; return the targets of which something is different now."""
        bid = self._bids.pop(key, None)
        if bid is None:
            return set()
        target, request, won, win = bid
        account = self._accounts[target]
        _less(account.bids, request)
        if won:
            _less(account.won, request)
        if win is not None:
            del account.wins[bisect_left(account.wins, win)]
            del self._times[key]
        if not account.bids:
            del self._accounts[target]
        return {target}

    def record(self, target: object) -> Record:
        """Say what a target has won."""
        account = self._accounts.get(target)
        if account is None:
            return Record(None, None, "", 0, 0)
        last = account.wins[-1] if account.wins else None
        return Record(
            None if last is None else last[2],
            None if last is None else self._times[last[1]],
            ",".join(amount for _, _, amount in account.wins[-POINTS:]),
            len(account.bids),
            len(account.won),
        )


def _less(counts: Counter[object], name: object) -> None:
    counts[name] -= 1
    if not counts[name]:
        del counts[name]
