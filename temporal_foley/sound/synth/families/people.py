"""Make people: coughs, sneezes, laughter, crying babies, applause, and crowds that talk.

Voices by source and filter (Fant, Acoustic Theory of Speech Production, 1960); laughter as a chain
of breathy bursts, some five a second (Bachorowski, Smoski and Owren, JASA 110(3), 2001).
"""

import numpy as np

from temporal_foley.sound.synth.lasting.cheer import clap
from temporal_foley.sound.synth.motion import body_length, coloured_pair, lay_round, looped
from temporal_foley.sound.synth.signals import (
    Signal,
    add_at,
    bandpass,
    breakpoints,
    coloured_noise,
    count,
    fade,
    finish_take,
    highpass,
    log_uniform,
    normalise_peak,
    pan,
    slow_noise,
)
from temporal_foley.sound.synth.voice import Formant, Throat, voice
from temporal_foley.sound.take import Take
from temporal_foley.timegrid import SAMPLE_RATE_HZ

VOWELS = {
    "a": (800, 1200, 2600),
    "e": (550, 1800, 2500),
    "i": (320, 2300, 3000),
    "o": (500, 900, 2500),
    "u": (350, 800, 2400),
    "uh": (600, 1200, 2450),
}
_MURMUR = ((80, -24), (200, -4), (500, 0), (1200, -7), (3000, -17), (7000, -32))


def make(rng: np.random.Generator, *, kind: str) -> Take:
    """Make one take: a man, woman or child, or many of them."""
    return {
        "cough": _cough,
        "sneeze": _sneeze,
        "laugh": _laugh,
        "baby_cry": _baby_cry,
        "breathing": _breathing,
        "snoring": _snoring,
        "applause": _applause,
        "crowd_murmur": lambda rng: _talk(rng, child=False),
        "children": lambda rng: _talk(rng, child=True),
    }[kind](rng)


def _mouth(vowel: str, scale: float, samples: int = 0, to: str = "") -> list[Formant]:
    """Return the resonances of a vowel, gliding to another if one is given."""
    out = []
    for number, (hz, width) in enumerate(zip(VOWELS[vowel], (110, 130, 190), strict=True)):
        line = hz * scale
        if to:
            line = np.linspace(line, VOWELS[to][number] * scale, samples)
        out.append(Formant(hz=line, bandwidth_hz=width * scale))
    return [*out, Formant(hz=3600.0 * scale, bandwidth_hz=350.0)]


def _cough(rng: np.random.Generator) -> Take:
    """Burst of air through an opening glottis, then a short voice; once to three times."""
    scale = rng.uniform(0.95, 1.25)
    sound = np.zeros(count(2.2))
    at_s = 0.01
    for number in range(int(rng.integers(1, 4))):
        length_s = rng.uniform(0.16, 0.32)
        samples = count(length_s)
        pitch_hz = 160.0 * scale**3 * rng.uniform(0.6, 1.0)
        pitch = breakpoints(samples, [(0.0, 1.25 * pitch_hz), (length_s, 0.7 * pitch_hz)])
        strength = breakpoints(
            samples,
            [(0.0, 0.0), (0.008, 1.0), (0.06, 0.55), (0.6 * length_s, 0.35), (length_s, 0.0)],
        )
        throat = Throat(
            jitter=0.12, shimmer=0.6, tilt_db_per_octave=-6.0, subharmonic=0.7,
            breath=rng.uniform(3.0, 8.0), breath_corner_hz=400.0, hiss=0.15,
        )  # fmt: skip
        cough = voice(pitch, strength, _mouth("uh", scale, samples, "a"), throat, rng)
        add_at(sound, cough, count(at_s), 1.0 if number == 0 else rng.uniform(0.5, 0.9))
        at_s += length_s + rng.uniform(0.1, 0.3)
    return _finished(sound[: count(at_s + 0.1)])


def _sneeze(rng: np.random.Generator) -> Take:
    """Draw breath, then burst."""
    scale = rng.uniform(0.95, 1.25)
    burst_s = rng.uniform(0.18, 0.35)
    sound = np.zeros(count(0.09 + burst_s + 0.3))
    draw = bandpass(coloured_noise(count(0.07), rng), 700.0, 5000.0, 1)
    add_at(sound, draw * np.linspace(0.0, 1.0, len(draw)) ** 2, 0, 0.08)
    samples = count(burst_s)
    pitch = breakpoints(samples, [(0.0, 420.0 * scale), (burst_s, 210.0 * scale)])
    strength = breakpoints(
        samples, [(0.0, 0.0), (0.015, 1.0), (0.3 * burst_s, 0.6), (burst_s, 0.0)]
    )
    throat = Throat(jitter=0.05, breath=rng.uniform(2.5, 6.0), breath_corner_hz=1200.0, hiss=0.25)
    burst = voice(pitch, strength, _mouth("i", scale, samples, "u"), throat, rng)
    spray = highpass(coloured_noise(samples, rng), 3000.0, 1) * strength**0.7
    add_at(burst, spray, 0, rng.uniform(0.2, 0.6))
    add_at(sound, burst, count(0.075))
    return _finished(sound, anchor_s=0.075)


