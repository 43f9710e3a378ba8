"""The page that shows this kernel's widgets: its address, its time zone, its theme.

A dashboard's kernel may have run its notebook long before anybody comes (Voila calls it preheated), so what the
visitor's address says is known with the first hello of his page only::

    tracker = lw.CallTracker(live)
    lw.page().on_hello(lambda page: tracker.set_trait("campaign_id", page.query.get("campaign")))
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Literal

from livewidgets.core.page_info import PageInfo
from livewidgets.live.delivery import Mailbox, newest
from livewidgets.live.subscription import Subscription
from livewidgets.live.thread import io_thread
from livewidgets.widgets.cells import current_run, made_by_cells
from livewidgets.widgets.hub import listen_to_pages, pages_there

#: Pages that are remembered as known; a page is one tab from load to reload.
KNOWN = 1_000


class Page:
    """What the page says of itself; of several pages the one that came last.

    A page speaks when it shows a component: before that, and in a script, nothing is known. See `page`.
    """

    def __repr__(self) -> str:
        pages = pages_there()
        return f"<Page, {len(pages)} there>" if pages else "<Page, nobody there>"

    @property
    def known(self) -> bool:
        """Whether a page has said hello and is still there."""
        return bool(pages_there())

    @property
    def count(self) -> int:
        """How many pages are there; a tab that vanishes without a word counts until it was silent for 30 s."""
        return len(pages_there())

    @property
    def query(self) -> dict[str, str]:
        """The parameters in its address: ``{"campaign": "7"}`` for ``...?campaign=7``; empty while nothing is known."""
        pages = pages_there()
        return dict(pages[-1].query) if pages else {}

    @property
    def time_zone(self) -> str | None:
        """Its time zone, such as ``Europe/Berlin``; None while nothing is known."""
        pages = pages_there()
        return pages[-1].time_zone if pages else None

    @property
    def theme(self) -> Literal["light", "dark"] | None:
        """Whether it is ``"light"`` or ``"dark"``; None while nothing is known."""
        pages = pages_there()
        return pages[-1].theme if pages else None

    @property
    def visible(self) -> bool:
        """Whether some page can be seen, as they last said."""
        return any(info.visible for info in pages_there())

    def on_hello(self, callback: Callable[[PageInfo], object]) -> Subscription:
        """Call a function once for each page that comes, on the kernel's main loop; for those that are there at once.

        Running the cell again replaces what it subscribed before.

        Parameters
        ----------
        callback
            Called with a `PageInfo`; may be a coroutine function. One that raises is reported once and stays
            subscribed.

        Returns
        -------
        Subscription
            Its `close` ends it; it need not be kept.
        """
        mailbox: Mailbox[PageInfo] = Mailbox(callback, newest, "page().on_hello")
        met: OrderedDict[str, None] = OrderedDict()

        def greet(pages: tuple[PageInfo, ...]) -> None:
            for info in pages:
                if info.client not in met:
                    met[info.client] = None
                    mailbox.put(info)
            while len(met) > KNOWN:
                met.popitem(last=False)

        stop = listen_to_pages(greet)

        def close() -> None:
            stop()
            mailbox.close()
            made_by_cells.discard(subscription)
            _kept.discard(subscription)

        subscription = Subscription(close, "to pages")
        _kept.add(subscription)
        made_by_cells.add(subscription, current_run())
        # On the thread that tells of pages, so that none is greeted twice.
        io_thread().call(lambda: greet(pages_there()))
        return subscription


#: Nobody need keep what `on_hello` returns.
_kept: set[Subscription] = set()
_page = Page()


def page() -> Page:
    """Return the page that shows this kernel's widgets.

    Examples
    --------
    >>> lw.page().query.get("campaign")
    >>> lw.page().on_hello(lambda page: print(page.query, page.time_zone))
    """
    return _page
