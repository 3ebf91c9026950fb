"""A regression on single frames is the base of a tagger, and the head stays near it."""

import dataclasses

import jax
import numpy as np
import pytest
from flax import nnx

from temporal_foley.models.bundle.parts import FRAMES, MAP, REGRESSION, bundle_parts
from temporal_foley.models.tagging.class_prior import PriorConfig
from temporal_foley.models.tagging.frame_regression import (
    FARTHEST,
    FrameRegression,
    RegressionConfig,
)
from temporal_foley.models.tagging.tag_prior import TagPriorConfig
from temporal_foley.models.tagging.tagger import TaggerConfig
from tests.factories import make_bundle

BOUND = 0.5
SHAPE = {
    "visual_features": 6,
    "audio_features": 384,
    "regression": RegressionConfig(gain=0.8),
    "prior": PriorConfig(classes=5, gain=0.5, absent=-2.0),
    "tag_prior": TagPriorConfig(absent=-0.7),
    "correction": BOUND,
}
ROUNDING = 1e-4


def rows(frames=9, features=6, seed=0):
    return np.random.default_rng(seed).normal(0, 1, (frames, features)).astype(np.float32)


def loud_bundle(**changes):
    """A bundle whose head would say much more than it is allowed to."""
    bundle = make_bundle(tagger={**SHAPE, **changes})
    rng = np.random.default_rng(1)
    weights = jax.tree.map(lambda leaf: leaf, bundle.weights)
    shape = np.shape(weights["regression"]["kernel"])
    weights["regression"]["kernel"] = rng.normal(0, 1, shape).astype(np.float32)
    readout = weights["head"]["readout"]["logits"]
    readout["kernel"] = 30 * np.asarray(readout["kernel"])
    return dataclasses.replace(bundle, weights=weights)


def logits(bundle, has_picture=True, has_sound=True):
    return bundle.logits(
        rows(), rows(features=384, seed=2), has_picture=has_picture, has_sound=has_sound
    )


def test_log_odds_are_those_of_a_softmax_with_a_class_for_nothing():
    regression = FrameRegression(2, 2, RegressionConfig())
    regression.kernel[...] = np.array([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0]])
    regression.bias[...] = np.array([0.0, 0.0, 1.0])
    found = regression(np.array([[[1.0, 1.0], [0.0, 0.0]]]))
    e = np.exp(1.0)
    wanted = [[np.log(e / (e**2 + e)), np.log(e**2 / (e + e))], [np.log(1 / (1 + e))] * 2]
    np.testing.assert_allclose(found[0], wanted, rtol=1e-5)


def test_log_odds_are_limited():
    regression = FrameRegression(1, 1, RegressionConfig(gain=0.5))
    regression.kernel[...] = np.array([[100.0, -100.0]])
    found = np.asarray(regression(np.array([[[1.0], [-1.0]]])))
    np.testing.assert_allclose(np.abs(found), 0.5 * FARTHEST)


@pytest.mark.parametrize("has_sound", [True, False])
@pytest.mark.parametrize("has_picture", [True, False])
def test_the_head_moves_no_logit_farther_than_its_bound(has_picture, has_sound):
    bundle = loud_bundle()
    base = logits(bundle_parts(bundle)[FRAMES], has_picture, has_sound)
    moved = np.abs(logits(bundle, has_picture, has_sound) - base)
    assert moved.max() <= BOUND + ROUNDING
    # It says something, too.
    assert moved.max() > 0.9 * BOUND


def test_a_bound_of_zero_leaves_single_frames():
    bundle = loud_bundle(correction=0.0)
    one = bundle.logits(rows()[3:4], rows(features=384, seed=2)[3:4], has_picture=True, has_sound=1)
    np.testing.assert_allclose(logits(bundle)[3:4], one, atol=ROUNDING)


def test_a_long_clip_in_blocks_is_bounded_too():
    bundle = loud_bundle()
    many, sound = rows(700), rows(700, 384, 2)
    base = bundle_parts(bundle)[FRAMES]
    given = {"has_picture": True, "has_sound": True}
    moved = bundle.logits(many, sound, **given) - base.logits(many, sound, **given)
    assert np.abs(moved).max() <= BOUND + ROUNDING


