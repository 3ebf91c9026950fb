"""Save training states while training continues, and restore the newest intact one.

Orbax writes each checkpoint into a folder that appears under its name only when it is complete. It
does not detect bits that change later, so each is sealed by a manifest with the SHA-256 of its
files, and one that does not match is skipped with a warning. Two managers keep the last few, from
which a run continues, and the best few, of which one is released. An older checkpoint is deleted
only when enough newer ones are sealed, and they are sealed in the order in which they were saved:
where a run can continue, the best state that its notes name exists.
"""

import contextlib
import hashlib
import json
import logging
import os
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp

from temporal_foley.errors import FoleyError
from temporal_foley.training.step import TrainState

UNFINISHED = "was not finished"
MANIFEST = "sha256.json"


class CheckpointError(FoleyError):
    """A checkpoint that cannot be used; names the folder and the remedy."""


class Checkpoints:
    """The checkpoints of one run, below its folder."""

    def __init__(self, folder: Path, *, keep_last: int = 2, keep_best: int = 1):
        self.folder = folder.resolve()
        # A failure is reported once, by an exception, and not by each part of the writer.
        for name in ("absl", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self.last = self._manager(self.folder / "last", keep_last)
        self.best = self._manager(self.folder / "best", keep_best, by="score")
        self._keep = ((self.last, keep_last), (self.best, keep_best))
        self._sealer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="seal")
        self._sealing: dict[ocp.CheckpointManager, Future[None]] = {}

    @staticmethod
    def _manager(folder: Path, keep: int, by: str | None = None) -> ocp.CheckpointManager:
        folder.mkdir(parents=True, exist_ok=True)
        # Orbax drops the oldest before the newest is sealed.
        options: dict[str, Any] = {"max_to_keep": keep + 1, "enable_async_checkpointing": True}
        if by is not None:
            options |= {"best_fn": lambda metrics: metrics[by], "best_mode": "max"}
        return ocp.CheckpointManager(folder, options=ocp.CheckpointManagerOptions(**options))

    def save_last(self, state: TrainState, notes: Mapping[str, Any]) -> None:
        """Begin to write the state that a run can continue from."""
        self._save(self.last, state, notes)

    def save_best(self, state: TrainState, notes: Mapping[str, Any], score: float) -> None:
        """Begin to write a state that is kept by its score."""
        self._save(self.best, state, notes, metrics={"score": float(score)})

    def _save(
        self,
        manager: ocp.CheckpointManager,
        state: TrainState,
        notes: Mapping[str, Any],
        metrics: dict[str, float] | None = None,
    ) -> None:
        step = int(state.step)
        if step in manager.all_steps():
            return
        if earlier := self._sealing.get(manager):
            earlier.result()
        manager.save(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardSave(_tree(state)), notes=ocp.args.JsonSave(dict(notes))
            ),
            metrics=metrics,
            force=True,
        )
        if jax.process_count() > 1:
            # Processes meet while they write; a second thread that waits could keep them apart.
            _seal_when_written(manager, step)
            return
        # Hashing waits for the writer; training does not wait for either.
        self._sealing[manager] = self._sealer.submit(_seal_when_written, manager, step)

    def restore_last(self, like: TrainState) -> tuple[TrainState, dict[str, Any]] | None:
        """Return the newest intact state and its notes, or None if there is none.

        Args:
            like: A state of the same run: shapes, types and shardings.
        """
        return self._restore(self.last, sorted(self.last.all_steps(), reverse=True), like)

    def restore_best(self, like: TrainState) -> tuple[TrainState, dict[str, Any]] | None:
        """Return the best intact state and its notes, or None if there is none."""
        steps = sorted(self.best.all_steps(), reverse=True)
        best = self.best.best_step()
        order = [best, *(step for step in steps if step != best)] if best is not None else steps
        return self._restore(self.best, order, like)

    def _restore(
        self, manager: ocp.CheckpointManager, steps: list[int], like: TrainState
    ) -> tuple[TrainState, dict[str, Any]] | None:
        is_damaged = False
        for step in steps:
            folder = Path(manager.directory) / str(step)
            wrong = verify(folder)
            if wrong is not None:
                print(f"warning: {folder}: {wrong}; using an older checkpoint", flush=True)
                is_damaged = is_damaged or wrong != UNFINISHED
                continue
            found = manager.restore(
                step,
                args=ocp.args.Composite(
                    state=ocp.args.StandardRestore(_tree(_abstract(like))),
                    notes=ocp.args.JsonRestore(),
                ),
            )
            return TrainState(**found["state"]), dict(found["notes"])
        # A run that was killed before its first checkpoint was finished starts again.
        if is_damaged:
            raise CheckpointError(
                "no checkpoint is intact",
                path=manager.directory,
                remedy="train again in another folder",
            )
        return None

    def continue_from(self, first: int) -> None:
        """Delete checkpoints that a run from this step makes again: later or damaged ones."""
        # All are checked before any is deleted: other processes check the same files.
        again = [
            (keeper, step)
            for keeper, _ in self._keep
            for step in keeper.all_steps()
            if step > first or verify(Path(keeper.directory) / str(step)) is not None
        ]
        for keeper, step in again:
            keeper.delete(step)

    def reopened(self) -> "Checkpoints":
        """Open the checkpoints again after they were closed."""
        (_, keep_last), (_, keep_best) = self._keep
        return Checkpoints(self.folder, keep_last=keep_last, keep_best=keep_best)

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        if kind is None:
            self.close()
            return
        # Further failures no longer matter.
        self._sealer.shutdown(cancel_futures=True)
        for keeper, _ in self._keep:
            with contextlib.suppress(Exception):
                keeper.close()

    def close(self) -> None:
        """Wait until everything is written and sealed, and delete surplus checkpoints."""
        self._sealer.shutdown()
        for earlier in self._sealing.values():
            earlier.result()
        for keeper, count in self._keep:
            keeper.wait_until_finished()
            # A state is saved as the best only if it is better than those before it.
            for step in sorted(keeper.all_steps())[:-count]:
                keeper.delete(step)
            keeper.close()


