"""Broadcast from the database: rows that come into ``realtime.messages`` are told to their topics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from livewidgets.sandbox.connection import MAX_BROADCAST, PREFIX
from livewidgets.sandbox.phoenix import UserBroadcast

if TYPE_CHECKING:
    from livewidgets.sandbox.pgoutput import RowChange
    from livewidgets.sandbox.rooms import Rooms


def split(batch: Sequence[RowChange]) -> tuple[list[RowChange], list[RowChange]]:
    """Part the new messages from the changes of the tables."""
    messages: list[RowChange] = []
    changes: list[RowChange] = []
    for change in batch:
        relation = change.relation
        ours = relation.schema == "realtime" and relation.table == "messages"
        (messages if ours else changes).append(change)
    return messages, changes


def tell(message: RowChange, rooms: Rooms) -> None:
    """Tell a topic of a new row; one that lacks something is told to nobody."""
    if message.kind != "INSERT" or message.new is None:
        return
    row = {
        column.name: value
        for column, value in zip(message.relation.columns, message.new, strict=True)
        if isinstance(value, str)
    }
    if not row.keys() >= {"id", "topic", "event", "private"}:
        return
    if "binary_payload" in row:
        body, is_json = bytes.fromhex(row["binary_payload"].removeprefix("\\x")), False
    elif "payload" in row:
        body, is_json = row["payload"].encode(), True
    else:
        return
    if len(body) > MAX_BROADCAST:
        return
    broadcast = UserBroadcast(row["event"], body, is_json, {"id": row["id"]})
    rooms.tell(PREFIX + row["topic"], broadcast, private=row["private"] == "t", message_id=row["id"])
