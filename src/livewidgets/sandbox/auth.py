"""Who asks: API keys and HS256 access tokens, checked as Supabase's gateway, Realtime and PostgREST do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

import jwt

from livewidgets.errors import SandboxError

if TYPE_CHECKING:
    from livewidgets.sandbox.keys import Keys

#: The key formats that are no JWT; issue keys of these kinds and they stand for the anon and service key.
OPAQUE_PREFIXES = ("sb_publishable_", "sb_secret_")


class Refusal(Enum):
    """Why a token is refused; the value is Realtime's word for it in a join reply."""

    MALFORMED = "MalformedJWT"
    SIGNATURE = "JwtSignatureError"
    EXPIRED = "InvalidJWTToken"
    CLAIMS = "InvalidJWTToken "  # the blank keeps it a member of its own; `code` strips it

    @property
    def code(self) -> str:
        """The word itself."""
        return self.value.strip()


class TokenRefusedError(SandboxError):
    """A token is not accepted.

    Attributes
    ----------
    refusal
        Why.
    expired_for
        Seconds since its end, for an expired one.
    """

    def __init__(self, refusal: Refusal, message: str, expired_for: int = 0) -> None:
        super().__init__(message)
        self.refusal = refusal
        self.expired_for = expired_for


@dataclass(frozen=True)
class Claims:
    """What a good token says.

    Attributes
    ----------
    role
        The database role.
    text
        The payload as JSON text: what policies see as ``request.jwt.claims``.
    expires
        ``exp`` in epoch seconds; None when the token has no end.
    """

    role: str
    text: str = field(repr=False)
    expires: float | None = None

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> Claims:
        """Claims from a decoded payload."""
        expires = payload.get("exp")
        return cls(
            role=str(payload.get("role", "anon")),
            text=json.dumps(payload, separators=(",", ":"), ensure_ascii=False),
            expires=float(expires) if isinstance(expires, (int, float)) else None,
        )


class Tokens:
    """Checks tokens against one secret.

    Parameters
    ----------
    keys
        The sandbox's keys.
    """

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def __repr__(self) -> str:
        return "<Tokens>"

    def verify(self, token: str, now: float, *, strict: bool = True) -> Claims:
        """Check a token's form, signature, claims and end, in Realtime's order.

        Parameters
        ----------
        token
            A JWT, or a key of the opaque kind.
        now
            Epoch seconds.
        strict
            Realtime demands ``role`` and ``exp``; PostgREST does not.

        Raises
        ------
        TokenRefusedError
        """
        try:
            payload = jwt.decode(
                token,
                self._keys.secret,
                algorithms=["HS256"],
                options={"verify_exp": False, "verify_aud": False, "verify_iat": False, "verify_nbf": False},
            )
        except jwt.InvalidSignatureError as error:
            raise TokenRefusedError(Refusal.SIGNATURE, "Failed to validate JWT signature") from error
        except (jwt.InvalidTokenError, ValueError) as error:
            raise TokenRefusedError(Refusal.MALFORMED, "The token provided is not a valid JWT") from error
        expires = payload.get("exp")
        if strict and (not isinstance(payload.get("role"), str) or not isinstance(expires, (int, float))):
            raise TokenRefusedError(Refusal.CLAIMS, "Fields `role` and `exp` are required in JWT")
        if isinstance(expires, (int, float)) and expires <= now:
            late = int(now - expires)
            raise TokenRefusedError(Refusal.EXPIRED, f"Token has expired {late} seconds ago", late)
        return Claims.of(payload)

    def api_key(self, key: str, now: float) -> Claims | None:
        """Return the claims behind an API key, or None when it is not one of ours."""
        try:
            return self.verify(key, now)
        except TokenRefusedError:
            return None


@dataclass(frozen=True)
class GatewayRefusal:
    """What the gateway answers before a service is reached: status 401 and this body."""

    message: str
    hint: str

    @property
    def body(self) -> dict[str, str]:
        """The JSON body."""
        return {"message": self.message, "hint": self.hint}


NO_KEY = GatewayRefusal("No API key found in request", "No `apikey` request header or url param was found.")
BAD_KEY = GatewayRefusal("Invalid API key", "Double check your Supabase `anon` or `service_role` API key.")


def bearer(authorization: str | None) -> str | None:
    """Return the token of an ``Authorization: Bearer`` header, if there is one."""
    if not authorization:
        return None
    scheme, _, token = authorization.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None
