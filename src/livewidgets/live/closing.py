"""What may be opened has to be closed: the end of a ``with`` block does it, and at the latest the collection."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from livewidgets.live.upstream import Upstream


class Closing(ABC):
    """Something with a `close`, to be used in a ``with`` block."""

    __slots__ = ()

    @classmethod
    def __subclasshook__(cls, other: type) -> Any:  # noqa: ANN401 - as the protocol has it
        # A module that is reloaded makes its classes anew: what is of the new one is still of the old one, which other
        # modules know.
        name = (cls.__module__, cls.__qualname__)
        return True if any((k.__module__, k.__qualname__) == name for k in other.__mro__) else NotImplemented

    @abstractmethod
    def close(self) -> None:
        """Free what is held; closing twice does no harm."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def warn_dropped(thing: object, upstream: Upstream) -> None:
    """Warn that something was dropped unclosed; for its ``__del__``.

    Silent where there is nothing left to close: the connection was closed, or the process ends. Python shows such
    warnings only when it is asked to (``-X dev``), pytest shows them always.
    """
    if not upstream.is_closed and upstream.thread.is_usable():
        warnings.warn(f"{thing!r} was never closed", ResourceWarning, source=thing, stacklevel=3)
