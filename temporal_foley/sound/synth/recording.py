"""Make a take sound like one recording of many: spectrum, bandwidth and noise floor.

Real recordings of one effect differ as much by place, distance and microphone as by their source.
`spectra.tsv` holds the long-term levels of free recordings in the critical bands of E. Zwicker
("Subdivision of the audible frequency range into critical bands", JASA 33, 1961); it was written by
`benchmarks/sound/measure_spectra.py` and names the file and licence of each. A take is filtered
part of the way towards one of them, in a place: a small room for hits, to which the mix may add the
room of the scene, and any space for lasting sounds, which the mix leaves as they are.
"""

import functools
from importlib import resources

import numpy as np
import scipy.fft
import scipy.signal
from jaxtyping import Float

from temporal_foley.sound.synth.motion import level_gain, slow_curve, soft_limit
from temporal_foley.sound.synth.signals import (
    coloured_noise,
    count,
    decay,
    fade,
    gain,
    highpass,
    log_uniform,
    lowpass,
)
from temporal_foley.sound.take import Take
from temporal_foley.timegrid import SAMPLE_RATE_HZ

EDGES_HZ = (
    *(20, 100, 200, 300, 400, 510, 630, 770, 920, 1080, 1270, 1480, 1720, 2000, 2320, 2700),
    *(3150, 3700, 4400, 5300, 6400, 7700, 9500, 12000, 15500),
)
MOST_CUT_DB, MOST_BOOST_DB = -26.0, 16.0
FLOOR_DB = (-58.0, -44.0)
"""Range of the noise floor below the peak of a take."""
DRAWN = {"blender": 0.5, "cars": 0.35, "fire": 0.6, "screaming": 0.2}
"""How far takes follow recordings that are recognised worse than the recipe; others: 1."""
FAR = frozenset(
    {"ambulance", "cars", "cheer", "helicopter", "river", "train_passing", "wave"}
    | {"aeroplane", "applause", "birds", "boat", "children", "crickets", "crowd_murmur"}
)
"""Lasting sounds that reach the listener through a large space."""
_WINDOW = 4096
_TAPS = 2048
_LOUD_DB = 20.0
_CENTRES = np.log(np.sqrt(np.maximum(EDGES_HZ[:-1], 50) * np.array(EDGES_HZ[1:], float)))

Levels = Float[np.ndarray, " bands"]
Samples = Float[np.ndarray, "samples channels"]


def as_recorded(take: Take, name: str, recorder: np.random.Generator) -> Take:
    """Return a take as a random recording of it would sound.

    Args:
        take: A take as its recipe makes it.
        name: The recipe, for its measured recordings; without any, the spectrum is only tilted.
        recorder: Chance of the recording, the same for all takes made with one microphone.
    """
    # Lasting sounds reach a microphone by more ways than a hit near by.
    response = _response(take.samples, name, recorder, 1.0 if take.loop is None else 1.25)
    floor_db = recorder.uniform(*FLOOR_DB)
    if take.loop is None:
        # A little of a room, or struck things sound like instruments; the mix adds the scene's own.
        place = _place(recorder, (0.08, 0.4), (-30.0, -12.0))
        longer = np.pad(take.samples, ((0, count(0.12)), (0, 0)))
        sound = _filtered(longer, scipy.signal.oaconvolve(response, place))
        peak = float(np.abs(take.samples).max())
        sound *= peak / max(float(np.abs(sound).max()), 1e-9)
        # Filtering must not move the sound before its anchor, nor leave an end that clicks.
        sound += fade(_floor(sound, floor_db, recorder), 0.004, 0.06)
        sound = fade(sound, 0.001, min(0.02, len(sound) / SAMPLE_RATE_HZ / 4))
        return Take(samples=sound.astype(np.float32), anchor=take.anchor)
    start = take.loop.start
    place = _place(recorder, (0.15, 0.8), (-26.0, -9.0))
    if name not in FAR:
        place = _place(recorder, (0.08, 0.4), (-26.0, -13.0))
    response = scipy.signal.oaconvolve(response, place)
    lead = _filtered(take.samples, response)
    body = _filtered_round(take.samples[start : take.loop.end], response)
    drift = np.exp(recorder.uniform(0.0, 0.35) * slow_curve(recorder, len(body), 0.5))
    body *= drift[:, None]
    lead[:start] *= drift[-1]
    join = min(count(0.02), start)
    floor = _floor(body, floor_db, recorder)
    run_in = fade(np.resize(floor[::-1], (start, body.shape[1]))[::-1], start / SAMPLE_RATE_HZ, 0.0)
    whole = np.concatenate([lead[:start] + run_in, body + floor])
    # The loop must be seamless, so its own start is kept and the lead-in is bent towards it.
    gap = whole[start] - (lead[start] + floor[0])
    whole[start - join : start] += gap * np.linspace(0.0, 1.0, join)[:, None] ** 2
    whole[0] = 0.0
    sound = soft_limit(whole * level_gain(body - body.mean(axis=0)))
    return Take(samples=sound.astype(np.float32), anchor=take.anchor, loop=take.loop)


@functools.cache
def recorded_spectra() -> dict[str, Float[np.ndarray, "recordings bands"]]:
    """Return the levels in decibels of the measured recordings, by recipe."""
    text = (resources.files("temporal_foley.sound.synth") / "spectra.tsv").read_text("utf-8")
    rows: dict[str, list[list[float]]] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, _, *levels = line.split("\t")
            rows.setdefault(name, []).append([float(level) for level in levels])
    return {name: np.array(levels) for name, levels in rows.items()}


