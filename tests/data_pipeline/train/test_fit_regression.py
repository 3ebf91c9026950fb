"""The regression on single frames is fitted to what is visible, whatever a clip's length."""

from fractions import Fraction

import numpy as np
import pytest

from data_pipeline.features.record import FeatureRecord
from data_pipeline.features.split import FeatureSplit
from data_pipeline.schema import EffectEvent
from data_pipeline.train.fit_regression import CLIP_WEIGHT, collect_frames, fit_regression
from temporal_foley.effects import load_vocabulary
from temporal_foley.models.tagging.class_prior import class_roots
from temporal_foley.models.tagging.frame_regression import FrameRegression, RegressionConfig

VOCABULARY = load_vocabulary()
FEATURES = 5


def record(number, effect=None, frames=1, until=None, modality="both", has_picture=True):
    """One whose features name its effect while it lasts."""
    rng = np.random.default_rng(number)
    visual = 0.1 * rng.normal(size=(frames, FEATURES))
    events = ()
    if effect is not None:
        last = frames if until is None else until
        visual[:last, effect] += 1.0
        events = (
            EffectEvent(
                effect=VOCABULARY.names[effect],
                onset_s=0.0,
                offset_s=last / 4,
                modality=modality,
                confidence=1.0,
            ),
        )
    return FeatureRecord(
        id=str(number),
        source=str(number),
        sha256="0" * 64,
        frame_rate=Fraction(4),
        times_s=np.arange(frames) / 4,
        visual=visual.astype(np.float16),
        audio=np.zeros((frames, 3), np.float16),
        has_picture=has_picture,
        has_sound=False,
        is_still=frames == 1,
        events=events,
        labelled=VOCABULARY.names,
    )


class Records(list):
    """What a store is for a split."""

    def __hash__(self):  # type: ignore[override]
        return id(self)

    @property
    def settings(self):
        return {"frame_rate": "4"}

    @property
    def frames(self):
        return tuple(one.frames for one in self)


def split(*records, times=1):
    store = Records(records)
    return FeatureSplit([("made", store)] * times)


def test_the_roots_of_the_classes_tell_what_features_alone_do_not():
    """Two classes of an exclusive or: no straight line through the features parts them."""
    corners = [(0, 0, None), (3, 3, None), (0, 3, 0), (3, 0, 0)]
    given = []
    for number in range(80):
        x, y, effect = corners[number % 4]
        one = record(number, effect=effect)
        one.visual[0, :2] = (x, y)
        given.append(one)
    kernel = np.zeros((FEATURES, 3), np.float32)
    kernel[:2] = [[4.0, -4.0, 0.0], [-4.0, 4.0, 0.0]]
    classifier = {"kernel": kernel, "bias": np.array([0.0, 0.0, 5.0], np.float32)}
    config = RegressionConfig(roots=True, strength=1.0)
    found = fit_regression(split(*given), VOCABULARY, config, classifier)
    assert found["kernel"].shape == (FEATURES + 3, len(VOCABULARY) + 1)
    regression = FrameRegression(FEATURES, len(VOCABULARY), config, 3)
    regression.kernel[...], regression.bias[...] = found["kernel"], found["bias"]
    rows = np.zeros((4, FEATURES), np.float32)
    rows[:, :2] = [corner[:2] for corner in corners]
    odds = np.asarray(regression(rows[None], class_roots(rows @ kernel + classifier["bias"])[None]))
    assert (odds[0, :2, 0] < odds[0, 2:, 0].min() - 2.0).all()
    with pytest.raises(ValueError, match="classifier must be given"):
        fit_regression(split(*given), VOCABULARY, config)


PICTURES = [record(n, effect=[0, 1, None][n % 3]) for n in range(60)]


def log_odds(found, features):
    regression = FrameRegression(FEATURES, len(VOCABULARY), RegressionConfig())
    regression.kernel[...], regression.bias[...] = found["kernel"], found["bias"]
    return np.asarray(regression(np.asarray(features, np.float32)[None]))[0]


def test_each_effect_is_found_and_nothing_is_none():
    found = fit_regression(split(*PICTURES), VOCABULARY, RegressionConfig(strength=0.1))
    odds = log_odds(found, np.eye(3, FEATURES))
    assert odds[0].argmax() == 0
    assert odds[1].argmax() == 1
    assert min(odds[0, 0], odds[1, 1]) > 1 > -1 > odds[2, :2].max()
    # Without any example an effect is as improbable as can be.
    assert (odds[:, 2:] < -8).all()


def test_a_clip_counts_as_a_dozen_pictures_however_long_and_often_read():
    for frames, times in ((4, 1), (40, 1), (40, 8)):
        rows, classes, weights = collect_frames(
            split(*PICTURES, record(99, effect=1, frames=frames), times=times), VOCABULARY
        )
        assert weights[60:].sum() == pytest.approx(CLIP_WEIGHT)
        assert (classes[60:] == 1).all()
        assert len(rows) == 60 + min(frames, 8)


def test_frames_before_and_after_an_event_show_nothing():
    _, classes, _ = collect_frames(split(record(0, effect=1, frames=8, until=4)), VOCABULARY)
    assert classes.tolist() == [1] * 4 + [len(VOCABULARY)] * 4


def test_what_is_only_audible_and_what_has_no_picture_does_not_count():
    only_heard = record(0, effect=1, frames=8, modality="sound")
    sound = record(1, effect=1, frames=8, has_picture=False)
    _, classes, _ = collect_frames(split(only_heard, sound, *PICTURES[:3]), VOCABULARY)
    assert 1 not in classes[:8].tolist()
    assert len(classes) == 8 + 3


def test_two_classes_and_one_class_are_fitted_too():
    two = fit_regression(
        split(*(p for p in PICTURES if not p.events or p.events[0].effect == VOCABULARY.names[0])),
        VOCABULARY,
        RegressionConfig(strength=0.1),
    )
    odds = log_odds(two, np.eye(2, FEATURES))
    assert odds[0, 0] > 1 > -1 > odds[1, 0]
    nothing = fit_regression(
        split(*(p for p in PICTURES if not p.events)), VOCABULARY, RegressionConfig()
    )
    assert (log_odds(nothing, np.eye(2, FEATURES)) < -8).all()
