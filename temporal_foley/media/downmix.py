"""Mix any layout of loudspeakers down to stereo or mono, at the same level."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float32

_HALF_POWER = math.sqrt(0.5)

# How much of each loudspeaker goes left and right, after ITU-R BS.775-4, annex 4. The channel of
# low-frequency effects is left out, as there. Height and wide loudspeakers (ITU-R BS.2051) go to
# their side like surrounds.
_TO_STEREO: dict[str, tuple[float, float]] = {
    "FL": (1.0, 0.0),
    "FR": (0.0, 1.0),
    "FC": (_HALF_POWER, _HALF_POWER),
    "BL": (_HALF_POWER, 0.0),
    "BR": (0.0, _HALF_POWER),
    "SL": (_HALF_POWER, 0.0),
    "SR": (0.0, _HALF_POWER),
    "BC": (0.5, 0.5),
    "FLC": (1.0, 0.0),
    "FRC": (0.0, 1.0),
    "DL": (1.0, 0.0),
    "DR": (0.0, 1.0),
    "TFL": (_HALF_POWER, 0.0),
    "TFR": (0.0, _HALF_POWER),
    "TSL": (_HALF_POWER, 0.0),
    "TSR": (0.0, _HALF_POWER),
    "TBL": (_HALF_POWER, 0.0),
    "TBR": (0.0, _HALF_POWER),
    "TTL": (_HALF_POWER, 0.0),
    "TTR": (0.0, _HALF_POWER),
    "WL": (_HALF_POWER, 0.0),
    "WR": (0.0, _HALF_POWER),
    "SDL": (_HALF_POWER, 0.0),
    "SDR": (0.0, _HALF_POWER),
    "SSL": (_HALF_POWER, 0.0),
    "SSR": (0.0, _HALF_POWER),
    "BFL": (_HALF_POWER, 0.0),
    "BFR": (0.0, _HALF_POWER),
    "TFC": (0.5, 0.5),
    "TC": (0.5, 0.5),
    "TBC": (0.5, 0.5),
    "BFC": (0.5, 0.5),
    "LFE": (0.0, 0.0),
    "LFE2": (0.0, 0.0),
}

# What channels without a name are taken for, by their number, as FFmpeg does: PCM in AVI and
# Matroska tells no more.
_USUAL = {
    2: ("FL", "FR"),
    3: ("FL", "FR", "LFE"),
    4: ("FL", "FR", "FC", "BC"),
    5: ("FL", "FR", "FC", "BL", "BR"),
    6: ("FL", "FR", "FC", "LFE", "BL", "BR"),
    7: ("FL", "FR", "FC", "LFE", "BC", "SL", "SR"),
    8: ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
}


def downmix_matrix(layout: Sequence[str], channels: int) -> Float32[np.ndarray, "source channels"]:
    """Return the weights from the loudspeakers of a layout to 1 or 2 channels.

    A single channel keeps its level on both sides, and equal sides keep theirs in mono. Where no
    channel has a name the usual layout of that number is meant; other loudspeakers without a known
    place are shared between the sides.
    """
    if all(name == "NONE" for name in layout):
        layout = _USUAL.get(len(layout), layout)
    if len(layout) == 1:
        stereo = np.ones((1, 2), np.float32)
    else:
        weights = [_TO_STEREO.get(name, (_HALF_POWER, _HALF_POWER)) for name in layout]
        stereo = np.array(weights, np.float32)
    return stereo if channels == 2 else stereo.mean(axis=1, keepdims=True)


def to_float(samples: np.ndarray) -> Float[np.ndarray, "..."]:
    """Scale integer samples to [-1, 1)."""
    if samples.dtype.kind == "f":
        return samples.astype(np.float32, copy=False)
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128.0) / 128.0
    return samples.astype(np.float32) / float(2 ** (8 * samples.dtype.itemsize - 1))
