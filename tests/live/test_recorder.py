"""What is recorded is played: the same rows, in the same order, without a backend; and nobody's number."""

from __future__ import annotations

import asyncio
import json
import math
import stat
from datetime import UTC, datetime, timedelta

import pytest

from livewidgets.errors import RecordingError
from livewidgets.live import recorder
from livewidgets.live.recorder import record
from livewidgets.live.replay import replay
from livewidgets.live.table import TableState
from livewidgets.live.thread import io_thread
from tests.live.conftest import eventually
from tests.live.test_replay import HEADER, START, write

NUMBER = "+15551234567"


def lines_of(path):
    return [json.loads(text) for text in path.read_text().splitlines()]


def told_of_all():
    """Wait until who listens has heard of all that the rows show: they are there a moment before."""
    io_thread().run(asyncio.sleep(0))


@pytest.fixture
def recorded(live, make_table, tmp_path):
    """A recording of inserts, updates and deletes, with the table that it is of."""
    data = make_table(
        "id bigint primary key, title text, caller_number text, at timestamptz default now(), version bigint default 1"
    )
    data.run(f"insert into {{}} select g, 'call {NUMBER}', '{NUMBER}' from generate_series(1, 1200) g")
    table = live.table(data.name, order="-id").ready()
    path = tmp_path / "calls.jsonl"
    with record(table, path) as recording:
        data.run("update {} set title = 'changed', version = 2 where id % 100 = 0")
        data.run("delete from {} where id > 1190")
        data.run("insert into {} values (9000, 'new')")
        data.run("delete from {} where id = 1")
        eventually(lambda: 9000 in table and 1 not in table and 1191 not in table)
        told_of_all()
        eventually(lambda: recording._patches >= 1 and not recording._waiting)
    assert recording.error is None
    return path, table


def test_a_recording_is_played_to_the_same_end(recorded):
    path, table = recorded
    with replay(path, speed=math.inf, shift=False) as played:
        played.ready()
        eventually(lambda: played.status.state is TableState.STALE)
        assert played.key == ("id",)
        assert played.name == table.name
        assert [row["id"] for row in played.rows()] == [row["id"] for row in table.rows()]
        assert [row["at"] for row in played.rows()] == [row["at"] for row in table.rows()]
        assert played[100]["title"] == "changed"
        assert played[100]["caller_number"] == "+1 ••• ••• 4567"
        assert played.to_pandas()["at"].dtype == table.to_pandas()["at"].dtype
        assert played.version >= 2
        assert not played.live.player.plays
    assert played.status.state is TableState.CLOSED


def test_no_number_is_in_the_file(recorded):
    path, _ = recorded
    assert "5551234" not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    header = lines_of(path)[0]
    assert header["masked"]
    assert header["key"] == ["id"]
    assert header["types"]["at"] == "timestamp with time zone"
    assert header["columns"] == ["id", "title", "caller_number", "at", "version"]


def test_the_numbers_are_there_for_who_asks_for_them(live, make_table, tmp_path):
    data = make_table("phone text primary key, note text")
    data.run(f"insert into {{}} values ('{NUMBER}', 'a'), ('+15551234568', 'b')")
    table = live.table(data.name).ready()
    masked, plain = tmp_path / "masked.jsonl", tmp_path / "plain.jsonl"
    with record(table, masked), record(table, plain, masked=False):
        data.run(f"delete from {{}} where phone = '{NUMBER}'")
        eventually(lambda: len(table) == 1)
        told_of_all()
    assert NUMBER in plain.read_text()
    assert "5551234" not in masked.read_text()
    with replay(masked, speed=math.inf) as played:
        eventually(lambda: played.status.state is TableState.STALE)
        # Its key became a hash, and still tells its row from the other.
        assert [row["note"] for row in played.rows()] == ["b"]


def test_times_are_moved_to_now(recorded):
    path, _ = recorded
    header, *lines = lines_of(path)
    header["started"] -= 86_400
    for line in lines:
        for row in line.get("up", ()):
            row["at"] = (datetime.fromisoformat(row["at"]) - timedelta(days=1)).isoformat()
    path.write_text("".join(json.dumps(line) + "\n" for line in [header, *lines]))
    with replay(path, speed=math.inf) as played:
        played.ready()
        age = datetime.now(UTC) - datetime.fromisoformat(played.rows()[0]["at"])
        assert abs(age) < timedelta(minutes=5)


def test_a_recording_is_recorded_again(recorded, tmp_path):
    path, _ = recorded
    with replay(path, speed=math.inf) as played:
        played.ready()
        eventually(lambda: played.status.state is TableState.STALE)
        with record(played, tmp_path / "again.jsonl") as recording:
            assert "open" in repr(recording)
        with replay(tmp_path / "again.jsonl", speed=math.inf) as again:
            assert [row["id"] for row in again.ready().rows()] == [row["id"] for row in played.rows()]


def test_another_file_is_not_written_over(tmp_path):
    path, foreign = tmp_path / "one.jsonl", tmp_path / "thesis.txt"
    write(path, [HEADER, START])
    foreign.write_text("years of work")
    with replay(path) as played:
        with pytest.raises(RecordingError, match="is no recording"):
            record(played, foreign)
        with pytest.raises(RecordingError, match="cannot be written"):
            record(played, tmp_path / "no" / "folder.jsonl")
        with pytest.raises(RecordingError, match="cannot be written"):
            record(played, tmp_path)
        record(played, tmp_path / "two.jsonl").close()
        record(played, tmp_path / "two.jsonl").close()
    assert foreign.read_text() == "years of work"


def test_a_full_disk_stops_the_recording_and_not_the_table(tmp_path, monkeypatch, caplog):
    path = tmp_path / "one.jsonl"
    write(path, [HEADER, START, {"at": 3e5, "version": 2, "up": [{"id": 2}]}])
    monkeypatch.setattr(recorder, "_check_ours", lambda path: None)
    with replay(path, speed=1e6) as played:
        played.ready()
        recording = record(played, "/dev/full")  # the system's own: every write fails
        eventually(lambda: 2 in played)
        with pytest.raises(RecordingError, match="No space left"):
            recording.close()
        recording.close()
        assert "failed" in repr(recording)
    assert "No space left" in caplog.text