def _laugh(rng: np.random.Generator) -> Take:
    """Chain of `ha`, falling in pitch and strength."""
    scale, vowel = rng.uniform(0.95, 1.3), str(rng.choice(["a", "uh", "e"]))
    rate_s, pitch_hz = rng.uniform(0.16, 0.24), 190.0 * scale**4 * rng.uniform(0.9, 1.8)
    bursts = int(rng.integers(4, 11))
    sound = np.zeros(count(bursts * rate_s + 0.6))
    for number in range(bursts):
        samples = count(rate_s * rng.uniform(0.5, 0.7))
        length_s = samples / SAMPLE_RATE_HZ
        fall = 1.0 - 0.35 * number / bursts
        pitch = np.full(samples, pitch_hz * fall * rng.uniform(0.92, 1.1))
        pitch *= np.linspace(1.15, 0.9, samples)
        strength = breakpoints(samples, [(0.0, 0.05), (0.3 * length_s, 1.0), (length_s, 0.0)])
        throat = Throat(jitter=0.03, shimmer=0.2, breath=rng.uniform(0.4, 1.2), hiss=0.03)
        ha = voice(pitch, strength, _mouth(vowel, scale), throat, rng)
        add_at(sound, ha, count(0.01 + number * rate_s * rng.uniform(0.97, 1.03)), fall)
        air = bandpass(coloured_noise(count(0.06), rng), 900.0, 5000.0, 1)
        add_at(sound, air * np.hanning(len(air)), count((number + 0.7) * rate_s), 0.08)
    return _finished(sound)


def _baby_cry(rng: np.random.Generator) -> Take:
    """Cries of a second each at some 450 Hz, with drawn breath between them."""
    base_hz, scale = rng.uniform(380.0, 560.0), rng.uniform(1.5, 1.8)
    sound = np.zeros(count(6.0))
    at_s = 0.01
    for _ in range(int(rng.integers(2, 5))):
        length_s = rng.uniform(0.6, 1.3)
        samples = count(length_s)
        pitch = base_hz * breakpoints(
            samples,
            [(0.0, 0.85), (0.15 * length_s, rng.uniform(1.1, 1.3)), (0.7 * length_s, 1.1),
             (length_s, 0.8)],
            smooth_s=0.05,
        )  # fmt: skip
        pitch *= 1.0 + 0.02 * slow_noise(samples, rng, 10.0)
        strength = breakpoints(
            samples,
            [(0.0, 0.0), (0.08, 0.9), (0.6 * length_s, 1.0), (0.97 * length_s, 0.2),
             (length_s, 0.0)],
        )  # fmt: skip
        shake = 1.0 + 0.25 * np.clip(slow_noise(samples, rng, 7.0), -1.5, 1.5)
        throat = Throat(
            jitter=0.02, tilt_db_per_octave=-4.0, subharmonic=rng.uniform(0.0, 0.6), breath=0.15,
            hiss=0.02,
        )  # fmt: skip
        cry = voice(pitch, strength * shake, _mouth("a", scale, samples, "uh"), throat, rng)
        if at_s + length_s > 5.5:
            break
        add_at(sound, cry, count(at_s), rng.uniform(0.7, 1.0))
        breath = bandpass(coloured_noise(count(0.2), rng), 800.0, 6000.0, 1)
        add_at(sound, breath * np.hanning(len(breath)), count(at_s + length_s + 0.08), 0.05)
        at_s += length_s + rng.uniform(0.3, 0.5)
    return _finished(sound[: count(at_s)])


def _breathing(rng: np.random.Generator) -> Take:
    return _air(rng, rate_s=rng.uniform(2.2, 4.5), snore=False)


def _snoring(rng: np.random.Generator) -> Take:
    return _air(rng, rate_s=rng.uniform(3.0, 5.0), snore=True)


