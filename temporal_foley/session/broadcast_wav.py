"""Write broadcast WAV files: 24-bit samples at 48 kHz, with metadata.

A `bext` chunk (EBU Tech 3285, version 1) and an `iXML` chunk (Gallery's iXML 2.0).
"""

import dataclasses
import struct
from collections.abc import Iterable
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from jaxtyping import Int

from temporal_foley.session.timecode import EditRate
from temporal_foley.sound.signal.wav import WavWriter
from temporal_foley.timegrid import SAMPLE_RATE_HZ

_BYTES_A_SAMPLE = 3


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
    with WavWriter(path, samples, channels, broadcast_chunks(notes, channels)) as file:
        for block in blocks:
            if block.any():
                file.write(block)
            else:
                file.skip(len(block))


def broadcast_chunks(notes: SoundNotes, channels: int = 2) -> bytes:
    """Return the chunks that make a WAV file a broadcast WAV file."""
    return _chunk(b"bext", _bext(notes, channels)) + _chunk(b"iXML", _ixml(notes, channels))


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
