"""Make struck and dropped objects: bodies of many damped modes, by material and size.

Modal synthesis after van den Doel and Pai, "The sounds of physical shapes", Presence 7(4), 1998;
decay and brightness by material after Klatzky, Pai and Krotkov, "Perception of material from
contact sounds", Presence 9(4), 2000.
"""

import dataclasses

import numpy as np

from temporal_foley.sound.synth.signals import (
    Signal,
    add_at,
    attack_decay,
    bandpass,
    coloured_noise,
    count,
    fade,
    finish_take,
    gain,
    log_uniform,
    modal_bank,
    normalise_peak,
    oscillator,
    strike,
)
from temporal_foley.sound.take import Take

_LEAD_S = 0.004


@dataclasses.dataclass(frozen=True, kw_only=True)
class Struck:
    """How an object sounds when it is hit; ranges are drawn from, per take."""

    low_hz: tuple[float, float]
    """Lowest mode."""
    high_hz: float = 9000.0
    ring_s: tuple[float, float] = (0.05, 0.15)
    slope: float = 0.5
    tones: int = 0
    """Clear partials above the lowest mode, as of metal and glass; 0: a dull body only."""
    click: float = 0.3
    """The noise of the contact itself."""
    thud: float = 0.0
    """A low body behind it: a table, floor or door."""
    hits: tuple[int, int] = (1, 1)
    gap_s: tuple[float, float] = (0.1, 0.2)
    bounce: float = 1.0
    """Factor of level and gap from hit to hit; below 1 an object that comes to rest."""
    scatter: float = 0.0
    """How far parts land apart, in seconds: a bunch of keys, cutlery."""
    crunch: int = 0
    """Fibres that tear before a blade comes to the board."""
    whirr: float = 0.0
    """A small motor that runs after the hits: the winder of a camera."""


KINDS = {
    "knock": Struck(
        low_hz=(130, 260), high_hz=3500, ring_s=(0.05, 0.1), slope=0.7, click=0.15, thud=0.6,
        hits=(2, 5), gap_s=(0.14, 0.28),
    ),
    "door_slam": Struck(
        low_hz=(60, 130), high_hz=6000, ring_s=(0.2, 0.45), slope=0.4, click=1.0, thud=1.0,
        hits=(2, 4), gap_s=(0.012, 0.05), bounce=0.6, scatter=0.03,
    ),
    "dishes": Struck(
        low_hz=(1100, 3200), high_hz=13_000, ring_s=(0.05, 0.18), tones=9, click=1.0, thud=0.25,
        hits=(5, 12), gap_s=(0.04, 0.2), scatter=0.04,
    ),
    "glass_clink": Struck(
        low_hz=(1800, 4200), high_hz=14_000, ring_s=(0.4, 1.2), tones=5, click=0.1,
    ),
    "cutlery": Struck(
        low_hz=(1500, 4500), high_hz=14_000, ring_s=(0.03, 0.14), tones=9, click=1.2, thud=0.1,
        hits=(4, 10), gap_s=(0.05, 0.25), scatter=0.03,
    ),
    "ball_bounce": Struck(
        low_hz=(70, 140), high_hz=1400, ring_s=(0.06, 0.14), slope=0.8, tones=2, click=0.2,
        thud=0.8, hits=(1, 5), gap_s=(0.35, 0.6), bounce=0.72,
    ),
    "racket_hit": Struck(
        low_hz=(300, 700), high_hz=4500, ring_s=(0.03, 0.07), slope=0.6, tones=2, click=0.6,
    ),
    "punch": Struck(
        low_hz=(70, 150), high_hz=6000, ring_s=(0.04, 0.09), slope=0.5, click=2.0, thud=1.0,
    ),
    "sword": Struck(
        low_hz=(900, 2200), high_hz=15_000, ring_s=(0.5, 1.4), tones=9, click=0.5,
    ),
    "clock": Struck(
        low_hz=(1500, 3200), high_hz=9000, ring_s=(0.01, 0.03), tones=2, click=1.0,
    ),
    "book": Struck(
        low_hz=(90, 200), high_hz=2500, ring_s=(0.05, 0.09), slope=0.8, click=0.5, thud=0.9,
    ),
    "keys": Struck(
        low_hz=(2500, 6000), high_hz=16_000, ring_s=(0.03, 0.12), tones=6, click=0.6,
        hits=(8, 20), gap_s=(0.03, 0.09), scatter=0.05,
    ),
    "chopping": Struck(
        low_hz=(180, 420), high_hz=9000, ring_s=(0.04, 0.09), slope=0.45, click=0.8, thud=0.7,
        crunch=14,
    ),
    "hammer": Struck(
        low_hz=(1200, 2800), high_hz=13_000, ring_s=(0.06, 0.2), tones=4, click=1.0, thud=1.6,
    ),
    "wood_chop": Struck(
        low_hz=(90, 220), high_hz=7000, ring_s=(0.06, 0.14), slope=0.5, click=1.5, thud=0.8,
    ),
    "kick": Struck(
        low_hz=(80, 160), high_hz=3000, ring_s=(0.05, 0.1), slope=0.7, click=0.8, thud=1.0,
    ),
    "pool_balls": Struck(
        low_hz=(2200, 4500), high_hz=14_000, ring_s=(0.01, 0.03), tones=3, click=1.0,
    ),
    "camera": Struck(
        low_hz=(700, 1800), high_hz=12_000, ring_s=(0.015, 0.035), click=1.2, thud=0.25,
        hits=(2, 3), gap_s=(0.05, 0.13), scatter=0.006, whirr=0.25,
    ),
}  # fmt: skip


