"""Trouble in words: for pages, and for the log, where no row may be quoted."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path
from typing import Any

from livewidgets.errors import LiveWidgetsError

logger = logging.getLogger("livewidgets")


def trouble(error: BaseException) -> dict[str, str]:
    """Return an error in words for a page; of a foreign one no more than that there was one."""
    if isinstance(error, LiveWidgetsError):
        return {"kind": type(error).__name__, "message": error.message, "advice": error.advice}
    return {
        "kind": type(error).__name__,
        "message": "Something went wrong in the kernel.",
        "advice": "The log of the kernel says more.",
    }


def trouble_meta(error: BaseException, since: float) -> dict[str, Any]:
    """Return the meta of a feed that cannot be followed."""
    return {
        "state": "error",
        "since": since * 1000,
        "rows": 0,
        "partial": False,
        "version": 0,
        "masked": True,
        "error": trouble(error),
    }


def report(what: str, error: BaseException) -> None:
    """Log that something failed, and where; an exception's own words may quote a row."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"
    logger.error("%s: %s at %s.", what, type(error).__name__, where)
