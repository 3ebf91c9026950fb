"""Losses: known answers, what is not known does not count, padding does not count."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from temporal_foley.models.tagging.tagger import TaggerInputs, TaggerOutputs
from temporal_foley.training.losses import LossConfig, sigmoid_loss, softmax_loss, tagger_loss
from temporal_foley.training.tagging import (
    DropoutConfig,
    drop_modalities,
    labels_of_modalities,
    weights_of_effects,
)

PLAIN = LossConfig()


def cells(values):
    return jnp.asarray(values, jnp.float32)


def test_the_loss_of_a_coin_is_log_two():
    known = jnp.ones((2, 3, 4), bool)
    labels = cells(np.random.default_rng(0).random((2, 3, 4)) < 0.5)
    assert sigmoid_loss(jnp.zeros((2, 3, 4)), labels, known, PLAIN) == pytest.approx(np.log(2))


def test_what_is_not_known_does_not_count():
    known = jnp.array([[True, False]])
    labels = cells([[1, 1]])
    right, wrong = cells([[3.0, 9.0]]), cells([[3.0, -9.0]])
    wanted = np.log1p(np.exp(-3.0))
    for logits in (right, wrong):
        assert sigmoid_loss(logits, labels, known, PLAIN) == pytest.approx(wanted, abs=1e-6)


def test_an_unsure_label_counts_as_much_as_it_is_sure():
    known = jnp.ones((1, 1), bool)
    sure, unsure = (sigmoid_loss(cells([[0.7]]), cells([[c]]), known, PLAIN) for c in (1.0, 0.25))
    assert float(unsure) == pytest.approx(0.25 * float(sure), rel=1e-5)


def test_focal_loss_of_a_coin_is_a_quarter_at_gamma_two():
    known = jnp.ones((1, 1), bool)
    config = LossConfig(focal_gamma=2.0)
    assert sigmoid_loss(cells([[0.0]]), cells([[1]]), known, config) == pytest.approx(
        0.25 * np.log(2), rel=1e-5
    )


def test_softmax_takes_any_of_several_effects_for_right_and_other_for_none():
    known = jnp.ones((3, 2), bool)
    labels = cells([[1, 1], [1, 0], [0, 0]])
    logits = jnp.log(cells([[0.5, 0.5, 1e-9], [1, 1e-9, 1e-9], [1e-9, 1e-9, 1]]))
    assert softmax_loss(logits, labels, known) == pytest.approx(np.log(2) / 3, abs=1e-4)


def test_a_frame_of_which_too_little_is_known_has_no_class():
    labels, known = cells([[0, 0]]), jnp.array([[True, False]])
    assert softmax_loss(cells([[5.0, 0.0, 0.0]]), labels, known) == 0.0


def test_padding_never_counts():
    rng = np.random.default_rng(0)
    batch = {
        "labels": cells(rng.random((2, 5, 3)) < 0.5),
        "known": jnp.ones((2, 5, 3), bool),
        "mask": jnp.arange(5)[None] < jnp.array([[5], [2]]),
        "clip_labels": jnp.zeros((2, 3)),
        "clip_known": jnp.ones((2, 3), bool),
        "is_real": jnp.array([True, True]),
    }
    frames, clip = cells(rng.normal(size=(2, 5, 3))), jnp.zeros((2, 3))
    plain, _ = tagger_loss(TaggerOutputs(frames, clip), batch, PLAIN)
    noisy, _ = tagger_loss(TaggerOutputs(frames.at[1, 2:].set(50.0), clip), batch, PLAIN)
    assert plain == noisy


def test_only_clips_with_both_lose_one_and_never_both():
    inputs = TaggerInputs(
        visual=jnp.zeros((400, 1, 1)),
        audio=jnp.zeros((400, 1, 1)),
        has_picture=jnp.arange(400) >= 100,
        has_sound=(jnp.arange(400) < 100) | (jnp.arange(400) >= 200),
        lengths=jnp.ones(400, int),
    )
    dropped = drop_modalities(jax.random.key(0), inputs, DropoutConfig(picture=0.3, sound=0.3))
    assert (dropped.has_picture | dropped.has_sound).all()
    np.testing.assert_array_equal(dropped.has_sound[:200], inputs.has_sound[:200])
    np.testing.assert_array_equal(dropped.has_picture[:200], inputs.has_picture[:200])
    assert 0.2 < 1 - dropped.has_picture[200:].mean() < 0.4
    assert 0.2 < 1 - dropped.has_sound[200:].mean() < 0.4


def test_rare_effects_weigh_more_but_not_without_bound():
    weights = weights_of_effects(np.array([1000, 100, 0]), 1.0)
    assert weights is not None
    assert weights[0] < weights[1] <= weights[2] <= 100 * weights[0]
    assert weights_of_effects(np.array([1, 2]), 0.0) is None


@pytest.mark.parametrize(
    "make",
    [
        lambda: LossConfig(positive_weight=0.0),
        lambda: LossConfig(smoothing=1.0),
        lambda: LossConfig(clip_weight=-1.0),
        lambda: DropoutConfig(picture=0.6, sound=0.6),
    ],
)
def test_settings_that_make_no_sense_are_refused(make):
    with pytest.raises(ValueError, match="must be"):
        make()


def test_what_is_only_heard_is_not_taught_to_who_only_sees():
    flags = {"has_picture": jnp.array([True, True, False]), "has_sound": jnp.array([1, 0, 1]) > 0}
    inputs = TaggerInputs(jnp.zeros((3, 1, 1)), jnp.zeros((3, 1, 1)), **flags, lengths=jnp.ones(3))
    batch = {
        f"{sense}{name}": jnp.full((3, 1, 2) if "clip" not in name else (3, 2), value)
        for sense, value in (("", 1.0), ("seen_", 2.0), ("heard_", 3.0))
        for name in ("labels", "known", "clip_labels", "clip_known")
    }
    told = labels_of_modalities(batch, inputs)
    assert told["labels"][:, 0, 0].tolist() == [1.0, 2.0, 3.0]
    assert told["clip_known"][:, 1].tolist() == [1.0, 2.0, 3.0]
