"""Find when each effect is active, by a Viterbi search with explicit durations.

Each effect is on or off, independently. How long it stays on follows a log-normal distribution, so
a flicker shorter than any event of the effect is ignored, and so is a gap inside one; how long it
stays off is geometric. The most probable course is found exactly over the states (on, for some
number of frames) and off, and compared with the effect not being in the video at all, which has a
probability of its own: how rare an effect is does not limit its pace once it is there. What the
ends of the video or a cut cut off counts as censored, not as short: a shot may show half a second
of a long event.

Source: hidden semi-Markov models, S.-Z. Yu, Artificial Intelligence 174 (2010), in the form with
the time spent so far as part of the state.
"""

import dataclasses
import functools
from collections.abc import Sequence
from importlib import metadata

import numpy as np
from jaxtyping import Bool, Float, Int

from temporal_foley.files.cache import Cache
from temporal_foley.files.digest import code_sha256

MOST_AGES = 400
"""Longer stays end at a constant rate: a minute of river is as good as two."""
LEAST_SPREAD = 0.05
CUT_CHANGES = 0.5
"""Probability that a cut brings or removes the source of an effect."""

_TABLES = Cache("tables", 1 << 24)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Stays:
    """How long each effect lasts, in frames."""

    median: Float[np.ndarray, " effects"]
    """Median time on."""
    spread: Float[np.ndarray, " effects"]
    """Standard deviation of the logarithm of the time on."""
    gap: Float[np.ndarray, " effects"]
    """Mean of the times that it is off, in videos that contain it."""
    presence: Float[np.ndarray, " effects"] | None = None
    """Probability that it is in a video at all; NaN or None: `gap` is all that is known."""


def most_probable_activity(
    evidence: Float[np.ndarray, "frames effects"], stays: Stays, cuts: Sequence[int] = ()
) -> Bool[np.ndarray, "frames effects"]:
    """Find the most probable course of each effect.

    Args:
        evidence: Log odds of each frame for the effect being on; 0 is neutral.
        stays: How long each effect lasts.
        cuts: Frames that begin a shot.
    """
    frames, effects = evidence.shape
    active = np.zeros((frames, effects), bool)
    if frames == 0 or effects == 0:
        return active
    goes_on, ends, first_age = _age_tables(stays)
    starts = -np.log(np.maximum(stays.gap, 1.001))
    stays_off = np.log1p(-np.exp(starts))
    rows = np.arange(effects)

    share = _share_of_time(stays)
    if len(cuts):
        # Another shot shows another thing, as often as not.
        share = np.minimum(share, CUT_CHANGES)
    present, never = _presence(stays, share)
    # Of an age that nothing tells, the best one: one of many alike would cost their number.
    any_age = first_age - first_age.max(axis=1, keepdims=True)
    first_age = np.where(np.isneginf(never)[:, None], first_age, any_age)
    on = present[:, :1] + first_age + evidence[0][:, None]
    off = present[:, 1].copy()
    joins_shot = np.log(CUT_CHANGES * share)[:, None] + any_age
    leaves_shot = np.maximum(ends, np.log(CUT_CHANGES))
    is_cut = np.zeros(frames, bool)
    is_cut[[cut for cut in cuts if 0 < cut < frames]] = True
    began = np.zeros(on.shape, np.int64)
    # Per frame, where the stay began that ended just before it; -1: it was off before too.
    ended: Int[np.ndarray, "frames effects"] = np.full((frames, effects), -1, np.int64)
    for frame in range(1, frames):
        leaving = on + (leaves_shot if is_cut[frame] else ends)
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
        if is_cut[frame]:
            joining = off[:, None] + joins_shot
            joins = joining > on
            on, held = np.where(joins, joining, on), np.where(joins, frame, held)
        on += evidence[frame][:, None]
        off, began = np.where(leaves, left, rested), held
    for effect in range(effects):
        age = int(on[effect].argmax())
        if never[effect] >= max(on[effect, age], off[effect]):
            continue
        end = frames
        if on[effect, age] > off[effect]:
            end = int(began[effect, age])
            active[end:, effect] = True
        _trace_back(active[:, effect], ended[:, effect], end - 1)
    return active


def _share_of_time(stays: Stays) -> Float[np.ndarray, " effects"]:
    """Return the part of the time that each effect is on in videos that contain it."""
    mean = np.minimum(stays.median * np.exp(0.5 * stays.spread**2), 4.0 * MOST_AGES)
    return mean / (mean + np.maximum(stays.gap, 1.001))


def _presence(
    stays: Stays, share: Float[np.ndarray, " effects"]
) -> tuple[Float[np.ndarray, "effects 2"], Float[np.ndarray, " effects"]]:
    """Return log probabilities of starting on and off, and of not being in the video."""
    known = np.full(len(share), np.nan) if stays.presence is None else stays.presence
    within = np.clip(known, 1e-6, 1.0 - 1e-6)
    starts = np.log(within)[:, None] + np.log(np.stack([share, 1.0 - share], axis=1))
    unknown = np.isnan(known)
    starts = np.where(unknown[:, None], 0.0, starts)
    return starts, np.where(unknown, -np.inf, np.log1p(-within))


def _trace_back(active: np.ndarray, ended: np.ndarray, frame: int) -> None:
    """Mark the stays of one effect, going back from a frame at which it is off."""
    while frame > 0:
        first = ended[frame]
        if first < 0:
            frame -= 1
            continue
        active[first:frame] = True
        frame = int(first) - 1


def _age_tables(stays: Stays) -> Sequence[Float[np.ndarray, "effects ages"]]:
    """Return log probabilities of continuing and of ending by age, and of the age at the start."""
    code = code_sha256("spotting/semi_markov.py")
    key = f"{code} scipy {_scipy_version()} {stays.median.tolist()} {stays.spread.tolist()}"
    names = ("goes_on", "ends", "first_age")
    stored = _TABLES.read_arrays(key)
    if stored is not None and set(stored) == set(names):
        return [stored[name] for name in names]
    tables = _make_age_tables(stays)
    _TABLES.write_arrays(key, dict(zip(names, tables, strict=True)))
    return tables


@functools.cache
def _scipy_version() -> str:
    """Return the version whose functions make the tables; to look it up takes 10 ms."""
    return metadata.version("scipy")


def _make_age_tables(stays: Stays) -> Sequence[Float[np.ndarray, "effects ages"]]:
    # Imported lazily: it takes half a second, more than all the rest of the search.
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
