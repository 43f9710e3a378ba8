"""The keys of one sandbox: a random secret per data folder, and the JWTs that it signs."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt

from livewidgets.sandbox.files import write_private

ALGORITHM = "HS256"
#: Ten years: the sandbox's keys are as long-lived as those of a Supabase project.
LIFETIME = 10 * 365 * 24 * 3600
#: The manager's user id: fixed, so that a dashboard sees the same "me" in every sandbox.
MANAGER_ID = "00000000-0000-4000-8000-000000000001"


@dataclass(frozen=True)
class Keys:
    """The secret and what is made with it. The representation shows none of it.

    Attributes
    ----------
    secret
        Signs and checks tokens (HS256).
    anon_key, service_key
        API keys: JWTs with the roles ``anon`` and ``service_role``.
    manager_token
        An access token: role ``authenticated``, ``app_metadata.role`` is ``manager``.
    publishable_key, secret_key
        API keys of the newer kind, for the same two roles. They are no JWTs, and no bearer tokens.
    """

    secret: str = field(repr=False)
    anon_key: str = field(repr=False)
    service_key: str = field(repr=False)
    manager_token: str = field(repr=False)
    publishable_key: str = field(repr=False)
    secret_key: str = field(repr=False)

    @classmethod
    def load(cls, data: Path) -> Keys:
        """Read the secret of a data folder, or make one; only its owner may read the file."""
        path = data / "secret"
        try:
            text = path.read_text("ascii").strip()
        except FileNotFoundError:
            text = ""
        if len(text) < 32:
            text = secrets.token_hex(32)
            write_private(path, text)
        return cls.from_secret(text)

    @classmethod
    def from_secret(cls, secret: str) -> Keys:
        """Make all the others of a secret that is known already."""
        return cls(
            secret=secret,
            anon_key=sign(secret, {"role": "anon"}),
            service_key=sign(secret, {"role": "service_role"}),
            manager_token=sign(
                secret,
                {
                    "role": "authenticated",
                    "aud": "authenticated",
                    "sub": MANAGER_ID,
                    "email": "manager@sandbox.test",
                    "app_metadata": {"role": "manager"},
                },
            ),
            publishable_key=_opaque(secret, "publishable"),
            secret_key=_opaque(secret, "secret"),
        )

    def sign(self, claims: Mapping[str, Any], lifetime: float = LIFETIME) -> str:
        """Make a token with these claims; ``iss``, ``iat`` and ``exp`` are added where they are missing."""
        return sign(self.secret, claims, lifetime)


def sign(secret: str, claims: Mapping[str, Any], lifetime: float = LIFETIME) -> str:
    """Make a JWT; ``iss``, ``iat`` and ``exp`` are added where they are missing.

    Parameters
    ----------
    secret
        The HS256 secret.
    claims
        The payload; what it names wins over the defaults.
    lifetime
        Seconds until ``exp``.
    """
    now = int(time.time())
    payload = {"iss": "livewidgets-sandbox", "iat": now, "exp": now + int(lifetime), **claims}
    return jwt.encode(payload, secret, algorithm=ALGORITHM)


def _opaque(secret: str, kind: str) -> str:
    """Make a key of the newer kind. It follows from the secret, so that a data folder has one secret to keep."""
    digest = hmac.new(secret.encode(), f"sb_{kind}_".encode(), hashlib.sha256).digest()
    text = base64.urlsafe_b64encode(digest[:24]).decode().replace("_", "-")
    return f"sb_{kind}_{text[:22]}_{text[22:30]}"
