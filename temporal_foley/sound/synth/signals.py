"""Make the signals that recipes consist of: noise, filters, envelopes, modes, a room, levels.

Everything takes and returns 48 kHz samples as float64; `finish_take` turns them into a `Take`.
scipy.signal, which takes a second to import, is imported when something is first made.
"""

import numpy as np
from jaxtyping import Float

from temporal_foley.sound.take import Take
from temporal_foley.timegrid import SAMPLE_RATE_HZ
from temporal_foley.timeline import Loop

Signal = Float[np.ndarray, " samples"]
Sound = Float[np.ndarray, "samples *channels"]

NYQUIST_HZ = SAMPLE_RATE_HZ / 2
SPEED_OF_SOUND_M_S = 343.0
LN_1000 = float(np.log(1000.0))
"""A level falls by 60 dB when its exponent reaches this."""


def count(seconds: float) -> int:
    """Return how many samples last so long; at least one."""
    return max(1, round(seconds * SAMPLE_RATE_HZ))


def times(samples: int) -> Signal:
    """Return the time of each sample in seconds."""
    return np.arange(samples) / SAMPLE_RATE_HZ


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw a number whose logarithm is uniform: right for frequencies, sizes and times."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def gain(decibels: float) -> float:
    """Return the factor of a level in decibels."""
    return float(10.0 ** (decibels / 20.0))


def coloured_noise(
    samples: int, rng: np.random.Generator, slope: float = 0.0, corner_hz: float = 30.0
) -> Signal:
    """Make Gaussian noise of unit RMS with power `1 / f ** slope`, flat below the corner.

    Slope 0 is white, 1 pink, 2 brown. The spectrum of white noise is shaped, so the noise is
    periodic over its length: its end meets its start.
    """
    noise = rng.standard_normal(samples)
    if slope:
        spectrum = np.fft.rfft(noise)
        frequencies = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE_HZ)
        spectrum *= np.maximum(frequencies, corner_hz) ** (-slope / 2)
        spectrum[0] = 0.0
        noise = np.fft.irfft(spectrum, samples)
    return noise / max(float(np.sqrt(np.mean(noise**2))), 1e-12)


def slow_noise(samples: int, rng: np.random.Generator, rate_hz: float) -> Signal:
    """Make a smooth random motion of about unit variance that changes `rate_hz` times a second."""
    points = int(np.ceil(samples / SAMPLE_RATE_HZ * rate_hz)) + 4
    values = rng.standard_normal(points)
    at = times(samples) * rate_hz + 1.0 + rng.uniform(0.0, 1.0)
    index = at.astype(int)
    x = at - index
    a, b, c, d = (values[index + k] for k in (-1, 0, 1, 2))
    # Catmull-Rom: passes through the points without kinks, and costs no filter.
    cubic = (2 * b) + (c - a) * x + (2 * a - 5 * b + 4 * c - d) * x**2
    return 0.5 * (cubic + (3 * (b - c) + d - a) * x**3)


def lowpass(sound: Sound, cutoff_hz: float, order: int = 2) -> Sound:
    """Apply a Butterworth low-pass filter along time."""
    return _butterworth(sound, "lowpass", _inside(cutoff_hz), order)


def highpass(sound: Sound, cutoff_hz: float, order: int = 2) -> Sound:
    """Apply a Butterworth high-pass filter along time."""
    return _butterworth(sound, "highpass", _inside(cutoff_hz), order)


def bandpass(sound: Sound, low_hz: float, high_hz: float, order: int = 2) -> Sound:
    """Apply a Butterworth band-pass filter along time."""
    return _butterworth(sound, "bandpass", (_inside(low_hz), _inside(high_hz)), order)


def tilt(sound: Sound, decibels_per_octave: float, pivot_hz: float = 1000.0) -> Sound:
    """Tilt the whole spectrum about a pivot, without phase shift; the ends must be quiet."""
    size = sound.shape[0]
    frequencies = np.maximum(np.fft.rfftfreq(size, 1 / SAMPLE_RATE_HZ), 20.0)
    factor = 10.0 ** (decibels_per_octave * np.log2(frequencies / pivot_hz) / 20.0)
    shape = (-1,) + (1,) * (sound.ndim - 1)
    return np.fft.irfft(np.fft.rfft(sound, axis=0) * factor.reshape(shape), size, axis=0)


def decay(samples: int, t60_s: float) -> Signal:
    """Return an exponential that falls by 60 dB in `t60_s`."""
    return np.exp(times(samples) * (-LN_1000 / t60_s))


