"""Write one stem or the mix to a WAV file, and measure it meanwhile."""

import dataclasses
import math
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from temporal_foley.sound.signal.loudness import HOP, LoudnessMeter
from temporal_foley.sound.signal.wav import FULL_SCALE, WavWriter
from temporal_foley.sound.signal.waveform import Envelope, WaveformPen

# As long as the meter's window: more silence after it changes nothing.
_SILENCE = np.zeros((4 * HOP, 2), np.float32)


class WavName(NamedTuple):
    """The name of a sound file, and the RIFF chunks that describe it."""

    name: str
    chunks: bytes = b""


def bare_name(stem: str) -> WavName:
    """Return the name of a stem's file where nothing more is known of it."""
    return WavName(f"{stem}.wav")


@dataclasses.dataclass(frozen=True, kw_only=True)
class StemReport:
    """Levels and waveform of a written file; levels are None if it is silent."""

    name: str
    path: Path
    peak_dbfs: float | None
    loudness_lufs: float | None
    true_peak_dbtp: float | None
    envelope: Envelope

    def moved(self, old: Path, new: Path) -> "StemReport":
        """Return the report of the same file in another folder."""
        return dataclasses.replace(self, path=new / self.path.relative_to(old))


class StemFile:
    """A stem file being written; after its `with` block it is complete or does not exist."""

    def __init__(self, name: str, path: Path, samples: int, chunks: bytes = b""):
        self.name = name
        self._writer = WavWriter(path, samples, chunks=chunks)
        self._meter = LoudnessMeter()
        self._pen = WaveformPen(samples)
        self._peak = 0
        self._written = 0
        self._was_silent = False

    def write(self, block: Int[np.ndarray, "samples 2"]) -> None:
        """Append a block of 24-bit samples."""
        scaled = (block / FULL_SCALE).astype(np.float32)
        self._writer.write(block)
        self._meter.push(scaled)
        self._pen.draw(self._written, scaled)
        self._peak = max(self._peak, int(np.abs(block).max(initial=0)))
        self._written += len(block)
        self._was_silent = False

    def skip(self, samples: int) -> None:
        """Append silence, a whole number of meter hops long or the last of the stem."""
        self._writer.skip(samples)
        if not self._was_silent:
            self._meter.push(_SILENCE[:samples])
        self._written += samples
        self._was_silent = True

    def report(self) -> StemReport:
        """Return the measurements; call it once, after the last block."""
        loudness, true_peak = self._meter.finish()
        peak = 20.0 * math.log10(self._peak / FULL_SCALE) if self._peak else None
        return StemReport(
            name=self.name,
            path=self._writer.path,
            peak_dbfs=peak,
            loudness_lufs=loudness,
            true_peak_dbtp=true_peak,
            envelope=self._pen.envelope,
        )

    def __enter__(self) -> "StemFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.__exit__(kind, error, trace)
