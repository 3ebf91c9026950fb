"""Train anything: restore, step, log, save, evaluate. The one training loop of the project.

What is special to a task is passed in as functions. SIGTERM and SIGINT save and end the run,
cutting an evaluation short, which the next run repeats; of several processes, all end at the same
step. A loss or score that is not finite ends the run too, with an error that names the step.
"""

import contextlib
import dataclasses
import json
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import jax
from jax.experimental import multihost_utils
from jax.sharding import Mesh
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from temporal_foley.errors import FoleyError
from temporal_foley.training.checkpoint import CheckpointError, Checkpoints, MemoryCheckpoints
from temporal_foley.training.log import TrainLog
from temporal_foley.training.mesh import place_batch, place_state
from temporal_foley.training.step import HostBatch, Step, TrainState

Evaluate = Callable[[TrainState], Mapping[str, float]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class LoopConfig:
    """How often to log, save and evaluate, in steps."""

    log_every: int = 20
    save_every: int = 500
    """The most steps that a killed run loses."""
    evaluate_every: int = 200
    evaluates_first: bool = False
    """Log the scores before the first step too."""
    patience: int = 0
    """Evaluations without a better score after which the run ends; 0: it never ends early."""
    keep_last: int = 2
    keep_best: int = 1

    def __post_init__(self) -> None:
        for name in ("log_every", "save_every", "evaluate_every", "keep_last", "keep_best"):
            if getattr(self, name) < 1:
                raise ValueError(f"loop.{name} must be at least 1, got {getattr(self, name)}")
        if self.patience < 0:
            raise ValueError(f"loop.patience must be at least 0, got {self.patience}")


class NotFiniteError(FoleyError):
    """A loss or score that is not finite; names the step."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """Result of a run."""

    state: TrainState
    finished: bool
    """False if a signal ended it; the same command continues it."""
    best: TrainState | None
    """The state with the best score, once finished."""
    scores: Mapping[str, float]
    """Of the last evaluation."""
    rows: list[dict[str, Any]]
    """What was logged, by step; `validation/…` are the scores."""
    steps_per_s: float


def train(
    folder: Path | None,
    *,
    state: TrainState,
    step_fn: Step,
    batches: Callable[[int], Iterator[HostBatch]],
    steps: int,
    evaluate: Evaluate,
    score: str,
    config: LoopConfig,
    mesh: Mesh,
    identity: Mapping[str, Any] | None = None,
    show: bool = True,
) -> Run:
    """Train for a number of steps, continuing from the checkpoints in the folder.

    Args:
        folder: Of the run; None keeps log and best state in memory and cannot continue.
        state: Before the first step.
        step_fn: From `make_train_step`.
        batches: Returns the batches from a step's number on; the same ones each time.
        steps: Of the whole run.
        evaluate: Returns named scores of a state on validation data.
        score: The score by which the best state is chosen; higher is better.
        config: How often to log, save and evaluate.
        mesh: The devices.
        identity: Settings and data of the run; a folder of another run is refused.
        show: Whether to draw a progress line.

    Raises:
        NotFiniteError: A loss or the score is not finite.
        CheckpointError: The folder holds a run with other settings.
    """
    wanted: dict[str, Any] = json.loads(json.dumps(identity or {}))
    with contextlib.ExitStack() as stack:
        checkpoints = stack.enter_context(_checkpoints(folder, config))
        state = place_state(state, mesh)
        scores: dict[str, float] = {}
        best, best_step, evaluated = -math.inf, 0, 0
        found = checkpoints.restore_last(state)
        if found is not None:
            state, notes = found
            _check_identity(folder, notes["identity"], wanted)
            best, scores = float(notes["best"]), dict(notes["scores"])
            evaluated = int(notes.get("evaluated", state.step))
            best_step = int(notes.get("best_step", evaluated))
        first = int(state.step)
        checkpoints.continue_from(first)
        # All processes measure the same; one writes it down.
        written = folder if jax.process_index() == 0 else None
        log = stack.enter_context(contextlib.closing(TrainLog(written, first_step=first)))
        waiting: list[tuple[int, dict[str, jax.Array]]] = []
        timed_steps, timed_s = 0, 0.0

        def notes_now() -> dict[str, Any]:
            return {
                "identity": wanted,
                "best": best,
                "best_step": best_step,
                "scores": scores,
                "evaluated": evaluated,
            }

        def judge(number: int, *, is_candidate: bool = True) -> bool:
            """Evaluate the state; return whether that was not cut short."""
            nonlocal best, best_step, scores, evaluated
            try:
                with stop.cutting_short():
                    scores = {name: float(value) for name, value in evaluate(state).items()}
            except CutShortError:
                return False
            evaluated = number
            log.scalars(number, {f"validation/{k}": v for k, v in scores.items()})
            if not math.isfinite(scores[score]):
                raise NotFiniteError(
                    f"step {number}: the validation score is {scores[score]}",
                    remedy="add validation examples of an effect and of none (a folder `other`); "
                    "python -m data_pipeline check finds features that are not finite",
                )
            if is_candidate and scores[score] > best:
                best, best_step = scores[score], number
                checkpoints.save_best(state, notes_now(), best)
            return True

        def is_due(number: int) -> bool:
            return number % config.evaluate_every == 0 or number == steps

        def is_exhausted(number: int) -> bool:
            return 0 < config.patience * config.evaluate_every <= number - best_step

        with _Stop() as stop, _progress(show) as bar:
            task = bar.add_task("train", total=steps, completed=first, detail="")
            is_stopped = False
            if found is None and config.evaluates_first and steps:
                is_stopped = not judge(0, is_candidate=False)
                evaluated = 0
            elif is_due(first) and (evaluated != first or not steps):
                is_stopped = not judge(first)
            is_over = is_stopped or is_exhausted(first)
            source = batches(first)
            began = time.perf_counter()
            for number in range(first + 1, steps + 1 if not is_over else 0):
                batch = place_batch(next(source), mesh)
                state, measured = step_fn(state, batch)
                waiting.append((number, measured))
                is_stopped = stop.reached(number)
                if number % config.log_every == 0 or number == steps or is_stopped:
                    # Waits for the device, so not after each step.
                    values = _means(waiting)
                    elapsed = time.perf_counter() - began
                    rate = len(waiting) / max(elapsed, 1e-9)
                    timed_steps, timed_s = timed_steps + len(waiting), timed_s + elapsed
                    log.scalars(number, {**values, "steps_per_s": rate})
                    waiting, began = [], time.perf_counter()
                    detail = f"loss {values['loss']:.4f}  {rate:.1f} steps/s"
                    if score in scores:
                        detail += f"  {score} {scores[score]:.4f}"
                    bar.update(task, completed=number, detail=detail)
                if not is_stopped and is_due(number):
                    is_stopped = not judge(number)
                    began = time.perf_counter()
                is_over = is_stopped or is_exhausted(number)
                if is_over or number % config.save_every == 0 or number == steps:
                    checkpoints.save_last(state, notes_now())
                if is_over:
                    break
        rows = log.rows
    last = int(state.step)
    finished = (last >= steps or is_exhausted(last)) and evaluated == last and not is_stopped
    chosen = None
    if finished:
        with checkpoints.reopened() as reader:
            restored = reader.restore_best(state)
        chosen = restored[0] if restored is not None else None
    return Run(
        state=state,
        finished=finished,
        best=chosen,
        scores=scores,
        rows=rows,
        steps_per_s=timed_steps / timed_s if timed_s else 0.0,
    )


def _checkpoints(folder: Path | None, config: LoopConfig) -> Checkpoints | MemoryCheckpoints:
    if folder is None:
        return MemoryCheckpoints()
    return Checkpoints(folder, keep_last=config.keep_last, keep_best=config.keep_best)


def _check_identity(
    folder: Path | None, found: Mapping[str, Any], wanted: Mapping[str, Any]
) -> None:
    changed = differences(found, wanted)
    if changed:
        raise CheckpointError(
            f"was started with another {'; '.join(changed[:3])}",
            path=folder,
            remedy="use another --out, or the settings that it was started with",
        )


def differences(found: Any, wanted: Any, name: str = "") -> list[str]:
    """Return the dotted names of settings that differ, with both values where they are short."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        return [
            changed
            for key in sorted({*found, *wanted})
            for changed in differences(
                found.get(key), wanted.get(key), f"{name}.{key}" if name else key
            )
        ]
    if found == wanted:
        return []
    values = f"{found}, now {wanted}"
    return [f"{name} ({values})" if len(values) < 80 and "{" not in values else name]


