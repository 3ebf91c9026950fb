"""Refuse to train where the result could only be wrong, and say which command helps."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from data_pipeline.annotations.class_folders import SOUNDS
from data_pipeline.builders.clips import ClipItem, ClipsConfig, split_clips
from data_pipeline.builders.labelled_files import LabelledFile
from data_pipeline.builders.splits import TEST, TRAIN, VALIDATION
from data_pipeline.builders.stills import StillsConfig, split_files
from data_pipeline.features.record import FeatureRecord, record_labels
from temporal_foley.effects import Vocabulary
from temporal_foley.errors import FoleyError, UsageError
from temporal_foley.media.open import open_media

if TYPE_CHECKING:
    from data_pipeline.features.split import FeatureSplit

_SMALL = (("80_10_10", 10), ("60_20_20", 4), ("50_25_25", 3))
"""Ways to divide a set, with the fewest sources of an effect that give it something to validate."""


_SEEDS = 20
"""Draws to try of each: with few sources some give validation too little."""
Sense = Literal["picture", "sound"]
Need = tuple[str, Sense]
"""An effect, and how examples show it."""


class Division(NamedTuple):
    """How sources are shared out to the splits."""

    parts: str
    seed: int


def choose_parts(
    files: Sequence[LabelledFile], clips: Sequence[ClipItem] = (), *, by_series: bool = False
) -> Division:
    """Return how to divide labelled files and clips, so that validation has some of every effect.

    Args:
        files: Pictures and sounds.
        clips: Videos; those without sound count as pictures.
        by_series: Whether pictures that look alike are the sources already.

    Raises:
        UsageError: No way gives validation what is trained on.
    """
    members = [*_of_files(files), *_of_clips(clips)]
    sources: dict[Need, set[str]] = {}
    for member in members:
        for need in member.needs:
            sources.setdefault(need, set()).add(member.source)
    fewest = min(map(len, sources.values()), default=0)
    missing: list[Need] = []
    for parts, least in _SMALL:
        if fewest >= least or parts == _SMALL[-1][0]:
            for seed in range(_SEEDS):
                found = _missing(files, clips, members, Division(parts, seed))
                if not found:
                    return Division(parts, seed)
                missing = found if not missing or len(found) < len(missing) else missing
    few = [f"{sense}s of {effect} ({len(sources[effect, sense])})" for effect, sense in missing]
    if any(member.is_given for member in members):
        raise UsageError(
            f"the given split validation has no {some(few)}",
            remedy="give it some, of other sources than those of train, or leave it to the program "
            "to divide the files",
        )
    effect = missing[0][0]
    ways = [f"give at least {_SMALL[-1][1]} sources of each (DIR/CLASS/SOURCE/FILE)"]
    if not by_series and any(sense == "picture" for _, sense in missing):
        ways.append("--group series to divide the pictures of a source by likeness")
    if any(effect in file.effects for file in files):
        ways.append(f"--leave-out '{effect}/*'")
    raise UsageError(
        f"too few sources for training, validation and test: {some(few)}", remedy=", or ".join(ways)
    )


class _Member(NamedTuple):
    source: str
    needs: frozenset[Need]
    is_given: bool
    """Whether its split is given."""


def _of_files(files: Sequence[LabelledFile]) -> list[_Member]:
    return [
        _Member(
            file.source,
            frozenset(
                (name, "sound" if file.medium == "sound" else "picture") for name in file.effects
            ),
            file.split is not None,
        )
        for file in files
    ]


def _of_clips(clips: Sequence[ClipItem]) -> list[_Member]:
    members = []
    for item in clips:
        sounds = _has_sound(item)
        needs: set[Need] = {(e.name, "picture") for e in item.clip.events if e.modality != "audio"}
        if sounds:
            needs |= {(e.name, "sound") for e in item.clip.events if e.modality != "visual"}
        members.append(_Member(item.clip.source, frozenset(needs), item.split is not None))
    return members


def _has_sound(item: ClipItem) -> bool:
    """Return whether a clip has a sound track; files that cannot be read are reported later."""
    if item.sound_path is not None or item.path.suffix.casefold() in SOUNDS:
        return True
    try:
        with open_media(item.path) as container:
            return bool(container.streams.audio)
    except FoleyError:
        return False


def _missing(
    files: Sequence[LabelledFile],
    clips: Sequence[ClipItem],
    members: Sequence[_Member],
    division: Division,
) -> list[Need]:
    """Return what training would have, and validation not, as the builders divide the sources."""
    of_files = split_files(files, StillsConfig(parts=division.parts, seed=division.seed))
    of_clips = split_clips(clips, ClipsConfig(parts=division.parts, seed=division.seed))
    found: dict[str, set[Need]] = {TRAIN: set(), VALIDATION: set(), TEST: set()}
    for number, member in enumerate(members):
        split_of = of_files if number < len(files) else of_clips
        found[split_of[member.source]] |= member.needs
    return sorted(found[TRAIN] - found[VALIDATION])


def check_splits(
    vocabulary: Vocabulary,
    train: "Sequence[FeatureRecord] | FeatureSplit",
    validation: "Sequence[FeatureRecord] | FeatureSplit",
) -> None:
    """Check that the data have effects of the vocabulary, and that validation has them too.

    Raises:
        UsageError: No effect occurs, or validation has no picture or no sound of one.
    """
    shown, heard = positives(train, vocabulary)
    if not shown.any() and not heard.any():
        raise UsageError(
            f"no effect of the vocabulary {vocabulary.name} occurs in the training data",
            remedy="build with --vocabulary FILE of the classes that the folders are named after",
        )
    tested = positives(validation, vocabulary)
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
            f"validation has no {some(missing)}",
            remedy="add files of other sources, divide pictures by likeness (--group series), "
            "divide the files yourself (DIR/train, DIR/validation, DIR/test), or cross-validate "
            "(python -m data_pipeline folds)",
        )
    if not _can_score(validation, vocabulary):
        raise UsageError(
            "validation has no frame of which an effect is known, beside one without it, so "
            "nothing can be scored",
            remedy="add pictures, or videos with times of their events, and some of none of the "
            "effects (DIR/other)",
        )


def positives(
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


def _can_score(records: "Sequence[FeatureRecord] | FeatureSplit", vocabulary: Vocabulary) -> bool:
    """Return whether frames with and without an effect are known, of any effect."""
    present, absent = np.zeros(len(vocabulary), bool), np.zeros(len(vocabulary), bool)
    for number in range(len(records)):
        labels = record_labels(records[number], vocabulary)
        present |= ((labels.labels > 0) & labels.known).any(axis=0)
        absent |= ((labels.labels == 0) & labels.known).any(axis=0)
        if (present & absent).any():
            return True
    return False


def some(names: Sequence[str], most: int = 4) -> str:
    """Name the first few of many."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
