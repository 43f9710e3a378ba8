"""Phoenix channel frames of both protocol versions.

1.0.0: JSON objects; a server frame never carries ``join_ref``.
2.0.0: JSON arrays ``[join_ref, ref, topic, event, payload]``, and binary frames for broadcasts: kind 3 from a client,
kind 4 from the server.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from json.encoder import encode_basestring as quote
from typing import Any, Protocol

__all__ = ["V1", "V2", "Codec", "Message", "UserBroadcast", "change_payload", "codec_for", "dump", "quote"]

USER_PUSH, USER_BROADCAST = 3, 4
#: Lists in lists of a frame.
MAX_DEPTH = 200
#: Sizes of join_ref, ref, topic, event and metadata; then 1 for JSON.
_PUSH = struct.Struct("7B")


def dump(value: object) -> str:
    """JSON text as the server writes it: keys sorted, no blanks, letters as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def load(text: str | bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Read JSON strictly, and so that it can be sent on: no NaN, nothing infinite, no half letters.

    Raises
    ------
    ValueError, RecursionError
        It is none.
    """
    if isinstance(text, bytes):
        text = text.decode()
    found = json.loads(text, parse_constant=_refused, parse_float=_finite)
    if text.count("[") + text.count("{") > MAX_DEPTH and _deep(found):
        raise ValueError("nested beyond reason")
    if "\\ud" in text or "\\uD" in text:
        # Half a surrogate pair is no text: sent on, it would end the sockets of those who get it.
        found = json.loads(json.dumps(found, ensure_ascii=False).encode("utf-8", "replace"))
    return found


def _deep(value: object) -> bool:
    """Whether a value is nested so deep that writing it might fail."""
    layer, depth = [value], 0
    while layer:
        depth += 1
        if depth > MAX_DEPTH:
            return True
        inner = [list(one.values()) if isinstance(one, dict) else one for one in layer]
        layer = [part for one in inner if isinstance(one, list) for part in one]
    return False


def _refused(name: str) -> float:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(text)
    return number


@dataclass(frozen=True, slots=True)
class Message:
    """One frame. ``ref`` and ``join_ref`` come back as they were sent, whatever their type."""

    topic: str
    event: str
    payload: Any
    ref: Any = None
    join_ref: Any = None


@dataclass(frozen=True, slots=True)
class UserBroadcast:
    """The payload of a broadcast that is passed on as it came.

    Attributes
    ----------
    event
        The user's event.
    body
        JSON text, or anything when ``is_json`` is false.
    """

    event: str
    body: bytes
    is_json: bool
    meta: Mapping[str, Any] | None = None


class Codec(Protocol):
    """Frames of one protocol version."""

    def decode(self, frame: str | bytes) -> Message | None:
        """Read a client's frame; None when it is not one."""

    def encode(self, message: Message) -> str:
        """Write a server's frame."""

    def encode_broadcast(self, topic: str, broadcast: UserBroadcast) -> str | bytes | None:
        """Write a broadcast that is passed on as it came; None where this protocol has no form for it."""

    def around_change(self, topic: str) -> tuple[str, str]:
        """Return what stands before and after the payload of a channel's postgres_changes frames."""


class V1:
    """Protocol 1.0.0."""

    def decode(self, frame: str | bytes) -> Message | None:
        """Read an object with topic, event and ref; anything else is no frame and gets no answer."""
        if isinstance(frame, bytes):
            return None
        try:
            found = load(frame)
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

    def encode_broadcast(self, topic: str, broadcast: UserBroadcast) -> str | None:
        """Write a JSON broadcast as an object around its text; there is no form for binary ones."""
        if not broadcast.is_json:
            return None
        try:
            load(broadcast.body)
            body = broadcast.body.decode()
        except (ValueError, RecursionError):
            return None  # its sender says JSON, but a frame with this in it would be none
        meta = "" if broadcast.meta is None else f'"meta":{dump(broadcast.meta)},'
        return (
            f'{{"event":"broadcast","payload":{{"event":{quote(broadcast.event)},{meta}"payload":{body},'
            f'"type":"broadcast"}},"ref":null,"topic":{quote(topic)}}}'
        )

    def around_change(self, topic: str) -> tuple[str, str]:
        """Return what stands before and after the payload: event, then ref and topic."""
        return '{"event":"postgres_changes","payload":', f',"ref":null,"topic":{quote(topic)}}}'


class V2:
    """Protocol 2.0.0."""

    def decode(self, frame: str | bytes) -> Message | None:
        """Read an array of five, or a binary broadcast; anything else is no frame and gets no answer."""
        try:
            if isinstance(frame, bytes):
                return _decode_push(frame)
            found = load(frame)
        except (ValueError, RecursionError, struct.error):
            return None
        if not isinstance(found, list) or len(found) < 5:
            return None
        join_ref, ref, topic, event, payload = found[:5]
        if not isinstance(topic, str) or not isinstance(event, str):
            return None
        return Message(topic, event, payload, ref, join_ref)

    def encode(self, message: Message) -> str:
        """Write an array of join_ref, ref, topic, event and payload."""
        return (
            f"[{dump(message.join_ref)},{dump(message.ref)},{quote(message.topic)},"
            f"{quote(message.event)},{dump(message.payload)}]"
        )

    def encode_broadcast(self, topic: str, broadcast: UserBroadcast) -> bytes | None:
        """Write a frame of kind 4; a name of more than 255 bytes has no room in it."""
        parts = [
            topic.encode(),
            broadcast.event.encode(),
            b"" if broadcast.meta is None else dump(broadcast.meta).encode(),
        ]
        if any(len(part) > 255 for part in parts):
            return None
        header = bytes([USER_BROADCAST, *map(len, parts), broadcast.is_json])
        return b"".join([header, *parts, broadcast.body])

    def around_change(self, topic: str) -> tuple[str, str]:
        """Return what stands before and after the payload: refs, topic and event; the bracket."""
        return f'[null,null,{quote(topic)},"postgres_changes",', "]"


def _decode_push(frame: bytes) -> Message | None:
    """Read a client's binary broadcast."""
    kind, *sizes, encoding = _PUSH.unpack_from(frame)
    if kind != USER_PUSH or len(frame) < _PUSH.size + sum(sizes):
        return None
    texts, at = [], _PUSH.size
    for size in sizes:
        texts.append(frame[at : at + size].decode())
        at += size
    join_ref, ref, topic, event, meta = texts
    if meta:
        load(meta)  # nothing is done with it, but it has to be JSON
    return Message(topic, "broadcast", UserBroadcast(event, frame[at:], encoding != 0), ref, join_ref)


#: The protocol versions by the beginning of the ``vsn`` of the address.
_VERSIONS: tuple[tuple[str, Callable[[], Codec]], ...] = ((r"1\.0\.\d+", V1), (r"2\.0\.\d+", V2))


def codec_for(vsn: str) -> Codec | None:
    """Return the frames of a protocol version; None when there is no such version."""
    return next((make() for pattern, make in _VERSIONS if re.fullmatch(pattern, vsn, re.ASCII)), None)


def change_payload(data: str, ids: tuple[int, ...]) -> str:
    """Write the payload of a postgres_changes frame: the part that channels share."""
    return f'{{"data":{data},"ids":[{",".join(map(str, ids))}]}}'
