"""What pages ask for: each command is carried out once and always answered."""

from __future__ import annotations

import asyncio
import inspect
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from livewidgets.errors import LiveWidgetsError
from livewidgets.widgets.trouble import report, trouble

if TYPE_CHECKING:
    from livewidgets.widgets.exchange import Loop, Source

#: Answers to commands: at most one in this many seconds, and so many waiting.
ANSWER_PAUSE = 0.02
ANSWERS = 500
#: Commands that are remembered, so that one said twice is carried out once.
COMMANDS = 256


class Commands:
    """Carries out commands on the I/O thread.

    Parameters
    ----------
    source_of
        Gives the source of a feed by its name, whatever name that is.
    post
        Sends a message.
    loop
        Timers.
    """

    def __init__(
        self,
        source_of: Callable[[str], Source],
        post: Callable[[Mapping[str, Any], list[bytes]], None],
        loop: Loop,
    ) -> None:
        self._source_of = source_of
        self._post = post
        self._loop = loop
        self._commands: OrderedDict[tuple[str, str], dict[str, Any] | None] = OrderedDict()
        self._answers: deque[dict[str, Any]] = deque()
        self._timer: Any = None
        self._tasks: set[asyncio.Task[Any]] = set()

    def carry_out(self, content: Mapping[str, Any]) -> None:
        """Do what a page asks for, once, and answer."""
        client, number = content.get("client"), content.get("id")
        if not isinstance(client, str) or not isinstance(number, str) or len(self._answers) >= ANSWERS:
            return
        identity = (client, number)
        if identity in self._commands:
            before = self._commands[identity]
            if before is not None:
                self._answer(before)
            return
        self._commands[identity] = None
        while len(self._commands) > COMMANDS:
            self._commands.popitem(last=False)
        source = self._source_of(str(content.get("feed")))
        try:
            value = source.command(str(content.get("name")), content.get("args"))
        except Exception as error:  # noqa: BLE001 - a command always gets an answer
            self._refuse(identity, error)
            return
        if inspect.isawaitable(value):
            task = asyncio.ensure_future(self._await(identity, value))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            self._accept(identity, value)

    async def _await(self, identity: tuple[str, str], value: Awaitable[Any]) -> None:
        try:
            result = await value
        except Exception as error:  # noqa: BLE001
            self._refuse(identity, error)
        else:
            self._accept(identity, result)

    def _accept(self, identity: tuple[str, str], value: object) -> None:
        self._settle(identity, {"ok": True, "value": value})

    def _refuse(self, identity: tuple[str, str], error: Exception) -> None:
        if not isinstance(error, LiveWidgetsError):
            report("A command of a page failed", error)
        self._settle(identity, {"ok": False, "error": trouble(error)})

    def _settle(self, identity: tuple[str, str], result: dict[str, Any]) -> None:
        client, number = identity
        answer = {"t": "ans", "client": client, "id": number, **result}
        self._commands[identity] = answer
        self._answer(answer)

    def _answer(self, answer: dict[str, Any]) -> None:
        self._answers.append(answer)
        if self._timer is None:
            self._answer_next()

    def _answer_next(self) -> None:
        self._timer = None
        if self._answers:
            self._post(self._answers.popleft(), [])
            self._timer = self._loop.call_later(ANSWER_PAUSE, self._answer_next)

    def close(self) -> None:
        """Answer nothing any more."""
        self._answers.clear()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        for task in self._tasks:
            task.cancel()
