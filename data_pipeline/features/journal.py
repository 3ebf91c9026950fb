"""Keep a journal of finished items, one JSON line each, to resume long work.

Lines are only appended, and each is on disk before the next, so a killed process leaves at most one
incomplete line, which is removed at the next start.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from temporal_foley.errors import FoleyError


class Journal:
    """A file of entries, one per line; each entry has a unique `key`."""

    def __init__(self, path: Path):
        self.path = path
        self._entries: dict[str, dict[str, Any]] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            whole = self._read() if path.exists() else 0
            self._file = path.open("ab")
            self._file.truncate(whole)
        except OSError as error:
            raise FoleyError(f"cannot be opened ({error.strerror})", path=path) from None

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
            raise FoleyError(f"cannot be written ({error.strerror})", path=self.path) from None
        self._entries[key] = whole

    def _read(self) -> int:
        """Read the entries of an earlier run; return the length of the complete lines."""
        whole = 0
        for number, line in enumerate(self.path.read_bytes().splitlines(keepends=True), 1):
            if not line.endswith(b"\n"):
                break
            try:
                entry = json.loads(line)
                self._entries[entry["key"]] = entry
            except (ValueError, KeyError, TypeError):
                raise FoleyError(
                    f"{self.path}, line {number}: is not a journal entry; move the file away"
                ) from None
            whole += len(line)
        return whole
