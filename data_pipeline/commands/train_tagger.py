"""The command `train` of the pipeline, which is also `train.py`: train a tagger on features.

FEATURES is a folder that `python -m data_pipeline features` filled with the splits `train` and
`validation`. In an installed package the command is `python -m data_pipeline train`.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from data_pipeline.train.configuration import load_config
from temporal_foley.cli.console import Console
from temporal_foley.cli.options import Arg
from temporal_foley.cli.runner import run
from temporal_foley.errors import UsageError

STOPPED = 143
"""Exit code of a run that a signal ended and that the same command continues."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainTagger:
    """Train a tagger on cached features. The same command continues a run that was stopped.

    RUN gets checkpoints, log.jsonl, TensorBoard events, curves.png and, at the end, bundle/: the
    state that did best on the validation split. Every setting of the configuration is an option:

        python train.py foley20 --data FEATURES --out RUN --config.steps 500
    """

    name: Annotated[str, Arg(positional=True, metavar="CONFIG")]
    """Configuration: foley20, another file of configs/, or a path/to/mine.py."""
    data: Annotated[Path, Arg(metavar="FEATURES")]
    """Folder of features."""
    out: Annotated[Path, Arg(metavar="RUN", short="-o")]
    """Folder of the run."""
    coordinator: Annotated[str | None, Arg(metavar="HOST:PORT")] = None
    """To train in several processes: address of the first; each gets the same options. `auto`
    finds it on TPU pods, Slurm and Open MPI."""
    processes: int = 1
    """Number of processes."""
    process: int = 0
    """Number of this process."""
    overwrite: bool = False
    """Replace the bundle of an earlier run that ended here."""
    quiet: bool = False
    """Do not show progress."""
    config: Any
    """The configuration."""

    def run(self, console: Console) -> int:
        """Train, and write the bundle."""
        from data_pipeline.train.tagger import train_bundle

        run = train_bundle(
            self.config,
            self.data,
            self.out,
            coordinator=self.coordinator,
            processes=self.processes,
            process=self.process,
            overwrite=self.overwrite,
            show=not self.quiet,
        )
        if not run.finished:
            step = int(run.state.step)
            console.print(f"stopped and saved at step {step}; the same command continues the run")
            return STOPPED
        return 0


def main(argv: Sequence[str], program: str = "train.py") -> int:
    """Run the command under a name; returns its exit code."""
    argv = [word for given in argv for word in _new_spelling(given)]
    # The configuration has to be loaded first: its settings are options.
    name = next((word for word in argv[:1] if not word.startswith("-")), "foley20")
    try:
        config = load_config(name)
    except UsageError as error:
        Console().error(error)
        return error.exit_code
    return run(program, TrainTagger, argv, {"config": config})


def _new_spelling(word: str) -> tuple[str, ...]:
    """Return `--config.tagger.prior none` for the old `config.tagger.prior:none`."""
    name, _, value = word.partition(":")
    if not name.startswith("config.") or value != "none":
        return (word,)
    Console().note(f"{word} is now --{name} none")
    return (f"--{name}", "none")
