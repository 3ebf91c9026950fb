"""Read every session back by the readers of others: OpenTimelineIO's adapters, and pycmx.

Their own arithmetic says where each clip and its sound are. Each loses something of its own, which
the table of tolerances names.
"""

import json
import subprocess
import sys
from fractions import Fraction

import pytest

from benchmarks.session.session_lists import cue_lists, session_of, write_silence
from temporal_foley.session.timecode import frames_a_day, timecode
from temporal_foley.session.writers.aaf import write_aaf
from temporal_foley.session.writers.edl import write_edls
from temporal_foley.session.writers.fcp7 import fcp7_text, snap
from temporal_foley.session.writers.fcpxml import fcpxml_text
from temporal_foley.session.writers.otio import otio_text

otio = pytest.importorskip("opentimelineio")

RATE_HZ = 48_000
LISTS = cue_lists(many=40)
RATES = ("25", "29.97 df", "23.976", "30")
ADAPTERS = {"otio": "otio_json", "fcp7": "fcp_xml", "fcpxml": "fcpx_xml", "aaf": "AAF"}


def needs(adapter):
    names = {one.name for one in otio.plugins.ActiveManifest().adapters}
    if adapter not in names:
        pytest.skip(f"no adapter {adapter} is installed")


def write(kind, session, folder):
    """Write a session in one format; return its path."""
    path = folder / f"session.{kind}"
    if kind == "otio":
        path.write_text(otio_text(session, None), encoding="utf-8")
    elif kind == "fcp7":
        path = path.with_suffix(".xml")
        path.write_text(fcp7_text(session, None, "file:///media"), encoding="utf-8")
    elif kind == "fcpxml":
        path.write_text(fcpxml_text(session, None, "file:///media"), encoding="utf-8")
    else:
        write_silence(session, folder / "media")
        write_aaf(path, session, folder / "media", (folder / "media").as_uri(), embed=False)
    return path


def clips_of(path, adapter):
    """Return name, place and first moment of the file of each clip, as the adapter counts."""
    read = otio.adapters.read_from_file(str(path), adapter_name=adapter)
    while not isinstance(read, otio.schema.Timeline):
        read = read[0]
    found = []
    for clip in read.find_clips():
        inside = clip.trimmed_range()
        place = clip.transformed_time(inside.start_time, read.tracks)
        has = clip.media_reference.available_range
        first = seconds(inside.start_time) - (
            Fraction(0) if has is None else seconds(has.start_time)
        )
        found.append((clip.name, place, first))
    return found


def seconds(time):
    return Fraction(time.value).limit_denominator(10**9) / Fraction(time.rate).limit_denominator(
        1_001_000
    )


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("kind", ["otio", "aaf"])
def test_adapters_of_others_find_every_clip_to_the_sample(kind, name, rate, tmp_path):
    needs(ADAPTERS[kind])
    session = session_of(LISTS[name], rate)
    found = clips_of(write(kind, session, tmp_path), ADAPTERS[kind])
    assert sorted(
        (one, seconds(place) * RATE_HZ, first * RATE_HZ) for one, place, first in found
    ) == (sorted((clip.name, clip.place, clip.source_in) for clip in session.clips))


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("name", LISTS)
def test_the_adapter_of_final_cut_7_finds_linked_items_to_half_a_frame(name, rate, tmp_path):
    needs(ADAPTERS["fcp7"])
    session = session_of(LISTS[name], rate)
    found = clips_of(write("fcp7", session, tmp_path), ADAPTERS["fcp7"])
    wanted = {clip.name: clip for clip in session.clips}
    # Two linked items for a stereo file.
    names = [one.name for one in session.clips for _ in range(one.media.channels)]
    assert sorted(one for one, *_ in found) == sorted(names)
    frame = 1 / session.edit.rate
    for one, place, first in found:
        clip = wanted[one]
        assert seconds(place) == snap(clip, session).start * frame
        # It reads whole frames of the file; Premiere reads the ticks beside them.
        early = seconds(place) - first - Fraction(clip.place - clip.source_in, RATE_HZ)
        assert abs(early) <= frame / 2


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("name", LISTS)
def test_the_adapter_of_final_cut_pro_finds_every_clip_on_its_frame(name, rate, tmp_path):
    needs(ADAPTERS["fcpxml"])
    session = session_of(LISTS[name], rate)
    found = clips_of(write("fcpxml", session, tmp_path), ADAPTERS["fcpxml"])
    # The adapter counts in frames from timecode zero, and rounds them down from a float that may
    # be a little too small.
    wanted = {clip.name: snap(clip, session).start for clip in session.clips}
    assert sorted(one for one, *_ in found) == sorted(wanted)
    for one, place, _ in found:
        assert wanted[one] - (round(place.value) - session.start_frame) in (0, 1)
    if session.edit.rate.denominator == 1:
        starts = {one: first for one, _, first in found}
        for clip in session.clips:
            exact = max(Fraction(0), snap(clip, session).source_in)
            assert abs(starts[clip.name] - exact) < 1 / session.edit.rate


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("name", LISTS)
def test_edit_decision_lists_are_read_by_pycmx(name, rate, tmp_path):
    pycmx = pytest.importorskip("pycmx")
    session = session_of(LISTS[name], rate)
    folder = tmp_path / "edl"
    write_edls(folder, session)
    found = []
    for path in folder.iterdir():
        with path.open(encoding="utf-8", newline="") as file:
            read = pycmx.parse_cmx3600(file)
        assert not list(read.unrecognized_statements)
        for event in read.events:
            for edit in event.edits:
                channels = {edit.channels.a1, edit.channels.a2} - {False}
                assert channels == {True}
                found.append((edit.clip_name, edit.record_in, edit.record_out))

    def code(frame):
        return timecode((session.start_frame + frame) % frames_a_day(session.edit), session.edit)

    plays = [snap(clip, session) for clip in session.clips if not clip.is_muted]
    assert sorted(found) == sorted((p.clip.name, code(p.start), code(p.end)) for p in plays)


def test_another_process_reads_an_aaf_without_our_code(tmp_path):
    pytest.importorskip("aaf2")
    session = session_of(LISTS["unique"], "25")
    path = write("aaf", session, tmp_path)
    done = subprocess.run(
        [sys.executable, "-I", "-c", READ_AAF, str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    slots = json.loads(done.stdout)
    assert sum(len(clips) for clips in slots) == len(session.clips)
    lengths = {length for clips in slots for _, length in clips}
    assert min(lengths) > 0
    assert sorted(name for clips in slots for name, _ in clips) == sorted(
        clip.name for clip in session.clips
    )


READ_AAF = """
import json, sys
import aaf2
slots = []
with aaf2.open(sys.argv[1]) as file:
    mob = next(file.content.toplevel())
    for slot in mob.slots:
        parts = slot.segment.components if hasattr(slot.segment, "components") else [slot.segment]
        clips = []
        def walk(part):
            if type(part).__name__ == "SourceClip":
                clips.append((part.mob.name if part.mob else None, part.length))
            elif type(part).__name__ == "OperationGroup":
                for segment in part.segments:
                    walk(segment)
            elif hasattr(part, "components"):
                for inner in part.components:
                    walk(inner)
        for part in parts:
            walk(part)
        slots.append(clips)
print(json.dumps(slots))
"""
