"""Open, survey and check built datasets."""

import dataclasses
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from data_pipeline.builders.pictures import decode_still
from data_pipeline.builders.splits import audit_splits
from data_pipeline.prepare.contact_sheet import COLUMNS, draw_clips, draw_stills, write_sheet
from data_pipeline.schema import Example, from_example, to_example
from temporal_foley.effects import Vocabulary
from temporal_foley.errors import FoleyError

MANIFEST = "manifest.json"
NOTHING = "(nothing)"
_SHOWN_CLIPS = 24
_SHOWN_CLASSES = 40


class DatasetError(FoleyError):
    """A dataset that is missing, incomplete or altered."""


@dataclasses.dataclass(kw_only=True)
class ClassCount:
    """The amount of a class in a split."""

    examples: int = 0
    sources: set[str] = dataclasses.field(default_factory=set)
    seen_s: float = 0.0
    heard_s: float = 0.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Survey:
    """The content of a dataset."""

    counts: Mapping[str, Mapping[str, ClassCount]]
    """By split and by class."""
    sources: Mapping[str, frozenset[str]]
    examples: Mapping[str, int]


def open_splits(folder: Path) -> dict[str, Sequence[Mapping[str, Any]]]:
    """Return the records of each split of a built dataset, at random access.

    Raises:
        DatasetError: There is no dataset in the folder.
    """
    if not (folder / "dataset_info.json").is_file():
        raise DatasetError("contains no finished dataset", path=folder, remedy="build it")
    return dict(tfds.builder_from_directory(folder).as_data_source())  # type: ignore[arg-type]


def built_datasets(data: Path) -> dict[str, list[Path]]:
    """Return the folders of all finished builds by dataset: `DATA/DATASET/CONFIG/VERSION`."""
    datasets: dict[str, list[Path]] = defaultdict(list)
    for manifest in sorted(data.glob(f"*/*/*/{MANIFEST}")):
        if (manifest.parent / "dataset_info.json").is_file():
            datasets[manifest.parents[2].name].append(manifest.parent)
    return dict(datasets)


