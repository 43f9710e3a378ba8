"""Passwords: what is asked of them, and what is kept of them."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets

from livewidgets.sandbox.accounts_errors import AccountError, invalid

MIN_LENGTH = 6
#: GoTrue's limit, which is that of its hash.
MAX_LENGTH = 72
#: Cost, block size and parallelism: 16 MB and some 50 ms for each guess.
_COST = (2**14, 8, 1)
#: Hashing takes a processor: guessers must not take all of them.
_AT_ONCE = 2


def check_strength(password: str) -> None:
    """Refuse a password that is too short or too long.

    Raises
    ------
    AccountError
    """
    if len(password.encode()) > MAX_LENGTH:
        raise invalid(f"Password cannot be longer than {MAX_LENGTH} characters")
    if len(password) < MIN_LENGTH:
        message = f"Password should be at least {MIN_LENGTH} characters."
        raise AccountError(422, "weak_password", message, ["length"])


class Passwords:
    """Hashes beside the loop, a few at a time."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def hashed(self, password: str) -> str:
        """Return what is kept of a password: scrypt with a salt of its own."""
        salt = secrets.token_bytes(16)
        async with self._turns:
            made = await asyncio.to_thread(_scrypt, password, salt)
        numbers = "$".join(map(str, _COST))
        return f"scrypt${numbers}${_text(salt)}${_text(made)}"

    async def match(self, password: str, kept: str | None) -> bool:
        """Compare a password with what was kept; without anything kept it takes as long and is False."""
        salt, wanted = _parts(kept or "")
        async with self._turns:
            made = await asyncio.to_thread(_scrypt, password[: MAX_LENGTH + 1], salt)
        return hmac.compare_digest(made, wanted)


def _parts(kept: str) -> tuple[bytes, bytes]:
    """Return the salt and the hash of what was kept; a hash that nothing matches when it is of another kind."""
    *how, salt, wanted = ["", "", *kept.split("$")]
    try:
        if how == ["", "", "scrypt", *map(str, _COST)]:
            return base64.b64decode(salt, validate=True), base64.b64decode(wanted, validate=True)
    except binascii.Error:
        pass
    return bytes(16), b""


def _scrypt(password: str, salt: bytes) -> bytes:
    n, r, p = _COST
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=64 * 2**20, dklen=32)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
