"""Make a loop of a cheering crowd: voices, claps and whistles.

Method: a granular crowd. Each voice is a shout by source and filter (G. Fant, Acoustic Theory of
Speech Production, Mouton 1960): a pulse train with a gliding, shaking pitch through the formants
of an open vowel. Many voices near and a murmur of formant noise for those far off; claps are
short bursts of cupped-hand resonance (B. Repp, The sound of two hands clapping, JASA 81(4), 1987).
"""

import numpy as np

from temporal_foley.sound.synth.motion import (
    Mono,
    body_length,
    coloured_pair,
    harmonics,
    lay_round,
    looped,
    scatter,
    slow_curve,
)
from temporal_foley.sound.synth.signals import bandpass, log_uniform, pan, slow_noise, times
from temporal_foley.sound.take import Take
from temporal_foley.timegrid import SAMPLE_RATE_HZ

CROWD = ((100, -30), (300, -12), (700, -3), (1200, 0), (3000, -2), (4500, -8), (9000, -20))
VOWELS = (
    (750, 1200, 2600),
    (850, 1500, 2800),
    (600, 1000, 2500),
    (480, 1700, 2500),
    (400, 850, 2400),
)


def make(rng: np.random.Generator) -> Take:
    """Make one crowd, from a few dozen people to a stand."""
    samples = body_length(rng, 9.0, 12.0)
    size = rng.uniform(0.2, 1.0)
    excitement = np.exp(0.45 * slow_curve(rng, samples, 0.4) + 0.25 * slow_curve(rng, samples, 3.0))
    crowd = coloured_pair(rng, samples, CROWD) * (excitement * (0.06 + 0.14 * size))[:, None]
    density = np.clip(0.5 * excitement, 0.1, 1.0)
    voices = [pan(_voice(rng), rng.normal(0, 0.5)) for _ in range(40)]
    for at in scatter(rng, samples, 22.0 + 60.0 * size, density):
        # A heavy tail: some people are near and stand out.
        strength = min(0.07 * np.exp(1.0 * rng.standard_normal()), 0.8)
        lay_round(crowd, at, voices[rng.integers(len(voices))] * strength * excitement[at])
    applause = rng.uniform(0.2, 1.2)
    for _ in range(round(5 + 55 * size * rng.uniform(0.3, 1.0))):
        _clapping(rng, crowd, excitement, applause * np.exp(0.7 * rng.standard_normal()))
    for at in scatter(rng, samples, rng.uniform(0.0, 1.0)):
        lay_round(crowd, at, pan(_whistle(rng), rng.normal(0, 0.5)))
    return looped(crowd, lead_s=0.5)


def _voice(rng: np.random.Generator) -> Mono:
    """Shout one open vowel: up quickly, held, and falling off."""
    length = round(log_uniform(rng, 0.25, 1.4) * SAMPLE_RATE_HZ)
    high = rng.random() < 0.5
    pitch_hz = log_uniform(rng, 330, 620) if high else log_uniform(rng, 190, 340)
    turn = np.linspace(0, 1, length)
    glide = 1 + rng.uniform(0.05, 0.5) * np.sin(np.pi * turn**0.7) - 0.15 * turn**3
    shake = 1 + 0.03 * slow_noise(length, rng, 9.0) + 0.02 * slow_noise(length, rng, 80.0)
    cycles = np.cumsum(pitch_hz * glide * shake) / SAMPLE_RATE_HZ
    partials = np.arange(1, int(6000 / pitch_hz))
    hz = partials * pitch_hz * 1.08
    stretch = 1.15 if high else 1.0
    resonance = sum(
        weight / (1 + ((hz - stretch * formant) / width) ** 2)
        for formant, width, weight in zip(
            VOWELS[rng.integers(len(VOWELS))], (110, 140, 220), (1.0, 0.9, 0.6), strict=True
        )
    )
    tone = harmonics(cycles, (resonance + 0.02) * partials**-0.3)
    rough = 1 + 0.5 * slow_noise(length, rng, 90.0)
    envelope = np.minimum(turn / 0.12, 1.0) * np.minimum((1 - turn) / 0.45, 1.0)
    voice = tone * rough * np.sin(0.5 * np.pi * envelope) ** 2
    return voice / np.sqrt(np.mean(voice**2))


def _clapping(
    rng: np.random.Generator, crowd: np.ndarray, excitement: Mono, strength: float
) -> None:
    """Let one person clap at a tempo of their own, with pauses."""
    hands, side = [clap(rng) for _ in range(3)], rng.normal(0, 0.5)
    gap = SAMPLE_RATE_HZ / rng.uniform(2.8, 4.8)
    at = rng.uniform(0, gap)
    while at < len(crowd):
        if excitement[int(at)] > rng.uniform(0.4, 1.2):
            hit = hands[rng.integers(3)] * strength * rng.uniform(0.6, 1.0)
            lay_round(crowd, int(at), pan(hit, side))
        at += gap * rng.normal(1.0, 0.06)


def clap(rng: np.random.Generator) -> Mono:
    length = 2400
    hz = log_uniform(rng, 700, 2400)
    burst = rng.standard_normal(length) * np.exp(-times(length) / rng.uniform(0.003, 0.008))
    clap = bandpass(burst, 0.75 * hz, 1.6 * hz, 1) + 0.08 * burst
    return clap / np.max(np.abs(clap))


def _whistle(rng: np.random.Generator) -> Mono:
    """Whistle through the fingers: up, and down again."""
    length = round(rng.uniform(0.4, 1.0) * SAMPLE_RATE_HZ)
    turn = np.linspace(0, 1, length)
    bend = np.sin(np.pi * turn) ** 0.7 * rng.uniform(0.2, 0.5)
    hz = rng.uniform(1500, 2300) * (1 + bend) * (1 + 0.004 * slow_noise(length, rng, 20.0))
    tone = np.sin(2 * np.pi * np.cumsum(hz) / SAMPLE_RATE_HZ)
    return tone * np.sin(np.pi * turn) ** 0.5 * rng.uniform(0.2, 0.5)
