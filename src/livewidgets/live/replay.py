"""Playing a recording: a table that changes as the recorded one did, at any speed, without a backend."""

from __future__ import annotations

import asyncio
import json
import math
import re
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final, NoReturn, cast

from livewidgets.core.change import Change, ChangeKind, Row
from livewidgets.core.connection import ConnectionState, ConnectionStatus
from livewidgets.core.filters import Where
from livewidgets.core.order import Order
from livewidgets.core.values import instant
from livewidgets.errors import NotConnectedError, RecordingError
from livewidgets.live.catalog import TableShape
from livewidgets.live.client import Live
from livewidgets.live.follower import Follower
from livewidgets.live.recorder import FORMAT, VERSION
from livewidgets.live.request import Request, TableState
from livewidgets.live.subscription import Subscription
from livewidgets.live.table import LiveTable
from livewidgets.live.thread import IoThread, io_thread
from livewidgets.live.timings import Timings

#: Lines that are read from the disk at once.
_LINES_A_READ: Final = 200
#: A timestamp as Postgres and Realtime write it, where the recording does not tell the columns' types.
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")


def replay(path: str | Path, speed: float = 10.0, *, shift: bool = True) -> LiveTable:
    """Play a recording as a table that every component takes; it begins at once.

    Parameters
    ----------
    path
        What `record` wrote.
    speed
        How much faster than it was recorded; ``math.inf`` for as fast as it can be.
    shift
        Move the timestamps so that a change is as old when it is played as it was when it was recorded: what ended
        just then has ended just now. ``False`` leaves them as they were recorded.

    Returns
    -------
    LiveTable
        ``live`` while it plays; ``stale`` once it is over, with the rows of the end; ``error`` where the file is
        damaged. It knows no other tables, so components show ids for names. Close it as any other.

    Raises
    ------
    RecordingError
        There is no such file, it is no recording, or it is one of a later version.
    """
    if not isinstance(speed, int | float) or isinstance(speed, bool) or not speed > 0:
        raise RecordingError(
            f"{speed!r} is no speed.", "Write speed=1 for as it was, speed=10 for ten times as fast."
        )
    path = Path(path)
    header = _read_header(path)
    live = ReplayLive(path.name, io_thread())
    player = _Player(live, path, header, float(speed), shift=shift)
    live.player = player
    thread = live.stage.thread
    thread.call(player.start)
    return LiveTable(
        live, player, lambda: thread.call(lambda: thread.start(player.close(), "livewidgets-replay-end"))
    )


class _Stage:
    """What a table needs of a connection, without one."""

    def __init__(self, name: str, thread: IoThread) -> None:
        self.host = name
        self.schema = "public"
        self.thread = thread
        self.timings = Timings()
        self.wall = time.time
        self.last_heard: float | None = None
        #: Nothing can be written to a recording.
        self.is_open = False
        #: Nor is there a connection that could be closed.
        self.is_closed = False
        self.kept: set[Subscription] = set()

    def note_table(self, follower: Follower) -> None:
        """Tell nobody: there is no connection whose state depends on it."""

    def status(self) -> ConnectionStatus:
        """Say that nothing is being tried."""
        return ConnectionStatus(ConnectionState.LIVE, self.wall(), 0, None, None, None, {})


class ReplayLive(Live):
    """Stands where a connection would: `LiveTable.live` of a replay."""

    player: _Player

    def __init__(self, name: str, thread: IoThread) -> None:
        self.stage = _Stage(name, thread)
        self._upstream = cast("Any", self.stage)
        self._closed = True  # there is nothing to close
        self._since = self.stage.wall()

    @property
    def status(self) -> ConnectionStatus:
        """``live`` while the recording plays, ``closed`` after."""
        state = ConnectionState.LIVE if self.player.plays else ConnectionState.CLOSED
        return ConnectionStatus(state, self._since, 0, None, None, None, {})

    def __repr__(self) -> str:
        return f"<Replay of {self.stage.host}>"

    def table(self, name: str, **_: Any) -> NoReturn:  # noqa: ANN401
        """Raise NotConnectedError: a recording holds one table."""
        raise NotConnectedError(
            f"A replay knows no table {name!r}.", "Record that table too, and replay it beside this one."
        )

    def _watch_status(self, listener: Any) -> Subscription:  # noqa: ANN401
        self.stage.thread.call(lambda: listener(self.status))
        return Subscription(lambda: None, "to a replay")

    def retry_now(self) -> None:
        """Do nothing: there is nothing to try."""

    def close(self) -> None:
        """Stop playing."""
        thread = self.stage.thread
        thread.call(lambda: thread.start(self.player.close(), "livewidgets-replay-end"))


