"""Encode pictures, sounds, curves and JSON as text inside an HTML page."""

import base64
import io
import json
from typing import Any

import av
import numpy as np
from jaxtyping import Float, UInt8

from temporal_foley.timegrid import SAMPLE_RATE_HZ

PEAK_COLUMN = 480
"""Samples per byte of a waveform: the script relies on it."""

_BIT_RATE_A_CHANNEL = 48_000
_PICTURE_ROWS = 360
_PICTURE_QUALITY = 80


def script_json(value: Any) -> str:
    """Return JSON that is safe inside a script element, whatever the names contain.

    No text in it ends the element or opens a comment in it (HTML standard, 4.12.1.3), and none is a
    line end for JavaScript alone.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def bytes_text(values: Float[np.ndarray, " values"]) -> str:
    """Return values from 0 to 1 as one byte each, in base64."""
    whole = np.rint(np.clip(np.nan_to_num(values), 0.0, 1.0) * 255.0).astype(np.uint8)
    return base64.b64encode(whole.tobytes()).decode("ascii")


def peaks_text(samples: Float[np.ndarray, "samples channels"]) -> str:
    """Return the peak of every `PEAK_COLUMN` samples as one byte each, in base64."""
    level = np.abs(samples).max(axis=1)
    starts = np.arange(0, len(level), PEAK_COLUMN)
    return bytes_text(np.maximum.reduceat(level, starts))


def sound_text(samples: Float[np.ndarray, "samples channels"]) -> str:
    """Return a sound as Ogg Opus (RFC 7845) in base64: every browser decodes it to the sample."""
    channels = samples.shape[1]
    layout = "mono" if channels == 1 else "stereo"
    # Full scale is all that the encoder takes.
    whole = np.ascontiguousarray(np.clip(samples, -1.0, 1.0), np.float32).reshape(1, -1)
    file = io.BytesIO()
    # Bit-exact: else the stream gets a number by chance, and no two pages are the same.
    with av.open(file, "w", format="ogg", options={"fflags": "+bitexact"}) as container:
        # A quick search: it is for listening to cues, the stems are made from the takes.
        options = {"compression_level": "2"}
        stream = container.add_stream(
            "libopus", rate=SAMPLE_RATE_HZ, layout=layout, options=options
        )
        stream.bit_rate = _BIT_RATE_A_CHANNEL * channels
        frame = av.AudioFrame.from_ndarray(whole, format="flt", layout=layout)
        frame.sample_rate = SAMPLE_RATE_HZ
        frame.pts = 0
        for part in (frame, None):
            for packet in stream.encode(part):
                container.mux(packet)
    return base64.b64encode(file.getvalue()).decode("ascii")


def picture_text(image: UInt8[np.ndarray, "rows columns 3"], shape: float) -> str:
    """Return a small picture as JPEG in base64, with the aspect ratio `shape`."""
    import cv2

    rows = min(len(image), _PICTURE_ROWS)
    size = (max(1, round(rows * shape)), rows)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _PICTURE_QUALITY]
    )
    if not done:
        raise ValueError(f"image must be a picture, got {image.shape}")
    return base64.b64encode(data.tobytes()).decode("ascii")
