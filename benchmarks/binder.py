"""``python -m benchmarks.binder [PICTURE]``: build what Binder would build, open its link, and print what each step took.

It takes minutes and needs the network, so it is no part of the other figures. There is no Docker in it: the builder's
image is an environment with the packages that this image has, the repository is copied to where the builder copies it
(the home folder), and the files in ``binder/`` are run in the builder's order, as a user who is not root.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
from playwright.sync_api import sync_playwright

from livewidgets import dashboards
from livewidgets.sandbox import launcher
from livewidgets.testing import wait_until
from tests.e2e.browser import FLAGS, install

ROOT = Path(__file__).parents[1]
PAGE = "voila/render/notebooks/call_center.ipynb"
#: Binder's servers are not at the top of their host.
BASE = "/user/somebody/"
#: What repo2docker's image for this Python has, as of its lock of October 2025.
IMAGE = (
    "ipykernel==7.0.1",
    "ipywidgets==8.1.7",
    "jupyter-offlinenotebook==0.3.2",
    "jupyter-resource-usage==1.2.0",
    "jupyter_client==8.6.3",
    "jupyter_core==5.8.1",
    "jupyter_server==2.17.0",
    "jupyterhub==5.4.0",
    "jupyterlab==4.4.9",
    "nbconvert==7.16.6",
    "notebook==7.4.7",
    "tornado==6.5.2",
    "traitlets==5.14.3",
)
#: Of the machine's settings these reach the builder: how to get at packages.
PASSED = (
    "PIP_",
    "SSL_",
    "NODE_EXTRA",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
)
NOBODY = 65534


class Builder:
    """A user's home folder, in which the repository is built."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.bin = folder / "env" / "bin"
        self.home.mkdir(parents=True)
        self._as = []
        if os.geteuid() == 0:
            self._as = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
            for path in (folder, self.home):
                os.chown(path, NOBODY, NOBODY)
        self.env = {name: value for name, value in os.environ.items() if name.startswith(PASSED)} | {
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "PATH": f"{self.bin}:/usr/local/bin:/usr/bin:/bin",
            "REPO_DIR": str(self.home),
        }

    def command(self, *words: str | Path) -> list[str]:
        """Return a command that runs as the user."""
        return [*self._as, *map(str, words)]

    def run(self, what: str, *words: str | Path) -> None:
        """Run a command in the home folder and print how long it took; SystemExit where it fails."""
        started = time.perf_counter()
        done = subprocess.run(
            self.command(*words), cwd=self.home, env=self.env, capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(f"{what} failed:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
        tell(what, time.perf_counter() - started)

    def copy_repository(self) -> None:
        """Unpack what is committed into the home folder."""
        archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True).stdout
        subprocess.run(self.command("tar", "-x"), cwd=self.home, env=self.env, input=archive, check=True)

    def python(self) -> str:
        """Return a Python of the version that ``binder/runtime.txt`` names, which the user may run."""
        name = (ROOT / "binder" / "runtime.txt").read_text().strip().replace("-", "")
        for found in (f"/usr/bin/{name}", f"/usr/local/bin/{name}", shutil.which(name) or ""):
            with contextlib.suppress(OSError):
                if (
                    found
                    and not subprocess.run(
                        self.command(found, "-c", "import ensurepip"), check=False
                    ).returncode
                ):
                    return found
        sys.exit(f"This needs a {name} that is not in root's home (Debian: apt-get install {name}-venv).")


def tell(what: str, seconds: float) -> None:
    """Print a line."""
    sys.stdout.write(f"{what:<52} {seconds:7.1f} s\n")
    sys.stdout.flush()


@contextlib.contextmanager
def serving(builder: Builder) -> Iterator[str]:
    """Start the image as Binder does until the block ends; gives the link's address."""
    port, token = dashboards.free_port(), secrets.token_hex(16)
    address = f"http://127.0.0.1:{port}{BASE}"
    options = ("--no-browser", "--ip=127.0.0.1", f"--port={port}", f"--ServerApp.base_url={BASE}")
    with (builder.home / "server.log").open("wb") as log:
        started = time.perf_counter()
        process = subprocess.Popen(
            builder.command(builder.home / "binder" / "start", "jupyter", "server", *options),
            cwd=builder.home,
            env={**builder.env, "JUPYTER_TOKEN": token},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    def answers() -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{address}api", trust_env=False).is_success
        return False

    try:
        wait_until(answers, 120, "the server to answer")
        tell("start: until the server answers", time.perf_counter() - started)
        yield f"{address}{PAGE}?token={token}"
    finally:
        process.terminate()
        process.wait(60)
        info = launcher.running(builder.home / ".local" / "share" / "livewidgets" / "sandbox")
        if info is not None:
            launcher.stop(info)


def open_link(address: str, picture: Path | None) -> None:
    """Open the link twice, and print when what is there."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=install(), args=FLAGS)
        for which in ("first", "second"):
            page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
            errors: list[str] = []
            page.on("pageerror", lambda error, said=errors: said.append(str(error)))
            started = time.perf_counter()
            page.goto(address, wait_until="commit", timeout=120_000)
            for what, selector in (
                ("words on the page", "body :text-matches('\\\\w')"),
                ("a live tracker", ".lw-call-tracker[data-state=live]"),
                ("a live row", ".lw-call-tracker[data-state=live] [data-key]"),
                ("live metrics", ".lw-campaign-metrics[data-state=live]"),
            ):
                page.locator(selector).first.wait_for(timeout=120_000)
                tell(f"{which} visitor: until there are {what}", time.perf_counter() - started)
            if picture is not None:
                page.screenshot(path=picture.with_stem(f"{picture.stem}_{which}"))
            page.context.close()
            if errors:
                sys.exit("The page says: " + "\n".join(errors))
        browser.close()


def main() -> None:
    """Build, start, look."""
    picture = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True, prefix="binder-") as folder:
        Path(folder).chmod(0o755)
        builder = Builder(Path(folder))
        pip = builder.bin / "pip"
        builder.run("image: an empty environment", builder.python(), "-m", "venv", builder.bin.parent)
        builder.run("image: its packages", pip, "install", "--no-cache-dir", *IMAGE)
        builder.copy_repository()
        builder.run(
            "pip install -r binder/requirements.txt",
            pip,
            "install",
            "--no-cache-dir",
            "-r",
            "binder/requirements.txt",
        )
        builder.run("binder/postBuild", builder.home / "binder" / "postBuild")
        builder.run("pip check", pip, "check")
        with serving(builder) as address:
            open_link(address, picture)


if __name__ == "__main__":
    main()
