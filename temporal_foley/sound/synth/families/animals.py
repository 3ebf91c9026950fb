"""Make calls of animals: a source with a pitch curve, a vocal tract of a length, a moving mouth.

The length of the tract spaces the formants (Fitch, JASA 102(2), 1997); pitch, length and roughness
of the calls are those of published spectrograms of farm and wild animals.
"""

import dataclasses

import numpy as np

from temporal_foley.sound.synth.signals import (
    SPEED_OF_SOUND_M_S,
    Signal,
    add_at,
    breakpoints,
    count,
    fade,
    finish_take,
    highpass,
    log_uniform,
    normalise_peak,
    slow_noise,
    times,
)
from temporal_foley.sound.synth.voice import Formant, Throat, voice
from temporal_foley.sound.take import Take


@dataclasses.dataclass(frozen=True, kw_only=True)
class Call:
    """One call; curves are points over its length from 0 to 1."""

    hz: tuple[float, float]
    length_s: tuple[float, float]
    pitch: tuple[float, ...] = (1.0, 1.0)
    """Evenly spaced factors of the pitch."""
    strength: tuple[float, ...] = (0.0, 1.0, 0.8, 0.0)
    tract_m: float = 0.2
    mouth: tuple[float, ...] = (0.8, 1.1, 0.9)
    tilt: float = -6.0
    jitter: float = 0.03
    rough: float = 0.2
    """Subharmonics."""
    breath: float = 0.3
    tremble_hz: float = 0.0
    tremble: float = 0.0
    calls: tuple[int, int] = (1, 1)
    gap_s: tuple[float, float] = (0.1, 0.3)


