"""Duck one sound under another: find the spans, compute the gains, apply them to a stream."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from jaxtyping import Float, Int

from temporal_foley.sound.signal.blocks import Block
from temporal_foley.sound.signal.fades import smooth_step
from temporal_foley.timegrid import SAMPLE_RATE_HZ
from temporal_foley.timeline import Cue

ATTACK = SAMPLE_RATE_HZ * 15 // 100
"""Samples over which the level falls; the fall ends where the span begins."""
RELEASE = SAMPLE_RATE_HZ // 2
"""Samples over which the level returns after the span."""
MUTED_DB = -120.0

_SHORTEST_GAP = ATTACK + RELEASE + SAMPLE_RATE_HZ // 4

Spans = Int[np.ndarray, "spans 2"]


def effect_spans(cues: Iterable[Cue]) -> Spans:
    """Return where effects sound, joined over gaps too short for the original to return in."""
    return join_spans((cue.onset_sample, cue.offset_sample) for cue in cues)


def join_spans(parts: Iterable[Sequence[int]] | Spans) -> Spans:
    """Join spans that overlap or are too close together for the level to return in between."""
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


def duck(
    blocks: Iterable[Block | None], block_samples: int, spans: Spans, duck_db: float
) -> Iterator[Block | None]:
    """Yield a stream, lowered by `duck_db` in every span; None is a block of silence."""
    start = 0
    for block in blocks:
        if block is None:
            yield None
        else:
            yield block * duck_gains(spans, start, start + len(block), duck_db)[:, None]
        start += block_samples
