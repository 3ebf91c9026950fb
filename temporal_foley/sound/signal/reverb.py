"""Add the reverberation of a room or of the outdoors.

The response is velvet noise: sparse pulses of random sign, which sound as smooth as white noise
(M. Karjalainen and H. Järveläinen, "Reverberation modeling using velvet noise", AES 30th
Conference, 2007). Each octave decays at its own rate (J.-M. Jot and A. Chaigne, AES 90th
Convention, 1991), and the two sides are independent, so that the reverberation is wide.

It is convolved by overlap-save (Oppenheim and Schafer, Discrete-Time Signal Processing, 1989) in
pieces at fixed places of the timeline: there is no state to carry, and a stretch does not depend on
how it is requested.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
from jaxtyping import Complex, Float

from temporal_foley.sound.levels import MixLevels
from temporal_foley.sound.signal.fades import smooth_step
from temporal_foley.timegrid import SAMPLE_RATE_HZ
from temporal_foley.timeline import Cue

Space = Literal["none", "indoor", "outdoor"]
SPACES: tuple[Space, ...] = ("none", "indoor", "outdoor")

RESPONSE = 7 * SAMPLE_RATE_HZ // 10
"""Samples of a response."""
OCTAVES_HZ = (125, 250, 500, 1000, 2000, 4000, 8000)
INDOOR_DECAY_S = 0.42
"""Reverberation time of the room at 1 kHz."""
FAR_DB = 4.0
"""Extra reverberation for cues that distance has made dull."""

_PULSES_HZ = 2400
_LOWEST_HZ = 80.0
_FADED = RESPONSE // 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Shape:
    """The parameters of a space."""

    delay_s: float
    """Time until the first reflection."""
    build_up_s: float
    decay_s: tuple[float, ...]
    """Seconds over which each octave falls by 60 dB."""
    octaves_db: tuple[float, ...]
    seed: int


_SHAPES: Mapping[str, _Shape] = {
    # A furnished room of about 50 cubic metres.
    "indoor": _Shape(
        delay_s=0.004,
        build_up_s=0.006,
        decay_s=(0.55, 0.5, 0.45, 0.42, 0.4, 0.34, 0.26),
        octaves_db=(-3.0, 0.0, 0.0, -1.0, -3.0, -6.0, -11.0),
        seed=1,
    ),
    # A street or the edge of a wood: reflections are weak, late and dull.
    "outdoor": _Shape(
        delay_s=0.03,
        build_up_s=0.08,
        decay_s=(0.5, 0.7, 0.8, 0.75, 0.6, 0.4, 0.25),
        octaves_db=(-6.0, -1.0, 0.0, -1.0, -4.0, -9.0, -16.0),
        seed=2,
    ),
}


def send_gain(space: Space, bus: str, cue: Cue, levels: MixLevels) -> float:
    """Return the gain at which a cue is sent into a space; 0 for none."""
    if space == "none" or bus == "backgrounds":
        return 0.0
    send_db = getattr(levels, f"{space}_{bus}_db")
    return 10.0 ** ((send_db + (0.0 if cue.lowpass_hz is None else FAR_DB)) / 20.0)


@functools.cache
def space_response(space: Space, decay: float = 1.0) -> Float[np.ndarray, "samples 2"]:
    """Return the impulse response of a space, with a power of 1 on each side.

    `decay` scales its reverberation time.
    """
    shape = _SHAPES[space]
    shape = dataclasses.replace(shape, decay_s=tuple(decay * own for own in shape.decay_s))
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
    """Return pulses of random sign, one at a random place of each short interval."""
    stretch = SAMPLE_RATE_HZ // _PULSES_HZ
    starts = np.arange(0, samples - stretch, stretch)
    places = starts + (rng.random(len(starts)) * stretch).astype(int)
    out = np.zeros(samples)
    out[places] = np.where(rng.random(len(starts)) < 0.5, -1.0, 1.0)
    return out


def _octaves(noise: Float[np.ndarray, " samples"]) -> list[Float[np.ndarray, " samples"]]:
    """Split a sound into octaves whose sum is the sound above the lowest frequency."""
    # Padded to twice the length: what the filters spread over the ends must not wrap around.
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


PIECE = 96_000
_SIZE = 131_072
_ROUNDING = 2.0**-40
assert PIECE + RESPONSE - 1 <= _SIZE

Send = Callable[[int, int], Float[np.ndarray, "samples 2"] | None]
"""Return the sound sent into the space between two samples of the timeline, None for silence."""


def reverberate(
    send: Send, space: Space, start: int, stop: int, decay: float = 1.0
) -> Float[np.ndarray, "samples 2"] | None:
    """Return the samples `[start, stop)` of the reverberation; None where it is silent."""
    out = np.zeros((stop - start, 2))
    is_audible = False
    for first in range(start // PIECE * PIECE, stop, PIECE):
        piece = _piece(send, space, first, decay)
        if piece is None:
            continue
        is_audible = True
        begin, end = max(start, first), min(stop, first + PIECE)
        out[begin - start : end - start] = piece[begin - first : end - first]
    return out if is_audible else None


def _piece(
    send: Send, space: Space, first: int, decay: float
) -> Float[np.ndarray, "samples 2"] | None:
    """Return the piece of the reverberation that begins at `first`."""
    # In double precision the rounding is far below the last bit of a stem.
    sent = np.zeros(_SIZE)
    begin = max(0, first - RESPONSE + 1)
    sound = send(begin, first + PIECE)
    if sound is None or not sound.any():
        return None
    at = begin - (first - RESPONSE + 1)
    # Reverberation comes from all sides, wherever the sound is panned.
    sent[at : at + len(sound)] = sound.sum(axis=1, dtype=np.float64) * np.sqrt(0.5)
    answer = np.fft.irfft(np.fft.rfft(sent)[:, None] * _spectrum(space, decay), _SIZE, axis=0)
    piece = answer[RESPONSE - 1 : RESPONSE - 1 + PIECE]
    # Remove the rounding noise of the transforms, so that silence is exactly silent.
    piece[np.abs(piece) < _ROUNDING] = 0.0
    return piece


@functools.cache
def _spectrum(space: Space, decay: float) -> Complex[np.ndarray, "bins 2"]:
    return np.fft.rfft(space_response(space, decay), _SIZE, axis=0)
