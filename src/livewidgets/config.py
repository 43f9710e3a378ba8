"""Settings: the project's URL and key, from arguments, the environment, or a ``.env`` file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from dotenv import dotenv_values

from livewidgets.errors import ConfigError

#: Where the key is looked for, in this order.
KEY_NAMES = ("SUPABASE_KEY", "SUPABASE_ANON_KEY", "SUPABASE_PUBLISHABLE_KEY")
URL_NAME = "SUPABASE_URL"

_WAYS_OUT = (
    f"Set {URL_NAME} and {KEY_NAMES[0]} in the environment or in a .env file, or use livewidgets.sandbox()."
)
_JWT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+")
_NAMED_KEY = re.compile(r"sb_(?:publishable|secret)_[\w-]+")
_DASHBOARD = re.compile(
    r"^https?://(?:www\.)?(?:app\.supabase\.(?:com|io)|supabase\.com)/(?:dashboard/)?project/([a-z0-9]+)"
)


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the project is, and with what key.

    Attributes
    ----------
    url
        ``http`` or ``https``, a host, no path and no slash at the end.
    key
        An API key: a JWT, or a key that begins with ``sb_``. Not shown by ``repr``.
    """

    url: str
    key: str = field(repr=False)

    @classmethod
    def read(
        cls,
        url: str | None = None,
        key: str | None = None,
        env: Mapping[str, str] | None = None,
        dotenv: Path | None = None,
    ) -> Self:
        """Read the settings; an argument wins over the environment, and that over the file.

        Parameters
        ----------
        url, key
            What the caller gave.
        env
            The environment; ``os.environ`` by default.
        dotenv
            A file of settings; by default the first ``.env`` in the working folder or one above it.

        Raises
        ------
        ConfigError
            When something is missing, or is not what it should be. It never quotes a key.
        """
        given = os.environ if env is None else env
        if url is None or key is None:
            given = {**_read_file(dotenv if dotenv is not None else nearest_file()), **_not_empty(given)}
        url = url if url is not None else given.get(URL_NAME)
        key = key if key is not None else next((given[name] for name in KEY_NAMES if given.get(name)), None)
        missing = [name for name, value in ((URL_NAME, url), (KEY_NAMES[0], key)) if not value]
        if missing or url is None or key is None:
            verb = "are" if len(missing) > 1 else "is"
            raise ConfigError(f"{' and '.join(missing)} {verb} not set.", _WAYS_OUT)
        return cls(checked_url(url), checked_key(key))


def checked_url(url: str) -> str:
    """Give the URL in its plain form.

    Raises
    ------
    ConfigError
        With a hint at what was pasted, where that can be told.
    """
    text = url.strip().rstrip("/")
    shape = "It looks like https://<project>.supabase.co, or http://127.0.0.1:54321 for a local one."
    if text.startswith(("postgres://", "postgresql://")):
        # Not quoted: a connection string holds a password.
        raise ConfigError(
            f"{URL_NAME} is a Postgres connection string, not the project's URL.",
            f"Copy the Project URL from the API settings. {shape}",
        )
    dashboard = _DASHBOARD.match(text)
    if dashboard:
        raise ConfigError(
            f"{URL_NAME} is the address of the dashboard, not of the project.",
            f"Use https://{dashboard[1]}.supabase.co",
        )
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"{URL_NAME} cannot be read as an address.", shape) from error
    if parts.username is not None or parts.password is not None:
        raise ConfigError(
            f"{URL_NAME} holds a user name or a password.", "Leave them out; the key is set by itself."
        )
    if parts.scheme not in ("http", "https") or not host:
        hint = (
            f"Did you mean https://{text}?"
            if "://" not in text and "." in text and "/" not in text
            else shape
        )
        raise ConfigError(f"{URL_NAME} is not an http or https address with a host.", hint)
    netloc = f"[{host}]" if ":" in host else host
    plain = f"{parts.scheme}://{netloc}{f':{port}' if port else ''}"
    if parts.path or parts.query or parts.fragment:
        raise ConfigError(f"{URL_NAME} has something after the host.", f"Use {plain}")
    return plain


def checked_key(key: str) -> str:
    """Give the key without the spaces around it.

    Raises
    ------
    ConfigError
        For what has the shape of no key; the message does not quote it.
    """
    text = key.strip()
    if _JWT.fullmatch(text) or _NAMED_KEY.fullmatch(text):
        return text
    advice = "Copy the publishable (anon) key from the API settings: it begins with sb_publishable_ or eyJ."
    if text[:1] in "'\"" and text[:1] == text[-1:]:
        advice = "Leave out the quotes around it."
    elif text.lower().startswith("bearer "):
        advice = "Leave out the word Bearer."
    elif text.startswith(("http://", "https://")):
        advice = "It is an address: URL and key may be swapped."
    raise ConfigError("The API key does not have the shape of one.", advice)


def _not_empty(env: Mapping[str, str]) -> dict[str, str]:
    return {name: env[name] for name in (URL_NAME, *KEY_NAMES) if env.get(name)}


def _read_file(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    try:
        values = dotenv_values(path, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"The settings file {path} cannot be read.", "Check that it is text and its rights."
        ) from error
    return {name: value for name, value in values.items() if value}


def nearest_file() -> Path | None:
    """Find the first ``.env`` in the working folder or one above it."""
    return next((path for path in _candidates() if path.is_file()), None)


def _candidates() -> Iterator[Path]:
    try:
        here = Path.cwd()
    except FileNotFoundError:
        return
    for folder in (here, *here.parents):
        yield folder / ".env"
