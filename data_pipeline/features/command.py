"""Cache the features of media or built datasets with Apache Beam, resumably.

    python -m data_pipeline.features.command all DATA --out FEATURES
    python -m data_pipeline.features.command dataset FOLDER --split train --out
        FEATURES/stills/train
    python -m data_pipeline.features.command media FOLDER --events TABLE.tsv --out
        FEATURES/mine/train

Options after a `--` go to Beam: without any, the work runs on this machine with a process per core.
Shards do not depend on the number of workers.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NoReturn

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


def make_features(
    jobs: Sequence[tuple[Source, Path]],
    config: ExtractionConfig,
    *,
    beam_flags: Sequence[str] = (),
    workers: int = 0,
    overwrite: bool = False,
) -> None:
    """Make the features of sources in their folders, and print what was made.

    Args:
        jobs: Sources with their output folders.
        config: Networks and shards.
        beam_flags: A runner and its flags; without them this machine.
        workers: Processes on this machine; 0 is one per core, 1 is this process.
        overwrite: Replace features of another source or configuration.
    """
    for source, folder in jobs:
        store = extract_features(
            source,
            folder,
            config,
            beam_flags=beam_flags,
            workers=workers,
            overwrite=overwrite,
            progress=lambda done, shards, at=folder: print(
                f"{at}: shard {done} of {shards}", flush=True
            ),
        )
        frames = sum(store.frames)
        print(f"{folder}: {len(store)} records with {frames} frames, sha256 {store.sha256}")
        if rejected := len(source) - len(store):
            print(f"{rejected} items rejected; the reasons are in {folder / 'rejected.tsv'}")


def extraction_config(
    *, bundle: Path | None = None, frame_rate: str | None = None, **fields: Any
) -> ExtractionConfig:
    """Make the configuration of an extraction; fields that are None keep their defaults.

    Raises:
        UsageError: A field is out of range, or given beside a bundle that fixes it.
    """
    fields = {name: value for name, value in fields.items() if value is not None}
    names = ("frame_rate", "backbone", "aspect", "listener")
    try:
        if frame_rate is not None:
            fields["frame_rate"] = Fraction(frame_rate)
        if bundle is not None:
            if given := [name for name in names if name in fields]:
                option = given[0].replace("_", "-")
                raise UsageError(f"--{option}: is fixed by --bundle; omit one of them")
            senses = open_bundle(bundle).senses
            fields |= {name: getattr(senses, name) for name in names}
            fields["frame_rate"] = Fraction(fields["frame_rate"])
        return ExtractionConfig(bundle=bundle, **fields)
    except (ValueError, ZeroDivisionError) as error:
        raise UsageError(str(error)) from None


def dataset_jobs(folder: Path, split: str, out: Path) -> list[tuple[Source, Path]]:
    """Return the job of one split of a built dataset."""
    return [(DatasetSource(str(_existing(folder).resolve()), split), out)]


def all_jobs(data: Path, out: Path) -> list[tuple[Source, Path]]:
    """Return the jobs of all splits: `DATASET/SPLIT`, with the configuration between if needed."""
    jobs: list[tuple[Source, Path]] = []
    for dataset, folders in built_datasets(_existing(data)).items():
        for folder in folders:
            place = out / dataset
            if len(folders) > 1:
                if left := [path.parent for path in place.glob("*/settings.json")]:
                    raise OutputExistsError(
                        f"{left[0]}: has features of one dataset of {dataset}, now there are "
                        f"{len(folders)}: delete it, or give another --out"
                    )
                place = place / folder.parent.name
            for split in open_splits(folder):
                jobs.append((DatasetSource(str(folder.resolve()), split), place / split))
    if not jobs:
        raise UsageError(
            f"{data}: contains no finished dataset; build one with data_pipeline.prepare.command"
        )
    return jobs


def media_jobs(
    folder: Path,
    events: Path,
    out: Path,
    *,
    vocabulary: str = DEFAULT_VOCABULARY,
    labelled: Sequence[str] | None = None,
) -> list[tuple[Source, Path]]:
    """Return the job of media files with a DCASE table of events.

    `labelled` are the effects that the table names wherever they occur; by default those in it.
    """
    source = str(_existing(folder).resolve())
    known = load_vocabulary(vocabulary)
    clips = map_clips(read_dcase(events).clips, known).clips
    if labelled:
        names = known.select(tuple(labelled))
    else:
        found = [event for clip in clips for event in clip.events]
        named = {event.name for event in found if event.strength == "frame"}
        names = tuple(name for name in known.names if name in named)
    return [(MediaSource(source, clips, names), out)]


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder")
    return folder


class _Parser(argparse.ArgumentParser):
    """Reports a wrong option in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    own = argv.index("--") if "--" in argv else len(argv)
    options = vars(_parser().parse_args(argv[:own]))
    logging.getLogger("apache_beam").setLevel(logging.ERROR)
    try:
        run = {name: options.pop(name) for name in ("workers", "overwrite")}
        jobs = options.pop("jobs")
        config = extraction_config(
            **{name: options.pop(name) for name in (*_CHOICES, *_CONFIG) if name in options}
        )
        make_features(jobs(**options), config, beam_flags=argv[own + 1 :], **run)
    except FoleyError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


_CHOICES = {"frame_rate": None, "backbone": BACKBONES, "aspect": ASPECTS, "listener": LISTENERS}
_CONFIG = ("bundle", "listener_weights", "toned", "items_per_shard")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m data_pipeline.features.command",
        description="Cache image and audio features.",
        epilog="Options after `--` go to Apache Beam: a runner and its flags.",
    )
    commands = parser.add_subparsers(dest="jobs", required=True, parser_class=_Parser)
    every = commands.add_parser("all", help="of every split of every built dataset")
    every.add_argument("data", type=Path, metavar="FOLDER", help="folder of the datasets")
    dataset = commands.add_parser("dataset", help="of a split of a built dataset")
    dataset.add_argument("folder", type=Path, help="folder of its dataset_info.json")
    dataset.add_argument("--split", default="train")
    media = commands.add_parser("media", help="of media files and a table of events")
    media.add_argument("folder", type=Path, help="folder of the files")
    media.add_argument("--events", type=Path, required=True, help="a DCASE table")
    media.add_argument("--vocabulary", default=DEFAULT_VOCABULARY, metavar="NAME|FILE")
    labelled = "effects that the table names wherever they occur; default: those in it"
    media.add_argument("--labelled", type=lambda t: t.split(","), metavar="A,B", help=labelled)
    for command, jobs in ((every, all_jobs), (dataset, dataset_jobs), (media, media_jobs)):
        command.set_defaults(jobs=jobs)
        add = command.add_argument
        add("--out", type=Path, required=True, help="folder for the features")
        own = "use a bundle's networks and rate, instead of the next four options"
        add("--bundle", type=Path, help=own)
        for name, known in _CHOICES.items():
            default = f"default: {getattr(ExtractionConfig, name)}"
            option = "--" + name.replace("_", "-")
            add(option, choices=known, metavar=None if known else "HZ", help=default)
        weights = f"audio network's file; default: of `{release.COMMAND}`, or of the package"
        add("--listener-weights", type=Path, help=weights)
        toned = "convert pictures to shades of one colour each: a second copy to train on"
        add("--toned", action="store_true", help=toned)
        add("--items-per-shard", type=int, default=64)
        add("--workers", type=int, default=0, help="processes; 0: one per core")
        add("--overwrite", action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main())
