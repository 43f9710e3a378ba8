"""Websocket frames as the fault proxy sees them: whole, on their way in one direction."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass

_CHUNK = 65536
_LONGEST_HEAD = 65536
_BLANK_LINE = b"\r\n\r\n"
#: First byte of a frame that holds a whole text, or whole bytes.
WHOLE_TEXT = 0x81
_WHOLE_BYTES = 0x82
_MASKED = 0x80


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: the bytes on the wire, and the payload in clear where it is a whole message."""

    wire: bytes
    payload: bytes = b""

    @property
    def is_message(self) -> bool:
        """Whether it is a whole message, and no ping, close or part of one."""
        return self.wire[0] in (WHOLE_TEXT, _WHOLE_BYTES)


async def read_frame(reader: asyncio.StreamReader) -> Frame:
    """Read one websocket frame, header and all."""
    wire = await reader.readexactly(2)
    masked, length = wire[1] & _MASKED, wire[1] & 0x7F
    if length >= 126:
        more = await reader.readexactly(2 if length == 126 else 8)
        wire += more
        length = int.from_bytes(more, "big")
    mask = await reader.readexactly(4) if masked else b""
    body = await reader.readexactly(length)
    return Frame(wire + mask + body, _unmasked(body, mask) if masked else body)


def text_frame(text: bytes) -> bytes:
    """Write a text message as a server does."""
    return _header(WHOLE_TEXT, len(text)) + text


def close_frame(code: int) -> bytes:
    """Write a close frame as a server does."""
    return b"\x88\x02" + code.to_bytes(2, "big")


def garbage(seed: int) -> list[bytes]:
    """Make messages that no protocol knows: JSON of wrong shapes, broken JSON, noise."""
    chance = random.Random(seed)  # noqa: S311 - noise, no secret
    noise = bytes(chance.randrange(32, 127) for _ in range(chance.randrange(1, 200)))
    texts = [
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"event":"postgres_changes"}',
        b'{"topic":7,"event":null,"payload":[],"ref":{}}',
        b'[null,null,"phoenix","phx_reply"]',
        b"[" * 2000,
        noise,
    ]
    chance.shuffle(texts)
    return [text_frame(text) for text in texts]


def _header(first: int, length: int) -> bytes:
    if length < 126:
        return bytes((first, length))
    if length < 65536:
        return bytes((first, 126)) + length.to_bytes(2, "big")
    return bytes((first, 127)) + length.to_bytes(8, "big")


def _unmasked(body: bytes, mask: bytes) -> bytes:
    if not body:
        return body
    whole = int.from_bytes(body, "big") ^ int.from_bytes((mask * (len(body) // 4 + 1))[: len(body)], "big")
    return whole.to_bytes(len(body), "big")


async def read_head(reader: asyncio.StreamReader) -> bytes:
    """Read an HTTP head with the blank line after it; less where the stream ends before."""
    try:
        return await reader.readuntil(_BLANK_LINE)
    except asyncio.IncompleteReadError as error:
        return error.partial
    except asyncio.LimitOverrunError:
        return await reader.read(_LONGEST_HEAD)


async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, status: int) -> None:
    """Answer one HTTP request with a status and no more, and end the connection."""
    try:
        await read_head(reader)
        writer.write(f"HTTP/1.1 {status} No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
    except OSError:
        pass  # who asked is gone
    finally:
        writer.close()


async def read_chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Read what comes, until the end."""
    while chunk := await reader.read(_CHUNK):
        yield chunk


def listener(port: int) -> socket.socket:
    """Take a port of the loopback, without listening yet: such a socket refuses."""
    # With the protocol named, asyncio turns Nagle's algorithm off; else each answer waits 40 ms for an ack.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    bound.setblocking(False)
    return bound


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection as a pulled cable does: no goodbye, and what was not sent is lost."""
    with contextlib.suppress(OSError):
        raw = writer.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
