"""All components in one notebook, where each is found on the page, and a story that all of them tell of."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect

import livewidgets as lw
from livewidgets import dashboards
from livewidgets.sandbox.instance import SandboxInfo
from livewidgets.testing import FaultProxy

from .conftest import PATIENCE, REPOSITORY, open_in_lab, run_all_cells, serving_lab, write_notebook

#: The room in which those who look see each other.
ROOM = "proof"
#: What shows and hides all of them, as a notebook may do with its boxes.
HIDE = "Hide or show"

#: By name: the line of Python that makes it, with `live` at hand.
MADE = {
    "status": "lw.OnlineStatus(live)",
    "users": f"lw.ActiveUsers(live, room={ROOM!r}, me={{'name': 'The viewer'}}, title='Here')",
    "tracker": "lw.CallTracker(live, height=300, linger=600)",
    "duration": "lw.CallDuration(live, waiting=True, limit=5)",
    "feed": "lw.LiveFeed(live, height=300)",
    "toast": "lw.NotificationToast(live, alerts=True, duration=3)",
    "chart": "lw.RealtimeChart(live, by='campaign_id', every='5s', window='15m', height=260)",
    "bidding": "lw.LiveBidding(live, height=300)",
    "metrics": "lw.CampaignMetrics(live, window='1h')",
    "figure": "lw.LiveFigure(live, by='campaign_id', every='5s', window='15m', height=260)",
    "dashboard": (
        "lw.Dashboard(live, 'All of it', 'calls metrics', room='dashboard',"
        " calls=lw.CallDuration(live, title='Talking', waiting=True),"
        " metrics=lw.CampaignMetrics(live, title='Figures', tiles=['incoming', 'live']))"
    ),
}

#: The root of each that is a component of ours, within its place; bqplot draws the figure.
ROOTS = {
    "status": ".lw-online-status",
    "users": ".lw-active-users",
    "tracker": ".lw-call-tracker",
    "duration": ".lw-call-duration",
    "feed": ".lw-live-feed",
    "toast": ".lw-notification-toast",
    "chart": ".lw-realtime-chart",
    "bidding": ".lw-live-bidding",
    "metrics": ".lw-campaign-metrics",
    "dashboard": ".lw-call-duration",
}

SETUP = (
    "import ipywidgets\nimport livewidgets as lw\nlive = lw.connect()\nboxes, shown = [], {}\n"
    "def place(name, widget):\n"
    "    shown[name] = widget\n"
    "    box = ipywidgets.VBox([widget])\n"
    "    box.add_class(f'proof-{name}')\n"
    "    boxes.append(box)\n"
    "    return box"
)
BUTTON = (
    f"button = ipywidgets.Button(description={HIDE!r})\n"
    "def turn(_):\n"
    "    for box in boxes:\n"
    "        box.layout.display = 'none' if box.layout.display is None else None\n"
    "button.on_click(turn)\nbutton"
)


def cells(made: dict[str, str] = MADE) -> tuple[str, ...]:
    """Return the notebook: each component in a box of its own."""
    return (SETUP, BUTTON, *(f"place({name!r}, {line})" for name, line in made.items()))


def clear(db: psycopg.Connection[Any]) -> None:
    """Take away all rows that components show, but the cast that the sandbox brings along."""
    for table in ("bids", "calls", "payments", "alerts"):
        db.execute(f"delete from {table}")
    db.execute("delete from targets where name like 'Target %'")
    db.execute("delete from campaigns where name like 'Campaign %'")
    db.execute("delete from buyers where company_name like 'Buyer %'")


@dataclass
class Chapter:
    """One step of the story."""

    number: int
    call: str


class Story:
    """Commits changes that every component tells of; the names and numbers in them say at which step they are."""

    def __init__(self, db: psycopg.Connection[Any], people: lw.Presence | None = None) -> None:
        self.db = db
        self._people = people
        self._number = 0
        self._call: str | None = None
        clear(db)
        self.campaign = self._insert("campaigns (name) values ('Campaign 0')")
        self.buyer = self._insert("buyers (company_name) values ('Buyer 0')")
        self.target = self._insert(
            "targets (name, buyer_id, campaign_id, base_bid, max_bid) values ('Target 0', %s, %s, 100, 900)",
            self.buyer,
            self.campaign,
        )

    def _insert(self, what: str, *values: object) -> str:
        row = self.db.execute(f"insert into {what} returning id", values).fetchone()
        assert row is not None
        return str(row[0])

    def go_on(self) -> Chapter:
        """Commit the next step."""
        self._number += 1
        number = self._number
        with self.db.transaction():
            if self._call is not None:
                self.db.execute(
                    "update calls set status = 'completed', ended_at = now() where id = %s", (self._call,)
                )
            self.db.execute(
                "update campaigns set name = %s where id = %s", (f"Campaign {number}", self.campaign)
            )
            self.db.execute(
                "update targets set name = %s, base_bid = %s where id = %s",
                (f"Target {number}", 100 + number, self.target),
            )
            self._call = str(uuid.uuid4())
            self.db.execute(
                "insert into calls (id, status, campaign_id, buyer_id, caller_number, queued_at, ringing_at)"
                " values (%s, 'ringing', %s, %s, '+15550104321', now(), now())",
                (self._call, self.campaign, self.buyer),
            )
            self._insert("alerts (message, severity) values (%s, 'warning')", f"Alert {number}")
        if self._people is not None:
            self._people.update({"name": f"Person {number}"})
        return Chapter(number, self._call)


@dataclass
class Stage:
    """A page that shows all components, in one host."""

    host: str
    page: Page
    story: Story
    proxy: FaultProxy
    folder: Path
    url: str
    #: The feed of each frame that came, as ``call-tracker``, and when (s, monotonic).
    frames: list[tuple[float, str]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def place(self, name: str) -> Locator:
        """Return a component's place."""
        return self.page.locator(f".proof-{name}")

    def root(self, name: str) -> Locator:
        """Return a component's root."""
        return self.place(name).locator(ROOTS[name])

    def unfold(self, name: str) -> None:
        """Open what a component keeps folded."""
        button = self.root(name).locator("button[aria-expanded]").first
        if button.get_attribute("aria-expanded") == "false":
            button.click()
            expect(button).to_have_attribute("aria-expanded", "true")

    def expect_all(self, state: str, *others: str) -> None:
        """Wait until each component of ours says one of these states."""
        for name in ROOTS:
            expect(self.root(name)).to_have_attribute("data-state", re.compile("|".join((state, *others))))

    def expect_told(self, chapter: Chapter, *names: str) -> None:
        """Wait until the components show what was committed, all of them if none is named."""
        for name in names or MADE:
            self._expect(name, chapter)

    def _expect(self, name: str, chapter: Chapter) -> None:
        place, number = self.place(name), chapter.number
        call = place.locator(f"[data-key='{chapter.call}']")
        if name == "status":
            expect(self.root(name)).to_have_attribute("data-state", "live")
        elif name == "users":
            expect(self.root(name)).to_contain_text(f"Person {number}")
        elif name in ("tracker", "duration"):
            expect(call).to_contain_text(f"Campaign {number}")
        elif name in ("feed", "toast"):
            if name == "toast":
                self.unfold(name)
            expect(self.root(name)).to_contain_text(f"Alert {number}")
        elif name == "chart":
            expect(place.locator(".lw-legend")).to_contain_text(f"Campaign {number}")
        elif name == "bidding":
            row = place.locator("[role=row]", has_text=f"Target {number}")
            expect(row).to_contain_text(f"${100 + number}.00")
        elif name == "metrics":
            value = place.locator(".lw-tile-value").first
            expect(value).to_have_text(str(number))
        elif name == "figure":
            expect(place).to_contain_text(f"Campaign {number}")
        else:
            expect(place.locator(".lw-dashboard-title")).to_have_text("All of it")
            expect(call).to_contain_text(f"Campaign {number}")
            expect(place.locator(".lw-tile-value").first).to_have_text(str(number))

    def frames_since(self, moment: float) -> set[str]:
        """Return whose frames have come since a moment of `time.monotonic`."""
        return {feed for at, feed in self.frames if at >= moment}

    def listen(self) -> None:
        """Keep what comes over the page's sockets, and what the page complains of."""

        def heard(message: str | bytes) -> None:
            text = message if isinstance(message, str) else message.decode("utf-8", "replace")
            if '"tick"' in text:
                now = time.monotonic()
                self.frames += [(now, feed) for feed in re.findall(r'"feed": ?"([a-z-]+)-[0-9a-f]{8}"', text)]

        self.page.on("websocket", lambda socket: socket.on("framereceived", heard))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._complained)

    def _complained(self, said: ConsoleMessage) -> None:
        # bqplot places the marks of an empty figure before it has a scale for them.
        if said.type == "error" and "attribute transform" not in said.text:
            self.errors.append(said.text)