KINDS = {
    "cow": Call(
        hz=(85, 150), length_s=(1.0, 2.0), pitch=(0.75, 0.95, 1.15, 1.1, 0.8), tract_m=0.42,
        strength=(0.0, 0.45, 0.9, 1.0, 0.5, 0.0), mouth=(0.55, 0.7, 1.15, 1.2, 0.9), rough=0.35,
        tilt=-7.0, breath=0.3,
    ),
    "sheep": Call(
        breath=0.6, hz=(190, 320), length_s=(0.5, 1.1), pitch=(1.0, 1.08, 1.0, 0.9), tract_m=0.22,
        strength=(0.0, 1.0, 0.9, 0.7, 0.0), mouth=(0.9, 1.2, 1.2, 1.0), tremble_hz=8.0,
        tremble=0.5, rough=0.4, tilt=-4.0,
    ),
    "goat": Call(
        hz=(250, 420), length_s=(0.4, 0.9), pitch=(1.0, 1.15, 1.0, 0.85), tract_m=0.17,
        strength=(0.0, 1.0, 0.9, 0.6, 0.0), mouth=(1.0, 1.25, 1.2, 1.0), tremble_hz=11.0,
        tremble=0.7, rough=0.3, tilt=-3.0,
    ),
    "pig": Call(
        hz=(60, 120), length_s=(0.12, 0.35), pitch=(1.0, 1.2, 0.8), tract_m=0.25, rough=0.9,
        jitter=0.15, breath=1.5, tilt=-5.0, calls=(2, 5), gap_s=(0.05, 0.25),
    ),
    "hen": Call(
        breath=0.8, hz=(380, 560), length_s=(0.06, 0.14), pitch=(0.9, 1.1, 0.95), tract_m=0.07,
        rough=0.5, calls=(4, 10), gap_s=(0.1, 0.3), tilt=-4.0,
    ),
    "duck": Call(
        hz=(170, 260), length_s=(0.12, 0.25), pitch=(1.0, 1.1, 0.95), tract_m=0.11, mouth=(1.1,
        1.4, 1.2), rough=0.6, jitter=0.05, breath=0.5, tilt=-2.0, calls=(2, 6), gap_s=(0.06, 0.2),
    ),
    "goose": Call(
        jitter=0.06, hz=(300, 460), length_s=(0.2, 0.4), pitch=(0.8, 1.2, 1.0), tract_m=0.1,
        mouth=(0.9, 1.3, 1.0), rough=0.9, breath=1.0, tilt=-2.5, calls=(1, 4), gap_s=(0.15, 0.4),
    ),
    "crow": Call(
        hz=(350, 520), length_s=(0.2, 0.4), pitch=(0.9, 1.05, 0.95), tract_m=0.07, strength=(0.0,
        1.0, 1.0, 0.7, 0.0), mouth=(1.0, 1.2, 1.0), rough=0.9, jitter=0.15, breath=1.8, tilt=-3.0,
        calls=(2, 5), gap_s=(0.2, 0.4),
    ),
    "owl": Call(
        hz=(300, 420), length_s=(0.25, 0.5), pitch=(0.97, 1.02, 0.98), tract_m=0.12, rough=0.0,
        jitter=0.004, breath=0.3, tilt=-20.0, calls=(2, 5), gap_s=(0.2, 0.6),
    ),
    "frog": Call(
        hz=(300, 700), length_s=(0.12, 0.3), pitch=(0.9, 1.05, 1.0), tract_m=0.07,
        tremble_hz=45.0, tremble=1.0, rough=0.5, tilt=-4.0, calls=(2, 6), gap_s=(0.2, 0.5),
    ),
    "lion": Call(
        hz=(55, 110), length_s=(1.2, 2.5), pitch=(0.8, 1.15, 1.0, 0.7), tract_m=0.4,
        strength=(0.0, 0.7, 1.0, 0.7, 0.0), mouth=(0.7, 1.2, 1.1, 0.7), rough=1.0, jitter=0.2,
        breath=1.5, tilt=-6.0,
    ),
    "elephant": Call(
        hz=(280, 450), length_s=(0.7, 1.6), pitch=(0.7, 1.25, 1.3, 1.0), tract_m=0.6, rough=0.7,
        jitter=0.06, breath=0.6, tilt=-2.0, strength=(0.0, 1.0, 1.0, 0.7, 0.0),
    ),
    "monkey": Call(
        hz=(500, 1100), length_s=(0.08, 0.22), pitch=(0.7, 1.3, 0.9), tract_m=0.1, rough=0.5,
        calls=(4, 10), gap_s=(0.05, 0.2), tilt=-3.0, mouth=(0.7, 1.3, 1.0),
    ),
    "wolf_howl": Call(
        hz=(320, 480), length_s=(2.5, 4.5), pitch=(0.6, 1.0, 1.15, 1.1, 1.0, 0.75), tract_m=0.2,
        strength=(0.0, 0.7, 1.0, 1.0, 0.8, 0.0), mouth=(0.6, 0.75, 0.8, 0.75), rough=0.0,
        jitter=0.008, breath=0.1, tilt=-11.0,
    ),
    "dog_growl": Call(
        hz=(55, 95), length_s=(0.8, 2.0), pitch=(0.9, 1.05, 1.0), tract_m=0.18, rough=1.0,
        jitter=0.15, breath=1.6, tilt=-7.0, mouth=(0.7, 0.8, 0.7), tremble_hz=24.0, tremble=0.4,
        strength=(0.0, 0.7, 1.0, 0.8, 0.0),
    ),
    "cat_purr": Call(
        hz=(24, 29), length_s=(2.5, 4.0), pitch=(1.0, 1.04, 0.97), tract_m=0.12, rough=0.6,
        jitter=0.04, breath=2.0, tilt=-3.0, mouth=(0.7, 0.7), tremble_hz=0.6, tremble=0.4,
        strength=(0.0, 1.0, 1.0, 0.9, 0.0),
    ),
    "rooster": Call(
        # Short syllables, then one that is held on one pitch and breaks off.
        hz=(560, 820), length_s=(1.6, 2.5), tract_m=0.062, rough=0.3, jitter=0.02, breath=0.3,
        pitch=(0.75, 0.95, 0.9, 0.85, 1.0, 0.95, 0.9, 1.05, 1.1, 1.1, 1.09, 1.08, 1.07, 1.06,
        1.05, 1.03, 1.0, 0.8),
        strength=(0.0, 0.7, 0.6, 0.05, 0.9, 0.8, 0.1, 0.9, 1.0, 1.0, 1.0, 1.0, 0.95, 0.95, 0.9,
        0.8, 0.6, 0.0),
        tilt=-0.5, mouth=(0.85, 1.05, 1.0, 1.1, 1.1, 1.0, 0.8),
    ),
    "horse_neigh": Call(
        hz=(650, 1100), length_s=(1.2, 2.2), pitch=(0.8, 1.25, 1.15, 0.9, 0.7, 0.45), tract_m=0.3,
        strength=(0.0, 1.0, 0.9, 0.8, 0.6, 0.0), tremble_hz=12.0, tremble=0.9, rough=0.6,
        jitter=0.05, breath=0.6, tilt=-3.0, mouth=(0.9, 1.2, 1.2, 1.0, 0.8),
    ),
}  # fmt: skip


