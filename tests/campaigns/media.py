"""Damaged media through `generate`, `library add` and the reading of training media.

Whatever is in a file: no crash, no hang, no traceback, no more than 2 GiB, nothing half-written. A
file is used, used as far as it goes with a word about it, or refused in one line that names it.
"""

import collections
import contextlib
import dataclasses
import functools
import importlib
import shutil
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile

from tests.campaigns import Failure, Result
from tests.campaigns.damage import KINDS, truncated
from tests.campaigns.specimens import SECONDS, SOUNDS, VIDEOS, make_sound, make_video
from tests.campaigns.spoken import Spoken, speak
from tests.campaigns.watchdog import answers

FULL = 5000
NETWORK = "generate with a network"
# Beyond this a film that was cut off must be told to be.
_UNTOLD_S = 0.3
_LONGEST_S = 3600.0
# A film of so many seconds, be it of a few pictures, takes its time and is no hang.
_LONG_S = 600.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """One damaged file and where it goes."""

    number: int
    source: Path
    kind: int
    way: str
    seed: int
    folder: Path

    def __str__(self) -> str:
        return f"{self.source.name}, {KINDS[self.kind].__name__}, {self.way}"


def run(cases: Sequence[int], seed: int, folder: Path) -> Result:
    """Damage a file a case and hand it in."""
    sources = folder / "whole"
    sources.mkdir(exist_ok=True)
    whole = [make_video(one, sources) for one in VIDEOS]
    whole += [make_sound(name, sources) for name in SOUNDS]
    tasks = [_case(number, seed, whole, folder) for number in cases]
    failures: list[Failure] = []
    ends: collections.Counter[str] = collections.Counter()
    peak, slowest = 0, 0.0
    has_network = any(case.way == NETWORK for case in tasks)
    for case, answer in answers(attempt, tasks, warm_up=load_network if has_network else warm_up):
        end, fault = answer.value or ("", "")
        fault = answer.fault or fault
        ends[f"{case.way}: {'failed' if fault else end}"] += 1
        peak, slowest = max(peak, answer.peak_bytes), max(slowest, answer.seconds)
        if fault:
            failures.append(Failure(case=case.number, what=str(case), came=fault))
    figures = {end: count for end, count in sorted(ends.items())}
    figures |= {"largest memory": f"{peak >> 20} MiB", "longest case": f"{slowest:.1f} s"}
    failures.sort(key=lambda failure: failure.case)
    return Result(count=len(tasks), failures=failures, figures=figures)


def _case(number: int, seed: int, whole: Sequence[Path], folder: Path) -> Case:
    turn, which = divmod(number, len(whole))
    source = whole[which]
    # Most of the ways through are short of a network; some have the one that ships.
    way = "generate" if which < len(VIDEOS) else "library add"
    if turn % 5 == 3:
        way = "training"
    elif turn % 8 == 5 and way == "generate":
        way = NETWORK
    return Case(
        number=number,
        source=source,
        kind=(turn + which) % len(KINDS),
        way=way,
        seed=seed,
        folder=folder / f"case-{number}",
    )


class BrightDetector:
    """Takes bright pictures for a dog: quick, and it looks at every pixel that it is given."""

    name = "bright"
    sha256 = "b1" * 32
    frame_rate = decision = None
    listens = False

    def __init__(self):
        from temporal_foley.effects import load_vocabulary

        self.vocabulary = load_vocabulary()

    def prepare(self, image: np.ndarray) -> np.ndarray:
        return image[::4, ::4]

    def load_ahead(self) -> None:
        pass

    def probabilities(self, frames, *, grid=None, sound=None):
        for frame in frames:
            row = np.zeros((1, len(self.vocabulary)), np.float32)
            row[0, self.vocabulary.index("dog_barking")] = 0.9 if frame.mean() > 110 else 0.05
            yield row

    def seen_effects(self) -> dict[str, str]:
        return {"dog_barking": "bright pictures"}

    def blind_effects(self) -> dict[str, str]:
        return {}


def warm_up() -> None:
    """Load what all cases need."""
    for name in ("data_pipeline.features.source", "temporal_foley.library.add"):
        importlib.import_module(name)
    _keep_loaded()


def load_network() -> None:
    """Load what all cases need, and the network, whose compilation takes longer than any case."""
    warm_up()
    with tempfile.TemporaryDirectory() as folder:
        film = make_video(VIDEOS[0], Path(folder))
        speak(["generate", str(film), "--model", "foley20"])


@functools.cache
def _keep_loaded() -> None:
    """Let `generate` load the shipped model once, and without a name take the quick one."""
    from temporal_foley import foley

    load, quick = foley.load_detector, BrightDetector()
    shipped = functools.cache(lambda: load("foley20"))
    foley.load_detector = lambda model, **words: shipped() if model else quick


