"""Make takes by the built-in recipes.

The same name and seed give the same samples. A recipe is imported when it is first used.
"""

import functools
import hashlib
import importlib
from collections.abc import Callable, Iterator, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Any

import numpy as np

from temporal_foley.errors import LibraryError
from temporal_foley.sound.synth.family_names import FAMILIES
from temporal_foley.sound.take import Take

Recipe = Callable[..., Take]

_SHORT = (
    *("cat_meowing", "dog_barking", "door_opening", "glass_breaking", "high_heels"),
    *("lightning", "screaming", "typing", "water_drop"),
)
_LASTING = (
    *("ambulance", "blender", "cars", "cheer", "fire", "helicopter"),
    *("river", "stars_shining", "train_passing", "wave", "writing"),
)


TAKES_A_SET: Mapping[str, int] = MappingProxyType(
    dict.fromkeys(("high_heels", "typing", *FAMILIES["steps"]), 8)
)
"""For recipes of single hits: this many seeds in a row share one shoe or one keyboard.

Their `make` has a second generator, which is the same for the whole set.
"""


SEEDS_A_FILM = 24
"""A film has its own seeds of a recipe: eight takes, or three sets of eight (shoes, keyboards)."""

ONE_SOURCE = ("cat_meowing", "dog_barking", "water_drop")
"""Recipes of a source that stays the same throughout a film; `make` has a generator for it."""

AS_MADE = ("writing",)
"""Recipes that a drawn recording makes less recognisable."""


def _make(module: str, *chance: np.random.Generator, **parameters: Any) -> Take:
    return importlib.import_module(f"{__name__}.{module}").make(*chance, **parameters)


RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        **{name: functools.partial(_make, f"short.{name}") for name in _SHORT},
        **{name: functools.partial(_make, f"lasting.{name}") for name in _LASTING},
        "siren": functools.partial(_make, "lasting.ambulance"),
        **{
            name: functools.partial(_make, f"families.{family}", kind=name)
            for family, names in FAMILIES.items()
            for name in names
        },
    }
)
"""What makes a take of each effect, by the effect's name."""


def synthesize(name: str, seed: int, *, recorded: bool = True) -> Take:
    """Make the take that a recipe gives for a seed, by default as a drawn recording of it.

    Raises:
        LibraryError: There is no such recipe; the text lists those there are.
    """
    recipe = RECIPES.get(name)
    if recipe is None:
        raise LibraryError(f"no built-in recipe {name!r}; there are: {', '.join(RECIPES)}")
    # Two effects with one seed must not share their dice; `hash` differs from run to run.
    salt = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    rng = np.random.default_rng([seed, salt])
    film = seed // SEEDS_A_FILM
    own_set = seed // TAKES_A_SET[name] if name in TAKES_A_SET else seed
    # In a film, one animal barks again and again, at one place; outside of it, takes all differ.
    source = film if film and name in ONE_SOURCE else own_set
    take = (
        recipe(rng, np.random.default_rng([source, salt, 1]))
        if name in TAKES_A_SET or name in ONE_SOURCE
        else recipe(rng)
    )
    is_hit = take.loop is None
    recorder = np.random.default_rng([film if film and is_hit else own_set, salt, 2])
    if not recorded or name in AS_MADE:
        return take
    return importlib.import_module(f"{__name__}.recording").as_recorded(take, name, recorder)


@functools.cache
def recipes_sha256() -> str:
    """Return the SHA-256 over the sources and tables of all recipes, the version of their takes."""
    digest = hashlib.sha256()
    for name, file in sorted(_sources(resources.files(__name__), "")):
        text = file.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{name} {len(text)}\n".encode())
        digest.update(text)
    return digest.hexdigest()


def _sources(folder: Traversable, path: str) -> Iterator[tuple[str, Traversable]]:
    for file in folder.iterdir():
        if file.is_dir():
            yield from _sources(file, f"{path}{file.name}/")
        elif file.name.endswith((".py", ".tsv")):
            yield path + file.name, file
