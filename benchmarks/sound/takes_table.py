"""Are the takes recognised? The built-in takes as laid up, beside real files; a table, in Markdown.

    python benchmarks/sound/takes_table.py --weights DIR/mn04_as_mAP_432.pt [--sounds DIR] [--only
        A,B]

Each built-in effect is cast for an event of ten seconds, rendered as the product would lay it up
and tagged by EfficientAT `mn04` (Schmid, Koutini and Widmer, ICASSP 2023): the share of seeds with
one of the effect's AudioSet names among the first 1, 3 and 10 tags. Real files are tagged one by
one, their first ten seconds. Tagging tells whether a sound is taken for what it stands for; it
does not tell whether it is good.
"""

import argparse
import csv
import random
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import soxr

from temporal_foley.effects import Effect, Vocabulary, load_vocabulary
from temporal_foley.media.audio import read_sound_file
from temporal_foley.models.audio.audioset import class_places
from temporal_foley.models.audio.teacher import AudioTeacher, load_teacher
from temporal_foley.sound.casting import cast_events
from temporal_foley.sound.render import render_track
from temporal_foley.sound.takes.library import Library, load_library
from temporal_foley.timegrid import SAMPLE_RATE_HZ
from temporal_foley.timeline import Event

LISTENING_RATE_HZ = 32_000
SECONDS = 10
TOPS = (1, 3, 10)


def laid_up(effect: Effect, library: Library, seed: int) -> np.ndarray:
    """Render ten seconds of an effect, mono, as the product lays it up."""
    event = Event(effect=effect.name, onset=0.0, offset=float(SECONDS), confidence=0.9)
    vocabulary = Vocabulary(name="one", effects=(effect,))
    duration = SECONDS * SAMPLE_RATE_HZ
    (track,) = cast_events(
        [event], vocabulary, library, seed=seed, duration_samples=duration, salt=str(seed)
    )
    return render_track(track, library, 0, duration).mean(axis=1)


def best_rank(teacher: AudioTeacher, sound: np.ndarray, effect: Effect) -> int:
    """Return the best rank, from 1, of the effect's AudioSet names among the tags of a sound."""
    wave = soxr.resample(sound, SAMPLE_RATE_HZ, LISTENING_RATE_HZ, "HQ").astype(np.float32)
    # A common level: the tagger hears quiet sounds as silence.
    wave *= 0.1 / max(float(np.sqrt(np.mean(wave**2))), 1e-9)
    length = LISTENING_RATE_HZ * SECONDS
    filled = np.zeros(length, np.float32)
    filled[: min(length, len(wave))] = wave[:length]
    logits = np.asarray(teacher(filled[None], np.array([min(length, len(wave))])).logits[0])
    order = np.argsort(-logits)
    places = class_places(effect.audioset)
    return 1 + min(int(np.flatnonzero(order == place)[0]) for place in places)


def shares(ranks: Iterable[int]) -> list[float]:
    """Return the shares of ranks within the tops."""
    values = np.array(list(ranks))
    return [float((values <= top).mean()) if len(values) else float("nan") for top in TOPS]


def real_sounds(folder: Path, effect: str, most: int) -> list[Path]:
    """Choose real files of an effect, the same ones each time."""
    with (folder / "sounds.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if effect in row["class"].split("|")]
    random.Random(0).shuffle(rows)
    return [folder / row["file"] for row in rows[:most]]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--sounds", type=Path, help="folder with sounds.csv (file, class)")
    parser.add_argument("--most", type=int, default=12, help="real files an effect")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    vocabulary, library, teacher = load_vocabulary(), load_library(), load_teacher(options.weights)
    names = vocabulary.select(tuple(filter(None, options.only.split(","))))
    made_table: list[list[float]] = []
    real_table: list[list[float]] = []
    print("| effect | built-in 1 / 3 / 10 | ranks | real 1 / 3 / 10 | files |")
    print("|---|---|---|---|---|")
    for name in names:
        effect = vocabulary[name]
        sounds = [laid_up(effect, library, seed) for seed in range(options.seeds)]
        ranks = [best_rank(teacher, sound, effect) for sound in sounds]
        paths = real_sounds(options.sounds, name, options.most) if options.sounds else []
        heard = [best_rank(teacher, read_sound_file(p).mean(axis=1), effect) for p in paths]
        made_table.append(shares(ranks))
        real_table.append(shares(heard))
        print(
            f"| {name} | {_line(made_table[-1])} | {', '.join(map(str, ranks))} "
            f"| {_line(real_table[-1])} | {len(heard)} |",
            flush=True,
        )
    made, real = np.mean(made_table, axis=0), np.nanmean(real_table, axis=0)
    print(f"| **mean** | {_line(made)} | | {_line(real)} | |")


def _line(values: Iterable[float]) -> str:
    return " / ".join(f"{value:.2f}" for value in values)


if __name__ == "__main__":
    main()
