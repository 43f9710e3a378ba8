"""The errors of livewidgets: one root, and each says what is wrong and what to do.

::

    LiveWidgetsError
    ├── ConfigError              settings are missing or malformed
    ├── UpstreamError            Supabase, or the way to it
    │   ├── UnreachableError     no answer from the URL (retried for ever)
    │   ├── KeyRefusedError      the API key or the access token is not accepted
    │   └── ProtocolError        the answer is not what the protocol says
    ├── TableError               a table cannot be followed; ``.table`` names it
    │   ├── UnknownTableError
    │   ├── NotPublishedError    the table is not in the publication ``supabase_realtime``
    │   ├── NoRightsError        the role may not read (or write) it
    │   ├── NoPrimaryKeyError
    │   ├── UnknownColumnError   ``.column`` names it
    │   ├── ConflictError        another writer was faster; ``.mine``, ``.theirs`` and ``.base``
    │   └── WriteRefusedError    the database does not take a write; what was shown is taken back
    │       ├── ReadOnlyError
    │       ├── RowNotAddedError
    │       └── RowVanishedError
    ├── FilterError              ``where``, ``order`` or ``limit`` cannot be understood (also a ValueError)
    ├── WindowError              a window's measures or lengths cannot be understood (also a ValueError)
    ├── HistoryError             a version is asked for that the table does not remember (also a LookupError)
    ├── RecordingError           a file is no recording, or damaged; or rows cannot be recorded
    ├── NotReadyError            ``ready()`` reached its limit (also a TimeoutError)
    ├── NotSettledError          ``Mutation.result()`` reached its limit (also a TimeoutError)
    ├── RoomError                a channel cannot be joined; ``.topic`` names it
    ├── NotConnectedError        the operation needs a connection and there is none
    ├── NotAcknowledgedError     a broadcast was not acknowledged in time (also a TimeoutError)
    ├── ClosedError              the object was closed
    ├── CommandError             a page asked for something that cannot be done
    ├── SandboxError             the embedded backend
    │   ├── PortInUseError
    │   ├── PostgresUnavailableError
    │   └── SandboxStartError
    └── SetupError               something that the machine should have is missing

A foreign exception is translated where it enters, with ``raise ... from``. No message holds a key, a token or a
phone number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class LiveWidgetsError(Exception):
    """The root of every error that livewidgets raises on purpose.

    Parameters
    ----------
    message
        What is wrong, in a sentence.
    advice
        What to do about it, in a sentence; shown after the message and, in a widget, on a line of its own.
    """

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.message} {self.advice}".rstrip()


class ConfigError(LiveWidgetsError):
    """Settings are missing or malformed."""


class UpstreamError(LiveWidgetsError):
    """Supabase, or the way to it."""


class UnreachableError(UpstreamError):
    """No answer from the URL; the connection is tried again for ever."""


class KeyRefusedError(UpstreamError):
    """The API key or the access token is not accepted."""


class ProtocolError(UpstreamError):
    """The server answered something that the protocol does not know."""


class TableError(LiveWidgetsError):
    """A table cannot be followed.

    Parameters
    ----------
    table
        Its name, with the schema where that is not ``public``.
    message, advice
        As in `LiveWidgetsError`.
    """

    def __init__(self, table: str, message: str, advice: str = "") -> None:
        super().__init__(message, advice)
        self.table = table


class UnknownTableError(TableError):
    """The table is not there, or the API does not show it."""

    def __init__(self, table: str) -> None:
        super().__init__(
            table,
            f"There is no table {table!r} in this project's API.",
            "Check the name and the schema; a table made a moment ago needs: notify pgrst, 'reload schema'.",
        )


class NotPublishedError(TableError):
    """The table is not in the publication that Realtime reads."""

    def __init__(self, table: str) -> None:
        super().__init__(
            table,
            f"Realtime does not publish changes of {table!r}.",
            f"Run: alter publication supabase_realtime add table {table};",
        )


class NoRightsError(TableError):
    """The role of this key may not read or write the table."""

    def __init__(self, table: str, verb: str = "read") -> None:
        grant = "select" if verb == "read" else "insert, update, delete"
        super().__init__(
            table,
            f"This key may not {verb} {table!r}.",
            f"Sign in, or run: grant {grant} on {table} to anon; and check its row-level security policies.",
        )


class NoPrimaryKeyError(TableError):
    """The table has no primary key, so its rows cannot be told apart."""

    def __init__(self, table: str) -> None:
        super().__init__(
            table,
            f"The table {table!r} has no primary key, so its rows cannot be told apart.",
            f"Run: alter table {table} add primary key (...);",
        )


class UnknownColumnError(TableError):
    """A column that is named is not there.

    Parameters
    ----------
    table, column
        Where it was looked for, and its name.
    known
        The columns that are there, for the advice; may be empty.
    """

    def __init__(self, table: str, column: str, known: tuple[str, ...] = ()) -> None:
        advice = f"Its columns are: {', '.join(known)}." if known else "Check the spelling."
        super().__init__(table, f"The table {table!r} has no column {column!r}.", advice)
        self.column = column


class ConflictError(TableError):
    """Another writer was faster, and the table's rule gave way to it.

    Parameters
    ----------
    table
        Where.
    mine, theirs, base
        The row as it was to be (None: deleted), as it is now, and as it was when the edit was made. Neither the
        message nor the repr shows them.
    """

    def __init__(
        self,
        table: str,
        mine: Mapping[str, Any] | None,
        theirs: Mapping[str, Any] | None,
        base: Mapping[str, Any] | None,
    ) -> None:
        super().__init__(
            table,
            f"A row of {table!r} was changed by somebody else meanwhile.",
            'Look at it and edit it again; conflict="merge" or "mine" decides such races by itself.',
        )
        self.mine = mine
        self.theirs = theirs
        self.base = base


class WriteRefusedError(TableError):
    """The database does not take a write."""


class ReadOnlyError(WriteRefusedError):
    """The table takes no writes from anybody."""

    def __init__(self, table: str) -> None:
        super().__init__(
            table,
            f"{table!r} is read-only.",
            "It is a view or a read replica: write to the table behind it.",
        )


class RowVanishedError(WriteRefusedError):
    """The row is not there, or not any more."""

    def __init__(self, table: str) -> None:
        super().__init__(
            table,
            f"The row of {table!r} is not there any more.",
            "It was deleted, or this key may not see it; insert it again if it should be there.",
        )


class RowNotAddedError(WriteRefusedError):
    """The row was to be added, and was not."""

    def __init__(self, table: str) -> None:
        super().__init__(
            table,
            f"The row of {table!r} was not added, so it is not changed either.",
            "Look at the error of its insert.",
        )


class FilterError(LiveWidgetsError, ValueError):
    """``where``, ``order``, ``limit`` or ``fixed`` cannot be understood."""


class WindowError(LiveWidgetsError, ValueError):
    """A window's measures, lengths or columns cannot be understood."""


