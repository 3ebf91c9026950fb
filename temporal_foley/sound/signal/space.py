"""The spaces that sounds are heard in: a name in; the answer of that space to a click out.

Velvet noise, sparse pulses of either sign, sounds as smooth as white noise and is made of seeded
chance alone (M. Karjalainen and H. Järveläinen, "Reverberation modeling using velvet noise", AES
30th Conference, 2007). Each octave of it dies away in a time of its own (J.-M. Jot and A. Chaigne,
AES 90th Convention, 1991), and both sides are made apart, so that the space is wide.
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Literal

import numpy as np
from jaxtyping import Float

from temporal_foley.sound.signal.fades import smooth_step
from temporal_foley.timegrid import SAMPLE_RATE_HZ
from temporal_foley.timeline import Cue

Space = Literal["none", "indoor", "outdoor"]
SPACES: tuple[Space, ...] = ("none", "indoor", "outdoor")

RESPONSE = 7 * SAMPLE_RATE_HZ // 10
"""Samples of a response."""
OCTAVES_HZ = (125, 250, 500, 1000, 2000, 4000, 8000)
FAR_DB = 4.0
"""So much more of the space is heard with what distance has made dull."""

_PULSES_HZ = 2400
_LOWEST_HZ = 80.0
_FADED = RESPONSE // 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Shape:
    """What tells a space from another."""

    delay_s: float
    """Until the first of it comes back."""
    build_up_s: float
    decay_s: tuple[float, ...]
    """Seconds in which each octave falls by 60 dB."""
    octaves_db: tuple[float, ...]
    send_db: Mapping[str, float]
    """How loud it is beside the sound itself, for each bus; backgrounds bring their own space."""
    seed: int


_SHAPES: Mapping[str, _Shape] = {
    # A furnished room of some 50 cubic metres.
    "indoor": _Shape(
        delay_s=0.004,
        build_up_s=0.006,
        decay_s=(0.55, 0.5, 0.45, 0.42, 0.4, 0.34, 0.26),
        octaves_db=(-3.0, 0.0, 0.0, -1.0, -3.0, -6.0, -11.0),
        send_db={"hard_effects": -14.0, "foley": -11.0},
        seed=1,
    ),
    # A street or the edge of a wood: little comes back, late, and dull.
    "outdoor": _Shape(
        delay_s=0.03,
        build_up_s=0.08,
        decay_s=(0.5, 0.7, 0.8, 0.75, 0.6, 0.4, 0.25),
        octaves_db=(-6.0, -1.0, 0.0, -1.0, -4.0, -9.0, -16.0),
        send_db={"hard_effects": -20.0, "foley": -26.0},
        seed=2,
    ),
}


def send_gain(space: Space, bus: str, cue: Cue) -> float:
    """Return how much of a cue goes into a space; 0: none of it."""
    send_db = _SHAPES[space].send_db.get(bus) if space != "none" else None
    if send_db is None:
        return 0.0
    return 10.0 ** ((send_db + (0.0 if cue.lowpass_hz is None else FAR_DB)) / 20.0)


@functools.cache
def space_response(space: Space) -> Float[np.ndarray, "samples 2"]:
    """Return what a space answers to a click, with a power of 1 on each side."""
    shape = _SHAPES[space]
    rng = np.random.default_rng(shape.seed)
    sides = np.stack([_side(shape, rng) for _ in range(2)], axis=-1)
    sides = sides / np.sqrt((sides**2).sum(axis=0))
    sides.setflags(write=False)
    return sides


def _side(shape: _Shape, rng: np.random.Generator) -> Float[np.ndarray, " samples"]:
    seconds = np.arange(RESPONSE) / SAMPLE_RATE_HZ
    delay = round(shape.delay_s * SAMPLE_RATE_HZ)
    since = np.maximum(seconds - shape.delay_s, 0.0)
    noise = _velvet(RESPONSE, rng)
    out = np.zeros(RESPONSE)
    for band, decay_s, level_db in zip(
        _octaves(noise), shape.decay_s, shape.octaves_db, strict=True
    ):
        out += band * 10.0 ** (level_db / 20.0 - 3.0 * since / decay_s)
    out *= 1.0 - np.exp(-since / shape.build_up_s)
    out[:delay] = 0.0
    return out * smooth_step((RESPONSE - 1 - np.arange(RESPONSE)) / _FADED)


def _velvet(samples: int, rng: np.random.Generator) -> Float[np.ndarray, " samples"]:
    """Return pulses of either sign, one at any place of each little stretch."""
    stretch = SAMPLE_RATE_HZ // _PULSES_HZ
    starts = np.arange(0, samples - stretch, stretch)
    places = starts + (rng.random(len(starts)) * stretch).astype(int)
    out = np.zeros(samples)
    out[places] = np.where(rng.random(len(starts)) < 0.5, -1.0, 1.0)
    return out


def _octaves(noise: Float[np.ndarray, " samples"]) -> list[Float[np.ndarray, " samples"]]:
    """Split a sound into octaves that sum up to it, above the lowest frequency."""
    # Twice as long: the filters reach over the ends, and what does must not come round.
    spectrum = np.fft.rfft(noise, 2 * len(noise))
    hz = np.fft.rfftfreq(2 * len(noise), 1.0 / SAMPLE_RATE_HZ)
    octave = np.log2(np.maximum(hz, 1.0) / OCTAVES_HZ[0])
    bands = []
    for number in range(len(OCTAVES_HZ)):
        rising = 1.0 if number == 0 else smooth_step(octave - number + 1.0)
        falling = 0.0 if number == len(OCTAVES_HZ) - 1 else smooth_step(octave - number)
        mask = (rising - falling) * (hz >= _LOWEST_HZ)
        bands.append(np.fft.irfft(spectrum * mask)[: len(noise)])
    return bands
