"""Find a model's worst mistakes: where it was wrong longest and with the most confidence.

A mistake is an effect of a clip with false detections or misses. Its weight is the distance of its
frames from the threshold in log odds, summed over seconds. At most one per source and a few per
effect are kept, so that the mistakes are varied.
"""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from temporal_foley.effects import Vocabulary
from temporal_foley.evaluation.judgement import Judged
from temporal_foley.evaluation.threshold_sweep import decode_clip

MOST_OF_AN_EFFECT = 4


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Mistake:
    """An effect in a clip that was falsely detected or missed."""

    kind: Literal["false alarm", "miss"]
    effect: str
    clip: int
    """Place among the clips."""
    weight: float
    probabilities: Float[np.ndarray, " frames"]
    truth: Bool[np.ndarray, " frames"]
    estimated: Bool[np.ndarray, " frames"]
    threshold: float
    worst_frame: int


def worst_mistakes(
    judged: Judged, vocabulary: Vocabulary, *, stills: bool, most: int = 12
) -> list[Mistake]:
    """Find the worst mistakes in clips, or in stills."""
    found: list[Mistake] = []
    for place, clip in enumerate(judged.clips):
        if clip.is_still != stills:
            continue
        active = decode_clip(clip, vocabulary, judged.decision)[1]
        truth = clip.truth
        wrong = (active != truth) & clip.known
        within = np.clip(clip.probabilities.astype(np.float64), 1e-4, 1 - 1e-4)
        log_odds = np.log(within) - np.log1p(-within)
        for effect in np.flatnonzero(wrong.any(axis=0)):
            own = judged.decision.effects[int(effect)]
            on = own.threshold_on
            above = np.abs(log_odds[:, effect] - (np.log(on) - np.log1p(-on)))
            alarms = wrong[:, effect] & active[:, effect]
            misses = wrong[:, effect] & truth[:, effect]
            is_alarm = bool(above[alarms].sum() >= above[misses].sum())
            cells = alarms if is_alarm else misses
            weights = np.where(cells, above, 0.0)
            found.append(
                Mistake(
                    kind="false alarm" if is_alarm else "miss",
                    effect=own.effect,
                    clip=place,
                    weight=float(weights.sum() / clip.grid.frame_rate),
                    probabilities=clip.probabilities[:, effect],
                    truth=truth[:, effect],
                    estimated=active[:, effect],
                    threshold=on,
                    worst_frame=int(weights.argmax()),
                )
            )
    return _varied(sorted(found, key=lambda mistake: -mistake.weight), judged, most)


def _varied(mistakes: Sequence[Mistake], judged: Judged, most: int) -> list[Mistake]:
    kept: list[Mistake] = []
    sources: set[str] = set()
    of_effect: Counter[tuple[str, str]] = Counter()
    for mistake in mistakes:
        source = judged.clips[mistake.clip].source
        key = (mistake.effect, mistake.kind)
        if source in sources or of_effect[key] >= MOST_OF_AN_EFFECT or len(kept) == most:
            continue
        kept.append(mistake)
        sources.add(source)
        of_effect[key] += 1
    return kept
