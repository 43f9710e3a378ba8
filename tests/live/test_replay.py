"""A recording is played at its pace, and a file that is none, or a damaged one, is said to be."""

from __future__ import annotations

import json
import math

import pytest

from livewidgets.errors import NotConnectedError, RecordingError
from livewidgets.live.replay import replay
from livewidgets.live.table import TableState
from tests.live.conftest import eventually

HEADER = {
    "format": "livewidgets recording",
    "format_version": 1,
    "name": "calls",
    "key": ["id"],
    "columns": ["id"],
    "types": {},
    "order": [],
    "limit": None,
    "masked": True,
    "started": 1_800_000_000.0,
    "version": 1,
}
START = {"at": 0.0, "up": [{"id": 1}], "more": False}


def write(path, lines):
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))


def test_a_recording_keeps_its_pace(tmp_path):
    path = tmp_path / "pace.jsonl"
    write(path, [HEADER, START, {"at": 1e6, "version": 2, "up": [{"id": 2}]}])
    with replay(path, speed=1) as slow:
        slow.ready()
        assert slow.status.state is TableState.LIVE
        assert len(slow) == 1
        assert slow.age == 0.0
        assert slow.live.player.plays
    with replay(path, speed=1e8) as quick:
        eventually(lambda: 2 in quick)


def test_states_are_played_too(tmp_path):
    path = tmp_path / "states.jsonl"
    states = [
        {"at": 0.1 * n, "state": state, "partial": False}
        for n, state in enumerate(["stale", "live", "error"])
    ]
    write(path, [HEADER, START, *states, {"at": 1, "version": 2, "up": [{"id": 2}]}])
    seen = []
    with replay(path, speed=math.inf) as played:
        played._tap(lambda _: None, lambda status: seen.append(status.state.value))
        eventually(lambda: 2 in played)
        eventually(lambda: not played.live.player.plays)
    assert seen[-1] == "closed" or seen[-1] == "stale"


def test_its_end_is_told_as_one(tmp_path):
    path = tmp_path / "short.jsonl"
    write(path, [HEADER, START])
    with replay(path, speed=1) as played:
        played.ready()
        eventually(lambda: played.status.state is TableState.STALE)
        assert isinstance(played.status.error, RecordingError)
        assert "is over" in str(played.status.error)


# What may be wrong


@pytest.mark.parametrize(
    ("first", "match"),
    [
        ("", "is no recording"),
        ("PK\x03\x04", "is no recording"),
        ("[]", "is no recording"),
        ('"livewidgets recording"', "is no recording"),
        ({"format": "another"}, "is no recording"),
        ({**HEADER, "key": []}, "is no recording"),
        ({**HEADER, "key": [5]}, "is no recording"),
        ({**HEADER, "order": ["a.desc"]}, "is no recording"),
        ({**HEADER, "started": None}, "is no recording"),
        ({**HEADER, "started": math.inf}, "is no recording"),
        ({**HEADER, "limit": -1}, "is no recording"),
        ({**HEADER, "format_version": 2}, "of format 2, and this reads 1"),
    ],
)
def test_a_foreign_file_is_said_to_be_one(tmp_path, first, match):
    path = tmp_path / "file"
    write(path, [first])
    with pytest.raises(RecordingError, match=match):
        replay(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(RecordingError, match="cannot be read"):
        replay(tmp_path / "none.jsonl")
    with pytest.raises(RecordingError, match="cannot be read"):
        replay(tmp_path)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecordingError, match="is no recording"):
        replay(tmp_path / "binary")


@pytest.mark.parametrize(
    "line",
    [
        '{"at": 1, "up": [{"id"',
        "[]",
        {"version": 2},
        {"at": "soon"},
        {"at": 1, "up": [{"other": 1}]},
        {"at": 1, "up": [5]},
        {"at": 1, "gone": [[1, 2]]},
        {"at": 1, "state": "great"},
    ],
)
def test_damage_is_named_with_its_line_and_the_rows_stay(tmp_path, line):
    path = tmp_path / "damaged.jsonl"
    write(path, [HEADER, START, line])
    with replay(path, speed=math.inf) as played:
        eventually(lambda: played.status.state is TableState.ERROR)
        assert isinstance(played.status.error, RecordingError)
        assert "damaged at line 3" in str(played.status.error)
        assert [row["id"] for row in played.rows()] == [1]


@pytest.mark.parametrize("lines", [[], [{**START, "more": True}], [{"at": 0, "version": 1, "up": []}]])
def test_a_recording_without_its_rows_is_damaged(tmp_path, lines):
    path = tmp_path / "cut.jsonl"
    write(path, [HEADER, *lines])
    with replay(path) as played, pytest.raises(RecordingError, match="damaged"):
        played.ready()


@pytest.mark.parametrize("speed", [0, -1, math.nan, "fast", True])
def test_a_speed_that_is_none(tmp_path, speed):
    with pytest.raises(RecordingError, match="is no speed"):
        replay(tmp_path, speed=speed)


def test_a_replay_knows_no_other_tables(tmp_path):
    path = tmp_path / "one.jsonl"
    write(path, [HEADER, START])
    with replay(path) as played:
        with pytest.raises(NotConnectedError, match="campaigns"):
            played.live.table("campaigns")
        assert repr(played.live) == "<Replay of one.jsonl>"
