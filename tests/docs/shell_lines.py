"""What a line of shell in the documentation asks for: a command of ours with arguments that it takes, or one that we know."""

from __future__ import annotations

import re
import shlex
import tomllib

import typer

from livewidgets.cli import app
from tests.docs.blocks import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = set(PROJECT["optional-dependencies"])
TARGETS = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
#: Commands of others; what they do is theirs.
OTHERS = {".", "export", "jupyter", "psql", "pytest", "git", "cd", "curl", "voila"}


def check(code: str) -> None:
    """Raise AssertionError for what a reader could not run."""
    for line in code.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):  # settings in front of a command
            words.pop(0)
        for end in (">", "|", "&"):
            words = words[: words.index(end)] if end in words else words
        if words:
            _check_command(words, line)


def _check_command(words: list[str], line: str) -> None:
    command, *arguments = words
    if command == "livewidgets":
        _check_ours(arguments, line)
    elif command == "make":
        assert set(arguments) <= TARGETS, f"The Makefile has no such target: {line}"
    elif command in ("pip", "python", "python3"):
        assert (
            command == "pip"
            or arguments[:2] in (["-m", "venv"], ["-m", "pip"])
            or arguments[0].endswith(".py")
        ), line
        for wanted in re.findall(r"livewidgets\[([\w,]+)\]", line):
            assert set(wanted.split(",")) <= EXTRAS, f"There is no such extra: {line}"
    else:
        assert command in OTHERS, f"What is {command!r}? {line}"


def _check_ours(arguments: list[str], line: str) -> None:
    group = typer.main.get_command(app)
    if arguments and not arguments[0].startswith("-"):
        name, *rest = arguments
        assert name in group.commands, f"There is no such command: {line}"
        # Parsed, not run; what is missing or unknown raises.
        group.commands[name].make_context(name, rest, resilient_parsing=False)
    else:
        assert set(arguments) <= {"--help", "-h", "--version"}, line
