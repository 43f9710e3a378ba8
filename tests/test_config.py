from __future__ import annotations

import pytest

from livewidgets.config import Settings
from livewidgets.errors import ConfigError

URL = "https://abcdefgh.supabase.co"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYW5vbiJ9.c2lnbmF0dXJl"


def read(url=None, key=None, dotenv=None, **env):
    return Settings.read(url, key, env=env, dotenv=dotenv)


@pytest.fixture(autouse=True)
def _an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_arguments_win_over_the_environment_and_that_over_the_file(tmp_path):
    (tmp_path / ".env").write_text(f'SUPABASE_URL={URL}\nSUPABASE_KEY="{JWT}"\n')
    assert read() == Settings(URL, JWT)
    assert read(SUPABASE_KEY="sb_publishable_env").key == "sb_publishable_env"
    assert read(key="sb_publishable_arg", SUPABASE_KEY="sb_publishable_env").key == "sb_publishable_arg"
    assert read(SUPABASE_KEY="").key == JWT


def test_a_file_in_a_folder_above_is_found(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text(f"SUPABASE_URL={URL}\nSUPABASE_ANON_KEY={JWT}\n")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert read() == Settings(URL, JWT)


def test_the_process_environment_is_read_by_default(monkeypatch):
    monkeypatch.setenv("SUPABASE_URL", URL)
    monkeypatch.setenv("SUPABASE_KEY", JWT)
    assert Settings.read() == Settings(URL, JWT)


@pytest.mark.parametrize("name", ["SUPABASE_KEY", "SUPABASE_ANON_KEY", "SUPABASE_PUBLISHABLE_KEY"])
def test_the_key_has_three_names(name):
    assert read(SUPABASE_URL=URL, **{name: JWT}).key == JWT


def test_the_first_name_wins():
    assert (
        read(SUPABASE_URL=URL, SUPABASE_ANON_KEY="sb_publishable_b", SUPABASE_KEY="sb_secret_a").key
        == "sb_secret_a"
    )


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({}, "SUPABASE_URL and SUPABASE_KEY are not set."),
        ({"SUPABASE_URL": URL}, "SUPABASE_KEY is not set."),
        ({"SUPABASE_KEY": JWT}, "SUPABASE_URL is not set."),
    ],
)
def test_what_is_missing_is_named_with_both_ways_out(env, message):
    with pytest.raises(ConfigError) as caught:
        read(**env)
    assert caught.value.message == message
    assert ".env" in caught.value.advice
    assert "SUPABASE_URL and SUPABASE_KEY" in caught.value.advice
    assert "sandbox()" in caught.value.advice


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        (f" {URL}/ ", URL),
        ("http://127.0.0.1:54321", "http://127.0.0.1:54321"),
        ("http://[::1]:54321/", "http://[::1]:54321"),
        ("HTTPS://Abcdefgh.Supabase.co", URL),
    ],
)
def test_a_url_is_made_plain(given, plain):
    assert read(given, JWT).url == plain


@pytest.mark.parametrize(
    ("url", "says", "advises"),
    [
        (
            "https://supabase.com/dashboard/project/abcdefgh/settings",
            "dashboard",
            "https://abcdefgh.supabase.co",
        ),
        ("https://app.supabase.com/project/abcdefgh", "dashboard", "https://abcdefgh.supabase.co"),
        (
            "postgresql://postgres:hunter2@db.abc.supabase.co:5432/postgres",
            "connection string",
            "Project URL",
        ),
        ("abcdefgh.supabase.co", "http or https", f"Did you mean {URL}?"),
        ("ftp://abc.example", "http or https", "looks like"),
        ("https://", "http or https", "looks like"),
        ("https://user:hunter2@abc.example", "password", "Leave them out"),
        (f"{URL}/rest/v1", "after the host", f"Use {URL}"),
        ("https://abc.example:99999", "cannot be read", "looks like"),
    ],
)
def test_a_wrong_url_says_what_was_pasted(url, says, advises):
    with pytest.raises(ConfigError) as caught:
        read(url, JWT)
    assert says in caught.value.message
    assert advises in caught.value.advice
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "advises"),
    [
        ("hunter2", "publishable"),
        (f'"{JWT}"', "quotes"),
        (f"Bearer {JWT}", "Bearer"),
        (URL, "swapped"),
        ("sb_unknown_hunter2", "publishable"),
    ],
)
def test_a_wrong_key_is_not_quoted(key, advises):
    with pytest.raises(ConfigError) as caught:
        read(URL, key)
    assert advises in caught.value.advice
    assert key not in str(caught.value)


def test_an_unreadable_file_is_named(tmp_path):
    path = tmp_path / "settings"
    path.write_bytes(b"SUPABASE_URL=\xff\xfe\n")
    with pytest.raises(ConfigError, match="settings"):
        read(dotenv=path)


@pytest.mark.parametrize("key", [JWT, "sb_publishable_x1", "sb_secret_x1"])
def test_repr_hides_every_key(key):
    assert repr(read(URL, key)) == f"Settings(url='{URL}')"
