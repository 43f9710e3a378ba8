"""What a component of one's own is made of; see "A component of your own" in the documentation.

A component is a `LiveWidget` with options (`Text`, `Flag`, …), a source (`RowsSource`, or a `TablesSource` of your own),
and a JavaScript module in ``_esm`` that draws the rows it gets from the hub.
"""

from __future__ import annotations

from livewidgets.core.change import Patch, Row
from livewidgets.core.frame import key_text
from livewidgets.traits import (
    Choice,
    Count,
    Flag,
    Interval,
    Number,
    OptionalText,
    Owner,
    Pixels,
    Text,
    Texts,
)
from livewidgets.widgets.base import LiveWidget
from livewidgets.widgets.exchange import OpenFeed, Source
from livewidgets.widgets.lease import Borrowed, Lease, lease_of
from livewidgets.widgets.rows import RowsSource
from livewidgets.widgets.tables import TablesSource

__all__ = [
    "Borrowed",
    "Choice",
    "Count",
    "Flag",
    "Interval",
    "Lease",
    "LiveWidget",
    "Number",
    "OpenFeed",
    "OptionalText",
    "Owner",
    "Patch",
    "Pixels",
    "Row",
    "RowsSource",
    "Source",
    "TablesSource",
    "Text",
    "Texts",
    "key_text",
    "lease_of",
]
