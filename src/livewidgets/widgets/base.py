"""What every component is: options as traits, a feed on the hub, an end that leaves nothing."""

from __future__ import annotations

import difflib
import secrets
from collections.abc import Mapping
from html import escape
from typing import Any, ClassVar

import anywidget

from livewidgets.traits import Choice, Owner, Text, WidgetReference, owner_of
from livewidgets.widgets.assets import check_built
from livewidgets.widgets.cells import current_run, made_by_cells
from livewidgets.widgets.exchange import Source
from livewidgets.widgets.hub import hub

#: Options that come from ipywidgets.
_INHERITED = ("layout", "tabbable", "tooltip")


class LiveWidget(anywidget.AnyWidget):
    """A view on live data.

    Rows and statuses never are traits: they travel in messages, so a saved notebook holds none of them. Running the
    cell that made a widget again closes the one it made before.

    Parameters
    ----------
    source
        Where the rows come from.
    **options
        Traits by name.

    Raises
    ------
    TypeError
        An option that there is not; the message names the nearest that there is.
    traitlets.TraitError
        A value that an option cannot have.
    """

    #: The stem of the component's files: ``call_tracker`` for ``call_tracker.js``.
    _stem: ClassVar[str]
    #: What the component is, for a reader of a notebook without a kernel.
    _what: ClassVar[str]

    theme = Choice(
        ("auto", "light", "dark"),
        owner=Owner.KERNEL,
        help="``auto`` follows the page; ``light`` and ``dark`` do not.",
    )
    size = Choice(
        ("auto", "wall"),
        owner=Owner.KERNEL,
        help="``wall`` is readable from across a room.",
    )

    hub = WidgetReference(owner=Owner.KERNEL)
    feed = Text(owner=Owner.KERNEL, help="The id of this widget's feed on the hub.")

    def __init__(self, source: Source, **options: Any) -> None:  # noqa: ANN401
        check_options(type(self), options)
        check_built(type(self))
        line = hub()
        name = f"{self._stem.replace('_', '-')}-{secrets.token_hex(4)}"
        self._source = source
        self._line = line
        # Before the page can know of it.
        line.register(name, source)
        try:
            super().__init__(hub=line, feed=name, **options)
        except BaseException:
            line.unregister(name)
            raise
        made_by_cells.add(self, current_run())

    def __repr__(self) -> str:
        return f"<{type(self).__name__}{'' if self.comm is not None else ', closed'}>"

    def __str__(self) -> str:
        return repr(self)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:  # noqa: ANN401
        if self.comm is None:
            return {"text/plain": repr(self)}, {}
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        # For nbviewer, nbconvert and print: no rows, a saved notebook must not hold any.
        title = escape(str(getattr(self, "title", "")) or type(self).__name__)
        html = (
            f"<p><strong>{title}</strong><br>{escape(self._what)} It is live: run the notebook to see it.</p>"
        )
        return {**data, "text/plain": repr(self), "text/html": html}, metadata

    def set_state(self, sync_data: Mapping[str, Any]) -> None:
        """Take what the page says about the traits that it owns; ignore the rest."""
        traits = self.traits()
        own = {
            name: value
            for name, value in sync_data.items()
            if name in traits and owner_of(traits[name]) is Owner.VIEW
        }
        if own:
            super().set_state(own)

    def close(self) -> None:
        """Close it in all pages, with its feed and what it opened; a second call does nothing."""
        if self.comm is None:
            return
        self._line.unregister(self.feed)
        made_by_cells.discard(self)
        self._release()
        layout = self.layout
        super().close()
        # ipywidgets puts None in its place, which a notebook that shows the closed widget would try to call.
        self.__dict__.pop("_repr_mimebundle_", None)
        layout.close()

    def _release(self) -> None:
        """Close what the component opened for itself."""


def check_options(kind: type[LiveWidget], options: Mapping[str, object]) -> None:
    """Raise TypeError for an option that the component does not have."""
    known = [
        name
        for name, trait in kind.class_traits().items()
        if not name.startswith("_")
        and name not in ("hub", "feed")
        and (owner_of(trait) is not None or trait.metadata.get("option") or name in _INHERITED)
    ]
    for name in options:
        if name in known:
            continue
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"It has: {', '.join(sorted(known))}."
        raise TypeError(f"{kind.__name__} has no option {name!r}. {hint}")
