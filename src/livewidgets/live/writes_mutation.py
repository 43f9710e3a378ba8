"""What a write gives back at once: a `Mutation`."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from livewidgets.core.change import ChangeKind, Key, Row
from livewidgets.core.mutation import UNSETTLED, Edit, MutationState
from livewidgets.errors import LiveWidgetsError, NotSettledError
from livewidgets.live.delivery import Mailbox, newest
from livewidgets.live.subscription import Subscription

if TYPE_CHECKING:
    from livewidgets.live.writes import Writes


class Mutation:
    """One write: shown at once, answered by the database, and then seen in the table's own rows.

    Made by `LiveTable.insert`, `update` and `delete`. It can be awaited, which is what `result` does.

    Examples
    --------
    >>> m = calls.update(key, {"status": "completed"})
    >>> m.state, m.result(timeout=5), m.undo()
    """

    def __init__(self, writes: Writes, edit: Edit, table: str, *, queues: bool) -> None:
        self._writes = writes
        #: Whether it may wait for a connection: as the handle that it was made by.
        self._queues = queues
        self._edit = edit
        self._table = table
        self._answered: concurrent.futures.Future[Row | None] = concurrent.futures.Future()
        self._listeners: list[Callable[[Mutation], object]] = []

    # -- what it is ------------------------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """Its own id: whatever is sent again for it is written once."""
        return self._edit.id

    @property
    def table(self) -> str:
        """The table's name."""
        return self._table

    @property
    def kind(self) -> ChangeKind:
        """Insert, update or delete."""
        return self._edit.kind

    @property
    def key(self) -> Key:
        """The row's key, also of a row that is being inserted."""
        return self._edit.key

    @property
    def state(self) -> MutationState:
        """``pending``; ``accepted``: the database has it; ``synced``: so have the rows; ``rejected``; ``conflict``."""
        return self._edit.state

    @property
    def error(self) -> LiveWidgetsError | None:
        """Why it was rejected, or lost a race; else None."""
        return self._edit.error

    @property
    def settled(self) -> bool:
        """Nothing will happen to it any more."""
        return self._edit.state not in UNSETTLED

    def __repr__(self) -> str:
        return f"<Mutation: {self.kind.lower()} in {self._table}, {self.state}>"

    # -- what comes of it ------------------------------------------------------------------------------------------

    def result(self, timeout: float | None = 10.0) -> Row | None:
        """Wait until the database has taken it.

        Parameters
        ----------
        timeout
            The limit in seconds; None for none.

        Returns
        -------
        Row or None
            The row as the database has it; None after a delete.

        Raises
        ------
        ConflictError
            Another writer was faster, and the rule gave way.
        WriteRefusedError, NoRightsError
            The database does not take it; what was shown is taken back.
        NotSettledError
            The limit was reached; it goes on all the same.
        """
        if self._writes.is_current() and not self._answered.done():
            raise RuntimeError("A blocking call on the I/O thread would wait for itself.")
        try:
            return self._answered.result(timeout)
        except LiveWidgetsError as error:
            # It may be raised again and again: its old frames do not help a reader.
            raise error.with_traceback(None) from None
        except TimeoutError:
            raise NotSettledError(
                f"The database has not answered a write to {self._table!r} within {timeout:g} s.",
                "It stays pending and is settled when there is an answer; look at its state.",
            ) from None

    def __await__(self) -> Generator[Any, None, Row | None]:
        # Shielded: whoever waits no longer does not take the write back.
        return asyncio.shield(asyncio.wrap_future(self._answered)).__await__()

    def on_settled(self, callback: Callable[[Mutation], object]) -> Subscription:
        """Call a function once it is synced, rejected or lost, where `LiveTable.on_change` would; at once if it is."""
        mailbox = Mailbox[Mutation](callback, newest, f"{self._table}.on_settled")
        self._writes.call_soon(self._listen, mailbox.put)
        return Subscription(mailbox.close, f"to {self!r}")

    def undo(self) -> Mutation:
        """Take it back by a write of its own: what it changed becomes what it was, unless others changed it since.

        Returns
        -------
        Mutation
            The new one. Where this one was not written, that one has nothing to do.

        Raises
        ------
        NotConnectedError
            There is no connection, and the table was not opened with ``offline="queue"``; or too much waits already.
        """
        return self._writes.undo(self._edit, queues=self._queues)

    # -- the I/O thread --------------------------------------------------------------------------------------------

    def _listen(self, listener: Callable[[Mutation], object]) -> None:
        if self.settled:
            listener(self)
        else:
            self._listeners.append(listener)

    def _note(self) -> None:
        """Pass on that the state is another one."""
        if not self._answered.done() and self._edit.state is not MutationState.PENDING:
            if self._edit.error is not None:
                self._answered.set_exception(self._edit.error)
            else:
                self._answered.set_result(self._edit.row)
        if self.settled:
            for listener in self._listeners:
                listener(self)
            self._listeners.clear()
