"""Which project a command talks to: what is given, else what `lw.demo()` would take."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from livewidgets import session
from livewidgets.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from livewidgets.live.client import Live


@contextmanager
def connected(
    url: str | None, key: str | None, token: str | None, schema: str, data: Path | None
) -> Iterator[Live]:
    """Connect to a project or a sandbox for the time of the block.

    Raises
    ------
    ConfigError
        Settings that contradict each other, or that cannot be right.
    SandboxError
        The sandbox does not start.
    """
    with _open(url, key, token, schema, data) as live:
        yield live


def _open(url: str | None, key: str | None, token: str | None, schema: str, data: Path | None) -> Live:
    if data is not None:
        if url or key or token:
            raise ConfigError(
                "--data names a sandbox, and --url, --key or --token a project.", "Give one or the other."
            )
        return session.sandbox(data=data)
    if url or key or token or schema != "public":
        return session.connect(url, key, access_token=token, schema=schema)
    return session.demo()
