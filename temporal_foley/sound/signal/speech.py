"""Find the spans of a stream of sound that contain speech.

Speech is voiced much of the time, its pitch glides, and its loudness varies with the syllables,
about four times per second (Scheirer and Slaney, "Construction and evaluation of a robust
multifeature speech/music discriminator", ICASSP 1997). Voicing is the peak of the normalised
autocorrelation (Boersma, IFA Proceedings 17, 1993). This is cheap and needs no weights; singing and
nearby crowds are mistaken for speech, and whispers are missed.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Bool, Float, Int

from temporal_foley.sound.signal.blocks import Block, rechunk
from temporal_foley.timegrid import SAMPLE_RATE_HZ

FRAMES_HZ = 50
_HOP = SAMPLE_RATE_HZ // FRAMES_HZ
_STEP = 6  # 8 kHz is enough for voices
_RATE_HZ = SAMPLE_RATE_HZ // _STEP
_WINDOW = 3 * _HOP // _STEP
_LOWEST_HZ, _HIGHEST_HZ = 75.0, 400.0
_VOICED = 0.6
_QUIETEST_DB = -55.0
_AROUND = FRAMES_HZ  # a second: some four syllables
_BRIDGED_S, _SHORTEST_S, _MARGIN_S = 1.0, 0.6, 0.15

Frames = Float[np.ndarray, " frames"]
Spans = Int[np.ndarray, "spans 2"]


def speech_spans(blocks: Iterable[Block]) -> Spans:
    """Return the spans of speech in a stream, in samples from its start."""
    levels: list[np.ndarray] = []
    voicings: list[np.ndarray] = []
    pitches: list[np.ndarray] = []
    samples = 0
    for chunk in _overlapping(blocks):
        level, voicing, pitch = _listen(chunk)
        levels.append(level)
        voicings.append(voicing)
        pitches.append(pitch)
        samples += len(level) * _HOP
    if not levels:
        return np.zeros((0, 2), np.int64)
    spoken = _is_spoken(*map(np.concatenate, (levels, voicings, pitches)))
    return _spans(spoken, samples)


def _overlapping(blocks: Iterable[Block]) -> Iterator[Float[np.ndarray, " samples"]]:
    """Yield mono at 8 kHz in pieces of whole frames, extended to the end of the last window."""
    piece, extra = 10 * SAMPLE_RATE_HZ, 2 * _HOP
    held = np.zeros(0)
    for block in rechunk(blocks, piece):
        held = np.concatenate([held, np.nan_to_num(block).mean(axis=1, dtype=np.float64)])
        frames = max(0, (len(held) - extra) // _HOP)
        if frames:
            yield _thinned(held[: frames * _HOP + extra])
            held = held[frames * _HOP :]
    if len(held):
        frames = -(-len(held) // _HOP)
        yield _thinned(np.pad(held, (0, frames * _HOP + extra - len(held))))


def _thinned(mono: Float[np.ndarray, " samples"]) -> Float[np.ndarray, " thinned"]:
    """Low-pass at about 3 kHz and resample to 8 kHz."""
    taps = np.hanning(2 * _STEP + 1)[1:-1]
    return np.convolve(mono, taps / taps.sum(), "same")[::_STEP]


def _listen(mono: Float[np.ndarray, " samples"]) -> tuple[Frames, Frames, Frames]:
    """Return level in decibels, voicing from 0 to 1, and pitch in octaves for each frame."""
    hop = _HOP // _STEP
    count = (len(mono) - 2 * hop) // hop
    at = np.arange(count)[:, None] * hop + np.arange(_WINDOW)
    frames = mono[at]
    frames = frames - frames.mean(axis=1, keepdims=True)
    level = 10.0 * np.log10((frames**2).mean(axis=1) + 1e-12)
    window = np.hanning(_WINDOW)
    size = 1 << (2 * _WINDOW).bit_length()

    def correlation(part: np.ndarray) -> np.ndarray:
        return np.fft.irfft(np.abs(np.fft.rfft(part, size)) ** 2, size)

    shortest, longest = int(_RATE_HZ / _HIGHEST_HZ), int(_RATE_HZ / _LOWEST_HZ)
    own = correlation(frames * window)
    # Divided by that of the window, because long periods would count less.
    periods = slice(shortest, longest + 1)
    fall = correlation(window)[periods] / (window**2).sum()
    lags = own[:, periods] / np.maximum(own[:, :1], 1e-12) / fall
    best = lags.argmax(axis=1)
    # A peak at the shortest lag is the slope of a low hum or of hiss, not a voice.
    voicing = np.where(best > 0, np.clip(lags.max(axis=1), 0.0, 1.0), 0.0)
    return level, voicing, np.log2(_RATE_HZ / (best + shortest))


def _is_spoken(level: Frames, voicing: Frames, pitch: Frames) -> Bool[np.ndarray, " frames"]:
    voiced = (voicing > _VOICED) & (level > _QUIETEST_DB)
    share = _mean(voiced.astype(float))
    # How far the level varies within a second, silence left out.
    audible = np.maximum(level, _QUIETEST_DB)
    syllables = audible - _mean(audible)
    swing_db = np.sqrt(_mean(syllables**2))
    # Voices glide: less than steps of a scale and than the jumps of unpitched sound.
    moves = np.abs(np.diff(pitch, prepend=pitch[:1]))
    both = voiced & np.roll(voiced, 1)
    glides = both & (moves > 0.004) & (moves < 0.12)
    gliding = _mean(glides.astype(float)) / np.maximum(_mean(both.astype(float)), 1e-3)
    return (share > 0.2) & (swing_db > 3.5) & (gliding > 0.3)


def _mean(values: Frames) -> Frames:
    """Return the running mean over a second around each frame."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    places = np.arange(len(values))
    first = np.maximum(places - _AROUND // 2, 0)
    last = np.minimum(places + _AROUND // 2 + 1, len(values))
    return (sums[last] - sums[first]) / (last - first)


def _spans(spoken: Bool[np.ndarray, " frames"], samples: int) -> Spans:
    """Join spans with short gaps, drop short spans, and widen the rest slightly."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], spoken.astype(np.int8), [0]])))
    spans: list[list[int]] = []
    for onset, offset in edges.reshape(-1, 2) * _HOP:
        if spans and onset - spans[-1][1] < _BRIDGED_S * SAMPLE_RATE_HZ:
            spans[-1][1] = offset
        else:
            spans.append([onset, offset])
    margin = round(_MARGIN_S * SAMPLE_RATE_HZ)
    kept = [
        (max(0, onset - margin), min(samples, offset + margin))
        for onset, offset in spans
        if offset - onset >= _SHORTEST_S * SAMPLE_RATE_HZ
    ]
    return np.array(kept, np.int64).reshape(-1, 2)
