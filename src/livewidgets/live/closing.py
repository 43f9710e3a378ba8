"""What may be opened has to be closed: the end of a ``with`` block does it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Closing(ABC):
    """Something with a `close`, to be used in a ``with`` block."""

    __slots__ = ()

    @abstractmethod
    def close(self) -> None:
        """Free what is held; closing twice does no harm."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
