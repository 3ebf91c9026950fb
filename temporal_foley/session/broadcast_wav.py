"""Write broadcast WAV files: 24-bit samples at 48 kHz, with metadata.

RIFF/WAVE with a `bext` chunk (EBU Tech 3285, version 1) and an `iXML` chunk (Gallery's iXML 2.0);
above 4 GiB RF64 (EBU Tech 3306). Files have no date: the same sound gives the same bytes.
"""

import dataclasses
import os
import struct
from collections.abc import Iterable
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from jaxtyping import Int

from temporal_foley.session.timecode import EditRate
from temporal_foley.timegrid import SAMPLE_RATE_HZ

_BYTES_A_SAMPLE = 3
_RIFF_LIMIT = (1 << 32) - 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class SoundNotes:
    """The metadata of a file: its name, its time of day, and its channels."""

    description: str
    project: str
    track_name: str
    time_reference: int
    """Samples from midnight to the first sample."""
    edit: EditRate


def write_broadcast_wav(
    path: Path,
    blocks: Iterable[Int[np.ndarray, "_ channels"]],
    notes: SoundNotes,
    *,
    samples: int,
    channels: int,
) -> None:
    """Write 24-bit samples as a broadcast WAV file; silence becomes holes in the file.

    Raises:
        ValueError: The blocks have another number of samples than `samples`.
    """
    header = _header(samples, channels, notes)
    size = samples * channels * _BYTES_A_SAMPLE
    written = 0
    with path.open("wb") as file:
        file.write(header)
        for block in blocks:
            written += len(block)
            if not block.any():
                file.seek(len(block) * channels * _BYTES_A_SAMPLE, os.SEEK_CUR)
                continue
            whole = np.ascontiguousarray(block, "<i4").view(np.uint8).reshape(-1, 4)
            file.write(np.ascontiguousarray(whole[:, :_BYTES_A_SAMPLE]).data)
        if written != samples:
            raise ValueError(f"{path.name} must hold {samples} samples, got {written}")
        file.truncate(len(header) + size + size % 2)


def _header(samples: int, channels: int, notes: SoundNotes) -> bytes:
    block = channels * _BYTES_A_SAMPLE
    data_bytes = samples * block
    rates = (SAMPLE_RATE_HZ, SAMPLE_RATE_HZ * block, block, 8 * _BYTES_A_SAMPLE)
    form = struct.pack("<HHIIHH", 1, channels, *rates)
    chunks = _chunk(b"bext", _bext(notes, channels)) + _chunk(b"iXML", _ixml(notes, channels))
    chunks += _chunk(b"fmt ", form)
    riff_bytes = 4 + len(chunks) + 8 + data_bytes + data_bytes % 2
    if riff_bytes <= _RIFF_LIMIT:
        start = struct.pack("<4sI4s", b"RIFF", riff_bytes, b"WAVE")
        return start + chunks + struct.pack("<4sI", b"data", data_bytes)
    sizes = struct.pack("<QQQI", riff_bytes + 36, data_bytes, samples, 0)
    start = struct.pack("<4sI4s", b"RF64", _RIFF_LIMIT, b"WAVE") + _chunk(b"ds64", sizes)
    return start + chunks + struct.pack("<4sI", b"data", _RIFF_LIMIT)


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack("<4sI", name, len(content)) + content + b"\0" * (len(content) % 2)


def _bext(notes: SoundNotes, channels: int) -> bytes:
    mode = "mono" if channels == 1 else "stereo"
    history = f"A=PCM,F={SAMPLE_RATE_HZ},W={8 * _BYTES_A_SAMPLE},M={mode},T=temporal-foley\r\n"
    low, high = notes.time_reference & 0xFFFFFFFF, notes.time_reference >> 32
    return struct.pack(
        "<256s32s32s10s8sIIH64s190s",
        # The standard knows ASCII only; the iXML chunk has the names as they are.
        notes.description.encode("ascii", "replace")[:256],
        b"temporal-foley",
        notes.track_name.encode("ascii", "replace")[:32],
        b"",
        b"",
        low,
        high,
        1,
        b"",
        b"",
    ) + history.encode("ascii")


def _ixml(notes: SoundNotes, channels: int) -> bytes:
    edit = notes.edit
    sides = ("",) if channels == 1 else (" L", " R")
    tracks = "".join(
        f"<TRACK><CHANNEL_INDEX>{index}</CHANNEL_INDEX>"
        f"<INTERLEAVE_INDEX>{index}</INTERLEAVE_INDEX>"
        f"<NAME>{escape(notes.track_name + side)}</NAME></TRACK>"
        for index, side in enumerate(sides, 1)
    )
    speed = f"{edit.rate.numerator}/{edit.rate.denominator}"
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        "<BWFXML><IXML_VERSION>2.10</IXML_VERSION>"
        f"<PROJECT>{escape(notes.project)}</PROJECT>"
        f"<NOTE>{escape(notes.description)}</NOTE>"
        f"<SPEED><MASTER_SPEED>{speed}</MASTER_SPEED><CURRENT_SPEED>{speed}</CURRENT_SPEED>"
        f"<TIMECODE_RATE>{speed}</TIMECODE_RATE>"
        f"<TIMECODE_FLAG>{'DF' if edit.drop else 'NDF'}</TIMECODE_FLAG>"
        f"<FILE_SAMPLE_RATE>{SAMPLE_RATE_HZ}</FILE_SAMPLE_RATE>"
        f"<AUDIO_BIT_DEPTH>{8 * _BYTES_A_SAMPLE}</AUDIO_BIT_DEPTH>"
        f"<DIGITIZER_SAMPLE_RATE>{SAMPLE_RATE_HZ}</DIGITIZER_SAMPLE_RATE>"
        "<TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI>"
        f"{notes.time_reference >> 32}</TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI>"
        "<TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO>"
        f"{notes.time_reference & 0xFFFFFFFF}</TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO>"
        f"<TIMESTAMP_SAMPLE_RATE>{SAMPLE_RATE_HZ}</TIMESTAMP_SAMPLE_RATE></SPEED>"
        f"<TRACK_LIST><TRACK_COUNT>{channels}</TRACK_COUNT>{tracks}</TRACK_LIST></BWFXML>"
    )
    return text.encode("utf-8")
