from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livewidgets.core.mask_cells import masked_cell

NUMBER = "+15551234567"
MASKED = "+1 ••• ••• 4567"


@pytest.mark.parametrize(
    ("column", "value", "masked"),
    [
        ("caller_number", NUMBER, MASKED),
        ("Phone", NUMBER, MASKED),
        ("phone", 15551234567, "••• ••• 4567"),
        ("phone", None, None),
        ("phone", [NUMBER, None], [MASKED, None]),
        ("phone", {"home": NUMBER}, {"home": MASKED}),
        ("email", "ana@example.org", "a•••@example.org"),
        ("note", f"call {NUMBER}", f"call {MASKED}"),
        (
            "body",
            {"to": [{"phone": 5551234567}], "text": NUMBER},
            {"to": [{"phone": "••• ••• 4567"}], "text": MASKED},
        ),
        ("tags", ["a", NUMBER], ["a", MASKED]),
        ("caller_masked", MASKED, MASKED),
        ("caller_key", "12345678abcdef01", "12345678abcdef01"),
        ("id", "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000001"),
        ("created_at", "2026-11-22T10:11:12.345678+00:00", "2026-11-22T10:11:12.345678+00:00"),
        ("status", "in-progress", "in-progress"),
        ("amount", 12345678901, 12345678901),
        ("ok", True, True),
    ],
)
def test_what_is_masked_for_good(column, value, masked):
    assert masked_cell(column, value) == masked
    assert masked_cell(column, masked) == masked


def test_a_type_that_is_no_free_text_stays():
    assert masked_cell("total", "12345678.25", "numeric(12,2)") == "12345678.25"
    assert masked_cell("total", "12345678.25") != "12345678.25"


JSON = st.recursive(
    st.just(NUMBER) | st.integers() | st.text(max_size=5) | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["phone", "a"]), inner, max_size=2)
    ),
    max_leaves=8,
)


@given(st.sampled_from(["phone", "note"]), JSON)
def test_no_number_stays_however_deep(column, value):
    assert "5551234" not in json.dumps(masked_cell(column, value), ensure_ascii=False)
