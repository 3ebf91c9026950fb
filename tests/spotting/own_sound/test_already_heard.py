"""Fill, replace and the tags that they rest on."""

import dataclasses

import numpy as np
import pytest

from temporal_foley.effects import load_vocabulary
from temporal_foley.errors import VocabularyError
from temporal_foley.models.audio.audioset import class_places
from temporal_foley.models.audio.effect_tags import (
    column_features,
    likeness,
    tag_log_odds,
    tagged_probabilities,
)
from temporal_foley.sound.signal.ducking import (
    REPLACE_ATTACK,
    REPLACE_RELEASE,
    duck_gains,
    replaced_spans,
)
from temporal_foley.spotting.own_sound.already_heard import leave_to_original
from temporal_foley.timeline import MixSettings, without_rejected
from tests.factories import make_cue, make_timeline, make_track

HEARD = {"original": (48_000, 60_000), "timing": "sound"}


def heard_cue(name: str, at_s: float, **fields):
    cue = make_cue(name, at_s, **fields)
    return dataclasses.replace(cue, evidence=dataclasses.replace(cue.evidence, **HEARD))


def test_what_the_original_contains_stays_in_the_list_and_is_silent() -> None:
    cues = (heard_cue("bark-1", 1.0), make_cue("bark-2", 3.0))
    accepted = heard_cue("bark-3", 5.0, status="accepted")
    (track,) = leave_to_original([make_track(*cues, accepted)])
    assert [cue.status for cue in track.cues] == ["already_heard", "proposed", "accepted"]
    assert "not added again" in track.cues[0].reason
    playing = without_rejected(make_timeline(track)).cues
    assert [cue.id for cue in playing] == ["bark-2", "bark-3"]


def test_replace_lowers_the_original_exactly_under_its_hits() -> None:
    spans = replaced_spans([heard_cue("bark-1", 1.0), make_cue("bark-2", 3.0)])
    assert spans.tolist() == [[48_000, 60_000]]
    gains = duck_gains(spans, 0, 96_000, -30.0, attack=REPLACE_ATTACK, release=REPLACE_RELEASE)
    assert gains[48_000:60_000] == pytest.approx(10.0**-1.5, abs=1e-4)
    assert gains[: 48_000 - REPLACE_ATTACK] == pytest.approx(1.0)
    assert gains[60_000 + REPLACE_RELEASE :] == pytest.approx(1.0)


@pytest.mark.wrong_types
def test_settings_of_the_original_are_checked() -> None:
    assert MixSettings().original == "fill"
    with pytest.raises(ValueError, match="fill, replace, keep, duck, mute"):
        MixSettings(original="loud")  # pyright: ignore
    with pytest.raises(ValueError, match="replace_db"):
        MixSettings(replace_db=3.0)


@pytest.mark.wrong_types
def test_loud_columns_are_shortened_and_context_is_their_mean() -> None:
    columns = np.zeros((9, 4), np.float32)
    columns[4, 0] = 60.0
    features = column_features(columns)
    assert features[4].tolist() == pytest.approx([6.0, 0, 0, 0, 1.2, 0, 0, 0])
    with pytest.raises(ValueError, match="columns must be"):
        column_features(np.zeros(4))


def test_effects_without_names_or_fit_keep_what_the_tags_say() -> None:
    columns = np.random.default_rng(0).standard_normal((7, 384)).astype(np.float32)
    named = tag_log_odds(column_features(columns), [("Bark", "Dog"), ("Bark",), ()])
    assert (named[:, 0] >= named[:, 1] - 1e-5).all()
    assert named[:, 2] == pytest.approx(-7.0)
    found = tagged_probabilities(columns, [("my_dog", ("Bark", "Dog"))])
    assert found.shape == (7, 1)
    assert ((found > 0) & (found < 1)).all()
    assert len(class_places(["Bark"])) == 1
    with pytest.raises(VocabularyError, match="Barkk"):
        tagged_probabilities(columns, [("my_dog", ("Barkk",))])


def test_every_shipped_effect_has_a_likeness_and_others_have_none() -> None:
    names = load_vocabulary().names
    columns = np.random.default_rng(0).standard_normal((40, 384)).astype(np.float32)
    found = likeness(columns, [*names, "my_dog"])
    assert found.shape == (40, len(names) + 1)
    assert np.isfinite(found[:, :-1]).all()
    assert np.isnan(found[:, -1]).all()
    louder = likeness(5.0 * columns, names)
    quieter = likeness(columns * (6.0 / np.linalg.norm(columns, axis=1, keepdims=True)), names)
    assert louder == pytest.approx(quieter, abs=0.02)  # Loud columns are shortened.
    assert likeness(columns[:0], names).shape == (0, len(names))
