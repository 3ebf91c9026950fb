"""The commands `distill windows` and `distill train`: train a small audio network."""

import dataclasses
import json
from pathlib import Path
from typing import Annotated

from temporal_foley.cli.console import Console
from temporal_foley.cli.options import Arg
from temporal_foley.errors import UsageError

SEEN = "seen.json"
"""File that lists the sounds in the windows of a folder."""
Teacher = Annotated[Path | None, Arg(metavar="FILE")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class DistillWindows:
    """Mix windows of sounds, and store what the teacher network returns for them.

    The same command resumes; training may begin while windows are still being made.
    """

    sounds: Annotated[tuple[Path, ...], Arg(metavar="TABLE...")]
    """Class folders, or CSV tables with the columns `file` and `class`."""
    out: Annotated[Path, Arg(metavar="DIR", short="-o")]
    """Folder for the windows."""
    shards: int = 100
    """Shards of 256 windows each."""
    seed: int = 0
    """Seed of the mixes."""
    without: Annotated[str | None, Arg(metavar="PREFIX")] = None
    """Leave out sources that begin with this, such as esc/."""
    teacher: Teacher = None
    """The teacher's file. (default: the downloaded one)"""

    def run(self, console: Console) -> None:
        """Make the shards that do not exist yet."""
        if self.shards < 1:
            raise UsageError(f"must be at least 1, got {self.shards}", option="--shards")
        from data_pipeline.distill.sounds import RECIPE, read_pool, recipe_pool, training_files
        from data_pipeline.distill.windows import make_window_shard
        from temporal_foley.effects import load_vocabulary
        from temporal_foley.models.audio.teacher import load_teacher

        files = training_files(self.sounds, load_vocabulary(), seed=0)
        if self.without:
            files = {name: f for name, f in files.items() if not name.startswith(self.without)}
        teacher = load_teacher(self.teacher)
        pool = read_pool(files) | recipe_pool()
        sources = sorted(pool)
        self.out.mkdir(parents=True, exist_ok=True)
        seen = {
            "seed": self.seed,
            "recordings": sum(len(recordings) for recordings in pool.values()),
            "sources": [source for source in sources if not source.startswith(RECIPE)],
            "recipes": [source for source in sources if source.startswith(RECIPE)],
            "teacher_sha256": teacher.sha256,
        }
        (self.out / SEEN).write_text(json.dumps(seen, indent=1) + "\n", "utf-8")
        console.print(f"{seen['recordings']} recordings of {len(sources)} sources")
        with console.progress(self.out.name) as progress:
            for number in range(self.shards):
                make_window_shard(self.out, number, pool, sources, teacher, seed=self.seed)
                progress("making shards", (number + 1) / self.shards)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DistillTrain:
    """Train a student network on windows. The same command resumes."""

    windows: Annotated[tuple[Path, ...], Arg(metavar="DIR...")]
    """Folders of windows."""
    out: Annotated[Path, Arg(metavar="FILE", short="-o")]
    """The student's file."""
    work: Annotated[Path, Arg(metavar="DIR")]
    """Folder of checkpoints."""
    steps: int = 8_000
    """Training steps."""
    batch: int = 32
    """Windows per step."""
    learning_rate: float = 1e-3
    """Highest learning rate."""
    start: Annotated[Path | None, Arg(metavar="FILE")] = None
    """A student to begin with."""
    seed: int = 0
    """Seed of the order of windows."""
    teacher: Teacher = None
    """The teacher's file. (default: the downloaded one)"""

    def run(self, console: Console) -> None:
        """Train, and write the student."""
        from data_pipeline.distill.train import DistillConfig, distill
        from temporal_foley.models.audio.teacher import load_teacher
        from temporal_foley.training.checkpoint import disk_errors_told

        try:
            config = DistillConfig(
                steps=self.steps,
                batch=self.batch,
                learning_rate=self.learning_rate,
                seed=self.seed,
            )
        except ValueError as error:
            raise UsageError(str(error)) from None
        with disk_errors_told(self.work):
            outcome = distill(
                self.windows,
                self.out,
                self.work,
                load_teacher(self.teacher),
                config,
                start=self.start,
            )
        if not outcome.finished:
            step = int(outcome.state.step)
            console.print(f"stopped and saved at step {step}; the same command continues the run")
            return
        errors = ", ".join(f"{name} {value:.4f}" for name, value in outcome.scores.items())
        console.print(f"wrote {self.out}; {errors}")
