"""Notifications as the page is told of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from livewidgets.core.mask import mask_text
from livewidgets.errors import LiveWidgetsError
from livewidgets.live.notification import Notification, NotificationState

COLUMNS = (
    "text",
    "title",
    "type",
    "state",
    "created",
    "changed",
    "duration",
    "group",
    "count",
    "action",
    "acknowledge",
    "problem",
    "source",
    "quiet",
)


@lru_cache(maxsize=1024)  # the same few texts are looked at with every change of the table of alerts
def masked_text(text: str) -> str:
    """Write a text without the phone numbers and e-mail addresses in it."""
    return mask_text(text)


def open_text(text: str) -> str:
    """Leave a text as it is."""
    return text


def notification_cells(
    one: Notification,
    may_acknowledge: Callable[[Notification], LiveWidgetsError | bool],
    write: Callable[[str], str],
) -> tuple[Any, ...]:
    """Make the cells of a notification, in the order of `COLUMNS`.

    Parameters
    ----------
    one
        The notification.
    may_acknowledge
        As `Notifications.may_acknowledge`.
    write
        Masks a text, or leaves it.

    Returns
    -------
    tuple
        Times in ms; ``acknowledge`` is ``open``, ``pending``, ``synced``, ``denied``, or None where there is no alert.
    """
    acknowledge, problem = _acknowledge(one, may_acknowledge)
    return (
        write(one.text),
        write(one.title),
        one.type,
        one.state.value,
        round(one.created * 1000),
        round(one.changed * 1000),
        None if one.duration is None else round(one.duration * 1000),
        None if one.group is None else write(one.group),
        one.count,
        None if one.action is None else write(one.action[0]),
        acknowledge,
        None if problem is None else write(f"{problem.message} {problem.advice}".strip()),
        None if one.source is None else one.source[0],
        one.quiet,
    )


def _acknowledge(
    one: Notification, may_acknowledge: Callable[[Notification], LiveWidgetsError | bool]
) -> tuple[str | None, LiveWidgetsError | None]:
    if one.source is None:
        return None, None
    if one.state is NotificationState.ACKNOWLEDGED:
        done = one.mutation is None or one.mutation.settled
        return "synced" if done else "pending", None
    may = may_acknowledge(one)
    if may is False:
        return None, one.problem
    if may is True:
        return "open", one.problem
    return "denied", may
