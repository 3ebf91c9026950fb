"""Reverberation: what is sent into a space in; any stretch of what the space answers out.

The response is short enough to be convolved at once, by overlap-save (Oppenheim and Schafer,
Discrete-Time Signal Processing, 1989). The pieces it is done in lie at fixed places of the
timeline: a stretch never depends on how it is asked for, and there is no state to carry.
"""

import functools
from collections.abc import Callable

import numpy as np
from jaxtyping import Complex, Float

from temporal_foley.sound.signal.space import RESPONSE, Space, space_response

PIECE = 96_000
_SIZE = 131_072
_ROUNDING = 2.0**-40
assert PIECE + RESPONSE - 1 <= _SIZE

Send = Callable[[int, int], Float[np.ndarray, "samples 2"] | None]
"""What is sent into the space between two samples of the timeline; None: nothing."""


def reverberate(
    send: Send, space: Space, start: int, stop: int
) -> Float[np.ndarray, "samples 2"] | None:
    """Return the samples `[start, stop)` of a space's answer; None where it is silent."""
    out = np.zeros((stop - start, 2))
    is_heard = False
    for first in range(start // PIECE * PIECE, stop, PIECE):
        piece = _piece(send, space, first)
        if piece is None:
            continue
        is_heard = True
        begin, end = max(start, first), min(stop, first + PIECE)
        out[begin - start : end - start] = piece[begin - first : end - first]
    return out if is_heard else None


def _piece(send: Send, space: Space, first: int) -> Float[np.ndarray, "samples 2"] | None:
    """Return the piece of the answer that begins at `first`."""
    # Double precision: what is rounded then lies far below the last bit of a stem.
    sent = np.zeros(_SIZE)
    begin = max(0, first - RESPONSE + 1)
    sound = send(begin, first + PIECE)
    if sound is None or not sound.any():
        return None
    at = begin - (first - RESPONSE + 1)
    # A space is heard from all around: where in it a sound is makes no difference.
    sent[at : at + len(sound)] = sound.sum(axis=1, dtype=np.float64) * np.sqrt(0.5)
    answer = np.fft.irfft(np.fft.rfft(sent)[:, None] * _spectrum(space), _SIZE, axis=0)
    piece = answer[RESPONSE - 1 : RESPONSE - 1 + PIECE]
    # What the transforms leave where nothing is: silence is exactly silent.
    piece[np.abs(piece) < _ROUNDING] = 0.0
    return piece


@functools.cache
def _spectrum(space: Space) -> Complex[np.ndarray, "bins 2"]:
    return np.fft.rfft(space_response(space), _SIZE, axis=0)
