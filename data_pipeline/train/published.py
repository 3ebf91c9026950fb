"""Compute the metrics that papers on AVE, LLP and UnAV-100 report.

- AVE (Tian et al., ECCV 2018): accuracy over seconds, with background as a further class.
- LLP (Tian et al., ECCV 2020): F1 by second and by event (IoU of at least 0.5), for sound, picture
  and both at once; Type@AV is their mean, Event@AV counts sound and picture together. Per clip the
  mean over classes that are present or predicted, then the mean over clips.
- UnAV-100 (Geng et al., CVPR 2023): mean average precision of events over IoU 0.5, 0.6 ... 0.9.
"""

import contextlib
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float

from data_pipeline.prepare.built import built_datasets, open_splits
from temporal_foley.errors import OutputExistsError, UsageError
from temporal_foley.spotting.decision import Decision, apply_decision, calibrate
from temporal_foley.timeline import Event

if TYPE_CHECKING:
    from data_pipeline.features.record import FeatureRecord
    from data_pipeline.features.split import FeatureSplit
    from data_pipeline.schema import EffectEvent
    from temporal_foley.models.bundle.bundle import Bundle

Active = Bool[np.ndarray, "seconds effects"]

SETS = ("ave", "avvp", "unav100")
EVENT_IOU = 0.5
UNAV_IOUS = (0.5, 0.6, 0.7, 0.8, 0.9)


def by_second(
    probabilities: Float[np.ndarray, "frames effects"], frame_rate: float, seconds: int = 10
) -> Float[np.ndarray, "seconds effects"]:
    """Average probabilities over each second of a clip; seconds behind its end are 0."""
    means = np.zeros((seconds, probabilities.shape[1]))
    second = (np.arange(len(probabilities)) / frame_rate).astype(int)
    for number in range(seconds):
        if (second == number).any():
            means[number] = probabilities[second == number].mean(axis=0)
    return means


def segment_accuracy(
    reference: Sequence[Active], estimated: Sequence[Float[np.ndarray, "_ effects"]]
) -> float:
    """Return the share of seconds whose class is right, over all clips.

    Args:
        reference: The true class of each second; a second without any is background.
        estimated: Probabilities; a second in which none reaches 0.5 is background.
    """
    right = total = 0
    for truth, chances in zip(reference, estimated, strict=True):
        background = truth.shape[1]
        true_class = np.where(truth.any(axis=1), truth.argmax(axis=1), background)
        found = np.where(chances.max(axis=1) >= 0.5, chances.argmax(axis=1), background)
        right += int((true_class == found).sum())
        total += len(truth)
    return right / total if total else float("nan")


def parsing_scores(
    reference: Sequence[Mapping[str, Active]], estimated: Sequence[Mapping[str, Active]]
) -> dict[str, float]:
    """Return the ten F1 scores of audio-visual video parsing.

    Args:
        reference: Of each clip, the active seconds by `audio` and `visual`.
        estimated: The same, as predicted.

    Returns:
        `segment audio`, `segment visual`, `segment audio-visual`, `segment Type@AV`,
        `segment Event@AV`, and the same of `event`.
    """
    rows: list[dict[str, float]] = []
    for truth, found in zip(reference, estimated, strict=True):
        row: dict[str, float] = {}
        for level, count in (("segment", _count_seconds), ("event", _count_events)):
            counts = {sense: count(truth[sense], found[sense]) for sense in ("audio", "visual")}
            both = count(truth["audio"] & truth["visual"], found["audio"] & found["visual"])
            scores = [_f1(counts["audio"]), _f1(counts["visual"]), _f1(both)]
            names = ("audio", "visual", "audio-visual")
            row |= {f"{level} {name}": score for name, score in zip(names, scores, strict=True)}
            row[f"{level} Type@AV"] = sum(scores) / 3
            row[f"{level} Event@AV"] = _f1(counts["audio"] + counts["visual"])
        rows.append(row)
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]} if rows else {}


