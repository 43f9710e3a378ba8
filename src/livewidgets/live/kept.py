"""What a process has one of: kept where no reload of our modules reaches it (``%autoreload``, ``importlib.reload``).

What autoreload cannot do to anybody's modules it cannot do to ours: one that defines enums or dataclasses with slots
(such as `core.change` or `live.request`) takes a restart of the kernel after an edit.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import TypeVar

T = TypeVar("T")

#: A module without a file: nothing reloads it.
_HOME = "livewidgets.live.kept.home"


def kept(name: str, make: Callable[[], T]) -> T:
    """Give what is kept under a name; it is made when it is first asked for.

    Parameters
    ----------
    name
        Whose it is: the module's name.
    make
        Makes it. Best something that has no class of ours, for those are made anew by a reload.
    """
    home = sys.modules.setdefault(_HOME, ModuleType(_HOME)).__dict__
    if name not in home:
        home.setdefault(name, make())
    thing: T = home[name]
    return thing
