"""What a page says of itself when it says hello. Nothing in it is trusted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl

#: Characters of a query string that are read, and parameters in it.
QUERY_LENGTH = 4_096
QUERY_FIELDS = 100
#: What opens a notebook server; no business of a notebook's code.
SECRETS = frozenset({"token", "access_token", "_xsrf"})

_ZONE = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")


@dataclass(frozen=True, slots=True)
class PageInfo:
    """One page that shows this kernel's widgets: a tab of a browser.

    Attributes
    ----------
    client
        The name that it gave itself; another one after a reload.
    query
        The parameters in its address: ``{"campaign": "7"}`` for ``...?campaign=7``. Of several of one name the last.
    time_zone
        An IANA name such as ``Europe/Berlin``; None where the browser does not say.
    theme
        ``"light"`` or ``"dark"``.
    visible
        Whether it can be seen, or is in a tab behind others; as it last said.
    """

    client: str
    query: Mapping[str, str] = field(repr=False)  # an address may hold anything
    time_zone: str | None
    theme: Literal["light", "dark"]
    visible: bool


def read_page(client: str, hello: Mapping[str, Any]) -> PageInfo:
    """Read a hello; what has another shape counts as not said.

    Examples
    --------
    >>> read_page("c", {"search": "?campaign=7&x", "tz": "Europe/Berlin"}).query
    {'campaign': '7', 'x': ''}
    """
    zone = hello.get("tz")
    return PageInfo(
        client,
        _query(hello.get("search")),
        zone if isinstance(zone, str) and len(zone) <= 64 and _ZONE.fullmatch(zone) else None,
        "dark" if hello.get("theme") == "dark" else "light",
        hello.get("visible") is not False,
    )


def _query(search: object) -> dict[str, str]:
    if not isinstance(search, str) or len(search) > QUERY_LENGTH:
        return {}
    try:
        pairs = parse_qsl(
            search.removeprefix("?"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="replace",
            max_num_fields=QUERY_FIELDS,
        )
    except ValueError:
        return {}
    return {name: value for name, value in pairs if name not in SECRETS}
