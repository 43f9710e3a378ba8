from __future__ import annotations

import asyncio
import logging

from livewidgets.widgets.commands import ANSWERS
from livewidgets.widgets.exchange import Exchange
from tests.widgets.conftest import Bench
from tests.widgets.test_exchange import Numbers, command


def test_a_command_is_answered_whatever_becomes_of_it(bench, caplog):
    bench.exchange.register("n", Numbers())
    bench.show("n")
    with caplog.at_level(logging.DEBUG):
        for number, (name, feed) in enumerate([("yes", "n"), ("no", "n"), ("crash", "n"), ("yes", "gone")]):
            bench.exchange.hear(command(name, 7, feed=feed, number=str(number)))
        bench.loop.run(1)
    assert [answer["ok"] for answer in bench.answers] == [True, False, False, False]
    assert bench.answers[0]["value"] == {"done": 7}
    assert bench.answers[1]["error"] == {
        "kind": "CommandError",
        "message": "It cannot be done.",
        "advice": "Do another.",
    }
    assert bench.answers[2]["error"]["kind"] == "ZeroDivisionError"
    assert "5551234567" not in str(bench.answers) + caplog.text


def test_a_command_said_twice_is_carried_out_once_and_answered_twice(bench):
    source = Numbers()
    bench.exchange.register("n", source)
    bench.exchange.hear(command("yes", 1))
    bench.exchange.hear(command("yes", 1))
    bench.loop.run(1)
    assert source.said == [("yes", 1)]
    assert len(bench.answers) == 2


async def test_a_command_may_take_its_time():
    class Slow(Numbers):
        async def command(self, name, args):
            await asyncio.sleep(0)
            return name

    answered = asyncio.get_running_loop().create_future()
    bench = Bench()
    exchange = Exchange("e", lambda m, b: answered.set_result(m), asyncio.get_running_loop(), bench.probe)
    exchange.register("n", Slow())
    exchange.hear(command("later"))
    async with asyncio.timeout(20):
        assert (await answered)["value"] == "later"
    exchange.close()


def test_a_page_that_asks_without_end_is_not_carried_out_without_end(bench):
    source = Numbers()
    bench.exchange.register("n", source)
    for number in range(5000):
        bench.exchange.hear(command("yes", number=str(number)))
    assert len(source.said) <= ANSWERS + 1
    bench.loop.run(60)
    assert len(bench.answers) == len(source.said)
    assert bench.loop.timers == 0
