"""Explain why an effect whose probability crosses its line has no cue there."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from temporal_foley.effects import Vocabulary
from temporal_foley.spotting.detections import Detections
from temporal_foley.spotting.durations import usual_duration
from temporal_foley.timeline import Cue

NEAR_STEPS = 2
"""A cue within this many grid steps is taken to be the one that the probability speaks for."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class NoCue:
    """A stretch in which an effect is probable and has no cue."""

    effect: str
    start: float
    end: float
    reason: str


def explain_missing(seen: Detections, cues: Sequence[Cue]) -> list[NoCue]:
    """Return every stretch of frames at or above an effect's line that no cue of it touches.

    Args:
        seen: Probabilities per grid frame; without rows nothing is explained.
        cues: All cues, silent ones too.
    """
    missing: list[NoCue] = []
    if not len(seen.probabilities):
        return missing
    margin = NEAR_STEPS * float(seen.grid.step)
    for column, effect in enumerate(seen.vocabulary.effects):
        own = [
            (float(cue.onset) - margin, float(cue.offset) + margin)
            for cue in cues
            if cue.effect == effect.name
        ]
        above = seen.probabilities[:, column] >= np.float32(effect.threshold_on)
        edges = np.flatnonzero(np.diff(above.astype(np.int8), prepend=0, append=0))
        usual = usual_duration(effect)
        for first, last in edges.reshape(-1, 2).tolist():
            start, end = float(seen.grid.time(first)), float(seen.grid.time(last))
            if any(begin < end and start < stop for begin, stop in own):
                continue
            length = end - start
            peak = float(seen.probabilities[first:last, column].max())
            rival = _rival(effect.name, start, end, seen.vocabulary, cues)
            if effect.name in seen.left_out:
                why = seen.left_out[effect.name]
            elif rival:
                why = f"taken to be {rival}"
            elif length < effect.min_duration_s:
                why = f"shorter than its least, {effect.min_duration_s:g} s"
            elif length < 0.25 * usual.lasts_s:
                why = f"brief: it lasts {usual.lasts_s:.0f} s as a rule"
            else:
                why = "not sure enough for long enough"
            reason = f"no cue: {peak:.2f} for {length:.1f} s, {why}"
            missing.append(NoCue(effect=effect.name, start=start, end=end, reason=reason))
    return missing


def _rival(
    name: str, start: float, end: float, vocabulary: Vocabulary, cues: Sequence[Cue]
) -> str | None:
    """Return the effect of the same group that has a cue there, if one has."""
    kin = {
        other
        for group in vocabulary.groups
        if name in group.effects
        for other in group.effects
        if other != name
    }
    for cue in cues:
        if cue.effect in kin and float(cue.onset) < end and start < float(cue.offset):
            return cue.effect
    return None
