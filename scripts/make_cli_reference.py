"""Print the reference of all commands from their own help, and insert it when MkDocs builds.

    python scripts/make_cli_reference.py

`mkdocs.yml` names this file as a hook: it replaces the mark in `docs/reference/cli.md`.
"""

import contextlib
import importlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
MARK = "<!-- generated: commands -->"
PROGRAMS = {"temporal-foley": "temporal_foley.cli.main"}
"""Modules with a `PROGRAM`, by how they are run."""


def commands(prog: str, program: Any) -> Iterator[tuple[str, str]]:
    """Yield the name and the full help of every command of a program."""
    from temporal_foley.cli.runner import Program, run

    if isinstance(program, Program):
        for name, command in program.commands.items():
            yield from commands(f"{prog} {name}", command)
        return
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        run(prog, program, ["--help-all"])
    yield prog, printed.getvalue().strip()


def reference() -> str:
    """Return the help of all programs as Markdown."""
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    sections = []
    for prog, module in PROGRAMS.items():
        program = importlib.import_module(module).PROGRAM
        sections.append(f"## {prog}\n")
        for name, text in commands(prog, program):
            heading = "" if name == prog else f"### {name}\n\n"
            sections.append(f"{heading}```text\n{text}\n```\n")
    return "\n".join(sections)


def on_page_markdown(markdown: str, **_: object) -> str:
    """Insert the reference into the page that has the mark; MkDocs calls this for every page."""
    return markdown.replace(MARK, reference()) if MARK in markdown else markdown


if __name__ == "__main__":
    print(reference())
