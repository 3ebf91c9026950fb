"""Fit the decision of a bundle on features it was not trained on: calibration and thresholds.

The new bundle differs in its decision only. Several splits may be joined.
"""

import dataclasses
import fnmatch
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from data_pipeline.after_training.options import DecideOptions
from temporal_foley.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from temporal_foley.effects import Vocabulary
    from temporal_foley.evaluation.scored_clip import ScoredClip
    from temporal_foley.models.bundle.bundle import Bundle
    from temporal_foley.spotting.decision import Decision


class Heard(NamedTuple):
    """Clips and the logits of a bundle."""

    clips: list["ScoredClip"]
    logits: list["np.ndarray"]
    facts: dict[str, dict[str, dict]]


def judge_splits(
    bundle: "Bundle",
    data: Path,
    splits: Sequence[str],
    datasets: Sequence[str] = (),
    *,
    without_sound: bool = False,
) -> Heard:
    """Compute the logits of a bundle on some splits."""
    from data_pipeline.features.scoring import clips_and_logits
    from data_pipeline.features.split import open_split

    heard = Heard([], [], {})
    for name in splits:
        split = open_split(data, name, datasets=datasets)
        clips, logits = clips_and_logits(split, bundle, with_sound=not without_sound)
        heard.clips.extend(clips)
        heard.logits.extend(logits)
        heard.facts[name] = split.facts()
    return heard


def run(options: DecideOptions) -> dict[str, int]:
    """Fit, and write the bundle; return the effects that kept their defaults, with their clips."""
    from temporal_foley.evaluation.fit_decision import FitConfig, fit_decision
    from temporal_foley.models.bundle.bundle import load_bundle, save_bundle
    from temporal_foley.spotting.decision import decision_to_json

    bundle = load_bundle(options.bundle)
    heard = judge_splits(
        bundle, options.data, options.split, options.datasets, without_sound=options.without_sound
    )
    for path, split in options.folds():
        other = judge_splits(
            load_bundle(path),
            options.data,
            [split],
            options.datasets,
            without_sound=options.without_sound,
        )
        heard.clips.extend(other.clips)
        heard.logits.extend(other.logits)
        heard.facts.update(other.facts)
    heard = without(heard, options.leave_out)
    try:
        config = FitConfig(
            rule=options.rule,
            most=options.most,
            decoder=options.decoder,
            smoothing=options.smoothing,
            window_s=options.window,
        )
    except ValueError as error:
        raise UsageError(str(error)) from None
    decision = fit_decision(
        heard.clips, heard.logits, bundle.vocabulary, config, output=bundle.tagger.output
    )
    decision, kept = keep_defaults(
        decision, heard.clips, bundle.vocabulary, least_clips=options.least_clips
    )
    if kept:
        print(
            f"{few_clips(kept, options.least_clips)}; add validation clips, or give --least-clips 1"
        )
    if options.raw:
        decision = uncalibrated(decision)
    if options.common is not None:
        decision = with_common_threshold(decision, options.common)
    for effect in decision.effects:
        print(
            f"{effect.effect:16s} slope {effect.slope:5.2f} bias {effect.bias:6.2f} "
            f"on {effect.threshold_on:.3f} off {effect.threshold_off:.3f}"
        )
    if options.out is None:
        return kept
    info = {**bundle.training_info, "decided_on": heard.facts}
    card = bundle.card if options.card is None else read_card(options.card)
    changed = dataclasses.replace(
        bundle, decision=decision_to_json(decision), training_info=info, card=card
    )
    sha256 = save_bundle(options.out, changed, overwrite=options.overwrite)
    print(f"wrote {options.out} ({sha256[:12]})")
    return kept


def few_clips(kept: Mapping[str, int], least_clips: int) -> str:
    """Report effects that kept their defaults."""
    few = ", ".join(f"{name} ({count})" for name, count in kept.items())
    return f"kept the defaults of {few}: fewer than {least_clips} clips with the effect"


def keep_defaults(
    decision: "Decision",
    clips: Sequence["ScoredClip"],
    vocabulary: "Vocabulary",
    *,
    least_clips: int,
) -> tuple["Decision", dict[str, int]]:
    """Give effects of too few clips back their defaults; also return those, with their clips.

    A threshold that is fitted to a clip or two fits nothing else.
    """
    from temporal_foley.spotting.decision import default_decision

    defaults = default_decision(vocabulary, output=decision.output, decoder=decision.decoder)
    effects, kept = [], {}
    for number, (fitted, default) in enumerate(
        zip(decision.effects, defaults.effects, strict=True)
    ):
        count = int(sum(bool(clip.clip_truth[number]) for clip in clips))
        if count < least_clips:
            kept[fitted.effect] = count
        effects.append(default if count < least_clips else fitted)
    return dataclasses.replace(decision, effects=tuple(effects)), kept


def without(heard: Heard, patterns: Sequence[str]) -> Heard:
    """Leave out the clips whose names match a shell pattern."""
    kept = [
        place
        for place, clip in enumerate(heard.clips)
        if not any(fnmatch.fnmatchcase(clip.id, pattern) for pattern in patterns)
    ]
    clips, logits = [heard.clips[i] for i in kept], [heard.logits[i] for i in kept]
    return Heard(clips, logits, heard.facts)


def uncalibrated(decision: "Decision") -> "Decision":
    """Remove the calibration."""
    effects = tuple(dataclasses.replace(e, slope=1.0, bias=0.0) for e in decision.effects)
    return dataclasses.replace(decision, effects=effects)


def with_common_threshold(decision: "Decision", probability: float) -> "Decision":
    """Give all effects one threshold; events end 1.24 log odds lower, as .35 is below .65."""
    odds = probability / (1.0 - probability)
    off = odds * 0.29 / (1.0 + odds * 0.29)
    effects = tuple(
        dataclasses.replace(effect, threshold_on=probability, threshold_off=off)
        for effect in decision.effects
    )
    return dataclasses.replace(decision, effects=effects, rule=f"{probability:g} for all effects")


def read_card(path: Path) -> str:
    """Read the text of a bundle's card."""
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"cannot be read as UTF-8 text ({error})", option="--card", path=path
        ) from None
