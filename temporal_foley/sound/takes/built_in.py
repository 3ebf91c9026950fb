"""Give the takes of the built-in recipes: from the user's cache, or made and kept there."""

import functools
from importlib import metadata

import numpy as np

from temporal_foley.files.cache import Cache
from temporal_foley.files.cores import describe_processor
from temporal_foley.files.digest import code_sha256
from temporal_foley.sound.synth import recipes_sha256, synthesize
from temporal_foley.sound.take import Take
from temporal_foley.timeline import Loop

MOST_KEPT_BYTES = 512 << 20
"""A film with all effects of `foley20` uses takes of 415 MB."""
TAKES = Cache("takes", MOST_KEPT_BYTES)


def built_in_take(name: str, seed: int, cache: Cache = TAKES) -> Take:
    """Return the take that a recipe gives for a seed; its samples are the same from the cache.

    Raises:
        LibraryError: There is no such recipe.
    """
    key = f"{_made_with()} {name} {seed}"
    take = _recall(cache, key)
    if take is None:
        take = synthesize(name, seed)
        _keep(cache, key, take)
    return take


def _recall(cache: Cache, key: str) -> Take | None:
    kept = cache.read_arrays(key)
    if kept is None:
        return None
    try:
        anchor, *loop = kept["places"].tolist()
        (alike,) = kept["alike"].tolist()
        marks = Loop(start=loop[0], end=loop[1], crossfade=loop[2], alike=alike) if loop else None
        return Take(samples=kept["samples"], anchor=anchor, loop=marks)
    except (KeyError, IndexError, ValueError):
        return None


def _keep(cache: Cache, key: str, take: Take) -> None:
    places, alike = [take.anchor], 0.0
    if take.loop is not None:
        places += [take.loop.start, take.loop.end, take.loop.crossfade]
        alike = take.loop.alike
    arrays = {
        "samples": take.samples,
        "places": np.array(places, np.int64),
        "alike": np.array([alike], np.float64),
    }
    cache.write_arrays(key, arrays)


@functools.cache
def _made_with() -> str:
    """Describe all that decides the samples of a take, beside its name and seed."""
    packages = [metadata.version(name) for name in ("numpy", "scipy")]
    code = code_sha256("timegrid.py")
    return " ".join([*packages, *describe_processor(), code, recipes_sha256()])
