"""Log the numbers of a run by step to `log.jsonl` and TensorBoard, and draw its curves."""

import json
import threading
import time
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorboardX import SummaryWriter

LOG = "log.jsonl"


class TrainLog:
    """Collects numbers by step; a continued run appends to the files of the folder."""

    def __init__(self, folder: Path | None, *, first_step: int = 0):
        """Open the files of a run that continues after `first_step`; None: keep rows in memory."""
        self.rows: list[dict[str, Any]] = []
        self._started = time.monotonic()
        self._files = None if folder is None else _LogFiles(folder, first_step)
        if self._files is not None:
            self.rows = self._files.kept

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Log the numbers of a step; names with a slash are grouped by their first part."""
        numbers = {name: float(value) for name, value in values.items()}
        elapsed_s = round(time.monotonic() - self._started, 3)
        self.rows.append({"step": step, "elapsed_s": elapsed_s, **numbers})
        if self._files is not None:
            self._files.write(self.rows[-1], numbers)

    def close(self) -> None:
        """Finish the files."""
        if self._files is not None:
            self._files.close()


class _LogFiles:
    def __init__(self, folder: Path, first_step: int):
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / LOG
        # Rows of a killed run for steps that are now repeated are dropped.
        rows = read_log(folder) if first_step else []
        self.kept = [row for row in rows if row["step"] <= first_step]
        unfinished = self.path.with_name(f"{LOG}.part")
        unfinished.write_text("".join(json.dumps(row) + "\n" for row in self.kept), "utf-8")
        unfinished.replace(self.path)
        self._file = self.path.open("a", encoding="utf-8")
        self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=first_step + 1)
        self._hook, threading.excepthook = threading.excepthook, self._thread_failed

    def _thread_failed(self, failed: threading.ExceptHookArgs) -> None:
        """Report in one line if the thread that writes for TensorBoard fails; training goes on."""
        if isinstance(failed.exc_value, OSError):
            cause = failed.exc_value.strerror
            board = self.path.parent / "tensorboard"
            print(f"warning: {board}: {cause}; TensorBoard events end here", flush=True)
        else:
            self._hook(failed)

    def write(self, row: Mapping[str, Any], numbers: Mapping[str, float]) -> None:
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()
        for name, value in numbers.items():
            self._board.add_scalar(name, value, row["step"])

    def close(self) -> None:
        self._file.close()
        try:
            self._board.close()
        except OSError:
            # Reported by its thread, which has ended; Python would try once more at exit.
            writer: Any = self._board.file_writer
            writer.event_writer = types.SimpleNamespace(close=lambda: None)
            self._hook = lambda failed: None
        threading.excepthook = self._hook


def read_log(folder: Path) -> list[dict[str, Any]]:
    """Read the rows of a run's log; an incomplete last line is left out."""
    path = folder / LOG
    if not path.is_file():
        return []
    rows = []
    for line in path.read_text("utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows


def draw_curves(folder: Path, groups: Mapping[str, tuple[str, ...]], path: Path) -> None:
    """Draw the numbers of a run over its steps.

    Args:
        folder: Of the run.
        groups: The title of each panel and the names of its numbers.
        path: Of the PNG.
    """
    from matplotlib.figure import Figure

    rows = read_log(folder)
    shown = {
        title: [name for name in names if any(name in row for row in rows)]
        for title, names in groups.items()
    }
    shown = {title: names for title, names in shown.items() if names}
    figure = Figure(figsize=(5.2 * max(len(shown), 1), 3.6), layout="constrained")
    axes = figure.subplots(1, max(len(shown), 1), squeeze=False)[0]
    for axis, (title, names) in zip(axes, shown.items(), strict=False):
        for name in names:
            points = [(row["step"], row[name]) for row in rows if name in row]
            mark = "o" if len(points) == 1 else None
            axis.plot(*zip(*points, strict=True), label=name, linewidth=1.2, marker=mark)
        axis.set_title(title)
        axis.set_xlabel("step")
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    figure.savefig(path, dpi=110)
