"""What a run tells: numbers by step into `log.jsonl`, TensorBoard and a picture of its curves."""

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
    """Writes numbers by step; a resumed run goes on in the same files."""

    def __init__(self, folder: Path, *, first_step: int = 0):
        """Open the files of a run, to go on behind `first_step`."""
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / LOG
        # What a killed run told of steps that are now made again is forgotten.
        kept = [row for row in read_log(folder) if row["step"] <= first_step] if first_step else []
        unfinished = self.path.with_name(f"{LOG}.part")
        unfinished.write_text("".join(json.dumps(row) + "\n" for row in kept), "utf-8")
        unfinished.replace(self.path)
        self._file = self.path.open("a", encoding="utf-8")
        self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=first_step + 1)
        self._started = time.monotonic()
        self._hook, threading.excepthook = threading.excepthook, self._thread_failed

    def _thread_failed(self, failed: threading.ExceptHookArgs) -> None:
        """Tell in one line if the thread that writes for TensorBoard cannot; training goes on."""
        if isinstance(failed.exc_value, OSError):
            cause = failed.exc_value.strerror
            print(f"warning: {self.path.parent / 'tensorboard'}: {cause}; it ends here", flush=True)
        else:
            self._hook(failed)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Note the numbers of a step; names with a slash are grouped by what stands before it."""
        row: dict[str, Any] = {
            "step": step,
            "elapsed_s": round(time.monotonic() - self._started, 3),
        }
        row |= {name: float(value) for name, value in values.items()}
        self._write(row)
        for name, value in values.items():
            self._board.add_scalar(name, float(value), step)

    def _write(self, row: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Finish the files."""
        self._file.close()
        try:
            self._board.close()
        except OSError:
            # Told by its thread, which is left; it would be tried once more when Python ends.
            writer: Any = self._board.file_writer
            writer.event_writer = types.SimpleNamespace(close=lambda: None)
            self._hook = lambda failed: None
        threading.excepthook = self._hook


def read_log(folder: Path) -> list[dict[str, Any]]:
    """Read the rows of a run's log; a last line that is not whole is left out."""
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
        folder: of the run.
        groups: a panel each: its title and the names of the numbers in it.
        path: of the PNG.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = read_log(folder)
    shown = {
        title: [name for name in names if any(name in row for row in rows)]
        for title, names in groups.items()
    }
    shown = {title: names for title, names in shown.items() if names}
    figure = Figure(figsize=(5.2 * max(len(shown), 1), 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, max(len(shown), 1), squeeze=False)[0]
    for axis, (title, names) in zip(axes, shown.items(), strict=False):
        for name in names:
            points = [(row["step"], row[name]) for row in rows if name in row]
            axis.plot(*zip(*points, strict=True), label=name, linewidth=1.2)
        axis.set_title(title)
        axis.set_xlabel("step")
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    figure.savefig(path, dpi=110)
