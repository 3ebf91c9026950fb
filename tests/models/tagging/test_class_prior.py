"""The prior of the backbone's classifier: the same as the ImageNet map, silent where it must be."""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from temporal_foley.effects import load_vocabulary
from temporal_foley.models.imagenet_classes import class_weights
from temporal_foley.models.imagenet_detector import effect_probabilities
from temporal_foley.models.programs.program import flattened
from temporal_foley.models.tagging import class_prior
from temporal_foley.models.tagging.class_prior import ClassPrior, PriorConfig, prior_statistics
from temporal_foley.models.tagging.fusion import FusionConfig
from temporal_foley.models.tagging.judging import TaggerPrograms, judge_clip
from temporal_foley.models.tagging.recurrent import RecurrentConfig
from temporal_foley.models.tagging.tagger import Tagger, TaggerConfig, TaggerInputs

SHOWS = class_weights(load_vocabulary())


def readout(features=8, seed=0):
    rng = np.random.default_rng(seed)
    return {"readout": {"kernel": rng.normal(size=(features, 1000)), "bias": rng.normal(size=1000)}}


def filled(prior, params):
    for name, value in prior_statistics(params, SHOWS).items():
        getattr(prior, name)[...] = jnp.asarray(value)
    return prior


def test_it_says_what_the_imagenet_map_says():
    params = readout()
    rows = np.random.default_rng(1).normal(size=(1, 6, 8)).astype(np.float32)
    told = np.asarray(filled(ClassPrior(8, 20, PriorConfig()), params)(jnp.asarray(rows)))[0]
    logits = rows[0] @ params["readout"]["kernel"] + params["readout"]["bias"]
    wanted = effect_probabilities(
        logits, SHOWS, class_prior.PRIOR_ODDS, class_prior.TEMPERATURE
    ).astype(np.float64)
    with np.errstate(divide="ignore"):  # of effects without a class
        log_odds = np.log(wanted) - np.log1p(-wanted)
    shown = SHOWS.any(axis=0)
    limited = np.clip(log_odds[:, shown], -class_prior.FARTHEST, class_prior.FARTHEST)
    np.testing.assert_allclose(told[:, shown], limited, atol=2e-2)
    assert (told[:, ~shown] == 0).all()


def tagger():
    config = TaggerConfig(
        visual_features=8,
        audio_features=4,
        fusion=FusionConfig(width=5),
        recurrent=RecurrentConfig(hidden=4),
        prior=PriorConfig(),
    )
    model = Tagger(config, rngs=nnx.Rngs(params=0))
    filled(model.prior, readout())
    return model


def test_without_pictures_it_is_silent():
    model = tagger()
    inputs = TaggerInputs(
        visual=jnp.ones((2, 3, 8)),
        audio=jnp.ones((2, 3, 4)),
        has_picture=jnp.array([True, False]),
        has_sound=jnp.array([True, True]),
        lengths=jnp.array([3, 3]),
    )
    told = model.frame_parts(inputs).prior
    assert jnp.abs(told[0]).max() > 0
    assert jnp.abs(told[1]).max() == 0


def test_blocks_equal_the_whole_clip():
    model = tagger()
    graphdef, state = nnx.split(model)
    weights = flattened(nnx.to_pure_dict(state))
    programs = TaggerPrograms(lambda: graphdef, weights, outputs=model.config.outputs)
    rng = np.random.default_rng(2)
    visual, audio = rng.normal(size=(21, 8)), rng.normal(size=(21, 4))
    judged = [
        judge_clip(
            programs,
            visual,
            audio,
            has_picture=True,
            has_sound=True,
            block_frames=size,
        )
        for size in (64, 8)
    ]
    np.testing.assert_allclose(*judged, atol=1e-5)


def test_a_softmax_has_no_prior():
    with pytest.raises(ValueError, match=r"tagger\.prior"):
        TaggerConfig(prior=PriorConfig(), output="softmax")