def test_roots_of_the_classes_are_read_beside_the_features():
    bundle = loud_bundle(regression=RegressionConfig(roots=True))
    weights = jax.device_get(bundle.weights)
    rng = np.random.default_rng(3)
    classes = rng.normal(0, 1, (6, 5)).astype(np.float32)
    weights["prior"] = {**weights["prior"], "kernel": classes}
    found = logits(bundle_parts(dataclasses.replace(bundle, weights=weights))[REGRESSION])
    kernel = weights["regression"]["kernel"]
    assert kernel.shape[0] == 6 + 5
    shares = np.exp(rows() @ classes + weights["prior"]["bias"])
    roots = np.sqrt(shares / shares.sum(axis=1, keepdims=True))
    odds = np.exp(np.hstack([rows(), roots]) @ kernel + weights["regression"]["bias"])
    odds = odds / odds.sum(axis=1, keepdims=True)
    wanted = np.log(odds[:, :-1]) - np.log1p(-odds[:, :-1])
    np.testing.assert_allclose(found, np.clip(wanted, -FARTHEST, FARTHEST), atol=2e-2)


@pytest.mark.parametrize("roots", [False, True])
def test_parts_are_the_map_the_regression_and_their_weighted_sum(roots):
    bundle = loud_bundle(regression=RegressionConfig(gain=0.8, roots=roots))
    parts = bundle_parts(bundle)
    silent = {"has_picture": True, "has_sound": False}
    of = {name: logits(part, **silent) for name, part in parts.items()}
    shift = float(bundle.weights["shift"][0])
    summed = of[REGRESSION] + 0.5 * of[MAP] + SHAPE["tag_prior"].absent
    np.testing.assert_allclose(of[FRAMES], summed - shift, atol=1e-3)


@pytest.mark.parametrize("sure", [1.0, 100.0])
def test_gradients_say_what_features_speak_for_an_effect_however_sure_it_is(sure):
    bundle = loud_bundle(correction=0.0, prior=None, regression=RegressionConfig())
    weights = jax.device_get(bundle.weights)
    kernel = sure * weights["regression"]["kernel"]
    weights["regression"] = {**weights["regression"], "kernel": kernel}
    bundle = dataclasses.replace(bundle, weights=weights)
    found, _ = bundle.network.gradients(rows()[:4])
    for effect in range(kernel.shape[1] - 1):
        others = np.delete(rows()[:4] @ kernel, effect, axis=1)
        others = np.exp(others - others.max(axis=1, keepdims=True))
        mean = others @ np.delete(kernel, effect, axis=1).T / others.sum(axis=1, keepdims=True)
        wanted = kernel[:, effect] - mean
        np.testing.assert_allclose(found[:, effect], wanted, rtol=2e-2, atol=2e-2 * sure)


def test_what_is_clearly_heard_needs_no_picture():
    quiet = loud_bundle(correction=0.0)
    certain = loud_bundle(correction=0.0, tag_prior=TagPriorConfig(alone=(2.0, 60.0)))
    never = loud_bundle(correction=0.0, tag_prior=TagPriorConfig(alone=(2.0, -90.0)))
    for has_picture in (True, False):
        # Without any tag the log odds are -13.8, so the bias decides.
        assert logits(certain, has_picture, True).min() > -0.01
        np.testing.assert_allclose(
            logits(never, has_picture, True), logits(quiet, has_picture, True), atol=ROUNDING
        )
        np.testing.assert_array_equal(
            logits(certain, has_picture, False), logits(never, has_picture, False)
        )


def test_a_clip_without_picture_and_sound_shows_nothing():
    assert logits(loud_bundle(correction=0.0), False, False).max() < -4.0


def test_a_bundle_with_a_free_head_has_no_parts():
    assert bundle_parts(make_bundle()) == {}


@pytest.mark.parametrize(
    "wrong",
    [{"correction": -0.1}, {"output": "softmax", "correction": 1.0}],
)
def test_wrong_settings_are_refused_by_name(wrong):
    with pytest.raises(ValueError, match=r"tagger\.correction"):
        TaggerConfig(**wrong)
    with pytest.raises(ValueError, match=r"regression\.strength"):
        RegressionConfig(strength=0.0)
    with pytest.raises(ValueError, match=r"regression\.roots needs"):
        TaggerConfig(regression=RegressionConfig(roots=True))


def test_training_moves_the_evidence_only_towards_the_usual():
    bundle = loud_bundle()
    from temporal_foley.models.tagging.judging import pad_clip
    from temporal_foley.models.tagging.tagger import Tagger, TaggerInputs

    graphdef = nnx.split(Tagger(bundle.tagger, rngs=nnx.Rngs(params=0)))[0]
    model = nnx.merge(graphdef, bundle.weights)
    given = TaggerInputs(*pad_clip(rows(), rows(features=384, seed=2), True, False, frames=9))
    plain = np.asarray(model.frame_parts(given).prior)
    trained = np.asarray(model.frame_parts(given, rngs=nnx.Rngs(dropout=0)).prior)
    assert (np.abs(trained + 3.0) <= np.abs(plain + 3.0) + ROUNDING).all()
    assert np.sign(trained + 3.0).tolist() == np.sign(plain + 3.0).tolist()
