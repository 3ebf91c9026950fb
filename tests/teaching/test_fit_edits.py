"""Decisions of a person correct a model where they speak, and leave it as it was elsewhere."""

from fractions import Fraction

import numpy as np
import pytest

from temporal_foley.effects import load_vocabulary
from temporal_foley.spotting.decision import default_decision
from temporal_foley.teaching.fit_edits import DecidedClip, corrected, held_out, learn
from temporal_foley.timegrid import TimeGrid
from temporal_foley.timeline import Event

VOCABULARY = load_vocabulary()
DECISION = default_decision(VOCABULARY)
FIRE = VOCABULARY.index("fire")
GRID = TimeGrid(frame_rate=Fraction(4), frames=24)


def clip(number, *, has_fire):
    """Make a clip in which the model takes everything for fire, but its features know better."""
    rng = np.random.default_rng(number)
    rows = rng.normal(size=(24, 8)).astype(np.float32) * 0.3
    rows[:, 0] = 1.0 if has_fire else -1.0
    labels = np.zeros((24, len(VOCABULARY)), np.float32)
    weights = np.full(labels.shape, 0.1, np.float32)
    labels[4:16, FIRE], weights[4:16, FIRE] = float(has_fire), 1.0
    logits = np.full(labels.shape, -4.0, np.float32)
    logits[4:16, FIRE] = 2.0
    event = (Event(effect="fire", onset=1.0, offset=4.0, confidence=0.9),)
    return DecidedClip(
        name=str(number),
        grid=GRID,
        rows=rows,
        logits=logits,
        labels=labels,
        weights=weights,
        accepted=event if has_fire else (),
        rejected=() if has_fire else event,
    )


@pytest.fixture(scope="module")
def clips():
    return [clip(number, has_fire=number % 3 == 0) for number in range(12)]


def test_what_was_rejected_is_not_proposed_again_where_features_tell(clips):
    before, after = held_out(clips, VOCABULARY, DECISION)
    assert (before.accepted_found, before.rejected_again) == (4, 8)
    assert (after.accepted_found, after.rejected_again) == (4, 0)
    assert after.log_loss < before.log_loss


def test_effects_that_nobody_decided_on_stay_as_they_are(clips):
    learned = learn(clips, VOCABULARY, DECISION)
    others = [n for n in range(len(VOCABULARY)) if n != FIRE]
    assert not learned.correction.kernel[:, others].any()
    assert not learned.correction.bias[others].any()
    assert [learned.decision.effects[n] for n in others] == [DECISION.effects[n] for n in others]
    before, after = clips[0].logits, corrected(clips[0], learned.correction)
    np.testing.assert_array_equal(before[:, others], after[:, others])


def test_one_video_cannot_be_held_out(clips):
    with pytest.raises(ValueError, match="at least 2"):
        held_out(clips[:1], VOCABULARY, DECISION)
