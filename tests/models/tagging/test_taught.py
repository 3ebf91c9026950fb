"""Taught effects: found among others, exact in blocks, kept in bundles; nothing else changes."""

import dataclasses

import numpy as np
import pytest

from temporal_foley.effects import parse_vocabulary
from temporal_foley.models.bundle.bundle import (
    BundleError,
    load_bundle,
    save_bundle,
)
from temporal_foley.models.tagging.background import Background, make_background
from temporal_foley.models.tagging.taught import BLOCK_FRAMES, NOT_SEEN, judge_frames
from temporal_foley.spotting.decision import calibrate, decision_from_json
from temporal_foley.teaching.few_shot import fit_effect
from temporal_foley.teaching.teach import effect_record, extend_bundle, new_effect
from tests.factories import make_bundle

FEATURES = 24
TEXT = '[[effect]]\nname = "a"\nkind = "loop"\nbus = "foley"\n'


def world(count, seed=0, kind=None):
    """Draw features; those of a kind have two of them high."""
    rng = np.random.default_rng(seed)
    rows = rng.exponential(size=(count, FEATURES))
    if kind is not None:
        rows[:, 2 * kind : 2 * kind + 2] += 4.0
    return rows.astype(np.float16)


def examples(count, kind=3, seed=1):
    return list(world(count, seed, kind)[:, None])


@pytest.fixture(scope="module")
def background():
    return make_background(world(80), [(1, 1.0, -4.0), (4, 1.2, -5.0)])


@pytest.fixture(scope="module")
def bundle(background):
    return make_bundle(
        tagger={"visual_features": FEATURES, "audio_features": 4},
        vocabulary_toml=TEXT,
        background=background,
    )


def logits(bundle, visual):
    audio = np.zeros((len(visual), 4), np.float32)
    return bundle.logits(visual, audio, has_picture=True, has_sound=False)


def test_what_was_shown_is_told_from_the_rest(background):
    taught = fit_effect(examples(4), background)
    same = judge_frames(taught, world(50, 7, 3), has_picture=True)[:, 0]
    other = judge_frames(taught, world(50, 8, 5), has_picture=True)[:, 0]
    assert np.mean(same[:, None] > other[None]) > 0.97


def test_a_logit_counts_deviations_of_the_background(background):
    taught = fit_effect(examples(2), background)
    # The bank's own pictures, before they were rounded.
    found = judge_frames(taught, world(80), has_picture=True)[:, 0]
    assert abs(found.mean()) < 0.05
    assert found.std() == pytest.approx(1.0, abs=0.05)


def test_a_counter_example_pushes_its_likes_away(background):
    alone = fit_effect(examples(3), background)
    against = fit_effect(examples(3), background, examples(3, kind=5, seed=9))
    likes = world(50, 8, 5)
    assert (
        judge_frames(against, likes, has_picture=True).mean()
        < judge_frames(alone, likes, has_picture=True).mean() - 0.5
    )


def test_a_clip_counts_as_one_example_however_long(background):
    still, other = examples(2)
    short = fit_effect([still, other], background)
    long = fit_effect([np.repeat(still, 50, axis=0), other], background)
    np.testing.assert_array_equal(short.kernel, long.kernel)


def test_frames_are_judged_alike_whatever_stands_around_them(background):
    taught = fit_effect(examples(2), background)
    rows = world(2 * BLOCK_FRAMES + 5, 3)
    whole = judge_frames(taught, rows, has_picture=True)
    parts = [
        judge_frames(taught, rows[at : at + 100], has_picture=True) for at in range(0, 517, 100)
    ]
    np.testing.assert_array_equal(whole, np.concatenate(parts))


def test_without_a_picture_it_is_not_there(background):
    taught = fit_effect(examples(2), background)
    assert (judge_frames(taught, world(3), has_picture=False) == NOT_SEEN).all()


def test_old_effects_answer_as_before_to_the_bit(bundle):
    visual = world(60, 4)
    before = logits(bundle, visual)
    extended = extend_bundle(bundle, new_effect("b"), examples(4)).bundle
    again = extend_bundle(extended, new_effect("c", kind="repeated"), examples(2, 6)).bundle
    assert again.vocabulary.names == ("a", "b", "c")
    found = logits(again, visual)
    assert found.shape == (60, 3)
    np.testing.assert_array_equal(found[:, :1], before)
    np.testing.assert_array_equal(found[:, :2], logits(extended, visual))


def test_a_taught_bundle_comes_back_as_it_was_written(bundle, tmp_path):
    extended = extend_bundle(bundle, new_effect("b"), examples(4)).bundle
    save_bundle(tmp_path / "plain", bundle)
    save_bundle(tmp_path / "b", extended)
    found = load_bundle(tmp_path / "b")
    visual = world(9, 4)
    np.testing.assert_array_equal(logits(found, visual)[:, 1:], logits(extended, visual)[:, 1:])
    # Weights are rounded when they are written, so what was loaded is compared with what was.
    np.testing.assert_array_equal(
        logits(found, visual)[:, :1], logits(load_bundle(tmp_path / "plain"), visual)
    )
    assert found.vocabulary == extended.vocabulary
    for field in dataclasses.fields(Background):
        np.testing.assert_array_equal(
            getattr(found.background, field.name), getattr(bundle.background, field.name)
        )
    # And can be taught again, with the same result.
    twice = extend_bundle(found, new_effect("c"), examples(2)).bundle
    assert save_bundle(tmp_path / "c", twice) == save_bundle(tmp_path / "d", twice)


def test_its_probabilities_are_high_where_it_is_and_low_elsewhere(bundle):
    extended = extend_bundle(bundle, new_effect("b"), examples(4)).bundle
    decision = decision_from_json(extended.decision, extended.vocabulary)
    found = calibrate(logits(extended, np.concatenate([world(20, 7, 3), world(20, 8)])), decision)
    assert np.median(found[:20, 1]) > 0.5 > 10 * np.median(found[20:, 1])


def test_how_far_examples_are_trusted_lies_between_what_is_known(background):
    slopes = [background.line(k)[0] for k in (1, 2, 4, 100)]
    assert slopes[0] < slopes[1] < slopes[2] == slopes[3]


def test_records_are_read_back_as_they_were():
    for effect in (
        new_effect("b", description='a "quoted" name\\'),
        new_effect("c", kind="repeated", bus="foley", interval_s=(0.25, 2.0)),
    ):
        assert parse_vocabulary(effect_record(effect), "x").effects == (effect,)


@pytest.mark.wrong_types
def test_parts_of_another_shape_are_refused(bundle, background, tmp_path):
    taught = extend_bundle(bundle, new_effect("b"), examples(1)).bundle
    wrong = (
        dataclasses.replace(taught, vocabulary_text=TEXT),
        dataclasses.replace(bundle, background=make_background(world(9)[:, :5])),
    )
    for number, one in enumerate(wrong):
        save_bundle(tmp_path / str(number), one)
        with pytest.raises(BundleError, match="not a valid bundle"):
            load_bundle(tmp_path / str(number))
    with pytest.raises(ValueError, match="codes"):
        dataclasses.replace(background, codes=background.codes.astype(np.int16))
    with pytest.raises(ValueError, match="examples"):
        fit_effect([], background)
