"""Record the digests of exported files, to notice which of them were changed since.

They are stored in `export.json` beside the sessions. A file that differs from what was written
contains edits and is not replaced, unless `import` has read it in its present state.
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
    """Return the files that differ from what was written or imported."""
    written = _read(folder)
    there = (name for name in names if (folder / name).is_file())
    return [name for name in there if file_sha256(folder / name) != written.get(name)]


def note_written(staging: Path, folder: Path, names: Iterable[str]) -> None:
    """Record new files of a folder that is being written, besides those of earlier exports."""
    written = _read(folder)
    written |= {name: file_sha256(staging / name) for name in names}
    _write(staging, written)


def note_imported(path: Path) -> None:
    """Record that the edits of a session were imported, if it is where it was exported."""
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
