"""Make sounds that repeat without a join: their end runs on into their beginning.

Every tool here treats its buffer as a circle: noise is drawn in the frequency domain, filters run
in over the end of the buffer, grains that reach past the end go on at the beginning, and tones
make a whole number of cycles. A loop body made this way repeats with nothing to hide at the join.
"""

from collections.abc import Sequence

import numpy as np
import scipy.fft
from jaxtyping import Float, Int
from scipy import signal

from temporal_foley.sound.take import Take
from temporal_foley.timegrid import SAMPLE_RATE_HZ
from temporal_foley.timeline import Loop

Mono = Float[np.ndarray, " samples"]
Stereo = Float[np.ndarray, "samples 2"]
Spectrum = Sequence[tuple[float, float]]
"""Break points (Hz, dB) of a power spectrum; straight lines over log frequency between them."""

CURVE_STEP = 48
"""Samples between the points of a curve: a millisecond."""

LOUDNESS_LUFS = -21.0
CEILING = 10 ** (-3.5 / 20)
MOST_LIMITING_DB = 4.0

# ITU-R BS.1770-5, annex 1: the two stages of K-weighting at 48 kHz.
_K_WEIGHTING = np.column_stack(
    [
        [[1.53512485958697, -2.69169618940638, 1.19839281085285], [1.0, -2.0, 1.0]],
        [[1.0, -1.69065929318241, 0.73248077421585], [1.0, -1.99004745483398, 0.99007225036621]],
    ]
)


def body_length(rng: np.random.Generator, shortest_s: float, longest_s: float) -> int:
    """Draw the length of a loop body in samples: whole quarter seconds, quick to transform."""
    quarters = rng.integers(round(4 * shortest_s), round(4 * longest_s), endpoint=True)
    return int(quarters) * SAMPLE_RATE_HZ // 4


def coloured(rng: np.random.Generator, samples: int, spectrum: Spectrum) -> Mono:
    """Make Gaussian noise of RMS 1 with the given power density in each hertz."""
    bins = samples // 2 + 1
    hz = np.maximum(scipy.fft.rfftfreq(samples, 1 / SAMPLE_RATE_HZ), 1.0)
    points, levels_db = np.array(spectrum, dtype=float).T
    # Drawn on a coarse grid and spread: the logarithm of every bin would cost more than the noise.
    coarse_hz = np.geomspace(1.0, SAMPLE_RATE_HZ / 2, 512)
    coarse_db = np.interp(np.log(coarse_hz), np.log(points), levels_db)
    shape = np.interp(hz, coarse_hz, 10 ** (coarse_db / 20)).astype(np.float32)
    shape *= hz > 15.0
    draws = rng.standard_normal(2 * bins, dtype=np.float32).view(np.complex64)
    noise = np.asarray(scipy.fft.irfft(draws * shape, samples))
    return noise / np.sqrt(np.mean(noise**2))


def coloured_pair(
    rng: np.random.Generator, samples: int, spectrum: Spectrum, width: float = 0.7
) -> Stereo:
    """Make left and right noise of RMS 1; `width` 0 is mono, 1 wholly unlike."""
    left, other = coloured(rng, samples, spectrum), coloured(rng, samples, spectrum)
    alike = 1 - width
    return np.stack([left, alike * left + np.sqrt(1 - alike**2) * other], axis=1)