class _Player(Follower):
    """Plays lines into a replica, in the place of the one who follows a database."""

    def __init__(
        self, live: ReplayLive, path: Path, header: Mapping[str, Any], speed: float, *, shift: bool
    ) -> None:
        key = tuple(header["key"])
        request = Request(
            header["name"], Where.parse(None), Order.parse(header["order"]), header["limit"], (), key
        )
        super().__init__(cast("Any", live.stage), request)
        # The recorded window decided already which rows there are.
        self.replica.limit = None
        self.shape = TableShape(header["name"], key, dict(header["types"]))
        self._path, self._speed = path, speed
        self._recorded = float(header["started"])
        self._moments = _moments(header) if shift else frozenset()
        self._guesses = shift and not header["types"]
        self._shift = timedelta(0)
        self.plays = True

    def age(self) -> float | None:
        """Seconds since the rows were last as they should be: none while it plays."""
        return 0.0 if self.is_live else super().age()

    async def _run(self) -> None:
        lines = _Lines(self._path)
        try:
            await self._play(lines)
        except RecordingError as error:
            self._set(TableState.ERROR, error)
        except OSError:
            self._set(TableState.ERROR, RecordingError(f"{self._path} cannot be read.", "Is it still there?"))
        except (ValueError, KeyError, TypeError, AttributeError):
            # Lines that are JSON, but not what a recording has in that place.
            self._set(TableState.ERROR, lines.damaged())
        finally:
            self.plays = False
            lines.close()

    async def _play(self, lines: _Lines) -> None:
        started = time.monotonic()
        replica = self.replica
        ticket = replica.begin_snapshot()
        while True:
            batch = await asyncio.to_thread(lines.read)
            if not batch:
                break
            for lines.number, line in batch:
                if not isinstance(line, dict):
                    raise lines.damaged()
                at = float(line["at"])
                await self._until_due(started + at / self._speed)
                self._shift = timedelta(seconds=self._upstream.wall() - (self._recorded + at))
                self.last_right = time.monotonic()
                if "more" in line:
                    replica.add_page(self._rows(line["up"]), ticket)
                    if not line["more"]:
                        self._publish(self.edits.absorb(partial(replica.finish_snapshot, ticket, more=False)))
                        self._set(TableState.LIVE, None)
                elif not replica.loaded:
                    raise lines.damaged()
                elif "state" in line:
                    self._turn(TableState(line["state"]))
                else:
                    self._publish(self.edits.absorb(partial(replica.apply, self._changes(line))))
        if not replica.loaded:
            raise lines.damaged()
        self._set(TableState.STALE, _over())

    async def _until_due(self, due: float) -> None:
        # Also where it is late: others have their turn between two lines.
        await asyncio.sleep(max(due - time.monotonic(), 0.0))

    def _turn(self, state: TableState) -> None:
        if state in (TableState.LIVE, TableState.STALE):
            self._set(state, None)
        elif state is not TableState.CLOSED:
            self._set(TableState.STALE, None)

    def _changes(self, line: Mapping[str, Any]) -> Iterator[Change]:
        table, key = self.request.table, self.replica.key
        for cells in line.get("gone", ()):
            yield Change(ChangeKind.DELETE, table, {}, dict(zip(key, cells, strict=True)))
        for row in self._rows(line.get("up", ())):
            yield Change(ChangeKind.INSERT, table, row, {})

    def _rows(self, rows: Any) -> Iterator[Row]:  # noqa: ANN401 - of a file
        key = self.replica.key
        for row in rows:
            if not all(name in row for name in key):
                raise KeyError(key)
            yield {name: self._moved(name, value) for name, value in row.items()}

    def _moved(self, name: str, value: object) -> object:
        if not isinstance(value, str) or name in self.replica.key:
            return value
        if name not in self._moments and not (self._guesses and _TIMESTAMP.match(value)):
            return value
        moment = instant(value)
        if moment is None:
            return value
        try:
            return (moment + self._shift).isoformat()
        except OverflowError:
            return value


class _Lines:
    """The lines of a recording after its first, read as they are needed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 1
        #: The number of the line in hand.
        self.number = 1
        self._guard = threading.Lock()
        self._file: BinaryIO | None = None
        self._closed = False

    def read(self) -> list[tuple[int, object]]:
        """Read some lines with their numbers; none at the end. Blocks: not on the I/O thread."""
        with self._guard:
            if self._closed:
                return []
            if self._file is None:
                self._file = self._path.open("rb")
                self._file.readline()
            read: list[tuple[int, object]] = []
            for text in islice(self._file, _LINES_A_READ):
                self._read += 1
                try:
                    read.append((self._read, json.loads(text)))
                except ValueError:
                    read.append((self._read, None))  # damaged; what is before it is played
            return read

    def damaged(self) -> RecordingError:
        """Make the error for the line in hand."""
        return RecordingError(
            f"The recording {self._path.name} is damaged at line {self.number}.",
            "What came before was played. Record again, or cut the file there.",
        )

    def close(self) -> None:
        """Close the file."""
        with self._guard:
            self._closed = True
            if self._file is not None:
                self._file.close()


def _over() -> RecordingError:
    return RecordingError("The recording is over.", "Replay it again to see it once more.")


def _read_header(path: Path) -> dict[str, Any]:
    try:
        with path.open(encoding="utf-8") as file:
            header = json.loads(file.readline(1_000_000))
        ours = _is_header(header)
    except OSError as error:
        raise RecordingError(
            f"{path} cannot be read ({error.strerror}).", "Is that the file's name?"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise RecordingError(f"{path} is no recording.", "lw.record(table, path) makes one.") from error
    if not ours:
        raise RecordingError(f"{path} is no recording.", "lw.record(table, path) makes one.")
    if header["format_version"] != VERSION:
        raise RecordingError(
            f"{path} is a recording of format {header['format_version']!r}, and this reads {VERSION}.",
            "Update livewidgets.",
        )
    return cast("dict[str, Any]", header)


def _is_header(header: Any) -> bool:  # noqa: ANN401 - JSON of a file
    """Check what is relied on; raises as odd content makes it."""
    if header["format"] != FORMAT:
        return False
    if header["format_version"] != VERSION:
        return True
    Order.parse(header["order"])  # a FilterError is a ValueError
    names = (header["name"], *header["key"], *header["types"])
    limit = header["limit"]
    return (
        bool(header["key"])
        and all(isinstance(name, str) for name in names)
        and math.isfinite(float(header["started"]))
        and (limit is None or int(limit) > 0)
    )


def _moments(header: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(name for name, sql in header["types"].items() if str(sql).startswith("timestamp"))
