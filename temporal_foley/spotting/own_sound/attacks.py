"""Describe how the hits of each family of effects begin: calls, keys, strikes, blasts, thunder."""

import dataclasses

from temporal_foley.effects import Effect

CALLING_CATEGORIES = ("ANML", "BIRD", "CREA", "CRWD", "HMN", "VOX")
"""How UCS categories begin whose sounds come from a throat."""
BLASTING_CATEGORIES = ("EXPL", "FRWK", "GUN")
"""How UCS categories begin whose sounds echo."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Attack:
    """How the hits of a family of effects begin."""

    lowest_hz: float
    highest_hz: float
    lag_s: float
    """Over how long the strength is measured."""
    rise_s: float
    """How long a rise takes at most."""
    least_rise_db: float
    apart_s: float
    """Shortest time from one hit to the next."""
    near_top_db: float = 10.0
    """A hit begins where its level comes this near to its highest."""
    range_db: float = 20.0
    """How much softer than the loudest hit the others may be."""
    least_alike: float = 0.82
    """Cosine of a hit's spectrum with that of the others below which it is another sound."""
    is_struck: bool = False
    """Whether such hits have many sounds, most of which tags miss."""
    louder_db: float = 6.0
    """A hit that follows too soon takes the place of one that is softer by this much."""
    fade_db_per_s: float = 0.0
    """How much less loud hits count for those a second and more away from them."""


CALL = Attack(
    lowest_hz=250.0,
    highest_hz=6000.0,
    lag_s=0.02,
    rise_s=0.12,
    least_rise_db=8.0,
    apart_s=0.2,
    near_top_db=12.5,
)
KEY = Attack(
    lowest_hz=1000.0,
    highest_hz=14_000.0,
    lag_s=0.01,
    rise_s=0.03,
    least_rise_db=6.0,
    apart_s=0.05,
    range_db=30.0,
    least_alike=0.4,
    is_struck=True,
    # A finger touches a key some 40 ms before the key strikes its bed, and nearly as loudly.
    louder_db=1.0,
    fade_db_per_s=6.0,
)
STRIKE = Attack(
    lowest_hz=200.0,
    highest_hz=14_000.0,
    lag_s=0.01,
    rise_s=0.04,
    least_rise_db=6.0,
    apart_s=0.06,
    least_alike=0.7,
    is_struck=True,
    fade_db_per_s=6.0,
)
BLAST = Attack(
    lowest_hz=100.0,
    highest_hz=14_000.0,
    lag_s=0.01,
    rise_s=0.04,
    least_rise_db=12.0,
    apart_s=0.3,
    range_db=14.0,
    least_alike=0.7,
)
THUNDER = Attack(
    lowest_hz=40.0,
    highest_hz=1500.0,
    lag_s=0.04,
    rise_s=0.4,
    least_rise_db=8.0,
    apart_s=1.0,
    least_alike=0.5,
)


def attack_of(effect: Effect) -> Attack:
    """Return how the hits of an effect begin, by its UCS category and pace."""
    if effect.ucs.startswith(CALLING_CATEGORIES):
        return CALL
    if effect.ucs.startswith("THUN"):
        return THUNDER
    if effect.ucs.startswith(BLASTING_CATEGORIES):
        return BLAST
    if effect.interval_s is not None and effect.interval_s[0] < 0.15:
        return KEY
    return STRIKE
