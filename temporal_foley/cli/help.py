"""Write the help of a command from its dataclass, and of a program from its commands."""

import ast
import dataclasses
import functools
import inspect
import itertools
import re
import textwrap
import typing
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from temporal_foley.cli.options import REQUIRED, Option, options_of

WIDTH = 100
COLUMN = 26
METAVARS = {int: "INT", float: "NUMBER", Fraction: "NUMBER", Path: "PATH", str: "TEXT"}


def command_help(
    prog: str, command: type, defaults: Mapping[str, Any], *, show_all: bool
) -> Iterator[str]:
    """Yield the lines of a command's help; without `show_all`, the usual options only."""
    options = list(options_of(command, defaults))
    required = [o for o in options if o.default is REQUIRED and not o.arg.positional]
    words = [_spelling(option).rpartition(", ")[2] for option in required] + ["[options]"]
    words += [
        option.flag if option.default is REQUIRED else f"[{option.flag}]"
        for option in options
        if option.arg.positional
    ]
    yield f"usage: {prog} {' '.join(words)}"
    yield ""
    yield from wrapped(command.__doc__ or "")
    shown = [option for option in options if show_all or not option.arg.advanced]
    sections: dict[str, list[Option]] = {"arguments": [], "options": []}
    for option in shown:
        sections.setdefault(_section(option), []).append(option)
    for title, members in sections.items():
        if members or title == "options":
            yield from ("", f"{title}:")
        for option in members:
            yield from _rows(_spelling(option), _help(option))
        if title == "options":
            yield from _rows("-h, --help", "Show this help.")
            if len(shown) < len(options):
                more = len(options) - len(shown)
                yield from _rows("--help-all", f"Show {more} more options.")


def program_help(
    prog: str, about: str, groups: Mapping[str, Mapping[str, str]], *, has_version: bool
) -> Iterator[str]:
    """Yield the lines of a program's help: its commands by group, with a sentence on each."""
    yield f"usage: {prog} COMMAND [options]"
    yield ""
    yield from wrapped(about)
    for title, commands in groups.items():
        yield from ("", f"{title}:")
        for name, summary in commands.items():
            yield from _rows(name, summary)
    yield from ("", "options:")
    yield from _rows("-h, --help", f"Show this help; `{prog} COMMAND --help` shows that of one.")
    if has_version:
        yield from _rows("--version", "Print the version.")


def summary(about: str | None) -> str:
    """Return the first sentence of a docstring without its stop."""
    return re.split(r"[.:](?:\s|$)", " ".join((about or "").split()), maxsplit=1)[0]


def wrapped(text: str) -> Iterator[str]:
    """Yield the lines of a text; paragraphs are wrapped, indented ones kept as they are."""
    for number, paragraph in enumerate(re.split(r"\n\s*\n", inspect.cleandoc(text))):
        if number:
            yield ""
        if paragraph.startswith("    "):
            yield from paragraph.splitlines()
        else:
            yield from textwrap.wrap(paragraph, WIDTH, break_on_hyphens=False)


def _section(option: Option) -> str:
    """Return the heading that an option belongs under."""
    if option.arg.positional:
        return "arguments"
    prefix, _, _ = option.field.rpartition(".")
    if prefix:
        return f"--{prefix.replace('_', '-')}.*"
    title = summary(option.owner.__doc__).lower()
    return title if title.startswith("options of ") else "options"


def _spelling(option: Option) -> str:
    """Write an option's flags and metavar."""
    if option.arg.positional:
        return option.flag
    flags = ", ".join(option.flags)
    none = "|none" if option.has_none else ""
    return flags if option.kind is bool else f"{flags} {_metavar(option)}{none}"


def _metavar(option: Option) -> str:
    kinds = typing.get_args(option.kind)
    if option.arg.metavar:
        return option.arg.metavar
    if typing.get_origin(option.kind) is Literal:
        return "|".join(kinds)
    if typing.get_origin(option.kind) is tuple:
        name = METAVARS.get(kinds[0], "TEXT")
        return f"{name}..." if kinds[-1] is Ellipsis else " ".join([name] * len(kinds))
    return METAVARS.get(option.kind, "TEXT")


def _help(option: Option) -> str:
    text = field_docs(option.owner).get(option.field.rpartition(".")[2], "")
    default = option.default
    if isinstance(default, tuple):
        default = " ".join(map(str, default))
    if default is True:
        default = option.flag
    is_empty = default is None or default is False or default is REQUIRED or default == ""
    if is_empty or dataclasses.is_dataclass(default):
        return text
    return f"{text} (default: {default})".strip()


def _rows(left: str, text: str) -> Iterator[str]:
    """Yield an entry in two columns."""
    lines = textwrap.wrap(text, WIDTH - COLUMN, break_on_hyphens=False)
    if len(left) + 4 > COLUMN:
        yield f"  {left}"
    else:
        yield f"  {left:<{COLUMN - 2}}{lines.pop(0) if lines else ''}".rstrip()
    yield from (" " * COLUMN + line for line in lines)


@functools.cache
def field_docs(command: type) -> dict[str, str]:
    """Read the strings under a dataclass's fields from its source."""
    try:
        body = ast.parse(textwrap.dedent(inspect.getsource(command))).body[0]
    except (OSError, TypeError):  # no source, as in a frozen program
        return {}
    docs: dict[str, str] = {}
    for node, below in itertools.pairwise(getattr(body, "body", [])):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            text = getattr(getattr(below, "value", None), "value", None)
            if isinstance(below, ast.Expr) and isinstance(text, str):
                docs[node.target.id] = " ".join(text.split())
    return docs
