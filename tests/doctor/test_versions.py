"""Versions against ranges."""

from __future__ import annotations

import pytest

from livewidgets.doctor.versions import Need, compare, is_within, own_needs, parse_need, release


@pytest.mark.parametrize(
    ("text", "need"),
    [
        ("anywidget<0.12,>=0.11", Need("anywidget", ">=0.11,<0.12")),
        ("python-dotenv>=1.0", Need("python-dotenv", ">=1.0")),
        ("psycopg[binary,pool]<4,>=3.3; extra == 'sandbox'", Need("psycopg", ">=3.3,<4", "sandbox")),
        ('voila<0.6,>=0.5.8 ; extra == "voila"', Need("voila", ">=0.5.8,<0.6", "voila")),
        ("realtime", Need("realtime", "")),
    ],
)
def test_requirements_are_read(text: str, need: Need):
    assert parse_need(text) == need


@pytest.mark.parametrize(
    ("version", "range_", "within"),
    [
        ("0.11.0", ">=0.11,<0.12", True),
        ("0.12", ">=0.11,<0.12", False),
        ("0.12.0rc1", ">=0.11,<0.12", False),
        ("2.34.1", ">=2.34,<3", True),
        ("2.9", ">=2.34,<3", False),
        ("3", "<3.0.0", False),
        ("1.4.9", "~=1.4.2", True),
        ("1.5", "~=1.4.2", False),
        ("1.5", "!=1.5", False),
        ("1.5", "==1.5.0", True),
        ("1.5", ">1.5", False),
        ("1.5", "<=1.5", True),
        ("9", "", True),
        ("9", "===odd", True),
    ],
)
def test_ranges(version: str, range_: str, within: bool):
    assert is_within(version, range_) is within


def test_numbers_of_versions():
    assert release("1.2.0rc1") == (1, 2, 0)
    assert release("0.6.0+local.2") == (0, 6, 0)
    assert release("2026.1.dev3") == (2026, 1)


def test_what_an_extra_brings_may_be_missing():
    found = compare(
        ["a>=2", "b>=1; extra == 'x'", "c>=1; extra == 'x'", "d>=1; extra == 'dev'", "e"],
        {"a": "1.0", "c": "0.5", "d": "0.1"}.get,
    )
    assert [(package.need.name, package.version, package.fits) for package in found] == [
        ("a", "1.0", False),
        ("c", "0.5", False),
        ("e", None, False),
    ]


def test_our_own_requirements_are_known():
    assert {"anywidget", "supabase"} <= {need.name for need in map(parse_need, own_needs()) if need}