def frozen_metadata(folder: Path) -> dict[str, Any]:
    """Return the order of effects and scenes, frozen when the dataset was built."""
    try:
        return json.loads((folder / "metadata.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DatasetError(f"has no metadata that can be read ({error})", path=folder) from None


def survey_dataset(folder: Path, progress: Callable[[float], None] | None = None) -> Survey:
    """Read every example; each must decode, name known effects and keep to its split.

    Raises:
        DatasetError: An example is invalid.
        SplitError: A source is in two splits.
    """
    effects = set(frozen_metadata(folder)["effects"])
    counts: dict[str, dict[str, ClassCount]] = {}
    sources: dict[str, set[str]] = {}
    examples: Counter[str] = Counter()
    ids: set[str] = set()
    splits = open_splits(folder)
    total, done = sum(map(len, splits.values())), 0
    for split, records in splits.items():
        table: dict[str, ClassCount] = defaultdict(ClassCount)
        sources[split] = set()
        for example in _examples(folder, records):
            _check_example(folder, example, effects, ids)
            _count(table, example)
            sources[split].update(example.sources)
            examples[split] += 1
            done += 1
            if progress is not None:
                progress(done / total)
        counts[split] = dict(table)
    audit_splits(sources)
    return Survey(
        counts=counts,
        sources={split: frozenset(names) for split, names in sources.items()},
        examples=dict(examples),
    )


def class_table(survey: Survey, vocabulary: Vocabulary) -> str:
    """Format the amounts of each class as tab-separated values."""
    lines = ["class\tsplit\texamples\tsources\tseen_s\theard_s"]
    names = [*vocabulary.names, NOTHING]
    others = {name for table in survey.counts.values() for name in table} - set(names)
    for name in (*names, *sorted(others)):
        for split, table in survey.counts.items():
            count = table.get(name, ClassCount())
            lines.append(
                f"{name}\t{split}\t{count.examples}\t{len(count.sources)}"
                f"\t{count.seen_s:.1f}\t{count.heard_s:.1f}"
            )
    return "\n".join(lines) + "\n"


def draw_sheets(folder: Path) -> list[Path]:
    """Draw contact sheets of each split beside the dataset."""
    written = []
    for split, records in open_splits(folder).items():
        stills: dict[str, list[Example]] = defaultdict(list)
        clips: list[Example] = []
        shown_s: Counter[str] = Counter()
        for example in _examples(folder, records):
            classes = sorted({event.effect for event in example.events}) or [NOTHING]
            classes = [example.scene] if example.scene else classes
            if example.frame_rate > 0:
                # Prefer rare classes, so that each is shown.
                rare = min(shown_s[name] for name in classes)
                if len(clips) < _SHOWN_CLIPS and rare < 3:
                    clips.append(example)
                    shown_s.update(classes)
            elif example.pictures:
                for name in classes:
                    if len(stills[name]) < COLUMNS:
                        stills[name].append(example)
        rows = {name: stills[name] for name in sorted(stills)[:_SHOWN_CLASSES]}
        for kind, sheet in (("stills", draw_stills(rows)), ("clips", draw_clips(clips))):
            if rows if kind == "stills" else clips:
                path = folder / f"contact_{kind}_{split}.png"
                write_sheet(path, sheet)
                written.append(path)
    return written


def write_manifest(folder: Path) -> None:
    """Write the SHA-256 of every file of the dataset, as the last step."""
    files = sorted(p for p in folder.iterdir() if p.is_file() and p.name != MANIFEST)
    digests = {path.name: _sha256(path) for path in files}
    unfinished = folder / f"{MANIFEST}.part"
    unfinished.write_text(json.dumps({"version": 1, "sha256": digests}, indent=1) + "\n", "utf-8")
    unfinished.replace(folder / MANIFEST)


def check_manifest(folder: Path) -> int:
    """Compare every file with its SHA-256; return the number of files.

    Raises:
        DatasetError: A file is missing or altered, or the build was not finished.
    """
    try:
        digests = json.loads((folder / MANIFEST).read_text("utf-8"))["sha256"]
    except (OSError, ValueError, KeyError):
        raise DatasetError(
            "has no manifest", path=folder, remedy="run the build again to finish it"
        ) from None
    for name, digest in digests.items():
        path = folder / name
        if not path.is_file():
            raise DatasetError("is missing", path=path, remedy="build again with --overwrite")
        if _sha256(path) != digest:
            raise DatasetError("was altered", path=path, remedy="build again with --overwrite")
    return len(digests)


def records_digest(folder: Path) -> str:
    """Return one SHA-256 of all examples in order, which is equal for equal builds.

    Files are not hashed: the order of the fields in a record varies between processes.
    """
    digest = hashlib.sha256()
    for split, records in open_splits(folder).items():
        digest.update(f"{split} {len(records)}\n".encode())
        for example in _examples(folder, records):
            _add_example(digest, example)
    return digest.hexdigest()


def _add_example(digest: "hashlib._Hash", example: Example) -> None:
    fields = to_example(example)
    for name in sorted(fields):
        value = fields[name]
        if name == "pictures":
            for picture in value:
                digest.update(hashlib.sha256(picture).digest())
        elif isinstance(value, np.ndarray):
            digest.update(f"{name} {value.dtype} {len(value)} ".encode() + value.tobytes())
        else:
            digest.update(f"{name} {value!r}\n".encode())


def _examples(folder: Path, records: Sequence[Mapping[str, Any]]) -> Iterator[Example]:
    for place in range(len(records)):
        try:
            yield from_example(records[place])
        except ValueError as error:
            raise DatasetError(f"example {place} is damaged ({error})", path=folder) from None


def _check_example(folder: Path, example: Example, effects: set[str], ids: set[str]) -> None:
    if example.id in ids:
        raise DatasetError(f"{example.id} occurs twice", path=folder)
    ids.add(example.id)
    unknown = {event.effect for event in example.events} | set(example.labelled)
    if unknown - effects:
        name = sorted(unknown - effects)[0]
        raise DatasetError(
            f"{example.id} names {name}, which is not one of its effects", path=folder
        )
    if not example.pictures and not len(example.sound):
        raise DatasetError(f"{example.id} has neither picture nor sound", path=folder)
    for place in {0, len(example.pictures) // 2, len(example.pictures) - 1}:
        if example.pictures:
            decode_still(example.pictures[place], f"{folder}: {example.id}")


def _count(table: dict[str, ClassCount], example: Example) -> None:
    for name in {event.effect for event in example.events} or {example.scene or NOTHING}:
        table[name].examples += 1
        table[name].sources.update(example.sources)
    for event in example.events:
        if event.modality != "sound":
            table[event.effect].seen_s += event.offset_s - event.onset_s
        if event.modality != "picture":
            table[event.effect].heard_s += event.offset_s - event.onset_s


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