def attempt(case: Case) -> tuple[str, str]:
    """Hand a damaged file in; returns how it ended, and what was wrong with that."""
    _keep_loaded()
    shutil.rmtree(case.folder, ignore_errors=True)  # Of a first attempt that took too long.
    case.folder.mkdir()
    damaged = case.folder / f"film{case.source.suffix}"
    rng = np.random.default_rng([case.seed, case.number])
    damaged.write_bytes(KINDS[case.kind](case.source.read_bytes(), rng))
    if case.way == "training":
        end, fault = read_for_training(damaged, case.folder)
    elif case.way == "library add":
        end, fault = _add(damaged, case.folder / "library")
    else:
        end, fault = _generate(damaged, case)
    if not fault:
        shutil.rmtree(case.folder)
    return end, fault


def _generate(damaged: Path, case: Case) -> tuple[str, str]:
    if _claimed_s(damaged) > _LONG_S:
        return "longer by its header than ten minutes, not tried", ""
    out = case.folder / "out"
    words = ["generate", str(damaged), "--out", str(out), "--loudness", "-23"]
    if case.way == NETWORK:
        words += ["--model", "foley20"]
    said = speak(words)
    fault = said.fault or _whole_or_nothing(said, damaged, out)
    if fault or said.code:
        return "refused", fault
    is_told = "cut off" in said.err
    if KINDS[case.kind] is truncated and case.source.suffix != ".ts" and not is_told:
        kept_s = soundfile.info(out / "film.foley" / "mix.wav").duration
        if kept_s < SECONDS - _UNTOLD_S:
            return "made", f"only {kept_s:.2f} s of {SECONDS} s, and not a word of it"
    return "made, told to be cut off" if is_told else "made", ""


def _claimed_s(path: Path) -> float:
    """Return how long a film is that a header makes longer or shorter than it was; 0 for none."""
    from temporal_foley.errors import FoleyError
    from temporal_foley.media.probe import probe_video

    with contextlib.suppress(FoleyError):
        return float(probe_video(path).duration)
    return 0.0


def _whole_or_nothing(said: Spoken, damaged: Path, out: Path) -> str:
    left = sorted(path.name for path in out.iterdir()) if out.exists() else []
    if said.code:
        if left:
            return f"refused, and left {left}"
        return "" if damaged.name in said.err else f"does not name the file: {said.err.strip()}"
    if left != ["film.foley"]:
        return f"left {left}"
    return _whole(out / "film.foley")


def _whole(folder: Path) -> str:
    """Say what is wrong with an output folder; empty if nothing is."""
    from temporal_foley.errors import FoleyError
    from temporal_foley.files.output import read_run
    from temporal_foley.media.probe import probe_video

    made = read_run(folder)
    if made is None:
        return "no run.json"
    if gone := [name for name in made.files if not (folder / name).is_file()]:
        return f"{gone} not there"
    if not 0 < soundfile.info(folder / "mix.wav").duration < _LONGEST_S:
        return "a mix of an absurd length"
    films = [name for name in made.files if name.startswith("film.")]
    try:
        return "" if probe_video(folder / films[0]).has_audio else "a film without sound"
    except (FoleyError, IndexError) as error:
        return f"a film that cannot be read: {error}"


def _add(damaged: Path, library: Path) -> tuple[str, str]:
    folder = damaged.parent / "sounds"
    folder.mkdir()
    damaged = damaged.rename(folder / f"door knock{damaged.suffix}")
    said = speak(["library", "add", str(folder), "--to", str(library), "--no-listen"])
    fault = said.fault if said.code else ""
    if "Traceback" in said.err + said.out:
        fault = said.fault
    if fault:
        return "", fault
    files = [path.name for path in library.rglob("*") if path.is_file()] if library.exists() else []
    if said.code:
        fault = f"refused, and left {files}" if files else ""
        return "refused", fault if damaged.name in said.err or fault else "does not name the file"
    if "left out" in said.err:
        fault = "" if damaged.name in said.err else "does not name the file"
        return "left out", fault or (f"left {files}" if files != ["library.tsv"] else "")
    return "added", "" if sorted(files) == sorted(
        ["library.tsv", damaged.name]
    ) else f"left {files}"


def read_for_training(path: Path, folder: Path) -> tuple[str, str]:
    """Read a file as the making of features does, which lists what it rejects.

    Returns how it ended, and what was wrong with that.
    """
    from data_pipeline.annotations.records import AnnotatedClip
    from data_pipeline.features.source import MediaSource
    from temporal_foley.errors import FoleyError

    clip = AnnotatedClip(origin="test", source=str(path.name), clip=str(path.name))
    source = MediaSource(str(folder), (clip,))
    try:
        material = source.load(0, Fraction(4))
        pictures = 0
        for _, image in material.pictures(lambda image: image) if material.pictures else ():
            pictures += 1
            if image.ndim != 3:
                return "", "a picture of another shape"
        heard = material.sound() if material.sound else ()
        for block in [heard] if isinstance(heard, np.ndarray) else heard:
            if not np.isfinite(block).all():
                return "", "samples that are no numbers"
    except (FoleyError, ValueError) as error:
        told = str(error)
        return "rejected", "" if path.name in told else f"does not name the file: {told}"
    if material.pictures and pictures != material.grid.frames:
        return "", f"{pictures} pictures on a grid of {material.grid.frames}"
    return "read", ""
