"""What `import livewidgets` gives, and what it costs."""

from __future__ import annotations

import inspect
import subprocess
import sys
from types import ModuleType

import livewidgets as lw
from livewidgets import errors, session

#: Modules that a bare import must not load: each takes time or memory that not every kernel needs.
HEAVY = ("supabase", "realtime", "httpx", "websockets", "pandas", "numpy", "bqplot", "psycopg", "starlette")


def test_all_is_the_namespace() -> None:
    public = {
        name
        for name in dir(lw)
        if not name.startswith("_") and (name in lw.__all__ or not isinstance(getattr(lw, name), ModuleType))
    }
    assert public - {"annotations", "TYPE_CHECKING", "Any", "ModuleType", "import_module"} == set(lw.__all__)
    assert sorted(lw.__all__) == list(lw.__all__)


def test_every_error_is_public() -> None:
    known = {
        name for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, Exception)
    }
    assert known <= set(lw.__all__)


def test_importing_loads_nothing_heavy() -> None:
    source = f"import sys, livewidgets; print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"


def test_sandbox_is_a_package_and_a_function() -> None:
    import livewidgets.sandbox.instance as instance

    assert lw.sandbox.__name__ == "livewidgets.sandbox"
    assert instance.__name__ == "livewidgets.sandbox.instance"
    assert callable(lw.sandbox)
    assert inspect.signature(lw.sandbox) == inspect.signature(session.sandbox)


def test_it_has_a_version() -> None:
    assert lw.__version__


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(lw, "CallTracer")
