"""`Live.on`: the changes of a table as they come, one by one, for whoever wants no rows kept."""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

from livewidgets.core.change import Change, ChangeKind
from livewidgets.core.filters import Where
from livewidgets.core.gap import Gap, GapReason, overflow
from livewidgets.errors import ClosedError, FilterError, LiveWidgetsError
from livewidgets.live.channel import Binding, TableChannel, bindings_for
from livewidgets.live.closing import warn_dropped
from livewidgets.live.delivery import Mailbox, Waiting, newest
from livewidgets.live.joiner import Joiner
from livewidgets.live.subscription import Subscription

if TYPE_CHECKING:
    from livewidgets.live.client import Live
    from livewidgets.live.upstream import Upstream
    from livewidgets.live.wire import Wire

logger = logging.getLogger(__name__)

EVENTS = ("*", "INSERT", "UPDATE", "DELETE")
#: So many changes may wait for a reader; what comes then is counted in a `Gap`.
MOST_WAITING = 10_000

Item = Change | Gap


class HookSource:
    """The I/O half of a hook: its channel, and who hears it. It does not know the `Hook`, which may be collected."""

    def __init__(
        self, upstream: Upstream, topic: str, event: str, table: str, schema: str, where: Where
    ) -> None:
        self._upstream = upstream
        self._where = where
        self._columns = where.columns()
        self._table = table
        self._topic = topic
        self._bindings = _bindings(event, schema, table, where)
        self._lost_at: float | None = None
        self.takers: list[Callable[[Item], object]] = []
        self.gap_takers: list[Callable[[Gap], object]] = []
        self.joiner: Joiner[TableChannel] = Joiner(
            upstream, f"The hook {topic!r}", self._make, on_open=self._opened, on_end=self._ended
        )

    def start(self) -> None:
        """Begin to join; on the I/O thread."""
        self.joiner.start()

    def end(self) -> None:
        """Leave; any thread."""
        self._upstream.thread.call(
            lambda: self._upstream.endings.start(self._close(), "livewidgets-hook-end")
        )

    async def _close(self) -> None:
        self.takers.clear()
        self.gap_takers.clear()
        await self.joiner.close()

    def _make(self, wire: Wire) -> TableChannel:
        return TableChannel(
            wire,
            self._topic,
            self._bindings,
            take=self._take,
            gap=lambda: self._tell_gap(GapReason.RESTARTED),
            translate=lambda text: self._upstream.stream_error(text, self._table),
        )

    def _opened(self, _: TableChannel, before: int) -> None:
        if before:
            self._tell_gap(GapReason.RECONNECTED)
        self._lost_at = None

    def _ended(self, _: LiveWidgetsError) -> None:
        self._lost_at = self._lost_at or self._upstream.wall()

    def _take(self, change: Change) -> None:
        if self._where and not self._is_wanted(change):
            return
        for taker in tuple(self.takers):
            taker(change)

    def _is_wanted(self, change: Change) -> bool:
        row = change.old_record if change.kind is ChangeKind.DELETE else change.record
        # A delete carries the key only, an update not what it left as it was: what cannot be judged is passed on.
        return not self._columns <= row.keys() or self._where.matches(row)

    def _tell_gap(self, reason: GapReason) -> None:
        gap = Gap(reason, None, self._lost_at)
        for taker in tuple(self.takers):
            taker(gap)
        for gap_taker in tuple(self.gap_takers):
            gap_taker(gap)