def make(rng: np.random.Generator, *, kind: str) -> Take:
    """Make one take: one object, hit once or a few times."""
    how = KINDS[kind]
    low_hz, ring_s = log_uniform(rng, *how.low_hz), log_uniform(rng, *how.ring_s)
    partials = _partials(rng, how, low_hz)
    hits = int(rng.integers(how.hits[0], how.hits[1] + 1))
    gap_s = log_uniform(rng, *how.gap_s)
    sound = np.zeros(count(_LEAD_S + hits * gap_s * 1.3 + 2.0 * how.ring_s[1] + 0.6))
    lead_s = _LEAD_S + (0.05 if how.crunch else 0.0)
    at, level = lead_s, 1.0
    for number in range(hits):
        parts = 1 if how.scatter == 0.0 else int(rng.integers(1, 4))
        for part in range(parts):
            apart = 0.0 if part == 0 else rng.uniform(0.0, how.scatter)
            if how.scatter and how.tones:
                # Another plate, key or fork: one and the same would play a tune.
                partials = _partials(rng, how, log_uniform(rng, *how.low_hz))
            one = _hit(rng, how, partials * rng.uniform(0.97, 1.03), ring_s)
            add_at(sound, one, count(at + apart), level * (1.0 if part == 0 else 0.6))
        if how.bounce < 1.0:
            level, gap_s = level * how.bounce, gap_s * how.bounce**0.5
        else:
            level = rng.uniform(0.6, 1.0)
        at += gap_s * (1.0 if how.bounce < 1.0 else rng.uniform(0.7, 1.3))
        if number + 1 == hits:
            break
    for _ in range(how.crunch):
        fibre = strike(
            rng, low_hz=log_uniform(rng, 900.0, 4000.0), high_hz=12_000.0, t60_s=0.008, modes=8
        )
        add_at(sound, fibre, count(lead_s - 0.045 * rng.beta(1.0, 2.0)), rng.exponential(0.15))
    if how.whirr:
        add_at(sound, _whirr(rng, rng.uniform(0.1, 0.35)), count(at), how.whirr)
        at += 0.35
    sound = sound[: count(at + 1.6 * ring_s + 0.12)]
    return finish_take(fade(normalise_peak(sound, -6.0), 0.001, 0.06), anchor=count(lead_s))


def _whirr(rng: np.random.Generator, length_s: float) -> Signal:
    """Run a small motor through its gears: a rough tone that comes up to speed."""
    samples = count(length_s)
    speed = 1.0 - 0.5 * np.exp(-np.arange(samples) / count(0.03))
    turns = oscillator(log_uniform(rng, 250.0, 500.0) * speed)
    buzz = np.sin(turns) + 0.7 * np.sin(3.0 * turns) + 0.5 * np.sin(7.0 * turns + 1.0)
    noise = bandpass(coloured_noise(samples, rng), 1500.0, 8000.0, 1)
    tooth = 0.6 + 0.4 * np.sin(turns)
    return fade(normalise_peak(buzz + 3.0 * noise * tooth, 0.0), 0.01, min(0.04, length_s / 3))


def _partials(rng: np.random.Generator, how: Struck, low_hz: float) -> Signal:
    return low_hz * np.cumprod(np.append(1.0, rng.uniform(1.1, 1.7, max(how.tones - 1, 0))))


def _hit(rng: np.random.Generator, how: Struck, partials: np.ndarray, ring_s: float) -> Signal:
    """Hit the object once: contact, modes, and what it stands on."""
    body = strike(
        rng, low_hz=float(partials[0]), high_hz=how.high_hz, t60_s=ring_s, slope=how.slope
    )
    sound = np.zeros(max(len(body), count(1.4 * ring_s), count(0.15)))
    add_at(sound, body, 0, 1.0 if how.tones == 0 else 0.5)
    if how.tones:
        decays = ring_s * (partials[0] / partials) ** 0.6 * rng.uniform(0.6, 1.2, how.tones)
        levels = rng.uniform(0.3, 1.0, how.tones) * (partials[0] / partials) ** 0.3
        tones = modal_bank(len(sound), partials, decays, levels, rng.uniform(0, 6.28, how.tones))
        add_at(sound, normalise_peak(tones, 0.0), 0)
    samples = count(rng.uniform(0.002, 0.008))
    noise = bandpass(coloured_noise(samples, rng), 800.0, how.high_hz, 1)
    noise *= attack_decay(samples, 0.0005, 0.006)
    add_at(sound, normalise_peak(noise, 0.0), 0, how.click * rng.uniform(0.6, 1.3))
    if how.thud:
        low = strike(rng, low_hz=rng.uniform(55, 100), high_hz=900.0, t60_s=0.12, slope=0.9)
        add_at(sound, low, 0, how.thud * gain(rng.uniform(-6.0, 0.0)))
    return normalise_peak(sound, 0.0)
