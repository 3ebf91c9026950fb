"""Make the features of media or built datasets with Apache Beam, resumably.

Without flags for Beam the work runs on this machine with a process per core. Shards do not depend
on the number of workers.
"""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from data_pipeline.annotations.dcase import read_dcase
from data_pipeline.annotations.mapping import map_clips
from data_pipeline.features.run import ExtractionConfig, extract_features
from data_pipeline.features.source import DatasetSource, FeatureSource, MediaSource
from data_pipeline.prepare.built import built_datasets, open_splits
from temporal_foley.effects import DEFAULT_VOCABULARY, load_vocabulary
from temporal_foley.errors import OutputExistsError, UsageError
from temporal_foley.models.bundle.bundle_files import open_bundle


def make_features(
    jobs: Sequence[tuple[FeatureSource, Path]],
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
    *, bundle: Path | None = None, frame_rate: Fraction | str | None = None, **fields: Any
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
                raise UsageError(
                    "is fixed by --bundle", option=f"--{option}", remedy="omit one of them"
                )
            senses = open_bundle(bundle).inputs
            fields |= {name: getattr(senses, name) for name in names}
            fields["frame_rate"] = Fraction(fields["frame_rate"])
        return ExtractionConfig(bundle=bundle, **fields)
    except (ValueError, ZeroDivisionError) as error:
        raise UsageError(str(error)) from None


def dataset_jobs(folder: Path, split: str, out: Path) -> list[tuple[FeatureSource, Path]]:
    """Return the job of one split of a built dataset."""
    return [(DatasetSource(str(_existing(folder).resolve()), split), out)]


def all_jobs(data: Path, out: Path) -> list[tuple[FeatureSource, Path]]:
    """Return the jobs of all splits: `DATASET/SPLIT`, with the configuration between if needed."""
    jobs: list[tuple[FeatureSource, Path]] = []
    for dataset, folders in built_datasets(_existing(data)).items():
        for folder in folders:
            place = out / dataset
            if len(folders) > 1:
                if left := [path.parent for path in place.glob("*/settings.json")]:
                    raise OutputExistsError(
                        f"has features of one dataset of {dataset}, but there are {len(folders)}",
                        path=left[0],
                        remedy="delete it, or use another --out",
                    )
                place = place / folder.parent.name
            for split in open_splits(folder):
                jobs.append((DatasetSource(str(folder.resolve()), split), place / split))
    if not jobs:
        raise UsageError(
            "contains no finished dataset",
            path=data,
            remedy="build one with python -m data_pipeline build",
        )
    return jobs


def media_jobs(
    folder: Path,
    events: Path,
    out: Path,
    *,
    vocabulary: str = DEFAULT_VOCABULARY,
    labelled: Sequence[str] | None = None,
) -> list[tuple[FeatureSource, Path]]:
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
        raise UsageError("no such folder", path=folder)
    return folder
