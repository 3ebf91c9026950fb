"""Render any stretch of a track's stem, exact to the sample.

Rendering in blocks gives the same samples as rendering all at once.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Int

from temporal_foley.errors import CueListError, LibraryError
from temporal_foley.sound.levels import BUSES
from temporal_foley.sound.signal.distance import REACH, distance_lowpass
from temporal_foley.sound.signal.fades import (
    balance_gains,
    join_gains,
    pan_gains,
    ratio_of,
    smooth_step,
)
from temporal_foley.sound.signal.reverb import RESPONSE, Space, reverberate, send_gain
from temporal_foley.sound.take import Take
from temporal_foley.sound.takes.library import Library
from temporal_foley.timeline import Cue, Curve, Track

Stereo = Float[np.ndarray, "samples 2"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class CueIndex:
    """A track with the times of its cues as arrays, for finding the cues in a time range."""

    track: Track
    onsets: Int[np.ndarray, " cues"]
    offsets: Int[np.ndarray, " cues"]

    def sounding(self, start: int, stop: int) -> Bool[np.ndarray, " cues"]:
        """Mark the cues that sound in the samples `[start, stop)`."""
        return (self.onsets < stop) & (self.offsets > start)


def index_cues(track: Track) -> CueIndex:
    """Index a track by time, once for all of its blocks."""
    return CueIndex(
        track=track,
        onsets=np.array([cue.onset_sample for cue in track.cues], np.int64),
        offsets=np.array([cue.offset_sample for cue in track.cues], np.int64),
    )


def render_track(track: Track, library: Library, start: int, stop: int) -> Stereo:
    """Render the samples `[start, stop)` of a track's stem.

    Raises:
        LibraryError: A take is not in the library, or is shorter than its cue needs.
        CueListError: The track has a bus that does not exist.
    """
    return render_cues(index_cues(track), library, start, stop)


def render_cues(
    index: CueIndex,
    library: Library,
    start: int,
    stop: int,
    share: Callable[[Cue], float] = lambda cue: 1.0,
) -> Stereo:
    """Render the samples `[start, stop)` of an indexed track's stem, without reverberation.

    `share` returns a further gain of each cue.
    """
    return _sum_cues(index, library, start, stop, share)


def render_space(
    index: CueIndex,
    library: Library,
    space: Space,
    start: int,
    stop: int,
    decay: float = 1.0,
    share: Callable[[Cue], float] = lambda cue: 1.0,
) -> Stereo | None:
    """Render the reverberation in the samples `[start, stop)`; None where it is silent.

    `decay` scales the reverberation time of the space, `share` returns a further gain of each cue.
    """
    bus, levels = index.track.bus, library.levels

    def send(first: int, last: int) -> Stereo | None:
        if not index.sounding(first, last).any():
            return None
        return _sum_cues(
            index,
            library,
            first,
            last,
            lambda cue: share(cue) * send_gain(space, bus, cue, levels),
        )

    if space == "none" or not index.sounding(start - RESPONSE, stop).any():
        return None
    wet = reverberate(send, space, start, stop, decay)
    return None if wet is None else wet.astype(np.float32)


def _sum_cues(
    index: CueIndex, library: Library, start: int, stop: int, share: Callable[[Cue], float]
) -> Stereo:
    """Render cues and add them up, each with the gain that `share` returns."""
    track = index.track
    if track.bus not in BUSES:
        known = ", ".join(BUSES)
        raise CueListError(f"track {track.effect}: bus must be one of {known}, got {track.bus!r}")
    out = np.zeros((stop - start, 2), np.float32)
    track_db = track.gain_db + library.levels.bus_db(track.bus)
    for number in np.flatnonzero(index.sounding(start, stop)):
        cue = track.cues[number]
        gain = share(cue) * 10.0 ** ((track_db + cue.gain_db) / 20.0)
        if gain == 0.0:
            continue
        first = max(start, cue.onset_sample)
        last = min(stop, cue.offset_sample)
        sound = _render_cue(cue, library.read(cue.asset), gain, first, last)
        out[first - start : last - start] += sound
    return out


def _render_cue(cue: Cue, take: Take, gain: float, start: int, stop: int) -> Stereo:
    first, last = start - cue.onset_sample, stop - cue.onset_sample
    needed = cue.source_end if cue.loop is None else max(cue.source_start + 1, cue.loop.end)
    if needed > len(take.samples):
        raise LibraryError(
            f"cue {cue.id}: needs {needed} samples of {cue.asset.name!r}, which has "
            f"{len(take.samples)}; use the library that the cue list was made with"
        )
    if cue.lowpass_hz is None:
        source = _source(cue, take.samples, first, last)
    else:
        source = _distant_source(cue, take.samples, first, last, cue.lowpass_hz)
    gains = (gain * _level(cue, first, last)).astype(np.float32)
    _fade(gains, cue, first, last)
    law = pan_gains if source.shape[1] == 1 else balance_gains
    left, right = law(_curve(cue.pan, first, last))
    sides = np.stack([left, right], axis=-1).astype(np.float32)
    return source * gains[:, None] * sides


def _source(
    cue: Cue, samples: Float[np.ndarray, "take channels"], first: int, last: int
) -> Float[np.ndarray, "samples channels"]:
    """Return the samples of the take from `first` to `last` after the cue's onset, looped."""
    if cue.loop is None:
        return samples[cue.source_start + first : cue.source_start + last]
    loop, pieces = cue.loop, []
    period = loop.end - loop.start
    while first < last:
        place = cue.source_start + first
        if place >= loop.end:
            place = loop.start + (place - loop.end) % period
        taken = min(last - first, loop.end - place)
        piece = samples[place : place + taken]
        joined = max(0, place + taken - (loop.end - loop.crossfade))
        if joined:
            piece = piece.copy()
            begin = max(place, loop.end - loop.crossfade)
            places = np.arange(begin, place + taken) - (loop.end - loop.crossfade)
            ratio = ratio_of(places, loop.crossfade)
            rise, fall = join_gains(ratio, loop.alike)
            ahead = samples[begin - period : place + taken - period]
            piece[begin - place :] = piece[begin - place :] * fall[:, None] + ahead * rise[:, None]
        pieces.append(piece)
        first += taken
    return np.concatenate(pieces)


