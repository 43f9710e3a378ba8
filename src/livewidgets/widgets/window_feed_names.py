"""Names for the values that make a chart's series."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from livewidgets.core.call_status import STATUS_WORDS
from livewidgets.live.client import Live
from livewidgets.live.table import LiveTable
from livewidgets.widgets.call_tracker import NAMES
from livewidgets.widgets.lease import Borrowed
from livewidgets.widgets.lookup import Lookup, open_lookup

#: Characters of an id where its name is not to be had.
SHORT: Final = 8


class Names:
    """Looks up names for ids.

    Parameters
    ----------
    lookups
        By column.
    given
        Names by id, for any column.
    """

    def __init__(self, lookups: Mapping[str, Lookup], given: Mapping[Any, Any] | None = None) -> None:
        self._lookups = lookups
        self._given = {} if given is None else {str(key): name for key, name in given.items()}

    def __call__(self, column: str, value: object) -> str | None:
        """Return the name; None where the value has none."""
        name = self._given.get(str(value))
        if name is not None:
            return str(name)
        lookup = self._lookups.get(column)
        return None if lookup is None else lookup.name(value) or str(value)[:SHORT]

    def follow(self, changed: Callable[[], object]) -> None:
        """Follow the tables with the names, on the I/O thread; `changed` is called when some name has."""
        for lookup in self._lookups.values():
            lookup.follow(changed)

    def rest(self) -> None:
        """Stop following; the names stay."""
        for lookup in self._lookups.values():
            lookup.rest()

    def close(self) -> None:
        """Give the tables up, from any thread."""
        for lookup in self._lookups.values():
            lookup.close()


def names_of(given: Mapping[Any, Any] | LiveTable | bool, live: Live, by: tuple[str, ...]) -> Names:
    """Make the names of a chart from what the user gave.

    Parameters
    ----------
    given
        Names by id; a table with a column ``name``; True to look up what is known to be an id, and for the words of
        a call's status; False for none.
    live
        Where to look.
    by
        The columns that make the series.
    """
    if isinstance(given, LiveTable):
        return Names({column: Lookup(Borrowed(given), "name", "title") for column in by})
    if isinstance(given, Mapping):
        return Names({}, given)
    if not given:
        return Names({})
    lookups = {column: open_lookup(live, *NAMES[column]) for column in by if column in NAMES}
    return Names(lookups, STATUS_WORDS if "status" in by else None)
