"""Check the documentation: links, navigation, commands, options, and the files it names."""

import re
import shlex
from pathlib import Path

import pytest

from temporal_foley.cli.main import PROGRAM
from temporal_foley.cli.options import parse
from temporal_foley.cli.runner import Program

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
TEXTS = [*PAGES, *sorted(ROOT.glob("*.md"))]
SOURCES = [path for path in ROOT.glob("[!.]*/**/*.py") if "__pycache__" not in path.parts]


def name(path):
    return str(path.relative_to(ROOT))


def shell_commands(text):
    """Yield the arguments of each `temporal-foley` in a page's blocks of commands."""
    for block in re.findall(r"^```\n(.*?)^```", text, re.M | re.S):
        lines = block.replace("\\\n", " ").splitlines()
        for command in (part.strip() for line in lines for part in line.split("&&")):
            if re.match(r"(\S+/)?temporal-foley ", command):
                yield shlex.split(command, comments=True)[1:]


@pytest.mark.parametrize("page", TEXTS, ids=name)
def test_links_lead_to_files_and_headings(page):
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http:", "https:")):
            continue
        file, _, heading = target.partition("#")
        there = (page.parent / file).resolve() if file else page
        assert there.exists(), f"{name(page)}: {target}"
        if heading:
            headings = re.findall(r"^#+ (.+)$", there.read_text("utf-8"), re.M)
            slugs = [re.sub(r"[^\w]+", "-", title.lower()).strip("-") for title in headings]
            assert heading in slugs, f"{name(page)}: {target}"


def test_every_page_is_in_the_navigation():
    navigation = re.findall(r"- (?:\w+: )?(\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.M)
    assert sorted(navigation) == sorted(str(page.relative_to(DOCS)) for page in PAGES)


@pytest.mark.parametrize("page", TEXTS, ids=name)
def test_named_source_files_exist(page):
    endings = {str(path) for path in SOURCES}
    for file in re.findall(r"`(?:python )?([\w/]+/\w+\.py)\b", page.read_text("utf-8")):
        is_yours = "mine" in file
        assert is_yours or any(path.endswith(f"/{file}") for path in endings), file


@pytest.mark.parametrize("page", TEXTS, ids=name)
def test_commands_parse(page):
    for arguments in shell_commands(page.read_text("utf-8")):
        program = PROGRAM
        while isinstance(program, Program):
            program, arguments = program.commands[arguments[0]], arguments[1:]
        assert parse(program, arguments, {})
