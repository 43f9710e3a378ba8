"""As whom the server takes us: the key, the token, the role."""

from __future__ import annotations

from livewidgets.doctor.case import Case
from livewidgets.doctor.finding import Finding, failed, passed, unknown
from livewidgets.doctor.way import ago
from livewidgets.errors import UnreachableError
from livewidgets.live.catalog import read_document
from livewidgets.live.credentials import claims_of, expiry_of
from livewidgets.live.diagnosis import Reply

_SIGN_IN = "Sign in again; lw.connect(access_token=function) asks the function for a fresh one in time."


def key(case: Case) -> Finding:
    """Say whether the key alone is accepted."""
    if case.first is None:
        return unknown("nothing was asked")
    return judge_key_reply(case.first)


def judge_key_reply(reply: Reply) -> Finding:
    """Judge the answer to a question that carried nothing but the key."""
    if is_closed_document(reply) or reply.status not in (401, 403):
        return passed("accepted")
    if reply.code == "PGRST303":
        return failed("refused: it has expired", "Copy the present key: Project Settings, API Keys.")
    said = f" ({reply.message})" if reply.message else ""
    return failed(
        f"refused{said}: it is not a key of this project",
        "Copy the publishable or anon key: Project Settings, API Keys; set it as SUPABASE_KEY.",
    )


def is_closed_document(reply: Reply) -> bool:
    """Tell a project that keeps its description to secret keys from one that refuses the key."""
    text = reply.message.lower()
    return reply.status in (401, 403) and any(
        word in text for word in ("schema", "secret", "service_role", "permission denied")
    )


async def token(case: Case) -> Finding:
    """Say whether the access token is good, and learn which tables this role sees."""
    if case.token is None and case.schema == "public":
        if case.first is not None:
            _learn(case, case.first)
        return unknown("none: nobody is signed in")
    try:
        reply = await (await case.asking()).get()
    except UnreachableError as error:
        return unknown(error.message.rstrip("."))
    if case.token is None:
        _learn(case, reply)  # the first answer told of another schema
        return unknown("none: nobody is signed in")
    skew = reply.skew or 0.0
    finding = judge_token(case.token, reply, case.wall() - skew)
    _learn(case, reply)
    return finding


def judge_token(text: str, reply: Reply, now: float) -> Finding:
    """Judge a token by what it says, and by the answer to a question that carried it.

    Parameters
    ----------
    text
        The token.
    reply
        The answer.
    now
        The server's time.
    """
    expires = expiry_of(text)
    if (expires is not None and expires <= now) or reply.code == "PGRST303":
        late = "" if expires is None or expires > now else f" {ago(now - expires)} ago"
        return failed(f"it expired{late}", _SIGN_IN)
    if not claims_of(text):
        return failed("it is not a JWT", "Give session.access_token, as signing in returns it.")
    if reply.status in (401, 403) and not is_closed_document(reply):
        return failed(
            "refused: it was not signed by this project",
            "Sign in to this project, and use that session's token.",
        )
    return passed("has no end" if expires is None else f"good for another {ago(expires - now)}")


def role(case: Case) -> Finding:
    """Say as which role of the database the server answers."""
    case.role = role_of(case.key, case.token)
    return judge_role(case.role, signed_in=case.token is not None)


def role_of(key: str, token: str | None) -> str:
    """Read the role off the token, else off the key."""
    if token is not None:
        return str(claims_of(token).get("role") or "authenticated")
    if key.startswith("sb_"):
        return "service_role" if key.startswith("sb_secret_") else "anon"
    return str(claims_of(key).get("role") or "anon")


def judge_role(role: str, *, signed_in: bool) -> Finding:
    """Say what a role means."""
    if role == "service_role":
        return passed("service_role: sees every row; never give this key to others")
    if role == "anon":
        return passed("anon: sees what its policies let everybody see")
    return passed(f"{role}: sees what its policies let {'this user' if signed_in else 'it'} see")


def _learn(case: Case, reply: Reply) -> None:
    if reply.ok and isinstance(reply.body, dict):
        case.shapes = read_document(reply.body)
