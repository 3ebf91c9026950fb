"""Find when each effect is active, by a Viterbi search with explicit durations.

Each effect is on or off, independently. How long it stays on follows a log-normal distribution, so
a flicker shorter than any event of the effect is ignored, and so is a gap inside one; how long it
stays off is geometric. The most probable course is found exactly over the states (on, for some
number of frames) and off. A stay that is cut off by the ends of the video is not counted as short.

Source: hidden semi-Markov models, S.-Z. Yu, Artificial Intelligence 174 (2010), in the form with
the time spent so far as part of the state.
"""

import dataclasses

import numpy as np
from jaxtyping import Bool, Float, Int

MOST_AGES = 400
"""Longer stays end at a constant rate: a minute of river is as good as two."""
LEAST_SPREAD = 0.05


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Stays:
    """How long each effect lasts, in frames."""

    median: Float[np.ndarray, " effects"]
    """Median time on."""
    spread: Float[np.ndarray, " effects"]
    """Standard deviation of the logarithm of the time on."""
    gap: Float[np.ndarray, " effects"]
    """Mean time off."""


def most_probable_activity(
    evidence: Float[np.ndarray, "frames effects"], stays: Stays
) -> Bool[np.ndarray, "frames effects"]:
    """Find the most probable course of each effect.

    Args:
        evidence: Log odds of each frame for the effect being on; 0 is neutral.
        stays: How long each effect lasts.
    """
    frames, effects = evidence.shape
    active = np.zeros((frames, effects), bool)
    if frames == 0 or effects == 0:
        return active
    goes_on, ends, first_age = _age_tables(stays)
    starts = -np.log(np.maximum(stays.gap, 1.001))
    stays_off = np.log1p(-np.exp(starts))
    rows = np.arange(effects)

    on = first_age + evidence[0][:, None]
    began = np.zeros(on.shape, np.int64)
    off = np.zeros(effects)
    # Per frame, where the stay began that ended just before it; -1: it was off before too.
    ended: Int[np.ndarray, "frames effects"] = np.full((frames, effects), -1, np.int64)
    for frame in range(1, frames):
        leaving = on + ends
        oldest = leaving.argmax(axis=1)
        left, rested = leaving[rows, oldest], off + stays_off
        leaves = left > rested
        ended[frame] = np.where(leaves, began[rows, oldest], -1)
        aged = on + goes_on
        on = np.concatenate([(off + starts)[:, None], aged[:, :-1]], axis=1)
        held = np.concatenate([np.full((effects, 1), frame), began[:, :-1]], axis=1)
        # The last age stands for all beyond it.
        lingers = aged[:, -1] > on[:, -1]
        on[lingers, -1] = aged[lingers, -1]
        held[lingers, -1] = began[lingers, -1]
        on += evidence[frame][:, None]
        off, began = np.where(leaves, left, rested), held
    for effect in range(effects):
        age = int(on[effect].argmax())
        end = frames
        if on[effect, age] > off[effect]:
            end = int(began[effect, age])
            active[end:, effect] = True
        _trace_back(active[:, effect], ended[:, effect], end - 1)
    return active


def _trace_back(active: np.ndarray, ended: np.ndarray, frame: int) -> None:
    """Mark the stays of one effect, going back from a frame at which it is off."""
    while frame > 0:
        first = ended[frame]
        if first < 0:
            frame -= 1
            continue
        active[first:frame] = True
        frame = int(first) - 1


def _age_tables(stays: Stays) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return log probabilities of continuing and of ending by age, and of the age at the start."""
    from scipy import special

    spread = np.maximum(stays.spread, LEAST_SPREAD)[:, None]
    centre = np.log(np.maximum(stays.median, 0.5))[:, None]
    longest = np.exp(centre + 2.5 * spread).max()
    ages = np.arange(1, int(np.clip(np.ceil(longest), 2, MOST_AGES)) + 1)
    survives = special.log_ndtr((centre - np.log(ages)) / spread)
    before = np.concatenate([np.zeros((len(centre), 1)), survives[:, :-1]], axis=1)
    # Bounded, so that no course is impossible.
    goes_on = np.clip(survives - before, np.log(1e-6), np.log1p(-1e-6))
    ends = np.log(-np.expm1(goes_on))
    # At any moment of a stay that goes on for ever, its age is as probable as reaching that age.
    first_age = before - special.logsumexp(before, axis=1, keepdims=True)
    return goes_on, ends, first_age
