"""Collect the recordings that a student is trained on from tables of labelled sounds.

Only the training split is used: no recording that any of the tables puts into validation or test,
and none of the same source. Takes of the built-in recipes are added.
"""

import csv
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soxr
from jaxtyping import Int16

from data_pipeline.builders.labelled_files import recording_of
from data_pipeline.builders.sounds import read_mono, to_int16
from data_pipeline.builders.splits import TRAIN
from data_pipeline.builders.stills import StillsConfig, read_all, split_files
from data_pipeline.schema import SOUND_RATE_HZ
from temporal_foley.effects import Vocabulary
from temporal_foley.errors import MediaError
from temporal_foley.sound.synth import RECIPES, synthesize
from temporal_foley.timegrid import SAMPLE_RATE_HZ

LONGEST_S = 60.0
RECIPE = "recipe/"
_TAKES = 4
# Not those that the library plays, which begin at 0.
_FIRST_SEED = 1_000
_SILENT = 1e-4

Recording = Int16[np.ndarray, " samples"]
Pool = dict[str, list[Recording]]
"""Recordings by their source."""


def training_files(
    tables: Sequence[Path], vocabulary: Vocabulary, *, seed: int = 0
) -> dict[str, list[Path]]:
    """Return the files on the training side of every table, by source.

    The split is that of `prepare build stills --parts 80_10_10`. A sound without a class has no
    split; it is taken unless its recording is held back.
    """
    held_back: set[str] = set()
    files: dict[str, Path] = {}
    for table in tables:
        config = StillsConfig(paths=(table,), seed=seed)
        labelled, _ = read_all(config, vocabulary)
        split_of = split_files(labelled, config)
        held_back |= {source for source, split in split_of.items() if split != TRAIN}
        with table.open(encoding="utf-8-sig", newline="") as rows:
            files |= {row["file"]: table.parent / row["file"] for row in csv.DictReader(rows)}
    by_source: dict[str, list[Path]] = defaultdict(list)
    for name in sorted(files):
        if recording_of(name) not in held_back:
            by_source[recording_of(name)].append(files[name])
    return dict(by_source)


def read_pool(by_source: dict[str, list[Path]]) -> Pool:
    """Read recordings, each up to `LONGEST_S`; what cannot be read or is silent is left out."""
    pool: Pool = {}
    for source, paths in by_source.items():
        recordings = []
        for path in paths:
            try:
                sound = read_mono(path)[: round(LONGEST_S * SOUND_RATE_HZ)]
            except MediaError:
                continue
            if np.abs(sound).max(initial=0.0) > _SILENT:
                recordings.append(to_int16(sound))
        if recordings:
            pool[source] = recordings
    return pool


def recipe_pool() -> Pool:
    """Make some takes by every built-in recipe."""
    pool: Pool = {}
    for name in RECIPES:
        takes = [synthesize(name, _FIRST_SEED + i).samples.mean(axis=1) for i in range(_TAKES)]
        pool[RECIPE + name] = [
            to_int16(soxr.resample(take, SAMPLE_RATE_HZ, SOUND_RATE_HZ).astype(np.float32))
            for take in takes
        ]
    return pool