AXE = REPOSITORY / "js" / "node_modules" / "axe-core" / "axe.min.js"
LOOK = """async () => {
    const include = ['.lw', '.lw-toasts'].filter((root) => document.querySelector(root)).map((root) => [root]);
    // Colours that are on their way to others are not judged.
    await new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next)));
    const ends = document.getAnimations().filter(({ effect }) => effect.getComputedTiming().endTime < 60_000);
    await Promise.allSettled(ends.map(({ finished }) => finished));
    const { violations } = await window.axe.run({ include }, { resultTypes: ['violations'] });
    return violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) =>
        `${id}: ${target.join(' ')}: ${failureSummary}`));
}"""


def violations(page: Page) -> list[str]:
    """Return what axe-core finds wrong within our components."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text())
    return list(page.evaluate(LOOK))


#: All components are in sight on this one, and few on that.
TALL, SMALL = {"width": 1280, "height": 7000}, {"width": 1280, "height": 620}


@contextmanager
def staging(
    host: str,
    chromium: Browser,
    sandbox: SandboxInfo,
    folder: Path,
    made: dict[str, str] = MADE,
    env: dict[str, str] | None = None,
    more: tuple[str, ...] = (),
) -> Iterator[Stage]:
    """Show all components in ``lab`` or ``voila``, connected through a proxy, with another person in the room."""
    with ExitStack() as stack:
        proxy = stack.enter_context(FaultProxy.running(sandbox.url))
        db = stack.enter_context(psycopg.connect(sandbox.dsn, autocommit=True))
        stack.callback(clear, db)
        other = stack.enter_context(lw.connect(sandbox.url, sandbox.service_key))
        story = Story(db, other.presence(ROOM, me={"name": "Person 0"}))
        env = {"SUPABASE_URL": proxy.url, "SUPABASE_KEY": sandbox.service_key, **(env or {})}
        notebook = write_notebook(folder / "components.ipynb", *cells(made), *more)
        context = chromium.new_context(viewport=TALL)
        stack.callback(context.close)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        if host == "voila":
            served = dashboards.serve(notebook, env=env, log=folder / "voila.log")
            url = stack.enter_context(served).url
        else:
            url = stack.enter_context(serving_lab(folder, env))
        stage = Stage(host, page, story, proxy, folder, url)
        stage.listen()
        if host == "voila":
            page.goto(url)
        else:
            open_in_lab(page, url, notebook.name)
            run_all_cells(page)
        yield stage
