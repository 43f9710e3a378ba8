"""RowPicker: choose a row of a table by its name, such as a campaign."""

from __future__ import annotations

from typing import Any

import ipywidgets
import traitlets

from livewidgets.core.page_info import PageInfo
from livewidgets.live.client import Live
from livewidgets.live.subscription import Subscription
from livewidgets.live.table import LiveTable
from livewidgets.widgets.page import page


class RowPicker(ipywidgets.Dropdown):  # type: ignore[misc]
    """A drop-down list of a table's rows by name, kept up to date; its `row` is the key of the one that was chosen.

    The table is followed from the first page's hello on: a kernel that waits for its visitor follows nothing.

    Parameters
    ----------
    live
        The connection.
    table
        The table's name.
    text
        The column with the names.
    key
        The column with what `row` holds.
    everything
        What to call the choice of none.
    parameter
        The parameter of the page's address that chooses, by key or by name: ``?campaign=7``.
    **options
        As `ipywidgets.Dropdown` takes them.

    Examples
    --------
    >>> campaign = lw.RowPicker(live, "campaigns", parameter="campaign", description="Campaign")
    >>> campaign.choose_for(tracker, metrics, trait="campaign_id")
    """

    options: Any
    value: Any
    row = traitlets.Any(None, allow_none=True, help="The key of the chosen row; None for all.")

    def __init__(
        self,
        live: Live,
        table: str,
        *,
        text: str = "name",
        key: str = "id",
        everything: str = "All",
        parameter: str = "",
        **options: Any,  # noqa: ANN401
    ) -> None:
        self._live = live
        self._name = table
        self._text, self._key = text, key
        self._everything = (everything, None)
        self._parameter = parameter
        self._wish = ""
        self._table: LiveTable | None = None
        self._following: list[Subscription] = []
        super().__init__(options=[self._everything], **options)
        self.observe(self._choose, "value")
        self._following.append(page().on_hello(self._greet))

    def __repr__(self) -> str:
        rows = len(self.options) - 1
        return f"<RowPicker of {self._name}: {rows} row{'' if rows == 1 else 's'}>"

    def choose_for(self, *components: traitlets.HasTraits, trait: str) -> None:
        """Set a trait of components to the chosen row, now and whenever another one is chosen.

        Parameters
        ----------
        *components
            Such as a `CallTracker`.
        trait
            The trait's name, such as ``campaign_id``.
        """
        for component in components:
            traitlets.dlink((self, "row"), (component, trait))

    def close(self) -> None:
        """Close it with the table that it follows."""
        following, self._following = self._following, []
        for one in following:
            one.close()
        table, self._table = self._table, None
        if table is not None:
            table.close()
        layout, style = self.layout, self.style
        super().close()
        layout.close()
        style.close()

    def _greet(self, info: PageInfo) -> None:
        """Somebody is there: follow the table, and take what the address asks for."""
        if self._parameter in info.query:
            self._wish = info.query[self._parameter]
        if self._table is None:
            self._table = self._live.table(self._name, order=self._text)
            self._following.append(self._table.on_change(lambda _patch: self._offer()))
        self._offer()

    def _offer(self) -> None:
        if self._table is None:
            return
        rows = [(str(row.get(self._text)), row.get(self._key)) for row in self._table.rows()]
        offered = [self._everything, *rows]
        if list(self.options) != offered:
            # New options undo the choice; nobody is to see that.
            chosen = self.row
            self.unobserve(self._choose, "value")
            self.options = offered
            # By its place: None as a value is no choice at all.
            self.index = next((place for place, (_, key) in enumerate(offered) if key == chosen), 0)
            self.observe(self._choose, "value")
            self.row = self.value
        if self._wish:
            found = [key for name, key in rows if self._wish in (str(key), name)]
            if found:
                self.value, self._wish = found[0], ""

    def _choose(self, change: Any) -> None:  # noqa: ANN401 - a traitlets.Bunch
        self.row = change.new
