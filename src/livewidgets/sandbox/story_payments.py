"""Who owes what in the story: converted calls go on accounts, full accounts become payments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from livewidgets.sandbox.story_stage import At, Plus, Step

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from livewidgets.sandbox.story_alerts import Alerts
    from livewidgets.sandbox.story_stage import Beat, Stage

#: Dollars on an account from which it is invoiced.
FULL = 100.0
#: Dollars of a payment that is worth a word.
WORTH_A_WORD = 120.0
DISPUTED = 0.06


class Payments:
    """The accounts of buyers, who owe us, and publishers, whom we owe."""

    def __init__(self, stage: Stage, alerts: Alerts) -> None:
        self._stage = stage
        self._alerts = alerts
        #: Dollars on each party's account that no payment covers yet.
        self.open: dict[UUID, float] = {}

    def owe(self, party: UUID, amount: float, direction: str) -> None:
        """Put an amount on somebody's account; a full account becomes a payment."""
        total = round(self.open.get(party, 0.0) + amount, 2)
        if total < FULL:
            self.open[party] = total
            return
        self.open[party] = 0.0
        self._stage.begin(self._payment(party, total, direction), self._stage.chance.uniform(5, 30))

    def _payment(self, party: UUID, amount: float, direction: str) -> Iterator[Beat]:
        chance = self._stage.chance
        payment = self._stage.new_id()
        side = "buyer_id" if direction == "receivable" else "publisher_id"
        values = {
            side: party,
            "direction": direction,
            "amount": amount,
            "status": "draft",
            "created_at": At(self._stage.now),
        }
        yield [Step("insert", "payments", payment, values)], chance.uniform(10, 40)
        yield [Step("update", "payments", payment, {"status": "invoiced"})], chance.uniform(30, 240)
        entity = ("payment", payment)
        if chance.random() < DISPUTED:
            settles = chance.uniform(300, 1800)
            message = f"A payment of ${amount:,.2f} is disputed"
            alert = self._alerts.fire("payment disputed", entity, message, amount, lasts=settles)
            yield [Step("update", "payments", payment, {"status": "disputed"}), alert], settles
        confirmed = {"status": "paid", "confirmed_at": At(self._stage.now)}
        steps = [Step("update", "payments", payment, confirmed)]
        if direction == "receivable":
            steps.append(Step("update", "buyers", party, {"balance": Plus(amount)}))
        if amount >= WORTH_A_WORD:
            message = f"Payment of ${amount:,.2f} confirmed"
            steps.append(self._alerts.fire("payment confirmed", entity, message, amount))
        yield steps, 0
