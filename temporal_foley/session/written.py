"""What an export wrote: digests of its files, so that one that an editor saved since is known.

They stand in `export.json` beside the sessions. A file that is not as it was written holds a
person's work and is not replaced, unless `import` has read it as it is.
"""

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path

from temporal_foley.files.digest import file_sha256
from temporal_foley.files.reading import read_whole

WRITTEN_FILE = "export.json"
_SCHEMA = "temporal-foley/export"


def changed_files(folder: Path, names: Iterable[str]) -> list[str]:
    """Return those of the files in a folder that are not as they were written or imported."""
    written = _read(folder)
    there = (name for name in names if (folder / name).is_file())
    return [name for name in there if file_sha256(folder / name) != written.get(name)]


def note_written(staging: Path, folder: Path, names: Iterable[str]) -> None:
    """Note, in a folder to be, files that were made there, beside those of earlier exports."""
    written = _read(folder)
    written |= {name: file_sha256(staging / name) for name in names}
    _write(staging, written)


def note_imported(path: Path) -> None:
    """Note that a session's edits are in the cue list now, if it lies where it was exported."""
    written = _read(path.parent)
    if path.name in written:
        # Where this cannot be noted, the session will not be replaced: nothing is lost.
        with contextlib.suppress(OSError):
            _write(path.parent, written | {path.name: file_sha256(path)})


def _read(folder: Path) -> dict[str, str]:
    try:
        document = json.loads(read_whole(folder / WRITTEN_FILE))
        files = document["files"] if document["schema"] == _SCHEMA else {}
        return {str(name): str(digest) for name, digest in files.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def _write(folder: Path, written: dict[str, str]) -> None:
    document = {"schema": _SCHEMA, "version": 1, "files": dict(sorted(written.items()))}
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    part = folder / f".{WRITTEN_FILE}.part"
    part.write_text(text, encoding="utf-8")
    part.replace(folder / WRITTEN_FILE)
