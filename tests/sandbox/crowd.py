"""Many sockets in a process of their own: plain websockets that count what they hear. Run by the test of strength.

Reads its orders as JSON from stdin, says ``ready`` when every channel streams, and at the end what each channel heard.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from websockets.asyncio.client import connect

#: Seconds in which nothing comes: whatever is missing then is lost.
SILENCE = 15.0


class Crowd:
    """The sockets of one order."""

    def __init__(self, orders: dict[str, Any]) -> None:
        self._url = orders["url"]
        self._sockets: list[dict[str, Any]] = orders["sockets"]
        self._expected: int = orders["expected"]
        self._joining = sum(len(socket["filters"]) for socket in self._sockets)
        self._heard: dict[str, list[int]] = {}
        self._count = 0
        self._ready = asyncio.Event()
        self._done = asyncio.Event()

    async def run(self) -> dict[str, list[int]]:
        """Listen until all is heard, or nothing comes any more."""
        listeners = [asyncio.create_task(self._listen(at, order)) for at, order in enumerate(self._sockets)]
        await self._unless(listeners, self._ready)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await self._unless(listeners, self._done)
        for listener in listeners:
            listener.cancel()
        await asyncio.gather(*listeners, return_exceptions=True)
        return self._heard

    async def _unless(self, listeners: list[asyncio.Task[None]], event: asyncio.Event) -> None:
        waiting = asyncio.create_task(event.wait())
        before = -1
        while not waiting.done() and before != self._count:
            before = self._count
            await asyncio.wait([waiting, *listeners], timeout=SILENCE, return_when=asyncio.FIRST_COMPLETED)
            for listener in listeners:
                if listener.done():
                    listener.result()
        waiting.cancel()

    async def _listen(self, at: int, order: dict[str, Any]) -> None:
        # No limit to the opening: two hundred come at once, and the last waits for all the others.
        async with connect(
            self._url, compression=None, max_size=None, ping_interval=None, open_timeout=None
        ) as socket:
            for number, text in enumerate(order["filters"]):
                topic = f"realtime:{at}-{number}"
                self._heard[topic] = []
                binding = {"event": "*", "schema": "public", "table": order["table"], "filter": text}
                join = {"config": {"postgres_changes": [binding]}, "access_token": order["token"]}
                frame = {"topic": topic, "event": "phx_join", "payload": join, "ref": "1", "join_ref": "1"}
                await socket.send(json.dumps(frame))
            async for text in socket:
                self._take(json.loads(text))

    def _take(self, frame: dict[str, Any]) -> None:
        self._count += 1
        payload = frame["payload"]
        if frame["event"] == "postgres_changes":
            self._heard[frame["topic"]].append(payload["data"]["record"]["id"])
            self._expected -= 1
            if not self._expected:
                self._done.set()
        elif frame["event"] == "system":
            assert payload["status"] == "ok", payload
            self._joining -= 1
            if not self._joining:
                self._ready.set()


if __name__ == "__main__":
    json.dump(asyncio.run(Crowd(json.loads(sys.stdin.readline())).run()), sys.stdout)
