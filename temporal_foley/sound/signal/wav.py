"""Write a 24-bit WAV file at 48 kHz as a stream, with silence as holes in the file.

Files have no date: the same sound gives the same bytes.

The layout is Microsoft's RIFF/WAVE, or RF64 (EBU Tech 3306) above 4 GiB.
"""

import os
import struct
from pathlib import Path
from types import TracebackType

import numpy as np
from jaxtyping import Float, Int

from temporal_foley.timegrid import SAMPLE_RATE_HZ

FULL_SCALE = 1 << 23
"""The 24-bit value of 1.0; the largest value that can be written is one less."""

_BYTES_A_SAMPLE = 3
_RIFF_LIMIT = (1 << 32) - 1


def quantise(
    samples: Float[np.ndarray, "samples channels"], gain: float = 1.0
) -> Int[np.ndarray, "samples channels"]:
    """Round to 24-bit samples after a gain.

    There is no dither: the rounding is 24 dB below the noise of the best converters, and without
    dither silence stays exactly silent, sums of stems are exact, and runs are reproducible.
    """
    whole = np.rint(np.multiply(samples, gain * FULL_SCALE, dtype=np.float64))
    return np.clip(whole, -FULL_SCALE, FULL_SCALE - 1).astype(np.int32)


class WavWriter:
    """Writer of a WAV file of known length, which gets its name when it is complete.

    `chunks` is metadata, as whole RIFF chunks that come before the sound.
    """

    def __init__(self, path: Path, samples: int, channels: int = 2, chunks: bytes = b""):
        self.path = path
        self.samples = samples
        self.channels = channels
        self._part = path.with_name(path.name + ".part")
        self._written = 0
        self._header = _header(samples, channels, chunks)
        self._file = self._part.open("wb")
        self._file.write(self._header)

    def write(self, samples: Int[np.ndarray, "samples channels"]) -> None:
        """Append 24-bit samples."""
        self._count(len(samples))
        whole = np.ascontiguousarray(samples, "<i4").view(np.uint8).reshape(-1, 4)
        packed = np.empty((len(whole), _BYTES_A_SAMPLE), np.uint8)
        # Byte by byte: numpy copies rows of three bytes several times slower.
        for byte in range(_BYTES_A_SAMPLE):
            packed[:, byte] = whole[:, byte]
        self._file.write(packed.data)

    def skip(self, samples: int) -> None:
        """Append silence as a hole in the file, which reads as zeros and takes no space."""
        self._count(samples)
        self._file.seek(samples * self.channels * _BYTES_A_SAMPLE, os.SEEK_CUR)

    def finish(self) -> None:
        """Extend the file to its full length and rename it."""
        if self._written != self.samples:
            self.discard()
            raise ValueError(f"{self.path} must hold {self.samples} samples, got {self._written}")
        data_bytes = self.samples * self.channels * _BYTES_A_SAMPLE
        self._file.truncate(len(self._header) + data_bytes + data_bytes % 2)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self._part, self.path)

    def discard(self) -> None:
        """Remove the unfinished file."""
        self._file.close()
        self._part.unlink(missing_ok=True)

    def __enter__(self) -> "WavWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.finish()
        else:
            self.discard()

    def _count(self, samples: int) -> None:
        if self._written + samples > self.samples:
            raise ValueError(f"{self.path} must hold {self.samples} samples, got more")
        self._written += samples


def _header(samples: int, channels: int, chunks: bytes) -> bytes:
    block = channels * _BYTES_A_SAMPLE
    data_bytes = samples * block
    chunks += struct.pack(
        "<4sIHHIIHH",
        *(b"fmt ", 16, 1, channels, SAMPLE_RATE_HZ, SAMPLE_RATE_HZ * block, block),
        8 * _BYTES_A_SAMPLE,
    )
    riff_bytes = 4 + len(chunks) + 8 + data_bytes + data_bytes % 2
    if riff_bytes <= _RIFF_LIMIT:
        riff = struct.pack("<4sI4s", b"RIFF", riff_bytes, b"WAVE")
        return riff + chunks + struct.pack("<4sI", b"data", data_bytes)
    ds64 = struct.pack("<4sIQQQI", b"ds64", 28, riff_bytes + 36, data_bytes, samples, 0)
    riff = struct.pack("<4sI4s", b"RF64", _RIFF_LIMIT, b"WAVE")
    return riff + ds64 + chunks + struct.pack("<4sI", b"data", _RIFF_LIMIT)
