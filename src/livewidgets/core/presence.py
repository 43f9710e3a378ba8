"""Who is present: what the server tells, as entries that do not flicker.

A server tells the whole state once after each join, and differences from then on. Each presence has a ref that is never
used twice, so the state is a set that refs enter and leave; the order in which that is told, and how often, does not
matter. What was told over an older connection counts for nothing once a newer one has told its state.

What is shown is one step behind on purpose: a key that leaves stays for a time of grace, since a reload of a page, a
reconnect or another meta look like a leave and a join.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

Meta = Mapping[str, Any]

#: What the server adds to a meta.
_SERVERS: Final = ("phx_ref", "phx_ref_prev", "presence_ref")
#: Our own note in a meta: since when its user is here, seconds since 1970.
SINCE: Final = "_since"
#: Refs that have left and are remembered, in case their join is told late.
_REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody who is here.

    Attributes
    ----------
    key
        Tells one from the other; stays through reconnects.
    since
        Since when, seconds since 1970: as the user's own program says, otherwise since it was first seen.
    meta
        What was told about the user; of several tabs, what the newest told.
    is_me
        Whether this is the reader.
    count
        In how many tabs or programs.
    """

    key: str
    since: float
    meta: Meta
    is_me: bool = False
    count: int = 1


@dataclass(frozen=True, slots=True)
class PresenceChange:
    """What changed: entries by what became of them, in no order.

    Attributes
    ----------
    joined, left, updated
        Who is new, gone, or tells something else of itself.
    """

    joined: tuple[Entry, ...] = ()
    left: tuple[Entry, ...] = ()
    updated: tuple[Entry, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.joined or self.left or self.updated)


def merge(first: PresenceChange, second: PresenceChange) -> PresenceChange:
    """Make one change of two that follow each other; who came and went in between is not told of."""
    joined = {entry.key: entry for entry in first.joined}
    left = {entry.key: entry for entry in first.left}
    updated = {entry.key: entry for entry in first.updated}
    for entry in second.joined:
        (joined if left.pop(entry.key, None) is None else updated)[entry.key] = entry
    for entry in second.updated:
        (joined if entry.key in joined else updated)[entry.key] = entry
    for entry in second.left:
        updated.pop(entry.key, None)
        if joined.pop(entry.key, None) is None:
            left[entry.key] = entry
    return PresenceChange(tuple(joined.values()), tuple(left.values()), tuple(updated.values()))


@dataclass(slots=True)
class _Shown:
    entry: Entry
    #: When it stops being shown; None while it is present.
    until: float | None = None


