"""Scores of scene heads against scikit-learn, and the choice of the weight of late fusion."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss, precision_recall_fscore_support

from baselines.scenes.alpha_sweep import ALPHAS, AlphaPoint, best_alpha, draw_alpha
from baselines.scenes.scores import draw_heat_maps, draw_losses, score_scenes

NAMES = ("bus", "park", "tram")


def answers():
    generator = np.random.default_rng(0)
    scenes = generator.integers(0, 3, 50)
    probabilities = generator.dirichlet(np.ones(3), 50)
    return scenes, probabilities


def test_scores_equal_scikit_learn():
    scenes, probabilities = answers()
    scores = score_scenes(scenes, probabilities)
    said = probabilities.argmax(axis=1)
    assert scores.accuracy == pytest.approx(accuracy_score(scenes, said), abs=1e-12)
    assert scores.log_loss == pytest.approx(log_loss(scenes, probabilities), abs=1e-9)
    document = scores.document(NAMES)
    expected = precision_recall_fscore_support(scenes, said)
    for place, name in enumerate(NAMES):
        found = document["scenes"][name]
        for part, values in zip(("precision", "recall", "f1", "support"), expected, strict=True):
            assert found[part] == pytest.approx(values[place], abs=1e-12)


def test_a_scene_that_is_not_there_has_no_recall():
    document = score_scenes(np.array([0, 0]), np.eye(3)[[0, 1]]).document(NAMES)
    assert document["scenes"]["tram"]["recall"] is None
    assert document["scenes"]["bus"]["recall"] == 0.5


def test_a_certain_error_costs_a_finite_loss():
    assert np.isfinite(score_scenes(np.array([0]), np.array([[0.0, 1.0]])).log_loss)


def test_answers_for_other_clips_are_refused():
    with pytest.raises(ValueError, match="a row per clip, got 50 for 49"):
        score_scenes(answers()[0][:-1], answers()[1])


def test_the_report_tries_seventeen_weights():
    assert len(ALPHAS) == 17
    assert (ALPHAS[0], ALPHAS[3], ALPHAS[-1]) == (0.10, 0.25, 0.90)


def test_the_weight_is_chosen_on_validation_clips():
    points = [
        AlphaPoint(0.1, 0.80, 0.60, 0.95, 0.10),
        AlphaPoint(0.2, 0.90, 0.50, 0.70, 0.90),
        AlphaPoint(0.3, 0.90, 0.40, 0.60, 0.95),
    ]
    assert best_alpha(points).alpha == 0.3
    with pytest.raises(ValueError, match="finite numbers only"):
        best_alpha([AlphaPoint(0.1, np.nan, 1.0, 1.0, 1.0)])


def test_pictures_are_drawn(tmp_path):
    scenes, probabilities = answers()
    confusion = score_scenes(scenes, probabilities).confusion
    draw_heat_maps(tmp_path / "maps.png", NAMES, {f"head {n}": confusion for n in range(5)})
    draw_losses(tmp_path / "losses.png", {"one": ([(1.0, 1.1), (0.5, 0.9)], 2)})
    draw_alpha(tmp_path / "alpha.png", [AlphaPoint(a, a, a, a, a) for a in ALPHAS])
    for path in tmp_path.iterdir():
        assert path.read_bytes().startswith(b"\x89PNG")
