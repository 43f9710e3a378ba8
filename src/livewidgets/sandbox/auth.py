"""Who asks: API keys and HS256 access tokens, checked as Supabase's gateway, Realtime and PostgREST do."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

import jwt

from livewidgets.errors import SandboxError

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from livewidgets.sandbox.keys import Keys

#: The key formats that are no JWT; keys of these kinds stand for the anon and the service key.
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
            A JWT, or, when strict, an API key that is none.
        now
            Epoch seconds.
        strict
            Realtime demands ``role`` and ``exp``; PostgREST and GoTrue do not.

        Raises
        ------
        TokenRefusedError
        """
        if strict:
            token = self._behind(token)
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

    def _behind(self, key: str) -> str:
        """Return the JWT that a key of the opaque kind stands for; anything else as it is."""
        for opaque, token in (
            (self._keys.publishable_key, self._keys.anon_key),
            (self._keys.secret_key, self._keys.service_key),
        ):
            if hmac.compare_digest(opaque.encode(), key.encode("utf-8", "replace")):
                return token
        return key

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


@dataclass(frozen=True)
class Visitor:
    """Whom the gateway has let in.

    Attributes
    ----------
    by_key
        What the API key allows.
    token
        The access token, where there is one beside the key: for the service behind to check.
    named
        Whether the request names its bearer itself, or the gateway does because the key is no JWT.
    """

    by_key: Claims
    token: str | None = field(default=None, repr=False)
    named: bool = True


def visitor(request: HTTPConnection, tokens: Tokens, now: float) -> Visitor | GatewayRefusal:
    """Look at a request as Supabase's gateway does: no key, no service.

    A key that is no JWT is no access token either, unless it stands in both places.
    """
    key = request.headers.get("apikey") or request.query_params.get("apikey")
    if not key:
        return NO_KEY
    by_key = tokens.api_key(key, now)
    if by_key is None:
        return BAD_KEY
    token = bearer(request.headers.get("authorization"))
    if token == key:
        return Visitor(by_key)
    return Visitor(by_key, token, token is not None or key.startswith(OPAQUE_PREFIXES))
