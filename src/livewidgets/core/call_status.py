"""A call's status in Twilio's terms, and what may be concluded from it."""

from __future__ import annotations

from functools import lru_cache

from livewidgets.core.change import Row

LIVE_STATUSES = frozenset({"queued", "initiated", "ringing", "in-progress"})
ENDED_STATUSES = frozenset({"completed", "busy", "no-answer", "canceled", "failed"})
#: As people read them.
STATUS_WORDS = {
    status: status.capitalize().replace("-", " ") for status in sorted(LIVE_STATUSES | ENDED_STATUSES)
}
_SPELLINGS = {
    "cancelled": "canceled",
    "cancel": "canceled",
    "answered": "in-progress",
    "inprogress": "in-progress",
    "active": "in-progress",
    "connected": "in-progress",
    "noanswer": "no-answer",
    "unanswered": "no-answer",
    "dialing": "initiated",
    "ring": "ringing",
    "complete": "completed",
    "ended": "completed",
    "hangup": "completed",
    "error": "failed",
    "fail": "failed",
}


def normal_status(status: object) -> str:
    """Return a call's status in Twilio's terms; an unknown one as it is.

    Examples
    --------
    >>> normal_status("Cancelled"), normal_status("IN_PROGRESS"), normal_status("parked")
    ('canceled', 'in-progress', 'parked')
    """
    return _normal("" if status is None else str(status))


@lru_cache(maxsize=256)  # every row is asked, and there are few statuses
def _normal(text: str) -> str:
    word = "-".join(text.casefold().replace("_", " ").replace("-", " ").split())
    word = _SPELLINGS.get(word, _SPELLINGS.get(word.replace("-", ""), word))
    return word if word in LIVE_STATUSES or word in ENDED_STATUSES else text


def has_ended(row: Row) -> bool:
    """Say whether a call has ended: it has an end, or a status that is one; never by a status that is unknown."""
    return row.get("ended_at") is not None or normal_status(row.get("status")) in ENDED_STATUSES
