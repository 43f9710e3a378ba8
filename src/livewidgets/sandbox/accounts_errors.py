"""GoTrue's refusals: status, code and words."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import JSONResponse, Response

from livewidgets.errors import SandboxError

#: The version of the API that writes its error codes as ``code``; clients ask for it in this header.
API_VERSION = "2024-01-01"
VERSION_HEADER = "x-supabase-api-version"


class AccountError(SandboxError):
    """An answer that is a refusal.

    Parameters
    ----------
    status
        The HTTP status.
    code
        GoTrue's code, such as ``invalid_credentials``.
    message
        Its words.
    reasons
        What a weak password lacks.
    """

    def __init__(self, status: int, code: str, message: str, reasons: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.reasons = tuple(reasons)

    def response(self, version: str | None) -> Response:
        """Make the HTTP answer, in the form of the version that is asked for."""
        body: dict[str, object]
        if (version or "") >= API_VERSION:
            body = {"code": self.code, "message": str(self)}
            headers = {VERSION_HEADER: API_VERSION}
        else:
            body = {"code": self.status, "error_code": self.code, "msg": str(self)}
            headers = {}
        if self.reasons:
            body["weak_password"] = {"reasons": list(self.reasons)}
        return JSONResponse(body, self.status, {**headers, "x-sb-error-code": self.code})


def invalid(message: str) -> AccountError:
    """Make the refusal of what is written wrongly."""
    return AccountError(400, "validation_failed", message)


def bad_json(message: str) -> AccountError:
    """Make the refusal of a body that cannot be read."""
    return AccountError(400, "bad_json", f"Could not parse request body as JSON: {message}")


def bad_token(message: str) -> AccountError:
    """Make the refusal of an access token."""
    return AccountError(403, "bad_jwt", message)


def bad_login() -> AccountError:
    """Make the refusal that does not say whether it was the address or the password."""
    return AccountError(400, "invalid_credentials", "Invalid login credentials")


def email_taken() -> AccountError:
    """Make the refusal of an address that somebody else has."""
    return AccountError(422, "email_exists", "A user with this email address has already been registered")
