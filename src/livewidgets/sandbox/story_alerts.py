"""The story's alerts: fired, taken note of by somebody, resolved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from livewidgets.sandbox.story_cast import SUPERVISORS
from livewidgets.sandbox.story_stage import At, Step

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from livewidgets.sandbox.story_stage import Beat, Stage

#: How grave what a rule finds is.
SEVERITY = {
    "concurrency cap": "info",
    "daily cap": "warning",
    "unanswered calls": "warning",
    "buyer unreachable": "critical",
    "payment disputed": "critical",
    "payment confirmed": "info",
}
#: Rules whose alerts somebody acknowledges.
_LOOKED_AT = ("unanswered calls", "buyer unreachable", "payment disputed")


class Alerts:
    """Fires alerts and lets them be resolved."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def fire(
        self,
        rule: str,
        entity: tuple[str, UUID],
        message: str,
        value: float | None = None,
        threshold: float | None = None,
        lasts: float | None = None,
    ) -> Step:
        """Make an alert.

        Parameters
        ----------
        rule
            One of `SEVERITY`.
        entity
            Type and id of what it is about.
        lasts
            Seconds until it resolves by itself; None for one that does not.
        """
        stage = self._stage
        alert = stage.new_id()
        if rule in _LOOKED_AT:
            reaction = stage.chance.uniform(10, 90)
            if lasts is None or reaction < lasts:
                stage.begin(self._acknowledge(alert), reaction)
        if lasts is not None:
            stage.begin(self._resolve(alert), lasts)
        values = {
            "severity": SEVERITY[rule],
            "rule": rule,
            "entity_type": entity[0],
            "entity_id": entity[1],
            "message": message,
            "value": value,
            "threshold": threshold,
            "fired_at": At(stage.now),
            "created_at": At(stage.now),
        }
        return Step("insert", "alerts", alert, values)

    def _acknowledge(self, alert: UUID) -> Iterator[Beat]:
        stage = self._stage
        who = stage.chance.choice(SUPERVISORS)
        values = {"acknowledged_at": At(stage.now), "acknowledged_by": who}
        yield [Step("update", "alerts", alert, values)], 0

    def _resolve(self, alert: UUID) -> Iterator[Beat]:
        yield [Step("update", "alerts", alert, {"resolved_at": At(self._stage.now)})], 0
