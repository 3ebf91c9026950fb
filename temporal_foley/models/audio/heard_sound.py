"""Decode and embed a video's own sound once, for detection and for timing."""

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from temporal_foley.files.cache import Memory
from temporal_foley.spotting.own_sound.onset_strength import LevelMeter, SoundLevels

if TYPE_CHECKING:
    # Importing the networks takes about a second.
    from temporal_foley.models.audio.columns import ColumnEncoder

Block = Float[np.ndarray, "_ channels"] | Float[np.ndarray, " _"]
Columns = Float[np.ndarray, "columns features"]


class HeardSound:
    """A sound at 32 kHz that is read when it is first needed; its embeddings and levels are kept.

    A detector that knows it takes `columns`; another reads its blocks, which decodes it again.
    """

    def __init__(
        self, read: Callable[[], Iterable[Block]], samples: int, memory: Memory | None = None
    ):
        """Take a function that reads the sound from time 0 on, and the length that counts.

        Args:
            read: Called for each pass over the sound.
            samples: Length at 32 kHz.
            memory: Where embeddings and levels are kept for the next run.
        """
        self.samples = samples
        self._read = read
        self._memory = memory or Memory()
        self._levels: SoundLevels | None = None
        self._meter = LevelMeter()
        self._peak: float | None = None
        self._columns: dict[str, Columns] = {}
        self._ahead: threading.Thread | None = None
        self._error: BaseException | None = None
        self._is_stopped = False

    def __iter__(self) -> Iterator[Block]:
        return iter(self._read())

    def columns(self, encoder: "ColumnEncoder") -> Columns:
        """Return the embedding of each column by an audio network."""
        if self._ahead is not None:
            self._ahead.join()
            self._ahead = None
            if self._error is not None:
                raise self._error
        return self._known_columns(encoder)

    @contextlib.contextmanager
    def embedding_ahead(self, encoder: "ColumnEncoder") -> Iterator[None]:
        """Embed the sound in a thread, for which `columns` waits; leaving the context ends it."""

        def embed() -> None:
            try:
                self._known_columns(encoder)
            except BaseException as error:  # Whatever it is, it belongs to who asks for columns.
                self._error = error

        thread = threading.Thread(target=embed, name="listen", daemon=True)
        self._ahead = thread
        thread.start()
        try:
            yield
        except BaseException:
            self._is_stopped = True
            raise
        finally:
            thread.join()

    def _known_columns(self, encoder: "ColumnEncoder") -> Columns:
        if encoder.sha256 not in self._columns:
            kept = self._recall(encoder)
            self._columns[encoder.sha256] = self._embed(encoder) if kept is None else kept
        return self._columns[encoder.sha256]

    def _recall(self, encoder: "ColumnEncoder") -> Columns | None:
        kept = self._memory.recall("sound", encoder.sha256, self.samples)
        if kept is None:
            return None
        self._peak = float(kept["peak"])
        self._levels = SoundLevels(bands_db=kept["levels"])
        return kept["columns"]

    def _embed(self, encoder: "ColumnEncoder") -> Columns:
        columns = encoder.column_embeddings(self._mono(), self.samples)
        kept = {"columns": columns, "peak": np.array(self.peak), "levels": self.levels.bands_db}
        self._memory.keep(kept, "sound", encoder.sha256, self.samples)
        return columns

    @property
    def peak(self) -> float:
        """Highest absolute sample of what was read; `columns` comes first."""
        if self._peak is None:
            raise ValueError("peak must be read after columns")
        return self._peak

    @property
    def levels(self) -> SoundLevels:
        """Levels of what was read; `columns` comes first."""
        return self._meter.levels() if self._levels is None else self._levels

    def _mono(self) -> Iterator[Float[np.ndarray, " _"]]:
        """Pass the sound on as mono, and measure it the first time."""
        is_first = self._peak is None
        self._peak = self._peak or 0.0
        for block in self:
            mono = block if block.ndim == 1 else block.mean(axis=1)
            if is_first:
                self._peak = max(self._peak, float(np.abs(mono).max(initial=0.0)))
                self._meter.add(mono)
            if self._is_stopped:
                raise InterruptedError("no longer needed")
            yield mono
