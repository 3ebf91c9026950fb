"""The metrics of papers: known answers, and perfect and empty predictions."""

import json
from fractions import Fraction

import numpy as np
import pytest

from data_pipeline.__main__ import main as run_pipeline
from data_pipeline.features.record import FeatureRecord
from data_pipeline.schema import EffectEvent
from data_pipeline.train.published import (
    by_second,
    event_map,
    parsing_scores,
    published_scores,
    segment_accuracy,
)
from temporal_foley.errors import UsageError
from temporal_foley.models.bundle.bundle import save_bundle
from temporal_foley.spotting.decision import default_decision
from tests.data_pipeline.train.test_material import write_video
from tests.factories import make_event, make_vocabulary
from tests.tiny_backbone import add_tiny, tiny_bundle


def active(*spans, effects=3):
    rows = np.zeros((10, effects), bool)
    for effect, first, last in spans:
        rows[first:last, effect] = True
    return rows


def test_probabilities_are_averaged_by_second():
    frames = np.array([[0.2], [0.4], [1.0]])
    np.testing.assert_allclose(by_second(frames, 2.0, 3)[:, 0], [0.3, 1.0, 0.0])


def test_accuracy_counts_seconds_and_background():
    truth = active((1, 2, 6))
    chances = np.where(active((1, 4, 8)), 0.9, 0.1)
    assert segment_accuracy([truth], [chances]) == pytest.approx(0.6)
    assert segment_accuracy([truth], [np.where(truth, 0.9, 0.1)]) == 1.0
    assert np.isnan(segment_accuracy([], []))


def test_parsing_of_the_truth_scores_one():
    truth = {"audio": active((0, 0, 4)), "visual": active((0, 2, 6), (1, 0, 3))}
    scores = parsing_scores([truth], [truth])
    assert len(scores) == 10
    assert set(scores.values()) == {1.0}


def test_parsing_averages_classes_of_a_clip_and_then_clips():
    truth = {"audio": active((0, 0, 4)), "visual": active()}
    found = {"audio": active((0, 2, 4), (1, 0, 5)), "visual": active()}
    scores = parsing_scores([truth], [found])
    # Class 0: 2 right, 2 missed; class 1: 5 wrong.
    assert scores["segment audio"] == pytest.approx((4 / 6 + 0) / 2)
    assert scores["segment visual"] == scores["segment audio-visual"] == 1.0
    assert scores["segment Type@AV"] == pytest.approx((1 / 3 + 2) / 3)
    assert scores["segment Event@AV"] == pytest.approx(1 / 3)
    # IoU of [0, 4) and [2, 4) is 0.5: the event counts.
    assert scores["event audio"] == pytest.approx(0.5)
    both = parsing_scores([truth, truth], [found, truth])
    assert both["segment audio"] == pytest.approx((1 / 3 + 1) / 2)


def test_event_precision_follows_confidence_and_overlap():
    truth = [[make_event("a", 0.0, 10.0), make_event("b", 0.0, 4.0)]]
    found = [
        [
            make_event("a", 20.0, 30.0, confidence=0.9),
            make_event("a", 0.0, 6.5, confidence=0.8),
            make_event("b", 0.0, 4.0, confidence=0.7),
        ]
    ]
    scores = event_map(truth, found, ("a", "b", "c"))
    # Of a, the second of two is right at IoU 0.5 and 0.6: precision 0.5.
    assert scores["mAP@0.5"] == scores["mAP@0.6"] == pytest.approx(0.75)
    assert scores["mAP@0.7"] == pytest.approx(0.5)
    assert scores["mAP"] == pytest.approx((0.75 * 2 + 0.5 * 3) / 5)
    assert event_map(truth, truth, ("a", "b"))["mAP"] == 1.0
    assert event_map(truth, [[]], ("a", "b"))["mAP"] == 0.0


NAMES = ("bark", "door")


