"""Check the documentation: commands parse, links resolve, every page is in the navigation."""

import doctest
import importlib
import re
import shlex
from pathlib import Path

import pytest

import evaluate
import train
from temporal_foley.cli.main import PROGRAM
from temporal_foley.cli.runner import Program
from temporal_foley.cli.runner import _read as read_command
from temporal_foley.errors import FoleyError

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
FOLEY20 = "configs.foley20"
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)(?: \"[^\"]*\")?\)")
COMMAND = re.compile(r"^(?:\$ )?(?:\.venv[\w-]*/bin/)?((?:temporal-foley|python) .*)")


def name_of(page):
    return page.relative_to(ROOT).as_posix()


def commands_of(text):
    """Yield the commands in code blocks, without comments and with broken lines joined."""
    text = text.replace("\\\n", " ")
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, flags=re.M | re.S)
    blocks += re.findall(r"(?:^ {4}\S.*\n?)+", text, flags=re.M)
    for line in "\n".join(blocks).splitlines():
        for part in line.split("&&"):
            if found := COMMAND.match(part.strip()):
                yield re.sub(r"\s+#.*", "", found.group(1))


def program_of(words):
    """Return the program of a command with its name and arguments; None if it has no parser."""
    if words[0] == "temporal-foley":
        return "temporal-foley", PROGRAM, words[1:]
    if words[1] == "-m":
        path, rest = Path(*words[2].split(".")), words[3:]
        path = path / "__main__.py" if (ROOT / path).is_dir() else path.with_suffix(".py")
    else:
        path, rest = Path(words[1]), words[2:]
    assert (ROOT / path).is_file(), f"no file {path}"
    if path.name == "train.py" and len(path.parts) == 1:
        config = importlib.import_module(f"configs.{rest[0]}" if "mine" not in rest[0] else FOLEY20)
        return "train.py", train.TrainTagger, rest, {"config": config.config()}
    if path.name == "evaluate.py" and len(path.parts) == 1:
        return "evaluate.py", evaluate.Evaluate, rest
    if path == Path("data_pipeline/__main__.py") and rest[0] in ("train", "evaluate"):
        return program_of(["python", f"{rest[0]}.py", *rest[1:]])
    if "\nPROGRAM" not in (ROOT / path).read_text("utf-8"):
        return None
    module = importlib.import_module(".".join(path.with_suffix("").parts))
    return words[1], module.PROGRAM, rest


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_parses(page):
    for command in commands_of(page.read_text("utf-8")):
        if "-m data_pipeline" in command and not (ROOT / "data_pipeline/__main__.py").exists():
            continue  # until it has one
        # Optional parts are in brackets.
        words = shlex.split(re.sub(r"\[[^\]]*\]", "", command))
        if (found := program_of(words)) is None:
            continue
        name, program, argv, *defaults = found
        try:
            read_command(name, program, argv, *defaults or [{}])
        except FoleyError as error:
            pytest.fail(f"{command}: {error}")


def test_every_command_of_the_program_is_documented():
    text = "\n".join(page.read_text("utf-8") for page in PAGES)

    def names(program, prefix):
        for name, command in program.commands.items():
            if isinstance(command, Program):
                yield from names(command, f"{prefix} {name}")
            else:
                yield f"{prefix} {name}"

    missing = [name for name in names(PROGRAM, "temporal-foley") if name not in text]
    assert missing == []


def anchors_of(page):
    """Return the anchors of a page's headings, as Python-Markdown makes them."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.M | re.S)
    found = set(re.findall(r'\bid="([^"]+)"', text)) | set(re.findall(r"\{ ?#([\w-]+)", text))
    for heading in re.findall(r"^#+ (.*)$", text, flags=re.M):
        heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\s-]", "", heading.replace("`", "")).strip().lower()
        found.add(re.sub(r"[-\s]+", "-", slug))
    return found


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md", ROOT / "SECURITY.md"], ids=name_of)
def test_every_link_resolves(page):
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.M | re.S)
    wrong = []
    for link in LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        has_anchor = not anchor or target.suffix != ".md" or not target.is_file()
        if not target.exists() or not (has_anchor or anchor in anchors_of(target)):
            wrong.append(link)
    assert wrong == []


def test_every_page_is_in_the_navigation_once():
    navigation = (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:")[2]
    listed = re.findall(r"([\w/-]+\.md)", navigation)
    pages = [page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")]
    assert sorted(listed) == sorted(pages)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_named_source_files_exist(page):
    sources = {name_of(path) for path in ROOT.glob("[!.]*/**/*.py")}
    for file in re.findall(r"`(?:python )?([\w/]+/\w+\.py)\b", page.read_text("utf-8")):
        is_yours = "mine" in file
        assert is_yours or any(f"/{source}".endswith(f"/{file}") for source in sources), file


WITH_EXAMPLES = [
    path for path in sorted((ROOT / "temporal_foley").rglob("*.py")) if ">>> " in path.read_text()
]


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=name_of)
def test_examples_in_docstrings_run(path):
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    module = importlib.import_module(name)
    assert doctest.testmod(module, optionflags=doctest.ELLIPSIS).failed == 0