def event_map(
    reference: Sequence[Sequence[Event]],
    estimated: Sequence[Sequence[Event]],
    effects: Sequence[str],
    ious: Sequence[float] = UNAV_IOUS,
) -> dict[str, float]:
    """Return the mean average precision of events at each IoU, and their mean.

    Classes without a reference event do not count.
    """
    present = [name for name in effects if any(e.effect == name for c in reference for e in c)]
    scores = {}
    for iou in ious:
        values = [_average_precision(reference, estimated, name, iou) for name in present]
        scores[f"mAP@{iou:g}"] = float(np.mean(values)) if values else float("nan")
    scores["mAP"] = float(np.mean([scores[f"mAP@{iou:g}"] for iou in ious]))
    return scores


def _count_seconds(truth: Active, found: Active) -> np.ndarray:
    """Count right, wrong and missed seconds of each class."""
    counts = [(truth & found), (~truth & found), (truth & ~found)]
    return np.stack([part.sum(axis=0) for part in counts])


def _count_events(truth: Active, found: Active) -> np.ndarray:
    """Count right, wrong and missed events of each class; an event is a run of seconds."""
    counts = np.zeros((3, truth.shape[1]), int)
    for number in range(truth.shape[1]):
        true_runs, found_runs = _runs(truth[:, number]), _runs(found[:, number])
        right = sum(any(_iou(a, b) >= EVENT_IOU for b in true_runs) for a in found_runs)
        met = sum(any(_iou(a, b) >= EVENT_IOU for b in found_runs) for a in true_runs)
        counts[:, number] = right, len(found_runs) - right, len(true_runs) - met
    return counts


def _runs(active: np.ndarray) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], active.astype(int), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _iou(one: tuple[float, float], other: tuple[float, float]) -> float:
    shared = min(one[1], other[1]) - max(one[0], other[0])
    return max(shared, 0.0) / (max(one[1], other[1]) - min(one[0], other[0]))


def _f1(counts: np.ndarray) -> float:
    """Average over the classes that are present or predicted; 1 if none is."""
    right, wrong, missed = counts
    total = 2 * right + wrong + missed
    return float((2 * right / np.maximum(total, 1))[total > 0].mean()) if (total > 0).any() else 1.0


def _average_precision(
    reference: Sequence[Sequence[Event]],
    estimated: Sequence[Sequence[Event]],
    effect: str,
    iou: float,
) -> float:
    """Return the interpolated average precision of one class, as ActivityNet defines it."""
    truth = [[(e.onset, e.offset) for e in clip if e.effect == effect] for clip in reference]
    found = [
        (event.confidence, place, (event.onset, event.offset))
        for place, clip in enumerate(estimated)
        for event in clip
        if event.effect == effect
    ]
    free = [set(range(len(clip))) for clip in truth]
    is_right = []
    for _, place, span in sorted(found, key=lambda item: -item[0]):
        near = sorted(free[place], key=lambda n: -_iou(span, truth[place][n]))
        matches = bool(near) and _iou(span, truth[place][near[0]]) >= iou
        if matches:
            free[place].remove(near[0])
        is_right.append(matches)
    right = np.cumsum(is_right)
    recall = np.concatenate([[0.0], right / sum(map(len, truth)), [1.0]])
    precision = np.concatenate([[0.0], right / np.arange(1, len(right) + 1), [0.0]])
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    steps = np.flatnonzero(np.diff(recall)) + 1
    return float(((recall[steps] - recall[steps - 1]) * precision[steps]).sum())


