"""A real, visible Chromium on a screen of its own, spoken to over the DevTools protocol alone.

Playwright keeps every page focused and visible, as far as the page can tell; a tab that is really hidden or frozen is
to be had without it only.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from livewidgets.testing import wait_until

from .browser import FLAGS, install, install_screen

#: Seconds that one command may take.
_PATIENCE = 60.0


class CommandFailedError(Exception):
    """The browser has refused a command."""


class Tab:
    """One tab: evaluate in it, hide it, freeze it."""

    def __init__(self, browser: Chromium, target: str) -> None:
        self._browser = browser
        self.target = target
        self._session = browser.command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command to this tab and return its result."""
        return self._browser.command(method, session=self._session, **parameters)

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression, awaited."""
        found = self.command("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait_for(self, expression: str, timeout: float = 60.0) -> Any:
        """Wait until an expression is true; a page that is loading has none."""
        return wait_until(lambda: self._value(expression), timeout, expression)

    def _value(self, expression: str) -> Any:
        try:
            found = self.command(
                "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
            )
        except CommandFailedError:  # the page was left while it was asked
            return None
        return None if "exceptionDetails" in found else found["result"].get("value")

    def show(self) -> None:
        """Bring the tab to the front; the others are hidden."""
        self._browser.command("Target.activateTarget", targetId=self.target)

    def freeze(self) -> None:
        """Stop all that runs in it, as a browser does to save power; it must be hidden."""
        self.command("Page.setWebLifecycleState", state="frozen")

    def thaw(self) -> None:
        """Let it run again."""
        self.command("Page.setWebLifecycleState", state="active")


class Chromium:
    """A browser's DevTools connection."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._count = 0

    def open(self, url: str) -> Tab:
        """Open a tab in front of the others."""
        return Tab(self, self.command("Target.createTarget", url=url)["targetId"])

    def command(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result; what the browser tells of itself meanwhile is dropped."""
        self._count += 1
        request: dict[str, Any] = {"id": self._count, "method": method, "params": parameters}
        if session is not None:
            request["sessionId"] = session
        self._socket.send(json.dumps(request))
        end = time.monotonic() + _PATIENCE
        while True:
            answer = json.loads(self._socket.recv(timeout=max(0.0, end - time.monotonic())))
            if answer.get("id") == self._count:
                if "error" in answer:
                    raise CommandFailedError(method, answer["error"])
                return dict(answer["result"])


@contextmanager
def visible_chromium(folder: Path) -> Iterator[Chromium]:
    """Run a Chromium with windows, on a virtual screen, until the block ends."""
    with _screen() as display, (folder / "chromium.log").open("w") as log:
        browser = subprocess.Popen(
            [
                install(),
                *FLAGS,
                f"--user-data-dir={folder / 'profile'}",
                "--remote-debugging-port=0",
                "--window-size=1300,950",
                "about:blank",
            ],
            env={**os.environ, **display, "HOME": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
        try:
            address = wait_until(
                lambda: re.search(r"ws://\S+", (folder / "chromium.log").read_text()), 30, "Chromium to start"
            )
            with connect(address[0], max_size=None, ping_interval=None) as socket:
                yield Chromium(socket)
        finally:
            browser.terminate()
            browser.wait(20)


@contextmanager
def _screen() -> Iterator[dict[str, str]]:
    """Run a virtual screen; gives the environment of who is to draw on it."""
    xvfb = install_screen()
    if xvfb is None:
        yield {}
        return
    screen = subprocess.Popen(
        [xvfb, "-displayfd", "1", "-screen", "0", "1400x1000x24", "-nolisten", "tcp"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert screen.stdout is not None
        yield {"DISPLAY": f":{screen.stdout.readline().strip()}"}
    finally:
        screen.terminate()
        screen.wait(20)
        if screen.stdout is not None:
            screen.stdout.close()
