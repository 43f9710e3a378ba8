"""Keys: one secret a data folder, tokens that any JWT library checks, nothing shown."""

from __future__ import annotations

import re
import stat
from typing import TYPE_CHECKING

import jwt

from livewidgets.sandbox.keys import Keys

if TYPE_CHECKING:
    from pathlib import Path


def test_a_folder_keeps_its_secret(tmp_path: Path) -> None:
    first, second = Keys.load(tmp_path), Keys.load(tmp_path)
    assert first.secret == second.secret
    assert len(first.secret) == 64
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_another_folder_has_another_secret(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert Keys.load(tmp_path / "a").secret != Keys.load(tmp_path / "b").secret


def test_a_secret_that_is_cut_short_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("abc")
    assert len(Keys.load(tmp_path).secret) == 64


def test_tokens_say_their_role(tmp_path: Path) -> None:
    keys = Keys.load(tmp_path)

    def claims(token: str) -> dict[str, object]:
        return jwt.decode(
            token, keys.secret, algorithms=["HS256"], audience="authenticated", options={"verify_aud": False}
        )

    assert claims(keys.anon_key)["role"] == "anon"
    assert claims(keys.service_key)["role"] == "service_role"
    manager = claims(keys.manager_token)
    assert manager["role"] == "authenticated"
    assert manager["app_metadata"] == {"role": "manager"}
    assert claims(keys.sign({"role": "authenticated", "exp": 9_999_999_999}))["exp"] == 9_999_999_999


def test_the_representation_shows_nothing(tmp_path: Path) -> None:
    keys = Keys.load(tmp_path)
    assert repr(keys) == "Keys()"


def test_keys_that_are_no_tokens_follow_from_the_secret(tmp_path: Path) -> None:
    keys, again, other = Keys.load(tmp_path), Keys.load(tmp_path), Keys.from_secret("x" * 64)
    # The tokens tell when they were made; these do not.
    assert (keys.publishable_key, keys.secret_key) == (again.publishable_key, again.secret_key)
    assert re.fullmatch(r"sb_publishable_[\w-]{22}_[\w-]{8}", keys.publishable_key)
    assert re.fullmatch(r"sb_secret_[\w-]{22}_[\w-]{8}", keys.secret_key)
    shown = {keys.publishable_key[-31:], keys.secret_key[-31:], other.publishable_key[-31:]}
    assert len(shown) == 3
