"""The shapes of fades, crossfades and panning: places in, gains out.

All are made of sums, products and square roots only. These are rounded the same on every machine
and at every place of a block, so that a stem is equal to the sample however it is cut into blocks.
"""

import numpy as np
from jaxtyping import Float, Int

Gains = Float[np.ndarray, " samples"]


def smooth_step(ratio: Gains) -> Gains:
    """Rise from 0 to 1 without a corner at either end (the cubic 3r² - 2r³)."""
    clipped = np.clip(ratio, 0.0, 1.0)
    return clipped * clipped * (3.0 - 2.0 * clipped)


def equal_power(ratio: Gains) -> Gains:
    """Rise from 0 to 1 so that its square and that of its mirror image sum to 1."""
    return np.sqrt(smooth_step(ratio))


def join_gains(ratio: Gains, alike: float) -> tuple[Gains, Gains]:
    """Return rising and falling gains that keep the power of two sounds that are partly alike.

    Fink, Holters and Zölzer, "Signal-matched power-complementary cross-fading and dry-wet mixing",
    DAFx 2016: equal power for what has nothing in common, equal amplitude for what coincides.
    """
    rise, fall = equal_power(ratio), equal_power(1.0 - ratio)
    power = np.sqrt(1.0 + 2.0 * alike * rise * fall)
    return (rise / power).astype(np.float32), (fall / power).astype(np.float32)


def ratio_of(places: Int[np.ndarray, " samples"], length: int) -> Gains:
    """Return how far each sample is into a fade of `length` samples; the ends are never met."""
    return (places + 0.5) / length


def pan_gains(pan: Gains) -> tuple[Gains, Gains]:
    """Return left and right gains of equal power: -1 left, 0 centre (-3 dB each), 1 right."""
    return np.sqrt((1.0 - pan) / 2.0), np.sqrt((1.0 + pan) / 2.0)


def balance_gains(pan: Gains) -> tuple[Gains, Gains]:
    """Return left and right gains of a stereo sound: the far side gives way, the near one stays."""
    left, right = pan_gains(pan)
    root = np.sqrt(2.0)
    return np.minimum(left * root, 1.0), np.minimum(right * root, 1.0)
