"""The trained detector: it looks on its own grid, listens to sound, decides by its bundle."""

import dataclasses
from fractions import Fraction

import numpy as np
import pytest

from temporal_foley.effects import load_vocabulary
from temporal_foley.errors import FoleyError, UsageError, WeightsError
from temporal_foley.models.audio.encoders import load_encoder
from temporal_foley.models.bundle.bundle import save_bundle
from temporal_foley.models.bundle_detector import BundleDetector
from temporal_foley.models.by_name import load_detector
from temporal_foley.models.detector import detect_all
from temporal_foley.models.image.backbone import load_backbone
from temporal_foley.spotting.decision import decision_to_json, default_decision
from temporal_foley.stages import DetectionSettings, find_events, grid_rate
from temporal_foley.timegrid import TimeGrid
from tests.factories import make_bundle

GRID = TimeGrid(frame_rate=Fraction(4), frames=6)


@pytest.fixture(scope="module")
def bundle():
    try:
        listener = load_encoder("student").sha256
    except FoleyError as error:
        pytest.skip(f"no audio network here: {error}")
    return make_bundle(
        inputs={"backbone_sha256": load_backbone().sha256, "listener_sha256": listener},
        decision=decision_to_json(default_decision(load_vocabulary())),
        training_info={"examples": {"fire": {"stills": {"records": 3, "sources": 2}}}},
        sha256="0" * 64,
    )


def pictures(count=6):
    rng = np.random.default_rng(0)
    return [rng.integers(0, 255, (224, 224, 3), np.uint8) for _ in range(count)]


def judged(detector, sound=None):
    blocks = None if sound is None else iter(np.split(sound[:, None], 4))
    return detect_all(detector, pictures(), grid=GRID, sound=blocks).probabilities


def test_it_answers_for_every_frame_and_listens_only_to_what_sounds(bundle):
    detector = BundleDetector(bundle)
    rng = np.random.default_rng(1)
    noise = rng.normal(size=48_000).astype(np.float32) * 0.1
    unheard, silent, heard = (judged(detector, s) for s in (None, 0 * noise, noise))
    assert unheard.shape == (6, 20)
    assert ((unheard > 0) & (unheard < 1)).all()
    np.testing.assert_array_equal(unheard, silent)
    assert np.abs(heard - unheard).max() > 1e-4


def test_sound_without_a_grid_is_refused(bundle):
    with pytest.raises(ValueError, match="grid"):
        detect_all(BundleDetector(bundle), pictures(), sound=[np.ones((9, 1), np.float32)])


def test_no_pictures_give_no_rows(bundle):
    found = detect_all(BundleDetector(bundle), [], grid=GRID, with_places=True)
    assert found.probabilities.shape == (0, 20)
    assert found.places is None


def test_it_looks_on_its_own_grid_only(bundle):
    detector = BundleDetector(bundle)
    assert grid_rate(detector, DetectionSettings()) == 4
    with pytest.raises(UsageError, match="--frame-rate"):
        grid_rate(detector, DetectionSettings(frame_rate=Fraction(8)))


def test_its_bundle_decides_what_is_an_event(bundle):
    decision = default_decision(bundle.vocabulary)
    deaf = dataclasses.replace(
        decision,
        effects=tuple(
            dataclasses.replace(e, threshold_on=0.999, threshold_off=0.99) for e in decision.effects
        ),
    )
    probabilities = np.full((6, 20), 0.9, np.float32)
    for chosen, count in ((decision, 17), (deaf, 0)):  # Three need longer.
        detector = BundleDetector(dataclasses.replace(bundle, decision=decision_to_json(chosen)))
        events = find_events(detector, DetectionSettings(), probabilities, GRID, GRID.end)
        assert len(events) == count


def test_it_tells_what_stands_behind_each_effect(bundle):
    detector = BundleDetector(bundle)
    assert detector.seen_effects() == {"fire": "3 of stills (2 sources)"}
    assert "river" in detector.blind_effects()


def test_other_weights_than_those_it_was_trained_with_are_refused(bundle):
    for name in ("backbone_sha256", "listener_sha256"):
        inputs = dataclasses.replace(bundle.inputs, **{name: "f" * 64})
        with pytest.raises(WeightsError, match="trained with"):
            judged(
                BundleDetector(dataclasses.replace(bundle, inputs=inputs)),
                np.ones(48_000, np.float32),
            )


def test_models_are_found_by_name_or_folder(bundle, tmp_path):
    save_bundle(tmp_path / "mine", bundle)
    assert load_detector(str(tmp_path / "mine")).name == "small"
    assert load_detector("imagenet").decision is None
    with pytest.raises(UsageError, match="--model"):
        load_detector("nothing")
    with pytest.raises(UsageError, match="--vocabulary"):
        load_detector(str(tmp_path / "mine"), vocabulary="foley20")
