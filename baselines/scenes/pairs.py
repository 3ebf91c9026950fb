"""Make clips with picture and sound from features of stills and recordings.

    python -m baselines.scenes.pairs FEATURES/stills --out PAIRS

Where there is no video with scenes, this makes a task of the same form. A clip consists of
stretches. Each has an image and a part of a recording, drawn independently, of the clip's class or,
as a distraction, of no class; every clip has its class at least once in both. Images and recordings
are split by source before clips are made, so that none is on both sides. The same features and seed
give the same clips.
"""

import dataclasses
import hashlib
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np

from data_pipeline.builders.splits import TEST, TRAIN, VALIDATION, Member, Parts, assign_splits
from data_pipeline.features.record import FeatureError, FeatureRecord
from data_pipeline.features.store import FeatureStore, begin, finish, shard_name, write_shard
from temporal_foley.cli.console import Console
from temporal_foley.cli.options import Arg
from temporal_foley.cli.runner import run
from temporal_foley.errors import UsageError
from temporal_foley.timegrid import TimeGrid

NOTHING = ""
"""The class of distractions."""

# Real recordings are few: a smaller test split would have one or two per class.
PARTS = Parts(name="60_20_20", parts={TRAIN: 0.6, VALIDATION: 0.2, TEST: 0.2})

