"""Read pictures and sounds with a class each from class folders or a table.

A table is a CSV file with the columns `file` and `class` (several are joined by `|`), and, where
present, `source` and `licence`; files are relative to the table. Class folders are those of
`annotations.class_folders`.
"""

import csv
import dataclasses
import hashlib
import re
import shlex
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from data_pipeline.annotations.class_folders import (
    LICENCE,
    ORIGIN,
    PICTURES,
    SOUNDS,
    read_class_folders,
)
from data_pipeline.annotations.mapping import map_classes, name_key
from data_pipeline.annotations.records import AnnotationError
from data_pipeline.builders.pictures import decode_still
from data_pipeline.builders.splits import Member
from data_pipeline.builders.staging import Rejected
from temporal_foley.effects import Vocabulary
from temporal_foley.errors import FoleyError, UsageError, nearest

Grouping = Literal["source", "series"]

_ESC_RECORDING = re.compile(r"(\d-\d+)-[A-Z]")
_THUMBNAIL_PX = 12
_NEAR = 20.0
"""Mean difference of thumbnails, in grey levels, below which two pictures are of one series."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LabelledFile:
    """A picture or sound of a class, with the effects that the class stands for."""

    id: str
    path: Path
    medium: Literal["picture", "sound", "video"]
    source: str
    classes: tuple[str, ...]
    effects: tuple[str, ...]
    is_known: bool
    """Whether its effects are known: it has some, or its classes are known not to be one."""
    split: str | None = None
    licence: str = LICENCE
    sha256: str = ""

    @property
    def member(self) -> Member:
        """Its source and classes, for the assignment of splits."""
        return Member(source=self.source, classes=self.effects or self.classes, split=self.split)


def read_labelled_files(
    path: Path,
    vocabulary: Vocabulary,
    *,
    nothing: Collection[str] = (),
    grouping: Grouping = "source",
) -> tuple[list[LabelledFile], list[Rejected]]:
    """Read class folders or a table; each file is read once for its digest.

    Args:
        path: A folder with a folder per class, or a CSV table.
        vocabulary: Whose effects the classes are named after.
        nothing: Further classes that are known not to be an effect.
        grouping: `source`: as the folders or the table say, and for sounds all takes of one
            recording by their names. `series`: pictures that are nearly the same.

    Raises:
        AnnotationError: There is no such folder or table, or nothing in it is usable.
    """
    listed, rejected = _from_table(path) if path.is_file() else _from_folders(path)
    class_map = map_classes({(ORIGIN, name) for f in listed for name in f.classes}, vocabulary)
    nothing_keys = {name_key(name) for name in nothing}
    files: list[LabelledFile] = []
    digests: dict[str, str] = {}
    for file in sorted(listed, key=lambda file: file.id):
        try:
            digest = hashlib.sha256(file.path.read_bytes()).hexdigest()
        except OSError as error:
            rejected.append(Rejected(item=file.id, reason=f"cannot be read ({error.strerror})"))
            continue
        if digest in digests:
            reason = "is the same file as another"
            rejected.append(Rejected(item=file.id, reason=f"{reason}: {digests[digest]}"))
            continue
        digests[digest] = file.id
        effects = {e for name in file.classes for e in class_map.effects[ORIGIN, name]}
        unknown = [
            name
            for name in file.classes
            if (ORIGIN, name) in class_map.unmapped and name_key(name) not in nothing_keys
        ]
        files.append(
            dataclasses.replace(
                file,
                sha256=digest,
                effects=tuple(name for name in vocabulary.names if name in effects),
                # A class beside an effect is a finer or coarser name for the same thing.
                is_known=bool(effects) or not unknown,
            )
        )
    if not files:
        raise AnnotationError(
            "contains no picture or sound of a class", path=path, remedy=_remedy(rejected)
        )
    return (group_series(files) if grouping == "series" else files), rejected


def _remedy(rejected: Sequence[Rejected]) -> str:
    """Return what to do about files of which none can be used."""
    if any("is a video" in one.reason for one in rejected):
        return "give videos with --videos (train), or build them as clips"
    first = f"; {rejected[0].item} {rejected[0].reason}" if rejected else ""
    return f"put pictures and sounds into a folder per effect: DIR/dog_barking/SOURCE/FILE{first}"


def check_known(files: Sequence[LabelledFile], vocabulary: Vocabulary) -> None:
    """Check that every class is an effect or known not to be one, and that there is an effect.

    Raises:
        UsageError: A class is neither, or no file has an effect.
    """
    unknown = Counter(name for file in files if not file.is_known for name in file.classes)
    if unknown:
        raise unknown_class(unknown, vocabulary)
    if not any(file.effects for file in files):
        raise UsageError(
            f"no file has an effect of the vocabulary {vocabulary.name}",
            remedy="name the folders after its effects, or give --vocabulary FILE; it has "
            f"{', '.join(vocabulary.names[:8])}{' ...' if len(vocabulary) > 8 else ''}",
        )


def unknown_class(
    counts: Mapping[str, int],
    vocabulary: Vocabulary,
    *,
    labels: Path | None = None,
    can_leave_out: bool = True,
) -> UsageError:
    """Return the error about classes that are not an effect, with their numbers of files.

    Args:
        counts: Files, or events of a table, by class.
        vocabulary: The effects.
        labels: The table; None if the classes are folders.
        can_leave_out: Whether `--leave-out` applies to the files.
    """
    (name, number), *others = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    near = nearest(name, vocabulary.names)
    more = ", ".join(f"{count} of {other}" for other, count in others[:3])
    more += f" and of {len(others) - 3} more" if len(others) > 3 else ""
    all_names = " ".join(shlex.quote(other) for other, _ in ((name, number), *others))
    thing, place = ("file", "folder") if labels is None else ("event", "event")
    leaves = f", or --leave-out '{name}/*'" if can_leave_out and labels is None else ""
    return UsageError(
        f"{number} {thing}{'s' * (number > 1)} of the class {name}{f' ({more})' if more else ''}, "
        f"which is not an effect of {vocabulary.name}",
        path=labels,
        remedy=f"{f'did you mean {near}? ' if near else ''}rename the {place}"
        f"{',' if leaves else ' or'} give --nothing {all_names} if it shows none of the "
        f"effects{leaves}",
    )


def group_series(files: Sequence[LabelledFile]) -> list[LabelledFile]:
    """Make each series of nearly identical pictures of one source a source of its own.

    Pictures are compared as small thumbnails of unit contrast; a series is a connected component of
    similar ones, such as the frames of one camera. Sounds stay as they are.
    """
    grouped: list[LabelledFile] = []
    for source in sorted({file.source for file in files}):
        same = [file for file in files if file.source == source]
        pictures = [file for file in same if file.medium == "picture"]
        grouped += [file for file in same if file.medium != "picture"]
        thumbnails = np.stack([_thumbnail(file.path) for file in pictures]) if pictures else []
        series = list(range(len(pictures)))
        for i in range(len(pictures)):
            distance = np.abs(thumbnails[i + 1 :] - thumbnails[i]).mean(axis=1)
            for j in np.nonzero(distance < _NEAR)[0] + i + 1:
                low, high = sorted((series[i], series[j]))
                series = [low if number == high else number for number in series]
        for file, number in zip(pictures, series, strict=True):
            name = pictures[number].sha256[:8]
            grouped.append(dataclasses.replace(file, source=f"{source}#{name}"))
    return sorted(grouped, key=lambda file: file.id)


def recording_of(name: str) -> str:
    """Return the part of a name that takes of one recording share: `door_2.ogg`, `door_3.ogg`."""
    folder, _, file = name.rpartition("/")
    stem = file.rsplit(".", 1)[0]
    if match := _ESC_RECORDING.match(stem):
        return f"esc/{match[1]}"
    words = re.sub(r"[^a-z]+", "_", stem.casefold()).strip("_")
    words = re.sub(r"_[a-z]$", "", words)
    # Only numbers, or one letter: the folder is the recording.
    return f"{folder}/{words}" if len(words) > 2 else folder or stem


def _from_folders(path: Path) -> tuple[list[LabelledFile], list[Rejected]]:
    reading = read_class_folders(path)
    files, rejected = [], [Rejected(item=r.text, reason=r.reason) for r in reading.rejected]
    for clip in reading.clips:
        medium = _medium(clip.clip)
        if medium is None:
            rejected.append(Rejected(item=clip.clip, reason="is a video: build it with clips"))
            continue
        files.append(
            LabelledFile(
                id=clip.clip,
                path=path / clip.clip,
                medium=medium,
                source=clip.source,
                classes=tuple(dict.fromkeys(event.name for event in clip.events)),
                effects=(),
                is_known=False,
                split=clip.split,
                licence=clip.licence,
            )
        )
    return files, rejected


def _from_table(path: Path) -> tuple[list[LabelledFile], list[Rejected]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as table:
            rows = list(csv.DictReader(table))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AnnotationError(f"not a table that can be read ({error})", path=path) from None
    if not rows or not {"file", "class"} <= set(rows[0]):
        raise AnnotationError("must be a CSV file with the columns file and class", path=path)
    files: list[LabelledFile] = []
    rejected: list[Rejected] = []
    for row in rows:
        name = row["file"] or ""
        classes = tuple(filter(None, (row["class"] or "").split("|")))
        medium = _medium(name)
        if not classes or medium is None or Path(name).is_absolute() or ".." in Path(name).parts:
            why = "names no class" if not classes else "is not a picture or sound below the table"
            rejected.append(Rejected(item=name, reason=why))
            continue
        told = row.get("source") or ""
        files.append(
            LabelledFile(
                id=name,
                path=path.parent / name,
                medium=medium,
                source=recording_of(name) if medium == "sound" else told or name,
                classes=classes,
                effects=(),
                is_known=False,
                split=row.get("split") or None,
                licence=row.get("licence") or LICENCE,
            )
        )
    return files, rejected


def _medium(name: str) -> Literal["picture", "sound"] | None:
    suffix = Path(name).suffix.casefold()
    if suffix in PICTURES:
        return "picture"
    return "sound" if suffix in SOUNDS else None


def _thumbnail(path: Path) -> np.ndarray:
    try:
        image = decode_still(path.read_bytes())
    except (FoleyError, OSError):
        # It will be rejected later; here it resembles no other.
        digest = hashlib.sha256(str(path).encode()).digest()
        noise = np.frombuffer(digest, np.uint8).astype(np.float32)
        return np.resize(noise, _THUMBNAIL_PX * _THUMBNAIL_PX * 3)
    size = (_THUMBNAIL_PX, _THUMBNAIL_PX)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    return ((small - small.mean()) / max(float(small.std()), 8.0) * 48.0 + 128.0).reshape(-1)