def _distant_source(
    cue: Cue,
    samples: Float[np.ndarray, "samples channels"],
    first: int,
    last: int,
    cutoff_hz: float,
) -> Float[np.ndarray, "samples channels"]:
    """Return the samples of `_source` through the distance filter, padded with silence."""
    begin, end = max(0, first - REACH), min(cue.length, last + REACH)
    missing = (REACH - (first - begin), REACH - (end - last))
    source = np.pad(_source(cue, samples, begin, end), (missing, (0, 0)))
    return distance_lowpass(source, cutoff_hz)


def _level(cue: Cue, first: int, last: int) -> Float[np.ndarray, " samples"]:
    """Return the gains of a cue's level curve at the samples `[first, last)`."""
    if cue.level == ((0, 0.0),):
        return np.ones(last - first)
    # Powers of ten only at the points: their rounding may differ along a block.
    ratios = tuple((place, 10.0 ** (level / 20.0)) for place, level in cue.level)
    return np.broadcast_to(_curve(ratios, first, last), (last - first,))


def _fade(gains: Float[np.ndarray, " samples"], cue: Cue, first: int, last: int) -> None:
    """Multiply the fades into the gains of the samples `[first, last)` of a cue."""
    if first < cue.fade_in:
        until = min(last, cue.fade_in)
        ratio = ratio_of(np.arange(first, until), cue.fade_in)
        gains[: until - first] *= smooth_step(ratio).astype(np.float32)
    if last > cue.length - cue.fade_out:
        begin = max(first, cue.length - cue.fade_out)
        ratio = ratio_of(cue.length - 1 - np.arange(begin, last), cue.fade_out)
        gains[begin - first :] *= smooth_step(ratio).astype(np.float32)


def _curve(curve: Curve, first: int, last: int) -> Float[np.ndarray, " samples"]:
    """Read a curve at the samples `[first, last)` of a cue; one value if it does not move."""
    if len(curve) == 1:
        return np.array([curve[0][1]])
    places, values = zip(*curve, strict=True)
    return np.interp(np.arange(first, last), places, values)
