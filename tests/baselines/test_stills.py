import dataclasses
import json

import numpy as np
import pytest

from baselines.stills.__main__ import Scratch, Transfer
from baselines.stills.config import claim_folder
from baselines.stills.results import (
    Check,
    draw_confusion,
    draw_curve,
    draw_roc,
    find_dip,
    measure,
    write_table,
)
from temporal_foley.errors import OutputExistsError

NAMES = ("fire", "wave", "other")
PNG = b"\x89PNG"


def said(*rows):
    return np.array(rows, float)


def measured():
    probabilities = said(
        [0.7, 0.2, 0.1],
        [0.3, 0.2, 0.5],
        [0.1, 0.6, 0.3],
        [0.2, 0.2, 0.6],
        [0.5, 0.3, 0.2],
    )
    classes = np.array([0, 0, 1, 2, 2])
    return probabilities, classes, measure(probabilities, classes, NAMES, effects=2)


def check(epoch, phase, accuracy):
    return Check(
        epoch=epoch,
        phase=phase,
        train_loss=1.0,
        train_accuracy=accuracy,
        validation_loss=1.0,
        validation_accuracy=accuracy,
    )


COURSE = [
    check(1, "frozen", 0.7),
    check(2, "frozen", 0.8),
    check(2.5, "fine_tuning", 0.6),
    check(3, "fine_tuning", 0.75),
    check(4, "fine_tuning", 0.85),
]


def test_both_accuracies_are_told_with_their_counts():
    _, _, found = measured()
    assert found["accuracy_all"] == pytest.approx(3 / 5)
    # Without `other` the second picture is rightly taken for fire.
    assert found["accuracy_effects"] == 1.0
    assert (found["pictures"], found["pictures_of_effects"]) == (5, 3)
    assert found["confusion"] == [[1, 0, 1], [0, 1, 0], [1, 0, 1]]
    assert found["classes"]["fire"] == {"pictures": 2, "recall": 0.5}


def test_any_effect_is_ranked_by_what_is_left_of_other():
    _, _, found = measured()
    # 0.9, 0.5 and 0.7 against 0.4 and 0.8: two of six pairs are in wrong order.
    assert found["any_effect_auc"] == pytest.approx(4 / 6)


def test_what_cannot_be_measured_is_undefined():
    effects = measure(said([0.9, 0.1]), np.array([0]), NAMES[:2], effects=2)
    assert effects["accuracy_all"] is None
    assert effects["any_effect_auc"] is None
    assert effects["classes"]["wave"]["recall"] is None
    nothing = measure(said([0.1, 0.1, 0.8]), np.array([2]), NAMES, effects=2)
    assert nothing["accuracy_effects"] is None
    assert nothing["any_effect_auc"] is None


def test_the_dip_is_found_and_when_it_is_made_up_for():
    dip = find_dip(COURSE)
    assert dip is not None
    assert dip["depth"] == pytest.approx(0.2)
    assert (dip["accuracy_before"], dip["lowest_at_epoch"], dip["back_at_epoch"]) == (0.8, 2.5, 4)
    without = find_dip(COURSE[:4])
    assert without is not None
    assert "back_at_epoch" not in without
    assert find_dip(COURSE[:2]) is None
    rising = find_dip([COURSE[0], COURSE[4]])
    assert rising is not None
    assert rising["depth"] == 0.0


def test_the_table_keeps_the_reports_figures_apart():
    _, _, found = measured()
    rows = write_table("transfer", found).splitlines()
    assert "0.760" in rows[1]
    assert "0.860" in rows[2]
    assert "0.877" in rows[2]
    assert "1.000 (3)" in rows[3]
    assert "0.600 (5)" in rows[3]
    assert "0.667 (3 against 2)" in rows[3]


def test_drawings_are_written(tmp_path):
    probabilities, classes, found = measured()
    draw_confusion(tmp_path / "a.png", found, NAMES)
    draw_curve(tmp_path / "b.png", COURSE, find_dip(COURSE))
    draw_roc(tmp_path / "c.png", probabilities, classes, found["any_effect_auc"])
    for name in "abc":
        assert (tmp_path / f"{name}.png").read_bytes().startswith(PNG)
    assert not list(tmp_path.glob("*.part"))


def test_the_same_command_goes_on_and_another_is_refused(tmp_path):
    run = Scratch(data=tmp_path, out=tmp_path / "run", size_px=32)
    claim_folder(run)
    claim_folder(run)
    other = dataclasses.replace(run, seed=1)
    with pytest.raises(OutputExistsError, match="holds something else"):
        claim_folder(other)
    (run.out / "metrics.json").write_text("{}")
    with pytest.raises(OutputExistsError, match="holds this run, finished"):
        claim_folder(run)
    (run.out / "scratch").mkdir()
    claim_folder(dataclasses.replace(other, overwrite=True))
    assert not (run.out / "metrics.json").exists()
    assert not (run.out / "scratch").exists()
    assert json.loads((run.out / "config.json").read_text())["seed"] == 1


def test_a_folder_of_other_things_is_left_alone(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(OutputExistsError, match="holds something else"):
        claim_folder(Scratch(data=tmp_path, out=tmp_path, overwrite=True))


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"learning_rate": 0.0},
        {"aspect": "native"},
        {"freeze_epochs": 151},
        {"views": 0},
    ],
)
def test_wrong_settings_are_refused(tmp_path, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Transfer(data=tmp_path, out=tmp_path, **wrong)