class Hook(Subscription):
    """Changes as they come; made by `Live.on`. A context manager, and an async iterator for one reader.

    Each item is a `Change`, or a `Gap` where changes may be missing: after a reconnect, or when the reader was slower
    than what came. A gap reads like a change without rows. A hook that is dropped unclosed is closed, with a
    ResourceWarning.

    Examples
    --------
    >>> async with live.on("calls:campaign=7", "*", table="calls", where={"campaign_id": 7}) as changes:
    ...     async for change in changes:
    ...         print(change.kind, change.record)
    """

    def __init__(
        self,
        live: Live,
        source: HookSource,
        topic: str,
        callback: Callable[[Change], object] | None,
    ) -> None:
        # What ends with it must not hold it: it is to be collected as soon as it is dropped.
        ends: list[Callable[[], object]] = []
        super().__init__(lambda: [end() for end in ends], f"to {topic}")
        self._ends = ends
        self._live = live  # a hook keeps its connection
        self._source = source
        self._inbox: _Inbox | None = None
        if callback is None:
            self._inbox = _Inbox(source)
            ends.append(self._inbox.close)
        else:
            mailbox: Mailbox[Item] = Mailbox(
                _calls(callback, source), overflow, f"Live.on({topic!r})", MOST_WAITING
            )
            source.takers.append(_without_gaps(mailbox))
            ends.append(mailbox.close)
        release = weakref.finalize(self, source.end)
        release.atexit = False
        ends.append(release)

    @property
    def joined(self) -> bool:
        """Whether changes come now."""
        return self._source.joiner.channel is not None

    @property
    def error(self) -> LiveWidgetsError | None:
        """Why no changes come; None while they do, and before the first try."""
        return self._source.joiner.error

    def ready(self, timeout: float = 10.0) -> Self:
        """Wait until changes come.

        Raises
        ------
        LiveWidgetsError
            What stands in the way.
        """
        self._check_open()
        joiner = self._source.joiner
        self._live._upstream.thread.run(joiner.joined(timeout), timeout + 1.0)  # noqa: SLF001 - one room
        return self

    def on_gap(self, callback: Callable[[Gap], object]) -> Subscription:
        """Call a function where changes may be missing, on the kernel's main loop."""
        self._check_open()
        mailbox: Mailbox[Gap] = Mailbox(callback, newest, f"{self._name}, on_gap")
        takers = self._source.gap_takers
        takers.append(mailbox.put)

        def end() -> None:
            mailbox.close()
            if mailbox.put in takers:
                takers.remove(mailbox.put)

        return Subscription(end, "to gaps")

    def __aiter__(self) -> Self:
        if self._inbox is None:
            self._check_open()
            self._inbox = _Inbox(self._source)
            self._ends.append(self._inbox.close)
        return self

    async def __anext__(self) -> Item:
        if self._inbox is None:
            raise StopAsyncIteration
        return await self._inbox.get()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if not self.closed:
            warn_dropped(self, self._live._upstream)  # noqa: SLF001 - one room

    def _check_open(self) -> None:
        if self.closed:
            raise ClosedError("This hook was closed.", "Call live.on(...) again.")


class _Inbox:
    """Items that wait for one reader on whatever loop it runs; nothing is joined, what is too much is counted."""

    def __init__(self, source: HookSource) -> None:
        self._waiting: Waiting[Item] = Waiting(overflow, MOST_WAITING)
        self._source = source
        self._closed = False
        self._waker: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        source.takers.append(self.put)

    def put(self, item: Item) -> None:
        self._waiting.put(item)
        self._notify()

    def close(self) -> None:
        self._closed = True
        self._notify()

    def _notify(self) -> None:
        waker = self._waker
        if waker is not None:
            try:
                waker[0].call_soon_threadsafe(waker[1].set)
            except RuntimeError:  # the reader's loop is gone
                self._waker = None

    async def get(self) -> Item:
        event = asyncio.Event()
        self._waker = (asyncio.get_running_loop(), event)
        while True:
            event.clear()
            for item in self._waiting.take():
                if isinstance(item, Gap) and item.reason is GapReason.OVERFLOW:
                    _tell(self._source, item)
                return item
            if self._closed:
                raise StopAsyncIteration
            await event.wait()


def _bindings(event: str, schema: str, table: str, where: Where) -> tuple[Binding, ...]:
    said = where.realtime(tuple(where.columns()))
    if event == "*":
        return bindings_for(schema, table, said)
    # A delete carries the key only: any filter would lose it.
    return (Binding(event, schema, table, None if event == "DELETE" else said),)


def _calls(callback: Callable[[Change], object], source: HookSource) -> Callable[[Item], object]:
    def call(item: Item) -> object:
        if isinstance(item, Gap):
            logger.warning("A callback was slower than its changes: %s were left out.", item.missed)
            _tell(source, item)
            return None
        return callback(item)

    return call


def _without_gaps(mailbox: Mailbox[Item]) -> Callable[[Item], object]:
    """Pass changes only: gaps of the connection are told to `on_gap` at once."""
    return lambda item: None if isinstance(item, Gap) else mailbox.put(item)


def _tell(source: HookSource, gap: Gap) -> None:
    for taker in tuple(source.gap_takers):
        taker(gap)


def open_hook(
    live: Live,
    topic: str,
    event: str,
    callback: Callable[[Change], object] | None,
    *,
    table: str | None,
    where: Mapping[str, Any] | None,
    schema: str | None,
) -> Hook:
    """Check what `Live.on` was given, and begin.

    Raises
    ------
    FilterError
        The topic, the event or the filter cannot be understood.
    """
    if not isinstance(topic, str) or not topic:
        raise FilterError("The topic is empty or no text.", 'Write live.on("calls", "*", table="calls").')
    if event not in EVENTS:
        raise FilterError(f"There is no event {event!r}.", f"Write one of {', '.join(EVENTS)}.")
    if callback is not None and not callable(callback):
        raise FilterError(f"The callback is a {type(callback).__name__}.", "Give a function of one change.")
    judged = Where.parse(where)
    if judged and table is None:
        raise FilterError(
            "A filter needs a table.", f"Write live.on({topic!r}, {event!r}, table=..., where=...)."
        )
    upstream = live._upstream  # noqa: SLF001 - one room
    source = HookSource(upstream, topic, event, table or "*", schema or live.schema, judged)
    hook = Hook(live, source, topic, callback)
    upstream.handles.add(hook)
    upstream.thread.call(source.start)
    return hook
