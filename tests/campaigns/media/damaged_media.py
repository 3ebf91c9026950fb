"""Send damaged media through `generate`, `library add` and the reading of training media.

Whatever a file contains: no crash, no hang, no traceback, no more than 2 GiB, nothing half-written.
It is used, used as far as it goes with a message, or refused in one line that names it.
"""

import contextlib
import functools
import importlib
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile

from tests.campaigns.command_run import CommandRun, run_command
from tests.campaigns.driver import Campaign, Trial
from tests.campaigns.media.damage import KINDS, truncated
from tests.campaigns.media.specimens import SECONDS, SOUNDS, VIDEOS, make_sound, make_video
from tests.detectors import FakeDetector, judge_brightness

NETWORK = "generate with a network"
# A film that was cut off by more than this must be reported as such.
_UNREPORTED_S = 0.3
_LONGEST_S = 3600.0
# A film that claims to be longer, be it of a few pictures, takes its time and is no hang.
_LONG_S = 600.0


def attempt(trial: Trial) -> None:
    """Damage a file and hand it in."""
    turn, which = divmod(trial.number, len(VIDEOS) + len(SOUNDS))
    if which < len(VIDEOS):
        source = make_video(VIDEOS[which], trial.shared)
    else:
        source = make_sound(list(SOUNDS)[which - len(VIDEOS)], trial.shared)
    damage, way = KINDS[(turn + which) % len(KINDS)], way_of(trial.number)
    trial.what = f"{source.name}, {damage.__name__}, {way}"
    damaged = trial.folder / f"film{source.suffix}"
    damaged.write_bytes(damage(source.read_bytes(), trial.rng))
    if way == "training":
        end, fault = read_for_training(damaged, trial.folder)
    elif way == "library add":
        end, fault = _add(damaged, trial.folder / "library")
    else:
        must_warn = damage is truncated and source.suffix != ".ts"
        end, fault = _generate(damaged, trial.folder / "out", way == NETWORK, must_warn)
    trial.counts[f"{way}: {'failed' if fault else end}"] += 1
    trial.faults += [fault] if fault else []


def way_of(number: int) -> str:
    """Return where a case hands its file in; most do without a network."""
    turn, which = divmod(number, len(VIDEOS) + len(SOUNDS))
    if turn % 5 == 3:
        return "training"
    if which >= len(VIDEOS):
        return "library add"
    return NETWORK if turn % 8 == 5 else "generate"


def prepare(folder: Path) -> None:
    """Make whole files of every kind."""
    for specimen in VIDEOS:
        make_video(specimen, folder)
    for name in SOUNDS:
        make_sound(name, folder)


def warm_up(numbers: Sequence[int] = ()) -> None:
    """Load what the cases need, and use a quick detector where no model is named."""
    for name in ("data_pipeline.features.source", "temporal_foley.library.add"):
        importlib.import_module(name)
    from temporal_foley import foley

    load, quick = foley.load_detector, FakeDetector(judge_brightness)
    shipped = functools.cache(lambda: load("foley20"))
    foley.load_detector = lambda model, **options: shipped() if model else quick
    if not any(way_of(number) == NETWORK for number in numbers):
        return
    # Compiling the network takes longer than any case.
    with tempfile.TemporaryDirectory() as folder:
        film = make_video(VIDEOS[0], Path(folder))
        run_command(["generate", str(film), "--model", "foley20"])


def _generate(damaged: Path, out: Path, network: bool, must_warn: bool) -> tuple[str, str]:
    if _claimed_s(damaged) > _LONG_S:
        return "longer by its header than ten minutes, not tried", ""
    words = ["generate", str(damaged), "--out", str(out), "--loudness", "-23"]
    run = run_command([*words, "--model", "foley20"] if network else words)
    fault = run.fault or _whole_or_nothing(run, damaged, out)
    if fault or run.code:
        return "refused", fault
    warned = "cut off" in run.err
    if must_warn and not warned:
        kept_s = soundfile.info(out / "film.foley" / "mix.wav").duration
        if kept_s < SECONDS - _UNREPORTED_S:
            return "made", f"only {kept_s:.2f} s of {SECONDS} s, without a warning"
    return "made, with a warning" if warned else "made", ""


def _claimed_s(path: Path) -> float:
    """Return how long a film is that a header makes longer or shorter than it was; 0 for none."""
    from temporal_foley.errors import FoleyError
    from temporal_foley.media.probe import probe_video

    with contextlib.suppress(FoleyError):
        return float(probe_video(path).duration)
    return 0.0


def _whole_or_nothing(run: CommandRun, damaged: Path, out: Path) -> str:
    left = sorted(path.name for path in out.iterdir()) if out.exists() else []
    if run.code:
        if left:
            return f"refused, and left {left}"
        return "" if damaged.name in run.err else f"does not name the file: {run.err.strip()}"
    if left != ["film.foley"]:
        return f"left {left}"
    return _whole(out / "film.foley")


def _whole(folder: Path) -> str:
    """Return what is wrong with an output folder; empty if nothing is."""
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
    run = run_command(["library", "add", str(folder), "--to", str(library), "--no-listen"])
    fault = run.fault if run.code else ""
    if "Traceback" in run.err + run.out:
        fault = run.fault
    if fault:
        return "", fault
    files = [path.name for path in library.rglob("*") if path.is_file()] if library.exists() else []
    if run.code:
        fault = f"refused, and left {files}" if files else ""
        return "refused", fault if damaged.name in run.err or fault else "does not name the file"
    if "left out" in run.err:
        fault = "" if damaged.name in run.err else "does not name the file"
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
        return "rejected", "" if path.name in str(error) else f"does not name the file: {error}"
    if material.pictures and pictures != material.grid.frames:
        return "", f"{pictures} pictures on a grid of {material.grid.frames}"
    return "read", ""


CAMPAIGN = Campaign(
    attempt=attempt,
    full=5000,
    short=range(27),
    long=range(250),
    watched=True,
    prepare=prepare,
    warm_up=warm_up,
)
