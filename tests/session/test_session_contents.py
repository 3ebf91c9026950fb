"""What sessions hold besides the cues: both channels, the original sound, lengths, muted clips."""

import dataclasses
import wave
from fractions import Fraction
from xml.etree import ElementTree as xml

import aaf2
import numpy as np
import opentimelineio
import pytest

from temporal_foley.cue_list import read_timeline, write_timeline
from temporal_foley.session.build_session import lowered_level
from temporal_foley.session.export import export_cues
from temporal_foley.sound.takes.library import load_library
from temporal_foley.timegrid import SAMPLE_RATE_HZ
from temporal_foley.timeline import Evidence, MixSettings, Provenance
from tests.factories import (
    make_audible_timeline,
    make_cue,
    make_timeline,
    source_of,
    write_cue_list,
)


@pytest.fixture(scope="module")
def cues(tmp_path_factory, make_clip, clips):
    """A clip with sound, two drops of which one is already in the original, and a stereo fire."""
    folder = tmp_path_factory.mktemp("work")
    sound = (0.1 * clips.tone(2.0)).astype(np.float32)
    video = make_clip(folder / "clip.mp4", seconds=2.0, rate=25, audio=sound)
    timeline = make_audible_timeline("clip")
    fire, drops = timeline.tracks
    silent = dataclasses.replace(drops.cues[1], status="already_heard")
    timeline = dataclasses.replace(
        timeline,
        tracks=(fire, dataclasses.replace(drops, cues=(drops.cues[0], silent))),
        source=source_of(video, 2.0, has_audio=True),
        library=Provenance(name="built-in", sha256=load_library().sha256),
        mix=MixSettings(original="duck"),
    )
    return write_cue_list(folder, timeline)


def exported(cues, tmp_path, name, ending):
    outcome = export_cues(cues, (name,), tmp_path / name)
    return tmp_path / name / f"clip{ending}", outcome


def test_fcp7_has_a_linked_item_for_either_channel(cues, tmp_path):
    path, _ = exported(cues, tmp_path, "fcp7", ".xml")
    sequence = xml.parse(path).getroot().find("sequence")
    assert sequence.findtext("uuid")
    form = sequence.find("media/video/format/samplecharacteristics")
    assert (form.findtext("width"), form.findtext("height")) == ("160", "120")
    tracks = sequence.findall("media/audio/track")
    items = {item.get("id"): item for item in sequence.iterfind("media/audio/track/clipitem")}
    left, right = items["clip3"], items["clip3 right"]
    for field in ("start", "end", "in", "out", "name", "pproTicksIn"):
        assert left.findtext(field) == right.findtext(field)
    assert [one.findtext("sourcetrack/trackindex") for one in (left, right)] == ["1", "2"]
    for item in (left, right):
        links = item.findall("link")
        assert [link.findtext("linkclipref") for link in links] == ["clip3", "clip3 right"]
        for link in links:
            # An index points to the track and the item that have the other channel.
            track = tracks[int(link.findtext("trackindex")) - 1]
            linked = track.findall("clipitem")[int(link.findtext("clipindex")) - 1]
            assert linked.get("id") == link.findtext("linkclipref")
    pans = [
        float(one.findtext("filter/effect[effectid='audiopan']/parameter/value"))
        for one in (left, right)
    ]
    assert pans == [-1.0, 1.0]
    assert [track.findtext("outputchannelindex") for track in tracks].count("2") == 2
    assert items["clip1"].findtext("enabled") == "TRUE"
    assert items["clip2"].findtext("enabled") == "FALSE"


@pytest.mark.parametrize(
    ("name", "ending"),
    [("otio", ".otio"), ("fcp7", ".xml"), ("aaf", ".aaf"), ("dawproject", ".dawproject")],
)
def test_the_original_sound_is_a_clip(cues, tmp_path, name, ending):
    path, _ = exported(cues, tmp_path, name, ending)
    if name == "otio":
        timeline = opentimelineio.adapters.read_from_file(str(path))
        (track,) = (track for track in timeline.audio_tracks() if track.name == "original")
        assert track[0].source_range.duration.value == 2 * SAMPLE_RATE_HZ
    elif name == "fcp7":
        assert xml.parse(path).find(".//audio/track/clipitem[@id='original']") is not None
    elif name == "aaf":
        with aaf2.open(str(path)) as file:
            (composition,) = file.content.toplevel()
            assert "original" in [slot.name for slot in composition.slots]
    else:
        import zipfile

        with zipfile.ZipFile(path) as archive:
            assert "audio/ORIGINAL_TFOLEY_clip.wav" in archive.namelist()
            assert b'enable="false"' in archive.read("project.xml")
        return
    own = tmp_path / name / "media" / "ORIGINAL_TFOLEY_clip.wav"
    with wave.open(str(own)) as file:
        assert file.getnframes() == 2 * SAMPLE_RATE_HZ
        assert file.getnchannels() == 2
        loud = np.frombuffer(file.readframes(48_000), np.uint8).reshape(-1, 3)[:, 2]
        assert 0 < loud.max() < 255 or loud.any()


def test_every_sequence_of_an_aaf_has_its_length(cues, tmp_path):
    path, outcome = exported(cues, tmp_path, "aaf", ".aaf")
    with aaf2.open(str(path)) as file:
        (composition,) = file.content.toplevel()
        sequences = [
            slot.segment
            for slot in composition.slots
            if isinstance(slot.segment, aaf2.components.Sequence)
        ]
        assert len(sequences) == 3
        for sequence in sequences:
            parts = list(sequence.components)  # type: ignore[call-overload]
            assert sequence.length == sum(part.length for part in parts) > 0
        names = {mob.name for mob in file.content.mastermobs()}
    assert "clip2" not in names
    assert "1 cue that the original already contains: left out of aaf" in outcome.warnings[0]


def test_the_original_steps_back_as_in_the_mix(cues):
    timeline = read_timeline(cues)
    level = dict(lowered_level(timeline))
    assert level[0] == -12.0  # the fire begins with the picture
    kept = dataclasses.replace(timeline, mix=MixSettings(original="keep"))
    assert lowered_level(kept) == ((0, 0.0),)
    cue = make_cue(at_s=3.0, evidence=Evidence(original=(100_000, 150_000)))
    other = make_cue("door-2", at_s=6.0)
    replaced = make_timeline(cue, other, mix={"original": "replace", "replace_db": -30.0})
    assert lowered_level(replaced) == (
        (0, 0.0),
        (100_000 - 7_200, 0.0),
        (100_000, -30.0),
        (150_000, -30.0),
        (150_000 + 24_000, 0.0),
    )


def test_a_silenced_original_is_no_clip(cues, tmp_path):
    timeline = dataclasses.replace(read_timeline(cues), mix=MixSettings(original="mute"))
    work = tmp_path / "clip.foley"
    work.mkdir()
    write_timeline(timeline, work / "cues.json")
    export_cues(work / "cues.json", ("otio",), video=cues.parent.parent / "clip.mp4")
    assert not list((work / "export" / "media").glob("ORIGINAL*"))
    assert Fraction(timeline.source.video_rate) == 25
