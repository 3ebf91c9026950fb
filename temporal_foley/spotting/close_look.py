"""Fit events to the picture, from what was gathered while the model looked at it.

The picture is decoded once more, but only around what strikes, and around cuts whose moment the
first pass did not see.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator

import numpy as np

from temporal_foley.files.cache import Memory
from temporal_foley.media.close_up import CloseUp, close_ups
from temporal_foley.media.video import VideoInfo
from temporal_foley.spotting.detections import Detections, PictureEvidence
from temporal_foley.spotting.motion import Motion, measure_motion
from temporal_foley.spotting.scenes import find_scenes, look_at_shots, mark_steady
from temporal_foley.spotting.shots import PictureChanges, cut_frames, cut_times, keep_to_shots
from temporal_foley.spotting.sync import join_stretches, meet_picture, stretches_to_watch
from temporal_foley.timeline import Event

_AROUND_CUT_S = 0.15


@dataclasses.dataclass(frozen=True)
class Glimpses:
    """What is gathered of each picture of the grid while a model looks at it."""

    changes: PictureChanges = dataclasses.field(default_factory=PictureChanges)


def look_closely(
    info: VideoInfo,
    events: tuple[Event, ...],
    seen: Detections,
    glimpses: Glimpses,
    done: Callable[[float], None] = lambda part: None,
    memory: Memory | None = None,
) -> tuple[tuple[Event, ...], PictureEvidence]:
    """Let events meet the picture; return them with what places and levels are made of."""
    grid, vocabulary = seen.grid, seen.vocabulary
    changes = glimpses.changes
    cuts = cut_frames(changes)
    watched = stretches_to_watch(events, vocabulary, grid)
    around = [
        (float(grid.time(cut - 1)) - _AROUND_CUT_S, float(grid.time(cut)) + _AROUND_CUT_S)
        for cut in cuts
        if not (changes.begins and math.isfinite(changes.begins[cut]))
    ]
    stretches = join_stretches([*watched, *around])
    motion = _motion(info, stretches, done, memory or Memory())
    begins = cut_times(cuts, changes.begins, motion, grid)
    shots = None
    if changes.colours:
        colours = np.array(changes.colours, np.float32)
        shots = look_at_shots(colours, seen.features, cuts, [0.0, *begins, float(info.duration)])
    kept = keep_to_shots(
        events,
        begins,
        seen.probabilities,
        vocabulary,
        grid,
        float(info.duration),
    )
    kept = mark_steady(kept, vocabulary)
    places = seen.places
    sights = PictureEvidence(
        grid=grid,
        vocabulary=vocabulary,
        probabilities=seen.probabilities,
        motion=np.array(changes.motion, float),
        cuts=tuple(cuts),
        cut_times=tuple(begins),
        shots=shots,
        scenes=() if shots is None else tuple(find_scenes(shots)),
        heats=None if places is None else places.heats,
        visible=None if places is None else places.visible,
    )
    done(1.0)
    return tuple(meet_picture(kept, motion, vocabulary, grid)), sights


def _motion(
    info: VideoInfo,
    stretches: list[tuple[float, float]],
    done: Callable[[float], None],
    memory: Memory,
) -> Motion:
    kept = memory.recall("motion", stretches)
    if kept is not None:
        return Motion(**kept)
    motion = measure_motion(_told(close_ups(info, stretches), stretches, done))
    fields = {field.name: getattr(motion, field.name) for field in dataclasses.fields(motion)}
    memory.keep(fields, "motion", stretches)
    return motion


def _told(
    pictures: Iterator[CloseUp],
    stretches: list[tuple[float, float]],
    done: Callable[[float], None],
) -> Iterator[CloseUp]:
    end = stretches[-1][1] if stretches else 1.0
    for picture in pictures:
        yield picture
        done(min(1.0, float(picture.time) / end))
