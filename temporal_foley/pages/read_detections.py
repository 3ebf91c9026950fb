"""Read back what an earlier run detected, for the pages that show it."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from temporal_foley.effects import Vocabulary, load_vocabulary
from temporal_foley.errors import VocabularyError
from temporal_foley.files.output import read_run
from temporal_foley.media.video import VideoInfo, sample_frames
from temporal_foley.spotting.detections import NOT_CHOSEN, THUMBNAILS, Detections
from temporal_foley.spotting.tables import read_scores
from temporal_foley.timegrid import TimeGrid
from temporal_foley.timeline import Timeline

THUMBNAIL_ROWS = 224


def read_detections(timeline: Timeline, folder: Path, info: VideoInfo) -> Detections:
    """Read the scores beside a cue list; without them, the overview shows no probabilities."""
    try:
        vocabulary = load_vocabulary(timeline.vocabulary.name)
    except VocabularyError:
        vocabulary = Vocabulary(name=timeline.vocabulary.name, effects=())
    grid = TimeGrid.covering(info.duration, timeline.frame_rate)
    probabilities = np.zeros((0, len(vocabulary)), np.float32)
    if (folder / "scores.tsv").is_file():
        table = read_scores(folder / "scores.tsv")
        if table.effects == vocabulary.names and len(table.probabilities) == grid.frames:
            probabilities = table.probabilities
    run = read_run(folder)
    chosen = None if run is None else run.made_with.get("effects")
    left_out = [] if chosen is None else [n for n in vocabulary.names if n not in chosen.split(",")]
    return Detections(
        grid=grid,
        vocabulary=vocabulary,
        probabilities=probabilities,
        thumbnails=tuple(_thumbnails(info)),
        left_out=dict.fromkeys(left_out, NOT_CHOSEN),
    )


def _thumbnails(info: VideoInfo) -> Iterator[tuple[float, np.ndarray]]:
    import cv2

    def shrink(image: np.ndarray) -> np.ndarray:
        rows, columns = image.shape[:2]
        size = (max(1, round(columns * THUMBNAIL_ROWS / rows)), THUMBNAIL_ROWS)
        return cv2.resize(image, size, interpolation=cv2.INTER_AREA)

    apart = max(info.duration / THUMBNAILS, Fraction(1, 1000))
    grid = TimeGrid(frame_rate=1 / apart, frames=THUMBNAILS, start=apart / 2)
    for frame in sample_frames(info, grid, shrink):
        yield float(frame.time), frame.image