def spectrum_levels(samples: Samples) -> Levels:
    """Return the level in each band of the loud part of a sound, in decibels below the loudest."""
    mono = samples.mean(axis=1, dtype=np.float64)
    padded = np.pad(mono, (_WINDOW // 2, _WINDOW))
    starts = np.arange(0, len(padded) - _WINDOW + 1, _WINDOW // 2)
    frames = padded[starts[:, None] + np.arange(_WINDOW)] * np.hanning(_WINDOW)
    power = np.abs(np.asarray(scipy.fft.rfft(frames))) ** 2
    total = power.sum(axis=1)
    loud = power[total >= total.max() * 10.0 ** (-_LOUD_DB / 10.0)].mean(axis=0)
    cuts = np.searchsorted(scipy.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE_HZ), EDGES_HZ)
    levels = 10.0 * np.log10(np.add.reduceat(loud, cuts)[:-1] + 1e-12 * total.max() + 1e-20)
    return levels - levels.max()


def _response(
    samples: Samples, name: str, rng: np.random.Generator, unlike: float
) -> Float[np.ndarray, " taps"]:
    """Draw a recording and return the minimum-phase filter that leads a sound towards it."""
    own = spectrum_levels(samples)
    spectra = recorded_spectra().get(name)
    # Places and microphones, as smooth random curves over frequency.
    knots = np.linspace(_CENTRES[0], _CENTRES[-1], 6)
    change = np.interp(_CENTRES, knots, unlike * rng.normal(0.0, 2.5, 6))
    octaves = np.clip((_CENTRES - np.log(1000.0)) / np.log(2.0), -3.0, 3.0)
    change += rng.normal(0.0, 0.8 * unlike) * octaves
    if spectra is not None and rng.random() < len(spectra) / (len(spectra) + 2.0):
        wanted = spectra[rng.integers(len(spectra))]
        strength = rng.uniform(0.5, 0.9) * DRAWN.get(name, 1.0)
        change = 0.3 / unlike * change + strength * (np.maximum(wanted, -60.0) - own)
        # What a recipe does not have cannot be brought out.
        change = np.where(own < -55.0, np.minimum(change, 0.0), change)
    weight = 10.0 ** (own / 10.0)
    change = np.clip(change - np.average(change, weights=weight), MOST_CUT_DB, MOST_BOOST_DB)
    hz = np.maximum(scipy.fft.rfftfreq(2 * _TAPS, 1 / SAMPLE_RATE_HZ), 10.0)
    level_db = np.interp(np.log(hz), _CENTRES, change)
    low_hz, high_hz = log_uniform(rng, 25.0, 120.0), log_uniform(rng, 6000.0, 22_000.0)
    level_db -= 10.0 * np.log10(1.0 + (low_hz / hz) ** 4) + 10.0 * np.log10(
        1.0 + (hz / high_hz) ** 4
    )
    return _minimum_phase(level_db)


def _place(
    rng: np.random.Generator, decays_s: tuple[float, float], wets_db: tuple[float, float]
) -> Float[np.ndarray, " samples"]:
    """Draw a place: the response with the direct sound, then a tail."""
    decay_s, wet_db = log_uniform(rng, *decays_s), rng.uniform(*wets_db)
    delay = count(rng.uniform(0.002, 0.03))
    tail = rng.standard_normal(count(1.1 * decay_s)) * decay(count(1.1 * decay_s), decay_s)
    tail = lowpass(highpass(tail, 100.0, 1), log_uniform(rng, 1500.0, 8000.0), 1)
    place = np.zeros(delay + len(tail))
    place[delay:] = tail * (gain(wet_db) / np.sqrt(np.sum(tail**2)))
    place[0] = 1.0
    return place


def _minimum_phase(level_db: Float[np.ndarray, " bins"]) -> Float[np.ndarray, " taps"]:
    """Return the causal filter of a magnitude (Oppenheim and Schafer, 1989: the cepstrum)."""
    cepstrum = np.asarray(scipy.fft.irfft(level_db * (np.log(10.0) / 20.0)))
    size = len(cepstrum)
    cepstrum[1 : size // 2] *= 2.0
    cepstrum[size // 2 + 1 :] = 0.0
    taps = np.asarray(scipy.fft.irfft(np.exp(np.asarray(scipy.fft.rfft(cepstrum)))))[:_TAPS]
    taps[_TAPS // 2 :] *= np.linspace(1.0, 0.0, _TAPS - _TAPS // 2)
    return taps


def _filtered(sound: Samples, taps: Float[np.ndarray, " taps"]) -> Samples:
    size = scipy.fft.next_fast_len(len(sound) + len(taps), True)
    spectrum = np.asarray(scipy.fft.rfft(sound.astype(np.float64), size, axis=0))
    response = np.asarray(scipy.fft.rfft(taps, size))[:, None]
    return np.asarray(scipy.fft.irfft(spectrum * response, size, axis=0))[: len(sound)]


def _filtered_round(body: Samples, taps: Float[np.ndarray, " taps"]) -> Samples:
    spectrum = np.asarray(scipy.fft.rfft(body.astype(np.float64), axis=0))
    response = np.asarray(scipy.fft.rfft(taps, len(body)))[:, None]
    return np.asarray(scipy.fft.irfft(spectrum * response, len(body), axis=0))


def _floor(sound: Samples, below_db: float, rng: np.random.Generator) -> Samples:
    """Return noise that goes round, this far below the peak of a sound."""
    level = float(np.abs(sound).max()) * gain(below_db)
    slope = rng.uniform(0.5, 1.5)
    sides = [coloured_noise(len(sound), rng, slope, 60.0) for _ in range(sound.shape[1])]
    return np.stack(sides, axis=1) * level
