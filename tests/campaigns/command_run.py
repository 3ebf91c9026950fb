"""Run the command line in this process and capture its exit code and all that it writes."""

import contextlib
import dataclasses
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import IO

from temporal_foley.cli.main import main


@dataclasses.dataclass(frozen=True, kw_only=True)
class CommandRun:
    """What a command left: its exit code, and the text of both its streams."""

    code: int
    out: str
    err: str

    @property
    def fault(self) -> str:
        """What no command may do, whatever its input; empty if it behaved."""
        written = self.out + self.err
        if "Traceback" in written:
            return "a traceback: " + written.strip().splitlines()[-1]
        if self.code not in (0, 2, 3):
            return f"exit code {self.code}: {self.err.strip()[-300:]}"
        lines = self.err.splitlines()
        errors = [line for line in lines if line.startswith("error: ")]
        # `generate` first reports what it found in the film.
        if self.code and not (len(errors) == 1 and lines[-1] == errors[0]):
            return f"exit code {self.code} with {len(lines)} lines: {self.err.strip()[-300:]}"
        return ""


def run_command(argv: Sequence[str], command: Callable[[list[str]], int] = main) -> CommandRun:
    """Run a command as a user would; what C code and threads write is captured too."""
    with contextlib.ExitStack() as stack:
        files = [
            stack.enter_context(tempfile.TemporaryFile("w+", errors="replace")) for _ in range(2)
        ]
        with _redirected(1, files[0]), _redirected(2, files[1]):
            try:
                code = command(list(argv))
            except SystemExit as stop:
                code = stop.code if isinstance(stop.code, int) else 0 if not stop.code else 1
            except BaseException:
                traceback.print_exc()
                code = 1
        texts = []
        for file in files:
            file.seek(0)
            texts.append(file.read())
    return CommandRun(code=code, out=texts[0], err=texts[1])


@contextlib.contextmanager
def _redirected(number: int, file: IO[str]) -> Iterator[None]:
    """Send a stream of this process, Python's and the system's alike, to a file."""
    name = {1: "stdout", 2: "stderr"}[number]
    before, kept = getattr(sys, name), os.dup(number)
    before.flush()
    os.dup2(file.fileno(), number)
    stream = open(number, "w", closefd=False, errors="backslashreplace", buffering=1)  # noqa: SIM115
    setattr(sys, name, stream)
    try:
        yield
    finally:
        stream.flush()
        setattr(sys, name, before)
        os.dup2(kept, number)
        os.close(kept)
