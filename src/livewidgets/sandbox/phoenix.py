"""Phoenix channel frames. Protocol 1.0.0: JSON objects; a server frame never carries ``join_ref``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from json.encoder import encode_basestring as quote
from typing import Any, Protocol

__all__ = ["V1", "Codec", "Message", "change_payload", "dump", "quote"]


def dump(value: object) -> str:
    """JSON text as the server writes it: keys sorted, no blanks, letters as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


@dataclass(frozen=True, slots=True)
class Message:
    """One frame. ``ref`` and ``join_ref`` come back as they were sent, whatever their type."""

    topic: str
    event: str
    payload: Any
    ref: Any = None
    join_ref: Any = None


class Codec(Protocol):
    """Frames of one protocol version."""

    def decode(self, frame: str | bytes) -> Message | None:
        """Read a client's frame; None when it is not one."""

    def encode(self, message: Message) -> str | bytes:
        """Write a server's frame."""

    def around_change(self, topic: str) -> tuple[str, str]:
        """Return what stands before and after the payload of a channel's postgres_changes frames."""


class V1:
    """Protocol 1.0.0."""

    def decode(self, frame: str | bytes) -> Message | None:
        """Read an object with topic, event and ref; anything else is no frame and gets no answer."""
        if isinstance(frame, bytes):
            return None
        try:
            found = json.loads(frame)
            if "\\ud" in frame or "\\uD" in frame:
                # Half a surrogate pair is no text: sent on, it would end the sockets of those who get it.
                found = json.loads(json.dumps(found, ensure_ascii=False).encode("utf-8", "replace"))
        except (ValueError, RecursionError):
            return None
        if not isinstance(found, dict) or "ref" not in found or "payload" not in found:
            return None
        topic, event = found.get("topic"), found.get("event")
        if not isinstance(topic, str) or not isinstance(event, str):
            return None
        return Message(topic, event, found["payload"], found["ref"], found.get("join_ref"))

    def encode(self, message: Message) -> str:
        """Write an object with event, payload, ref and topic."""
        return (
            f'{{"event":{quote(message.event)},"payload":{dump(message.payload)},'
            f'"ref":{dump(message.ref)},"topic":{quote(message.topic)}}}'
        )

    def around_change(self, topic: str) -> tuple[str, str]:
        """Return what stands before and after the payload: event, then ref and topic."""
        return '{"event":"postgres_changes","payload":', f',"ref":null,"topic":{quote(topic)}}}'


def change_payload(data: str, ids: tuple[int, ...]) -> str:
    """Write the payload of a postgres_changes frame: the part that channels share."""
    return f'{{"data":{data},"ids":[{",".join(map(str, ids))}]}}'
