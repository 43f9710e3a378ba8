"""The kernels of dashboards end with their pages; those of notebooks that are edited are left alone.

Voila starts a kernel for each page. A page that is closed says so on its way out (see the template), but one that
crashes, or sleeps, cannot; its kernel would run, and follow its tables, for ever. Culling by idleness does not fit:
a dashboard's kernel is never idle while its page is there, and on a server that people edit notebooks on, theirs
would be culled by the same rule. So a kernel that Voila has started ends once no page has been connected to it for a
while.

Standalone, in ``voila.json``::

    {"VoilaConfiguration": {"multi_kernel_manager_class": "livewidgets.voila_kernels.DashboardKernels"}}

as an extension of a Jupyter server, in ``jupyter_server_config.py``::

    c.ServerApp.kernel_manager_class = "livewidgets.voila_kernels.DashboardKernels"
"""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from typing import Any

from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.ioloop import PeriodicCallback
from traitlets import Float, default

#: In the environment of each kernel that Voila starts.
_MARK = "VOILA_PREHEAT"
#: Themes that a page in our template takes from its address by itself.
_THEMES = ("light", "dark")


class _AnyTheme(str):
    """A theme that is as good as any other that the page can take by itself."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return other in _THEMES

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(_THEMES)


class _Heated(dict[str, Any]):
    """What Voila keeps of the notebooks in its pools.

    It gives a page a kernel from there only if the theme in the address is the one that the notebook was rendered in.
    In our template both are one.
    """

    def __setitem__(self, notebook: str, data: Any) -> None:  # noqa: ANN401 - Voila's own
        if data.get("template") == "livewidgets" and data.get("theme") in _THEMES:
            data = {**data, "theme": _AnyTheme(data["theme"])}
        super().__setitem__(notebook, data)


@dataclass
class _Viewed:
    """A kernel of Voila's; times are seconds of `time.monotonic`.

    Attributes
    ----------
    wanted
        When it last had a page, a place in a pool, or a notebook to run for a page to come.
    given
        When it was started for a page; one that was heated beforehand, when it last was in a pool.
    met
        Whether a page has ever been connected.
    """

    wanted: float
    given: float
    met: bool = False


class DashboardKernels(AsyncMappingKernelManager):
    """A Jupyter server's kernels, of which those that Voila has started end with their pages."""

    alone_timeout = Float(
        60.0,
        config=True,
        help="""Seconds without a connected page after which a kernel that Voila has started ends. A page whose
        connection was cut may come back for so long; one that was reloaded has a new kernel.""",
    )

    meet_timeout = Float(
        180.0,
        config=True,
        help="""Seconds from the end of the notebook's last cell until its page is connected for the first time: it has
        to load its scripts.""",
    )

    start_timeout = Float(
        600.0,
        config=True,
        help="""Seconds that a notebook may run before its page connects, which it does when all cells were run.""",
    )

    look_interval = Float(config=True, help="Seconds between looks which kernels are alone.")

    @default("look_interval")
    def _default_look_interval(self) -> float:
        return max(self.alone_timeout / 6, 0.2)

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - as the class above takes them
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self._viewed: dict[str, _Viewed] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._looking: PeriodicCallback | None = None
        self._heated = _Heated()

    @property
    def notebook_data(self) -> dict[str, Any]:
        """What Voila keeps of the notebooks in its pools."""
        return self._heated

    @notebook_data.setter
    def notebook_data(self, data: dict[str, Any]) -> None:
        self._heated = _Heated(data)

    async def start_kernel(self, **options: Any) -> str:  # type: ignore[override] # noqa: ANN401
        """Start a kernel; one of Voila's is watched from here on."""
        env = options.get("env") or {}
        kernel_id: str = await super().start_kernel(**options)
        # A server that was itself started from a dashboard hands that mark to all its kernels: then leave all alone.
        if _MARK in env and _MARK not in os.environ:
            now = time.monotonic()
            self._viewed[kernel_id] = _Viewed(now, now)
            self._begin_to_look()
        return kernel_id

    def notify_connect(self, kernel_id: str) -> None:
        """Take note of a page that has connected."""
        super().notify_connect(kernel_id)  # type: ignore[no-untyped-call]
        if viewed := self._viewed.get(kernel_id):
            viewed.met = True

    def notify_disconnect(self, kernel_id: str) -> None:
        """Take note of a page whose connection was closed."""
        super().notify_disconnect(kernel_id)  # type: ignore[no-untyped-call]
        connections = self._kernel_connections
        if connections.get(kernel_id, 0) < 0:  # said twice of a connection that failed while it was made
            connections[kernel_id] = 0
        if viewed := self._viewed.get(kernel_id):
            viewed.wanted = time.monotonic()

    def start_buffering(self, kernel_id: str, session_key: str, channels: dict[str, Any]) -> None:
        """Keep what a notebook's page misses; what a dashboard's page misses it is sent anew if it comes back."""
        if kernel_id not in self._viewed:
            super().start_buffering(kernel_id, session_key, channels)  # type: ignore[no-untyped-call]
            return
        for stream in channels.values():
            stream.close()

    async def shutdown_kernel(self, kernel_id: str, *how: Any, **options: Any) -> Any:  # type: ignore[override] # noqa: ANN401
        """End a kernel; its page may have said so, and then nobody has to find out that it is alone."""
        self._viewed.pop(kernel_id, None)
        return await super().shutdown_kernel(kernel_id, *how, **options)  # type: ignore[no-untyped-call]

    def remove_kernel(self, kernel_id: str) -> Any:  # noqa: ANN401
        """Forget a kernel that has ended."""
        self._viewed.pop(kernel_id, None)
        return super().remove_kernel(kernel_id)

    def end_alone(self) -> list[str]:
        """Begin to end the kernels that have been alone for too long, and return their ids."""
        now = time.monotonic()
        pooled = self._pooled()
        ended = []
        for kernel_id, viewed in tuple(self._viewed.items()):
            if kernel_id in pooled:
                viewed.given = now
            if kernel_id in pooled or self._is_wanted(kernel_id, viewed, now):
                viewed.wanted = now
            elif now - viewed.wanted >= (self.alone_timeout if viewed.met else self.meet_timeout):
                del self._viewed[kernel_id]
                ended.append(kernel_id)
                task = asyncio.ensure_future(self._end(kernel_id))
                self._ending.add(task)
                task.add_done_callback(self._ending.discard)
        if not self._viewed and self._looking is not None:
            self._looking.stop()
            self._looking = None
        return ended

    def _is_wanted(self, kernel_id: str, viewed: _Viewed, now: float) -> bool:
        if self._kernel_connections.get(kernel_id, 0) > 0:
            return True
        if viewed.met:
            return False
        # Its page connects when the notebook was run. Between two cells it is idle for a moment.
        running = getattr(self.get_kernel(kernel_id), "execution_state", None) in ("busy", "starting")
        return running and now - viewed.given < self.start_timeout

    def _pooled(self) -> set[str]:
        """Return the kernels in the pools that Voila's own class below this one keeps; none where it keeps none."""
        found = set()
        for pool in getattr(self, "_pools", {}).values():
            for task in pool:
                if task.done() and not task.cancelled() and task.exception() is None:
                    found.add(task.result().get("kernel_id"))
        return found

    async def _end(self, kernel_id: str) -> None:
        self.log.info("Ending kernel %s: no page is connected to it any more.", kernel_id)
        try:
            await self.shutdown_kernel(kernel_id)
        except Exception:
            self.log.exception("Kernel %s could not be ended.", kernel_id)

    def _begin_to_look(self) -> None:
        if self._looking is None:
            self._looking = PeriodicCallback(self._look, self.look_interval * 1000)
            self._looking.start()

    def _look(self) -> None:
        self.end_alone()
