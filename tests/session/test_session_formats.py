"""Every session format, reopened by another library: each take sounds where the cue list says."""

import dataclasses
import itertools
import zipfile
from fractions import Fraction

import numpy as np
import pytest

from benchmarks.session.session_lists import (
    RATES,
    cue_lists,
    make_timeline,
    session_of,
    write_silence,
)
from benchmarks.session.session_matrix import losses, worst
from benchmarks.session.session_reopen import WAYS, wanted
from temporal_foley.session.build_session import LEADER_S, is_file_of
from temporal_foley.session.session_model import exact_place, lanes
from temporal_foley.session.writers.aaf import write_aaf
from temporal_foley.session.writers.dawproject import write_dawproject
from temporal_foley.session.writers.fcp7 import fcp7_text, snap
from temporal_foley.session.writers.otio import otio_text
from temporal_foley.session.writers.reaper import reaper_text

NEEDS = {
    "reaper": "rpp",
    "dawproject": "lxml",
    "fcp7, ticks": "lxml",
    "fcp7, frames only": "lxml",
}
LISTS = cue_lists(many=40)
ROUNDING = Fraction(1, 10_000)
"""In samples: what writing seconds and microseconds may cost."""
HALF_A_FRAME = Fraction(1_001)
"""Of the slowest rate, at 48 kHz."""


def tolerance(way):
    return {"fcp7, frames only": HALF_A_FRAME, "audacity": Fraction(1, 40)}.get(way, ROUNDING)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", LISTS)
def test_takes_sound_where_the_cue_list_says(way, name, tmp_path):
    pytest.importorskip(NEEDS.get(way, "opentimelineio"))
    session = session_of(LISTS[name], "29.97 df")
    far = worst(WAYS[way](LISTS[name], session, tmp_path), session)
    assert far is not None, "a cue is missing, or there is one too many"
    assert far <= tolerance(way)


@pytest.mark.parametrize("way", ["otio", "reaper", "aaf", "dawproject", "fcp7, ticks"])
def test_levels_pans_and_fades_survive_where_a_format_holds_them(way, tmp_path):
    pytest.importorskip(NEEDS.get(way, "opentimelineio"))
    session = session_of(LISTS["unique"], "25")
    assert max(len(clip.level) for clip in session.clips) == 3
    off = losses(WAYS[way](LISTS["unique"], session, tmp_path), session)
    held = {"aaf": {"level", "fades"}, "fcp7, ticks": {"level", "pan"}}
    assert set(off) == held.get(way, {"level", "pan", "fades"})
    # Final Cut has whole frames, which cut off corners, and one pan for a clip.
    assert off["level"] < (0.8 if way == "fcp7, ticks" else 0.001)
    if way != "fcp7, ticks":
        assert max(off.get("pan", 0.0), off["fades"]) < 1e-6


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("way", ["otio", "reaper", "fcp7, ticks", "fcp7, frames only"])
def test_no_picture_rate_moves_a_take(way, rate, tmp_path):
    pytest.importorskip(NEEDS.get(way, "opentimelineio"))
    session = session_of(LISTS["unique"], rate)
    far = worst(WAYS[way](LISTS["unique"], session, tmp_path), session)
    assert far is not None
    assert far <= tolerance(way)


def test_a_leader_moves_all_cues_and_the_timecode():
    plain = session_of(LISTS["unique"], "25")
    led = session_of(LISTS["unique"], "25", has_pop=True, slate="Take 1")
    assert led.start_timecode == "09:59:50:00"
    assert led.leader == LEADER_S * 48_000
    assert [marker.name for marker in led.markers][:2] == ["Take 1", "2-pop"]
    for before, after in zip(plain.clips, led.clips[1:], strict=True):
        assert after.place == before.place + led.leader
    pop = led.clips[0]
    assert (pop.place, pop.length) == (8 * 48_000, 1_920)


def test_files_hold_handles_and_a_frame_before_the_take():
    session = session_of(LISTS["unique"], "25", handles=4_800)
    dog = next(clip for clip in session.clips if clip.effect == "dog_barking")
    # The take's samples 17 to 30020 are heard; before its first there is one frame of silence.
    assert dog.media.start == -1_920
    assert dog.media.start + dog.media.samples == 30_020 + 4_800
    assert dog.source_in == 17 + 1_920


def test_repeated_cues_share_a_file_and_lanes_hold_no_overlap():
    assert len(session_of(LISTS["repeated"], "25").media) == 1
    clips = session_of(LISTS["overlapping"], "25").clips
    rows = lanes(clips, exact_place)
    assert sum(map(len, rows)) == len(clips)
    for row in rows:
        assert all(a.end <= b.place for a, b in itertools.pairwise(row))


def test_rejected_cues_are_not_exported():
    cues = LISTS["repeated"].cues
    cues[0] = dataclasses.replace(cues[0], status="rejected")
    session = session_of(make_timeline(*cues), "25")
    assert [clip.cue for clip in session.clips] == [cue.id for cue in cues[1:]]


def test_snapped_clips_cover_what_is_heard():
    session = session_of(LISTS["overlapping"], "23.976")
    rate = session.edit.rate
    for clip in session.clips:
        snapped = snap(clip, session)
        assert snapped.start / rate <= Fraction(clip.place, 48_000)
        assert snapped.end / rate >= Fraction(clip.end, 48_000)
        assert snapped.source_in >= 0


