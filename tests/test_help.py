"""Test the help of all commands: complete, narrow, and short for `generate`."""

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest

from temporal_foley.cli.help import field_docs
from temporal_foley.cli.main import PROGRAM, main
from temporal_foley.cli.runner import Program

ROOT = Path(__file__).parents[1]
WIDTH = 100
MOST_OPTIONS = 15


def all_commands(program, prefix=()):
    """Yield the words that call each command, and its class."""
    for name, command in program.commands.items():
        if isinstance(command, Program):
            yield from all_commands(command, (*prefix, name))
        else:
            yield (*prefix, name), command


COMMANDS = dict(all_commands(PROGRAM))
HELPS = [(), ("library",), *COMMANDS]


def check(text):
    assert text.startswith("usage: ")
    assert "(default: )" not in text
    assert "(default: '')" not in text
    assert "(default: None)" not in text
    assert [line for line in text.splitlines() if len(line) > WIDTH] == []


@pytest.mark.parametrize("flag", ["--help", "--help-all"])
@pytest.mark.parametrize("words", HELPS, ids=" ".join)
def test_help_is_narrow_and_shows_no_empty_defaults(words, flag, capsys):
    assert main([*words, flag]) == 0
    check(capsys.readouterr().out)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_and_option_has_a_help_text(words):
    command = COMMANDS[words]
    assert command.__doc__
    texts = {}
    for base in reversed(command.__mro__):
        if dataclasses.is_dataclass(base):
            texts |= field_docs(base)
    assert {field.name for field in dataclasses.fields(command)} == set(texts)


def test_generate_shows_few_options(capsys):
    main(["generate", "--help"])
    text = capsys.readouterr().out
    flags = re.findall(r"^  (?:-\w, )?(--[\w-]+)", text, re.M)
    assert 8 <= len(flags) <= MOST_OPTIONS
    main(["generate", "--help-all"])
    assert len(re.findall(r"^  (?:-\w, )?(--[\w-]+)", capsys.readouterr().out, re.M)) > 20


def test_commands_are_listed_in_groups(capsys):
    main(["--help"])
    text = capsys.readouterr().out
    headings = re.findall(r"^(\w+):$", text, re.M)
    assert headings == ["make", "edit", "sounds", "models", "options"]
    assert all(f"\n  {name} " in text for name in PROGRAM.commands)
    assert "--version" in text


def test_the_version_is_printed(capsys):
    assert main(["--version"]) == 0
    assert re.fullmatch(r"temporal-foley \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


def test_the_command_line_is_a_module_too():
    done = subprocess.run(
        [sys.executable, "-m", "temporal_foley", "--help"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0
    check(done.stdout)
