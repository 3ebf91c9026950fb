"""Teach a new effect to a bundle from a few pictures or clips.

The probabilities of the existing effects do not change; the new one is added after them. It is
learned from single frames; sound is not used.
"""

import dataclasses
import json
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from temporal_foley.effects import Bus, Effect, Kind, parse_vocabulary
from temporal_foley.errors import FoleyError, MediaError, UsageError
from temporal_foley.media.open import shown
from temporal_foley.media.picture import PICTURE_SUFFIXES, read_picture
from temporal_foley.media.video import probe_video, sample_frames
from temporal_foley.models.by_name import bundle_folder
from temporal_foley.spotting.decision import (
    Decision,
    EffectDecision,
    decision_from_json,
    decision_to_json,
    default_decision,
    usual_length_s,
)
from temporal_foley.timegrid import TimeGrid

if TYPE_CHECKING:
    from temporal_foley.models.bundle.bundle import Bundle
    from temporal_foley.models.bundle_detector import BundleDetector

CLIP_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mts", ".3gp")
MOST_EXAMPLES = 256
MOST_FRAMES = 24
"""Most frames per clip: evenly spread, at most at the frame rate of the bundle."""
USUAL_INTERVAL_S = (0.3, 0.6)
"""Default interval between the hits of a repeated effect."""

Prepare = Callable[[np.ndarray], UInt8[np.ndarray, "rows columns 3"]]
Progress = Callable[[str], None]


class TeachError(FoleyError):
    """Examples or a bundle that cannot be used for teaching."""


class Taught(NamedTuple):
    """Result of teaching an effect."""

    bundle: "Bundle"
    examples: int
    frames: int
    negatives: int
    skipped: tuple[str, ...]
    """Why files were left out, one line each."""
    recognised: float
    """Fraction of the examples' frames in which the effect is detected."""
    mistaken: float
    """Fraction of the background's pictures in which it is detected."""


def new_effect(
    name: str,
    *,
    kind: Kind = "loop",
    bus: Bus = "hard_effects",
    description: str = "",
    interval_s: tuple[float, float] | None = None,
) -> Effect:
    """Make the record of a new effect.

    Raises:
        UsageError: A value is not one that an effect can have.
    """
    if kind == "repeated" and interval_s is None:
        interval_s = USUAL_INTERVAL_S
    try:
        return Effect(name=name, kind=kind, bus=bus, description=description, interval_s=interval_s)
    except ValueError as error:
        raise UsageError(f"teach: {error}") from None


def teach(
    effect: Effect,
    examples: Path,
    *,
    model: str = "",
    negatives: Path | None = None,
    weights: Path | None = None,
    progress: Progress = lambda text: None,
) -> Taught:
    """Teach an effect to a bundle.

    Args:
        effect: The record of the new effect.
        examples: A folder of pictures and clips that show the effect throughout.
        model: Name or folder of the bundle; by default the shipped one.
        negatives: A folder of pictures and clips of similar things that are not the effect.
        weights: A weights file of the backbone, if it is not installed.
        progress: Called with the name of the file being read.

    Raises:
        TeachError: The folder contains no readable example, or the bundle cannot be extended.
    """
    from temporal_foley.models.bundle.bundle import load_bundle
    from temporal_foley.models.bundle_detector import BundleDetector

    folder = bundle_folder(model)
    bundle = load_bundle(folder)
    _check(bundle, folder, effect)
    files = [example_files(examples, "--examples")]
    files.append([] if negatives is None else example_files(negatives, "--negatives"))
    detector = BundleDetector(bundle, weights=weights)
    detector.load_ahead()
    skipped: list[str] = []
    shown_in, absent_from = (look_at(paths, detector, skipped, progress) for paths in files)
    if not shown_in:
        raise TeachError(f"none of its files can be read: {skipped[0]}", path=shown(examples))
    if negatives is not None and not absent_from:
        raise TeachError(f"none of its files can be read: {skipped[-1]}", path=shown(negatives))
    taught = extend_bundle(bundle, effect, shown_in, absent_from)
    return taught._replace(skipped=tuple(skipped))