class HistoryError(LiveWidgetsError, LookupError):
    """A version is asked for that the table does not remember, or that has not come yet."""


class RecordingError(LiveWidgetsError):
    """A file is no recording, or a damaged one; or it cannot be written."""


class NotReadyError(LiveWidgetsError, TimeoutError):
    """``ready()`` reached its limit before the first snapshot was there."""


class NotSettledError(LiveWidgetsError, TimeoutError):
    """``Mutation.result()`` reached its limit before the database had answered."""


class RoomError(LiveWidgetsError):
    """A channel cannot be joined, or not used as wished.

    Parameters
    ----------
    topic
        Its name.
    message, advice
        As in `LiveWidgetsError`.
    """

    def __init__(self, topic: str, message: str, advice: str = "") -> None:
        super().__init__(message, advice)
        self.topic = topic


class NotConnectedError(LiveWidgetsError):
    """The operation needs a connection and there is none."""


class NotAcknowledgedError(LiveWidgetsError, TimeoutError):
    """A broadcast was sent, and the server did not say in time that it took it."""


class ClosedError(LiveWidgetsError):
    """The object was closed and cannot be used again."""


class CommandError(LiveWidgetsError):
    """A page asked for something that cannot be done."""


class SandboxError(LiveWidgetsError):
    """The embedded backend."""


class PortInUseError(SandboxError):
    """Another program listens on the port."""


class PostgresUnavailableError(SandboxError):
    """There is no embedded Postgres for this platform, or it does not start."""


class SandboxStartError(SandboxError):
    """The sandbox did not come up."""


class SetupError(LiveWidgetsError):
    """Something that the machine should have is missing."""
