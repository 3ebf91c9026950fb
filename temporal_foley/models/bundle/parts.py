"""Take out of a bundle the simple methods that it is built on, as bundles of their own.

A trained head has to be compared with what needs no training or no sequence: the ImageNet map, the
regression on single frames, and all that single frames say.
"""

import dataclasses

import numpy as np

from temporal_foley.models.bundle.bundle import Bundle

MAP, REGRESSION, FRAMES = "ImageNet map", "regression", "single frames"


def bundle_parts(bundle: Bundle) -> dict[str, Bundle]:
    """Return the simple methods in a bundle by name; none if its head may move them at will.

    The first two have no decision. The ImageNet map is undiluted: its weight is 1.
    """
    config = bundle.tagger
    if config.correction is None:
        return {}
    alone = {"prior": None, "tag_prior": None, "regression": None, "correction": 0.0}
    parts: dict[str, Bundle] = {}
    if config.prior is not None:
        parts[MAP] = _with_map(_with(bundle, {**alone, "prior": config.prior}), 1.0)
    if config.regression is not None:
        # It may read the classes that the map is made of.
        classes = {"prior": config.prior} if config.regression.roots else {}
        only = _with(bundle, {**alone, **classes, "regression": config.regression})
        parts[REGRESSION] = _with_map(only, 0.0) if classes else only
    if parts:
        # On the scale of the whole model, so that its calibration suits it too.
        frames = _with(bundle, {"correction": 0.0})
        parts[FRAMES] = dataclasses.replace(frames, decision=bundle.decision)
    return parts


def _with_map(bundle: Bundle, gain: float) -> Bundle:
    prior = bundle.weights["prior"]
    prior = {**prior, "gain": np.full_like(prior["gain"], gain)}
    return dataclasses.replace(bundle, weights={**bundle.weights, "prior": prior})


def _with(bundle: Bundle, changes: dict) -> Bundle:
    """Change a bundle's network; weights of parts that it no longer has are dropped."""
    tagger = dataclasses.replace(bundle.tagger, **changes)
    dropped = [
        name
        for name in ("prior", "tag_prior", "regression")
        if getattr(tagger, name) is None and name in bundle.weights
    ]
    weights = {name: part for name, part in bundle.weights.items() if name not in dropped}
    return dataclasses.replace(bundle, tagger=tagger, weights=weights, decision=None)
