"""Measure whether takes are recognised and differ, beside real files; print a Markdown table.

    python benchmarks/sound/takes_table.py --weights DIR/mn04_as_mAP_432.pt [--sounds DIR] [--only
        A,B] [--recipe-only]

Recognised: each effect is cast for an event of ten seconds, once a film, rendered as by
`generate`, and tagged by EfficientAT `mn04` (Schmid, Koutini and Widmer, ICASSP 2023): the share of
films with one of the effect's AudioSet names among the first 1, 3 and 10 tags, for takes as their
recipes make them and as recorded. Variety: the mean cosine distance between the network's
embeddings of eight takes (of eight shoes or keyboards), and of eight real files spread over their
sources. Spread: the standard deviation in decibels of the levels of 24 critical bands over those
takes or files. Tagging shows whether a sound is taken for its effect, not whether
it is good.
"""

import argparse
import csv
import random
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soxr
from jaxtyping import Float

from temporal_foley.effects import Effect, Vocabulary, load_vocabulary
from temporal_foley.media.audio import read_sound_file
from temporal_foley.models.audio.audioset import class_places
from temporal_foley.models.audio.teacher import AudioTeacher, load_teacher
from temporal_foley.sound.casting import cast_events
from temporal_foley.sound.render import render_track
from temporal_foley.sound.synth import TAKES_A_SET, synthesize
from temporal_foley.sound.synth.recording import spectrum_levels
from temporal_foley.sound.takes.library import Library, load_library
from temporal_foley.timegrid import SAMPLE_RATE_HZ
from temporal_foley.timeline import Event

LISTENING_RATE_HZ = 32_000
SECONDS = 10
TOPS = (1, 3, 10)
QUIETEST_DB = -45.0
"""Bands below this are as good as empty; how far below does not count for the spread."""

Mono = Float[np.ndarray, " samples"]


class Heard(NamedTuple):
    """What the network says about some sounds."""

    ranks: list[int]
    variety: float


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--sounds", type=Path, help="folder with sounds.csv (file, source, class)")
    parser.add_argument(
        "--takes", type=int, default=8, help="takes, films and real files an effect"
    )
    parser.add_argument("--recipe-only", action="store_true", help="leave out the drawn recordings")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    vocabulary, teacher = load_vocabulary(), load_teacher(options.weights)
    rows: list[list[float]] = []
    print("| effect | as made 1 / 3 / 10 | ranks | as recorded 1 / 3 / 10 | ranks ", end="")
    print("| real 1 / 3 / 10 | variety: takes | real | share | spread, dB: takes | real |")
    print("|---" * 11 + "|")
    for name in vocabulary.select(tuple(filter(None, options.only.split(",")))):
        effect = vocabulary[name]
        cells, numbers = [name], []
        for recorded in (False, True) if not options.recipe_only else (False,):
            films = [laid_up(effect, recorded, film) for film in range(options.takes)]
            ranks = listen(teacher, films, effect).ranks
            numbers += shares(ranks)
            cells += [_line(shares(ranks)), " ".join(map(str, sorted(ranks)))]
        if options.recipe_only:
            numbers += [np.nan] * 3
            cells += ["", ""]
        takes = single_takes(name, options.takes, not options.recipe_only)
        paths = real_sounds(options.sounds, name, options.takes) if options.sounds else []
        files = [read_sound_file(path) for path in paths]
        real = listen(teacher, [file.mean(axis=1) for file in files], effect)
        made = listen(teacher, [take.mean(axis=1) for take in takes], effect)
        spreads = [made.variety, real.variety, spread(takes), spread(files)]
        share = made.variety / real.variety if len(files) > 2 else np.nan
        rows.append(numbers + shares(real.ranks) + spreads)
        cells += [_line(shares(real.ranks)), f"{made.variety:.2f}", f"{real.variety:.2f}"]
        cells += [f"{share:.2f}", f"{spreads[2]:.1f}", f"{spreads[3]:.1f}"]
        print(f"| {' | '.join(cells)} |", flush=True)
    mean = np.nanmean(rows, axis=0)
    print(
        f"| **mean** | {_line(mean[:3])} | | {_line(mean[3:6])} | | {_line(mean[6:9])} "
        f"| {mean[9]:.2f} | {mean[10]:.2f} | {mean[9] / mean[10]:.2f} | {mean[11]:.1f} "
        f"| {mean[12]:.1f} |"
    )


