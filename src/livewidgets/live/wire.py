"""One websocket to Realtime, from its opening to its loss.

This is the only file that touches the inside of the `realtime` package. The package's own reconnecting never runs: a
`Wire` lives for one connection, the supervisor in `upstream` throws it away when it is lost and builds the next one,
with new channels on topics of their own. That leaves out the package's rejoin faults as a class; what is left is
mended here:

- changes take a short path past nine pydantic models and two debug reprs;
- heartbeats have refs, and their answers are watched; a dead peer is found and dropped without waiting for it;
- ``phx_close`` and ``phx_error`` of an older join are dropped, they are not about the channel's present join;
- ``system`` errors are told to the channel's listener instead of starting a rejoin about once a second;
- nothing that a listener raises reaches the package's read loop.

Where the installed version is not one whose inside we know, the stock read loop and heartbeat are used, through
public names only: slower, and a dead peer is found after 50 s.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVarTuple
from urllib.parse import urlsplit

import realtime
import websockets
from realtime.message import Message, ReplyPostgresChanges
from realtime.types import (
    ChannelEvents,
    RealtimeAcknowledgementStatus,
    RealtimePostgresChangesListenEvent,
    RealtimeSubscribeStates,
)
from websockets.asyncio.client import ClientConnection

from livewidgets.errors import LiveWidgetsError, UnreachableError
from livewidgets.live.answers import reason_of
from livewidgets.live.journal import quiet_the_packages
from livewidgets.live.timings import Timings
from livewidgets.live.translate import opening_error
from livewidgets.live.websocket import CLOSE_LIMIT, closed_words, connect_options

if TYPE_CHECKING:
    from realtime.types import RealtimeChannelConfig

    from livewidgets.live.channel import Binding, ChannelListener

logger = logging.getLogger(__name__)

Args = TypeVarTuple("Args")

#: The versions of `realtime` whose inside this file was written against.
_KNOWN_INSIDES = ("2.34.",)
#: After so many frames without a pause the read loop lets others run.
_FRAMES_A_TURN = 200


def inside_is_known() -> bool:
    """Whether the fast path may be used with the installed `realtime`."""
    return realtime.__version__.startswith(_KNOWN_INSIDES)


class _QuickClient(realtime.AsyncRealtimeClient):
    """The package's client with our read loop and heartbeat, and no reconnecting."""

    wire: Wire

    async def connect(self) -> None:
        if self._ws_connection is not None:
            return
        if self.wire.lost.done():
            raise self.wire.lost.result()
        self._ws_connection = await websockets.connect(
            self.endpoint_url(), **connect_options(self.url, self.timeout)
        )
        await self._on_connect()

    async def _listen(self) -> None:
        socket = self._ws_connection
        if socket is None:
            return
        try:
            count = 0
            async for text in socket:
                self.wire.take(text)
                count += 1
                if count % _FRAMES_A_TURN == 0:
                    await asyncio.sleep(0)
        except websockets.ConnectionClosed:
            pass  # told below, with the code
        self.wire.tell_loss(closed_words(socket))

    async def _heartbeat(self) -> None:
        await self.wire.beat()

    async def _on_connect_error(self, e: websockets.ConnectionClosedError) -> None:
        self.wire.tell_loss("was lost while something was sent")