def slow_curve(rng: np.random.Generator, samples: int, fastest_hz: float) -> Mono:
    """Make a smooth random curve, mean 0 and RMS 1, that moves no faster than `fastest_hz`."""
    cycles = max(2, int(fastest_hz * samples / SAMPLE_RATE_HZ))
    # Drawn with few points and bent through them; the last is the first again.
    points = 16 * cycles
    spectrum = np.zeros(points // 2 + 1, dtype=complex)
    tilt = 1 / np.sqrt(np.arange(1, cycles + 1))
    spectrum[1 : cycles + 1] = tilt * rng.standard_normal((cycles, 2)).view(complex)[:, 0]
    curve = np.asarray(scipy.fft.irfft(spectrum, points))
    curve /= np.sqrt(np.mean(curve**2))
    at = np.arange(samples) * (points / samples)
    return np.interp(at, np.arange(points + 1), np.append(curve, curve[0])).astype(np.float32)


def whole_cycles(hz: float, samples: int) -> float:
    """Return the frequency nearest to `hz` that makes a whole number of cycles in the buffer."""
    return max(1, round(hz * samples / SAMPLE_RATE_HZ)) * SAMPLE_RATE_HZ / samples


def phase(hz: Mono | float, samples: int) -> Mono:
    """Integrate a frequency to a phase in cycles, bent so that the buffer ends on a whole cycle."""
    steps = np.broadcast_to(np.asarray(hz, dtype=float), (samples,)) / SAMPLE_RATE_HZ
    total = float(np.sum(steps))
    return (np.cumsum(steps) - steps[0]) * (max(1, round(total)) / total)


def harmonics(cycles: Mono, amplitudes: Float[np.ndarray, " partials"]) -> Mono:
    """Sum sines at whole multiples of a phase, read from one drawn cycle."""
    table_size = 65536
    partials = np.arange(1, len(amplitudes) + 1)
    spectrum = np.zeros(table_size // 2 + 1, dtype=complex)
    # Schroeder phases keep the peaks of the sum low.
    offsets = np.pi * partials * (partials - 1) / len(partials)
    spectrum[partials] = amplitudes * np.exp(-1j * offsets) * (table_size / 2)
    table = np.asarray(scipy.fft.irfft(spectrum, table_size))
    return table[(cycles * table_size).astype(np.int64) & (table_size - 1)]


def drawn(curve: Float[np.ndarray, " points"], samples: int) -> Mono:
    """Join the points of a slow curve, `CURVE_STEP` samples apart, by straight lines."""
    turn = np.arange(CURVE_STEP) / CURVE_STEP
    lines = curve[:-1, None] + np.diff(curve)[:, None] * turn
    return lines.ravel()[:samples]


def curve_times(samples: int) -> Float[np.ndarray, " points"]:
    """Return the seconds at which to give the points of a curve that covers the buffer."""
    return np.arange(-(-samples // CURVE_STEP) + 1) * (CURVE_STEP / SAMPLE_RATE_HZ)


def filter_round(sos: Float[np.ndarray, "sections 6"], sound: np.ndarray) -> np.ndarray:
    """Filter along axis 0 as if the buffer had been going round for ever."""
    run_in = min(len(sound), SAMPLE_RATE_HZ // 2)
    return np.asarray(signal.sosfilt(sos, np.concatenate([sound[-run_in:], sound]), axis=0))[
        run_in:
    ]


def low_pass(sound: np.ndarray, hz: float, order: int = 2) -> np.ndarray:
    """Round Butterworth low-pass."""
    return filter_round(_butterworth("lowpass", hz, order), sound)


def band_pass(sound: np.ndarray, lower_hz: float, upper_hz: float, order: int = 2) -> np.ndarray:
    """Round Butterworth band-pass."""
    return filter_round(_butterworth("bandpass", (lower_hz, upper_hz), order), sound)


def _butterworth(kind: str, edges: float | tuple[float, float], order: int) -> np.ndarray:
    return np.asarray(signal.butter(order, edges, kind, fs=SAMPLE_RATE_HZ, output="sos"))


def convolve_round(sound: Mono, response: Mono) -> Mono:
    """Convolve along the circle: the tail of the end plays at the beginning."""
    padded = np.zeros(len(sound))
    padded[: len(response)] = response
    spectrum = np.asarray(scipy.fft.rfft(sound)) * np.asarray(scipy.fft.rfft(padded))
    return np.asarray(scipy.fft.irfft(spectrum, len(sound)))


def scatter(
    rng: np.random.Generator, samples: int, each_second: float, density: Mono | None = None
) -> Int[np.ndarray, " events"]:
    """Draw the samples of a Poisson process; `density` (0 to 1 and over) thins it in places."""
    count = rng.poisson(each_second * samples / SAMPLE_RATE_HZ)
    at = np.sort(rng.integers(0, samples, count))
    if density is None:
        return at
    return at[rng.random(count) < density[at]]


def lay_round(sound: np.ndarray, at: int, grain: np.ndarray) -> None:
    """Add a grain to the buffer in place; what reaches past the end goes on at the beginning."""
    at %= len(sound)
    while len(grain):
        room = len(sound) - at
        sound[at : at + len(grain)] += grain[:room]
        grain, at = grain[room:], 0


def looped(body: np.ndarray, lead_s: float = 0.25, lead: np.ndarray | None = None) -> Take:
    """Make a take of a round body: a lead-in that fades up into it, then the loop.

    The lead-in is the end of the body, so that the first pass begins as every other does, unless
    `lead` brings one of its own. The join needs no crossfade: the body is a circle, and sound
    that is the same on both sides of a crossfade would gain 3 dB there.
    """
    columns = body.shape[1] if body.ndim == 2 else 1
    body = body.reshape(-1, columns)
    if lead is None:
        lead = body[len(body) - min(round(lead_s * SAMPLE_RATE_HZ), len(body)) :]
    lead = lead.reshape(-1, columns)
    ramp = np.sin(np.linspace(0, np.pi / 2, len(lead), endpoint=False)) ** 2
    whole = np.concatenate([lead * ramp[:, None], body]) - np.mean(body, axis=0)
    samples = soft_limit(whole * level_gain(body - np.mean(body, axis=0)))
    samples[0] = 0.0
    loop = Loop(start=len(lead), end=len(samples), crossfade=0)
    return Take(samples=samples.astype(np.float32), loop=loop)


def level_gain(body: Float[np.ndarray, "samples channels"]) -> float:
    """Return the gain to the common loudness, or as near to it as the peaks allow."""
    weighted = filter_round(_K_WEIGHTING, body)
    loudness = -0.691 + 10 * np.log10(np.sum(np.mean(weighted**2, axis=0)))
    most = CEILING * 10 ** (MOST_LIMITING_DB / 20) / np.max(np.abs(body))
    return float(min(10 ** ((LOUDNESS_LUFS - loudness) / 20), most))


def soft_limit(sound: np.ndarray) -> np.ndarray:
    """Bend peaks over -9.5 dBFS smoothly under the ceiling, sample by sample."""
    knee = 0.5 * CEILING
    bent = np.array(sound)
    loud = np.abs(sound) > knee
    over = (np.abs(sound[loud]) - knee) / (CEILING - knee)
    bent[loud] = np.sign(sound[loud]) * (knee + (CEILING - knee) * np.tanh(over))
    return bent
