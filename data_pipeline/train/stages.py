"""Run the stages of a long work; skip those whose inputs have not changed."""

import dataclasses
import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from temporal_foley.errors import FoleyError
from temporal_foley.files.run_record import Progress

NOTES = "stages.json"


@dataclasses.dataclass(kw_only=True)
class Stages:
    """The stages of one work, in order; each depends on its own inputs and those before it."""

    folder: Path
    """Where the digests of finished stages are noted."""
    total: int
    progress: Callable[[str], Any]
    """Opens a progress display with a title: a context that yields a `Progress`."""
    print: Callable[[str], None]
    number: int = 0
    chain: str = ""
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)

    def run(
        self,
        name: str,
        inputs: object,
        outputs: Iterable[Path],
        work: Callable[[Progress], str | None],
        *,
        scratch: Path | None = None,
    ) -> None:
        """Do a stage, unless it was done with the same inputs and its outputs exist.

        Args:
            name: Of the stage.
            inputs: What its result depends on, besides the stages before; its `repr` is compared.
            outputs: Files and folders that must exist if it is skipped.
            work: Does it, and returns what to print about the result.
            scratch: Folder that an interrupted stage resumes from, and that is deleted if the
                stage was begun with other inputs.
        """
        self.number += 1
        self.chain = hashlib.sha256(f"{self.chain}\0{name}\0{inputs!r}".encode()).hexdigest()
        title = f"{self.number}/{self.total} {name}"
        notes = self._notes()
        if notes.get(name) == self.chain and all(path.exists() for path in outputs):
            self.print(f"{title}: unchanged")
            return
        if scratch is not None and notes.get(f"{name}: begun") != self.chain:
            shutil.rmtree(scratch, ignore_errors=True)
        self._write({**notes, f"{name}: begun": self.chain})
        began = time.perf_counter()
        with self.progress(title) as progress:
            result = work(progress)
        self.seconds[name] = time.perf_counter() - began
        text = f"{title}: {result}" if result else title
        self.print(f"{text} ({_time(self.seconds[name])})")
        self._write({**self._notes(), name: self.chain})

    def _notes(self) -> dict[str, str]:
        path = self.folder / NOTES
        try:
            return json.loads(path.read_text("utf-8")) if path.is_file() else {}
        except (OSError, ValueError) as error:
            raise FoleyError(f"cannot be read ({error})", path=path, remedy="delete it") from None

    def _write(self, notes: dict[str, str]) -> None:
        path = self.folder / NOTES
        part = path.with_name(f"{NOTES}.part")
        part.write_text(json.dumps(notes, indent=1) + "\n", "utf-8")
        part.replace(path)


def folder_digest(*paths: Path | None) -> str:
    """Return a hash of the names, sizes and times of all files below some paths."""
    digest = hashlib.sha256()
    for path in paths:
        for file in _files(path) if path is not None else ():
            status = file.stat()
            digest.update(f"{file}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    return digest.hexdigest()[:16]


def _files(path: Path) -> Iterator[Path]:
    yield from sorted(file for file in path.rglob("*") if file.is_file()) or [path]


def _time(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if seconds >= 100 else f"{seconds:.0f} s"


@contextmanager
def no_progress(title: str) -> Iterator[Progress]:
    """Show no progress."""
    del title
    yield lambda stage, part: None
