"""A message on a channel and the server's answer to it; through public names of the `realtime` package only."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from realtime.types import RealtimeAcknowledgementStatus

from livewidgets.errors import ClosedError, LiveWidgetsError

if TYPE_CHECKING:
    from realtime import AsyncRealtimeChannel


async def push(
    channel: AsyncRealtimeChannel,
    event: str,
    payload: Mapping[str, Any],
    limit: float,
    *ends: asyncio.Future[LiveWidgetsError],
) -> str | None:
    """Send a message on a joined channel and wait for its answer.

    Parameters
    ----------
    channel, event, payload
        What to send, and where.
    limit
        Seconds.
    *ends
        One of them resolves when there will be no answer any more.

    Returns
    -------
    str or None
        None when it was accepted; otherwise why not.

    Raises
    ------
    LiveWidgetsError
        What the end holds: nobody knows whether the message arrived.
    TimeoutError
        There was no answer in time.
    """
    answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

    def settle(reason: str | None) -> None:
        if not answer.done():
            answer.set_result(reason)

    sent = None
    try:
        async with asyncio.timeout(limit):
            sent = await channel.push(event, dict(payload), max(1, round(limit)))
            sent.receive(RealtimeAcknowledgementStatus.Ok, lambda _: settle(None))
            sent.receive(RealtimeAcknowledgementStatus.Error, lambda answer: settle(_words(answer)))
            waited: list[asyncio.Future[Any]] = [answer, *ends]
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    finally:
        if sent is not None:
            sent.destroy()
            channel.messages_waiting_for_ack.pop(sent.ref or "", None)
    if not answer.done():
        for end in ends:
            if end.done() and not end.cancelled():
                raise end.result()
        raise ClosedError("The channel was closed.", "Open it again.")
    return answer.result()


def reason_of(error: Exception | None) -> str:
    """Take the words out of the JSON that the package puts into its exceptions."""
    text = str(error or "")
    try:
        answer = json.loads(text)
    except ValueError:
        return text
    return _words(answer) if isinstance(answer, dict) else text


def _words(answer: Mapping[str, Any]) -> str:
    return str(answer.get("message") or answer.get("reason") or json.dumps(answer))
