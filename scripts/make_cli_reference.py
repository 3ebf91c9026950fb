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
PROGRAMS = {
    "temporal-foley": "temporal_foley.cli.main",
    "python train.py": "train",
    "python evaluate.py": "evaluate",
    "python -m data_pipeline": "data_pipeline.__main__",
    "python -m baselines.stills": "baselines.stills.__main__",
    "python -m baselines.scenes": "baselines.scenes.__main__",
}
"""Modules with a function `main`, and a `PROGRAM` if they have several commands."""


def command_names(program: Any) -> Iterator[tuple[str, ...]]:
    """Yield the names of the commands of a program: `("library", "add")`."""
    for name, command in getattr(program, "commands", {}).items():
        inner = list(command_names(command))
        yield from [(name, *names) for names in inner] or [(name,)]


def reference() -> str:
    """Return the help of all programs as Markdown."""
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    sections = []
    for prog, name in PROGRAMS.items():
        module = importlib.import_module(name)
        sections.append(f"## {prog}\n")
        for names in list(command_names(getattr(module, "PROGRAM", None))) or [()]:
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                module.main([*names, "--help-all"])
            heading = f"### {' '.join((prog, *names))}\n\n" if names else ""
            sections.append(f"{heading}```text\n{printed.getvalue().strip()}\n```\n")
    return "\n".join(sections)


def on_page_markdown(markdown: str, **_: object) -> str:
    """Insert the reference into the page that has the mark; MkDocs calls this for every page."""
    return markdown.replace(MARK, reference()) if MARK in markdown else markdown


if __name__ == "__main__":
    print(reference())
