"""The command line keeps OpenBLAS to one thread, in time and unless the user chose otherwise."""

import subprocess
import sys

import pytest

CODE = """
import os, sys
import temporal_foley.cli.main as cli
assert "numpy" not in sys.modules
cli.main = lambda: print(os.environ["OPENBLAS_NUM_THREADS"])
cli.entry()
"""


@pytest.mark.parametrize(("chosen", "expected"), [(None, "1"), ("3", "3")])
def test_openblas_has_one_thread(monkeypatch, chosen, expected):
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    if chosen:
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", chosen)
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True)
    assert done.stdout.strip() == expected, done.stderr
