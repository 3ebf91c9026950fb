"""Typing: one key; the finger's touch, the key bottoming out, and its return.

Each contact is a cluster of tiny blows that ring the many modes of cap, plate and desk (modal
synthesis after van den Doel); order and spacing of touch, hit and release follow Asonov and
Agrawal, "Keyboard acoustic emanations", IEEE Symposium on Security and Privacy, 2004.
"""

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
    normalise_peak,
    room,
    strike,
)
from temporal_foley.sound.take import Take


def make(rng: np.random.Generator, keyboard: np.random.Generator) -> Take:
    """Make one take: a key of a softer or more clicking keyboard, struck and released.

    What `keyboard` draws is the same for all keys of a set: how hard they click. Modes are struck
    anew for each key: the same ones over and over would be heard as the pitch of a wood block.
    """
    hardness = keyboard.uniform(0.0, 1.0)
    touch_s = rng.uniform(0.008, 0.022)
    held_s = rng.uniform(0.06, 0.11)
    lead = count(0.004 + touch_s)
    sound = np.zeros(lead + count(held_s + 0.14))
    touch = _contact(rng, 0.2, desk=0.2, blows=2)
    add_at(sound, touch, lead - count(touch_s), gain(rng.uniform(-20, -12)))
    add_at(sound, _contact(rng, hardness, desk=1.0, blows=4), lead)
    release = _contact(rng, 0.7 + 0.3 * hardness, desk=0.25, blows=3)
    add_at(sound, release, lead + count(held_s), gain(rng.uniform(-13, -6)))
    rub = bandpass(coloured_noise(len(sound), rng), 1500.0, 7000.0, 1)
    rub *= attack_decay(len(sound), touch_s + 0.01, 0.2)
    sound += gain(rng.uniform(-40, -34)) * rub
    wet = room(sound, rng, size_m=2.2, t60_s=0.3, wet_db=rng.uniform(-12, -7), damping_hz=5000.0)
    return finish_take(fade(normalise_peak(wet, -6.0), 0.001, 0.06), anchor=lead)


def _contact(rng: np.random.Generator, hardness: float, *, desk: float, blows: int) -> Signal:
    """Plastic on plastic: the cap wobbles, so it lands in a few blows; the desk answers once."""
    cluster = np.zeros(count(0.12))
    at = 0.0
    for number in range(blows):
        cap = strike(
            rng,
            low_hz=log_uniform(rng, 700.0, 1300.0) * (0.8 + 0.6 * hardness),
            high_hz=10_000.0,
            t60_s=0.022,
            slope=0.35,
        )
        add_at(cluster, cap, count(at), 1.0 if number == 0 else rng.uniform(0.1, 0.6))
        at += rng.exponential(0.005) + 0.001
    plate = strike(rng, low_hz=150.0, high_hz=1200.0, t60_s=0.05, slope=0.5)
    add_at(cluster, plate, 0, 0.6 * desk)
    return normalise_peak(cluster, 0.0)
