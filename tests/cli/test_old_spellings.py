"""Test that commands by their old names still run, and print how they are called now."""

import subprocess
import sys
from pathlib import Path

import pytest

from data_pipeline.__main__ import PROGRAM, main
from temporal_foley.cli.runner import Program

ROOT = Path(__file__).parents[2]
OLD = {
    "data_pipeline.acquire": "python -m data_pipeline acquire",
    "data_pipeline.annotations": "python -m data_pipeline annotations",
    "data_pipeline.background": "python -m data_pipeline background",
    "data_pipeline.compose_audit": "python -m data_pipeline compose-audit",
    "data_pipeline.decide": "python -m data_pipeline decide",
    "data_pipeline.distill": "python -m data_pipeline distill",
    "data_pipeline.feature_folds": "python -m data_pipeline folds",
    "data_pipeline.features": "python -m data_pipeline features",
    "data_pipeline.fine_tune": "python -m data_pipeline fine-tune",
    "data_pipeline.prepare": "python -m data_pipeline",
    "data_pipeline.relisten": "python -m data_pipeline relisten",
    "data_pipeline.self_label": "python -m data_pipeline self-label",
    "configs.report_004": "python -m baselines.scenes",
}


@pytest.mark.parametrize(("old", "new"), OLD.items())
def test_old_commands_print_the_new_one_and_run(old, new):
    done = subprocess.run(
        [sys.executable, "-m", old, "--help"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == f"note: `python -m {old}` is now `{new}`\n"
    assert done.stdout.startswith(f"usage: {new} ")


def leaves(program, prefix=()):
    for name, command in program.commands.items():
        if isinstance(command, Program):
            yield from leaves(command, (*prefix, name))
        else:
            yield (*prefix, name)


@pytest.mark.parametrize("verb", list(leaves(PROGRAM)), ids=" ".join)
def test_every_verb_has_a_narrow_help_and_errors_in_one_line(verb, capsys):
    assert main([*verb, "--help"]) == 0
    text = capsys.readouterr().out
    assert [line for line in text.splitlines() if len(line) > 100] == []
    assert "(default: )" not in text
    assert main([*verb, "--nonsense"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: unknown option '--nonsense'")
