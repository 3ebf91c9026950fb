"""A second start needs no jax, and gives the same files to the byte."""

import subprocess
import sys
from fractions import Fraction

import pytest

from temporal_foley.models.programs.machine import runs_on_processor

CODE = """
import sys
from temporal_foley.cli.main import main
code = main(sys.argv[1:])
print("LOADED", sorted({"jax", "flax"} & set(sys.modules)))
sys.exit(code)
"""


@pytest.mark.skipif(not runs_on_processor(), reason="programs are stored for processors only")
def test_a_second_run_does_not_load_jax(tmp_path, make_clip):
    clip = tmp_path / "clip.mp4"
    make_clip(clip, seconds=1, rate=Fraction(8), size=(64, 48))
    found, loaded = [], ""
    for name in ("first", "second"):
        words = ["generate", str(clip), "--out", str(tmp_path / name)]
        done = subprocess.run([sys.executable, "-c", CODE, *words], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        loaded = done.stdout.splitlines()[-1]
        folder = tmp_path / name / "clip.foley"
        files = ("scores.tsv", "events.tsv", "cues.json", "mix.wav")
        found.append([(folder / file).read_bytes() for file in files])
    assert loaded == "LOADED []"
    assert found[0] == found[1]
