"""Steps that ship lowered are those of the code, and give what jax gives; else jax traces."""

import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

from temporal_foley.files.cache import Cache
from temporal_foley.models.audio.geometry import COLUMN_SAMPLES
from temporal_foley.models.audio.student import load_student
from temporal_foley.models.bundle.bundle import load_bundle
from temporal_foley.models.by_name import bundle_folder
from temporal_foley.models.image.backbone import load_backbone
from temporal_foley.models.programs import lowered, program
from temporal_foley.models.programs.lowered import (
    LoweredStep,
    find_lowered,
    pack_lowered,
    shipped_steps,
)
from temporal_foley.models.programs.machine import runs_on_processor
from temporal_foley.models.programs.program import NetworkStep

pytestmark = pytest.mark.skipif(not runs_on_processor(), reason="steps ship for processors only")
REMEDY = "run scripts/lower_programs.py: the code or the shapes of the networks have changed"


@pytest.fixture(autouse=True)
def _apart(monkeypatch):
    """Let no test find the programs of another."""
    monkeypatch.setattr(program, "_SHARED", {})


@pytest.fixture
def cache(tmp_path):
    return Cache("programs", 1 << 26, tmp_path)


def clip_step(cache, frames=8):
    network = load_bundle(bundle_folder("foley20")).network
    step = network._programs.judge
    made = NetworkStep(
        name=step.name,
        settings=step.settings,
        trace=step.trace,
        weights=step.weights,
        cache=cache,
    )
    rng = np.random.default_rng(0)
    visual = rng.normal(size=(1, frames, network.visual_features)).astype(np.float32)
    audio = rng.normal(size=(1, frames, network.audio_features)).astype(np.float32)
    yes = np.array([True])
    return made, (visual, audio, yes, yes, np.array([frames], np.int32))


def shapes_of(inputs):
    return tuple((array.dtype.name, array.shape) for array in inputs)


def test_the_steps_of_most_videos_ship():
    backbone = load_backbone()
    size = backbone.input_size_px
    sound = ("float32", (1, 32 * COLUMN_SAMPLES)), ("int32", (1,))
    wanted = [
        backbone._inference._program.describe((("uint8", (4, size, size, 3)),)),
        load_student()._step.describe(sound),
    ]
    for frames in (8, 64, 256):
        step, inputs = clip_step(None, frames)
        wanted.append(step.describe(shapes_of(inputs)))
    assert all(find_lowered(description) is not None for description in wanted), REMEDY


def test_a_lowered_step_gives_what_jax_gives(cache, monkeypatch):
    step, inputs = clip_step(cache)
    with monkeypatch.context() as patched:
        patched.setattr(NetworkStep, "_compile", None)
        without_jax = step(*inputs)
    program._SHARED.clear()
    monkeypatch.setattr(program, "find_lowered", lambda description: None)
    traced, _ = clip_step(Cache("other", 1 << 26, cache._root))
    for one, other in zip(without_jax, traced(*inputs), strict=True):
        assert one.tobytes() == other.tobytes()


def test_a_lowered_step_is_stored_once_it_is_compiled(cache, monkeypatch):
    step, inputs = clip_step(cache)
    first = step(*inputs)
    program._SHARED.clear()
    monkeypatch.setattr(program, "find_lowered", None)
    again, _ = clip_step(cache)
    assert again(*inputs)[0].tobytes() == first[0].tobytes()


def test_what_the_runtime_does_not_take_is_traced(cache, monkeypatch):
    def refuse(step):
        raise RuntimeError("not for this runtime")

    monkeypatch.setattr(program, "compile_lowered", refuse)
    step, inputs = clip_step(cache)
    assert step._compile_lowered(shapes_of(inputs)) is None
    assert np.isfinite(step(*inputs)[0]).all()


def test_steps_of_another_jaxlib_or_of_other_code_are_not_used(monkeypatch):
    step, inputs = clip_step(None)
    description = step.describe(shapes_of(inputs))
    assert find_lowered(description) is not None
    with monkeypatch.context() as patched:
        patched.setattr(lowered.metadata, "version", lambda name: "0.0.1")
        assert find_lowered(description) is None
    monkeypatch.setattr(lowered, "code_sha256", lambda *parts: "0")
    assert find_lowered(description) is None


@pytest.mark.parametrize("name", ["XLA_FLAGS", "JAX_DEFAULT_MATMUL_PRECISION"])
def test_with_other_options_of_the_compiler_steps_are_traced(cache, monkeypatch, name):
    monkeypatch.setenv(name, "")
    monkeypatch.setattr(program, "find_lowered", None)
    step, inputs = clip_step(cache)
    assert step._compile_lowered(shapes_of(inputs)) is None


def test_the_file_gives_what_was_packed_and_nothing_where_it_is_damaged(tmp_path, monkeypatch):
    steps = {
        lowered.entry_name(["step", number]): LoweredStep(
            b"ML" + bytes([number]), bytes([number, 255]), [("float32", [1, number])]
        )
        for number in range(3)
    }
    packed = pack_lowered(steps)
    assert packed == pack_lowered(dict(reversed(steps.items())))
    monkeypatch.setattr(lowered.resources, "files", lambda package: tmp_path)
    for content, expected in ((packed, steps[lowered.entry_name(["step", 2])]), (b"PK", None)):
        (tmp_path / lowered.FILE).write_bytes(content)
        shipped_steps.cache_clear()
        found = find_lowered(["step", 2])
        assert found == expected
        assert find_lowered(["step", 3]) is None
    (tmp_path / lowered.FILE).unlink()
    shipped_steps.cache_clear()
    assert find_lowered(["step", 2]) is None
    shipped_steps.cache_clear()


CODE = """
import sys
from temporal_foley.cli.main import main
code = main(sys.argv[1:])
print("LOADED", sorted({"jax", "flax"} & set(sys.modules)))
sys.exit(code)
"""


def test_a_first_run_of_all_needs_no_jax(tmp_path, make_clip, monkeypatch):
    monkeypatch.setenv("TEMPORAL_FOLEY_CACHE", str(tmp_path / "cache"))
    clip = tmp_path / "clip.mp4"
    make_clip(clip, seconds=1, rate=Fraction(8), size=(64, 48))
    words = ["tag", str(clip), "--out", str(tmp_path / "out")]
    done = subprocess.run([sys.executable, "-c", CODE, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "LOADED []"


ENDS_EARLY = """
import time
from fractions import Fraction
from temporal_foley.models.bundle_detector import load_bundle_detector
from temporal_foley.models.by_name import bundle_folder
from temporal_foley.timegrid import TimeGrid
detector = load_bundle_detector(bundle_folder("foley20"))
detector._make_ready(TimeGrid.covering(Fraction(6), Fraction(4)), with_gradients=True)
time.sleep(1)
"""


def test_a_process_may_end_while_steps_are_compiled(tmp_path, monkeypatch):
    monkeypatch.setenv("TEMPORAL_FOLEY_CACHE", str(tmp_path / "cache"))
    done = subprocess.run([sys.executable, "-c", ENDS_EARLY], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
