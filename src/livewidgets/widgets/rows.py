"""Rows of one table, column by column, as the feed of a component: enough for most components of one's own."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from livewidgets.core.change import Key, Patch, Row
from livewidgets.core.frame import clean, key_text
from livewidgets.core.mask import keyed_hash, mask_row
from livewidgets.core.mask_cells import is_personal, masked_cell
from livewidgets.live.client import Live
from livewidgets.live.table import LiveTable
from livewidgets.widgets.exchange import OpenFeed
from livewidgets.widgets.lease import lease_of
from livewidgets.widgets.tables import TablesSource

#: What a page can hold in a cell.
Cell: TypeAlias = bool | int | float | str | None


class RowsSource(TablesSource):
    """Shows columns of a table's rows, and what is worked out of them, while somebody looks.

    Parameters
    ----------
    data
        A `LiveTable`, which stays the caller's to close; or a `Live`: then `table` is followed while somebody looks.
    columns
        The names of the columns that the page gets; or names to functions of a row, for what has to be worked out.
        A function runs on the I/O thread, so it must be quick and touch nothing else.
    table
        With a `Live`: the table's name.
    masked
        Mask phone numbers and e-mail addresses, before they leave the kernel; a function gets masked rows.
    **request
        With a `Live`: ``where``, ``order``, ``limit`` and the like, as `Live.table` takes them.

    Raises
    ------
    TypeError
        `data` is neither, or no table is named.

    Examples
    --------
    >>> RowsSource(live, ("name", "state"), table="agents", order="name")
    >>> RowsSource(calls, {"caller": lambda row: row["caller_number"], "status": lambda row: row["status"]})
    """

    def __init__(
        self,
        data: Live | LiveTable,
        columns: Sequence[str] | Mapping[str, Callable[[Row], object]],
        *,
        table: str = "",
        masked: bool = True,
        **request: Any,  # noqa: ANN401 - as `Live.table` takes them
    ) -> None:
        if not isinstance(data, Live | LiveTable):
            raise TypeError(f"A component takes a Live or a LiveTable, not {type(data).__name__}.")
        if isinstance(data, Live) and not table:
            raise TypeError('With a Live the table has to be named: table="agents".')
        if isinstance(data, LiveTable) and request:
            raise TypeError(
                f"`{next(iter(request))}` goes with a Live; the LiveTable has its rows chosen already."
            )
        super().__init__({"rows": lease_of(data, table, **request)}, masked=masked)
        self.columns = tuple(columns)
        self._made = columns if isinstance(columns, Mapping) else {}
        self._secret = secrets.token_bytes(16)

    def begin(self, feed: OpenFeed) -> None:
        """Show the rows that there are."""
        feed.replace({self._name(key): self._cells(row) for key, row in self.rows("rows").items()})

    def patch(self, feed: OpenFeed, name: str, patch: Patch) -> None:
        """Show what changed."""
        feed.apply(
            {self._name(key): self._cells(row) for key, row in patch.upserted.items()},
            [self._name(key) for key in patch.removed],
        )

    def _name(self, key: Key) -> str:
        text = key_text(key)
        # A number that is a key must not get to the page as one.
        personal = self.masked and any(is_personal(column) for column in self.table("rows")._replica.key)  # noqa: SLF001 - same house, I/O thread
        return keyed_hash(text, self._secret) if personal else text

    def _cells(self, row: Row) -> tuple[Cell, ...]:
        seen = mask_row(row) if self.masked and self._made else row
        return tuple(
            self._cell(name, self._made[name](seen) if name in self._made else row.get(name))
            for name in self.columns
        )

    def _cell(self, name: str, value: object) -> Cell:
        cell = clean(masked_cell(name, value) if self.masked else value)
        if cell is None or isinstance(cell, bool | int | float | str):
            return cell
        return json.dumps(cell, ensure_ascii=False)
