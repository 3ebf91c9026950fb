"""What is done so far, a line of JSON each: a long work that is cut off goes on where it stood.

Lines are only ever appended and each is on disk before the next is begun, so whatever kills the
process can at most leave one half line, which is cut away at the next start.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from temporal_foley.errors import FoleyError


class Journal:
    """A file of entries, one a line; each entry has a `key` that is there once."""

    def __init__(self, path: Path):
        self.path = path
        self._entries: dict[str, dict[str, Any]] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            whole = self._read() if path.exists() else 0
            self._file = path.open("ab")
            self._file.truncate(whole)
        except OSError as error:
            raise FoleyError(f"{path}: cannot be opened ({error.strerror})") from None

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def __getitem__(self, key: str) -> dict[str, Any]:
        return self._entries[key]

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the entry of a key, if there is one."""
        return self._entries.get(key)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(list(self._entries.values()))

    def add(self, key: str, **entry: Any) -> None:
        """Append an entry, safely on disk when this returns."""
        whole = {"key": key, **entry}
        try:
            self._file.write(json.dumps(whole, ensure_ascii=False).encode("utf-8") + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise FoleyError(f"{self.path}: cannot be written ({error.strerror})") from None
        self._entries[key] = whole

    def _read(self) -> int:
        """Take in the entries of an earlier run; return where the last whole line ends."""
        whole = 0
        for number, line in enumerate(self.path.read_bytes().splitlines(keepends=True), 1):
            if not line.endswith(b"\n"):
                break
            try:
                entry = json.loads(line)
                self._entries[entry["key"]] = entry
            except (ValueError, KeyError, TypeError):
                raise FoleyError(
                    f"{self.path}, line {number}: is no entry of a journal; move the file away"
                ) from None
            whole += len(line)
        return whole