def extend_bundle(
    bundle: "Bundle",
    effect: Effect,
    examples: Sequence[Float[np.ndarray, "_ features"]],
    negatives: Sequence[Float[np.ndarray, "_ features"]] = (),
) -> Taught:
    """Add an effect to a bundle from the features of its examples."""
    from temporal_foley.teaching.few_shot import fit_effect

    background = bundle.background
    if background is None:
        raise ValueError("bundle must have a background")
    head = fit_effect(examples, background, negatives)
    slope, bias = background.line(len(examples))
    own = EffectDecision(
        effect=effect.name,
        slope=slope,
        bias=bias,
        threshold_on=effect.threshold_on,
        threshold_off=effect.threshold_off,
        lasts_s=usual_length_s(effect),
    )
    decision = _decision(bundle)
    decision = dataclasses.replace(decision, effects=(*decision.effects, own))
    text = bundle.vocabulary_text.rstrip("\n") + "\n\n" + effect_record(effect)
    vocabulary = parse_vocabulary(text, f"{bundle.vocabulary.name}+{effect.name}")
    frames = sum(len(rows) for rows in examples)
    known = dict(bundle.training_info.get("examples", {}))
    known[effect.name] = {"examples": {"records": len(examples), "sources": len(examples)}}
    note = (
        f"\n## {effect.name}\n\nTaught from {len(examples)} examples ({frames} frames) and "
        f"{len(negatives)} counter-examples, from images only. Its probabilities are estimated "
        "from other effects with as many examples; they have not been measured.\n"
    )
    extended = dataclasses.replace(
        bundle,
        name=f"{bundle.name}+{effect.name}",
        vocabulary=vocabulary,
        vocabulary_text=text,
        decision=decision_to_json(decision),
        training_info={**bundle.training_info, "examples": known},
        card=bundle.card.rstrip("\n") + "\n" + note,
        taught=head if bundle.taught is None else bundle.taught.and_also(head),
        sha256="",
    )
    # The logit at which the probability equals the threshold.
    edge = (math.log(own.threshold_on / (1 - own.threshold_on)) - bias) / slope
    kernel = head.kernel[:, 0].astype(np.float32) * background.deviation.astype(np.float32)

    def found(rows: Float[np.ndarray, "rows features"]) -> float:
        shift = float(background.mean.astype(np.float32) @ head.kernel[:, 0].astype(np.float32))
        return float((rows @ kernel + shift + float(head.bias[0]) >= edge).mean())

    return Taught(
        bundle=extended,
        examples=len(examples),
        frames=frames,
        negatives=len(negatives),
        skipped=(),
        recognised=found(np.concatenate([background.standardise(rows) for rows in examples])),
        mistaken=found(background.rows),
    )


def effect_record(effect: Effect) -> str:
    """Return an effect as a record of a vocabulary file."""
    lines = ["[[effect]]"]
    for field in dataclasses.fields(effect):
        value = getattr(effect, field.name)
        if value in (field.default, None) or value == ():
            continue
        plain = list(value) if isinstance(value, tuple) else value
        # JSON texts, numbers and lists are valid TOML.
        lines.append(f"{field.name} = {json.dumps(plain, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def example_files(folder: Path, option: str) -> list[Path]:
    """Return the pictures and clips in a folder and its subfolders, by name."""
    if not folder.is_dir():
        raise UsageError(f"{shown(folder)} is not a folder of pictures or clips", path=option)
    known = (*PICTURE_SUFFIXES, *CLIP_SUFFIXES)
    try:
        found = sorted(
            path
            for path in folder.rglob("*")
            if path.suffix.lower() in known and not path.name.startswith(".")
        )
    except OSError as error:
        raise UsageError(
            f"{shown(folder)} cannot be read ({error.strerror})", path=option
        ) from None
    if not found:
        raise UsageError(
            f"{shown(folder)} holds no picture or clip",
            path=option,
            remedy=f"known suffixes: {' '.join(known)}",
        )
    if len(found) > MOST_EXAMPLES:
        raise UsageError(
            f"{shown(folder)} holds {len(found)} files",
            path=option,
            remedy=f"teach takes up to {MOST_EXAMPLES}, for more train a model",
        )
    return found


def look_at(
    paths: Sequence[Path], detector: "BundleDetector", skipped: list[str], progress: Progress
) -> list[Float[np.ndarray, "_ features"]]:
    """Return the features of each example's frames; unreadable files are added to `skipped`."""
    pictures: list[np.ndarray] = []
    counts: list[int] = []
    rate = detector.frame_rate or Fraction(4)
    for number, path in enumerate(paths, 1):
        progress(f"{number} of {len(paths)}: {path.name}")
        try:
            frames = example_pictures(path, detector.prepare, rate)
        except MediaError as error:
            skipped.append(str(error))
            continue
        pictures.extend(frames)
        counts.append(len(frames))
    features = detector.look(pictures)
    return np.split(features, np.cumsum(counts)[:-1]) if counts else []


def example_pictures(path: Path, prepare: Prepare, rate: Fraction) -> list[np.ndarray]:
    """Return the prepared pictures of one example: one for a picture, more for a clip."""
    if path.suffix.lower() in PICTURE_SUFFIXES:
        return [prepare(read_picture(path))]
    info = probe_video(path)
    if info.duration > 0:
        rate = min(rate, Fraction(MOST_FRAMES) / info.duration)
    grid = TimeGrid.covering(info.duration, rate)
    frames = [frame.image for frame in sample_frames(info, grid, prepare)]
    if not frames:
        raise MediaError("has no frames", path=shown(path))
    return frames


def _check(bundle: "Bundle", folder: Path, effect: Effect) -> None:
    if bundle.tagger.output == "softmax":
        raise TeachError(
            "has one softmax for all effects", path=folder, remedy="teach one with sigmoids"
        )
    if effect.name in bundle.vocabulary.names:
        raise TeachError(
            f"already has an effect {effect.name}", path=folder, remedy="give another name"
        )
    if bundle.background is None:
        raise TeachError(
            "has no background to teach against",
            path=folder,
            remedy="add one with python -m data_pipeline background",
        )


def _decision(bundle: "Bundle") -> Decision:
    if bundle.decision is None:
        return default_decision(bundle.vocabulary, output=bundle.tagger.output)
    return decision_from_json(bundle.decision, bundle.vocabulary)
