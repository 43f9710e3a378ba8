"""A table, its stream and its reader, as small as can be: what the replica is held against.

Each method is one thing that may happen next. `settle` lets everything arrive and be read, and compares.
"""

from __future__ import annotations

from collections import deque

from livewidgets.core.change import Change, ChangeKind
from livewidgets.core.filters import Order, Where
from livewidgets.core.replica import Replica

PAGE = 3
STATUSES = ("open", "held", "done", None)
RANKS = (None, 0, 1, 2, 3)
LARGE = ("B1", "B2", "B3")
FORMS = ("whole", "unchanged large left out", "too large")


class World:
    """One table as the server has it and as a replica holds it."""

    def __init__(
        self,
        *,
        filtered=False,
        ordered=False,
        limit=None,
        versioned=False,
        knows_more=True,
        first=0,
        in_slices=False,
    ):
        self.where = Where.parse({"status": ("in", ["open", "held"])} if filtered else None)
        self.order = Order.parse("-rank") if ordered else None
        self.limit = limit
        self.knows_more = knows_more
        self.in_slices = in_slices
        self.table = {
            i: {"id": i, "status": "open", "rank": i % 3, "big": "B0", "version": 1} for i in range(first)
        }
        self.replica = Replica(("id",), self.where, self.order, limit, "version" if versioned else None)
        self.mirror: dict = {}
        self.seen_version = 0
        self.joined = True
        self.stream: deque[Change] = deque()
        self.ticket = None
        self.old_tickets: list[tuple] = []
        self.beyond = None
        self.read = 0
        self.more = False
        self.asked: tuple = ()
        self.answer: list | None = None

    # -- the database ----------------------------------------------------------------------------------------------

    def insert(self, key, status, rank):
        if key not in self.table:
            row = {"id": key, "status": status, "rank": rank, "big": "B1", "version": 1}
            self.table[key] = row
            self._say(ChangeKind.INSERT, dict(row), {})

    def update(self, key, change, form):
        row = self.table.get(key)
        if row is None:
            return
        new = self.table[key] = {**row, **change, "version": row["version"] + 1}
        record = dict(new)
        partial = form == "too large"
        if partial or (form == "unchanged large left out" and new["big"] == row["big"]):
            del record["big"]
        self._say(ChangeKind.UPDATE, record, {"id": key}, partial=partial)

    def rename(self, key, to):
        row = self.table.get(key)
        if row is not None and to not in self.table:
            del self.table[key]
            new = self.table[to] = {**row, "id": to, "version": row["version"] + 1}
            record = {name: value for name, value in new.items() if name != "big"}
            self._say(ChangeKind.UPDATE, record, {"id": key})

    def delete(self, key):
        if self.table.pop(key, None) is not None:
            self._say(ChangeKind.DELETE, {}, {"id": key})

    def select(self, limit=None, beyond=None):
        """What the server would return: rows that match, in order, after a place in it."""
        rows = sorted((row for row in self.table.values() if self.where.matches(row)), key=self.place)
        return [dict(row) for row in rows if beyond is None or self.place(row) > beyond][:limit]

    def place(self, row):
        return (self.order.sort_key(row) if self.order else (), row["id"])

    def _say(self, kind, record, old, *, partial=False):
        if self.joined:
            self.stream.append(Change(kind, "t", record, old, partial=partial))

    # -- the stream ------------------------------------------------------------------------------------------------

    def deliver(self, count):
        changes = [self.stream.popleft() for _ in range(min(count, len(self.stream)))]
        self._take(self.replica.apply(changes))

    def disconnect(self):
        self.stream.clear()
        self.joined = False
        self.replica.mark_stale()

    def join(self):
        self.joined = True

    # -- the reader ------------------------------------------------------------------------------------------------

    def advance(self):
        """Do what a snapshot's reader does next: begin, read a page, finish."""
        if self.ticket is None:
            if self.joined:
                self.begin()
        elif self.more:
            self.read_page()
        elif not self.in_slices or not self.replica.fold(self.ticket, more=self.has_more(), most=1):
            self.finish()

    def begin(self):
        if self.ticket is not None:
            self.old_tickets.append((self.ticket, self.select(PAGE)))
        self.ticket = self.replica.begin_snapshot(refill=self.replica.needs_refill)
        self.beyond, self.read, self.more = None, 0, True

    def read_page(self):
        wanted = PAGE if self.limit is None else min(PAGE, self.limit + self.knows_more - self.read)
        rows = self.select(wanted, self.beyond)
        self.replica.add_page(rows, self.ticket)
        self.read += len(rows)
        if rows:
            self.beyond = self.place(rows[-1])
        enough = self.limit is not None and self.read >= self.limit + self.knows_more
        self.more = len(rows) == wanted and not enough

    def has_more(self):
        return self.read > self.limit if self.limit is not None and self.knows_more else None

    def finish(self):
        self._take(self.replica.finish_snapshot(self.ticket, more=self.has_more()))
        self.ticket = None

    def abort(self):
        if self.ticket is not None:
            self.replica.abort_snapshot(self.ticket)
            self.old_tickets.append((self.ticket, self.select(PAGE)))
            self.ticket = None

    def late_page(self):
        """Let a page arrive that was read for a snapshot given up since."""
        if self.old_tickets:
            ticket, rows = self.old_tickets.pop(0)
            assert not self.replica.add_page(rows, ticket)
            assert not self.replica.fold(ticket)
            assert not self.replica.finish_snapshot(ticket)

    def reread(self, *, fails=False):
        """Do what the reader of single rows does next: ask, have them read, answer."""
        if not self.asked:
            self.asked = self.replica.take_reread(3)
            self.answer = None
        elif self.answer is None:
            self.answer = [dict(self.table[key]) for (key,) in self.asked if key in self.table]
        else:
            if fails:
                self.replica.abandon_reread(self.asked)
            else:
                self._take(self.replica.finish_reread(self.asked, self.answer))
            self.asked, self.answer = (), None

    def _take(self, patch):
        """Follow the patches as a reader would."""
        assert patch.version == self.replica.version == self.seen_version + (1 if patch else 0)
        self.seen_version = patch.version
        for key, row in patch.upserted.items():
            assert self.mirror.get(key) != row
            self.mirror[key] = row
        for key, row in patch.removed.items():
            assert self.mirror.pop(key) == row

    # -- what holds ------------------------------------------------------------------------------------------------

    def check(self):
        """What holds at every moment."""
        rows = self.replica.rows()
        assert {(row["id"],): row for row in rows} == self.mirror
        assert len(rows) == len(self.replica) == len(self.mirror)
        assert all(len(row) == 5 for row in rows)
        if self.order or self.limit:
            places = [self.place(row) for row in rows]
            assert places == sorted(places)
        assert self.limit is None or len(rows) <= self.limit

    def settle(self):
        """Let all arrive and be read that is asked for; then the rows are what a select returns."""
        self.joined = True
        self.deliver(len(self.stream))
        for _ in range(100):
            if self.asked or self.replica.needs_reread:
                self.reread()
            elif self.ticket is not None or self.replica.stale or self.replica.needs_refill:
                self.advance()
            else:
                break
        else:
            raise AssertionError("the replica never comes to rest")
        self.check()
        rows = self.replica.rows()
        if not (self.order or self.limit):
            rows.sort(key=self.place)
        assert rows == self.select(self.limit)
        if self.limit is not None and not self.replica.truncated:
            assert len(self.select()) == len(rows)
