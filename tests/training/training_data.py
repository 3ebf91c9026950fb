"""Small features with something to learn in them; run by itself this file trains on them.

python training_data.py FOLDER make
python training_data.py FOLDER train RUN [STEPS] [SAVE_EVERY] [WORDS...]
"""

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from data_pipeline.features.record import FeatureRecord  # noqa: E402
from data_pipeline.features.store import (  # noqa: E402
    VERSION,
    begin,
    finish,
    shard_name,
    write_shard,
)
from data_pipeline.schema import EffectEvent  # noqa: E402
from temporal_foley.effects import load_vocabulary  # noqa: E402

VISUAL, AUDIO = 24, 12
NO_PRIOR = (
    *("config.tagger.prior:none", "config.tagger.tag-prior:none"),
    *("config.tagger.regression:none", "config.tagger.correction:none"),
)
"""The last word of a command line: these features are not those of a real backbone."""
SPLITS = {"train": 24, "validation": 12, "test": 12}


def make_features(folder: Path) -> Path:
    """Write all splits of a dataset `made`."""
    for seed, (split, count) in enumerate(SPLITS.items()):
        place = folder / "made" / split
        settings = {
            "version": VERSION,
            "source": "made",
            "items": count,
            "shards": 1,
            "items_per_shard": count,
            "frame_rate": "4",
            "backbone": "efficientnet_lite0",
            "aspect": "stretch",
            "listener": "student",
            "weights": {"backbone": "0" * 64, "listener": "1" * 64},
        }
        begin(place, settings)
        note = write_shard(place, shard_name(0, 1), [make_record(seed, i) for i in range(count)])
        finish(place, settings, [note])
    return folder


def make_record(seed: int, number: int) -> FeatureRecord:
    """Make a clip in which one of three effects is seen and heard for a while."""
    names = load_vocabulary().names
    rng = np.random.default_rng((seed, number))
    faces = np.random.default_rng(0).normal(size=(3, VISUAL))
    voices = np.random.default_rng(1).normal(size=(3, AUDIO))
    frames = int(rng.integers(6, 20))
    visual, audio = 0.3 * rng.normal(size=(frames, VISUAL)), 0.3 * rng.normal(size=(frames, AUDIO))
    effect, first = number % 3, int(rng.integers(0, frames - 3))
    last = int(rng.integers(first + 2, frames))
    visual[first:last] += faces[effect]
    audio[first:last] += voices[effect]
    event = EffectEvent(
        effect=names[effect],
        onset_s=first / 4,
        offset_s=last / 4,
        modality="both",
        confidence=1.0,
    )
    return FeatureRecord(
        id=f"{seed}-{number}",
        source=f"{seed}-{number}",
        sha256="0" * 64,
        frame_rate=Fraction(4),
        times_s=np.arange(frames) / 4,
        visual=visual.astype(np.float16),
        audio=audio.astype(np.float16),
        has_picture=True,
        has_sound=bool(number % 4),
        events=(event,),
        labelled=names,
    )


def small_words(folder: Path, run: Path, steps: int = 30, save_every: int = 10) -> list[str]:
    """Return the command line of a small run."""
    settings = {
        "steps": steps,
        "batch-size": 8,
        "lengths-frames": 20,
        "tagger.fusion.width": 8,
        "tagger.recurrent.hidden": 8,
        "optimizer.learning-rate": 0.01,
        "optimizer.warmup-steps": 2,
        "loop.log-every": 5,
        "loop.evaluate-every": 15,
        "loop.save-every": save_every,
    }
    flags = [word for name, value in settings.items() for word in (f"--config.{name}", str(value))]
    return ["foley20", "--data", str(folder), "--out", str(run), "--quiet", *flags]


if __name__ == "__main__":
    if sys.argv[2] == "make":
        make_features(Path(sys.argv[1]))
    else:
        import train

        numbers = [int(word) for word in sys.argv[4:6]]
        words = small_words(Path(sys.argv[1]), Path(sys.argv[3]), *numbers)
        sys.exit(train.main([*words, *sys.argv[6:], *NO_PRIOR]))