def attack_decay(samples: int, attack_s: float, t60_s: float) -> Signal:
    """Return a raised-cosine attack that goes over into an exponential decay."""
    attack = min(count(attack_s), samples)
    envelope = np.empty(samples)
    envelope[:attack] = 0.5 - 0.5 * np.cos(np.pi * np.arange(attack) / attack)
    envelope[attack:] = decay(samples - attack, t60_s)
    return envelope


def breakpoints(samples: int, points: list[tuple[float, float]], smooth_s: float = 0.0) -> Signal:
    """Draw straight lines through (seconds, value) points, rounded over `smooth_s` seconds."""
    from scipy import signal

    at, values = zip(*points, strict=True)
    line = np.interp(times(samples), at, values)
    if smooth_s > 0:
        width = count(smooth_s) | 1
        window = np.hanning(width + 2)[1:-1]
        padded = np.pad(line, width // 2, mode="edge")
        line = signal.fftconvolve(padded, window / window.sum(), mode="valid")
    return line


def modal_bank(
    samples: int,
    frequencies_hz: Float[np.ndarray, " modes"],
    t60s_s: Float[np.ndarray, " modes"],
    amplitudes: Float[np.ndarray, " modes"],
    phases: Float[np.ndarray, " modes"] | None = None,
) -> Signal:
    """Sum damped sines: the response of a solid body to a unit blow.

    Modal synthesis after van den Doel and Pai, "The sounds of physical shapes", Presence 7(4),
    1998. Modes beyond hearing are left out; each is summed only as long as it is audible.
    """
    out = np.zeros(samples)
    phases = np.zeros(len(frequencies_hz)) if phases is None else phases
    for hz, t60, amplitude, phase in zip(frequencies_hz, t60s_s, amplitudes, phases, strict=True):
        if not 15.0 < hz < 0.95 * NYQUIST_HZ:
            continue
        length = min(samples, count(1.4 * t60))
        # A complex power is far cheaper than a sine and an exponential of every sample.
        step = np.exp(complex(-LN_1000 / t60, 2 * np.pi * hz) / SAMPLE_RATE_HZ)
        out[:length] += amplitude * (np.exp(1j * phase) * _powers(step, length)).imag
    return out


def strike(
    rng: np.random.Generator,
    *,
    low_hz: float,
    high_hz: float,
    t60_s: float,
    slope: float = 0.5,
    modes: int = 40,
) -> Signal:
    """Strike a body of many close modes (wood, a case, a floor): dull, without a pitch; peak 1.

    Modes lie log-uniformly between the two frequencies; strength falls as `f ** -slope` and decay
    as the root of the frequency from `t60_s` at `low_hz`, as in damped plates.
    """
    hz = np.exp(rng.uniform(np.log(low_hz), np.log(high_hz), modes))
    t60s = t60_s * (low_hz / hz) ** 0.5 * rng.uniform(0.7, 1.3, modes)
    levels = (low_hz / hz) ** slope * rng.uniform(0.3, 1.0, modes)
    body = modal_bank(count(1.3 * t60_s), hz, t60s, levels * rng.choice((-1.0, 1.0), modes))
    return normalise_peak(body, 0.0)


def oscillator(frequency_hz: Signal, phase: float = 0.0) -> Signal:
    """Return the running phase, in radians, of a tone whose frequency moves."""
    return phase + 2 * np.pi * np.cumsum(frequency_hz) / SAMPLE_RATE_HZ


def add_at(target: Sound, sound: Sound, at: int, factor: float = 1.0) -> None:
    """Add a sound into `target`, in place, from sample `at` on; what sticks out is cut off."""
    start, end = max(at, 0), min(at + sound.shape[0], target.shape[0])
    if start < end:
        target[start:end] += factor * sound[start - at : end - at]


def fade(sound: Sound, fade_in_s: float, fade_out_s: float) -> Sound:
    """Bring the ends to exactly zero along raised cosines; 0 leaves an end as it is."""
    out = np.array(sound, dtype=np.float64)
    shape = (-1,) + (1,) * (out.ndim - 1)
    if fade_in_s > 0:
        n = min(count(fade_in_s), out.shape[0])
        out[:n] *= (0.5 - 0.5 * np.cos(np.pi * np.arange(n) / n)).reshape(shape)
    if fade_out_s > 0:
        n = min(count(fade_out_s), out.shape[0])
        out[-n:] *= (0.5 + 0.5 * np.cos(np.pi * np.arange(1, n + 1) / n)).reshape(shape)
    return out


def pan(sound: Signal, position: float | Signal) -> Float[np.ndarray, "samples 2"]:
    """Place a mono sound by the equal-power law; -1 is left, +1 right, a curve moves it."""
    angle = (np.clip(position, -1.0, 1.0) + 1.0) * (np.pi / 4)
    return np.stack([sound * np.cos(angle), sound * np.sin(angle)], axis=-1)


def room(
    sound: Signal,
    rng: np.random.Generator,
    *,
    size_m: float = 5.0,
    t60_s: float = 0.4,
    wet_db: float = -12.0,
    damping_hz: float = 6000.0,
    channels: int = 1,
) -> Sound:
    """Put a dry sound into a room: discrete early reflections, then a diffuse decaying tail.

    Early reflections by the spacing of image sources in a box (Allen and Berkley, JASA 65(4),
    1979), the tail as exponentially decaying noise (Moorer, Computer Music Journal 3(2), 1979).
    `wet_db` is the energy of the response against that of the direct sound; the sound grows
    longer by the tail and its direct part stays where it was.
    """
    from scipy import signal

    length = count(min(t60_s, 3.0) * 1.05 + 2 * size_m / SPEED_OF_SOUND_M_S)
    wet = np.zeros((length, channels))
    first = 0.6 * size_m / SPEED_OF_SOUND_M_S
    arrivals = first * (1.0 + np.cumsum(rng.exponential(0.45, 14)))
    for arrival in arrivals:
        strength = (first / arrival) * rng.choice((-1.0, 1.0))
        where = count(arrival)
        if where < length:
            sides = np.sqrt(rng.dirichlet(np.full(channels, 3.0))) if channels > 1 else [1.0]
            wet[where] += strength * np.asarray(sides)
    start = count(first * 1.5)
    tail = rng.standard_normal((length, channels)) * decay(length, t60_s)[:, None]
    tail[:start] = 0.0
    wet += tail * (1.2 * np.sqrt(np.sum(wet**2) / np.sum(tail**2)))
    wet = lowpass(highpass(wet, 120.0, 1), damping_hz, 1)
    wet *= gain(wet_db) / np.sqrt(np.sum(wet**2) / channels)
    dry = np.pad(sound, (0, length - 1))
    sides = [dry + signal.fftconvolve(sound, wet[:, side]) for side in range(channels)]
    return sides[0] if channels == 1 else np.stack(sides, axis=-1)


def normalise_peak(sound: Sound, dbfs: float) -> Sound:
    """Scale so that the largest sample lies at `dbfs`; silence stays silent."""
    peak = float(np.max(np.abs(sound), initial=0.0))
    return sound * (gain(dbfs) / peak) if peak > 0 else sound


def normalise_rms(sound: Sound, dbfs: float) -> Sound:
    """Scale so that the RMS over all samples lies at `dbfs`; silence stays silent."""
    rms = float(np.sqrt(np.mean(np.square(sound))))
    return sound * (gain(dbfs) / rms) if rms > 0 else sound


def soft_clip(sound: Sound, ceiling: float = 1.0) -> Sound:
    """Round off what exceeds a ceiling, as air and throats do; quiet sound passes unchanged."""
    return ceiling * np.tanh(sound / ceiling)


def finish_take(sound: Sound, *, anchor: int = 0, loop: Loop | None = None) -> Take:
    """Make a `Take` of a mono or stereo sound."""
    samples = sound[:, None] if sound.ndim == 1 else sound
    return Take(samples=np.ascontiguousarray(samples, np.float32), anchor=anchor, loop=loop)


def _powers(step: complex, length: int) -> np.ndarray:
    """Return `step ** [0, 1, ..., length - 1]` as an outer product of two short tables."""
    block = int(np.sqrt(length)) + 1
    fine = step ** np.arange(block)
    coarse = (step**block) ** np.arange(-(-length // block))
    return np.outer(coarse, fine).ravel()[:length]


def _butterworth(sound: Sound, kind: str, edges: float | tuple[float, float], order: int) -> Sound:
    from scipy import signal

    sections = signal.butter(order, edges, kind, fs=SAMPLE_RATE_HZ, output="sos")
    return np.asarray(signal.sosfilt(sections, sound, axis=0))


def _inside(hz: float) -> float:
    """Keep an edge where a digital filter can have it."""
    return float(np.clip(hz, 1.0, 0.98 * NYQUIST_HZ))
