"""Make a loop of an ambulance siren: wail and yelp, or two tones.

Method: a driven horn as a rich waveform whose frequency sweeps (wail: up in a second or two and
slowly down; yelp: three to four times a second; two tones: a fourth apart), through the
resonances of a horn loudspeaker and the echoes of a street (SAE J1849 for the sweep ranges and
rates; DIN 14610 for the two tones; A. Farnell, Designing Sound, MIT Press 2010).
"""

import numpy as np
from scipy import signal

from temporal_foley.sound.synth.motion import (
    Mono,
    band_pass,
    coloured,
    convolve_round,
    filter_round,
    harmonics,
    looped,
    phase,
    slow_curve,
)
from temporal_foley.sound.synth.signals import log_uniform
from temporal_foley.sound.take import Take
from temporal_foley.timegrid import SAMPLE_RATE_HZ

ROAD = ((30, -4), (80, 0), (250, -8), (900, -14), (2500, -26), (9000, -46))


def make(rng: np.random.Generator) -> Take:
    """Make one siren at one distance; some wail and yelp, some sound two tones."""
    hz = _two_tones(rng) if rng.random() < 0.25 else _wail_and_yelp(rng)
    samples = len(hz)
    partials = np.arange(1, 15)
    # A hard-driven horn is near a square wave, with some even partials.
    drive = np.where(partials % 2 == 1, 1.0, rng.uniform(0.3, 0.8)) * partials ** -rng.uniform(
        0.9, 1.2
    )
    siren = harmonics(phase(hz, samples), drive)
    siren = _horn(rng, siren)
    siren *= np.exp(0.12 * slow_curve(rng, samples, 1.5))
    distance = rng.uniform(0.0, 1.0)
    siren = _street(rng, siren, wet=0.1 + 0.8 * distance)
    siren /= np.sqrt(np.mean(siren**2))
    road = coloured(rng, samples, ROAD) * np.exp(0.2 * slow_curve(rng, samples, 1.0))
    return looped(siren + log_uniform(rng, 0.05, 0.8) * road, lead_s=0.3)


def _wail_and_yelp(rng: np.random.Generator) -> Mono:
    low_hz, high_hz = rng.uniform(560, 700), rng.uniform(1250, 1550)
    wail_s = round(4 * rng.uniform(3.5, 5.0)) / 4
    yelp_s = 1.0 / rng.integers(3, 5)
    wails, yelps = [(2, 0), (2, 4), (1, 5), (0, 10)][int(rng.choice(4, p=[0.4, 0.3, 0.2, 0.1]))]
    yelps *= round(1 / yelp_s)
    rising = np.linspace(0, 1, round(0.4 * wail_s * SAMPLE_RATE_HZ), endpoint=False)
    falling = np.linspace(1, 0, round(wail_s * SAMPLE_RATE_HZ) - len(rising), endpoint=False)
    # A charged and discharged capacitor steers the pitch, so it bends as it nears its ends.
    wail = np.concatenate([np.sin(0.5 * np.pi * rising), falling**1.3])
    turn = np.arange(round(yelp_s * SAMPLE_RATE_HZ)) / (yelp_s * SAMPLE_RATE_HZ)
    yelp = np.sin(np.pi * np.minimum(turn / 0.45, (1 - turn) / 0.55) / 2)
    height = np.concatenate([np.tile(wail, wails), np.tile(yelp, yelps)])
    return low_hz * (high_hz / low_hz) ** height


def _two_tones(rng: np.random.Generator) -> Mono:
    tone_s = round(20 * rng.uniform(0.45, 0.75)) / 20
    pairs = round(10.0 / (2 * tone_s))
    low_hz = rng.uniform(410, 470)
    step = np.repeat([1.0, rng.uniform(1.3, 1.36)], round(tone_s * SAMPLE_RATE_HZ))
    # The change takes some milliseconds, as of a relay and a diaphragm.
    glide = np.hanning(600) / np.sum(np.hanning(600))
    steps = np.tile(step, pairs)
    return low_hz * np.convolve(np.concatenate([steps[-599:], steps]), glide, "valid")


def _horn(rng: np.random.Generator, sound: Mono) -> Mono:
    """Shape by the horn: nothing below its cut-off, and resonances over it."""
    shaped = band_pass(sound, 300.0, 4500.0)
    for hz, gain in ((rng.uniform(900, 1300), 0.8), (rng.uniform(2200, 3000), 0.6)):
        b, a = signal.iirpeak(hz, 4.0, fs=SAMPLE_RATE_HZ)
        shaped = shaped + gain * filter_round(np.asarray(signal.tf2sos(b, a)), sound)
    return np.tanh(1.2 * shaped / np.sqrt(np.mean(shaped**2)))


def _street(rng: np.random.Generator, sound: Mono, wet: float) -> Mono:
    """Add the echoes of house fronts and their long tail, on the circle."""
    time_s = np.arange(SAMPLE_RATE_HZ * 3 // 2) / SAMPLE_RATE_HZ
    tail = rng.standard_normal(len(time_s)) * np.exp(-time_s / rng.uniform(0.18, 0.35))
    tail[: round(0.012 * SAMPLE_RATE_HZ)] = 0.0
    tail *= wet / np.sqrt(np.sum(tail**2))
    return sound + convolve_round(sound, tail)
