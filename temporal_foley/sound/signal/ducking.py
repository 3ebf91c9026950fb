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
REPLACE_ATTACK, REPLACE_RELEASE = SAMPLE_RATE_HZ // 100, SAMPLE_RATE_HZ // 12
"""The same around hits of the original that are replaced: 10 ms and 83 ms."""

_SHORTEST_GAP = ATTACK + RELEASE + SAMPLE_RATE_HZ // 4

Spans = Int[np.ndarray, "spans 2"]


def effect_spans(cues: Iterable[Cue]) -> Spans:
    """Return where effects sound, joined over gaps too short for the original to return in."""
    return join_spans((cue.onset_sample, cue.offset_sample) for cue in cues)


def replaced_spans(cues: Iterable[Cue]) -> Spans:
    """Return where the original contains what cues replace."""
    parts = (cue.evidence.original for cue in cues)
    return join_spans(
        (span for span in parts if span is not None), REPLACE_ATTACK + REPLACE_RELEASE
    )


def join_spans(parts: Iterable[Sequence[int]] | Spans, shortest_gap: int | None = None) -> Spans:
    """Join spans that overlap or are too close together for the level to return in between."""
    shortest_gap = _SHORTEST_GAP if shortest_gap is None else shortest_gap
    spans: list[list[int]] = []
    for onset, offset in sorted((int(onset), int(offset)) for onset, offset in parts):
        if spans and onset - spans[-1][1] < shortest_gap:
            spans[-1][1] = max(spans[-1][1], offset)
        else:
            spans.append([onset, offset])
    return np.array(spans, np.int64).reshape(-1, 2)


def duck_gains(
    spans: Spans,
    start: int,
    stop: int,
    duck_db: float,
    *,
    attack: int = ATTACK,
    release: int = RELEASE,
) -> Float[np.ndarray, " samples"]:
    """Return the gain at the samples `[start, stop)`: `duck_db` under every span.

    Args:
        spans: Where to duck, in samples.
        start: First sample.
        stop: Sample after the last one.
        duck_db: How far.
        attack: Samples over which the level falls before a span.
        release: Samples over which it returns after one.
    """
    places = np.arange(start, stop)
    depth = np.zeros(stop - start)
    near = (spans[:, 0] - attack < stop) & (spans[:, 1] + release > start)
    for onset, offset in spans[near]:
        falling = smooth_step((places - (onset - attack)) / attack)
        rising = smooth_step((offset + release - places) / release)
        depth = np.maximum(depth, np.minimum(falling, rising))
    return (1.0 - (1.0 - 10.0 ** (duck_db / 20.0)) * depth).astype(np.float32)


def duck(
    blocks: Iterable[Block | None],
    block_samples: int,
    spans: Spans,
    duck_db: float,
    *,
    attack: int = ATTACK,
    release: int = RELEASE,
) -> Iterator[Block | None]:
    """Yield a stream, lowered by `duck_db` in every span; None is a block of silence."""
    start = 0
    for block in blocks:
        if block is None:
            yield None
        else:
            stop = start + len(block)
            gains = duck_gains(spans, start, stop, duck_db, attack=attack, release=release)
            yield block * gains[:, None]
        start += block_samples
