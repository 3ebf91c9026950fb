"""Check that the same input and seed give the same bytes, with any threads, blocks and devices.

Each case is another way to the same result; `WAYS` lists them. Those that load a network run in a
process of their own, where the number of devices and threads can be set.
"""

import contextlib
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from unittest import mock

import numpy as np

from temporal_foley.foley import Foley
from temporal_foley.sound.takes.library import load_library
from tests.campaigns.driver import Campaign, Trial
from tests.clips import make_clip, tone
from tests.detectors import BLACK, GREEN, RED, colour_detector, painted

CUES = ("cues.json", "events.tsv", "cues.csv", "credits.txt", "disclosure.html", "proposed.json")
SUFFIXES = (".mp4", ".mov", ".mkv", ".webm")
CODECS = {".webm": "libvpx-vp9"}
_ROOT = Path(__file__).parents[3]
_MODULE = "tests.campaigns.failures.determinism"


def attempt(trial: Trial) -> None:
    """Come to the same result in another way."""
    trial.what = list(WAYS)[trial.number]
    came = WAYS[trial.what](trial.folder, trial.seed)
    trial.faults += [came] if came else []


def _clip(folder: Path, suffix: str = ".mp4") -> Path:
    """Write a clip with images and sound."""
    folder.mkdir(parents=True, exist_ok=True)
    codec = CODECS.get(suffix, "libx264")
    shots = painted((0.8, RED), (0.4, BLACK), (0.8, GREEN))
    return make_clip(folder / f"clip{suffix}", **shots, codec=codec, audio=tone(2.0))


def _generate(clip: Path, out: Path, seed: int) -> Path:
    return Foley(colour_detector(), load_library()).generate(clip, out, seed=seed).folder


def _twice(suffix: str) -> Callable[[Path, int], str]:
    """Generate twice: all files are the same, and `run.json` but for the time it took."""

    def way(folder: Path, seed: int) -> str:
        clip = _clip(folder, suffix)
        one, two = (_generate(clip, folder / name, seed) for name in ("one", "two"))
        return _first_difference(one, two)

    return way


def _first_difference(one: Path, two: Path, names: Sequence[str] = ()) -> str:
    found = [_digests(folder, names) for folder in (one, two)]
    odd = sorted(n for n in {*found[0], *found[1]} if found[0].get(n) != found[1].get(n))
    return f"{', '.join(odd)} differ" if odd else ""