def laid_up(effect: Effect, recorded: bool, film: int) -> Mono:
    """Render ten seconds of an effect in a film, mono, as `generate` does."""
    library = load_library() if recorded else library_as_made()
    event = Event(effect=effect.name, onset=0.0, offset=float(SECONDS), confidence=0.9)
    vocabulary = Vocabulary(name="one", effects=(effect,))
    duration = SECONDS * SAMPLE_RATE_HZ
    (track,) = cast_events(
        [event], vocabulary, library, seed=0, duration_samples=duration, salt=str(film)
    )
    return render_track(track, library, 0, duration).mean(axis=1)


def library_as_made() -> Library:
    """Return the built-in library without drawn recordings."""
    built_in = load_library()
    return Library(
        name="as made",
        sha256=built_in.sha256,
        takes=[take for name in built_in.effects for take in built_in.takes(name)],
        load=lambda asset: synthesize(asset.name, asset.seed or 0, recorded=False),
    )


def single_takes(name: str, takes: int, recorded: bool) -> list[Float[np.ndarray, "samples _"]]:
    """Make takes of an effect, each of another shoe or keyboard."""
    step = TAKES_A_SET.get(name, 1)
    seeds = range(0, takes * step, step)
    return [
        synthesize(name, seed, recorded=recorded).samples[: SECONDS * SAMPLE_RATE_HZ]
        for seed in seeds
    ]


def listen(teacher: AudioTeacher, sounds: list[Mono], effect: Effect) -> Heard:
    """Return the best rank, from 1, of the effect's AudioSet names in each sound, and variety."""
    if not sounds:
        return Heard([], float("nan"))
    most = LISTENING_RATE_HZ * SECONDS
    waves, lengths = np.zeros((len(sounds), most), np.float32), []
    for wave, sound in zip(waves, sounds, strict=True):
        heard = soxr.resample(sound, SAMPLE_RATE_HZ, LISTENING_RATE_HZ, "HQ")[:most]
        # A common level: the tagger hears quiet sounds as silence.
        wave[: len(heard)] = heard * (0.1 / max(float(np.sqrt(np.mean(heard**2))), 1e-9))
        lengths.append(len(heard))
    outputs = teacher(waves, np.array(lengths))
    order = np.argsort(-outputs.logits, axis=1)
    wanted = list(class_places(effect.audioset))
    ranks = [1 + int(np.flatnonzero(np.isin(row, wanted))[0]) for row in order]
    unit = outputs.embedding / np.linalg.norm(outputs.embedding, axis=1, keepdims=True)
    pairs = np.triu_indices(len(unit), 1)
    return Heard(ranks, float(np.mean(1.0 - (unit @ unit.T)[pairs])) if len(unit) > 1 else np.nan)


def spread(sounds: list[Float[np.ndarray, "samples _"]]) -> float:
    """Return how far the long-term spectra of sounds differ from their mean, in decibels."""
    if len(sounds) < 2:
        return float("nan")
    levels = np.maximum([spectrum_levels(sound) for sound in sounds], QUIETEST_DB)
    return float(np.mean(np.std(levels, axis=0)))


def shares(ranks: Iterable[int]) -> list[float]:
    """Return the shares of ranks within the tops."""
    values = np.array(list(ranks))
    return [float((values <= top).mean()) if len(values) else float("nan") for top in TOPS]


def real_sounds(folder: Path, effect: str, most: int) -> list[Path]:
    """Choose real files of an effect from all its sources in turn, the same ones each time."""
    with (folder / "sounds.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if effect in row["class"].split("|")]
    random.Random(0).shuffle(rows)
    by_source: dict[str, list[str]] = {}
    for row in rows:
        by_source.setdefault(row["source"], []).append(row["file"])
    turns = [(turn, file) for files in by_source.values() for turn, file in enumerate(files)]
    return [folder / file for _, file in sorted(turns, key=lambda one: one[0])[:most]]


def _line(values: Iterable[float]) -> str:
    return " / ".join(f"{value:.2f}" for value in values)


if __name__ == "__main__":
    main()
