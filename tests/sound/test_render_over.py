"""Test rendering a cue list: nothing is replaced unasked, and levels are reported."""

import json
from fractions import Fraction
from pathlib import Path

import pytest

from temporal_foley.effects import load_vocabulary
from temporal_foley.errors import CueListError, OutputExistsError
from temporal_foley.render import render_cue_list
from temporal_foley.sound.casting import cast_events
from temporal_foley.sound.takes.library import load_library
from temporal_foley.timeline import MixSettings, Provenance
from tests.factories import make_event, make_timeline, source_of, write_cue_list

SAMPLES = 2 * 48_000


@pytest.fixture
def cues(tmp_path: Path, make_clip) -> Path:
    """Write a clip and a cue list for it, as `generate` would have left them."""
    clip = make_clip(tmp_path / "clip.mp4", seconds=2, rate=10)
    library, vocabulary = load_library(), load_vocabulary()
    bark = make_event("dog_barking", 0.5, 0.9)
    tracks = cast_events([bark], vocabulary, library, seed=0, duration_samples=SAMPLES)
    timeline = make_timeline(
        *tracks,
        source=source_of(clip, 2.0, video_rate=Fraction(10)),
        vocabulary=Provenance(name=vocabulary.name, sha256=vocabulary.sha256),
        library=Provenance(name=library.name, sha256=library.sha256),
        mix=MixSettings(music_and_effects=True),
    )
    return write_cue_list(tmp_path, timeline)


def test_a_mix_without_speech_that_stands_there_is_not_replaced_unasked(cues: Path) -> None:
    there = cues.with_name("music_and_effects.wav")
    there.write_bytes(b"worked on")
    with pytest.raises(OutputExistsError, match=r"music_and_effects\.wav: exists; use --overwrite"):
        render_cue_list(cues)
    assert there.read_bytes() == b"worked on"
    render_cue_list(cues, overwrite=True)
    assert there.read_bytes()[:4] == b"RIFF"


def test_run_json_has_loudness_and_true_peak_of_all_that_was_written(cues: Path) -> None:
    folder = render_cue_list(cues).folder
    levels = json.loads((folder / "run.json").read_text())["levels"]
    for meter in (
        levels,
        levels["stems"]["dog_barking"],
        levels["buses"]["hard_effects"],
        levels["music_and_effects"],
    ):
        assert -60.0 < meter["loudness_lufs"] < 0.0
        assert -60.0 < meter["true_peak_dbtp"] < 0.0


def test_a_video_that_is_gone_is_asked_for(cues: Path, tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").unlink()
    with pytest.raises(CueListError, match=r"clip\.mp4: the video of cues\.json .* --video FILE"):
        render_cue_list(cues)
    with pytest.raises(CueListError, match=r"other\.mp4: no such video; check --video"):
        render_cue_list(cues, video=tmp_path / "other.mp4")
