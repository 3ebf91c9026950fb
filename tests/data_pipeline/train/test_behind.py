"""An evaluation says where a plain method is better than the model."""

from fractions import Fraction
from types import SimpleNamespace

import numpy as np

from data_pipeline.train.compare import behind
from temporal_foley.evaluation.scored_clip import ScoredClip
from temporal_foley.timegrid import TimeGrid

TRUTH = [[1, 0], [1, 0], [0, 1], [0, 1], [0, 0], [0, 0], [0, 0], [0, 0]]
GOOD = [
    [0.9, 0.1],
    [0.8, 0.1],
    [0.1, 0.9],
    [0.1, 0.8],
    [0.1, 0.1],
    [0.1, 0.2],
    [0.2, 0.1],
    [0.1] * 2,
]
"""All effects above all else."""
WORSE = [*GOOD[:4], [0.95, 0.1], *GOOD[5:]]
"""The first frame without any effect looks like the first effect."""


def clip(probabilities, truth=TRUTH, has_picture=True):
    labels = np.array(truth, np.float32)
    return ScoredClip(
        id="a",
        source="a",
        dataset="d",
        grid=TimeGrid(frame_rate=Fraction(4), frames=len(labels)),
        probabilities=np.array(probabilities, np.float32),
        labels=labels,
        known=np.ones(labels.shape, bool),
        has_sound=not has_picture,
        has_picture=has_picture,
    )


def judged(*clips):
    return SimpleNamespace(clips=clips)


def test_each_figure_that_is_behind_is_named_with_the_better_method():
    models = {"model": judged(clip(WORSE)), "regression": judged(clip(GOOD))}
    assert behind(models) == [
        "macro ROC-AUC: 0.917, behind regression with 1.000",
        "any effect: 0.750, behind regression with 1.000",
    ]
    assert behind({"model": judged(clip(GOOD)), "regression": judged(clip(WORSE))}) == []


def test_equal_figures_are_not_behind():
    assert behind({"model": judged(clip(GOOD)), "regression": judged(clip(GOOD))}) == []


def test_what_only_sees_is_compared_where_there_are_pictures():
    nothing = np.zeros((8, 2))
    sound = clip(WORSE, nothing, has_picture=False)
    silent = clip(np.full((8, 2), 0.001), nothing, has_picture=False)
    models = {
        "model": judged(clip(GOOD), sound),
        "ImageNet map": judged(clip(GOOD), silent),
        "single frames": judged(clip(GOOD), silent),
    }
    lines = behind(models)
    assert len(lines) == 2
    assert all("behind single frames" in line for line in lines)
    seen = {"model": judged(clip(WORSE), sound), "regression": judged(clip(GOOD), silent)}
    assert behind(seen)[0].startswith("macro ROC-AUC on pictures: 0.917")


def test_without_both_kinds_of_frames_nothing_is_behind():
    absent = clip(GOOD, np.zeros((8, 2)))
    assert behind({"model": judged(absent), "regression": judged(absent)}) == []
