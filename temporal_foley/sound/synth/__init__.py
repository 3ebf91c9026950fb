"""The built-in recipes: the name of an effect and a seed in, a `Take` out.

The same name and seed give the same samples. A recipe is imported when it is first used.
"""

import functools
import hashlib
import importlib
from collections.abc import Callable, Mapping
from importlib import resources
from types import MappingProxyType

import numpy as np

from temporal_foley.errors import LibraryError
from temporal_foley.sound.take import Take

Recipe = Callable[..., Take]

_NAMES = (
    "ambulance",
    "blender",
    "cars",
    "cat_meowing",
    "cheer",
    "dog_barking",
    "door_opening",
    "fire",
    "glass_breaking",
    "helicopter",
    "high_heels",
    "lightning",
    "river",
    "screaming",
    "stars_shining",
    "train_passing",
    "typing",
    "water_drop",
    "wave",
    "writing",
)
"""One module of this package each, with a function `make`."""


TAKES_A_SET: Mapping[str, int] = MappingProxyType({"high_heels": 8, "typing": 8})
"""Of recipes that a run of hits is made from: so many seeds in a row are of one shoe, one keyboard.

Their `make` has a second generator, which is the same for the whole set.
"""


def _make(name: str, *chance: np.random.Generator) -> Take:
    return importlib.import_module(f"{__name__}.{name}").make(*chance)


RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {name: functools.partial(_make, name) for name in _NAMES}
)
"""What makes a take of each effect, by the effect's name."""


def synthesize(name: str, seed: int) -> Take:
    """Make the take that a recipe gives for a seed.

    Raises:
        LibraryError: There is no such recipe; the text lists those there are.
    """
    recipe = RECIPES.get(name)
    if recipe is None:
        raise LibraryError(f"no built-in recipe {name!r}; there are: {', '.join(RECIPES)}")
    # Two effects with one seed must not share their dice; `hash` differs from run to run.
    salt = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    rng = np.random.default_rng([seed, salt])
    if name not in TAKES_A_SET:
        return recipe(rng)
    return recipe(rng, np.random.default_rng([seed // TAKES_A_SET[name], salt, 1]))


@functools.cache
def recipes_sha256() -> str:
    """Return the SHA-256 over the source texts of all recipes: which version made a take."""
    digest = hashlib.sha256()
    files = [file for file in resources.files(__name__).iterdir() if file.name.endswith(".py")]
    for file in sorted(files, key=lambda file: file.name):
        text = file.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{file.name} {len(text)}\n".encode())
        digest.update(text)
    return digest.hexdigest()
