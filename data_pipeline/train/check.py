"""Refuse to train where the result could only be wrong, and say which command helps."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from data_pipeline.builders.labelled_files import LabelledFile
from data_pipeline.features.record import FeatureRecord, record_labels
from temporal_foley.effects import Vocabulary
from temporal_foley.errors import UsageError

if TYPE_CHECKING:
    from data_pipeline.features.split import FeatureSplit

_SMALL = (("80_10_10", 10), ("60_20_20", 4), ("50_25_25", 3))
"""Ways to divide a set, with the fewest sources of an effect that give it something to validate."""


def choose_parts(files: Iterable[LabelledFile]) -> str:
    """Return how to divide labelled files, so that every effect has some in each split.

    Raises:
        UsageError: An effect has too few sources.
    """
    sources: dict[tuple[str, str], set[str]] = {}
    for file in files:
        for effect in file.effects:
            sources.setdefault((effect, file.medium), set()).add(file.source)
    fewest = min(map(len, sources.values()), default=0)
    for parts, least in _SMALL:
        if fewest >= least:
            return parts
    if not sources:
        return _SMALL[0][0]
    least = _SMALL[-1][1]
    few = [f"{medium}s of {effect}" for (effect, medium), s in sources.items() if len(s) < least]
    raise UsageError(
        f"too few sources for training, validation and test: {_some(sorted(few))}",
        remedy=f"give at least {least} of each (DIR/CLASS/SOURCE/FILE), or --group series, which "
        "divides a source into series of similar pictures",
    )


def check_splits(
    vocabulary: Vocabulary,
    train: "Sequence[FeatureRecord] | FeatureSplit",
    validation: "Sequence[FeatureRecord] | FeatureSplit",
) -> None:
    """Check that the data have effects of the vocabulary, and that validation has them too.

    Raises:
        UsageError: No effect occurs, or validation has no picture or no sound of one.
    """
    shown, heard = _positives(train, vocabulary)
    if not shown.any() and not heard.any():
        raise UsageError(
            f"no effect of the vocabulary {vocabulary.name} occurs in the training data",
            remedy="build with --vocabulary FILE of the classes that the folders are named after",
        )
    tested = _positives(validation, vocabulary)
    missing = [
        f"{sense} of {name}"
        for number, name in enumerate(vocabulary.names)
        for sense, there, found in (
            ("pictures", shown, tested[0]),
            ("sounds", heard, tested[1]),
        )
        if there[number] and not found[number]
    ]
    if missing:
        raise UsageError(
            f"validation has no {_some(missing)}",
            remedy="build with --group series or --parts 60_20_20, add material of other sources, "
            "or cross-validate with python -m data_pipeline folds",
        )


def _positives(
    records: "Sequence[FeatureRecord] | FeatureSplit", vocabulary: Vocabulary
) -> tuple[np.ndarray, np.ndarray]:
    """Count the records that show and sound each effect."""
    shown, heard = np.zeros(len(vocabulary), int), np.zeros(len(vocabulary), int)
    for number in range(len(records)):
        record = records[number]
        if record.has_picture:
            shown += record_labels(record, vocabulary, modality="picture").clip_labels > 0
        if record.has_sound:
            heard += record_labels(record, vocabulary, modality="sound").clip_labels > 0
    return shown, heard


def _some(names: Sequence[str], most: int = 4) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
