"""Check that docstrings, help, errors and documentation avoid phrases that nobody says aloud."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("temporal_foley", "data_pipeline", "baselines", "configs", "scripts")
FOLDERS += ("benchmarks", "tests")
PAGES = [ROOT / f"{name}.md" for name in ("README", "CHANGELOG", "CONTRIBUTING", "SECURITY")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
BANNED = {
    r"\b(in|out), [^.]*\b(out|in)\.": "say what it does: Estimate ..., Write ..., Read ...",
    r"\btold\b|\btells?\b|\btelling\b": "return, report, print, record, warn",
    r"\bstands? (there|behind|beside|in|for nothing|as)\b": "is, exists, is stored",
    r"\blies? (there|beside|below|under|outside|elsewhere)\b": "is, exists, is stored",
    r"\bstands? (a|an|the|what|which|how)\b": "is, exists, is stored",
    r"\bso many\b": "N",
    r"\b(is|are|be|was|were) heard\b": "plays, is audible",
    r"\bwhat (is|was) (seen|heard)\b": "name the thing: the detected events",
    r"\b(lay|lays|laid|laying) (it |them |all )?up\b": "add effects, render",
    r"\bspotters?\b": "detector",
    r"\b[Ww]ords in[,:;]": "arguments, options",
    r"\breport 00\d\b": "stills baseline, scene baseline",
}


def texts_of(path: Path) -> list[tuple[int, str]]:
    """Return the docstrings and error messages of a module with their lines."""
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Error"):
            parts = (part for argument in node.args for part in ast.walk(argument))
            found += [
                (part.lineno, part.value)
                for part in parts
                if isinstance(part, ast.Constant) and isinstance(part.value, str)
            ]
        # An expression alone is a docstring; the others are the help of options and programs.
        is_text = isinstance(node, ast.Expr) or (
            isinstance(node, ast.keyword) and node.arg in ("help", "about")
        )
        if is_text and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            found.append((node.value.lineno, node.value.value))
    return found


def faults_of(where: str, text: str) -> list[str]:
    # What is quoted is a name.
    flat = " ".join(re.sub(r"`[^`]*`", "`...`", text).split())
    return [
        f"{where}: {found.group(0)!r} -> {instead}"
        for pattern, instead in BANNED.items()
        for found in re.finditer(pattern, flat)
    ]


def modules() -> list[Path]:
    found = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    return [*found, ROOT / "train.py", ROOT / "evaluate.py"]


def test_docstrings_and_help_are_plain_english():
    faults = []
    for path in modules():
        name = path.relative_to(ROOT).as_posix()
        for line, text in texts_of(path):
            faults += faults_of(f"{name}:{line}", text)
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_documentation_is_plain_english(page):
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.S)
    assert not faults_of(page.name, text)


def test_every_module_begins_with_a_sentence():
    faults = []
    for path in modules():
        if path.is_relative_to(ROOT / "tests"):
            continue  # the names of its tests say what it is for
        if path.name == "__init__.py" and not path.read_text().strip():
            continue
        text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
        if not re.match(r"[A-Z].*[.:]$", text.partition("\n\n")[0].replace("\n", " ")):
            faults.append(path.relative_to(ROOT).as_posix())
    assert not faults
