"""The states of the link to one page, and the whole table of what happens in each."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class LinkState(StrEnum):
    """What the link is doing about one page."""

    READY = "ready"  # there is credit
    WAITING = "waiting"  # credit is spent, acks are awaited
    BLIND = "blind"  # credit is spent and the kernel's main loop is busy: missing acks prove nothing
    DOUBTING = "doubting"  # acks are overdue: repeat with growing pauses
    SILENT = "silent"  # no sign of life: send nothing until there is one
    GONE = "gone"  # the page said bye


class LinkEvent(StrEnum):
    """What can happen to a link."""

    HELLO = "hello"
    ACKED = "acked"  # an ack, and there is credit now
    LIFE = "life"  # a beat's ack or a command
    SPENT = "spent"  # the last credit was used
    BUSY = "busy"  # the kernel's main loop does not answer
    FREE = "free"  # it does again
    OVERDUE = "overdue"  # an ack has been awaited for too long
    QUIET = "quiet"  # no sign of life for `SILENCE` seconds
    BYE = "bye"


_S, _E = LinkState, LinkEvent

#: Every state and event. A silent page wakes at any sign of life; a page that said bye is gone for good.
TRANSITIONS: Mapping[tuple[LinkState, LinkEvent], LinkState] = {
    (_S.READY, _E.HELLO): _S.READY,
    (_S.READY, _E.ACKED): _S.READY,
    (_S.READY, _E.LIFE): _S.READY,
    (_S.READY, _E.SPENT): _S.WAITING,
    (_S.READY, _E.BUSY): _S.READY,
    (_S.READY, _E.FREE): _S.READY,
    (_S.READY, _E.OVERDUE): _S.DOUBTING,
    (_S.READY, _E.QUIET): _S.SILENT,
    (_S.READY, _E.BYE): _S.GONE,
    (_S.WAITING, _E.HELLO): _S.READY,
    (_S.WAITING, _E.ACKED): _S.READY,
    (_S.WAITING, _E.LIFE): _S.WAITING,
    (_S.WAITING, _E.SPENT): _S.WAITING,
    (_S.WAITING, _E.BUSY): _S.BLIND,
    (_S.WAITING, _E.FREE): _S.WAITING,
    (_S.WAITING, _E.OVERDUE): _S.DOUBTING,
    (_S.WAITING, _E.QUIET): _S.SILENT,
    (_S.WAITING, _E.BYE): _S.GONE,
    (_S.BLIND, _E.HELLO): _S.READY,
    (_S.BLIND, _E.ACKED): _S.READY,
    (_S.BLIND, _E.LIFE): _S.BLIND,
    (_S.BLIND, _E.SPENT): _S.BLIND,
    (_S.BLIND, _E.BUSY): _S.BLIND,
    (_S.BLIND, _E.FREE): _S.WAITING,
    (_S.BLIND, _E.OVERDUE): _S.BLIND,
    (_S.BLIND, _E.QUIET): _S.BLIND,
    (_S.BLIND, _E.BYE): _S.GONE,
    (_S.DOUBTING, _E.HELLO): _S.READY,
    (_S.DOUBTING, _E.ACKED): _S.READY,
    (_S.DOUBTING, _E.LIFE): _S.DOUBTING,
    (_S.DOUBTING, _E.SPENT): _S.DOUBTING,
    (_S.DOUBTING, _E.BUSY): _S.BLIND,
    (_S.DOUBTING, _E.FREE): _S.DOUBTING,
    (_S.DOUBTING, _E.OVERDUE): _S.DOUBTING,
    (_S.DOUBTING, _E.QUIET): _S.SILENT,
    (_S.DOUBTING, _E.BYE): _S.GONE,
    (_S.SILENT, _E.HELLO): _S.READY,
    (_S.SILENT, _E.ACKED): _S.READY,
    (_S.SILENT, _E.LIFE): _S.READY,
    (_S.SILENT, _E.SPENT): _S.SILENT,
    (_S.SILENT, _E.BUSY): _S.SILENT,
    (_S.SILENT, _E.FREE): _S.SILENT,
    (_S.SILENT, _E.OVERDUE): _S.SILENT,
    (_S.SILENT, _E.QUIET): _S.SILENT,
    (_S.SILENT, _E.BYE): _S.GONE,
    (_S.GONE, _E.HELLO): _S.GONE,
    (_S.GONE, _E.ACKED): _S.GONE,
    (_S.GONE, _E.LIFE): _S.GONE,
    (_S.GONE, _E.SPENT): _S.GONE,
    (_S.GONE, _E.BUSY): _S.GONE,
    (_S.GONE, _E.FREE): _S.GONE,
    (_S.GONE, _E.OVERDUE): _S.GONE,
    (_S.GONE, _E.QUIET): _S.GONE,
    (_S.GONE, _E.BYE): _S.GONE,
}
