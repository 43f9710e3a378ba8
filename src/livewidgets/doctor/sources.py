"""Where the settings come from: what was given, a sandbox, the environment, or a ``.env`` file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from dotenv import dotenv_values

from livewidgets.config import KEY_NAMES, URL_NAME, nearest_file
from livewidgets.doctor.case import Case, Limits, Wanted

if TYPE_CHECKING:
    from livewidgets.sandbox.instance import SandboxInfo

#: Names the data folder of the sandbox that `livewidgets demo` shows.
SANDBOX_VARIABLE = "LIVEWIDGETS_SANDBOX"
_SET_BOTH = f"export {URL_NAME}=https://<project>.supabase.co {KEY_NAMES[0]}=<publishable key>"


def find_case(
    table: str | None = None,
    *,
    url: str | None = None,
    key: str | None = None,
    token: str | None = None,
    witness: str | None = None,
    schema: str = "public",
    data: Path | None = None,
    role: str = "manager",
    write: bool | None = None,
    limits: Limits | None = None,
) -> Case:
    """Find out what to look at, as `livewidgets.demo` does: what is configured, else the sandbox that runs.

    Parameters
    ----------
    table
        The table, also as ``schema.table``; the sandbox's calls where none is named.
    url, key, token, schema
        What was given; it wins over what is found.
    witness
        A service key to compare with; a sandbox has its own.
    data
        The folder of a sandbox to look at.
    role
        Who to be in a sandbox: ``manager``, ``anon`` or ``service``.
    write
        Whether a row may be touched; None for only in a sandbox.
    limits
        How long to wait.
    """
    if table and "." in table:
        schema, _, table = table.partition(".")
    given = data or (Path(os.environ[SANDBOX_VARIABLE]) if os.environ.get(SANDBOX_VARIABLE) else None)
    wanted = _configured(url, key)
    info: SandboxInfo | None = None
    if given is not None and (data is not None or not (url and key)):
        info = _running(given)
        if info is None:
            trouble = f"no sandbox runs on {given}"
            wanted = Wanted(trouble=trouble, advice=f"livewidgets sandbox --data {given}")
        else:
            wanted = _of_sandbox(info, role, url, key)
    elif wanted.trouble and not wanted.url and not wanted.key and (info := _running(None)) is not None:
        wanted = _of_sandbox(info, role, None, None)
    if info is not None:
        if token is None and key is None and role == "manager":
            token = info.manager_token
        witness = info.service_key
        table = table or "calls"
    return Case(
        wanted,
        table,
        schema,
        token=token,
        witness=witness,
        witness_writes=info is not None,
        may_write=info is not None if write is None else write,
        limits=limits or Limits(),
    )


def _running(data: Path | None) -> SandboxInfo | None:
    from livewidgets.sandbox.instance import running

    return running(None if data is None else data.expanduser().resolve())


def _of_sandbox(info: SandboxInfo, role: str, url: str | None, key: str | None) -> Wanted:
    source = f"the sandbox in {info.data}"
    return Wanted(
        url=url or info.url,
        key=key or (info.service_key if role == "service" else info.anon_key),
        url_from=source if url is None else "--url",
        key_from=source if key is None else "--key",
    )


def _configured(url: str | None, key: str | None) -> Wanted:
    path = nearest_file()
    in_file = _read(path)
    trouble = f"{path} cannot be read" if in_file is None else ""
    places = ((os.environ, "the environment"), (in_file or {}, str(path)))
    found_url = (url, "--url") if url else _look(places, (URL_NAME,))
    found_key = (key, "--key") if key else _look(places, KEY_NAMES)
    missing = [name for name, (value, _) in ((URL_NAME, found_url), (KEY_NAMES[0], found_key)) if not value]
    if missing and not trouble:
        trouble = f"{' and '.join(missing)} {'are' if len(missing) > 1 else 'is'} not set"
        if len(missing) == 2:
            trouble += ", and no sandbox runs"
    advice = ""
    if trouble:
        advice = (
            f"{_SET_BOTH}\nlivewidgets sandbox   # to try without a project"
            if len(missing) == 2
            else f"export {missing[0]}=…   # or a line in .env"
            if missing
            else f"chmod u+r {path}"
        )
    return Wanted(found_url[0], found_key[0], found_url[1], found_key[1], trouble, advice)


def _look(
    places: tuple[tuple[Mapping[str, str], str], ...], names: tuple[str, ...]
) -> tuple[str | None, str]:
    for place, where in places:
        for name in names:
            if place.get(name):
                return place[name], f"{name} in {where}"
    return None, ""


def _read(path: Path | None) -> dict[str, str] | None:
    if path is None:
        return {}
    try:
        values = dotenv_values(path, interpolate=False)
    except (OSError, UnicodeDecodeError):
        return None
    return {name: value for name, value in values.items() if value}
