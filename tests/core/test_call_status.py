from __future__ import annotations

import pytest

from livewidgets.core.call_status import ENDED_STATUSES, LIVE_STATUSES, STATUS_WORDS, has_ended, normal_status

ENDED_AT = "2027-01-15T08:00:00+00:00"


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        *[(status, status) for status in sorted(LIVE_STATUSES | ENDED_STATUSES)],
        ("cancelled", "canceled"),
        ("Answered", "in-progress"),
        ("IN_PROGRESS", "in-progress"),
        ("in progress", "in-progress"),
        ("inprogress", "in-progress"),
        ("no_answer", "no-answer"),
        ("NoAnswer", "no-answer"),
        (" Ringing ", "ringing"),
        ("parked", "parked"),
        ("On Hold", "On Hold"),
        (None, ""),
        (7, "7"),
    ],
)
def test_spellings_of_a_status(raw, status):
    assert normal_status(raw) == status


@pytest.mark.parametrize(
    ("row", "ended"),
    [
        ({"status": "ringing"}, False),
        ({"status": "parked"}, False),
        ({"status": None}, False),
        ({"status": "cancelled"}, True),
        ({"status": "completed"}, True),
        ({"status": "parked", "ended_at": ENDED_AT}, True),
    ],
)
def test_an_unknown_status_never_ends_a_call(row, ended):
    assert has_ended(row) is ended


def test_every_status_has_its_words():
    assert STATUS_WORDS.keys() == LIVE_STATUSES | ENDED_STATUSES
    assert (STATUS_WORDS["in-progress"], STATUS_WORDS["no-answer"]) == ("In progress", "No answer")