class Wire:
    """One websocket connection. Make it on the I/O thread, `open` it, wait for `lost`, `close` it.

    Parameters
    ----------
    url
        The project's address, ``https://...``.
    key
        The API key.
    token
        The access token of a signed-in user, or None for the key's own role.
    timings
        Limits.
    """

    def __init__(self, url: str, key: str, token: str | None, timings: Timings) -> None:
        quiet_the_packages()
        self.host = urlsplit(url).netloc
        self.timings = timings
        self.quick = inside_is_known()
        #: Resolves with the reason when the connection is lost; never on `close`.
        self.lost: asyncio.Future[LiveWidgetsError] = asyncio.get_running_loop().create_future()
        self.latency: float | None = None
        self.last_heard = time.monotonic()
        self.on_beat: Callable[[], None] | None = None
        self._closing = False
        self._listeners: dict[str, ChannelListener] = {}
        self._used: set[str] = set()
        self._answered = asyncio.Event()
        self._beat_ref = ""
        self._beat_sent = 0.0
        self._watch: asyncio.Task[None] | None = None
        kind = _QuickClient if self.quick else realtime.AsyncRealtimeClient
        self._client = kind(
            f"{url.rstrip('/')}/realtime/v1",
            token=key,
            auto_reconnect=False,
            max_retries=1,
            timeout=max(1, round(timings.open)),
        )
        if isinstance(self._client, _QuickClient):
            self._client.wire = self
        self._client.access_token = token or key

    def __repr__(self) -> str:
        return f"<Wire to {self.host}, {'lost' if self.lost.done() else 'open'}>"

    async def open(self) -> realtime.AsyncRealtimeClient:
        """Connect; the package's client is returned for `supabase` to use.

        Raises
        ------
        KeyRefusedError
            The server does not accept the key.
        UnreachableError
            It does not answer, or not as a Realtime server.
        """
        try:
            async with asyncio.timeout(self.timings.open):
                await self._client.connect()
        except Exception as error:  # noqa: BLE001 - whatever it is, it becomes ours
            # Not `from error` where its words could hold the address with the key in it.
            raise opening_error(error, self.host) from (error if isinstance(error, OSError) else None)
        self.last_heard = time.monotonic()
        if not self.quick:
            self._watch = asyncio.create_task(self._watch_stock(), name="livewidgets-watch-stock-client")
        return self._client

    # -- reading ---------------------------------------------------------------------------------------------------

    def take(self, text: str | bytes) -> None:
        """Take one frame off the socket; never raises."""
        self.last_heard = time.monotonic()
        try:
            frame = json.loads(text)
            topic, event, payload = frame["topic"], frame["event"], frame["payload"]
            listener = self._listeners.get(topic)
            if event == "postgres_changes":
                if listener is not None:
                    listener.on_change(payload["data"])
            elif event == "phx_reply":
                self._take_reply(topic, frame.get("ref"), payload)
            elif listener is None:
                return
            elif event == "system":
                self._take_system(listener, payload)
            elif event in ("phx_close", "phx_error"):
                channel = self._client.channels.get(topic)
                # An older join's end says nothing about the present one; the package would close the channel.
                if channel is not None and frame.get("ref") in (None, channel.join_push.ref):
                    listener.on_trouble("the server closed the channel")
            elif event in ("broadcast", "presence_state", "presence_diff"):
                listener.on_message(event, payload)
        except Exception:
            # Whatever a frame or a listener does, the read loop goes on. The frame is not logged: it may hold rows.
            logger.exception("A frame from Realtime could not be handled.")

    def _take_reply(self, topic: str, ref: str | None, payload: dict[str, Any]) -> None:
        if topic == "phoenix":
            if ref == self._beat_ref:
                self.latency = time.monotonic() - self._beat_sent
                self._answered.set()
            return
        channel = self._client.channels.get(topic)
        push = channel.messages_waiting_for_ack.pop(ref, None) if channel is not None and ref else None
        if push is None:
            return
        response = payload.get("response")
        if payload.get("status") == "ok":
            answer = response if isinstance(response, dict) else {}
            push.trigger(RealtimeAcknowledgementStatus.Ok, ReplyPostgresChanges.model_validate(answer))
        else:
            reason = response if isinstance(response, dict) else {"reason": str(response)}
            push.trigger(RealtimeAcknowledgementStatus.Error, reason)

    def _take_system(self, listener: ChannelListener, payload: dict[str, Any]) -> None:
        message = str(payload.get("message", ""))
        if payload.get("status") != "ok":
            listener.on_trouble(message)
        elif payload.get("extension") == "postgres_changes":
            listener.on_streaming()

    async def beat(self) -> None:
        """Send heartbeats and watch for the answers until the connection is lost."""
        timings = self.timings
        drift = timings.wall() - time.monotonic()
        while not self.lost.done():
            self._answered.clear()
            self._beat_ref = self._client._make_ref()  # noqa: SLF001 - this file may, see the top
            self._beat_sent = time.monotonic()
            await self._client.send(
                Message(topic="phoenix", event=ChannelEvents.heartbeat, payload={}, ref=self._beat_ref)
            )
            if not await self._answered_within(timings.heartbeat_reply):
                self.tell_loss(f"does not answer (no sign of life for {timings.heartbeat_reply:g} s)")
                return
            if self.on_beat is not None:
                self.on_beat()
            await asyncio.sleep(max(timings.heartbeat - (time.monotonic() - self._beat_sent), 0.0))
            previous, drift = drift, timings.wall() - time.monotonic()
            if drift - previous > timings.clock_jump:
                self.tell_loss("was left while this machine slept")
                return

    async def _answered_within(self, limit: float) -> bool:
        """Wait for the answer; anything heard counts, and a loop that was held up gets another chance."""
        while True:
            started = time.monotonic()
            try:
                await asyncio.wait_for(self._answered.wait(), limit)
            except TimeoutError:
                held_up = time.monotonic() - started > limit * 1.2 + 0.2
                if not held_up and self.last_heard < started:
                    return False
            else:
                return True

    async def _watch_stock(self) -> None:
        """Notice a loss through public names only."""
        while self._client.is_connected:  # noqa: ASYNC110 - the package has no event for it
            await asyncio.sleep(0.5)
        self.tell_loss("was closed")

    def tell_loss(self, words: str) -> None:
        """Say once that the connection is lost; `words` go on from "The connection to HOST"."""
        if not self.lost.done() and not self._closing:
            self.lost.set_result(
                UnreachableError(
                    f"The connection to {self.host} {words}.", "It is being restored; nothing to do."
                )
            )

    # -- channels --------------------------------------------------------------------------------------------------

    def channel(
        self,
        topic: str,
        bindings: Sequence[Binding],
        listener: ChannelListener,
        config: RealtimeChannelConfig | None = None,
    ) -> realtime.AsyncRealtimeChannel:
        """Make a channel; a topic may be used again once its channel was left, where the inside is known."""
        if config is not None and not self.quick:  # all others have a topic of their own
            if topic in self._used:
                # The package would take the end of the old channel for the end of the new one.
                self.tell_loss("is made anew, to join a channel again")
                raise self.lost.result()
            self._used.add(topic)
        channel = self._client.channel(topic, None if config is None else {"config": config})
        for binding in bindings:
            channel.on_postgres_changes(
                RealtimePostgresChangesListenEvent(binding.event),
                lambda payload: _guarded(listener.on_change, dict(payload["data"])),
                table=binding.table,
                schema=binding.schema,
                filter=binding.filter,
            )
        channel.on_system(lambda _: _guarded(listener.on_streaming))
        if config is not None and not self.quick:
            tell = listener.on_message
            channel.on_broadcast("*", lambda payload: _guarded(tell, "broadcast", payload))
            if config["presence"] is not None and config["presence"]["enabled"]:
                channel.on_presence_sync(lambda: _guarded(tell, "presence_sync", channel.presence_state()))
        channel.timeout = channel.join_push.timeout = max(1, round(self.timings.join))
        self._listeners[channel.topic] = listener
        return channel

    async def join(self, channel: realtime.AsyncRealtimeChannel) -> None:
        """Send the join and wait for its outcome, which is told to the listener."""
        listener = self._listeners[channel.topic]

        def tell(state: RealtimeSubscribeStates, error: Exception | None) -> None:
            if self._listeners.get(channel.topic) is not listener:
                return  # it was left
            if state is RealtimeSubscribeStates.SUBSCRIBED:
                _guarded(listener.on_joined)
            elif state is RealtimeSubscribeStates.TIMED_OUT:
                _guarded(listener.on_trouble, "the join was not answered in time")
            else:
                _guarded(listener.on_trouble, reason_of(error) or "the server closed the channel")

        await channel.subscribe(tell)

    async def set_token(self, token: str) -> None:
        """Bring a fresh access token to every channel."""
        if not self.quick:
            await self._client.set_auth(token)
            return
        self._client.access_token = token
        for channel in tuple(self._client.channels.values()):
            # One that is being joined, too: it has the old token, and takes this one right after.
            if channel.join_push.ref is not None:
                await self._client.send(
                    Message(
                        topic=channel.topic,
                        event=ChannelEvents.access_token,
                        payload={"access_token": token},
                        ref=self._client._make_ref(),  # noqa: SLF001
                        join_ref=channel.join_push.ref,
                    )
                )

    async def leave(self, channel: realtime.AsyncRealtimeChannel) -> None:
        """Leave a channel and free what it holds; does not wait for the server."""
        self._listeners.pop(channel.topic, None)
        channel.rejoin_timer.reset()
        channel.join_push.destroy()
        if self.quick:
            self._client.channels.pop(channel.topic, None)
            if not self.lost.done() and not self._closing:
                await self._client.send(
                    Message(
                        topic=channel.topic,
                        event=ChannelEvents.leave,
                        payload={},
                        ref=self._client._make_ref(),  # noqa: SLF001
                        join_ref=channel.join_push.ref,
                    )
                )
        elif self._client.is_connected:
            await channel.unsubscribe()

    async def close(self) -> None:
        """Close the socket and end every task; takes at most about a second, also with a dead peer."""
        self._closing = True
        self._listeners.clear()
        socket: ClientConnection | None = getattr(self._client, "_ws_connection", None)
        tasks = [getattr(self._client, name, None) for name in ("_listen_task", "_heartbeat_task")]
        tasks.append(self._watch)
        for channel in self._client.get_channels():
            channel.rejoin_timer.reset()
            for push in (channel.join_push, *channel.messages_waiting_for_ack.values()):
                push.destroy()
        try:
            async with asyncio.timeout(CLOSE_LIMIT):
                await self._client.close()
        except (TimeoutError, OSError, websockets.WebSocketException):
            logger.debug("The other side did not take part in closing.")
        finally:
            # Also when the wait is cut short: nobody comes back to close the rest.
            if socket is not None:
                socket.transport.abort()
            for task in tasks:
                if task is not None:
                    task.cancel()
            await asyncio.gather(*(task for task in tasks if task is not None), return_exceptions=True)


def _guarded(function: Callable[[*Args], None], *args: *Args) -> None:
    """Call a listener; an exception must not end the package's read loop."""
    try:
        function(*args)
    except Exception:
        logger.exception("A listener of a channel failed.")
