"""Train one phase of an image classifier on the training loop, checking its accuracy as it goes."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.special import log_softmax

from baselines.stills.results import Check
from temporal_foley.errors import FoleyError
from temporal_foley.training.checkpoint import disk_errors_told
from temporal_foley.training.loop import LoopConfig, train
from temporal_foley.training.mesh import make_mesh
from temporal_foley.training.step import HostBatch, Step, TrainState

Logits = Float[np.ndarray, "pictures classes"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Phase:
    """What is trained in a phase."""

    name: str
    """`scratch`, `frozen` or `fine_tuning`."""
    step: Step
    open_batches: Callable[[int], Iterator[HostBatch]]
    """Returns the batches of all its epochs from a number on."""
    logits: Callable[[TrainState], Logits]
    """Returns a state's logits of all validation pictures."""
    validation_classes: Int[np.ndarray, " pictures"]
    batches_per_epoch: int
    epochs: int
    epochs_before: int = 0
    """Epochs of earlier phases."""
    checks_per_epoch: int = 1


def train_phase(
    phase: Phase, state: TrainState, folder: Path | None, identity: Mapping[str, Any]
) -> tuple[TrainState, list[Check]]:
    """Train a phase, continuing what is in the folder; return the last state and all checks.

    Raises:
        FoleyError: A signal ended the run; the same command continues it.
    """
    every = max(1, phase.batches_per_epoch // phase.checks_per_epoch)

    def evaluate(state: TrainState) -> dict[str, float]:
        logits, classes = phase.logits(state), phase.validation_classes
        own = log_softmax(logits, axis=1)[np.arange(len(classes)), classes]
        return {
            "loss": float(-own.mean()),
            "accuracy": float((logits.argmax(axis=1) == classes).mean()),
        }

    with contextlib.nullcontext() if folder is None else disk_errors_told(folder):
        outcome = train(
            folder,
            state=state,
            step_fn=phase.step,
            batches=phase.open_batches,
            steps=phase.batches_per_epoch * phase.epochs,
            evaluate=evaluate,
            score="accuracy",
            config=LoopConfig(
                log_every=every, save_every=phase.batches_per_epoch, evaluate_every=every
            ),
            mesh=make_mesh(),
            identity=identity,
        )
    if not outcome.finished:
        raise FoleyError("stopped and saved", path=folder, remedy="the same command continues")
    return outcome.state, read_checks(phase, outcome.rows)


def read_checks(phase: Phase, rows: Sequence[Mapping[str, Any]]) -> list[Check]:
    """Return the checks in the log of a phase; each follows the losses of the same step."""
    trained = {row["step"]: row for row in rows if "class_loss" in row}
    return [
        Check(
            epoch=phase.epochs_before + row["step"] / phase.batches_per_epoch,
            phase=phase.name,
            train_loss=trained[row["step"]]["class_loss"],
            train_accuracy=trained[row["step"]]["accuracy"],
            validation_loss=row["validation/loss"],
            validation_accuracy=row["validation/accuracy"],
        )
        for row in rows
        if "validation/accuracy" in row and row["step"] in trained
    ]
