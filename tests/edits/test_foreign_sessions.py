"""Sessions that lost their notes, or belong to another video, and cues that are muted in them."""

import dataclasses
import json
import re
from fractions import Fraction

import pytest

from temporal_foley.cue_list import read_timeline
from temporal_foley.edits.import_session import import_edits
from temporal_foley.errors import FoleyError
from temporal_foley.session.build_session import SessionSettings, build_session
from temporal_foley.session.export_media import shape_reader
from temporal_foley.session.timecode import EditRate
from temporal_foley.session.writers.otio import otio_text
from temporal_foley.session.writers.reaper import reaper_text
from temporal_foley.sound.takes.library import load_library
from tests.factories import make_audible_timeline, write_cue_list


def stripped(text):
    """Return a timeline without any metadata, as other editors save it."""

    def strip(value):
        if isinstance(value, dict):
            return {key: {} if key == "metadata" else strip(item) for key, item in value.items()}
        return [strip(item) for item in value] if isinstance(value, list) else value

    return json.dumps(strip(json.loads(text)))


@pytest.fixture(scope="module")
def audible():
    """A timeline of the built-in library: two drops, one already in the original, and a fire."""
    timeline = make_audible_timeline("clip", has_audio=False)
    fire, drops = timeline.tracks
    silent = dataclasses.replace(drops.cues[1], status="already_heard")
    drops = dataclasses.replace(drops, cues=(drops.cues[0], silent))
    return dataclasses.replace(timeline, tracks=(fire, drops))


def session_text(timeline, kind):
    shape = shape_reader(load_library())
    settings = SessionSettings(edit=EditRate(rate=Fraction(25)), first_frame=0, handles=24_000)
    session = build_session(
        timeline,
        settings,
        shape,
        categories={},
        track_gains_db={track.effect: 0.0 for track in timeline.tracks},
    )
    return (otio_text if kind == "otio" else reaper_text)(session, None)


def imported(timeline, text, tmp_path, kind):
    cues = write_cue_list(tmp_path, timeline)
    session = tmp_path / f"session.{'otio' if kind == 'otio' else 'rpp'}"
    session.write_text(text)
    return import_edits(session, cues, overwrite=True)


@pytest.mark.parametrize("kind", ["otio", "rpp"])
def test_cues_that_the_original_has_are_muted_and_stay_so(audible, kind, tmp_path):
    text = session_text(audible, kind)
    assert ('"enabled": false' in text) if kind == "otio" else ("MUTE 1 0" in text)
    outcome = imported(audible, text, tmp_path, kind)
    assert outcome.summary == "3 as they were"
    assert read_timeline(outcome.path) == audible
    # Made audible in the editor, such a cue is accepted.
    heard = text.replace('"enabled": false', '"enabled": true').replace("MUTE 1 0", "MUTE 0 0")
    outcome = imported(audible, heard, tmp_path, kind)
    (cue,) = (cue for cue in read_timeline(outcome.path).cues if cue.id == "clip2")
    assert (cue.status, cue.locked) == ("accepted", True)


def test_cues_without_notes_are_known_by_name_and_file(audible, tmp_path):
    text = stripped(session_text(audible, "otio"))
    assert imported(audible, text, tmp_path, "otio").summary == "3 as they were"
    # Named by their files, as some editors do; one is moved by half a second.
    document = json.loads(text)
    drops = next(track for track in document["tracks"]["children"] if track["name"] == "water drop")
    gap, clip = drops["children"][:2]
    gap["source_range"]["duration"]["value"] += 24_000
    clip["name"] = clip["media_references"]["DEFAULT_MEDIA"]["target_url"]
    outcome = imported(audible, json.dumps(document), tmp_path, "otio")
    moved = {cue.id: cue for cue in read_timeline(outcome.path).cues}["clip1"]
    assert moved.onset_sample == 12_000 + 24_000
    assert outcome.changes.moved == 1


def test_clips_whose_files_were_renamed_are_known_by_name(audible, tmp_path):
    text = stripped(session_text(audible, "otio"))
    text = re.sub(r"media/[^\"]*?\.wav", "audio/consolidated.wav", text)
    outcome = imported(audible, text, tmp_path, "otio")
    assert outcome.changes.rejected == 0
    assert outcome.changes.kept == 3


def test_what_is_not_recognised_rejects_nothing(audible, tmp_path):
    document = json.loads(stripped(session_text(audible, "otio")))
    for track in document["tracks"]["children"]:
        for clip in track["children"]:
            if clip.get("name") == "clip1":
                clip["name"] = "lost"
                clip["media_references"]["DEFAULT_MEDIA"]["target_url"] = "a.wav"
    outcome = imported(audible, json.dumps(document), tmp_path, "otio")
    assert outcome.changes.rejected == 0
    assert "left out (lost)" in outcome.warnings[0]


@pytest.mark.parametrize("kind", ["otio", "rpp"])
@pytest.mark.parametrize("has_notes", [True, False])
def test_a_session_of_another_video_is_refused(audible, kind, has_notes, tmp_path):
    other = dataclasses.replace(
        audible, source=dataclasses.replace(audible.source, sha256="f" * 64, name="other.mp4")
    )
    text = session_text(other, kind)
    if not has_notes:
        text = stripped(text) if kind == "otio" else re.sub(r"(?m)^ *\|.*\n", "", text)
    with pytest.raises(FoleyError, match="made for another video"):
        imported(audible, text, tmp_path, kind)
    assert not (tmp_path / "clip.foley" / "cues.edited.json").exists()


def test_the_original_stays_itself_and_the_copy_is_new_wherever_they_are(audible, tmp_path):
    text = session_text(audible, "rpp")
    head, *items = re.split(r"(?=    <ITEM\n)", text)
    place = next(at for at, item in enumerate(items) if 'NAME "clip1"' in item)
    own = items[place]
    # The copy is left at the old place, and the item itself goes half a second on.
    copy = re.sub(r"IGUID \{[^}]*\}", "IGUID {11111111-2222-3333-4444-555555555555}", own)
    items[place] = copy + re.sub(r"POSITION \S+", "POSITION 0.75", own)
    outcome = imported(audible, head + "".join(items), tmp_path, "rpp")
    cues = {cue.id: cue for cue in read_timeline(outcome.path).cues}
    assert cues["clip1"].onset_sample == 36_000
    (new,) = cues.keys() - {"clip1", "clip2", "clip3"}
    assert cues[new].onset_sample == 12_000
    assert (outcome.changes.moved, outcome.changes.added) == (1, 1)


def test_a_project_with_a_byte_order_mark_is_read(audible, tmp_path):
    text = "\ufeff" + session_text(audible, "rpp")
    assert imported(audible, text, tmp_path, "rpp").summary == "3 as they were"
