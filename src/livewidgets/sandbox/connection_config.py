"""The config of a join: what it asks for, read as leniently as the real server reads it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from livewidgets.errors import SandboxError
from livewidgets.sandbox import bindings
from livewidgets.sandbox.connection_effects import Replay

#: Stored messages that a join gets at most, and when it names no limit.
MAX_REPLAY = 25
#: Epoch milliseconds that a date can have.
_DATES = range(-62_135_596_800_000, 253_402_300_800_000)
_UNKNOWN = "UnknownErrorOnChannel"


class JoinRefusedError(SandboxError):
    """A join is refused; the message is the reason in the reply."""


@dataclass(frozen=True, slots=True)
class Config:
    """What a join asks for."""

    bindings: list[dict[str, Any]]
    ack: bool
    own: bool
    presence: bool
    presence_key: str
    private: bool
    replay: Replay | None
    replication_ready: bool


def read_config(payload: object, name: str) -> Config:
    """Read a join's payload. Parts of the wrong shape count as not given, except where the real server trips.

    Parameters
    ----------
    name
        The topic without ``realtime:``; a join without config has its binding in it.

    Raises
    ------
    JoinRefusedError
    """
    if not isinstance(payload, dict):
        raise JoinRefusedError(
            f"{_UNKNOWN}: expected params to be a :map, got: `{bindings.inspect(payload)}`"
        )
    config = payload.get("config") or {}
    broadcast = _part(config, "broadcast")
    presence = config.get("presence")
    presence = presence if isinstance(presence, dict) else {}
    private = _flag(config.get("private"))
    wanted = config.get("postgres_changes") if "config" in payload else bindings.from_topic(name)
    found = [binding for binding in wanted if binding is not None] if isinstance(wanted, list) else []
    for binding in found:
        if not isinstance(binding, dict):
            raise JoinRefusedError(f"{_UNKNOWN}: expected a map, got: {bindings.inspect(binding)}")
    key = presence.get("key")
    return Config(
        bindings=found,
        ack=_flag(broadcast.get("ack")),
        own=_flag(broadcast.get("self")),
        presence=_flag(presence.get("enabled")),
        presence_key=key if isinstance(key, str) and key else str(uuid.uuid4()),
        private=private,
        replay=_replay(broadcast, private=private),
        replication_ready=broadcast.get("replication_ready") not in (None, False),
    )


def _part(config: object, name: str) -> Mapping[str, Any]:
    for value in (config, config.get(name) if isinstance(config, dict) else None):
        if isinstance(value, list):
            raise JoinRefusedError(
                f"{_UNKNOWN}: the Access calls for keywords expect the key to be an atom, got: "
                + bindings.inspect(name)
            )
        if value is not None and not isinstance(value, dict):
            raise JoinRefusedError(f"{_UNKNOWN}: no function clause matching in Access.get/3")
    return (config.get(name) if isinstance(config, dict) else None) or {}


def _flag(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.lower() == "true")


def _replay(broadcast: Mapping[str, Any], *, private: bool) -> Replay | None:
    if "replay" not in broadcast:
        return None
    if not private:
        raise JoinRefusedError("UnableToReplayMessages: Replay is not allowed for public channels")
    wanted = broadcast["replay"]
    if not isinstance(wanted, dict):
        return None
    since, limit = wanted.get("since"), wanted.get("limit") or MAX_REPLAY
    if type(since) is not int or type(limit) is not int or since not in _DATES:
        raise JoinRefusedError("UnableToReplayMessages: Replay params are not valid")
    return Replay(since, max(1, min(limit, MAX_REPLAY)))
