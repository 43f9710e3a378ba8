"""The case at hand: which project and table, as whom, and what the checks have learned so far."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from livewidgets.live.catalog import TableShape

if TYPE_CHECKING:
    from livewidgets.core.change import Change
    from livewidgets.errors import LiveWidgetsError
    from livewidgets.live.diagnosis import Contact, Questions, Reply
    from livewidgets.live.diagnosis_ear import Ear


@dataclass(slots=True)
class Wanted:
    """What was found of the settings, before any of it was checked.

    Attributes
    ----------
    url, key
        As they were found; None where they were not.
    url_from, key_from
        Where.
    trouble, advice
        Why there is nothing to look at; empty where there is.
    """

    url: str | None = None
    key: str | None = field(default=None, repr=False)
    url_from: str = ""
    key_from: str = ""
    trouble: str = ""
    advice: str = ""


@dataclass(slots=True)
class Limits:
    """How long to wait, in seconds.

    Attributes
    ----------
    step
        For each answer.
    change
        For a change to arrive.
    """

    step: float = 10.0
    change: float = 5.0


@dataclass
class Case:
    """Everything that the checks ask and learn.

    Attributes
    ----------
    wanted
        The settings as found.
    table, schema
        What to look at; no table looks at the connection alone.
    token
        The access token of a signed-in user.
    witness
        A service key to compare with: it sees every row. Only read with, but in a sandbox, whose rows it may touch.
    may_write
        Whether a row may be touched to see a change arrive.
    wall
        This machine's clock.
    url, key
        Once they were checked.
    contact
        How far one came towards the server.
    role
        The database role that the server takes us for, as far as it can be told.
    first
        The REST service's first answer.
    shapes
        The tables that this role can see; None where the project does not tell.
    reading
        The answer to a read of the table.
    rows
        How many rows are visible; None where that is not known.
    ear, joining, join_seconds
        The one websocket; why joining the table's changes failed, or how long it took.
    refused_identity
        Postgres refused an update since the rows have no replica identity.
    heard
        The change that arrived.
    """

    wanted: Wanted
    table: str | None = None
    schema: str = "public"
    token: str | None = field(default=None, repr=False)
    witness: str | None = field(default=None, repr=False)
    witness_writes: bool = False
    may_write: bool = False
    limits: Limits = field(default_factory=Limits)
    wall: Callable[[], float] = time.time

    url: str = ""
    key: str = field(default="", repr=False)
    role: str = "anon"
    contact: Contact | None = None
    first: Reply | None = None
    shapes: Mapping[str, TableShape] | None = None
    reading: Reply | None = None
    rows: int | None = None
    ear: Ear | None = None
    joining: LiveWidgetsError | None = None
    join_seconds: float = 0.0
    refused_identity: bool = False
    heard: Change | None = None
    _open: AsyncExitStack = field(default_factory=AsyncExitStack, repr=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def asking(self, key: str | None = None, token: str | None = None) -> Questions:
        """Give somebody to ask the REST service: as this key and token, or as the case's own."""
        from livewidgets.live.diagnosis import Questions

        own = key is None
        questions = Questions(
            self.url,
            self.key if key is None else key,
            self.token if own else token,
            self.schema,
            self.limits.step,
            self.wall,
        )
        return await self._open.enter_async_context(questions)

    async def listening(self) -> Ear:
        """Give the one websocket."""
        from livewidgets.live.diagnosis_ear import Ear

        if self.ear is None:
            self.ear = Ear(self.url, self.key, self.token, self.schema, self.limits.step)
            self._open.push_async_callback(self.ear.close)
        return self.ear

    @property
    def shape(self) -> TableShape | None:
        """The table's columns and key, where the project tells them."""
        return (self.shapes or {}).get(self.table or "")

    @property
    def sql(self) -> str:
        """The table's name in SQL."""
        return sql_name(self.schema, self.table or "?")


def sql_name(*parts: str) -> str:
    """Write a name as SQL wants it, quoted where it must be."""
    return ".".join(map(quoted, parts))


#: Words that SQL keeps to itself and that people like as names.
_RESERVED = frozenset(
    {
        "all",
        "analyse",
        "check",
        "column",
        "default",
        "desc",
        "end",
        "group",
        "limit",
        "offset",
        "order",
        "references",
        "table",
        "to",
        "user",
        "when",
    }
)


def quoted(name: str) -> str:
    """Write one part of a name, in quotes unless it is plain."""
    plain = re.fullmatch(r"[a-z_][a-z0-9_]*", name) is not None and name not in _RESERVED
    return name if plain else '"' + name.replace('"', '""') + '"'
