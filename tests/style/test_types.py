"""Check that the annotations of every module can be checked while it runs (see `shape_checks`)."""

import subprocess
import sys
from pathlib import Path

import pytest

IMPORT_ALL = """
import importlib
from jaxtyping import install_import_hook
from tests.shape_checks import checked_modules
names = checked_modules()
install_import_hook(names, "tests.shape_checks.check")
for name in names:
    if "old_commands" not in name and not name.endswith("__main__"):
        importlib.import_module(name)
"""


@pytest.mark.slow
def test_every_annotation_can_be_checked():
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL], cwd=root, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
