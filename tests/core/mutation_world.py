"""A database, two clients that edit it optimistically, and a network that loses, delays and repeats."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from livewidgets.core.change import Change, ChangeKind, Patch
from livewidgets.core.filters import Order, Where
from livewidgets.core.mutation import Action, Edit, MutationState, Step
from livewidgets.core.mutation_overlay import Overlay
from livewidgets.core.mutation_queue import Queue
from livewidgets.core.replica import Replica
from livewidgets.errors import WriteRefusedError

BAD = "bad"
FINAL = (MutationState.SYNCED, MutationState.REJECTED, MutationState.CONFLICT)


class Database:
    """Rows with a version that every update raises, and a log of what was committed."""

    def __init__(self, *, versioned: bool) -> None:
        self.versioned = versioned
        self.rows: dict[tuple[int], dict[str, Any]] = {}
        self.log: list[Change] = []
        self.applied: dict[str, int] = {}
        #: The last version of rows that were deleted: a key that is used again counts on.
        self.last: dict[tuple[int], int] = {}

    def insert(self, key: int, values: dict[str, Any], by: str = "") -> dict[str, Any] | None:
        if (key,) in self.rows:
            return None
        row = {
            "id": key,
            "a": "x",
            "b": 0,
            **values,
        }
        if self.versioned:
            row["version"] = self.last.get((key,), 0) + 1
        return self._commit(ChangeKind.INSERT, row, by)

    def update(self, key: int, values: dict[str, Any], expected: Any, by: str = "") -> dict[str, Any] | None:
        old = self.rows.get((key,))
        if old is None or (expected is not None and old["version"] != expected):
            return None
        row = {**old, **values, **({"version": old["version"] + 1} if self.versioned else {})}
        return self._commit(ChangeKind.UPDATE, row, by)

    def delete(self, key: int, expected: Any = None, by: str = "") -> dict[str, Any] | None:
        old = self.rows.get((key,))
        if old is None or (expected is not None and old["version"] != expected):
            return None
        del self.rows[(key,)]
        self.last[(key,)] = old.get("version", 0)
        self.log.append(Change(ChangeKind.DELETE, "t", {}, {"id": key}))
        self.applied[by] = self.applied.get(by, 0) + 1
        return old

    def _commit(self, kind: ChangeKind, row: dict[str, Any], by: str) -> dict[str, Any]:
        self.rows[(row["id"],)] = row
        self.log.append(Change(kind, "t", row, {} if kind is ChangeKind.INSERT else {"id": row["id"]}))
        self.applied[by] = self.applied.get(by, 0) + 1
        return row


@dataclass(eq=False)
class Request:
    """A step on its way."""

    step: Step
    values: dict[str, Any]
    arrived: bool = False
    given_up: bool = False
    answer: Any = None
    refused: bool = False


@dataclass
class Client:
    """A replica, its edits, and what is on the way to and from the database."""

    name: str
    database: Database
    where: Where = field(default_factory=Where)
    order: Order | None = None
    limit: int | None = None
    edits: list[Edit] = field(default_factory=list)
    doubts: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        column = "version" if self.database.versioned else None
        self.replica = Replica(("id",), self.where, self.order, self.limit, column)
        self.queue = Queue(self.replica, "t")
        self.overlay = Overlay(self.replica, self.queue)
        self.flying: list[Request] = []
        self.seen = 0
        self.mirror: dict[Any, Any] = {}
        self.version = 0
        self.joined = False
        self.reading: tuple[int, frozenset[Edit]] | None = None
        self.join()

    # -- the stream ------------------------------------------------------------------------------------------------

    def join(self) -> None:
        self.leave()
        self.joined, self.seen = True, len(self.database.log)
        self.begin()
        self.finish()

    def leave(self) -> None:
        self.joined, self.reading = False, None
        self.replica.mark_stale()

    def begin(self) -> None:
        if self.joined:
            ticket = self.replica.begin_snapshot()
            self.reading = (ticket, self.queue.accepted())
            self.replica.add_page(self.selected(1), ticket)

    def finish(self) -> None:
        if self.reading is not None:
            ticket, read = self.reading
            self.reading = None
            more = self.limit is not None and len(self.selected(1)) > self.limit
            self.take(self.overlay.absorb(lambda: self.replica.finish_snapshot(ticket, more=more), read))

    def deliver(self, count: int) -> None:
        changes = self.database.log[self.seen : self.seen + count]
        self.seen += len(changes)
        if self.joined:
            self.take(self.overlay.absorb(lambda: self.replica.apply(changes)))

    def confirm(self) -> None:
        """Read rows that were accepted and are not seen yet, as the I/O half does after a while."""
        if self.replica.stale:
            return
        read = self.queue.accepted()
        self.replica.needs_reread.update(edit.key for edit in read)
        keys = self.replica.take_reread()
        rows = [self.database.rows[key] for key in keys if key in self.database.rows]
        self.take(self.overlay.absorb(lambda: self.replica.finish_reread(keys, rows), read))

    def selected(self, above: int = 0) -> list[Any]:
        rows = [row for row in self.database.rows.values() if self.where.matches(row)]
        if self.order is not None:
            rows.sort(key=lambda row: (self.order.sort_key(row), (row["id"],)))
        return rows if self.limit is None else rows[: self.limit + above]

    # -- edits -----------------------------------------------------------------------------------------------------

    def edit(self, kind: ChangeKind, key: int, values: dict[str, Any], rule: Any, *, in_order: bool) -> None:
        made = f"{self.name}{len(self.edits)}"
        held = {"id": key, **values} if kind is ChangeKind.INSERT else dict(values)
        edit = Edit(made, kind, (key,), held, rule, in_order=in_order)
        self.edits.append(edit)
        self.take(self.overlay.edit(lambda: self.queue.add(edit)))

    def undo(self, which: int, *, in_order: bool = False) -> None:
        if self.edits:
            edit = self.edits[which % len(self.edits)]
            made = f"{self.name}{len(self.edits)}"
            undo = lambda: self.queue.undo(edit, made, in_order=in_order)  # noqa: E731
            self.take(self.overlay.edit(lambda: self.edits.append(undo())))

    def send(self, most: int = 4) -> None:
        steps: list[Step] = []
        self.take(self.overlay.edit(lambda: steps.extend(self.queue.take(most))))
        self.flying += [Request(step, dict(step.edit.values)) for step in steps]

    # -- the network -----------------------------------------------------------------------------------------------

    def arrive(self, which: int) -> None:
        waiting = [request for request in self.flying if not request.arrived]
        if not waiting:
            return
        request = waiting[which % len(waiting)]
        request.arrived = True
        step, edit, database = request.step, request.step.edit, self.database
        key = edit.key[0]
        if step.action is Action.READ:
            request.answer = database.rows.get(edit.key)
        elif step.action is Action.WRITE:
            if BAD in request.values.values():
                request.refused = True
            elif edit.kind is ChangeKind.INSERT:
                request.answer = database.insert(key, request.values, edit.id)
            elif edit.kind is ChangeKind.UPDATE:
                request.answer = database.update(key, request.values, step.expected, edit.id)
            else:
                request.answer = database.delete(key, step.expected, edit.id)
        if request.given_up:
            self.flying.remove(request)

    def answer(self, which: int) -> None:
        waiting = [request for request in self.flying if request.arrived]
        if not waiting:
            return
        request = waiting[which % len(waiting)]
        self.flying.remove(request)
        queue, edit = self.queue, request.step.edit

        def tell() -> None:
            if request.step.action is Action.JUDGE:
                queue.judged(edit, {**edit.theirs, "b": (edit.theirs.get("b") or 0) + 1})
            elif request.step.action is Action.READ:
                queue.read(edit, request.answer)
            elif request.refused:
                queue.refused(edit, WriteRefusedError("t", "bad"))
            elif request.answer is None:
                queue.missed(edit)
            else:
                queue.written(edit, None if edit.kind is ChangeKind.DELETE else request.answer)

        self.take(self.overlay.edit(tell))

    def lose(self, which: int) -> None:
        """Give a request up; it, or its answer, may be lost, and it may come to the database yet."""
        waiting = [request for request in self.flying if not request.given_up]
        if not waiting:
            return
        request = waiting[which % len(waiting)]
        edit = request.step.edit
        if request.step.action is Action.WRITE:
            self.doubts.add(edit.id)
            self.take(self.overlay.edit(lambda: self.queue.unanswered(edit)))
        else:
            self.take(self.overlay.edit(lambda: self.queue.postponed(edit)))
        request.given_up = True
        if request.arrived or request.step.action is not Action.WRITE:
            self.flying.remove(request)

    def drop_late(self) -> None:
        """Let those given up never come."""
        self.flying = [request for request in self.flying if not request.given_up]

    # -- checks ----------------------------------------------------------------------------------------------------

    def take(self, patch: Patch) -> None:
        if patch:
            self.version += 1
            for key in patch.removed:
                del self.mirror[key]
            for key, row in patch.upserted.items():
                assert self.mirror.get(key) != row
                self.mirror[key] = row
        assert patch.version == self.overlay.version == self.version

    def check(self) -> None:
        rows = self.overlay.rows()
        assert {(row["id"],): row for row in rows} == self.mirror
        assert len(self.overlay) == len(rows) == len(self.mirror)
        for row in rows:
            assert self.overlay.get((row["id"],)) == row
            assert self.where.matches(row)
        if self.order is not None:
            places = [(self.order.sort_key(row), row["id"]) for row in rows]
            assert places == sorted(places)
        assert self.limit is None or len(rows) <= self.limit

    def settle(self) -> None:
        """Let everything come to rest."""
        if not self.joined:
            self.join()
        for turn in range(2000):
            self.send()
            if self.flying:
                self.arrive(turn)
                self.answer(turn)
            elif not self.queue.has_work:
                break
        assert not self.queue.has_work, list(self.queue)
        self.finish()
        self.deliver(10**6)
        self.confirm()
        assert not list(self.queue)
        assert not any(edit.busy or edit.state not in FINAL for edit in self.edits)
        if self.limit is not None:
            self.begin()
            self.finish()

    def is_right(self) -> None:
        """Compare with a fresh select, and count what was written."""
        self.check()
        wanted = {(row["id"],): row for row in self.selected()}
        assert self.mirror == wanted
        for edit in self.edits:
            applied = self.database.applied.get(edit.id, 0)
            if self.database.versioned or edit.id not in self.doubts:
                # A key that was used again hides whether the first use of it ever was (SPEC.md, known limits).
                is_reused = edit.kind is not ChangeKind.UPDATE and edit.key in self.database.last
                assert applied <= 1 or (is_reused and edit.id in self.doubts)
            if edit.id not in self.doubts and edit.state is not MutationState.SYNCED:
                assert applied == 0
