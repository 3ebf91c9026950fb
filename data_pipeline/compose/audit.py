"""Measure whether sharpness, greyness or compression reveal the class of a picture.

`python -m data_pipeline.compose.audit --files PATH...` guesses the class of stills, as they are
stored and as they are composed, from seven numbers that say nothing of what they show. What is left
over .5 after composing is content: a crowd is busy, a sea is smooth.
"""

import dataclasses
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from jaxtyping import Float64, Int

from data_pipeline.builders.pictures import (
    Picture,
    decode_still,
    read_still,
)
from data_pipeline.compose.config import ComposeConfig, ShotConfig
from data_pipeline.compose.draw import draw_script
from data_pipeline.compose.picture import render_pictures
from data_pipeline.compose.pools import Pools, PoolStill, is_grey
from temporal_foley.errors import UsageError

FEWEST_STILLS = 60
_SIDE_PX = 224
_BANDS = (0.1, 0.16, 0.22, 0.28, 0.34, 0.4)
_FOLDS = 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class AuditScore:
    """How well a class was guessed."""

    macro_auc: float
    accuracy: float
    auc: dict[str, float]


def measure_look(image: Picture) -> list[float]:
    """Return how power falls from band to band, how blocky a picture is, and whether it is grey."""
    image = cv2.resize(image, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_LINEAR)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    window = np.outer(np.hanning(_SIDE_PX), np.hanning(_SIDE_PX))
    power = np.abs(np.fft.fft2((grey - grey.mean()) * window)) ** 2
    frequency = np.hypot(*np.meshgrid(*[np.fft.fftfreq(_SIDE_PX)] * 2))
    level = [
        np.log(power[(frequency >= low) & (frequency < 1.3 * low)].mean() + 1.0) for low in _BANDS
    ]
    steps = np.abs(np.diff(grey, axis=1)).mean(axis=0)
    blockiness = np.log(steps[7::8].mean() + 0.1) - np.log(steps.mean() + 0.1)
    return [*(-np.diff(level)), float(blockiness), float(is_grey(image))]


def score_looks(
    looks: Float64[np.ndarray, "pictures numbers"],
    classes: Int[np.ndarray, " pictures"],
    stills: Int[np.ndarray, " pictures"],
    names: Sequence[str],
) -> AuditScore:
    """Guess classes from looks; pictures of one still are never on both sides."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

    forest = RandomForestClassifier(300, min_samples_leaf=3, random_state=0)
    folds = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=0)
    guessed = np.asarray(
        cross_val_predict(forest, looks, classes, groups=stills, cv=folds, method="predict_proba")
    )
    auc = {name: float(roc_auc_score(classes == i, guessed[:, i])) for i, name in enumerate(names)}
    return AuditScore(
        macro_auc=float(np.mean(list(auc.values()))),
        accuracy=float((guessed.argmax(axis=1) == classes).mean()),
        auc=auc,
    )


def audit(pools: Pools, each: int, seed: int = 0) -> dict[str, AuditScore]:
    """Score `each` pictures a class, as they are stored and as they are composed."""
    names = [name for name, stills in pools.stills.items() if len(stills) >= FEWEST_STILLS]
    if len(names) < 2:
        raise UsageError(
            f"must have two classes of at least {FEWEST_STILLS} pictures", option="--files"
        )
    rng = np.random.default_rng(seed)
    ways: dict[str, Callable[[Sequence[PoolStill]], tuple[str, Picture]]] = {
        "as stored": lambda stills: _stored(rng, stills),
        "composed": lambda stills: _composed(rng, stills),
    }
    scores = {}
    for way, draw in ways.items():
        looks, classes, used = [], [], []
        for number, name in enumerate(names):
            for _ in range(each):
                still, image = draw(pools.stills[name])
                looks.append(measure_look(image))
                classes.append(number)
                used.append(still)
        groups = np.unique(used, return_inverse=True)[1]
        shown = [name or "(nothing)" for name in names]
        scores[way] = score_looks(np.array(looks), np.array(classes), groups, shown)
    return scores


def _stored(rng: np.random.Generator, stills: Sequence[PoolStill]) -> tuple[str, Picture]:
    file = stills[int(rng.integers(len(stills)))].file
    return file.id, read_still(file.path)


def _composed(rng: np.random.Generator, stills: Sequence[PoolStill]) -> tuple[str, Picture]:
    """Compose one frame of one full still of a class."""
    config = ComposeConfig(
        duration_s=(0.25, 0.25),
        shots=ShotConfig(nothing_part=0.0, layouts=(1.0, 0.0, 0.0, 0.0, 0.0)),
    )
    pools = Pools(stills={"any": tuple(stills)}, sounds={})
    script = draw_script(rng, config, pools)
    file = script.shots[0].layers[0].shown.file
    return file.id, decode_still(render_pictures(script)[0])
