"""Estimate, every 0.16 s, how probably each effect is audible in a sound.

The estimate starts from the AudioSet tags that name the effect, read from the audio network's
columns. The tag layer was trained on embeddings of ten seconds and saturates on single columns of
loud impulses, so columns are shortened to `LONGEST_COLUMN` first. A linear correction, fitted on
composed sound whose truth is known (`data_pipeline/distill/fit_effect_tags.py`), mends what the
tags of the small network miss; effects that it does not know keep the tags alone. A second linear
map, fitted on whole stretches (`benchmarks/detection/fit_audibility.py`), measures how like an
effect a stretch sounds on average: what single columns do not decide, seconds of them may.
"""

import functools
import hashlib
from collections.abc import Callable, Sequence
from importlib import resources

import numpy as np
import safetensors.numpy
from jaxtyping import Float

from temporal_foley.errors import WeightsError
from temporal_foley.models.audio.audioset import class_places
from temporal_foley.models.audio.tag_layer import tag_probabilities
from temporal_foley.models.weights import check_sha256

FILE = "effect_tags.safetensors"
SHA256 = "69d8010a7324bfe0689d50fc2574fe35b5e4a7b1448909defa297cc6668a7433"
LONGEST_COLUMN = 6.0
"""Euclidean length; columns of speech have 4 to 6, of a shot near by up to 27."""
OTHER_SOUNDS = {
    "speech": ("Speech", "Singing", "Shout", "Laughter", "Child speech, kid speaking"),
    "music": ("Music", "Musical instrument"),
}
"""What often masks effects: AudioSet names as of an effect's."""
AROUND = 5
"""Columns averaged as the context of a column."""
_LEAST, _MOST = -7.0, 5.0
_AT_ONCE = 4096
"""Columns that are tagged at once, eleven minutes: memory does not grow with a film."""
_PLAIN_GAIN, _PLAIN_CENTRE = 1.0, -1.0

Columns = Float[np.ndarray, "columns features"]


def column_features(columns: Columns) -> Float[np.ndarray, "columns both"]:
    """Return each column, shortened if need be, with the mean of those around it."""
    columns = np.asarray(columns, np.float32)
    if columns.ndim != 2:
        raise ValueError(f"columns must be (columns, features), got {columns.shape}")
    length = np.linalg.norm(columns, axis=1, keepdims=True)
    own = columns * np.minimum(1.0, LONGEST_COLUMN / np.maximum(length, 1e-6))
    return np.concatenate([own, _running_mean(own, AROUND)], axis=1)


def tag_log_odds(
    features: Float[np.ndarray, "columns both"], names: Sequence[Sequence[str]]
) -> Float[np.ndarray, "columns effects"]:
    """Return the log odds that any of each effect's AudioSet classes is audible.

    Args:
        features: What `column_features` returned.
        names: AudioSet display names of each effect; an effect without any gets the least odds.
    """
    own = features[:, : features.shape[1] // 2]
    none = np.log1p(-np.clip(tag_probabilities(_running_mean(own, 3)), 1e-6, 1.0 - 1e-6))
    sums = [none[:, class_places(own)].sum(axis=1) if own else none[:, 0] * 0 for own in names]
    silent = np.stack(sums, axis=1) if sums else np.zeros((len(own), 0))
    odds = np.log(-np.expm1(np.minimum(silent, -1e-6))) - silent
    return np.clip(odds, _LEAST, _MOST).astype(np.float32)


def tagged_probabilities(
    columns: Columns, effects: Sequence[tuple[str, Sequence[str]]]
) -> Float[np.ndarray, "columns effects"]:
    """Return how probably each effect is audible in each column, 0.16 s apart.

    Args:
        columns: Embeddings of the audio student, from time 0 on.
        effects: Name and AudioSet display names of each effect; see `OTHER_SOUNDS` too.

    Raises:
        VocabularyError: A name is not one of AudioSet's.
        WeightsError: The correction that ships is damaged.
    """
    return _in_blocks(columns, lambda part: _tagged(part, effects))


def _tagged(
    columns: Columns, effects: Sequence[tuple[str, Sequence[str]]]
) -> Float[np.ndarray, "columns effects"]:
    features = column_features(columns)
    prior = tag_log_odds(features, [names for _, names in effects])
    odds = _PLAIN_GAIN * (prior - _PLAIN_CENTRE)
    known, table = _correction()
    for place, (name, _) in enumerate(effects):
        if name in known:
            at = known.index(name)
            odds[:, place] = (
                table["gain"][at] * prior[:, place]
                + table["bias"][at]
                + features @ table["kernel"][:, at]
            )
    return (0.5 * (1.0 + np.tanh(0.5 * odds))).astype(np.float32)


def likeness(columns: Columns, effects: Sequence[str]) -> Float[np.ndarray, "columns effects"]:
    """Return how like each effect columns sound: its mean over a stretch counts as log odds.

    Args:
        columns: Embeddings of the audio student, from time 0 on.
        effects: Names of effects; those that the map does not know have NaN.
    """
    return _in_blocks(columns, lambda part: _likeness(part, effects))


def _likeness(columns: Columns, effects: Sequence[str]) -> Float[np.ndarray, "columns effects"]:
    own = column_features(columns)[:, : np.shape(columns)[1]]
    known, table = _correction()
    scores = np.full((len(own), len(effects)), np.nan, np.float32)
    for place, name in enumerate(effects):
        if name in known and "likeness.kernel" in table:
            at = known.index(name)
            scores[:, place] = own @ table["likeness.kernel"][:, at] + table["likeness.bias"][at]
    return scores


def _in_blocks(
    columns: Columns, run: Callable[[Columns], np.ndarray]
) -> Float[np.ndarray, "columns effects"]:
    """Run what looks at no more than `AROUND` columns around each one, block by block."""
    parts: list[np.ndarray] = []
    for start in range(0, max(len(columns), 1), _AT_ONCE):
        first = max(0, start - AROUND)
        part = run(columns[first : start + _AT_ONCE + AROUND])
        parts.append(part[start - first : start - first + _AT_ONCE])
    return np.concatenate(parts)


@functools.cache
def _correction() -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
    """Read the fitted maps: the effects' names, `gain`, `bias`, `kernel`, and of `likeness`."""
    if not SHA256:
        return (), {}
    path = resources.files("temporal_foley.models.audio") / FILE
    with resources.as_file(path) as shipped:
        try:
            blob = shipped.read_bytes()
        except OSError as error:
            raise WeightsError(f"{shipped}: cannot be read ({error.strerror})") from None
        check_sha256(shipped, hashlib.sha256(blob).hexdigest(), SHA256)
    table = safetensors.numpy.load(blob)
    names = bytes(table.pop("names")).decode().split("\n")
    return tuple(names), {name: part.astype(np.float32) for name, part in table.items()}


def _running_mean(rows: Columns, width: int) -> Columns:
    """Average each row with its neighbours; ends are averaged over the rows that exist."""
    sums = np.concatenate([np.zeros((1, rows.shape[1])), np.cumsum(rows, axis=0, dtype=np.float64)])
    places = np.arange(len(rows))
    first = np.maximum(places - width // 2, 0)
    last = np.minimum(places + width // 2 + 1, len(rows))
    return ((sums[last] - sums[first]) / (last - first)[:, None]).astype(np.float32)
