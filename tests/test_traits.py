from __future__ import annotations

import ast
from pathlib import Path

import pytest
import traitlets

import livewidgets
from livewidgets.traits import Choice, Count, Flag, Number, OptionalText, Owner, Pixels, Text, Texts, owner_of
from livewidgets.widgets.call_tracker import CallTracker
from livewidgets.widgets.online_status import OnlineStatus
from livewidgets.widgets.realtime_chart import RealtimeChart

PACKAGE = Path(livewidgets.__file__).parent


def syncs(path: Path) -> list[int]:
    """Return the lines on which something is tagged for sync."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.keyword) and node.arg == "sync"
    ]


def test_traits_are_tagged_for_sync_in_one_place_only():
    tagged = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if syncs(path)}
    assert tagged == {"traits.py"}


@pytest.mark.parametrize("kind", [CallTracker, OnlineStatus, RealtimeChart])
def test_every_trait_of_a_component_says_who_owns_it_and_what_it_is(kind):
    ours = {
        name: trait
        for name, trait in kind.class_traits(sync=True).items()
        if trait.this_class.__module__.startswith("livewidgets.")
    }
    assert {"hub", "feed", "theme", "size"} <= set(ours)
    for name, trait in ours.items():
        assert owner_of(trait) in set(Owner), name
        assert trait.help or name == "hub", name


def test_the_values_that_a_trait_takes():
    class Options(traitlets.HasTraits):
        text = Text("a", owner=Owner.KERNEL)
        maybe = OptionalText(owner=Owner.VIEW)
        flag = Flag(True, owner=Owner.KERNEL)
        number = Number(1.5, least=0, most=2, owner=Owner.KERNEL)
        count = Count(4, least=1, most=12, owner=Owner.KERNEL)
        pixels = Pixels(10, least=5, owner=Owner.KERNEL)
        choice = Choice(("auto", "wall"), owner=Owner.KERNEL)
        texts = Texts(owner=Owner.VIEW)

    options = Options()
    assert (options.text, options.maybe, options.flag, options.number) == ("a", None, True, 1.5)
    assert (options.pixels, options.choice, options.texts) == (10, "auto", [])
    for name, wrong in [
        ("text", 1),
        ("maybe", 1),
        ("flag", "yes"),
        ("number", 2.5),
        ("count", 13),
        ("pixels", 4),
        ("choice", "huge"),
        ("texts", [1]),
    ]:
        with pytest.raises(traitlets.TraitError):
            setattr(options, name, wrong)
    assert owner_of(Options.class_traits()["maybe"]) is Owner.VIEW
    assert owner_of(traitlets.Int()) is None