def _digests(folder: Path, names: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if names and name not in names:
            continue
        content = path.read_bytes()
        if name == "run.json":
            document = json.loads(content)
            document.pop("seconds")
            content = json.dumps(document, sort_keys=True).encode()
        found[name] = hashlib.sha256(content).hexdigest()
    return found


def _other_seed(folder: Path, seed: int) -> str:
    """Another seed finds the same events and chooses other takes: or the rest proves nothing."""
    clip = _clip(folder)
    one, two = (_generate(clip, folder / str(n), n) for n in (seed, seed + 1))
    if (one / "events.tsv").read_bytes() != (two / "events.tsv").read_bytes():
        return "the seed changes what is found"
    same = (one / "cues.json").read_bytes() == (two / "cues.json").read_bytes()
    return "the seed changes nothing" if same else ""


def _blocks(folder: Path, seed: int) -> str:
    """Rendering in other blocks gives the same stems and mix."""
    from temporal_foley.sound import gains, mix, stems

    clip = _clip(folder)
    one = _generate(clip, folder / "one", seed)
    with contextlib.ExitStack() as stack:
        for module in (gains, mix, stems):
            stack.enter_context(mock.patch.object(module, "BLOCK", stems.BLOCK // 4))
        two = _generate(clip, folder / "two", seed)
    stems_made = [path.relative_to(one).as_posix() for path in (one / "stems").iterdir()]
    sounds = ("mix.wav", *sorted(stems_made))
    return _first_difference(one, two, (*CUES, *sounds))


def _read_ahead(folder: Path, seed: int) -> str:
    """One picture ahead or many, and a batch of one or many: the same cues."""
    from temporal_foley import stages

    clip = _clip(folder)
    one = _generate(clip, folder / "one", seed)
    with mock.patch.object(stages, "READ_AHEAD_FRAMES", 1):
        two = _generate(clip, folder / "two", seed)
    return _first_difference(one, two)


def _network(how: dict[str, str], batch: int = 0) -> Callable[[Path, int], str]:
    """Tag and cast by the shipped bundle, in a process with other threads, devices, batches."""

    def way(folder: Path, seed: int) -> str:
        plain = folder.parent / f"plain_{seed}"
        if not (plain / "answer.json").is_file():
            _ask(plain, seed, {}, 0)
        _ask(folder, seed, how, batch)
        one, two = (json.loads((f / "answer.json").read_text()) for f in (plain, folder))
        # Sums in another order: probabilities may differ in the last places, the cues may not.
        apart = float(np.abs(np.array(one["scores"]) - np.array(two["scores"])).max())
        if one["cues"] != two["cues"]:
            return f"other cues; probabilities are up to {apart:.1e} apart"
        return "" if apart < 1e-4 else f"probabilities are {apart:.1e} apart"

    return way


def _ask(folder: Path, seed: int, how: dict[str, str], batch: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", **how}
    command = [sys.executable, "-m", _MODULE, str(folder), str(seed), str(batch)]
    done = subprocess.run(command, env=environment, cwd=_ROOT, capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(done.stderr[-2000:])


def _answer(folder: Path, seed: int, batch: int) -> None:
    """Write what the shipped bundle makes of two photographs."""
    from temporal_foley.cue_list import timeline_to_json
    from temporal_foley.files.digest import file_sha256
    from temporal_foley.media.video import probe_video
    from temporal_foley.models import detector
    from temporal_foley.stages import DetectionSettings, cast_timeline, tag_video
    from temporal_foley.timeline import MixSettings

    if batch:
        detector.BATCH_FRAMES = batch
    clip = folder / "clip.mp4"
    pictures = list(_photographs())
    make_clip(
        clip,
        seconds=6,
        rate=Fraction(8),
        size=(224, 224),
        picture=lambda number: pictures[number // 24 % len(pictures)],
        audio=tone(6.0),
    )
    foley = Foley.load()
    tags = tag_video(probe_video(clip), foley.detector, DetectionSettings())
    timeline = cast_timeline(
        tags,
        foley.detector,
        foley.library,
        source_sha256=file_sha256(clip),
        mix=MixSettings(),
        seed=seed,
    )
    answer = {"scores": tags.seen.probabilities.tolist(), "cues": timeline_to_json(timeline)}
    (folder / "answer.json").write_text(json.dumps(answer))


def _photographs() -> Iterator[np.ndarray]:
    import cv2
    from skimage import data

    for image in (data.cat(), data.coffee()):
        yield cv2.resize(image, (224, 224), interpolation=cv2.INTER_AREA)


WAYS: dict[str, Callable[[Path, int], str]] = {
    **{f"twice, {suffix}": _twice(suffix) for suffix in SUFFIXES},
    "another seed": _other_seed,
    "blocks a quarter as long": _blocks,
    "one picture read ahead": _read_ahead,
    "eight devices": _network({"XLA_FLAGS": "--xla_force_host_platform_device_count=8"}),
    "one thread": _network(
        {
            "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
    ),
    "three pictures a batch": _network({}, 3),
    "the same once more": _network({}),
}
_NETWORK = list(WAYS).index("eight devices")
CAMPAIGN = Campaign(
    attempt=attempt,
    full=len(WAYS),
    is_list=True,
    # The other containers and another seed are tried by the long form and by tests/test_foley.py.
    short=(0, SUFFIXES.index(".webm"), _NETWORK - 2, _NETWORK - 1),
    long=range(len(WAYS)),
)


if __name__ == "__main__":
    _answer(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
