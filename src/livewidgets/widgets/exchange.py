"""The hub's half on the I/O thread: feeds that open while somebody looks, ticks, beats, commands.

Everything in here runs on one loop. The rules are in `livewidgets.core.pages` and below; this gives them a clock,
a timer and a way out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from livewidgets.core.frame import Feed
from livewidgets.core.page_info import PageInfo
from livewidgets.core.pages import PROTOCOL, Pages
from livewidgets.errors import CommandError, LiveWidgetsError
from livewidgets.widgets.commands import Commands
from livewidgets.widgets.trouble import report, trouble_meta

#: Seconds between beats while somebody can see a page; a page takes two missed ones for silence.
BEAT = 1.0
#: Seconds between beats while the pages that are there are hidden: who comes back should not find silence.
HIDDEN_BEAT = 5.0
#: Seconds between beats at least: a hello is answered by one.
BEAT_PAUSE = 0.25
#: Seconds between looks at the main loop while a page is there.
PULSE = 0.25
#: The main loop counts as busy after this many seconds without an answer.
BUSY_AFTER = 0.3


class Loop(Protocol):
    """What is used of an asyncio loop."""

    def time(self) -> float: ...  # noqa: D102
    def call_later(self, delay: float, callback: Callable[[], object], /) -> Any: ...  # noqa: ANN401, D102


class Probe(Protocol):
    """What is used of `livewidgets.widgets.probe.MainLoopProbe`."""

    def ask(self) -> None: ...  # noqa: D102
    def busy_for(self) -> float: ...  # noqa: D102


class Source(Protocol):
    """Where a feed's rows come from. All of it is called on the I/O thread."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the cells, in order."""

    def open(self, feed: OpenFeed) -> Callable[[], None]:
        """Begin to fill the feed; return what ends it."""

    def beat(self, feed: OpenFeed) -> float | None:
        """Note that time has passed; return how many seconds ago upstream was last known to be right."""

    def command(self, name: str, args: Any) -> Any:  # noqa: ANN401
        """Carry out what a page asks for; raise `CommandError` for what cannot be done."""


