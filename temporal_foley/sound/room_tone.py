"""Make room tone, and find where foley would play in dead silence without it.

Foley in dead silence sounds pasted on: a room is never silent (Ament, The Foley Grail, 2014). The
tone is brown noise, wide and very soft, and repeats every eleven seconds.
"""

import functools
from collections.abc import Iterable

import numpy as np
from jaxtyping import Float32

from temporal_foley.sound.synth.signals import coloured_noise, lowpass
from temporal_foley.timegrid import SAMPLE_RATE_HZ
from temporal_foley.timeline import Track

ROOM_TONE_STEM = "room_tone"
_PERIOD_S = 11
_MARGIN = SAMPLE_RATE_HZ // 2


def bare_foley(tracks: Iterable[Track]) -> list[tuple[int, int]]:
    """Return the spans of foley cues without a background under them, slightly widened."""
    tracks = list(tracks)
    beds = [cue for track in tracks if track.bus == "backgrounds" for cue in track.cues]
    spans: list[tuple[int, int]] = []
    for track in tracks:
        for cue in track.cues if track.bus == "foley" else ():
            onset, offset = cue.onset_sample, cue.offset_sample
            if not any(b.onset_sample <= onset and b.offset_sample >= offset for b in beds):
                spans.append((max(0, onset - _MARGIN), offset + _MARGIN))
    return spans


def room_tone(start: int, stop: int, level_dbfs: float) -> Float32[np.ndarray, "samples 2"]:
    """Return the tone at the samples `[start, stop)`."""
    return loop_range(_tone(level_dbfs), start, stop)


def loop_range(
    period: Float32[np.ndarray, "period 2"], start: int, stop: int
) -> Float32[np.ndarray, "samples 2"]:
    """Return the samples `[start, stop)` of a sound that repeats."""
    return period[np.arange(start, stop) % len(period)]


@functools.cache
def _tone(level_dbfs: float) -> Float32[np.ndarray, "samples 2"]:
    rng = np.random.default_rng(0)
    samples = _PERIOD_S * SAMPLE_RATE_HZ
    sides = [coloured_noise(samples, rng, slope=1.6, corner_hz=60.0) for _ in range(2)]
    # Filtered over two periods, so that the end still joins the start.
    wide = np.stack([lowpass(np.tile(side, 2), 4000.0, 1)[samples:] for side in sides], axis=-1)
    level = 10.0 ** (level_dbfs / 20.0) / np.sqrt(np.mean(wide**2))
    return (wide * level).astype(np.float32)
