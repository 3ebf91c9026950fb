"""The training loop: a state, a step and batches in, the trained state out. Reads top to bottom.

Restore, step, log, save, evaluate. What is special to a task comes in as functions. SIGTERM and
SIGINT save and end the run, cutting an evaluation short, which the next run makes first; of several
processes, all end at the same step. A loss that is no number ends it too, and names the step.
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
from temporal_foley.training.checkpoint import CheckpointError, Checkpoints
from temporal_foley.training.log import TrainLog
from temporal_foley.training.mesh import place_batch, place_state
from temporal_foley.training.step import Batch, Step, TrainState

Evaluate = Callable[[TrainState], Mapping[str, float]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class LoopConfig:
    """How often what is done."""

    log_every: int = 20
    save_every: int = 500
    """A killed run loses so many steps at most."""
    evaluate_every: int = 200
    keep_last: int = 2
    keep_best: int = 1

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            if getattr(self, field.name) < 1:
                raise ValueError(f"loop.{field.name} must be at least 1")


class NotFiniteError(FoleyError):
    """A loss that is no number; names the step."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """What became of a run."""

    state: TrainState
    finished: bool
    """False if a signal ended it; the same command goes on."""
    best: TrainState | None
    scores: Mapping[str, float]
    """Of the last evaluation."""
    steps_per_s: float


def train(
    folder: Path,
    *,
    state: TrainState,
    step_fn: Step,
    batches: Callable[[int], Iterator[Batch]],
    steps: int,
    evaluate: Evaluate,
    score: str,
    config: LoopConfig,
    mesh: Mesh,
    identity: Mapping[str, Any],
    show: bool = True,
) -> Run:
    """Train until `steps` are made, going on from what the folder holds.

    Args:
        folder: of the run.
        state: before the first step.
        step_fn: from `make_train_step`.
        batches: given a step's number, the batches from there on; the same ones each time.
        steps: of the whole run.
        evaluate: a state to named numbers, on validation data.
        score: the one of them by which the best state is chosen; higher is better.
        config: how often what.
        mesh: the devices.
        identity: what the run is made of; a folder that holds another run is left alone.
        show: whether a progress line is drawn.

    Raises:
        NotFiniteError: The loss is no number.
        CheckpointError: The folder holds a run of another configuration.
    """
    identity = json.loads(json.dumps(identity))
    keep = {"keep_last": config.keep_last, "keep_best": config.keep_best}
    with contextlib.ExitStack() as stack:
        checkpoints = stack.enter_context(Checkpoints(folder, **keep))
        state = place_state(state, mesh)
        scores: dict[str, float] = {}
        best, evaluated = -math.inf, 0
        found = checkpoints.restore_last(state)
        if found is not None:
            state, noted = found
            if noted["identity"] != identity:
                changed = sorted(
                    key
                    for key in {*noted["identity"], *identity}
                    if noted["identity"].get(key) != identity.get(key)
                )
                raise CheckpointError(
                    f"{folder}: holds a run with another {', '.join(changed)}; "
                    "choose another folder"
                )
            best, scores = float(noted["best"]), dict(noted["scores"])
            evaluated = int(noted.get("evaluated", state.step))
        first = int(state.step)
        checkpoints.go_on_from(first)
        # All processes measure the same; one writes it down.
        log = None
        if jax.process_index() == 0:
            log = stack.enter_context(contextlib.closing(TrainLog(folder, first_step=first)))
        waiting: list[tuple[int, dict[str, jax.Array]]] = []
        timed_steps, timed_s = 0, 0.0

        def notes() -> dict[str, Any]:
            return {"identity": identity, "best": best, "scores": scores, "evaluated": evaluated}

        def judge(number: int) -> bool:
            """Evaluate the state; return whether that was not cut short."""
            nonlocal best, scores, evaluated
            try:
                with stop.cutting_short():
                    scores = {name: float(value) for name, value in evaluate(state).items()}
            except CutShortError:
                return False
            evaluated = number
            if log is not None:
                log.scalars(number, {f"validation/{k}": v for k, v in scores.items()})
            if scores[score] > best:
                best = scores[score]
                checkpoints.save_best(state, notes(), best)
            return True

        def is_due(number: int) -> bool:
            return number % config.evaluate_every == 0 or number == steps

        with _Stop() as stop, _progress(show) as bar:
            task = bar.add_task("train", total=steps, completed=first, told="")
            is_stopped = is_due(first) and evaluated != first and not judge(first)
            source = batches(first)
            began = time.perf_counter()
            for number in range(first + 1, steps + 1 if not is_stopped else 0):
                batch = place_batch(next(source), mesh)
                state, measured = step_fn(state, batch)
                waiting.append((number, measured))
                is_stopped = stop.reached(number)
                if number % config.log_every == 0 or number == steps or is_stopped:
                    # Waits for the device, so not after each step.
                    values = _check(waiting)
                    elapsed = time.perf_counter() - began
                    rate = len(waiting) / max(elapsed, 1e-9)
                    timed_steps, timed_s = timed_steps + len(waiting), timed_s + elapsed
                    if log is not None:
                        log.scalars(number, {**values, "steps_per_s": rate})
                    waiting, began = [], time.perf_counter()
                    told = f"loss {values['loss']:.4f}  {rate:.1f} steps/s"
                    bar.update(task, completed=number, told=told + _told(scores, score))
                if not is_stopped and is_due(number):
                    is_stopped = not judge(number)
                    began = time.perf_counter()
                if is_stopped or number % config.save_every == 0 or number == steps:
                    checkpoints.save_last(state, notes())
                if is_stopped:
                    break
    finished = int(state.step) >= steps and evaluated == int(state.step)
    chosen = None
    if finished:
        with Checkpoints(folder, **keep) as reader:
            restored = reader.restore_best(state)
        chosen = restored[0] if restored is not None else None
    return Run(
        state=state,
        finished=finished,
        best=chosen,
        scores=scores,
        steps_per_s=timed_steps / timed_s if timed_s else 0.0,
    )


def _check(waiting: list[tuple[int, dict[str, jax.Array]]]) -> dict[str, float]:
    """Fetch what was measured; return the last numbers, with the mean loss."""
    fetched = jax.device_get([measured for _, measured in waiting])
    for (number, _), measured in zip(waiting, fetched, strict=True):
        for name, value in measured.items():
            if not math.isfinite(value):
                raise NotFiniteError(
                    f"step {number}: {name} is {float(value)}; lower the learning rate, or look "
                    "for features that are no numbers with `python -m data_pipeline check`"
                )
    values = {name: float(value) for name, value in fetched[-1].items()}
    values["loss"] = sum(float(m["loss"]) for m in fetched) / len(fetched)
    return values


def _told(scores: Mapping[str, float], score: str) -> str:
    return f"  {score} {scores[score]:.4f}" if score in scores else ""


def _progress(show: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.completed}/{task.total}"),
        TextColumn("{task.fields[told]}"),
        TimeRemainingColumn(),
        disable=not show,
    )


class CutShortError(Exception):
    """An evaluation that a signal has ended."""


class _Stop:
    """While open, SIGTERM and SIGINT ask the run to end instead of ending the process.

    Several processes must save the same step. There SIGTERM is left to JAX, which tells all of
    them, and lets them agree on one.
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
        """Tell whether the run ends with this step; to be asked at every step."""
        if self._is_alone:
            return self._is_asked
        return multihost_utils.reached_preemption_sync_point(step)

    @contextlib.contextmanager
    def cutting_short(self) -> Iterator[None]:
        """Let a signal end what is done in here by a `CutShortError`."""
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