def make(rng: np.random.Generator, *, kind: str) -> Take:
    """Make one take: one animal that calls once or a few times."""
    how = KINDS[kind]
    hz, size = log_uniform(rng, *how.hz), log_uniform(rng, 0.88, 1.14)
    calls = int(rng.integers(how.calls[0], how.calls[1] + 1))
    sound = np.zeros(count(0.02 + calls * (how.length_s[1] + how.gap_s[1]) + 0.3))
    at_s, end = 0.01, 0
    for number in range(calls):
        length_s = log_uniform(rng, *how.length_s)
        call = _call(rng, how, hz * rng.uniform(0.94, 1.06), length_s, size)
        add_at(sound, call, count(at_s), 1.0 if number == 0 else rng.uniform(0.6, 1.0))
        end = count(at_s) + len(call)
        at_s += length_s + rng.uniform(*how.gap_s)
    sound = highpass(sound[: end + 480], 35.0)
    return finish_take(fade(normalise_peak(sound, -6.0), 0.003, 0.06), anchor=count(0.03))


def _call(rng: np.random.Generator, how: Call, hz: float, length_s: float, size: float) -> Signal:
    samples = count(length_s)

    def curve(values: tuple[float, ...], spread: float) -> Signal:
        at = np.linspace(0.0, length_s, len(values))
        # Calls of many syllables are given by many points, which are moved and rounded less.
        most = max(len(values) - 1, 5)
        drawn = [value * np.exp(5.0 * spread / most * rng.standard_normal()) for value in values]
        smooth_s = min(0.12, 0.8 / most) * length_s
        return breakpoints(samples, list(zip(at.tolist(), drawn, strict=True)), smooth_s=smooth_s)

    shake = np.sin(2 * np.pi * how.tremble_hz * rng.uniform(0.85, 1.15) * times(samples))
    pitch = hz * curve(how.pitch, 0.05) * (1.0 + 0.06 * how.tremble * shake)
    pitch *= 1.0 + 0.01 * slow_noise(samples, rng, 10.0)
    strength = np.maximum(curve(how.strength, 0.1), 0.0)
    strength = strength * (1.0 + how.tremble * 0.6 * shake) / (1.0 + 0.6 * how.tremble)
    edge = np.minimum(times(samples) / 0.015, 1.0)
    mouth = curve(how.mouth, 0.06)
    quarter_hz = SPEED_OF_SOUND_M_S / (4.0 * how.tract_m * size)
    formants = [
        Formant(
            hz=quarter_hz * (2 * number + 1) * mouth ** (1.0 / (1 + number)),
            bandwidth_hz=float(np.clip(0.12 * quarter_hz * (2 * number + 1), 80.0, 900.0)),
        )
        for number in range(5)
        if quarter_hz * (2 * number + 1) < 11_000.0
    ]
    throat = Throat(
        jitter=how.jitter,
        shimmer=0.25,
        tilt_db_per_octave=how.tilt + rng.uniform(-1.0, 1.0),
        subharmonic=how.rough * rng.uniform(0.5, 1.0),
        breath=how.breath * log_uniform(rng, 0.7, 1.5),
        breath_corner_hz=max(200.0, quarter_hz),
        hiss=0.01,
    )
    return voice(pitch, strength * edge, formants, throat, rng)
