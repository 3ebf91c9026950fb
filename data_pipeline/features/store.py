"""Store features on disk in shards with a manifest, and read them back.

A folder contains `settings.json` (source and networks), the shards, a note on the content of each
shard, and at the end `manifest.json` with the SHA-256 of every shard and `rejected.tsv`. Files are
written under another name and renamed, so every file is complete. None contains a date or a path,
so the same material and settings give the same bytes. Notes and manifest contain a hash of
themselves, so that changed bits are noticed.
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from array_record.python.array_record_module import ArrayRecordWriter
from grain.sources import ArrayRecordDataSource

from data_pipeline.features.extractor import RejectedItem
from data_pipeline.features.record import (
    FeatureError,
    FeatureRecord,
    record_from_bytes,
    record_to_bytes,
)
from temporal_foley.errors import OutputExistsError
from temporal_foley.files.digest import file_sha256

VERSION = 1
# Each record can be reached by itself; half-precision noise hardly shrinks, so little effort.
_WRITER_OPTIONS = "group_size:1,zstd:1"
_SCHEMA = "temporal-foley/features"
_CHECK = "check"
_NOTE_KEYS = {"file", "sha256", "frames", "rejected"}
_MANIFEST_KEYS = {*("schema", "version", "settings", "sha256"), *("records", "rejected", "shards")}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShardNote:
    """The content of a shard."""

    file: str
    sha256: str
    frames: tuple[int, ...]
    """Of each record."""
    rejected: tuple[RejectedItem, ...] = ()


class FeatureStore:
    """Finished features by record; can be read by many threads and sent to other processes."""

    def __init__(self, folder: Path):
        self.folder = folder
        manifest = _read_checked(
            folder / "manifest.json",
            _MANIFEST_KEYS,
            absent="the extraction is not finished; run it",
            damaged="delete it and run the extraction",
        )
        try:
            self.settings: dict[str, Any] = manifest["settings"]
            self.sha256: str = manifest["sha256"]
            self.shards = tuple(
                ShardNote(file=s["file"], sha256=s["sha256"], frames=tuple(s["frames"]))
                for s in manifest["shards"]
            )
        except (KeyError, TypeError) as error:
            raise FeatureError(f"{folder}/manifest.json: lacks {error}; extract again") from None
        self.frames = tuple(frames for shard in self.shards for frames in shard.frames)
        filled = [str(folder / shard.file) for shard in self.shards if shard.frames]
        if missing := [path for path in filled if not Path(path).is_file()]:
            raise FeatureError("is missing", path=missing[0], remedy="run the extraction again")
        self._records = ArrayRecordDataSource(filled) if filled else ()

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> FeatureRecord:
        try:
            return record_from_bytes(self._records[index])
        except FeatureError as error:
            raise FeatureError(f"{self.folder}, record {index}: {error}") from None

    def verify(self) -> None:
        """Read every shard; raise FeatureError for the first that differs from the manifest."""
        for shard in self.shards:
            if file_sha256(self.folder / shard.file) != shard.sha256:
                raise FeatureError(
                    "has changed",
                    path=self.folder / shard.file,
                    remedy="delete it and run the extraction",
                )


def shard_name(number: int, shards: int) -> str:
    """Return the file name of a shard."""
    return f"features-{number:05d}-of-{shards:05d}.array_record"


def begin(folder: Path, settings: dict[str, Any], *, overwrite: bool = False) -> None:
    """Prepare the folder; keep what an earlier run with the same settings finished.

    Raises:
        OutputExistsError: The folder has other content, and `overwrite` is not set.
    """
    path = folder / "settings.json"
    for unfinished in folder.glob("*.part"):
        # Left behind by a run that was killed.
        unfinished.unlink(missing_ok=True)
    if folder.exists() and any(folder.iterdir()):
        remedy = "delete it, and give --overwrite"
        found = _read_json(path, remedy) if path.is_file() else None
        if found == settings:
            return
        if not overwrite or found is None:
            # Only what this program wrote is ever deleted.
            if found is None:
                raise OutputExistsError(
                    "has other content", path=folder, remedy="give another folder"
                )
            odd = sorted(k for k in {*found, *settings} if found.get(k) != settings.get(k))
            raise OutputExistsError(
                f"was made with other settings ({', '.join(odd)})",
                path=path,
                remedy="give another folder or --overwrite",
            )
        for old in (*folder.glob("features-*"), folder / "manifest.json", folder / "rejected.tsv"):
            old.unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    _write_json(path, settings)


def write_shard(
    folder: Path, name: str, results: Iterable[FeatureRecord | RejectedItem]
) -> ShardNote:
    """Write a shard, then its note."""
    path = folder / name
    # Two workers may be at the same shard if a runner gives a bundle out again.
    unfinished = folder / f"{name}.{os.getpid()}.part"
    frames: list[int] = []
    rejected: list[RejectedItem] = []
    try:
        writer = ArrayRecordWriter(str(unfinished), _WRITER_OPTIONS)
        try:
            for result in results:
                if isinstance(result, RejectedItem):
                    rejected.append(result)
                else:
                    frames.append(result.frames)
                    writer.write(record_to_bytes(result))
        finally:
            writer.close()
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        note = ShardNote(
            file=name,
            sha256=file_sha256(unfinished),
            frames=tuple(frames),
            rejected=tuple(rejected),
        )
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    _write_checked(_note_path(path), dataclasses.asdict(note))
    return note


def read_note(folder: Path, name: str) -> ShardNote | None:
    """Return the note of a finished shard, or None if it must be made (again)."""
    path = folder / name
    if not path.is_file() or not _note_path(path).is_file():
        return None
    remedy = "delete it and run the extraction"
    note = _read_checked(_note_path(path), _NOTE_KEYS, absent=remedy, damaged=remedy)
    if note["sha256"] != file_sha256(path):
        return None
    return ShardNote(
        file=note["file"],
        sha256=note["sha256"],
        frames=tuple(note["frames"]),
        rejected=tuple(RejectedItem(**item) for item in note["rejected"]),
    )


def finish(folder: Path, settings: dict[str, Any], notes: Sequence[ShardNote]) -> str:
    """Write the list of rejected items and the manifest; return the hash of all shards."""
    rejected = [item for note in notes for item in note.rejected]
    lines = ["item\treason", *(f"{_cell(item.item)}\t{_cell(item.reason)}" for item in rejected)]
    _write(folder / "rejected.tsv", "\n".join(lines) + "\n")
    shards = [
        {"file": note.file, "sha256": note.sha256, "frames": list(note.frames)} for note in notes
    ]
    sha256 = hashlib.sha256("".join(note.sha256 for note in notes).encode()).hexdigest()
    manifest = {
        "schema": _SCHEMA,
        "version": VERSION,
        "settings": settings,
        "sha256": sha256,
        "records": sum(len(note.frames) for note in notes),
        "rejected": len(rejected),
        "shards": shards,
    }
    _write_checked(folder / "manifest.json", manifest)
    return sha256


def rejected_items(folder: Path) -> Iterator[RejectedItem]:
    """Read the list of rejected items."""
    for line in (folder / "rejected.tsv").read_text("utf-8").splitlines()[1:]:
        item, reason = line.split("\t")
        yield RejectedItem(item=item, reason=reason)


def _note_path(path: Path) -> Path:
    return path.with_suffix(".json")


def _cell(text: str) -> str:
    return " ".join(text.split())


def _read_json(path: Path, remedy: str) -> dict[str, Any]:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise FeatureError(f"cannot be read ({error})", path=path, remedy=f"{remedy}") from None


def _read_checked(path: Path, keys: set[str], *, absent: str, damaged: str) -> dict[str, Any]:
    """Read a document that contains a hash of itself; older ones have none."""
    document = _read_json(path, damaged if path.is_file() else absent)
    if not isinstance(document, dict):
        raise FeatureError("is damaged", path=path, remedy=f"{damaged}")
    check = document.pop(_CHECK, None)
    # The name of the hash could be what has changed.
    if not set(document) <= keys or check not in (None, _digest(document)):
        raise FeatureError("has changed since it was written", path=path, remedy=f"{damaged}")
    return document


def _write_checked(path: Path, document: dict[str, Any]) -> None:
    # What is read back has lists where tuples were written.
    plain = json.loads(json.dumps(document))
    _write_json(path, {**plain, _CHECK: _digest(plain)})


def _digest(document: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _write_json(path: Path, document: dict[str, Any]) -> None:
    _write(path, json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def _write(path: Path, text: str) -> None:
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with unfinished.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
