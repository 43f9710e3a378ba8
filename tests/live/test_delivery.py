"""Patches on their way to the user: merged when they are too many, in order, never lost."""

from __future__ import annotations

import asyncio
import threading

from hypothesis import given
from hypothesis import strategies as st

from livewidgets.core.change import Patch
from livewidgets.live.delivery import Mailbox, Stream, merge
from livewidgets.live.thread import io_thread
from tests.live.conftest import eventually

Rows = dict[tuple[int, ...], dict[str, int]]


def apply(rows: Rows, patch: Patch) -> Rows:
    """What a reader makes of a patch."""
    left = {key: row for key, row in rows.items() if key not in patch.removed}
    return {**left, **patch.upserted}  # type: ignore[dict-item]


@st.composite
def patches(draw: st.DrawFn) -> list[Patch]:
    keys = st.tuples(st.integers(0, 4))
    made = []
    for version in range(1, draw(st.integers(2, 8))):
        upserted = {key: {"v": version} for key in draw(st.lists(keys, max_size=3))}
        removed = {key: {} for key in draw(st.lists(keys, max_size=3)) if key not in upserted}
        made.append(Patch(version, upserted, removed, reset=draw(st.booleans())))
    return made


@given(patches())
def test_a_merged_patch_does_what_both_do(many: list[Patch]) -> None:
    rows: Rows = {(0,): {"v": 0}, (1,): {"v": 0}}
    apart = rows
    before = [(dict(patch.upserted), dict(patch.removed)) for patch in many]
    merged = many[0]
    for patch in many:
        apart = apply(apart, patch)
    for patch in many[1:]:
        merged = merge(merged, patch)
    assert apply(rows, merged) == apart
    assert merged.version == many[-1].version
    assert merged.reset == any(patch.reset for patch in many)
    assert not merged.upserted.keys() & merged.removed.keys()
    # Others have them too.
    assert before == [(patch.upserted, patch.removed) for patch in many]


async def test_a_blocked_loop_gets_few_patches_and_all_rows() -> None:
    seen: list[Patch] = []
    mailbox = Mailbox(seen.append, merge, "test")
    # The loop does not run while this goes on, as in a cell that computes.
    for number in range(5000):
        mailbox.put(Patch(number + 1, {(number,): {"v": number}}))
    await asyncio.to_thread(eventually, lambda: seen and seen[-1].version == 5000)
    assert len(seen) <= 256
    assert {key for patch in seen for key in patch.upserted} == {(number,) for number in range(5000)}
    assert [patch.version for patch in seen] == sorted(patch.version for patch in seen)


def test_without_a_loop_there_is_a_thread_for_callbacks() -> None:
    seen: list[str] = []

    async def later(_: Patch) -> None:
        seen.append(threading.current_thread().name)

    for callback in (lambda _: seen.append(threading.current_thread().name), later):
        Mailbox(callback, merge, "test").put(Patch(1))
    eventually(lambda: len(seen) == 2)
    assert set(seen) == {"livewidgets-callbacks"}


def test_user_code_never_runs_on_the_io_thread() -> None:
    seen: list[str] = []

    async def subscribe() -> None:
        Mailbox[Patch](lambda _: seen.append(threading.current_thread().name), merge, "test").put(Patch(1))

    io_thread().run(subscribe())
    eventually(lambda: seen == ["livewidgets-callbacks"])


def test_a_loop_that_is_gone_is_no_error() -> None:
    mailboxes: list[Mailbox[Patch]] = []

    async def subscribe() -> None:
        mailboxes.append(Mailbox(print, merge, "test"))

    asyncio.run(subscribe())
    mailboxes[0].put(Patch(1))
    mailboxes[0].put(Patch(2))


def test_a_closed_mailbox_calls_nothing() -> None:
    seen: list[Patch] = []
    mailbox = Mailbox(seen.append, merge, "test")
    other = Mailbox(seen.append, merge, "test")
    mailbox.close()
    mailbox.put(Patch(1))
    other.put(Patch(2))
    eventually(lambda: seen == [Patch(2)])


async def test_a_stream_ends_when_it_is_closed() -> None:
    stream: Stream[Patch] = Stream(merge)
    for number in range(1000):
        stream.put(Patch(number + 1, {(number,): {}}))
    stream.close()
    got = [patch async for patch in stream.items()]
    assert got[-1].version == 1000
    assert sum(len(patch.upserted) for patch in got) == 1000
