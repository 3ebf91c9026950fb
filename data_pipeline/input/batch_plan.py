"""Plan which clips are in which batch, as a pure function of lengths and a seed.

There is no state: batch n of a seed is always the same, so the position of a run in its data is one
number, and each of several processes can compute its own rows.
"""

import dataclasses
import hashlib
import threading
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True, kw_only=True)
class Window:
    """Frames `[start, start + frames)` of a record."""

    record: int
    start: int
    frames: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchContent:
    """The windows of a batch; further rows are empty."""

    epoch: int
    frames: int
    """Length that all windows are padded to."""
    windows: tuple[Window, ...]


class BatchPlan:
    """All batches of all epochs, in order.

    Clips of like length share batches. Those longer than the longest length are cut: into windows
    at random places in training, into all their windows in order otherwise. Every epoch has the
    same number of batches; what does not fill one comes in a batch with empty rows.
    """

    def __init__(
        self,
        frames: Sequence[int],
        *,
        lengths: Sequence[int],
        batch_size: int,
        epochs: int,
        seed: int,
        is_training: bool,
    ):
        self.frames = np.asarray(frames, np.int64)
        self.lengths = tuple(sorted(set(lengths)))
        self.batch_size = batch_size
        self.epochs = epochs
        self.seed = seed
        self.is_training = is_training
        if len(self.frames) == 0 or self.frames.min() < 1:
            raise ValueError("plan.frames must hold clips of at least one frame")
        if not self.lengths or self.lengths[0] < 1:
            raise ValueError(f"plan.lengths must be at least 1, got {lengths}")
        if batch_size < 1 or epochs < 1:
            raise ValueError(
                f"plan.batch_size and plan.epochs must be at least 1, got {batch_size}, {epochs}"
            )
        longest = self.lengths[-1]
        windows = -(-self.frames // longest)
        self._records = np.repeat(np.arange(len(self.frames)), windows)
        first = np.repeat(np.cumsum(windows) - windows, windows)
        self._starts = (np.arange(len(self._records)) - first) * longest
        self._sizes = np.minimum(self.frames[self._records] - self._starts, longest)
        if is_training:
            # A window at a random place is a whole one wherever the clip is long enough.
            self._sizes = np.minimum(self.frames[self._records], longest)
        self._buckets = np.searchsorted(np.array(self.lengths), self._sizes)
        counts = np.bincount(self._buckets, minlength=len(self.lengths))
        self.batches_per_epoch = int((-(-counts // batch_size)).sum())
        self._lock = threading.Lock()
        self._epochs: dict[int, list[tuple[int, np.ndarray, np.ndarray]]] = {}

    @property
    def digest(self) -> str:
        """Identifies this plan; a run is resumed only with the same."""
        told = (self.lengths, self.batch_size, self.seed, self.is_training)
        return hashlib.sha256(repr(told).encode() + self.frames.tobytes()).hexdigest()

    def __len__(self) -> int:
        return self.batches_per_epoch * self.epochs

    def __getitem__(self, index: int) -> BatchContent:
        if not 0 <= index < len(self):
            raise IndexError(f"batch must be in [0, {len(self)}), got {index}")
        epoch, place = divmod(index, self.batches_per_epoch)
        bucket, members, starts = self._epoch(epoch)[place]
        return BatchContent(
            epoch=epoch,
            frames=self.lengths[bucket],
            windows=tuple(
                Window(
                    record=int(self._records[member]),
                    start=int(start),
                    frames=int(self._sizes[member]),
                )
                for member, start in zip(members, starts, strict=True)
            ),
        )

    def _epoch(self, epoch: int) -> list[tuple[int, np.ndarray, np.ndarray]]:
        # Threads that read ahead are in two epochs at most.
        with self._lock:
            if epoch not in self._epochs:
                for old in sorted(self._epochs)[:-1]:
                    del self._epochs[old]
                self._epochs[epoch] = self._arrange(epoch)
            return self._epochs[epoch]

    def _arrange(self, epoch: int) -> list[tuple[int, np.ndarray, np.ndarray]]:
        """Return bucket, windows and their starts for each batch of an epoch."""
        generator = np.random.default_rng((self.seed, epoch))
        order, starts = np.arange(len(self._records)), self._starts
        if self.is_training:
            order = generator.permutation(order)
            starts = generator.integers(0, self.frames[self._records] - self._sizes + 1)
        batches = []
        for bucket in range(len(self.lengths)):
            members = order[self._buckets[order] == bucket]
            for first in range(0, len(members), self.batch_size):
                chosen = members[first : first + self.batch_size]
                batches.append((bucket, chosen, starts[chosen]))
        if self.is_training:
            batches = [batches[i] for i in generator.permutation(len(batches))]
        return batches
