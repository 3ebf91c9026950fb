"""One phase of training a picture classifier: a state and batches in, the state after them out.

A phase checks its model on the validation pictures after each part of an epoch, logs that, and
keeps a checkpoint an epoch, from which it goes on to the bit when the same command is given again.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.special import log_softmax

from baselines.stills.input import Batch
from baselines.stills.results import Check
from temporal_foley.errors import FoleyError
from temporal_foley.files.run_record import Progress
from temporal_foley.training.checkpoint import Checkpoints
from temporal_foley.training.log import TrainLog
from temporal_foley.training.step import Measured, Step, TrainState

Logits = Float[np.ndarray, "pictures classes"]
Notes = dict[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Phase:
    """What is done in a phase."""

    name: str
    """`scratch`, `frozen` or `fine_tuning`."""
    step: Step
    open_batches: Callable[[int], Iterable[Batch]]
    """The batches of all its epochs from a number on."""
    look: Callable[[TrainState], Logits]
    """A state to the logits of all validation pictures."""
    validation_classes: Int[np.ndarray, " pictures"]
    batches_per_epoch: int
    epochs: int
    epochs_before: int = 0
    """Those of earlier phases."""
    checks_per_epoch: int = 1


def train_phase(
    phase: Phase,
    state: TrainState,
    log: TrainLog,
    progress: Progress,
    *,
    checks: Sequence[Check] = (),
    checkpoints: Checkpoints | None = None,
    notes: Notes | None = None,
) -> tuple[TrainState, list[Check]]:
    """Step through all batches that the state has not seen.

    Args:
        phase: what is to be done.
        state: from its beginning, or from a checkpoint of it.
        log: where each check is noted.
        progress: told of each check.
        checks: those made before.
        checkpoints: where the state is kept, if it is.
        notes: kept beside it, with the checks.
    """
    checks, since = list(checks), []
    total = phase.batches_per_epoch * phase.epochs
    first = int(state.step)
    for number, batch in enumerate(phase.open_batches(first), start=first + 1):
        arrays = {name: array for name, array in batch.items() if name != "picture"}
        state, measured = phase.step(state, arrays)
        since.append(measured)
        if not _is_due(phase, number):
            continue
        progress(phase.name.replace("_", " "), number / total)
        check = _check(phase, number, phase.look(state), since)
        checks.append(check)
        since = []
        values = {k: v for k, v in dataclasses.asdict(check).items() if k != "phase"}
        done = phase.epochs_before * phase.batches_per_epoch
        log.scalars(done + number, {f"{phase.name}/{k}": v for k, v in values.items()})
        if checkpoints is not None and number % phase.batches_per_epoch == 0:
            checkpoints.save_last(state, with_checks(notes, checks))
    return state, checks


def with_checks(notes: Notes | None, checks: Sequence[Check]) -> Notes:
    """Return the notes of a checkpoint."""
    return {**(notes or {}), "checks": [dataclasses.asdict(check) for check in checks]}


def read_checks(notes: Notes) -> list[Check]:
    """Return the checks in the notes of a checkpoint."""
    return [Check(**fields) for fields in notes["checks"]]


def _is_due(phase: Phase, number: int) -> bool:
    """Tell whether a check follows a batch: after each part of an epoch, and at its end."""
    within = (number - 1) % phase.batches_per_epoch + 1
    if within == phase.batches_per_epoch:
        return True
    every = max(1, phase.batches_per_epoch // phase.checks_per_epoch)
    return within % every == 0 and phase.batches_per_epoch - within >= every


def _check(phase: Phase, number: int, logits: Logits, since: Sequence[Measured]) -> Check:
    loss = float(np.mean([float(measured["class_loss"]) for measured in since]))
    if not np.isfinite(loss):
        raise FoleyError(
            f"the loss is no number any more at step {number} of {phase.name}; "
            "give a lower learning rate"
        )
    classes = phase.validation_classes
    own = log_softmax(logits, axis=1)[np.arange(len(classes)), classes]
    return Check(
        epoch=phase.epochs_before + number / phase.batches_per_epoch,
        phase=phase.name,
        train_loss=loss,
        train_accuracy=float(np.mean([float(measured["accuracy"]) for measured in since])),
        validation_loss=float(-own.mean()),
        validation_accuracy=float((logits.argmax(axis=1) == classes).mean()),
    )
