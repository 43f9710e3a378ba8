"""What is said of Realtime, by its words."""

from __future__ import annotations

from livewidgets.core.change import Change, ChangeKind
from livewidgets.doctor.finding import State
from livewidgets.doctor.stream import (
    judge_broken,
    judge_identity,
    judge_join,
    judge_publication,
    judge_silence,
    judge_streaming,
)
from livewidgets.doctor.touch import Touch, condition, why_not
from livewidgets.errors import KeyRefusedError, NoPrimaryKeyError, NoRightsError, UnreachableError
from livewidgets.live.diagnosis import Reply
from livewidgets.live.translate import stream_error

UNPUBLISHED = stream_error(
    "Unable to subscribe to changes with given parameters. Please check Realtime is enabled for the given connect"
    " parameters: [event: *, schema: public, table: t, filters: []]",
    "t",
)


def test_the_publication_is_told_from_all_else():
    assert judge_publication(None, "public.t").state is State.OK
    assert (
        judge_publication(UNPUBLISHED, "public.t").mend
        == "alter publication supabase_realtime add table public.t;"
    )
    # Something else stopped it: honest about not knowing.
    other = judge_publication(UnreachableError("Realtime did not start the changes within 10 s."), "public.t")
    assert other.state is State.UNKNOWN
    assert "cannot be seen with this role" in other.what


def test_a_join_that_fails():
    assert judge_join(KeyRefusedError("x")).what == "Realtime refused the access token"
    assert "does not answer" in judge_join(stream_error("the join was not answered in time", "t")).what


def test_a_stream_that_does_not_start():
    assert judge_streaming(NoRightsError("t"), "public.t", "anon").mend == "grant select on public.t to anon;"
    assert judge_streaming(UnreachableError("It did not start."), "public.t", "anon").state is State.FAILED


def test_a_change_without_its_row():
    assert "primary key" in judge_broken(NoPrimaryKeyError("t"), "public.t", "anon").what
    assert judge_broken(NoRightsError("t"), "public.t", "anon").mend == "grant select on public.t to anon;"


def test_silence_after_a_write_is_a_failure_and_without_one_is_not():
    assert judge_silence(Touch(None, ""), 5, "public.t", "anon").state is State.UNKNOWN
    written = judge_silence(Touch({"id": 1}, ""), 5, "public.t", "anon")
    assert written.state is State.FAILED
    assert "for select to anon" in written.mend


def test_the_replica_identity_is_proved_by_updates_and_deletes_only():
    def judged(change: Change | None, *, refused: bool = False) -> State:
        return judge_identity(change, refused=refused, key=("id",), sql="public.t").state

    assert judged(None) is State.UNKNOWN
    assert judged(Change(ChangeKind.INSERT, "t", {"id": 1}, {})) is State.UNKNOWN
    assert judged(Change(ChangeKind.UPDATE, "t", {"id": 1}, {})) is State.OK
    assert judged(Change(ChangeKind.DELETE, "t", {}, {"id": 1})) is State.OK
    assert judged(None, refused=True) is State.FAILED
    full = judge_identity(
        Change(ChangeKind.DELETE, "t", {}, {"id": 1, "a": 2}), refused=False, key=("id",), sql="t"
    )
    assert full.what.startswith("full")


def test_values_as_conditions():
    assert [condition(value) for value in (None, True, 7, "a.b,c")] == [
        "is.null",
        "is.true",
        "eq.7",
        "eq.a.b,c",
    ]


def test_why_a_row_was_not_written():
    assert "policies" in why_not(Reply(200, []))
    assert why_not(Reply(403, {"code": "42501"})) == "this role may not write it"
    assert why_not(Reply(400, {"code": "23514"})) == "a write was refused: HTTP 400 23514"


def test_the_row_that_was_touched_is_known_again():
    touched = Touch({"id": 7}, "")
    assert touched.is_row({"id": "7", "x": 1})
    assert not touched.is_row({"id": 8})
    assert "7" not in repr(touched)
