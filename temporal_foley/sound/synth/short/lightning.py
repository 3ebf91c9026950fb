"""Make thunder: the crack of a near stroke, then the rumble of its farther parts and echoes.

The channel is a crooked line; each piece of it sends an N-shaped shock wave that arrives after the
time sound takes, strongest broadside (Few, "Power spectrum of thunder", J. Geophys. Res. 74, 1969;
Ribner and Roy, "Acoustics of thunder: a quasilinear model", JASA 72, 1982). Air takes the highs
of what comes from afar. The echo of the land follows Farnell, Designing Sound, 2010, chapter 40.
"""

import numpy as np
from jaxtyping import Float
from scipy import signal

from temporal_foley.sound.synth.signals import (
    SPEED_OF_SOUND_M_S,
    Signal,
    add_at,
    bandpass,
    count,
    fade,
    finish_take,
    gain,
    highpass,
    log_uniform,
    lowpass,
    normalise_peak,
    normalise_rms,
    times,
)
from temporal_foley.sound.take import Take
from temporal_foley.timegrid import SAMPLE_RATE_HZ

_LEAD_S = 0.03
_PIECES = 2500


def make(rng: np.random.Generator) -> Take:
    """Make one take: a stroke that comes down near or farther away, in stereo."""
    length_s = rng.uniform(5.0, 10.0)
    samples = count(length_s)
    ground_m = log_uniform(rng, 100.0, 2500.0)
    arrivals_s, strengths, distances_m = _channel(rng, ground_m)
    near_hz = log_uniform(rng, 500.0, 4500.0) * min(1.0, 900.0 / ground_m)
    dry = normalise_rms(_arrive(samples, arrivals_s, strengths, distances_m), 0.0)
    rough = dry + gain(rng.uniform(-10.0, 0.0)) * _tear(dry, rng)
    middle = rough + gain(rng.uniform(-6.0, 4.0)) * _echo(rough, rng, length_s)
    # Echoes come from both sides; the bass and the stroke itself are common, as in recordings.
    spread = highpass(_echo(rough, rng, length_s), 160.0, 2) * gain(rng.uniform(-11.0, -6.0))
    sides = [
        _through_air(middle + sign * spread, (near_hz, 700.0, 420.0), length_s)
        for sign in (1.0, -1.0)
    ]
    stereo = highpass(np.stack(sides, axis=-1), 45.0, 1)
    # Near claps overload air and ear alike: the highest peaks are rounded.
    loud = stereo * (1.3 / np.max(np.abs(stereo)))
    stereo = loud / np.sqrt(1.0 + loud**2)
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
    strengths = np.sqrt(1.0 - along**2) ** 3 * (ground_m / distances_m) ** 0.5
    # Where the channel branches or carries more current, a clap stands out of the rumble.
    lengths = rng.integers(8, 120, _PIECES // 20)
    claps = np.repeat(np.exp(1.3 * rng.standard_normal(len(lengths))), lengths)[:_PIECES]
    # The part near the ground is heard first: whatever follows, the stroke begins with a crack.
    claps[: _PIECES // 20] = np.maximum(claps[: _PIECES // 20], 2.5)
    arrivals_s = (distances_m - distances_m.min()) / SPEED_OF_SOUND_M_S + _LEAD_S
    return arrivals_s, strengths * claps, distances_m


def _arrive(samples: int, arrivals_s: Signal, strengths: Signal, distances_m: Signal) -> Signal:
    """Sum the shock waves: short and sharp from near by, longer from afar."""
    out = np.zeros(samples)
    nearest = distances_m.min()
    for low_m, high_m, duration_s in ((0.0, 250.0, 0.0016), (250.0, np.inf, 0.003)):
        layer = (distances_m >= nearest + low_m) & (distances_m < nearest + high_m)
        at = np.round(arrivals_s[layer] * SAMPLE_RATE_HZ).astype(int)
        inside = at < samples
        train = np.bincount(at[inside], strengths[layer][inside], samples)
        wave = np.linspace(1.0, -1.0, count(duration_s))
        out += signal.oaconvolve(train, wave)[:samples]
    return out


def _tear(dry: Signal, rng: np.random.Generator) -> Signal:
    """The many small branches: noise that follows the claps, unit RMS."""
    level = np.sqrt(np.maximum(lowpass(dry**2, 14.0, 1), 0.0))
    noise = level * bandpass(rng.standard_normal(len(dry)), 60.0, 2500.0, 1)
    return normalise_rms(noise, 0.0)


def _echo(dry: Signal, rng: np.random.Generator, length_s: float) -> Signal:
    """Hills, houses and layers of air send the claps back in lumps, for seconds; unit RMS.

    Echoes are dark, so they are made at an eighth of the rate.
    """
    rate_hz = SAMPLE_RATE_HZ // 8
    returns = np.zeros(round(0.7 * length_s * rate_hz))
    for _ in range(60):
        at_s = 0.7 * length_s * rng.beta(1.0, 1.6)
        grain = rng.standard_normal(round(rng.uniform(0.02, 0.15) * rate_hz))
        level = rng.exponential(1.0) * np.exp(-at_s / (0.3 * length_s))
        add_at(returns, grain * np.hanning(len(grain)), round(at_s * rate_hz), level)
    # Brown: what is reflected and refracted over land comes back low.
    returns = signal.lfilter([1.0], [1.0, -0.8], returns)
    slow = signal.resample_poly(dry, 1, 8)
    heard = signal.fftconvolve(slow, returns)[: len(slow)]
    return normalise_rms(signal.resample_poly(heard, 8, 1)[: len(dry)], 0.0)


def _through_air(sound: Signal, edges_hz: tuple[float, ...], length_s: float) -> Signal:
    """Lose the highs with time, since what comes later comes from farther away."""
    at = times(len(sound)) / length_s * 1.4 * (len(edges_hz) - 1)
    out = np.zeros(len(sound))
    for number, edge_hz in enumerate(edges_hz):
        share = np.clip(1.0 - np.abs(np.minimum(at, len(edges_hz) - 1) - number), 0.0, 1.0)
        out += share * lowpass(sound, edge_hz, 2)
    return out
