"""Derive the effects that are known to be absent from those that are present."""

from collections.abc import Iterable

from temporal_foley.effects import Vocabulary

MAY_ACCOMPANY: dict[str, tuple[str, ...]] = {
    "ambulance": ("cars",),
    "cars": ("ambulance",),
    "cheer": ("screaming",),
    "lightning": ("stars_shining", "cars", "river", "wave"),
    "river": ("wave", "water_drop"),
    "screaming": ("cheer",),
    "train_passing": ("cars",),
    "typing": ("writing",),
    "water_drop": ("river",),
    "wave": ("river", "water_drop"),
    "writing": ("typing",),
}
"""Effects that a picture or recording of a class may contain without a label."""


def known_absent(effects: Iterable[str], vocabulary: Vocabulary) -> tuple[str, ...]:
    """Return the effects that are known to be present or absent, as `Example.labelled`."""
    effects = tuple(effects)
    unsure = {other for name in effects for other in MAY_ACCOMPANY.get(name, ())}
    return tuple(name for name in vocabulary.names if name not in unsure or name in effects)