@dataclass(slots=True)
class _Session:
    """What was told since the last join."""

    told_state: bool = False
    metas: dict[str, dict[str, Meta]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    gone_in_order: deque[str] = field(default_factory=deque)

    def add(self, presences: object) -> None:
        for key, ref, meta in _each(presences):
            if ref not in self.gone:
                self.metas.setdefault(key, {}).setdefault(ref, meta)

    def remove(self, presences: object) -> None:
        for key, ref, _ in _each(presences):
            if ref not in self.gone:
                self.gone.add(ref)
                self.gone_in_order.append(ref)
                if len(self.gone_in_order) > _REMEMBERED:
                    self.gone.discard(self.gone_in_order.popleft())
            refs = self.metas.get(key)
            if refs is not None and refs.pop(ref, None) is not None and not refs:
                del self.metas[key]


class Roster:
    """The entries of one room; time is an argument everywhere.

    Parameters
    ----------
    me
        The reader's own key.
    grace
        Seconds that a key which left is still shown.
    """

    def __init__(self, me: str, grace: float = 3.0) -> None:
        self.me = me
        self.grace = grace
        self._session = _Session()
        self._shown: dict[str, _Shown] = {}

    @property
    def synced(self) -> bool:
        """Whether the server has told its state since the last join."""
        return self._session.told_state

    def rejoin(self) -> None:
        """Note that a new join begins: what is shown stays until its state is there."""
        self._session = _Session()

    def state(self, presences: object, now: float) -> PresenceChange:
        """Take the whole state, as told after a join; again is as good as once."""
        self._session.told_state = True
        self._session.add(presences)
        return self._show(now)

    def diff(self, joins: object, leaves: object, now: float) -> PresenceChange:
        """Take a difference; one that comes before its state counts once that is there."""
        self._session.add(joins)
        self._session.remove(leaves)
        return self._show(now) if self.synced else PresenceChange()

    def expire(self, now: float) -> PresenceChange:
        """Show those no more whose grace is over."""
        over = [key for key, shown in self._shown.items() if shown.until is not None and shown.until <= now]
        return PresenceChange(left=tuple(self._shown.pop(key).entry for key in over))

    def deadline(self) -> float | None:
        """Say when `expire` has something to do."""
        return min((shown.until for shown in self._shown.values() if shown.until is not None), default=None)

    def who(self) -> list[Entry]:
        """Give those who are here, the longest first."""
        return sorted(
            (shown.entry for shown in self._shown.values()), key=lambda entry: (entry.since, entry.key)
        )

    def _show(self, now: float) -> PresenceChange:
        joined, updated = [], []
        for key, metas in self._session.metas.items():
            shown = self._shown.get(key)
            entry = self._entry(key, metas, now if shown is None else shown.entry.since)
            if shown is None:
                self._shown[key] = _Shown(entry)
                joined.append(entry)
                continue
            # It does not begin anew for a tab that was opened later.
            entry = replace(entry, since=min(entry.since, shown.entry.since))
            shown.until = None
            if entry != shown.entry:
                shown.entry = entry
                updated.append(entry)
        for key, shown in self._shown.items():
            if key not in self._session.metas and shown.until is None:
                shown.until = now + self.grace
        return PresenceChange(tuple(joined), self.expire(now).left, tuple(updated))

    def _entry(self, key: str, metas: Mapping[str, Meta], first_seen: float) -> Entry:
        told = [since for meta in metas.values() if (since := _since(meta)) is not None]
        newest = max(metas.items(), key=lambda one: (_since(one[1]) or 0.0, one[0]))[1]
        meta = {name: value for name, value in newest.items() if name not in _SERVERS and name != SINCE}
        return Entry(key, min([first_seen, *told]), meta, key == self.me, len(metas))


class CallBudget:
    """So many calls in so many seconds, wherever those seconds begin.

    Parameters
    ----------
    calls, window
        The server closes a channel that says more.
    """

    def __init__(self, calls: int = 5, window: float = 30.0) -> None:
        self._spent: deque[float] = deque(maxlen=calls)
        self._window = window

    def wait(self, now: float) -> float:
        """Say how long the next call has to wait."""
        if len(self._spent) < (self._spent.maxlen or 0):
            return 0.0
        return max(self._spent[0] + self._window - now, 0.0)

    def spend(self, now: float) -> None:
        """Note a call."""
        self._spent.append(now)

    def renew(self) -> None:
        """Begin anew: the server counts by join."""
        self._spent.clear()


def _each(presences: object) -> Iterable[tuple[str, str, Meta]]:
    """Go through ``{key: {"metas": [{"phx_ref": ..., ...}]}}``; what is not of that shape is passed over."""
    if not isinstance(presences, Mapping):
        return
    for key, value in presences.items():
        metas = value.get("metas") if isinstance(value, Mapping) else None
        for meta in metas if isinstance(metas, list) else ():
            ref = meta.get("phx_ref") if isinstance(meta, Mapping) else None
            if isinstance(ref, str):
                yield str(key), ref, meta


def _since(meta: Meta) -> float | None:
    """Read since when a meta says that its user is here: our note, or Supabase's customary ``online_at``."""
    noted = meta.get(SINCE)
    if isinstance(noted, int | float) and not isinstance(noted, bool):
        return float(noted)
    customary = meta.get("online_at")
    if isinstance(customary, str):
        try:
            moment = datetime.fromisoformat(customary)
        except ValueError:
            return None
        return moment.timestamp() if moment.tzinfo is not None else None
    return None
