"""Thunder: the crack of a near stroke, then the rumble of its farther parts and their echoes.

The channel is a crooked line; each piece of it sends an N-shaped shock wave that arrives after the
time sound takes, strongest broadside (Few, "Power spectrum of thunder", J. Geophys. Res. 74, 1969;
Ribner and Roy, "Acoustics of thunder: a quasilinear model", JASA 72, 1982). Air takes the highs
of what comes from afar. The echo of the land follows Farnell, Designing Sound, 2010, chapter 40.
"""

import itertools

import numpy as np
from jaxtyping import Float
from scipy import signal

from temporal_foley.sound.synth.signals import (
    SPEED_OF_SOUND_M_S,
    Signal,
    bandpass,
    coloured_noise,
    count,
    decay,
    fade,
    finish_take,
    gain,
    highpass,
    log_uniform,
    lowpass,
    normalise_peak,
    normalise_rms,
    soft_clip,
)
from temporal_foley.sound.take import Take

_LEAD_S = 0.03
_PIECES = 2500


def make(rng: np.random.Generator) -> Take:
    """Make one take: a stroke that comes down near or farther away, in stereo."""
    length_s = rng.uniform(5.5, 7.5)
    samples = count(length_s)
    ground_m = log_uniform(rng, 150.0, 900.0)
    arrivals_s, strengths, distances_m = _channel(rng, ground_m)
    sides = []
    for _ in range(2):
        # The two ears differ by the scatter on the way, which decorrelates the farther parts.
        scatter = rng.normal(0.0, 0.004 + 2e-6 * distances_m)
        arrivals = arrivals_s + np.abs(scatter)
        dry = _arrive(samples, arrivals, strengths, distances_m)
        dry = normalise_rms(dry, 0.0) + _tear(dry, rng)
        sides.append(dry + _echo(dry, rng, length_s))
    stereo = np.stack(sides, axis=-1)
    stereo = highpass(stereo, 25.0, 2)
    stereo = soft_clip(stereo / np.max(np.abs(stereo)) * 2.2)
    return finish_take(
        fade(normalise_peak(stereo, -4.0), 0.005, 0.3 * length_s), anchor=count(_LEAD_S)
    )


def _channel(
    rng: np.random.Generator, ground_m: float
) -> tuple[Signal, Signal, Float[np.ndarray, " pieces"]]:
    """Walk a crooked channel from the ground into the cloud: arrival, strength, distance."""
    step_m = 4500.0 / _PIECES
    # Slow turns bend the channel over hundreds of metres, quick ones crook each piece.
    slow = np.cumsum(rng.standard_normal((_PIECES, 3)), axis=0) * 0.035
    direction = slow + 0.7 * rng.standard_normal((_PIECES, 3)) + np.array([0.5, 0.0, 0.75])
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    points = np.cumsum(direction * step_m, axis=0) + np.array([ground_m, 0.0, 0.0])
    distances_m = np.linalg.norm(points, axis=1)
    along = np.abs(np.sum(direction * points, axis=1)) / distances_m
    strengths = np.sqrt(1.0 - along**2) ** 4 * (ground_m / distances_m) ** 0.8
    # Where the channel branches or carries more current, a clap stands out of the rumble.
    claps = np.exp(1.1 * np.repeat(rng.standard_normal(_PIECES // 50), 50))
    arrivals_s = (distances_m - distances_m.min()) / SPEED_OF_SOUND_M_S + _LEAD_S
    return arrivals_s, strengths * claps, distances_m


def _arrive(
    samples: int,
    arrivals_s: Signal,
    strengths: Signal,
    distances_m: Signal,
) -> Signal:
    """Sum the shock waves, in three layers of distance that lose ever more of their highs."""
    out = np.zeros(samples)
    nearest = distances_m.min()
    edges = nearest + np.array([0.0, 120.0, 700.0, np.inf])
    for low, high in itertools.pairwise(edges):
        layer = (distances_m >= low) & (distances_m < high)
        at = np.round(arrivals_s[layer] * 48_000).astype(int)
        inside = at < samples
        train = np.bincount(at[inside], strengths[layer][inside], samples)
        middle_m = min(nearest + 0.3 * (min(high, nearest + 3000.0) - nearest), 3000.0)
        duration_s = 0.004 * (1.0 + middle_m / 400.0) ** 0.5
        wave = np.linspace(1.0, -1.0, count(duration_s))
        heard = signal.oaconvolve(train, wave)[:samples]
        out += lowpass(heard, 6000.0 / (1.0 + (middle_m / 250.0)), 1)
    return out


def _tear(dry: Signal, rng: np.random.Generator) -> Signal:
    """The hiss and tearing of many small branches: noise that follows the claps and darkens."""
    samples = len(dry)
    level = np.sqrt(np.maximum(lowpass(dry**2, 25.0, 1), 0.0))
    level /= np.sqrt(np.mean(level**2))
    near = decay(samples, 2.5)
    bright = bandpass(coloured_noise(samples, rng, 0.5), 900.0, 6000.0, 1)
    dark = bandpass(coloured_noise(samples, rng, 1.0), 100.0, 1500.0, 1)
    return level * (gain(-10.0) * bright * near + gain(-3.0) * dark)


def _echo(dry: Signal, rng: np.random.Generator, length_s: float) -> Signal:
    """Hills, houses and layers of air: a long dark tail with lumps."""
    samples = count(0.6 * length_s)
    tail = coloured_noise(samples, rng, 1.0) * decay(samples, 0.75 * length_s)
    lumps = np.interp(
        np.arange(samples), np.linspace(0, samples, 14), np.exp(rng.normal(0.0, 0.6, 14))
    )
    tail = lowpass(tail * lumps, 900.0, 1)
    tail *= gain(-1.0) / np.sqrt(np.sum(tail**2))
    return signal.oaconvolve(dry, tail)[: len(dry)]
