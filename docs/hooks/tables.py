"""Tables that are made from the code when the pages are built, so that they say what it does.

A line ``<!-- components -->`` becomes the reference of all components, ``<!-- commands -->`` that of the command line.
"""

from __future__ import annotations

from typing import Any

import ipywidgets
import typer

import livewidgets
from livewidgets.cli import app
from livewidgets.traits import Owner, owner_of
from livewidgets.widgets.base import LiveWidget


def components() -> dict[str, type[Any]]:
    """Return the components by their public names."""
    found = {name: getattr(livewidgets, name) for name in livewidgets.__all__}
    return {
        name: kind
        for name, kind in found.items()
        if isinstance(kind, type) and issubclass(kind, ipywidgets.Widget)
    }


def on_page_markdown(markdown: str, **_: object) -> str:
    """Fill the tables in; called by mkdocs for each page."""
    if "<!-- components -->" in markdown:
        made = "\n\n".join(_component(name, kind) for name, kind in components().items())
        markdown = markdown.replace("<!-- components -->", made)
    if "<!-- commands -->" in markdown:
        markdown = markdown.replace("<!-- commands -->", _commands())
    return markdown


def _component(name: str, kind: type[Any]) -> str:
    lines = [f"::: livewidgets.{name}", "    options: { members: false }", ""]
    lines += _traits(name, kind)
    methods = [
        method
        for method in vars(kind)
        if not method.startswith("_") and method != "close" and _is_public_method(kind, method)
    ]
    lines += [f"::: livewidgets.{name}.{method}\n    options: {{ heading_level: 3 }}\n" for method in methods]
    return "\n".join(lines)


def _is_public_method(kind: type[Any], name: str) -> bool:
    member = vars(kind)[name]
    return callable(member) and bool(getattr(member, "__doc__", None)) and not isinstance(member, type)


def _traits(name: str, kind: type[Any]) -> list[str]:
    rows = []
    # Those of all components come last.
    own = sorted(kind.class_traits().items(), key=lambda item: item[0] in LiveWidget.class_traits())
    for trait_name, trait in own:
        if (
            trait_name in ("hub", "feed")
            or not trait.help
            or trait_name in ipywidgets.DOMWidget.class_traits()
        ):
            continue
        owner = owner_of(trait)
        if owner is None and not trait.metadata.get("option") and trait.this_class is not kind:
            continue
        who = "the page" if owner is Owner.VIEW else "you"
        rows.append(f"| `{trait_name}` | {_text(trait)} | {who} | {_escape(trait.help)} |")
    if not rows:
        return []
    return [f"| `{name}`'s trait | by default | set by | |", "| --- | --- | --- | --- |", *rows, ""]


def _text(trait: Any) -> str:  # noqa: ANN401 - a traitlets.TraitType
    value = trait.default()
    return "" if value is None else f"`{value!r}`"


def _escape(text: str) -> str:
    return text.replace("``", "`").replace("|", "\\|")


def _commands() -> str:
    group: Any = typer.main.get_command(app)
    return "\n\n".join(_command(name, command) for name, command in group.commands.items())


def _command(name: str, command: Any) -> str:  # noqa: ANN401 - a click.Command, typer's own by version
    # The arguments first, as they are typed.
    given = sorted(command.params, key=lambda one: one.param_type_name != "argument")
    usage = " ".join(["livewidgets", name, *(_called(p) for p in given if p.param_type_name == "argument")])
    lines = [f"## {name}", "", f"`{usage}`", "", _paragraphs(command.help or ""), ""]
    lines += ["| | | by default |", "| --- | --- | --- |"]
    for one in given:
        default = one.default if isinstance(one.default, int | float | str) else None
        shown = "" if default is None or isinstance(default, bool) else f"`{default}`"
        lines.append(f"| `{_called(one)}` | {_escape(getattr(one, 'help', None) or '')} | {shown} |")
    return "\n".join(lines)


def _called(one: Any) -> str:  # noqa: ANN401 - a click.Parameter
    """Return how an argument or an option is written; a bar would end the table's cell."""
    if one.param_type_name == "option":
        return ", ".join([*one.opts, *one.secondary_opts])
    return str(one.metavar or one.name.upper()).replace("|", " or ")


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))
