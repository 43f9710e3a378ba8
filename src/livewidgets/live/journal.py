"""What the packages below us write to the log, without keys and rows."""

from __future__ import annotations

import logging
import re

_SECRETS = re.compile(
    r"(?P<name>apikey=)[^&\s\"']+|\beyJ[\w-]+\.[\w-]+\.[\w-]+|\bsb_(?:secret|publishable)_[\w-]+"
)
_QUERY = re.compile(r"(/rest/v1/[^\s?\"']*)\?[^\s\"']*")
#: These log addresses with a key in them, whole frames with rows, or queries with the values of filters.
_LOUD = (
    "realtime",
    "realtime._async.client",
    "realtime._async.channel",
    "realtime._async.push",
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "hpack.hpack",
    "websockets.client",
)


def without_secrets(text: str) -> str:
    """Return `text` with API keys and tokens replaced by a mark."""
    return _SECRETS.sub(lambda match: f"{match['name'] or ''}<key>", text)


#: Below a warning these say frames with rows, or headers that repeat the query.
_HOPELESS = ("realtime", "httpcore", "hpack")


class _Discreet(logging.Filter):
    """Masks secrets, and drops what cannot be masked."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING and record.name.startswith(_HOPELESS):
            return False
        message = record.getMessage()
        masked = _QUERY.sub(r"\1?…", without_secrets(message))
        if record.name.startswith("realtime"):
            masked = re.split(r"[\n{\[]|b?'", masked, maxsplit=1)[0]  # the rest is a frame, and may hold rows
        if masked != message:
            record.msg, record.args = masked, ()
        return True


_discreet = _Discreet()


def quiet_the_packages() -> None:
    """Put the filter on the packages' loggers; may be called often."""
    for name in _LOUD:
        logging.getLogger(name).addFilter(_discreet)
