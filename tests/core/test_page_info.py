from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livewidgets.core.link import SILENCE
from livewidgets.core.page_info import read_page
from livewidgets.core.pages import ASK_AFTER, Pages


def hello(client: str, now: int = 1, **said: Any) -> dict[str, Any]:
    return {"t": "hello", "v": 1, "client": client, "epoch": None, "feeds": [], "now": now, **said}


def test_a_hello_is_read():
    info = read_page(
        "c", {"search": "?campaign=7&name=A%20b&name=%C3%84", "tz": "Europe/Berlin", "theme": "dark"}
    )
    assert dict(info.query) == {"campaign": "7", "name": "Ä"}
    assert (info.time_zone, info.theme, info.visible) == ("Europe/Berlin", "dark", True)
    assert not read_page("c", {"visible": False}).visible


def test_what_opens_the_server_is_not_kept_and_an_address_is_not_printed():
    info = read_page("c", {"search": "?token=5ecret&access_token=x&_xsrf=y&campaign=k7"})
    assert dict(info.query) == {"campaign": "k7"}
    assert "5ecret" not in repr(info)
    assert "k7" not in repr(info)


@pytest.mark.parametrize("search", [None, 7, [], "?" + "a" * 5_000, "&".join(f"a{n}=1" for n in range(200))])
def test_a_query_of_another_shape_is_no_query(search):
    assert dict(read_page("c", {"search": search}).query) == {}


@given(
    st.dictionaries(
        st.sampled_from(["search", "tz", "theme", "visible"]), st.text() | st.integers() | st.none()
    )
)
def test_whatever_a_page_says_is_read(said):
    info = read_page("c", said)
    assert all(isinstance(value, str) for value in (*info.query, *info.query.values()))
    assert info.time_zone is None or (info.time_zone.isascii() and len(info.time_zone) <= 64)
    assert info.theme in ("light", "dark")


def test_those_that_are_there_are_known_in_the_order_in_which_they_came():
    pages = Pages("e")
    pages.hear(hello("a", search="?n=1"), 0.0)
    pages.hear(hello("b", search="?n=2"), 1.0)
    pages.hear(hello("a", now=2, search="?n=3"), 2.0)
    assert [(info.client, info.query["n"]) for info in pages.present] == [("a", "3"), ("b", "2")]
    pages.hear(hello("a", now=1, search="?n=4"), 3.0)  # overtaken by the one before
    assert pages.present[0].query["n"] == "3"
    pages.hear({"t": "bye", "client": "b"}, 4.0)
    assert [info.client for info in pages.present] == ["a"]


def test_one_that_fell_silent_is_not_there_until_it_is_heard_again():
    pages = Pages("e")
    pages.hear(hello("a"), 0.0)
    pages.hear(hello("b"), 0.0)
    pages.hear({"t": "ack", "client": "b", "epoch": "e", "n": 1}, 20.0)
    both = pages.present
    pages.watch(now=SILENCE - 1, busy=False)
    assert pages.present is both
    pages.watch(now=SILENCE, busy=True)  # it could not have been heard
    assert pages.present is both
    pages.watch(now=2 * SILENCE - 1, busy=False)
    assert pages.present is both
    pages.hear({"t": "ack", "client": "b", "epoch": "e", "n": 1}, 2 * SILENCE)
    pages.watch(now=2 * SILENCE, busy=False)
    assert [info.client for info in pages.present] == ["b"]
    pages.hear({"t": "ack", "client": "a", "epoch": "e", "n": 1}, 3 * SILENCE)
    assert [info.client for info in pages.present] == ["a", "b"]


def test_a_page_is_watched_while_it_is_there_and_visible():
    pages = Pages("e")
    assert not pages.watched
    pages.hear(hello("a"), 0.0)
    pages.hear(hello("b", visible=False), 0.0)
    assert pages.watched
    pages.hear(hello("a", now=2, visible=False), 0.0)
    assert not pages.watched
    pages.hear(hello("a", now=3), 0.0)
    pages.watch(now=60.0, busy=False)
    assert not pages.watched  # without a sign of life for a minute


def test_a_quiet_page_is_asked_to_answer_unless_it_could_not_be_heard():
    pages = Pages("e")
    assert not pages.asks(100.0)
    pages.hear(hello("a"), 0.0)
    assert not pages.asks(ASK_AFTER - 1)
    assert pages.asks(ASK_AFTER)
    pages.watch(now=ASK_AFTER, busy=True)
    assert not pages.asks(ASK_AFTER)
    pages.watch(now=ASK_AFTER, busy=False)
    pages.hear({"t": "ack", "client": "a", "epoch": "e", "beat": 1}, ASK_AFTER)
    assert not pages.asks(ASK_AFTER + 1)
