"""What a socket's protocol state asks of its driver, and what the two know about a channel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from livewidgets.sandbox.auth import Claims


@dataclass(frozen=True, slots=True)
class Policies:
    """What row-level security on ``realtime.messages`` allows in a private channel; None where it was not asked."""

    broadcast_read: bool | None = None
    presence_read: bool | None = None
    broadcast_write: bool | None = None
    presence_write: bool | None = None


@dataclass(eq=False)
class Channel:
    """A joined topic.

    Attributes
    ----------
    topic, name
        ``realtime:room`` and ``room``.
    join_ref
        The ref of its join; its ``phx_close`` carries it.
    claims
        On whose behalf it reads.
    raw_bindings
        The postgres_changes that it asked for.
    ack, own
        Whether it wants replies to its broadcasts, and these themselves.
    presence
        Whether it takes part in presence: its join said so, or it tracked.
    policies
        What it may do; None for a public channel, where everybody may everything.
    replayed
        Ids of the stored messages that it got when it joined.
    """

    topic: str
    name: str
    join_ref: Any
    claims: Claims
    raw_bindings: list[dict[str, Any]]
    ack: bool = False
    own: bool = False
    presence: bool = False
    presence_key: str = ""
    policies: Policies | None = None
    replayed: frozenset[str] = frozenset()
    closed: bool = False
    #: Raised by each token refresh: an answer to an older question is dropped.
    generation: int = 0
    #: Presence messages in the current window, and when it ends.
    presence_calls: int = 0
    presence_window: float = 0.0

    @property
    def private(self) -> bool:
        """Whether policies decide. A private and a public channel of the same name are two."""
        return self.policies is not None

    @property
    def hears_broadcast(self) -> bool:
        """Whether broadcasts are for it."""
        return self.policies is None or self.policies.broadcast_read is True

    @property
    def hears_presence(self) -> bool:
        """Whether presence is for it."""
        return self.policies is None or self.policies.presence_read is True


@dataclass(frozen=True, slots=True)
class Replay:
    """The stored messages that a join asks for: since epoch milliseconds, so many at most."""

    since: int
    limit: int


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored message: its id, event and payload (what its JSON means, or bytes that are none)."""

    id: str
    event: str
    body: Any


@dataclass(frozen=True, slots=True)
class Verdict:
    """The database's answer to `Ask`.

    Attributes
    ----------
    read, write
        By extension.
    available
        False when the database did not answer.
    """

    read: Mapping[str, bool] = field(default_factory=dict)
    write: Mapping[str, bool] = field(default_factory=dict)
    messages: tuple[Stored, ...] = ()
    available: bool = True


@dataclass(frozen=True, slots=True)
class Send:
    """Send this frame."""

    frame: str | bytes


@dataclass(frozen=True, slots=True)
class Refuse:
    """Send this frame, which refuses a join; the real server takes its time for it, and reads nothing meanwhile."""

    frame: str | bytes


@dataclass(frozen=True, slots=True)
class Close:
    """Close the socket."""

    code: int


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the database what the policies say, and go on with the effects of ``resume(verdict)``; read nothing before.

    Attributes
    ----------
    name
        The topic, without ``realtime:``.
    read, write
        The extensions to ask for.
    """

    name: str
    claims: Claims
    resume: Callable[[Verdict], list[Effect]]
    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    replay: Replay | None = None


@dataclass(frozen=True, slots=True)
class Joined:
    """The channel is there: others may now talk to it, and if it wants that, it is told who is here."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class Left:
    """The channel is gone: end what it has open."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Ask the database for its bindings, then call `Connection.subscribed` or `Connection.failed`."""

    channel: Channel
    generation: int


@dataclass(frozen=True, slots=True)
class AwaitStream:
    """Call `Connection.replicating` once what the database broadcasts is delivered."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Tell the other channels of the topic, and the sender too when its join asked for that."""

    channel: Channel
    payload: Any


@dataclass(frozen=True, slots=True)
class Presence:
    """A track (with what is told about the user) or an untrack (None)."""

    channel: Channel
    meta: Mapping[str, Any] | None


Effect = Send | Refuse | Close | Ask | Joined | Left | Subscribe | AwaitStream | Broadcast | Presence
