"""Fit the logistic regression on single frames that a tagger starts from.

Each picture counts once. Of a clip a few frames are taken, which together count as much as a dozen
pictures: its frames are alike, but it resembles the videos that will be tagged more than a
photograph does. All effects together have about as much weight as what shows none of them.
"""

import warnings
from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Float32, Int64

from data_pipeline.features.record import record_labels
from data_pipeline.features.split import FeatureSplit
from temporal_foley.effects import Vocabulary
from temporal_foley.models.tagging.class_prior import class_roots
from temporal_foley.models.tagging.frame_regression import RegressionConfig

FRAMES_EACH = 8
"""Frames taken of a clip."""
CLIP_WEIGHT = 12.0
"""Weight of a clip in pictures."""
EFFECT_WEIGHT, FEWEST = 200.0, 50.0
"""Total weight of an effect's frames; those of an effect with fewer than 50 do not weigh more."""
LEAST_DEVIATION = 0.05
_ITERATIONS = 60


def fit_regression(
    split: FeatureSplit,
    vocabulary: Vocabulary,
    config: RegressionConfig,
    classifier: Mapping[str, np.ndarray] | None = None,
) -> dict[str, Float32[np.ndarray, "..."]]:
    """Fit to the visible effects of all records with pictures.

    Args:
        split: The records.
        vocabulary: The effects.
        config: How to fit.
        classifier: `kernel` and `bias` of the backbone's classifier; for `config.roots`.

    Returns:
        The `kernel` (features and classes, effects + 1) and `bias` of a `FrameRegression`; an
        effect without any frame stays at the lowest log odds.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    rows, classes, weights = collect_frames(split, vocabulary)
    if config.roots:
        if classifier is None:
            raise ValueError("classifier must be given for regression.roots")
        roots = class_roots(jnp.asarray(rows @ classifier["kernel"] + classifier["bias"]))
        rows = np.concatenate([rows, np.asarray(roots)], axis=1)
    nothing = len(vocabulary)
    mean, deviation = rows.mean(axis=0), rows.std(axis=0) + LEAST_DEVIATION
    totals = np.bincount(classes, weights=weights, minlength=nothing + 1)
    balance = EFFECT_WEIGHT / np.maximum(totals, FEWEST)
    balance[nothing] = config.nothing_weight / max(totals[nothing], FEWEST)
    kernel = np.zeros((rows.shape[1], nothing + 1))
    bias = np.full(nothing + 1, -20.0)
    present = np.unique(classes)
    if len(present) == 1:
        bias[present] = 0.0
        return {"kernel": kernel.astype(np.float32), "bias": bias.astype(np.float32)}
    model = LogisticRegression(C=config.strength, max_iter=_ITERATIONS)
    with warnings.catch_warnings():
        # It is stopped early: the penalty keeps it from moving far in any case.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit((rows - mean) / deviation, classes, sample_weight=weights * balance[classes])
    coefficients, intercepts = model.coef_, model.intercept_
    if len(present) == 2:
        # Of two classes scikit-learn gives the log odds of the second.
        coefficients = np.concatenate([0 * coefficients, coefficients])
        intercepts = np.concatenate([0 * intercepts, intercepts])
    kernel[:, present] = (coefficients / deviation).T
    bias[present] = intercepts - coefficients @ (mean / deviation)
    return {"kernel": kernel.astype(np.float32), "bias": bias.astype(np.float32)}


def collect_frames(
    split: FeatureSplit, vocabulary: Vocabulary
) -> tuple[
    Float[np.ndarray, "rows features"], Int64[np.ndarray, " rows"], Float[np.ndarray, " rows"]
]:
    """Return features, class and weight of the frames to fit; a frame of two effects twice."""
    nothing = len(vocabulary)
    rows: list[np.ndarray] = []
    classes: list[np.ndarray] = []
    weights: list[np.ndarray] = []
    # A dataset that is read several times an epoch counts once here.
    split = FeatureSplit(list(dict.fromkeys(split.stores)))
    for number in range(len(split)):
        record = split[number]
        if not record.has_picture:
            continue
        labels = record_labels(record, vocabulary, modality="picture")
        shown = (labels.labels > 0) & labels.known
        if record.is_still:
            frames = np.zeros(1, int)
        else:
            count = min(FRAMES_EACH, record.frames)
            frames = np.linspace(0, record.frames - 1, count).astype(int)
        # A clip's labels may be known only for the whole of it.
        whole = (labels.clip_labels > 0) & labels.clip_known
        each = (1.0 if record.is_still else CLIP_WEIGHT) / len(frames)
        for frame in frames:
            found = np.flatnonzero(shown[frame])
            if not len(found) and whole.any() and not labels.known[frame].all():
                found = np.flatnonzero(whole)
            if not len(found):
                if not labels.known[frame].all():
                    continue
                found = np.array([nothing])
            rows += [record.visual[frame].astype(np.float32)] * len(found)
            classes.append(found)
            weights.append(np.full(len(found), each))
    return np.stack(rows), np.concatenate(classes).astype(np.int64), np.concatenate(weights)
