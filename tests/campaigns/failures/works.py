"""Commands that campaigns interrupt: what each needs, and how it is run in a folder.

Nothing heavy is imported before a work runs, so that a process that runs none can be forked.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

STEPS, SAVE_EVERY = 30, 10
"""Of a training."""

Work = Callable[[Path], int]
"""Does the work in a folder that has all that it needs; returns the exit code."""


def _video(place: Path) -> None:
    from tests.clips import make_clip
    from tests.detectors import BLACK, GREEN, RED, painted

    make_clip(place / "clip.mp4", **painted((1.5, RED), (1, BLACK), (1.5, GREEN)))


def _generate(place: Path, **how: Any) -> int:
    from temporal_foley.errors import FoleyError
    from temporal_foley.foley import Foley
    from temporal_foley.sound.takes.library import load_library
    from tests.detectors import colour_detector

    try:
        Foley(colour_detector(), load_library()).generate(place / "clip.mp4", **how)
    except FoleyError as error:
        print(error)
        return error.exit_code
    return 0


def _edited(place: Path) -> int:
    """Make a cue list that a person edited: one cue is rejected, another made softer."""
    from temporal_foley.cue_list import read_timeline, write_timeline

    _video(place)
    _generate(place, seed=1)
    path = place / "clip.foley" / "cues.json"
    timeline = read_timeline(path)
    fire, dog = sorted(timeline.tracks, key=lambda track: track.effect, reverse=True)
    fire = dataclasses.replace(
        fire, cues=tuple(dataclasses.replace(cue, status="rejected") for cue in fire.cues)
    )
    dog = dataclasses.replace(
        dog, cues=(dataclasses.replace(dog.cues[0], gain_db=-20.0), *dog.cues[1:])
    )
    write_timeline(dataclasses.replace(timeline, tracks=(fire, dog)), path)
    return 0


def _sounds(place: Path) -> int:
    rng = np.random.default_rng(0)
    for number in range(8):
        hit = rng.normal(0, 0.3, 8_000) * np.exp(-np.arange(8_000) / 800)
        path = place / "pack" / f"folder {number % 2}" / f"dog bark {number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, hit.clip(-1, 1), 16_000)
    return 0


def _add(place: Path) -> int:
    from temporal_foley.cli.main import main

    words = ["library", "add", str(place / "pack"), "--to", str(place / "mine"), "--no-listen"]
    return main([*words, "--licence", "CC0"])


def _stills(place: Path) -> int:
    import cv2

    rng = np.random.default_rng(0)
    for name in ("fire", "wave", "other"):
        (place / "media" / name).mkdir(parents=True)
        for number in range(14):
            small = rng.integers(0, 255, (6, 8, 3), np.uint8)
            path = place / "media" / name / f"{number}.png"
            cv2.imwrite(str(path), cv2.resize(small, (80, 60)))
    return 0


def _prepare(place: Path) -> int:
    from data_pipeline.__main__ import main

    words = ["build", "stills", "--files", str(place / "media"), "--out", str(place / "out")]
    return main([*words, "--workers", "1"])


def _features(place: Path) -> int:
    from tests.training.training_data import make_features

    make_features(place / "features")
    return 0


def _train(place: Path) -> int:
    import train
    from temporal_foley.training.checkpoint import Checkpoints
    from tests.training.training_data import NO_PRIOR, small_words

    restore = Checkpoints.restore_last

    def noting(self: Checkpoints, like: Any) -> Any:
        found = restore(self, like)
        step = 0 if found is None else int(found[0].step)
        (place / "restored.txt").write_text(str(step))
        return found

    Checkpoints.restore_last = noting
    words = small_words(place / "features", place / "run", steps=STEPS, save_every=SAVE_EVERY)
    return train.main([*words, *NO_PRIOR])


def _given_video(place: Path) -> int:
    _video(place)
    return 0


GIVEN: dict[str, Work] = {
    "generate": _given_video,
    "regenerate": _edited,
    "library": _sounds,
    "prepare": _stills,
    "train": _features,
}
WORKS: dict[str, Work] = {
    "generate": _generate,
    "regenerate": lambda place: _generate(place, overwrite=True, seed=2),
    "library": _add,
    "prepare": _prepare,
    "train": _train,
}