class OpenFeed:
    """A feed while somebody looks at it: what a `Source` writes to."""

    def __init__(self, rows: Feed, exchange: Exchange) -> None:
        self.rows = rows
        self._exchange = exchange
        self._timer: Any = None

    def apply(self, upserted: Mapping[str, Sequence[Any]], removed: Sequence[str] = ()) -> None:
        """Put and remove rows."""
        if self.rows.apply(upserted, removed):
            self._exchange.news()

    def replace(self, rows: Mapping[str, Sequence[Any]]) -> None:
        """Make these all the rows."""
        if self.rows.replace(rows):
            self._exchange.news()

    def describe(self, meta: Mapping[str, Any]) -> None:
        """Set the meta, whole."""
        if self.rows.describe(meta):
            self._exchange.news()

    def later(self, seconds: float | None, call: Callable[[], object]) -> None:
        """Call a function once in a while, instead of the one asked for before; None for never."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self._exchange.loop.call_later(max(0.0, seconds), call)


class _Gone:
    """A feed whose widget is not there (any more): the page is told so."""

    columns: tuple[str, ...] = ()

    def open(self, feed: OpenFeed) -> Callable[[], None]:
        feed.describe(
            {
                "state": "closed",
                "since": time.time() * 1000,
                "rows": 0,
                "partial": False,
                "version": 0,
                "masked": True,
            }
        )
        return lambda: None

    def beat(self, feed: OpenFeed) -> float | None:
        return None

    def command(self, name: str, args: object) -> object:
        raise CommandError("This widget was closed.", "Run its cell again.")


class Exchange:
    """Connects sources with pages.

    Parameters
    ----------
    epoch
        Names this hub's life.
    send
        Sends one message with its buffers.
    loop
        Clock and timers.
    probe
        Looks at the main loop.
    wall
        Seconds since 1970, for what the page compares with its own clock.
    tell
        Called when a page has come, gone, or said something new of itself, with all that are there.
    """

    def __init__(
        self,
        epoch: str,
        send: Callable[[Mapping[str, Any], list[bytes]], object],
        loop: Loop,
        probe: Probe,
        wall: Callable[[], float] = time.time,
        tell: Callable[[tuple[PageInfo, ...]], object] = lambda _pages: None,
    ) -> None:
        self.loop = loop
        self.pages = Pages(epoch)
        self.sent = 0
        self._send = send
        self._probe = probe
        self._wall = wall
        self._tell = tell
        self._told = self.pages.present
        self._sources: dict[str, Source] = {}
        self._open: dict[str, tuple[OpenFeed, Callable[[], None], Source]] = {}
        self._version = 0
        self._turn: Any = None
        self._turn_at = 0.0
        self._pulse: Any = None
        self._beat_at = self._beaten_at = float("-inf")
        self._beats = 0
        self._commands = Commands(lambda name: self._sources.get(name, _GONE), self._post, loop)
        self._closed = False

    # Feeds

    def register(self, name: str, source: Source) -> None:
        """Offer a feed; nothing is opened before a page shows it."""
        if not self._closed:
            self._sources[name] = source
            self.refresh(name)

    def unregister(self, name: str) -> None:
        """Take a feed back."""
        self._sources.pop(name, None)
        self.refresh(name)

    def refresh(self, name: str) -> None:
        """Begin a feed again where its source has changed; pages get the difference."""
        if name not in self._open:
            return
        source = self._sources.get(name, _GONE)
        feed, end, old = self._open[name]
        _guarded(end, name)
        if source.columns != old.columns:
            self._shut(name)
            self.news()
            return
        feed.later(None, end)
        self._begin(name, feed, source)
        self.news()

    def _follow(self) -> None:
        """Open what is shown, shut what is not."""
        wanted = self.pages.wanted()
        for name in [name for name in self._open if name not in wanted]:
            _guarded(self._open[name][1], name)
            self._shut(name)
        for name in wanted:
            if name not in self._open:
                source = self._sources.get(name, _GONE)
                rows = self.pages.feeds[name] = Feed(name, source.columns, version=self._version)
                self._begin(name, OpenFeed(rows, self), source)

    def _begin(self, name: str, feed: OpenFeed, source: Source) -> None:
        self._open[name] = (feed, lambda: None, source)
        try:
            self._open[name] = (feed, source.open(feed), source)
        except LiveWidgetsError as error:
            feed.describe(trouble_meta(error, self._wall()))
        except Exception as error:  # noqa: BLE001 - one view's fault must not take the others along
            report(f"The feed {name} could not be opened", error)
            feed.describe(trouble_meta(error, self._wall()))

    def _shut(self, name: str) -> None:
        feed, _, _ = self._open.pop(name)
        feed.later(None, lambda: None)
        del self.pages.feeds[name]
        self._version = max(self._version, feed.rows.version)

    # Pages

    def hear(self, content: object) -> None:
        """Take what a page said."""
        if self._closed or not isinstance(content, Mapping):
            return
        if not self.pages.hear(content, self.loop.time()) and content.get("t") == "cmd":
            self._commands.carry_out(content)
        if content.get("t") == "hello":
            # Who asks whether anybody is there should not wait for the next beat.
            self._beat_soon()
        self._tell_pages()
        self.news()

    def _tell_pages(self) -> None:
        if self.pages.present is not self._told:
            self._told = self.pages.present
            self._tell(self._told)

    def news(self) -> None:
        """Something may be there to send: look at it when this turn of the loop is over."""
        self._schedule(self.loop.time())

    def _schedule(self, at: float) -> None:
        if self._closed or (self._turn is not None and self._turn_at <= at):
            return
        if self._turn is not None:
            self._turn.cancel()
        self._turn_at = at
        self._turn = self.loop.call_later(max(0.0, at - self.loop.time()), self._take_turn)

    def _take_turn(self) -> None:
        self._turn = None
        if self._closed:
            return
        now = self.loop.time()
        self.pages.watch(now=now, busy=self._probe.busy_for() > BUSY_AFTER)
        self._tell_pages()
        self._follow()
        if not self.pages.alive:
            self._rest()
            return
        if self._pulse is None:
            self._beat_at = now
            self._look()
        beat = self._beat() if now >= self._beat_at else None
        to, buffers = self.pages.tick(now)
        if to or beat is not None:
            message: dict[str, Any] = {
                "t": "tick",
                "v": PROTOCOL,
                "epoch": self.pages.epoch,
                "at": round(self._wall() * 1000),
                "to": to,
            }
            if beat is not None:
                message["beat"] = beat
            self._post(message, buffers)
        later = self.pages.next_at()
        self._schedule(self._beat_at if later is None else min(later, self._beat_at))

    def _look(self) -> None:
        """Ask the main loop, for as long as a page is there."""
        self._probe.ask()
        self._pulse = self.loop.call_later(PULSE, self._looked)

    def _looked(self) -> None:
        if (self._probe.busy_for() > BUSY_AFTER) != self.pages.busy:
            if self.pages.busy:
                # What was said of a busy kernel should not outlast it.
                self._beat_soon()
            self.news()
        self._look()

    def _rest(self) -> None:
        """Nobody is there: no timer runs until somebody says hello."""
        if self._pulse is not None:
            self._pulse.cancel()
            self._pulse = None

    def _beat_soon(self) -> None:
        self._beat_at = min(self._beat_at, self._beaten_at + BEAT_PAUSE)

    def _beat(self) -> dict[str, Any]:
        self._beats += 1
        self._beaten_at = self.loop.time()
        self._beat_at = self._beaten_at + (BEAT if self.pages.watched else HIDDEN_BEAT)
        ages: dict[str, int | None] = {}
        for name, (feed, _, source) in self._open.items():
            age = _guarded(partial(source.beat, feed), name)
            ages[name] = None if age is None else round(1000 * age)
        busy = self._probe.busy_for()
        return {
            "k": self._beats,
            "busy_ms": round(1000 * busy) if busy > BUSY_AFTER else 0,
            "ages": ages,
            "ask": self.pages.asks(self._beaten_at),
        }

    def _post(self, message: Mapping[str, Any], buffers: list[bytes]) -> None:
        self.sent += 1
        try:
            self._send(message, buffers)
        except Exception as error:  # noqa: BLE001 - the next one may get through
            report("A message to the pages could not be sent", error)

    # The end

    def close(self) -> None:
        """End every feed and timer."""
        self._closed = True
        for timer in (self._turn, self._pulse):
            if timer is not None:
                timer.cancel()
        self._turn = self._pulse = None
        for name in list(self._open):
            _guarded(self._open[name][1], name)
            self._shut(name)
        self._commands.close()
        self._sources.clear()


_GONE = _Gone()


def _guarded(call: Callable[[], float | None], name: str) -> float | None:
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - one view's fault must not take the others along
        report(f"The feed {name} failed", error)
        return None
