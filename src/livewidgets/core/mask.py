"""Masking of personal data, in the kernel: what is masked in the page has been in the page.

A masked phone keeps what people know each other by, the last four digits; a keyed hash beside it joins duplicates
without showing the number.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from typing import Any, Final

from livewidgets.core.change import Row

#: Columns that are masked unless the user says otherwise, by name.
PERSONAL_COLUMNS: Final = frozenset(
    (
        "caller",
        "caller_id",
        "caller_number",
        "cell",
        "contact_email",
        "contact_phone",
        "customer_email",
        "customer_phone",
        "email",
        "email_address",
        "from_number",
        "mobile",
        "phone",
        "phone_number",
        "telephone",
        "to_number",
    )
)

_DOTS: Final = "•••"
#: Digits of a number that stay, at most half of a short one.
_KEPT: Final = 4
_LEAST_DIGITS: Final = 7

# A run of letters is taken whole, an address or not: else each of its letters would be tried as the first of one.
_EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]++(?:@[\w-]+(?:\.[\w-]+)+)?")
# Ids, dates and times are digits with dashes between them too: they are found first and stay.
_NUMBER = re.compile(
    r"(?P<id>\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b)"
    r"|(?P<moment>(?<!\d)(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
    r"(?:[ T](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d(?::?\d\d)?)?)?(?![\d-]))"
    r"|(?P<phone>\+?\(?\d(?:[\s().\-/\u00a0\u2010-\u2015]{0,3}\d){6,})"
)
_DIGIT = re.compile(r"\d")

# Country codes by their first digits (ITU-T E.164): of one and of two figures; all others have three.
_ONE_FIGURE = "17"
_TWO_FIGURES = frozenset(
    f"{code}"
    for codes in ((20, 27), range(30, 35), (36, 39, 40, 41), range(43, 50), range(51, 59), range(60, 67))
    for code in codes
) | frozenset(f"{code}" for code in (81, 82, 84, 86, *range(90, 96), 98))


def mask_phone(text: str) -> str:
    """Mask a phone number: ``+15551234567`` gives ``+1 ••• ••• 4567``.

    Parameters
    ----------
    text
        A number in any spelling. The country code stays only after a plus; of a short number fewer digits stay.

    Returns
    -------
    str
        Text without a digit is masked whole; empty text stays empty. What is masked
        already stays as it is.
    """
    if not text.strip():
        return text
    digits = "".join(_DIGIT.findall(text))
    if not digits:
        return _DOTS
    if _DOTS in text and len(digits) <= _KEPT + 3:
        return text
    code = _country_code(digits) if text.lstrip().startswith("+") else ""
    rest = len(digits) - len(code)
    kept = min(_KEPT, rest // 2)
    parts = [
        f"+{code}" if code else "",
        _DOTS,
        _DOTS if rest > _LEAST_DIGITS else "",
        digits[len(digits) - kept :],
    ]
    return " ".join(part for part in parts if part)


def mask_email(text: str) -> str:
    """Mask an e-mail address: ``ana@example.org`` gives ``a•••@example.org``; other text is masked whole."""
    if not text.strip():
        return text
    name, at, host = text.strip().rpartition("@")
    if not at or not name:
        return _DOTS
    # A number before the at sign would be shown by its first digit as well as by any other.
    first = name[0] if len(name) > 1 and name[0].isalpha() else ""
    return f"{first}{_DOTS}@{mask_text(host)}"


def mask_text(text: str) -> str:
    """Mask the phone numbers and e-mail addresses within a text; the rest of it stays.

    UUIDs, dates and times stay; any other seven digits or more with at most three signs between them do not.
    """
    if "@" in text:
        text = _EMAIL.sub(_mask_address, text)
    return _NUMBER.sub(_mask_found, text)


def keyed_hash(value: str, secret: bytes) -> str:
    """Give the same 16 hex digits for the same value under the same secret, and nothing to guess the value from.

    Parameters
    ----------
    value
        A phone number is taken by its digits, an e-mail address without regard to case, so that spellings agree.
    secret
        At least 16 random bytes that stay in the kernel: numbers are few enough to be tried all, without it.

    Raises
    ------
    ValueError
        For a secret that is too short.
    """
    if len(secret) < 16:
        raise ValueError("the secret is shorter than 16 bytes")
    digits = "".join(_DIGIT.findall(value))
    plain = value.strip().lower() if "@" in value or len(digits) < _LEAST_DIGITS else digits
    return hmac.new(secret, plain.encode(), hashlib.sha256).hexdigest()[:16]


def mask_value(value: object) -> Any:  # noqa: ANN401 - a JSON value
    """Mask a value of a personal column, whatever its type; null stays null."""
    if value is None:
        return None
    if isinstance(value, bool):
        return _DOTS
    text = str(value)
    return mask_email(text) if "@" in text else mask_phone(text)


def mask_row(row: Row, columns: Iterable[str] = PERSONAL_COLUMNS) -> dict[str, Any]:
    """Copy a row with its personal columns masked.

    Parameters
    ----------
    row
        A row; it is left as it is.
    columns
        Names of the columns to mask.
    """
    masked = dict(row)
    for name in columns:
        if name in masked:
            masked[name] = mask_value(masked[name])
    return masked


def _mask_address(found: re.Match[str]) -> str:
    text = found.group()
    return mask_email(text) if "@" in text else text


def _mask_found(found: re.Match[str]) -> str:
    text = found.group()
    return mask_phone(text) if found.lastgroup == "phone" else text


def _country_code(digits: str) -> str:
    if len(digits) < _LEAST_DIGITS:
        return ""
    if digits[0] in _ONE_FIGURE:
        return digits[0]
    return digits[:2] if digits[:2] in _TWO_FIGURES else digits[:3]
