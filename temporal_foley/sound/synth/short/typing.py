"""Make one key of a keyboard: touch, hit, and return.

Each contact is a cluster of tiny blows that ring the many modes of cap, plate and desk (modal
synthesis after van den Doel) and a tick of noise for the faces that meet; order and spacing of
touch, hit and release follow Asonov and Agrawal, "Keyboard acoustic emanations", IEEE Symposium
on Security and Privacy, 2004. Keys are bright: caps of a gram on a thin plate have their power at
2 to 8 kHz, and the desk is hardly audible.
"""

import numpy as np

from temporal_foley.sound.synth.signals import (
    Signal,
    add_at,
    coloured_noise,
    count,
    decay,
    fade,
    finish_take,
    gain,
    highpass,
    log_uniform,
    normalise_peak,
    room,
    strike,
)
from temporal_foley.sound.take import Take


def make(rng: np.random.Generator, keyboard: np.random.Generator) -> Take:
    """Make one take: a key of a softer or more clicking keyboard, struck and released.

    What `keyboard` draws is the same for all keys of a set: how hard they click, and how audible
    the desk is. Modes are struck anew for each key: the same ones over and over would sound like
    the pitch of a wood block. One key in seven is a wide one, such as the space bar.
    """
    hardness = keyboard.uniform(0.0, 1.0)
    desk_db = keyboard.uniform(-28.0, -14.0)
    is_wide = rng.uniform() < 1 / 7
    cap_hz = log_uniform(rng, 700.0, 1200.0) if is_wide else log_uniform(rng, 1000.0, 2200.0)
    cap_hz *= 0.9 + 0.5 * hardness
    desk_db += 6.0 if is_wide else 0.0
    touch_s = rng.uniform(0.008, 0.022)
    held_s = rng.uniform(0.04, 0.09)
    lead = count(0.004 + touch_s)
    sound = np.zeros(lead + count(held_s + 0.14))
    touch = _contact(rng, 1.2 * cap_hz, desk_db - 12.0, blows=2)
    add_at(sound, touch, lead - count(touch_s), gain(rng.uniform(-22, -14)))
    add_at(sound, _contact(rng, cap_hz, desk_db, blows=4), lead)
    release = _contact(rng, 1.3 * cap_hz, desk_db - 9.0, blows=3)
    add_at(sound, release, lead + count(held_s), gain(rng.uniform(-10, -3)))
    wet = room(sound, rng, size_m=2.2, t60_s=0.2, wet_db=rng.uniform(-17, -9), damping_hz=7000.0)
    wet = highpass(wet, 90.0)
    return finish_take(fade(normalise_peak(wet, -6.0), 0.001, 0.06), anchor=lead)


def _contact(rng: np.random.Generator, cap_hz: float, desk_db: float, *, blows: int) -> Signal:
    """Plastic on plastic: the cap wobbles, so it lands in a few blows; the desk answers once."""
    cluster = np.zeros(count(0.12))
    at = 0.0
    for number in range(blows):
        cap = strike(rng, low_hz=cap_hz, high_hz=14_000.0, t60_s=0.018, slope=0.25, modes=60)
        tick = decay(count(0.004), 0.004) * highpass(coloured_noise(count(0.004), rng), cap_hz)
        add_at(cap, normalise_peak(tick, 0.0), 0, 0.6)
        add_at(cluster, cap, count(at), 1.0 if number == 0 else rng.uniform(0.1, 0.6))
        at += rng.exponential(0.004) + 0.001
    cluster = normalise_peak(cluster, 0.0)
    plate = strike(rng, low_hz=150.0, high_hz=1200.0, t60_s=0.05, slope=0.5)
    add_at(cluster, plate, 0, gain(desk_db))
    return cluster
