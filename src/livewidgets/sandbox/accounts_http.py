"""The endpoints under ``/auth/v1``: the part of GoTrue that signing in with a password takes."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg_pool import PoolTimeout
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from livewidgets.sandbox.accounts import PAGE, Accounts
from livewidgets.sandbox.accounts_errors import VERSION_HEADER, AccountError, bad_json, bad_token, invalid
from livewidgets.sandbox.auth import GatewayRefusal, Refusal, TokenRefusedError, Tokens, Visitor, visitor

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from livewidgets.sandbox.accounts_store import User

#: Bytes of a request's body.
MAX_BODY = 1024 * 1024
#: What a field of a body must be, where it is there.
_FIELDS: Mapping[str, type] = {
    "email": str,
    "phone": str,
    "password": str,
    "refresh_token": str,
    "id": str,
    "role": str,
    "ban_duration": str,
    "email_confirm": bool,
    "data": dict,
    "user_metadata": dict,
    "app_metadata": dict,
}
#: Ways to sign in that need a mail, a message or another service.
_ABSENT = ("otp", "magiclink", "recover", "resend", "verify", "reauthenticate", "invite", "sso", "authorize")
_TOKEN_WORDS = {
    Refusal.SIGNATURE: "token signature is invalid: signature is invalid",
    Refusal.EXPIRED: "token has invalid claims: token is expired",
    Refusal.MALFORMED: "token is malformed: token contains an invalid number of segments",
}

Answer = Callable[[Request, Visitor], Awaitable[Response]]


class AccountsHttp:
    """Reads requests, asks `Accounts`, writes answers.

    Parameters
    ----------
    accounts, tokens
        The rules, and what checks tokens.
    clock
        Epoch seconds.
    """

    def __init__(self, accounts: Accounts, tokens: Tokens, clock: Callable[[], float] = time.time) -> None:
        self._accounts = accounts
        self._tokens = tokens
        self._clock = clock

    def routes(self) -> list[BaseRoute]:
        """List the routes."""
        served: list[tuple[str, str, Answer]] = [
            ("GET", "/health", self._health),
            ("GET", "/settings", self._settings),
            ("POST", "/signup", self._sign_up),
            ("POST", "/token", self._token),
            ("GET", "/user", self._user),
            ("PUT", "/user", self._change_user),
            ("POST", "/logout", self._sign_out),
            ("GET", "/admin/users", self._list),
            ("POST", "/admin/users", self._create),
            ("GET", "/admin/users/{user_id}", self._show),
            ("PUT", "/admin/users/{user_id}", self._change),
            ("DELETE", "/admin/users/{user_id}", self._remove),
        ]
        routes: list[BaseRoute] = [
            Route(f"/auth/v1{path}", self._guarded(answer), methods=[method])
            for method, path, answer in served
        ]
        routes += [
            Route(f"/auth/v1/{name}", self._guarded(self._absent), methods=["GET", "POST"])
            for name in _ABSENT
        ]
        return [*routes, Route("/auth/v1/.well-known/jwks.json", _key_set)]

    def _guarded(self, answer: Answer) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            found = visitor(request, self._tokens, self._clock())
            if isinstance(found, GatewayRefusal):
                return JSONResponse(found.body, 401)
            version = request.headers.get(VERSION_HEADER)
            try:
                return await answer(request, found)
            except AccountError as error:
                return error.response(version)
            except ClientDisconnect:
                return Response(status_code=400)
            except psycopg.DataError:
                return invalid("The database cannot hold such a value").response(version)
            except (psycopg.Error, PoolTimeout, OSError):
                words = "The database does not answer"
                return AccountError(503, "unexpected_failure", words).response(version)

        return guarded

    async def _health(self, _: Request, __: Visitor) -> Response:
        return JSONResponse(
            {
                "version": "sandbox",
                "name": "GoTrue",
                "description": "GoTrue is a user registration and authentication API",
            }
        )

    async def _settings(self, _: Request, __: Visitor) -> Response:
        off = dict.fromkeys(
            ("anonymous_users", "apple", "azure", "github", "gitlab", "google", "phone"), False
        )
        return JSONResponse(
            {
                "external": {**off, "email": True},
                "disable_signup": False,
                "mailer_autoconfirm": True,
                "phone_autoconfirm": False,
                "sms_provider": "",
                "saml_enabled": False,
            }
        )

    async def _absent(self, request: Request, _: Visitor) -> Response:
        name = request.url.path.rpartition("/")[2]
        raise AccountError(
            422,
            "otp_disabled" if name in ("otp", "magiclink") else "email_provider_disabled",
            f"The sandbox sends no mail and knows no other services: {name} is not offered. Use a password.",
        )

    async def _sign_up(self, request: Request, _: Visitor) -> Response:
        body = await _read(request)
        if body.get("phone"):
            raise AccountError(400, "phone_provider_disabled", "Phone signups are disabled")
        if not body.get("email"):
            if not body.get("password"):
                message = "Anonymous sign-ins are disabled"
                raise AccountError(422, "anonymous_provider_disabled", message)
            raise invalid("Sign up only available with email provider")
        made = await self._accounts.sign_up(
            body["email"], body.get("password") or "", body.get("data") or {}, _issuer(request)
        )
        return JSONResponse(made)

    async def _token(self, request: Request, _: Visitor) -> Response:
        grant = request.query_params.get("grant_type")
        if grant not in ("password", "refresh_token"):
            raise AccountError(400, "invalid_credentials", "unsupported_grant_type")
        body = await _read(request)
        if grant == "refresh_token":
            if not body.get("refresh_token"):
                raise invalid("refresh_token required")
            return JSONResponse(await self._accounts.refresh(body["refresh_token"], _issuer(request)))
        if body.get("phone"):
            raise AccountError(422, "phone_provider_disabled", "Phone logins are disabled")
        if not body.get("email"):
            raise invalid("missing email or phone")
        made = await self._accounts.sign_in(body["email"], body.get("password") or "", _issuer(request))
        return JSONResponse(made)

    async def _user(self, _: Request, who: Visitor) -> Response:
        user, _session = await self._signed_in(who)
        return JSONResponse(user.shown())

    async def _change_user(self, request: Request, who: Visitor) -> Response:
        user, session = await self._signed_in(who)
        body = await _read(request)
        if body.get("app_metadata") is not None:
            raise AccountError(403, "not_admin", "Updating app_metadata requires admin privileges")
        wanted = {name: body[name] for name in ("email", "password") if body.get(name)}
        wanted["user_metadata"] = body.get("data")
        changed = await self._accounts.change(user, wanted, session=session, own=True)
        return JSONResponse(changed.shown())

    async def _sign_out(self, request: Request, who: Visitor) -> Response:
        scope = request.query_params.get("scope") or "global"
        if scope not in ("global", "local", "others"):
            raise invalid(f"Unsupported logout scope {json.dumps(scope)}")
        user, session = await self._signed_in(who)
        await self._accounts.sign_out(user, session, scope)
        return Response(status_code=204)

    async def _list(self, request: Request, who: Visitor) -> Response:
        self._admin(who)
        number, size = (_positive(request, name, usual) for name, usual in (("page", 1), ("per_page", PAGE)))
        users, total = await self._accounts.page(number, size)
        return JSONResponse(
            {"users": [user.shown() for user in users], "aud": "authenticated"},
            headers={"x-total-count": str(total)},
        )

    async def _create(self, request: Request, who: Visitor) -> Response:
        self._admin(who)
        return JSONResponse((await self._accounts.create(await _read(request))).shown())

    async def _show(self, request: Request, who: Visitor) -> Response:
        self._admin(who)
        return JSONResponse((await self._accounts.get(request.path_params["user_id"])).shown())

    async def _change(self, request: Request, who: Visitor) -> Response:
        self._admin(who)
        user = await self._accounts.get(request.path_params["user_id"])
        body = await _read(request)
        if body.get("ban_duration"):
            body["banned_until"] = _banned_until(body["ban_duration"])
        return JSONResponse((await self._accounts.change(user, body)).shown())

    async def _remove(self, request: Request, who: Visitor) -> Response:
        self._admin(who)
        await self._accounts.remove(await self._accounts.get(request.path_params["user_id"]))
        return JSONResponse({})

    async def _signed_in(self, who: Visitor) -> tuple[User, str | None]:
        """Find the user of the access token, and its session."""
        claims = self._claims(who)
        if not claims.get("sub"):
            raise bad_token("invalid claim: missing sub claim")
        session = claims.get("session_id")
        return await self._accounts.of(claims), session if isinstance(session, str) else None

    def _admin(self, who: Visitor) -> None:
        if self._claims(who).get("role") not in ("service_role", "supabase_admin"):
            raise AccountError(403, "not_admin", "User not allowed")

    def _claims(self, who: Visitor) -> dict[str, Any]:
        if not who.named:
            raise AccountError(401, "no_authorization", "This endpoint requires a valid Bearer token")
        claims = who.by_key
        if who.token is not None:
            try:
                claims = self._tokens.verify(who.token, self._clock(), strict=False)
            except TokenRefusedError as error:
                words = _TOKEN_WORDS.get(error.refusal, str(error))
                message = f"invalid JWT: unable to parse or verify signature, {words}"
                raise bad_token(message) from error
        payload: dict[str, Any] = json.loads(claims.text)
        return payload


async def _key_set(_: Request) -> Response:
    # Tokens are signed with a secret (HS256): there is no public key to show.
    return JSONResponse({"keys": []})


async def _read(request: Request) -> dict[str, Any]:
    """Read a body: a JSON object whose known fields are what they should be."""
    raw = bytearray()
    async for part in request.stream():
        raw += part
        if len(raw) > MAX_BODY:
            raise AccountError(413, "validation_failed", f"A body may have {MAX_BODY} bytes.")
    try:
        found = json.loads(raw or b"{}", parse_constant=_no_constant)
        # What Postgres' text cannot hold: half a surrogate pair, and NUL.
        text = json.dumps(found, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (ValueError, RecursionError) as error:
        raise bad_json("invalid JSON") from error
    if not isinstance(found, dict):
        raise bad_json("expecting an object")
    if re.search(r"(?<!\\)(\\\\)*\\u0000", text):
        raise bad_json("a text holds the character NUL")
    for name, kind in _FIELDS.items():
        if found.get(name) is not None and not isinstance(found[name], kind):
            raise bad_json(f"{name} should be of the type {kind.__name__}")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _issuer(request: Request) -> str:
    return f"{str(request.base_url).rstrip('/')}/auth/v1"


def _positive(request: Request, name: str, usual: int) -> int:
    text = request.query_params.get(name) or str(usual)
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text):
        raise invalid(f"Bad Pagination Parameters: {name} must be a positive number")
    return int(text)


def _banned_until(duration: str) -> datetime | None:
    if duration == "none":
        return None
    found = re.fullmatch(r"(?:(\d{1,7})h)?(?:(\d{1,7})m)?(?:(\d{1,7})s)?", duration)
    if not duration or found is None:
        raise invalid("invalid format for ban duration")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return datetime.now(UTC) + timedelta(hours=hours, minutes=minutes, seconds=seconds)
