"""Duck one sound under another: spans in samples, or cues, in; a gain for each sample out."""

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float, Int

from temporal_foley.sound.signal.fades import smooth_step
from temporal_foley.timegrid import SAMPLE_RATE_HZ
from temporal_foley.timeline import Cue

ATTACK = SAMPLE_RATE_HZ * 15 // 100
"""Samples of going down; it ends where the effect begins."""

RELEASE = SAMPLE_RATE_HZ // 2
"""Samples of coming back up, from the end of the effect on."""

_SHORTEST_GAP = ATTACK + RELEASE + SAMPLE_RATE_HZ // 4

Spans = Int[np.ndarray, "spans 2"]


def effect_spans(cues: Iterable[Cue]) -> Spans:
    """Return where effects sound, without gaps too short for the original to come back in."""
    return join_spans((cue.onset_sample, cue.offset_sample) for cue in cues)


def join_spans(parts: Iterable[Sequence[int]] | Spans) -> Spans:
    """Join spans that overlap, or lie too near for anything to come back in between."""
    spans: list[list[int]] = []
    for onset, offset in sorted((int(onset), int(offset)) for onset, offset in parts):
        if spans and onset - spans[-1][1] < _SHORTEST_GAP:
            spans[-1][1] = max(spans[-1][1], offset)
        else:
            spans.append([onset, offset])
    return np.array(spans, np.int64).reshape(-1, 2)


def duck_gains(
    spans: Spans, start: int, stop: int, duck_db: float
) -> Float[np.ndarray, " samples"]:
    """Return the gain at the samples `[start, stop)`: `duck_db` under every span."""
    places = np.arange(start, stop)
    depth = np.zeros(stop - start)
    near = (spans[:, 0] - ATTACK < stop) & (spans[:, 1] + RELEASE > start)
    for onset, offset in spans[near]:
        falling = smooth_step((places - (onset - ATTACK)) / ATTACK)
        rising = smooth_step((offset + RELEASE - places) / RELEASE)
        depth = np.maximum(depth, np.minimum(falling, rising))
    return (1.0 - (1.0 - 10.0 ** (duck_db / 20.0)) * depth).astype(np.float32)