class MemoryCheckpoints:
    """The best state of a run that is not kept on disk, with the interface of `Checkpoints`."""

    def __init__(self) -> None:
        self._best: tuple[TrainState, dict[str, Any]] | None = None

    def save_last(self, state: TrainState, notes: Mapping[str, Any]) -> None:
        """Do nothing: the run cannot be continued."""

    def save_best(self, state: TrainState, notes: Mapping[str, Any], score: float) -> None:
        """Keep a copy on the host, for a step gives the memory of its input away."""
        self._best = jax.device_get(state), {**notes, "score": score}

    def restore_last(self, like: TrainState) -> None:
        """Return None: there is nothing to continue from."""

    def restore_best(self, like: TrainState) -> tuple[TrainState, dict[str, Any]] | None:
        """Return the best state and its notes, or None if there is none."""
        return self._best

    def continue_from(self, first: int) -> None:
        """Do nothing."""

    @contextlib.contextmanager
    def reopened(self) -> Iterator["MemoryCheckpoints"]:
        """Return these checkpoints."""
        yield self

    def __enter__(self) -> "MemoryCheckpoints":
        return self

    def __exit__(self, *exception: object) -> None:
        """Do nothing."""


@contextlib.contextmanager
def disk_errors_told(folder: Path) -> Iterator[None]:
    """Report errors of files below a folder in one line.

    Raises:
        CheckpointError: A file cannot be written or read, according to Python or TensorStore.
    """
    try:
        yield
    except OSError as error:
        place, cause = error.filename or folder, error.strerror or str(error)
    except ValueError as error:
        found = re.search(r"os_error_code='(\d+)'", str(error))
        if found is None:
            raise
        place, cause = folder, os.strerror(int(found[1]))
    else:
        return
    raise CheckpointError(
        f"{cause}", path=place, remedy="fix that and run the same command, which continues"
    )


def seal(folder: Path) -> None:
    """Write the manifest of a checkpoint."""
    document = json.dumps(_hashes(folder), indent=1) + "\n"
    unfinished = folder / f"{MANIFEST}.part"
    with unfinished.open("w", encoding="utf-8") as file:
        file.write(document)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(folder / MANIFEST)


def verify(folder: Path) -> str | None:
    """Return what is wrong with a checkpoint, or None if it is intact."""
    try:
        wanted = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return UNFINISHED
    found = _hashes(folder)
    for name in sorted(set(wanted) | set(found)):
        if wanted.get(name) != found.get(name):
            return f"{name} has changed or is missing"
    return None


def _seal_when_written(manager: ocp.CheckpointManager, step: int) -> None:
    manager.wait_until_finished()
    folder = Path(manager.directory) / str(step)
    if jax.process_index() == 0:  # One process writes the manifest.
        seal(folder)


def _hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(MANIFEST)
    }


def _tree(state: TrainState) -> dict[str, Any]:
    return state._asdict()


def _abstract(state: TrainState) -> TrainState:
    def describe(leaf: Any) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(
            leaf.shape, leaf.dtype, sharding=getattr(leaf, "sharding", None)
        )

    return jax.tree.map(describe, state)
