"""The connection to Supabase as a state machine: what it is in, what may happen, when to try again.

::

    connecting ──opened──► catching-up ──caught up──► live
        │  ▲                 │    ▲                    │
        │  └──retry──┐       │    └──fell behind───────┤
        ▼            │       ▼                         ▼
      lost ─────► reconnecting ◄──────────lost─────────┘
    refused: a fatal answer, from any state; only a retry or new credentials leave it.
    closed: from any state; nothing leaves it.

Connected, subscribed and caught up are three facts. ``live`` says that all three hold: channels that are open and not
yet caught up are counted, and one of them is enough for ``catching-up``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from livewidgets.errors import ConfigError, KeyRefusedError, LiveWidgetsError, TableError


class ConnectionState(StrEnum):
    """What a connection is in."""

    CONNECTING = "connecting"
    CATCHING_UP = "catching-up"
    LIVE = "live"
    RECONNECTING = "reconnecting"
    REFUSED = "refused"
    CLOSED = "closed"


class ConnectionEvent(StrEnum):
    """What may happen to it."""

    #: The websocket is open.
    OPENED = "opened"
    #: The websocket is gone, or its peer is silent.
    LOST = "lost"
    #: The last channel that was behind has caught up (or there is none).
    CAUGHT_UP = "caught-up"
    #: A channel was added or has lost its stream.
    FELL_BEHIND = "fell-behind"
    #: The next attempt begins: its time has come, or the user wants it now.
    RETRY = "retry"
    #: The server will not have us, and would say so again.
    REFUSED = "refused"
    #: The user closed it.
    CLOSE = "close"


_S, _E = ConnectionState, ConnectionEvent

#: Every state and every event: what comes next. An event that means nothing in a state leaves it as it is.
TRANSITIONS: Final[Mapping[tuple[ConnectionState, ConnectionEvent], ConnectionState]] = MappingProxyType(
    {
        (_S.CONNECTING, _E.OPENED): _S.CATCHING_UP,
        (_S.CONNECTING, _E.LOST): _S.RECONNECTING,
        (_S.CONNECTING, _E.CAUGHT_UP): _S.CONNECTING,
        (_S.CONNECTING, _E.FELL_BEHIND): _S.CONNECTING,
        (_S.CONNECTING, _E.RETRY): _S.CONNECTING,
        (_S.CONNECTING, _E.REFUSED): _S.REFUSED,
        (_S.CONNECTING, _E.CLOSE): _S.CLOSED,
        # Open again without a loss in between: the client made a new socket, and the streams begin anew.
        (_S.CATCHING_UP, _E.OPENED): _S.CATCHING_UP,
        (_S.CATCHING_UP, _E.LOST): _S.RECONNECTING,
        (_S.CATCHING_UP, _E.CAUGHT_UP): _S.LIVE,
        (_S.CATCHING_UP, _E.FELL_BEHIND): _S.CATCHING_UP,
        (_S.CATCHING_UP, _E.RETRY): _S.CATCHING_UP,
        (_S.CATCHING_UP, _E.REFUSED): _S.REFUSED,
        (_S.CATCHING_UP, _E.CLOSE): _S.CLOSED,
        (_S.LIVE, _E.OPENED): _S.CATCHING_UP,
        (_S.LIVE, _E.LOST): _S.RECONNECTING,
        (_S.LIVE, _E.CAUGHT_UP): _S.LIVE,
        (_S.LIVE, _E.FELL_BEHIND): _S.CATCHING_UP,
        (_S.LIVE, _E.RETRY): _S.LIVE,
        (_S.LIVE, _E.REFUSED): _S.REFUSED,
        (_S.LIVE, _E.CLOSE): _S.CLOSED,
        (_S.RECONNECTING, _E.OPENED): _S.CATCHING_UP,
        (_S.RECONNECTING, _E.LOST): _S.RECONNECTING,
        (_S.RECONNECTING, _E.CAUGHT_UP): _S.RECONNECTING,
        (_S.RECONNECTING, _E.FELL_BEHIND): _S.RECONNECTING,
        (_S.RECONNECTING, _E.RETRY): _S.RECONNECTING,
        (_S.RECONNECTING, _E.REFUSED): _S.REFUSED,
        (_S.RECONNECTING, _E.CLOSE): _S.CLOSED,
        # A late answer of an attempt made before the refusal changes nothing.
        (_S.REFUSED, _E.OPENED): _S.REFUSED,
        (_S.REFUSED, _E.LOST): _S.REFUSED,
        (_S.REFUSED, _E.CAUGHT_UP): _S.REFUSED,
        (_S.REFUSED, _E.FELL_BEHIND): _S.REFUSED,
        (_S.REFUSED, _E.RETRY): _S.CONNECTING,
        (_S.REFUSED, _E.REFUSED): _S.REFUSED,
        (_S.REFUSED, _E.CLOSE): _S.CLOSED,
        (_S.CLOSED, _E.OPENED): _S.CLOSED,
        (_S.CLOSED, _E.LOST): _S.CLOSED,
        (_S.CLOSED, _E.CAUGHT_UP): _S.CLOSED,
        (_S.CLOSED, _E.FELL_BEHIND): _S.CLOSED,
        (_S.CLOSED, _E.RETRY): _S.CLOSED,
        (_S.CLOSED, _E.REFUSED): _S.CLOSED,
        (_S.CLOSED, _E.CLOSE): _S.CLOSED,
    }
)


@dataclass(frozen=True, slots=True)
class ConnectionStatus:
    """What a connection is in, in the words that are shown.

    Attributes
    ----------
    state
        One of `ConnectionState`; compares equal to its text.
    since
        When that began, seconds since 1970.
    attempt
        Attempts since it was last open; 0 while it is.
    retry_in
        Seconds from ``since``, or from the last attempt, to the next one; None where none is planned.
    error
        What went wrong last; None once all is well.
    latency_ms
        Round trip to Realtime, as last measured.
    legs
        ``"rest"`` and ``"realtime"``: seconds since each last gave a sign of life; None before the first.
    """

    state: ConnectionState
    since: float
    attempt: int = 0
    retry_in: float | None = None
    error: LiveWidgetsError | None = None
    latency_ms: float | None = None
    legs: Mapping[str, float | None] = field(default_factory=lambda: {"rest": None, "realtime": None})

    def __repr__(self) -> str:
        parts = [f"state={self.state.value!r}", f"since={self.since:.3f}"]
        if self.attempt:
            parts.append(f"attempt={self.attempt}")
        if self.retry_in is not None:
            parts.append(f"retry_in={self.retry_in:.1f}")
        if self.error is not None:
            # By its kind only: its message is for a line of its own, and may quote what came from elsewhere.
            parts.append(f"error={type(self.error).__name__}")
        if self.latency_ms is not None:
            parts.append(f"latency_ms={self.latency_ms:.0f}")
        return f"ConnectionStatus({', '.join(parts)})"


class Connection:
    """The state machine of one connection; time is an argument everywhere.

    Parameters
    ----------
    now
        Seconds since 1970.
    """

    def __init__(self, now: float) -> None:
        self._status = ConnectionStatus(ConnectionState.CONNECTING, now)
        self._channels: dict[str, bool] = {}  # by name: whether it has caught up
        self._proofs: dict[str, float | None] = {"rest": None, "realtime": None}

    @property
    def state(self) -> ConnectionState:
        """What it is in."""
        return self._status.state

    @property
    def behind(self) -> frozenset[str]:
        """Names of the channels that are not caught up."""
        return frozenset(name for name, caught_up in self._channels.items() if not caught_up)

    def status(self, now: float) -> ConnectionStatus:
        """Say what it is in, with the age of each leg at this moment."""
        legs = {leg: None if seen is None else max(0.0, now - seen) for leg, seen in self._proofs.items()}
        return replace(self._status, legs=MappingProxyType(legs))

    def opened(self, now: float) -> None:
        """Note that the websocket is open; every channel is behind until it says otherwise."""
        if self._to(ConnectionEvent.OPENED, now, attempt=0, retry_in=None):
            self._channels = dict.fromkeys(self._channels, False)
            self.proof("realtime", now)
            self._settle(now)

    def lost(self, now: float, error: LiveWidgetsError | None, *, retry_in: float | None = None) -> None:
        """Note that the websocket is gone, or an attempt has failed; ``retry_in`` seconds to the next one.

        An error that trying again cannot mend refuses the connection.
        """
        if error is not None and not retryable(error):
            self.refused(now, error)
        elif self._to(
            ConnectionEvent.LOST,
            now,
            attempt=self._status.attempt + 1,
            retry_in=retry_in,
            error=error,
            latency_ms=None,
        ):
            self._channels = dict.fromkeys(self._channels, False)

    def retry(self, now: float) -> None:
        """Begin the next attempt."""
        if self._to(ConnectionEvent.RETRY, now) and self.state in (
            ConnectionState.CONNECTING,
            ConnectionState.RECONNECTING,
        ):
            self._status = replace(self._status, retry_in=None)

    def refused(self, now: float, error: LiveWidgetsError) -> None:
        """Note that the server will not have us."""
        self._to(ConnectionEvent.REFUSED, now, error=error, retry_in=None, latency_ms=None)

    def close(self, now: float) -> None:
        """Close it; nothing that happens later changes it."""
        if self._to(ConnectionEvent.CLOSE, now, attempt=0, retry_in=None, error=None, latency_ms=None):
            self._channels.clear()

    def fell_behind(self, channel: str, now: float) -> None:
        """Note a channel that is new, or whose stream is lost."""
        if self.state is not ConnectionState.CLOSED:
            self._channels[channel] = False
            self._to(ConnectionEvent.FELL_BEHIND, now)

    def caught_up(self, channel: str, now: float) -> None:
        """Note a channel that shows what the database holds; one that was closed meanwhile is not heard."""
        if channel in self._channels:
            self._channels[channel] = True
            self._settle(now)

    def left(self, channel: str, now: float) -> None:
        """Note a channel that was closed: nothing waits for it any more."""
        if self._channels.pop(channel, None) is not None:
            self._settle(now)

    def proof(self, leg: str, now: float, *, latency_ms: float | None = None) -> None:
        """Note a sign of life of a leg, ``"rest"`` or ``"realtime"``."""
        self._proofs[leg] = now
        if latency_ms is not None:
            self._status = replace(self._status, latency_ms=latency_ms)

    def _settle(self, now: float) -> None:
        if all(self._channels.values()):
            self._to(ConnectionEvent.CAUGHT_UP, now)

    def _to(self, event: ConnectionEvent, now: float, **facts: Any) -> bool:  # noqa: ANN401 - fields of the status
        """Follow the table, with what else is true from here on; tell whether the event means anything here."""
        before = self.state
        after = TRANSITIONS[before, event]
        if after is not before:
            facts |= {"state": after, "since": now}
            if after is ConnectionState.LIVE:
                facts["error"] = None
        elif before in (ConnectionState.CLOSED, ConnectionState.REFUSED):
            return False
        # In one step: other threads read it.
        self._status = replace(self._status, **facts)
        return True


def backoff(chance: Callable[[], float], *, base: float = 0.5, cap: float = 30.0) -> Iterator[float]:
    """Give the waits before the attempts of one outage, in seconds, for ever: full jitter.

    Parameters
    ----------
    chance
        Gives numbers from 0 up to 1, such as ``random.random``. Many kernels lose one server at the same moment; chance
        keeps them from coming back at the same moment.
    base, cap
        The first wait is at most ``base``, each later one at most twice the bound before, none above ``cap``.
    """
    bound = base
    while True:
        yield chance() * bound
        bound = min(cap, bound * 2)


def retryable(error: BaseException) -> bool:
    """Tell whether trying again may help: not for a key that is refused, nor for settings or a table that are wrong."""
    return not isinstance(error, KeyRefusedError | ConfigError | TableError)