def record_of(*events):
    """Make a record of 10 s; its pictures show, and its sound has, the effects as features."""
    rows = {sense: np.zeros((40, 2), np.float16) for sense in ("picture", "sound")}
    for event in events:
        for sense, features in rows.items():
            if event.modality in (sense, "both"):
                first, last = int(event.onset_s * 4), int(event.offset_s * 4)
                features[first:last, NAMES.index(event.effect)] = 1
    return FeatureRecord(
        id="a",
        source="a",
        sha256="0" * 64,
        frame_rate=Fraction(4),
        times_s=np.arange(40) / 4,
        visual=rows["picture"],
        audio=rows["sound"],
        has_picture=True,
        has_sound=True,
        events=events,
    )


class Oracle:
    """Detects what the features say; with `blind`, only what sounds."""

    vocabulary = make_vocabulary(*NAMES)

    def __init__(self, blind=False):
        self.blind = blind

    def logits(self, visual, audio, *, has_picture, has_sound):
        seen = visual * (has_picture and not self.blind)
        return 20.0 * np.maximum(seen, audio * has_sound).astype(np.float32) - 10.0


@pytest.mark.parametrize(
    ("dataset", "name"),
    [("ave", "segment accuracy"), ("avvp", "segment Type@AV"), ("unav100", "mAP@0.5")],
)
def test_a_perfect_model_scores_one_on_every_set(dataset, name):
    split = list(
        [
            record_of(EffectEvent(effect="bark", onset_s=2.0, offset_s=6.0)),
            record_of(EffectEvent(effect="door", onset_s=0.0, offset_s=4.0, modality="picture")),
        ]
    )
    decision = default_decision(Oracle.vocabulary)
    scores = published_scores(dataset, Oracle(), split, decision)
    assert scores[name] == pytest.approx(1.0)
    assert published_scores(dataset, Oracle(blind=True), split, decision)[name] < 1.0


def test_a_set_without_a_metric_is_named():
    with pytest.raises(UsageError, match="unknown data set 'vggsound'"):
        published_scores("vggsound", Oracle(), list(), default_decision(Oracle.vocabulary))


ROWS = {
    "ave": (
        "Annotations.txt",
        "Church bell&aaaaaaaaaaa&good&0&10\nBark&bbbbbbbbbbb&good&2&5\n"
        "Bark&ccccccccccc&good&0&10\nBark&ddddddddddd&good&0&10\n",
    ),
    "avvp": (
        "AVVP_test_pd.csv",
        "filename\tevent_labels\naaaaaaaaaaa_0_10\tDog\nbbbbbbbbbbb_0_10\tDog\n"
        "ccccccccccc_0_10\tSpeech\n",
    ),
    "unav100": (
        "unav100_annotations.json",
        json.dumps(
            {
                "database": {
                    name * 11: {
                        "duration": 4.0,
                        "subset": "test",
                        "annotations": [
                            {"segment": [0.5, 2.5], "label": "dog barking", "label_id": 1}
                        ],
                    }
                    for name in "abc"
                }
            }
        ),
    ),
}


@pytest.mark.parametrize("dataset", ["ave", "avvp", "unav100"])
def test_one_command_scores_a_model_on_a_publishers_files(dataset, tmp_path, monkeypatch, capsys):
    add_tiny(monkeypatch)
    save_bundle(tmp_path / "model", tiny_bundle())
    name, text = ROWS[dataset]
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / name).write_text(text)
    for letter in "abcd":
        stem = letter * 11 + ("_0_10" if dataset == "avvp" else "")
        write_video(tmp_path / f"videos/{stem}.mp4")
    words = ["score", dataset, str(tmp_path / "model"), "--data", str(tmp_path / "work")]
    words += ["--annotations", str(tmp_path / "set" / name), "--media", str(tmp_path / "videos")]
    for _ in range(2):
        # The second time nothing is made again.
        assert run_pipeline(words) == 0
        printed = capsys.readouterr().out
        assert {"ave": "segment accuracy", "avvp": "Type@AV", "unav100": "mAP@0.5"}[
            dataset
        ] in printed
    if dataset == "avvp":
        assert run_pipeline([*words, "--split", "train"]) == 2
        assert "no clip of the split train" in capsys.readouterr().err
    assert run_pipeline(words[:-2]) == 2
    assert "--media go together" in capsys.readouterr().err
