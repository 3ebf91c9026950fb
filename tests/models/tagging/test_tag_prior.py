"""The prior of the audio network's tags: what the tag layer says, silent where it must be."""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from temporal_foley.effects import load_vocabulary
from temporal_foley.models.audio.audioset import class_places
from temporal_foley.models.audio.tag_layer import tag_probabilities
from temporal_foley.models.programs.program import flattened
from temporal_foley.models.tagging.fusion import FusionConfig
from temporal_foley.models.tagging.judging import TaggerPrograms, judge_clip
from temporal_foley.models.tagging.recurrent import RecurrentConfig
from temporal_foley.models.tagging.tag_prior import (
    FARTHEST,
    TagPrior,
    TagPriorConfig,
    tag_prior_statistics,
)
from temporal_foley.models.tagging.tagger import Tagger, TaggerConfig, TaggerInputs

TAGS = [effect.audioset for effect in load_vocabulary().effects]
CONFIG = TagPriorConfig()


def filled(prior, tags=TAGS):
    for name, value in tag_prior_statistics(tags).items():
        getattr(prior, name)[...] = jnp.asarray(value)
    return prior


def embeddings(shape, seed=0):
    # About as spread as the encoder's, so that tags are neither all sure nor all absent.
    return (0.3 * np.random.default_rng(seed).normal(size=shape)).astype(np.float32)


def test_it_says_what_the_tag_layer_says():
    rows = embeddings((1, 40, 384))
    told = np.asarray(filled(TagPrior(384, 20, CONFIG))(jnp.asarray(rows)))[0]
    tags = tag_probabilities(rows[0]).astype(np.float64)
    inside = 0
    for effect, names in enumerate(TAGS):
        none = np.prod(1.0 - tags[:, class_places(names)], axis=1)
        # So sure that single precision does not tell it from one.
        sure = none < 1e-6
        wanted = np.log1p(-none) - np.log(np.maximum(none, 1e-12)) - CONFIG.centre
        wanted = CONFIG.gain * np.clip(wanted, -FARTHEST, FARTHEST)
        np.testing.assert_allclose(told[~sure, effect], wanted[~sure], atol=1e-3)
        inside += (np.abs(wanted) < CONFIG.gain * FARTHEST).sum()
    assert inside > 50


def test_an_effect_without_a_tag_is_left_to_the_head():
    told = filled(TagPrior(384, 2, CONFIG), [["Bark"], []])(jnp.asarray(embeddings((1, 5, 384))))
    assert jnp.abs(told[..., 0]).max() > 0
    assert jnp.abs(told[..., 1]).max() == 0


def tagger():
    config = TaggerConfig(
        visual_features=8,
        fusion=FusionConfig(width=5),
        recurrent=RecurrentConfig(hidden=4),
        tag_prior=CONFIG,
    )
    model = Tagger(config, rngs=nnx.Rngs(params=0))
    filled(model.tag_prior)
    return model


def test_without_sound_it_says_nothing():
    inputs = TaggerInputs(
        visual=jnp.ones((2, 3, 8)),
        audio=jnp.asarray(embeddings((2, 3, 384))),
        has_picture=jnp.array([True, True]),
        has_sound=jnp.array([True, False]),
        lengths=jnp.array([3, 3]),
    )
    told = tagger().frame_parts(inputs).prior
    assert jnp.abs(told[0]).max() > 0
    assert jnp.abs(told[1]).max() == 0


def test_blocks_equal_the_whole_clip():
    graphdef, state = nnx.split(tagger())
    weights = flattened(nnx.to_pure_dict(state))
    programs = TaggerPrograms(lambda: graphdef, weights, outputs=tagger().config.outputs)
    visual = np.random.default_rng(2).normal(size=(21, 8))
    judged = [
        judge_clip(
            programs,
            visual,
            embeddings((21, 384)),
            has_picture=True,
            has_sound=True,
            block_frames=size,
        )
        for size in (64, 8)
    ]
    np.testing.assert_allclose(*judged, atol=1e-5)


def test_a_softmax_takes_no_tags():
    with pytest.raises(ValueError, match=r"tagger\.tag_prior"):
        TaggerConfig(tag_prior=CONFIG, output="softmax")
