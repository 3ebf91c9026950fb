"""Media or built datasets in, cached embeddings out: an Apache Beam pipeline, restartable.

    python -m data_pipeline.features.command all DATA --out FEATURES
    python -m data_pipeline.features.command dataset FOLDER --split train --out
        FEATURES/stills/train
    python -m data_pipeline.features.command media FOLDER --events TABLE.tsv --out
        FEATURES/mine/train

Words behind a `--` of its own go to Beam: without any, the work runs on this machine with a process
a core. Shards do not depend on how many workers made them.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import NoReturn

from data_pipeline.annotations.dcase import read_dcase
from data_pipeline.annotations.mapping import map_clips
from data_pipeline.features.run import LISTENERS, ExtractionConfig, extract_features
from data_pipeline.features.source import DatasetSource, MediaSource, Source
from data_pipeline.prepare.built import built_datasets, open_splits
from temporal_foley.effects import DEFAULT_VOCABULARY, load_vocabulary
from temporal_foley.errors import FoleyError, OutputExistsError, UsageError
from temporal_foley.models.audio import release
from temporal_foley.models.bundle.bundle_files import open_bundle
from temporal_foley.models.image.backbone import BACKBONES
from temporal_foley.models.image.preparation import ASPECTS


class _Parser(argparse.ArgumentParser):
    """Tells a wrong word in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    own = argv.index("--") if "--" in argv else len(argv)
    words, beam_flags = parse(argv[:own]), argv[own + 1 :]
    logging.getLogger("apache_beam").setLevel(logging.ERROR)
    try:
        config = config_of(words)
        for source, folder in jobs_of(words):
            _extract(source, folder, config, words, beam_flags)
    except FoleyError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _extract(
    source: Source,
    folder: Path,
    config: ExtractionConfig,
    words: argparse.Namespace,
    beam_flags: Sequence[str],
) -> None:
    store = extract_features(
        source,
        folder,
        config,
        beam_flags=beam_flags,
        workers=words.workers,
        overwrite=words.overwrite,
        progress=lambda done, shards: print(f"{folder}: shard {done} of {shards}", flush=True),
    )
    frames = sum(store.frames)
    print(f"{folder}: {len(store)} records with {frames} frames, sha256 {store.sha256}")
    if rejected := len(source) - len(store):
        print(f"{rejected} items rejected; the reasons are in {folder / 'rejected.tsv'}")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the words of the command."""
    parser = _Parser(
        prog="python -m data_pipeline.features.command",
        description="Cache what the networks see and hear.",
        epilog="Words behind `--` go to Apache Beam: a runner and its flags.",
    )
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)
    every = commands.add_parser("all", help="from every split of every dataset that was built")
    every.add_argument("folder", type=Path, help="where `prepare build` put them")
    dataset = commands.add_parser("dataset", help="from a dataset that was built")
    dataset.add_argument("folder", type=Path, help="where its dataset_info.json is")
    dataset.add_argument("--split", default="train")
    media = commands.add_parser("media", help="from media files and a table of events")
    media.add_argument("folder", type=Path, help="where the files are")
    media.add_argument("--events", type=Path, required=True, help="a DCASE table")
    media.add_argument("--vocabulary", default=DEFAULT_VOCABULARY, metavar="NAME|FILE")
    media.add_argument(
        "--labelled",
        metavar="EFFECT,...",
        help="effects that the table names wherever they are; by default those that are in it",
    )
    for command in (every, dataset, media):
        command.add_argument("--out", type=Path, required=True, help="folder for the features")
        command.add_argument(
            "--bundle",
            type=Path,
            help="look and listen as a bundle does, with its own backbone if it was fine-tuned; "
            "instead of the four that follow",
        )
        default = ExtractionConfig()
        for name, known in (
            ("frame_rate", None),
            ("backbone", BACKBONES),
            ("aspect", ASPECTS),
            ("listener", LISTENERS),
        ):
            command.add_argument(
                "--" + name.replace("_", "-"),
                choices=known,
                metavar=None if known else "HZ",
                help=f"default: {getattr(default, name)}",
            )
        command.add_argument(
            "--listener-weights",
            type=Path,
            help=f"the audio network's file; default: what `{release.COMMAND}` downloads for the "
            "teacher, what comes with the package for the student",
        )
        command.add_argument(
            "--toned",
            action="store_true",
            help="look at pictures in shades of one colour each: a second copy to train on",
        )
        command.add_argument("--items-per-shard", type=int, default=64)
        command.add_argument("--workers", type=int, default=0, help="processes; 0: one a core")
        command.add_argument("--overwrite", action="store_true")
    return parser.parse_args(argv)


def config_of(words: argparse.Namespace) -> ExtractionConfig:
    """Return how features are made by the words of the command."""
    names = ("frame_rate", "backbone", "aspect", "listener")
    senses = {name: getattr(words, name) for name in names if getattr(words, name) is not None}
    if words.bundle is not None:
        if senses:
            option = next(iter(senses)).replace("_", "-")
            raise UsageError(f"--{option}: --bundle says that already; leave one of them out")
        bundle = open_bundle(words.bundle)
        senses = {name: getattr(bundle.senses, name) for name in names}
    try:
        if "frame_rate" in senses:
            senses["frame_rate"] = Fraction(senses["frame_rate"])
        return ExtractionConfig(
            **senses,
            bundle=words.bundle,
            listener_weights=words.listener_weights,
            toned=words.toned,
            items_per_shard=words.items_per_shard,
        )
    except (ValueError, ZeroDivisionError) as error:
        raise UsageError(str(error)) from None


def jobs_of(words: argparse.Namespace) -> list[tuple[Source, Path]]:
    """Return what to make features of, and where to put them."""
    if not words.folder.is_dir():
        raise UsageError(f"{words.folder}: no such folder")
    if words.command == "all":
        return _all_jobs(words.folder, words.out)
    if words.command == "dataset":
        return [(DatasetSource(str(words.folder.resolve()), words.split), words.out)]
    return [(_media_source(words), words.out)]


def _all_jobs(data: Path, out: Path) -> list[tuple[Source, Path]]:
    """Name a folder for each split: `DATASET/SPLIT`, with the configuration between if needed."""
    jobs: list[tuple[Source, Path]] = []
    for dataset, folders in built_datasets(data).items():
        for folder in folders:
            place = out / dataset
            if len(folders) > 1:
                if left := [path.parent for path in place.glob("*/settings.json")]:
                    raise OutputExistsError(
                        f"{left[0]}: features from when there was one dataset of {dataset}; now "
                        f"there are {len(folders)}: delete it, or give another --out"
                    )
                place = place / folder.parent.name
            for split in open_splits(folder):
                jobs.append((DatasetSource(str(folder.resolve()), split), place / split))
    if not jobs:
        raise UsageError(
            f"{data}: holds no finished dataset; build one with data_pipeline.prepare.command"
        )
    return jobs


def _media_source(words: argparse.Namespace) -> MediaSource:
    vocabulary = load_vocabulary(words.vocabulary)
    clips = map_clips(read_dcase(words.events).clips, vocabulary).clips
    if words.labelled:
        labelled = vocabulary.select(tuple(words.labelled.split(",")))
    else:
        events = [event for clip in clips for event in clip.events]
        named = {event.name for event in events if event.strength == "frame"}
        labelled = tuple(name for name in vocabulary.names if name in named)
    return MediaSource(str(words.folder.resolve()), clips, labelled)


if __name__ == "__main__":
    sys.exit(main())
