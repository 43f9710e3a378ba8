"""The tree of errors, and what each says."""

from __future__ import annotations

import inspect
import re

import pytest

from livewidgets import errors
from livewidgets.errors import LiveWidgetsError

CLASSES = {
    name: kind
    for name, kind in vars(errors).items()
    if inspect.isclass(kind) and issubclass(kind, LiveWidgetsError)
}


def tree_in_the_docstring():
    """Name to the name of its parent, as drawn."""
    parents, path = {}, []
    for line in errors.__doc__.splitlines():
        found = re.match(r"^    (?P<lines>[│├└─ ]*)(?P<name>[A-Z]\w+)(\s{2,}.*)?$", line)
        if found:
            depth = len(found["lines"]) // 4
            path[depth:] = [found["name"]]
            parents[found["name"]] = path[depth - 1] if depth else None
    return parents


def test_the_tree_in_the_docstring_is_the_tree():
    real = {
        name: None if kind is LiveWidgetsError else kind.__mro__[1].__name__ for name, kind in CLASSES.items()
    }
    assert tree_in_the_docstring() == real


@pytest.mark.parametrize("kind", CLASSES.values(), ids=CLASSES)
def test_each_says_what_it_is_and_is_one_of_ours(kind):
    assert kind.__doc__
    assert issubclass(kind, LiveWidgetsError)


def test_a_message_is_followed_by_the_advice():
    error = LiveWidgetsError("It is wrong.", "Do this.")
    assert (error.message, error.advice, str(error)) == ("It is wrong.", "Do this.", "It is wrong. Do this.")
    assert str(LiveWidgetsError("It is wrong.")) == "It is wrong."


PLAIN = [kind for kind in CLASSES.values() if kind.__init__ is LiveWidgetsError.__init__]


@pytest.mark.parametrize("kind", PLAIN, ids=lambda kind: kind.__name__)
def test_errors_without_a_text_of_their_own_take_both(kind):
    assert str(kind("Wrong.", "Mend it.")) == "Wrong. Mend it."


@pytest.mark.parametrize(
    ("error", "message", "advice"),
    [
        (errors.TableError("calls", "Wrong.", "Mend it."), "Wrong.", "Mend it."),
        (
            errors.UnknownTableError("calls"),
            "There is no table 'calls' in this project's API.",
            "Check the name and the schema; a table made a moment ago needs: notify pgrst, 'reload schema'.",
        ),
        (
            errors.NotPublishedError("ops.calls"),
            "Realtime does not publish changes of 'ops.calls'.",
            "Run: alter publication supabase_realtime add table ops.calls;",
        ),
        (
            errors.NoRightsError("calls"),
            "This key may not read 'calls'.",
            "Sign in, or run: grant select on calls to anon; and check its row-level security policies.",
        ),
        (
            errors.NoRightsError("calls", "write"),
            "This key may not write 'calls'.",
            "Sign in, or run: grant insert, update, delete on calls to anon; and check its row-level security policies.",
        ),
        (
            errors.NoPrimaryKeyError("calls"),
            "The table 'calls' has no primary key, so its rows cannot be told apart.",
            "Run: alter table calls add primary key (...);",
        ),
        (
            errors.UnknownColumnError("calls", "staus", ("id", "status")),
            "The table 'calls' has no column 'staus'.",
            "Its columns are: id, status.",
        ),
        (
            errors.UnknownColumnError("calls", "staus"),
            "The table 'calls' has no column 'staus'.",
            "Check the spelling.",
        ),
        (
            errors.ConflictError("calls", {"a": 1}, {"a": 2}, {"a": 0}),
            "A row of 'calls' was changed by somebody else meanwhile.",
            'Look at it and edit it again; conflict="merge" or "mine" decides such races by itself.',
        ),
        (errors.WriteRefusedError("calls", "Wrong.", "Mend it."), "Wrong.", "Mend it."),
        (
            errors.ReadOnlyError("calls"),
            "'calls' is read-only.",
            "It is a view or a read replica: write to the table behind it.",
        ),
        (
            errors.RowNotAddedError("calls"),
            "The row of 'calls' was not added, so it is not changed either.",
            "Look at the error of its insert.",
        ),
        (
            errors.RowVanishedError("calls"),
            "The row of 'calls' is not there any more.",
            "It was deleted, or this key may not see it; insert it again if it should be there.",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_what_the_errors_of_a_table_say(error, message, advice):
    assert (error.message, error.advice) == (message, advice)
    assert error.table.endswith("calls")


def test_the_error_of_a_room_names_it():
    error = errors.RoomError("ops", "Wrong.", "Mend it.")
    assert (error.topic, str(error)) == ("ops", "Wrong. Mend it.")


def test_every_error_with_a_text_of_its_own_is_tested_above():
    own = {name for name, kind in CLASSES.items() if "__init__" in vars(kind)} - {"LiveWidgetsError"}
    assert own == {
        "TableError",
        "UnknownTableError",
        "NotPublishedError",
        "NoRightsError",
        "NoPrimaryKeyError",
        "UnknownColumnError",
        "ConflictError",
        "ReadOnlyError",
        "RowNotAddedError",
        "RowVanishedError",
        "RoomError",
    }


def test_the_column_is_named():
    assert errors.UnknownColumnError("calls", "staus").column == "staus"


def test_a_conflict_carries_the_three_rows_and_shows_none():
    error = errors.ConflictError("calls", {"phone": "mine"}, {"phone": "theirs"}, {"phone": "base"})
    assert (error.mine, error.theirs, error.base) == (
        {"phone": "mine"},
        {"phone": "theirs"},
        {"phone": "base"},
    )
    assert "phone" not in repr(error) + str(error)


def test_some_are_what_python_has_a_name_for():
    assert issubclass(errors.FilterError, ValueError)
    assert issubclass(errors.NotReadyError, TimeoutError)
    assert issubclass(errors.NotSettledError, TimeoutError)
