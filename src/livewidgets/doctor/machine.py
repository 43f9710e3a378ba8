"""What is installed: the packages, Jupyter's limits, and the front end."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from livewidgets.doctor.case import Case
from livewidgets.doctor.finding import Finding, failed, passed, unknown
from livewidgets.doctor.jupyter_settings import Setting, config_folders, read_settings
from livewidgets.doctor.versions import Installed, compare, installed_version, is_within, own_needs

#: Our hub sends at most so many messages a second (`DESIGN.md`); a limit below three times that would drop some.
_LEAST_RATE = 300
#: Kernels that the hub was tried with.
_KERNELS = ">=6.29,<8"
#: Ends the kernels of Voila whose pages are gone, and no others.
_OURS = "livewidgets.voila_kernels.DashboardKernels"
_BUNDLE = re.compile(r"""\bbundle\(["']([\w.-]+\.js)["']\)""")
#: Named in the line when all is well; the others go without saying.
_SHOWN = ("anywidget", "ipywidgets", "supabase", "realtime")


def packages(_: Case) -> Finding:
    """Compare what is installed with what this package was made for."""
    from livewidgets.live.wire import inside_is_known

    needs = own_needs()
    if not needs:
        return unknown("livewidgets runs from a tree that is not installed", "pip install -e .")
    return judge_packages(compare(needs, installed_version), quick=inside_is_known())


def judge_packages(found: Sequence[Installed], *, quick: bool = True) -> Finding:
    """Judge the versions.

    Parameters
    ----------
    found
        What is needed and what is there.
    quick
        Whether the inside of `realtime` is one that the fast path knows.
    """
    wrong = [package for package in found if not package.fits]
    if wrong:
        said = ", ".join(
            f"{package.need.name} {package.version or 'is missing'}"
            + (f" is not {package.need.range}" if package.version else "")
            for package in wrong
        )
        wanted = " ".join(f"'{package.need.name}{package.need.range}'" for package in wrong)
        return failed(said, f"pip install {wanted}")
    shown = ", ".join(
        f"{package.need.name} {package.version}" for package in found if package.need.name in _SHOWN
    )
    if not quick:
        return unknown(f"{shown}: this realtime is read the slow way", "pip install 'realtime>=2.34,<2.35'")
    return passed(shown)


def kernel(_: Case) -> Finding:
    """Say whether there is a kernel that widgets work in."""
    return judge_kernel(installed_version("ipykernel"), ".".join(map(str, sys.version_info[:3])))


def judge_kernel(version: str | None, python: str) -> Finding:
    """Judge the version of ipykernel."""
    if version is None:
        return unknown("ipykernel is not installed here: notebooks run elsewhere")
    if not is_within(version, _KERNELS):
        return failed(f"ipykernel {version} is not {_KERNELS}", f"pip install 'ipykernel{_KERNELS}'")
    return passed(f"ipykernel {version} on Python {python}")


def rate(_: Case) -> Finding:
    """Say how many messages a second Jupyter lets through."""
    if installed_version("jupyter_server") is None:
        return unknown("Jupyter Server is not installed here")
    limit, path = read_settings(config_folders()).get("iopub_msg_rate_limit", (1000.0, None))
    return judge_rate(limit if isinstance(limit, int | float) else 1000.0, path)


def judge_rate(limit: float, path: Path | None) -> Finding:
    """Judge ``iopub_msg_rate_limit``, above which the server drops messages without a word."""
    if 0 < limit < _LEAST_RATE:
        return failed(
            f"Jupyter drops what is above {limit:g} messages a second ({path})",
            "c.ZMQChannelsWebsocketConnection.iopub_msg_rate_limit = 1000",
        )
    said = f"{limit:,.0f} a second" if limit > 0 else "without a limit"
    return passed(f"{said} get through; widgets send at most 100")


def voila(_: Case) -> Finding:
    """Say whether a Voila of one's own would end the kernels of closed pages."""
    version = installed_version("voila")
    found = read_settings(config_folders())
    return judge_voila(version, {name: value for name, (value, _) in found.items()})


def judge_voila(version: str | None, settings: Mapping[str, Setting]) -> Finding:
    """Judge what the configuration says of kernels that nobody looks at any more."""
    if version is None:
        return unknown("not installed: no dashboards", "pip install 'livewidgets[voila]'")
    managers = [settings.get(name) for name in ("multi_kernel_manager_class", "kernel_manager_class")]
    if any(_is_ours(manager) for manager in managers):
        return passed(f"voila {version} ends the kernels of closed pages")
    mend = f'c.VoilaConfiguration.multi_kernel_manager_class = "{_OURS}"   # voila on its own'
    mend += f'\nc.ServerApp.kernel_manager_class = "{_OURS}"   # in a Jupyter server'
    idle = settings.get("cull_idle_timeout", 0)
    if isinstance(idle, int | float) and idle > 0:
        return unknown(
            f"voila {version} ends kernels that were idle for {idle:g} s, those of notebooks too,"
            " and keeps those of dashboards that crashed",
            mend,
        )
    return unknown(
        f"voila {version}: `livewidgets dashboard` brings its settings; for a server of your own", mend
    )


def _is_ours(manager: Setting | None) -> bool:
    # A class below ours has its own name, but seldom another module's beginning.
    return isinstance(manager, str) and manager.startswith("livewidgets.voila_kernels.")


def bundles(_: Case) -> Finding:
    """Say whether the front end was built."""
    from livewidgets.widgets.assets import STATIC

    wanted = bundles_of(path.read_text("utf-8") for path in sorted((STATIC.parent / "widgets").glob("*.py")))
    return judge_bundles(wanted, {path.name for path in STATIC.glob("*.js")})


def bundles_of(sources: Iterable[str]) -> list[str]:
    """Name the bundles that modules of widgets ask for."""
    return sorted({name for source in sources for name in _BUNDLE.findall(source)})


def judge_bundles(wanted: Iterable[str], built: set[str]) -> Finding:
    """Judge which bundles are there."""
    missing = [Path(name).stem for name in wanted if name not in built]
    if missing:
        return failed(
            f"the front end of {', '.join(missing[:3])}{' and others' if len(missing) > 3 else ''} was not built",
            "pip install --force-reinstall livewidgets   # in a checkout: python hatch_build.py",
        )
    return passed(f"{len(built)} bundles built")
