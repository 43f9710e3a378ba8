from __future__ import annotations

import logging

from livewidgets.errors import UnknownTableError
from livewidgets.widgets.trouble import report, trouble, trouble_meta


def test_an_error_of_ours_is_told_in_its_own_words():
    told = trouble(UnknownTableError("cals"))
    assert told["kind"] == "UnknownTableError"
    assert "cals" in told["message"]
    assert told["advice"]
    meta = trouble_meta(UnknownTableError("cals"), 12.5)
    assert (meta["state"], meta["since"], meta["error"]) == ("error", 12_500, told)


def test_of_a_foreign_error_neither_page_nor_log_quotes_a_word(caplog):
    try:
        int("+15551234567x")
    except ValueError as error:
        told = trouble(error)
        with caplog.at_level(logging.DEBUG):
            report("The feed failed", error)
    assert told["kind"] == "ValueError"
    assert "5551234567" not in str(told) + caplog.text
    assert "test_trouble.py:" in caplog.text


def test_an_error_that_was_never_raised_can_be_reported(caplog):
    report("The feed failed", ValueError("x"))
    assert "ValueError at an unknown place" in caplog.text