def _means(waiting: list[tuple[int, dict[str, jax.Array]]]) -> dict[str, float]:
    """Return the means of what was measured since the last call."""
    fetched = jax.device_get([measured for _, measured in waiting])
    for (number, _), measured in zip(waiting, fetched, strict=True):
        for name, value in measured.items():
            if not math.isfinite(value):
                raise NotFiniteError(
                    f"step {number}: {name} is {float(value)}; lower the learning rate, or look "
                    "for features that are not finite with `python -m data_pipeline check`"
                )
    return {name: sum(float(m[name]) for m in fetched) / len(fetched) for name in fetched[0]}


def _progress(show: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.completed}/{task.total}"),
        TextColumn("{task.fields[detail]}"),
        TimeRemainingColumn(),
        disable=not show,
    )


class CutShortError(Exception):
    """An evaluation that was ended by a signal."""


class _Stop:
    """While open, SIGTERM and SIGINT ask the run to end instead of ending the process.

    Several processes must save the same step. There SIGTERM is left to JAX, which informs all of
    them and lets them agree on one.
    """

    def __enter__(self) -> "_Stop":
        self._is_asked = self._may_cut = False
        self._is_alone = jax.process_count() == 1
        self._before: dict[int, Any] = {}
        if self._is_alone and threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._stop)
        return self

    def reached(self, step: int) -> bool:
        """Return whether the run ends with this step; to be called at every step."""
        if self._is_alone:
            return self._is_asked
        return multihost_utils.reached_preemption_sync_point(step)

    @contextlib.contextmanager
    def cutting_short(self) -> Iterator[None]:
        """Let a signal end the block by a `CutShortError`."""
        self._may_cut = True
        try:
            if self._is_asked:
                raise CutShortError
            yield
        finally:
            self._may_cut = False

    def _stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._is_asked = True
        if self._may_cut:
            self._may_cut = False
            raise CutShortError

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