def test_starts_and_names_survive_in_reaper_and_otio():
    otio = pytest.importorskip("opentimelineio")
    rpp = pytest.importorskip("rpp")
    session = session_of(LISTS["hostile names"], "29.97 df")
    timeline = otio.adapters.read_from_string(otio_text(session, None), "otio_json")
    assert timeline.global_start_time.value == 107_892
    assert timeline.global_start_time.rate == pytest.approx(30_000 / 1_001)
    ids = {clip.metadata["temporal_foley"]["cue"] for clip in timeline.find_clips()}
    assert ids == {cue.id for cue in LISTS["hostile names"].cues}
    project = rpp.loads(reaper_text(session, "../film.mp4"))
    assert float(project.find("PROJOFFS")[1]) == pytest.approx(3_599.9964, abs=1e-6)
    names = {item.find("NAME")[1] for item in project.iterfind(".//ITEM")}
    assert names == set(wanted(session))


def test_reaper_has_fades_levels_and_pan_curves():
    rpp = pytest.importorskip("rpp")
    item = next(
        item
        for item in rpp.loads(reaper_text(session_of(LISTS["unique"], "25"), None)).iterfind(
            ".//ITEM"
        )
        if item.find("NAME")[1] == "dog-0"
    )
    assert float(item.find("FADEIN")[2]) == 0.001
    assert float(item.find("FADEOUT")[2]) == 0.05
    # -1.5 dB, and 3 dB less because the take is mono.
    assert 20 * np.log10(float(item.find("VOLPAN")[1])) == pytest.approx(-4.51, abs=0.01)
    points = item.find("VOLENV").findall("PT")
    levels = [(float(p[1]), round(20 * np.log10(float(p[2])), 2)) for p in points]
    assert levels == [(0.0, -6.0), (0.25, 0.0), (round(26_000 / 48_000, 12), -9.0)]
    points = item.find("PANENV").findall("PT")
    assert [(float(p[1]), float(p[2])) for p in points] == [(0.0, 0.25), (0.2, -0.5)]


def test_fcp7_names_no_two_clips_alike_and_resolves_nothing():
    etree = pytest.importorskip("lxml.etree")
    text = fcp7_text(session_of(LISTS["repeated"], "25"), "file:///film.mp4", "file:///export")
    root = etree.fromstring(text.encode(), etree.XMLParser(resolve_entities=False))
    names = [item.get("id") for item in root.iterfind(".//clipitem")]
    assert len(set(names)) == len(names) == 8
    assert root.findtext(".//sequence/timecode/string") == "10:00:00:00"


def test_an_embedded_aaf_holds_the_samples(tmp_path):
    aaf2 = pytest.importorskip("aaf2")
    session = session_of(LISTS["repeated"], "25")
    write_silence(session, tmp_path / "media")
    write_aaf(tmp_path / "a.aaf", session, tmp_path / "media", "file:///media", embed=True)
    with aaf2.open(str(tmp_path / "a.aaf")) as file:
        essence = next(iter(file.content.essencedata))
        assert len(essence.open("r").read()) == 3 * session.media[0].samples
        mob = next(file.content.sourcemobs())
        assert mob.descriptor["QuantizationBits"].value == 24


def test_a_linked_aaf_says_where_the_sound_lies(tmp_path):
    aaf2 = pytest.importorskip("aaf2")
    session = session_of(LISTS["repeated"], "23.976")
    write_aaf(tmp_path / "a.aaf", session, tmp_path, "file:///a%20b", embed=False)
    with aaf2.open(str(tmp_path / "a.aaf")) as file:
        locator = next(iter(next(file.content.sourcemobs()).descriptor["Locator"].value))
        assert locator["URLString"].value.startswith("file:///a%20b/ANMLDog_dog%20barking")
        code = next(file.content.toplevel()).slots[0].segment
        assert (code.start, code.fps, code.drop) == (86_400, 24, False)


def test_a_dawproject_has_its_sound_inside(tmp_path):
    session = session_of(LISTS["unique"], "25")
    write_silence(session, tmp_path / "media")
    write_dawproject(tmp_path / "a.dawproject", session, tmp_path / "media")
    with zipfile.ZipFile(tmp_path / "a.dawproject") as archive:
        names = set(archive.namelist())
        assert archive.testzip() is None
    assert {f"audio/{media.name}" for media in session.media} <= names


def test_files_are_named_by_their_sound_and_not_by_where_it_comes_from():
    # A session that was exported before cues recorded their source is still recognised.
    cue = LISTS["unique"].cues[0]
    other = dataclasses.replace(cue.asset, digital_source="generated")
    (named,) = [one for one in session_of(LISTS["unique"], "25").clips if one.cue == cue.id]
    whole = (named.media.start, named.media.start + named.media.samples)
    assert is_file_of(cue, named.media.name, *whole)
    assert is_file_of(dataclasses.replace(cue, asset=other), named.media.name, *whole)
    changed = dataclasses.replace(cue.asset, seed=(cue.asset.seed or 0) + 1)
    assert not is_file_of(dataclasses.replace(cue, asset=changed), named.media.name, *whole)