def make_split(
    dataset: str,
    bundle: Path,
    annotations: Sequence[Path],
    media: Path,
    out: Path,
    *,
    split: str = "test",
    workers: int = 1,
    progress: Callable[[str, float], None] = lambda stage, part: None,
) -> Path:
    """Build the clips of a data set and their features for a bundle; return their folder.

    What was built in the folder earlier, of the same files for the same bundle, is kept.

    Args:
        dataset: Its reader.
        bundle: The model, which gives effects and networks.
        annotations: The publisher's files.
        media: Folder of the videos.
        out: Folder for both.
        split: The split to make.
        workers: Processes.
        progress: Called with a stage and how much of it is done.
    """
    from data_pipeline.features.jobs import dataset_jobs, extraction_config
    from data_pipeline.features.run import extract_features
    from data_pipeline.prepare.build import build_dataset
    from data_pipeline.prepare.options import BuildOptions
    from data_pipeline.train.stages import folder_digest
    from temporal_foley.models.bundle.bundle import load_bundle

    model = load_bundle(bundle)
    digest = folder_digest(media, *annotations)
    place = out / f"{dataset}-{model.sha256[:8]}-{digest[:8]}"
    place.mkdir(parents=True, exist_ok=True)
    vocabulary = place / f"{model.vocabulary.name}.toml"
    vocabulary.write_text(model.vocabulary_text, "utf-8")
    options = BuildOptions(
        dataset="clips",
        out=place / "data",
        annotations=tuple(annotations),
        media=media,
        reader=dataset,
        vocabulary=str(vocabulary),
        frame_rate=float(model.frame_rate),
        workers=workers,
    )
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(OutputExistsError):
        build_dataset(options, progress)
    (folder,) = built_datasets(place / "data")["clips"]
    if split not in open_splits(folder):
        raise UsageError(
            f"no clip of the split {split} was found in {media}",
            option="--split",
            remedy=f"the reasons are in {folder / 'rejected.tsv'}",
        )
    ((source, features),) = dataset_jobs(folder, split, place / "features" / "clips" / split)
    extract_features(
        source,
        features,
        extraction_config(bundle=bundle),
        workers=workers,
        progress=lambda done, shards: progress("features", done / shards),
    )
    return place / "features"


def published_scores(
    dataset: str, bundle: "Bundle", split: "FeatureSplit", decision: Decision
) -> dict[str, float]:
    """Return the scores that papers on a data set report.

    Args:
        dataset: `ave`, `avvp` (LLP) or `unav100`.
        bundle: The model.
        split: Features of the clips of that data set.
        decision: Of the bundle.

    Raises:
        UsageError: There is no metric for the data set.
    """
    if dataset not in SETS:
        raise UsageError.unknown("data set", dataset, SETS)
    names = bundle.vocabulary.names
    truths, found = [], []
    for record in (split[number] for number in range(len(split))):
        rate = float(record.frame_rate)

        def chances(
            eye: bool, ear: bool, record: "FeatureRecord" = record
        ) -> Float[np.ndarray, "frames effects"]:
            logits = bundle.logits(record.visual, record.audio, has_picture=eye, has_sound=ear)
            return calibrate(logits, decision)

        events = [event for event in record.events if event.strength == "frame"]
        if dataset == "ave":
            truths.append(_active(events, names))
            found.append(by_second(chances(record.has_picture, record.has_sound), rate))
        elif dataset == "avvp":
            on = np.array([effect.threshold_on for effect in decision.effects])
            senses = {"audio": ("sound", "both"), "visual": ("picture", "both")}
            truths.append(
                {
                    name: _active([e for e in events if e.modality in modalities], names)
                    for name, modalities in senses.items()
                }
            )
            heard = by_second(chances(False, record.has_sound), rate) >= on
            seen = by_second(chances(record.has_picture, False), rate) >= on
            found.append({"audio": heard, "visual": seen})
        else:
            truths.append([Event(**_times(event), confidence=1.0) for event in events])
            both = chances(record.has_picture, record.has_sound)
            found.append(apply_decision(both, record.grid, bundle.vocabulary, decision))
    if dataset == "ave":
        return {"segment accuracy": segment_accuracy(truths, found)}
    return parsing_scores(truths, found) if dataset == "avvp" else event_map(truths, found, names)


def _active(events: Sequence["EffectEvent"], names: Sequence[str], seconds: int = 10) -> Active:
    """Return the seconds in which each effect happens."""
    active = np.zeros((seconds, len(names)), bool)
    for event in events:
        if event.effect in names:
            first, last = int(event.onset_s), int(np.ceil(event.offset_s))
            active[first:last, names.index(event.effect)] = True
    return active


def _times(event: "EffectEvent") -> dict[str, Any]:
    return {"effect": event.effect, "onset": event.onset_s, "offset": event.offset_s}