def _air(rng: np.random.Generator, *, rate_s: float, snore: bool) -> Take:
    """Breathe in and out, with the palate fluttering in snoring."""
    breaths = max(2, round(10.0 / rate_s))
    sound = np.zeros(round(breaths * rate_s * SAMPLE_RATE_HZ))
    for number in range(breaths):
        for start, length, level, low_hz in ((0.05, 0.35, 1.0, 500.0), (0.5, 0.4, 0.6, 300.0)):
            samples = count(length * rate_s * rng.uniform(0.9, 1.0))
            noise = bandpass(coloured_noise(samples, rng, 0.5), low_hz, 3500.0, 1)
            noise *= np.sin(np.pi * np.linspace(0, 1, samples) ** 0.7) ** 2
            if snore and start < 0.3:
                rate = rng.uniform(24.0, 60.0) * (1.0 + 0.1 * slow_noise(samples, rng, 3.0))
                cycles = np.cumsum(rate) / SAMPLE_RATE_HZ
                noise = noise * 0.2 + bandpass(noise, 90.0, 900.0, 1) * 8.0 * np.exp(
                    -7.0 * (cycles % 1.0)
                )
            at = round((number + start) * rate_s * SAMPLE_RATE_HZ)
            lay_round(sound, at, level * noise)
    return looped(sound, lead_s=0.2)


def _applause(rng: np.random.Generator) -> Take:
    """Let people clap, each at a tempo of their own: a handful or a hall."""
    samples = body_length(rng, 8.0, 11.0)
    people = round(log_uniform(rng, 6, 160))
    crowd = coloured_pair(
        rng, samples, ((200, -30), (700, -6), (1500, 0), (4000, -6), (10_000, -20))
    )
    crowd *= 0.02 + 0.25 * people / 160
    for _ in range(people):
        hands, side = [clap(rng) for _ in range(2)], rng.normal(0.0, 0.5)
        gap, near = SAMPLE_RATE_HZ / rng.uniform(3.0, 5.0), np.exp(0.7 * rng.standard_normal())
        at = rng.uniform(0.0, gap)
        while at < samples:
            hit = hands[int(rng.integers(2))] * near * rng.uniform(0.6, 1.0)
            lay_round(crowd, int(at), pan(hit, side))
            at += gap * rng.normal(1.0, 0.05)
    return looped(crowd, lead_s=0.5)


def _talk(rng: np.random.Generator, *, child: bool) -> Take:
    """Let many people talk at once: near ones as babble of syllables, far ones as a murmur."""
    samples = body_length(rng, 9.0, 12.0)
    size = rng.uniform(0.2, 1.0)
    sway = np.exp(0.25 * np.asarray(slow_noise(samples, rng, 0.7)))
    edge = min(samples, SAMPLE_RATE_HZ // 2)
    sway[-edge:] += (sway[0] - sway[-1]) * np.linspace(0.0, 1.0, edge)
    crowd = coloured_pair(rng, samples, _MURMUR) * (0.15 * size * sway)[:, None]
    syllables = [_syllable(rng, child) for _ in range(70)]
    for _ in range(round(3 + 16 * size)):
        side, near = rng.normal(0.0, 0.5), 0.12 * np.exp(0.7 * rng.standard_normal())
        at, rate_s = rng.uniform(0, samples), rng.uniform(0.14, 0.24)
        own = rng.integers(len(syllables), size=12)
        end = at + samples * rng.uniform(0.5, 0.95)
        while at < end:
            for _ in range(int(rng.integers(3, 12))):
                grain = syllables[int(rng.choice(own))] * near * rng.uniform(0.4, 1.0)
                lay_round(crowd, int(at), pan(grain, side))
                at += rate_s * rng.uniform(0.7, 1.3) * SAMPLE_RATE_HZ
            at += rng.uniform(0.2, 1.5) * SAMPLE_RATE_HZ
    return looped(crowd, lead_s=0.5)


def _syllable(rng: np.random.Generator, child: bool) -> Signal:
    length_s = rng.uniform(0.1, 0.32 if child else 0.24)
    samples = count(length_s)
    pitch_hz = log_uniform(rng, 260.0, 520.0) if child else log_uniform(rng, 95.0, 240.0)
    scale = rng.uniform(1.25, 1.5) if child else 1.0 + 0.2 * (pitch_hz > 160.0)
    pitch = pitch_hz * np.linspace(rng.uniform(0.9, 1.2), rng.uniform(0.8, 1.2), samples)
    strength = np.sin(np.pi * np.linspace(0.0, 1.0, samples) ** 0.7) ** 1.2
    one, other = rng.choice(list(VOWELS), 2)
    throat = Throat(jitter=0.02, breath=0.15, hiss=0.03)
    return voice(pitch, strength, _mouth(str(one), scale, samples, str(other)), throat, rng)


def _finished(sound: Signal, anchor_s: float = 0.02) -> Take:
    sound = highpass(sound, 70.0)
    return finish_take(fade(normalise_peak(sound, -6.0), 0.003, 0.06), anchor=count(anchor_s))
