"""The video of a cue list is looked for by its hash, and what is no video is not hashed."""

import dataclasses

import pytest

from temporal_foley.errors import CueListError
from temporal_foley.session.source_video import find_source_video
from temporal_foley.timeline import Timeline
from tests.factories import make_timeline, source_of


def timeline_of(video) -> Timeline:
    return make_timeline(source=source_of(video, 1.0))


def test_it_is_found_where_it_was_and_where_one_says(tmp_path, make_clip):
    video = make_clip(tmp_path / "film.mp4", seconds=0.2)
    timeline = timeline_of(video)
    cues = tmp_path / "film.foley" / "cues.json"
    assert find_source_video(timeline, cues, None) == video
    moved = video.rename(tmp_path / "moved.mp4")
    assert find_source_video(timeline, cues, None) is None
    assert find_source_video(timeline, cues, moved) == moved
    other = make_clip(tmp_path / "other.mp4", seconds=0.4)
    with pytest.raises(CueListError, match="is not the video"):
        find_source_video(timeline, cues, other)
    away = dataclasses.replace(timeline.source, name="../film.mp4")
    with pytest.raises(CueListError, match="must be a file name"):
        find_source_video(dataclasses.replace(timeline, source=away), cues, None)


def test_a_terabyte_of_nothing_is_told_at_once(tmp_path, make_clip):
    video = make_clip(tmp_path / "film.mp4", seconds=0.2)
    timeline = timeline_of(video)
    with video.open("wb") as file:
        file.truncate(1 << 40)
    cues = tmp_path / "film.foley" / "cues.json"
    assert find_source_video(timeline, cues, None) is None
    with pytest.raises(CueListError, match="is not the video"):
        find_source_video(timeline, cues, video)