Medium = Literal["picture", "sound"]
MEDIA: tuple[Medium, Medium] = ("picture", "sound")
Pool = dict[tuple[str, Medium], list[FeatureRecord]]
"""The stills or recordings of each class."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairsConfig:
    """How clips are made, and of which classes."""

    clips_per_class: tuple[int, int, int] = (100, 40, 40)
    """In train, validation and test."""
    stretches: int = 4
    stretch_frames: int = 5
    distracting_part: float = 0.5
    """Share of the stretches of a modality, apart from the one that is kept for the class."""
    min_sources: int = 5
    """Least number of sources of images, and of recordings, of a class."""
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("stretches", "stretch_frames"):
            if getattr(self, name) < 1:
                raise ValueError(f"pairs.{name} must be at least 1, got {getattr(self, name)}")
        if min(self.clips_per_class) < 1:
            raise ValueError(f"pairs.clips_per_class must be above 0, got {self.clips_per_class}")
        if not 0.0 <= self.distracting_part <= 1.0:
            raise ValueError(f"pairs.distracting_part must be 0 to 1, got {self.distracting_part}")
        # One each to train, validate and test on.
        if self.min_sources < len(PARTS.parts):
            raise ValueError(f"pairs.min_sources must be at least 3, got {self.min_sources}")


def make_pairs(
    stills: Path, out: Path, config: PairsConfig, *, overwrite: bool = False
) -> list[str]:
    """Make the clips of all splits; return a table of their material.

    Raises:
        UsageError: There are no features of stills, or too few classes with enough sources.
    """
    stores = [FeatureStore(path.parent) for path in sorted(stills.glob("*/manifest.json"))]
    if not stores:
        raise UsageError("holds no finished features of stills", path=stills)
    # Features of different networks must not be mixed.
    kinds = [{key: store.settings.get(key) for key in _KIND} for store in stores]
    if any(kind != kinds[0] for kind in kinds):
        raise FeatureError("its splits are of different networks or rates", path=stills)
    pools = _share_out(stores, config)
    classes = _classes(pools, config)
    lines = ["class\tsplit\tclips\tpictures\tpicture_sources\trecordings\trecording_sources"]
    for place, (split, pool) in enumerate(pools.items()):
        settings: dict[str, Any] = {
            **kinds[0],
            "pairs": dataclasses.asdict(config) | {"split": split, "classes": classes},
            "source": [store.sha256 for store in stores],
        }
        # As read from JSON.
        settings["pairs"]["clips_per_class"] = list(config.clips_per_class)
        clips = config.clips_per_class[place]
        folder = out / split
        begin(folder, settings, overwrite=overwrite)
        note = write_shard(folder, shard_name(0, 1), _clips(split, place, pool, classes, config))
        finish(folder, settings, [note])
        for name in (*classes, NOTHING):
            counts = [
                str(count)
                for medium in MEDIA
                for count in (len(pool[name, medium]), len({r.source for r in pool[name, medium]}))
            ]
            made = str(clips if name else 0)
            lines.append("\t".join([name or "(distracting)", split, made, *counts]))
    return lines


_KIND = ("version", "frame_rate", "backbone", "aspect", "listener", "weights")


def _share_out(stores: Sequence[FeatureStore], config: PairsConfig) -> dict[str, Pool]:
    found: list[tuple[str, Medium, FeatureRecord]] = [
        (name, medium, record)
        for store in stores
        for record in (store[place] for place in range(len(store)))
        for name, medium in _class_of(record)
    ]
    # The images and the recordings of a class are split separately, each by source.
    members = [
        Member(source=record.source, classes=(f"{name}/{medium}",))
        for name, medium, record in found
    ]
    split_of = assign_splits(members, PARTS, config.seed)
    pools: dict[str, Pool] = {split: defaultdict(list) for split in PARTS.parts}
    for name, medium, record in found:
        pools[split_of[record.source]][name, medium].append(record)
    for pool in pools.values():
        for records in pool.values():
            records.sort(key=lambda record: record.id)
    return pools


def _class_of(record: FeatureRecord) -> Iterator[tuple[str, Medium]]:
    """Yield the class of one image or one recording, if it has one or certainly none."""
    if record.has_picture == record.has_sound:
        return
    medium = MEDIA[int(record.has_sound)]
    effects = {event.effect for event in record.events}
    if len(effects) == 1:
        yield effects.pop(), medium
    elif not effects and record.labelled:
        yield NOTHING, medium


def _classes(pools: Mapping[str, Pool], config: PairsConfig) -> list[str]:
    sources: dict[tuple[str, Medium], set[str]] = defaultdict(set)
    for pool in pools.values():
        for key, records in pool.items():
            sources[key].update(record.source for record in records)
    names = sorted({name for name, _ in sources if name})

    def is_enough(name: str) -> bool:
        has_all = all(pool[name, medium] for pool in pools.values() for medium in MEDIA)
        return has_all and min(len(sources[name, m]) for m in MEDIA) >= config.min_sources

    classes = [name for name in names if is_enough(name)]
    if len(classes) < 2:
        raise UsageError(
            f"{len(classes)} classes have {config.min_sources} sources of pictures and of "
            "recordings; give more material, or --min-sources"
        )
    if config.distracting_part and not is_enough(NOTHING):
        raise UsageError("there is too little material without a class; use --distracting 0")
    return classes


def _clips(
    split: str, place: int, pool: Pool, classes: Sequence[str], config: PairsConfig
) -> Iterator[FeatureRecord]:
    for scene, name in enumerate(classes):
        for number in range(config.clips_per_class[place]):
            generator = np.random.default_rng([config.seed, place, scene, number])
            rows, used = [], []
            for medium in MEDIA:
                of_class = generator.random(config.stretches) >= config.distracting_part
                of_class[generator.integers(config.stretches)] = True
                parts = []
                for is_class in of_class:
                    drawn = pool[name if is_class else NOTHING, medium]
                    record = drawn[generator.integers(len(drawn))]
                    parts.append(_stretch(record, medium, config.stretch_frames, generator))
                    used.append(record)
                rows.append(np.concatenate(parts))
            yield _clip(f"{split}-{name}-{number:04d}", name, rows[0], rows[1], used)


def _stretch(
    record: FeatureRecord, medium: Medium, frames: int, generator: np.random.Generator
) -> np.ndarray:
    """Return a part of a recording, or an image repeated; too short ones are repeated too."""
    rows = record.visual if medium == "picture" else record.audio
    first = int(generator.integers(max(1, len(rows) - frames + 1)))
    return rows[(first + np.arange(frames)) % len(rows)]


def _clip(
    name: str, scene: str, visual: np.ndarray, audio: np.ndarray, used: Sequence[FeatureRecord]
) -> FeatureRecord:
    grid = TimeGrid(frame_rate=used[0].frame_rate, frames=len(visual))
    return FeatureRecord(
        id=name,
        source="|".join(sorted({record.source for record in used})),
        origin="scene_pairs",
        licence="|".join(sorted({record.licence for record in used})),
        scene=scene,
        sha256=hashlib.sha256("".join(record.sha256 for record in used).encode()).hexdigest(),
        frame_rate=grid.frame_rate,
        times_s=np.array([float(time) for time in grid.times()]),
        visual=visual,
        audio=audio,
        has_picture=True,
        has_sound=True,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pairs:
    """Make clips with picture and sound from features of stills and recordings."""

    stills: Annotated[Path, Arg(positional=True, metavar="FEATURES")]
    """Folder of the features of all their splits."""
    out: Annotated[Path, Arg(metavar="DIR", short="-o")]
    """Folder for the clips' features."""
    clips: Annotated[tuple[int, int, int], Arg(metavar="N N N")] = PairsConfig.clips_per_class
    """Clips per class in each split."""
    distracting: float = PairsConfig.distracting_part
    """Share of clips with a picture or sound of another class."""
    min_sources: int = PairsConfig.min_sources
    """Fewest sources of a class."""
    seed: int = 0
    """Seed of the pairs."""
    overwrite: bool = False
    """Replace earlier features."""

    def run(self, console: Console) -> None:
        """Write the features, and print the classes."""
        try:
            config = PairsConfig(
                clips_per_class=self.clips,
                distracting_part=self.distracting,
                min_sources=self.min_sources,
                seed=self.seed,
            )
        except ValueError as error:
            raise UsageError(str(error)) from None
        lines = make_pairs(self.stills, self.out, config, overwrite=self.overwrite)
        (self.out / "classes.tsv").write_text("\n".join(lines) + "\n", "utf-8")
        for line in lines:
            console.print(line)


if __name__ == "__main__":
    sys.exit(run("python -m baselines.scenes.pairs", Pairs))
