"""A page at the other end of the real hub, over recorded comms."""

from __future__ import annotations

from livewidgets.widgets.hub import Hub
from tests.core.page_model import Page


class HubPage(Page):
    """Takes what the hub has published since the last look, and answers."""

    def __init__(self, line: Hub, comms: list, client: str = "page") -> None:
        super().__init__(client)
        self.line = line
        self._comms = comms
        self._read = 0
        self._model = line.model_id
        self.answers: list[dict] = []
        self.ticks = 0

    def open(self, *feeds: str) -> None:
        self.line._handle_custom_msg(self.show(*feeds), [])

    def command(self, feed: str, name: str, number: str = "1") -> None:
        content = {"t": "cmd", "client": self.client, "id": number, "feed": feed, "name": name, "args": None}
        self.line._handle_custom_msg(content, [])

    def look(self) -> HubPage:
        while self._read < len(self._comms):
            comm, kind, data, buffers = self._comms[self._read]
            self._read += 1
            if comm.comm_id != self._model or kind != "comm_msg" or data["method"] != "custom":
                continue
            content = data["content"]
            if content["t"] == "ans":
                self.answers.append(content)
                continue
            self.ticks += 1
            for answer in self.receive(content, buffers):
                self.line._handle_custom_msg(answer, [])
        return self

    def rows(self, feed: str) -> dict[str, dict]:
        return self.look().feeds[feed].rows

    def meta(self, feed: str) -> dict:
        return self.look().feeds[feed].meta or {}
