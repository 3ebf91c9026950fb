"""A backbone small enough to train in a test, and a bundle that looks with it."""

from fractions import Fraction

import jax
import numpy as np
from flax import nnx

from temporal_foley.effects import load_vocabulary, vocabulary_text
from temporal_foley.models.bundle.bundle import Bundle, ModelInputs
from temporal_foley.models.image.efficientnet_lite import EfficientNetLite
from temporal_foley.models.image.fine_tuned import read_network
from temporal_foley.models.image.releases import RELEASES, LiteRelease
from temporal_foley.models.named_weights import name_weights
from temporal_foley.models.tagging.fusion import FusionConfig
from temporal_foley.models.tagging.recurrent import RecurrentConfig
from temporal_foley.models.tagging.tagger import Tagger, TaggerConfig

NAME, SIZE_PX = "tiny", 32


def add_tiny(monkeypatch):
    """Make `tiny` the name of a backbone, of which no file of weights exists."""
    release = LiteRelease(
        width=0.1, depth=0.1, size_px=SIZE_PX, package="", file="", sha256="0" * 64
    )
    monkeypatch.setitem(RELEASES, NAME, release)


def tiny_network(seed=0):
    """Make the network with drawn weights."""
    rng = np.random.default_rng(seed)
    wanted = nnx.to_pure_dict(nnx.split(nnx.eval_shape(lambda: EfficientNetLite(0.1, 0.1)))[1])
    params = jax.tree.map(
        lambda leaf: rng.normal(size=leaf.shape) * min(0.5, leaf.size**-0.25), wanted
    )
    return read_network(NAME, name_weights(params))


def tiny_bundle(seed=0, cell="none", **changes):
    """Make a bundle that looks with it, and listens to nothing."""
    network = tiny_network(seed)
    config = TaggerConfig(
        fusion=FusionConfig(kind="video", width=8, dropout=0.0),
        recurrent=RecurrentConfig(cell=cell, hidden=4, dropout=0.0),
    )
    weights = nnx.to_pure_dict(nnx.split(Tagger(config, rngs=nnx.Rngs(params=seed)))[1])
    fields = {
        "name": "small",
        "vocabulary": load_vocabulary(),
        "vocabulary_text": vocabulary_text("foley20"),
        "inputs": ModelInputs(
            frame_rate=Fraction(4),
            backbone=NAME,
            aspect="stretch",
            backbone_sha256=network.sha256,
            listener="student",
            listener_sha256="1" * 64,
        ),
        "tagger": config,
        "weights": jax.tree.map(lambda x: np.asarray(x, np.float16).astype(np.float32), weights),
        "backbone": network,
    }
    return Bundle(**fields | changes)
