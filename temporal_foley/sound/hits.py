"""Time the hits of an event, and fit a take to the length and level of a hit in the original."""

import math

import numpy as np
import soxr
from jaxtyping import Float32

from temporal_foley.effects import Effect
from temporal_foley.sound.levels import MixLevels
from temporal_foley.sound.signal.landmarks import find_next_hit
from temporal_foley.sound.take import Take
from temporal_foley.spotting.own_sound.attacks import attack_of
from temporal_foley.spotting.own_sound.onset_strength import (
    RATE_HZ,
    band_slice,
    measure_levels,
    total_level,
)
from temporal_foley.spotting.sync import strikes
from temporal_foley.timegrid import SAMPLE_RATE_HZ, to_sample
from temporal_foley.timeline import Event

CUT_OUT_S = 0.05
"""How long a take fades that is cut."""

_SHORTEST_HIT_S = 0.12
_LEAST_MATCH_DB, _MOST_MATCH_DB = -40.0, 18.0


def hit_times(
    event: Event, effect: Effect, kind: str, duration: int, rng: np.random.Generator
) -> list[float]:
    """Return the times of an event's hits in seconds, the first at its onset.

    A repeated effect has its own pace in each event, as a walker or a typist does, near the
    geometric mean of the interval range, and deviates from it by random factors that grow with the
    range. The intervals are therefore skewed, as those of typists are (Dhakal et al., "Observations
    on typing from 136 million keystrokes", CHI 2018). A one-shot repeats at any interval in the
    range. Hits that were detected in the picture are used as they are.
    """
    if event.hits:
        return [time for time in event.hits if to_sample(time) < duration]
    times = [event.onset]
    if effect.interval_s is None:
        return times
    shortest, longest = effect.interval_s
    middle, width = math.sqrt(shortest * longest), math.log(longest / shortest)
    pace = middle * math.exp(float(rng.uniform(-width / 6.0, width / 6.0)))
    while True:
        if kind == "repeated":
            interval = pace * math.exp(float(rng.normal(0.0, width / 4.0)))
        else:
            # A guess does less harm the fewer hits there are.
            interval = float(rng.uniform(middle, longest))
        time = times[-1] + min(max(interval, shortest), longest)
        if time >= event.offset or to_sample(time) >= duration:
            return times
        times.append(time)


def matching_gain(
    level_db: float,
    samples: Float32[np.ndarray, "samples channels"],
    effect: Effect,
    levels: MixLevels,
) -> float:
    """Return the gain at which a take is as loud in its effect's bands as the original's hit."""
    attack = attack_of(effect)
    bands = band_slice(attack.lowest_hz, attack.highest_hz)
    mono = samples[: 2 * SAMPLE_RATE_HZ].mean(axis=1)
    measured = measure_levels(soxr.resample(mono, SAMPLE_RATE_HZ, RATE_HZ))
    own = float(total_level(measured.bands_db[:, bands]).max(initial=-100.0))
    bus_db = levels.bus_db(effect.bus) + effect.level_db
    return min(max(level_db - own - bus_db, _LEAST_MATCH_DB), _MOST_MATCH_DB)


def hit_length(take: Take, event: Event, number: int, effect: Effect) -> int:
    """Return how many samples of a take play for a hit.

    For a hit of the original, no more than that takes, and of several calls the first.
    """
    if not event.lengths_s:
        return len(take.samples)
    body = to_sample(max(1.3 * event.lengths_s[number - 1], _SHORTEST_HIT_S) + CUT_OUT_S)
    whole = len(take.samples)
    if not strikes(effect):
        # A second bark would answer none of the original's; what strikes may well have parts.
        whole = find_next_hit(take.samples, take.anchor)
    return min(whole, take.anchor + body)


def is_guessed(event: Event, number: int, effect: Effect) -> bool:
    """Return whether nothing shows when a hit is: only the pace of its effect, or that it calls.

    That a dog is in the picture does not show when it barks.
    """
    if event.hits or event.timing != "grid":
        return not event.hits and number > 1
    return number > 1 or not strikes(effect)
