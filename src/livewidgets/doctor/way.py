"""The way to the project: the settings, the network, and the REST service at its end."""

from __future__ import annotations

from urllib.parse import urlsplit

from livewidgets.config import checked_key, checked_url
from livewidgets.doctor.case import Case, Wanted
from livewidgets.doctor.finding import Finding, failed, passed, unknown
from livewidgets.errors import ConfigError, UnreachableError
from livewidgets.live.credentials import claims_of

#: A clock that is off by more breaks tokens and times (seconds).
MOST_SKEW = 5.0
#: Supabase's own status for a project that sleeps.
_PAUSED = 540


def settings(case: Case) -> Finding:
    """Say where the settings come from."""
    return judge_settings(case.wanted)


def judge_settings(wanted: Wanted) -> Finding:
    """Judge what was found of them."""
    if wanted.trouble:
        return failed(wanted.trouble, wanted.advice)
    if wanted.url_from == wanted.key_from:
        return passed(wanted.url_from)
    return passed(f"{wanted.url_from}, {wanted.key_from}")


def address(case: Case) -> Finding:
    """Check the form of the address."""
    try:
        case.url = checked_url(case.wanted.url or "")
    except ConfigError as error:
        return failed(error.message.rstrip("."), error.advice)
    return passed(case.url)


def key_form(case: Case) -> Finding:
    """Check the form of the key, and that it is one of this project."""
    try:
        case.key = checked_key(case.wanted.key or "")
    except ConfigError as error:
        return failed(error.message.rstrip("."), error.advice)
    return judge_key(case.key, case.url, case.wall())


def judge_key(key: str, url: str, now: float) -> Finding:
    """Judge what a key says of itself; it is never shown."""
    if key.startswith("sb_"):
        kind = "secret" if key.startswith("sb_secret_") else "publishable"
        return passed(f"a {kind} key")
    claims = claims_of(key)
    role, project, expires = claims.get("role"), claims.get("ref"), claims.get("exp")
    host = urlsplit(url).hostname or ""
    mine, _, domain = host.partition(".")
    if project and domain.startswith("supabase.") and project != mine:
        return failed(
            f"it is a key of the project {project}, not of {mine}",
            f"Copy the key of {mine}: https://supabase.com/dashboard/project/{mine}/settings/api-keys",
        )
    if isinstance(expires, int | float) and expires <= now:
        return failed(
            f"it expired {ago(now - expires)} ago", "Copy the present key: Project Settings, API Keys."
        )
    return passed(f"a JWT for the role {role}" if role else "a JWT")


async def name(case: Case) -> Finding:
    """Look the host's name up, and remember how far the rest came."""
    from livewidgets.live.diagnosis import contact

    found = case.contact = await contact(case.url, case.limits.step)
    if found.proxied:
        return unknown("a proxy that the environment names looks it up")
    if found.reached == "nothing":
        return failed(
            f"{host_of(case)} is not known to the network: {found.trouble}",
            "Check the spelling of SUPABASE_URL and the network; a project that was deleted or paused has no name.",
        )
    shown = ", ".join(found.addresses[:2])
    return passed(shown if shown == host_of(case) else f"{host_of(case)} is {shown}")


def connection(case: Case) -> Finding:
    """Say whether the port is open."""
    found = case.contact
    if found is None or found.proxied:
        return unknown("through the proxy that the environment names")
    if found.reached == "name":
        here = urlsplit(case.url).hostname in ("127.0.0.1", "localhost", "::1")
        return failed(
            f"nobody can be reached at {case.url}: {found.trouble}",
            "livewidgets sandbox   # is it running, and on this port?"
            if here
            else "Check the port in SUPABASE_URL, and what firewalls let through (TCP 443).",
        )
    return passed(f"open after {milliseconds(found.seconds)}")


def encryption(case: Case) -> Finding:
    """Say whether TLS works."""
    found = case.contact
    if found is None or found.proxied:
        return unknown("through the proxy that the environment names")
    if found.reached == "connection":
        return failed(
            found.trouble,
            "Behind a company's proxy: export SSL_CERT_FILE=/path/of/its/certificate.pem",
        )
    if found.tls:
        return passed(found.tls)
    here = urlsplit(case.url).hostname in ("127.0.0.1", "localhost", "::1")
    return unknown(
        "plain http, on this machine" if here else "plain http: anybody on the way can read the key"
    )


async def rest(case: Case) -> Finding:
    """Ask the REST service for the first time, as the key alone."""
    try:
        case.first = await (await case.asking(case.key)).get()
    except UnreachableError as error:
        return failed(
            error.message.rstrip("."), "Check the network; if it lasts: https://status.supabase.com"
        )
    return judge_rest(case.first.status, case.first.code, case.first.seconds, host_of(case))


def judge_rest(status: int, code: str, seconds: float, host: str) -> Finding:
    """Judge the status of the first answer: whether a REST service is there at all."""
    if status == _PAUSED:
        return failed("the project is paused", "Restore it: https://supabase.com/dashboard")
    if status == 429 or status >= 500:
        return failed(
            f"out of order (HTTP {status})", "Wait a minute and try again: https://status.supabase.com"
        )
    if status == 404 and not code:
        return failed(
            f"there is no Supabase at {host} (HTTP 404)",
            "SUPABASE_URL is the Project URL of the API settings.",
        )
    return passed(f"answers after {milliseconds(seconds)}")


def clock(case: Case) -> Finding:
    """Compare this machine's clock with the server's."""
    return judge_clock(None if case.first is None else case.first.skew)


def judge_clock(skew: float | None) -> Finding:
    """Judge by how many seconds this machine is ahead."""
    if skew is None:
        return unknown("the server does not say what time it is")
    if abs(skew) <= MOST_SKEW:
        return passed("agrees with the server's")
    side = "ahead of" if skew > 0 else "behind"
    return failed(
        f"this machine is {ago(abs(skew))} {side} the server: tokens look expired, ages are wrong",
        "timedatectl set-ntp true   # or your system's way to set the clock",
    )


def host_of(case: Case) -> str:
    """Give the project's host."""
    return urlsplit(case.url).hostname or case.url


def milliseconds(seconds: float) -> str:
    """Say a short time."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def ago(seconds: float) -> str:
    """Say a long time, roughly."""
    for unit, size in (("day", 86400.0), ("hour", 3600.0), ("minute", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}s"
    return f"{seconds:.0f} seconds"
