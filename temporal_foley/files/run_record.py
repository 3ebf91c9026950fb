"""Record the stages of a run for `run.json`."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Progress = Callable[[str, float], None]
"""Called with the name of a stage and the part of it that is done, 0 to 1."""


class RunRecord:
    """Times the stages of one run and passes their progress on."""

    def __init__(self, command: str, progress: Progress | None = None):
        self.command = command
        self.seconds: dict[str, float] = {}
        self._progress = progress or (lambda stage, part: None)

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[Callable[[float], None]]:
        """Time a stage; yield a function that takes the part of it that is done."""
        began = time.perf_counter()
        self._progress(name, 0.0)
        yield lambda part: self._progress(name, min(max(part, 0.0), 1.0))
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began
        self._progress(name, 1.0)

    def document(self, *, made_with: Mapping[str, str], **more: Any) -> dict[str, Any]:
        """Return the content of `run.json` except the files."""
        # Imported here: reading package metadata takes longer than all else that the command line
        # imports.
        from temporal_foley.files.versions import versions

        return {
            "command": self.command,
            "made_with": dict(made_with),
            **more,
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
            "versions": versions(),
        }
