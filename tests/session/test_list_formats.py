"""Edit decision lists, FCPXML, markers, lists by department, and the After Effects script."""

import csv
import dataclasses
import json
import re
import shutil
import subprocess
from fractions import Fraction
from xml.etree import ElementTree as xml

import pytest

from temporal_foley.session.build_session import SessionSettings, build_session
from temporal_foley.session.export_media import shape_reader
from temporal_foley.session.session_model import SessionPicture
from temporal_foley.session.timecode import EditRate, parse_timecode
from temporal_foley.session.writers.after_effects import after_effects_text
from temporal_foley.session.writers.department_lists import departments_text, foley_sheet_text
from temporal_foley.session.writers.edl import MOST_EVENTS, write_edls
from temporal_foley.session.writers.fcpxml import fcpxml_text
from temporal_foley.session.writers.markers import pro_tools_text, resolve_markers_text
from temporal_foley.sound.takes.library import load_library
from tests.factories import make_audible_timeline, make_cue, make_timeline, make_track

EVENT = re.compile(r"(\d{3,})  AX +(A|AA) +C +((?:\d\d:){3}\d\d) (\S+) (\S+) (\S+)")


def session_of(timeline, tmp_path, rate=Fraction(25), first=90_000, **settings):
    picture = SessionPicture(
        path=tmp_path / "clip.mp4", name="clip.mp4", frames=50, has_audio=True, width=160, height=90
    )
    return build_session(
        timeline,
        SessionSettings(edit=EditRate(rate=rate), first_frame=first, **settings),
        shape_reader(load_library()),
        categories={},
        track_gains_db={track.effect: -6.0 for track in timeline.tracks},
        picture=picture,
    )


@pytest.fixture(scope="module")
def timeline():
    made = make_audible_timeline("clip", has_audio=True)
    fire, drops = made.tracks
    silent = dataclasses.replace(drops.cues[1], status="already_heard")
    drops = dataclasses.replace(drops, cues=(drops.cues[0], silent))
    return dataclasses.replace(made, tracks=(fire, drops))


@pytest.fixture
def session(timeline, tmp_path):
    return session_of(timeline, tmp_path)


def frames_of(code):
    return parse_timecode(code, Fraction(25))[1]


def test_an_edl_has_its_events_where_the_cues_are(session, tmp_path):
    write_edls(tmp_path / "edl", session)
    names = sorted(path.name for path in (tmp_path / "edl").iterdir())
    assert names == ["clip fire.edl", "clip original.edl", "clip water drop.edl"]
    text = (tmp_path / "edl" / "clip water drop.edl").read_bytes().decode()
    lines = text.split("\r\n")
    assert lines[:2] == ["TITLE: clip water drop", "FCM: NON-DROP FRAME"]
    (event,) = (found for line in lines if (found := EVENT.match(line)))  # the other one is muted
    clip = next(clip for clip in session.clips if clip.name == "clip1")
    source_in, source_out, record_in, record_out = map(frames_of, event.groups()[2:])
    assert record_in == 90_000 + 12_000 * 25 // 48_000
    assert record_out - record_in == source_out - source_in
    # A file begins where its first clip puts it: there, source and record are the same.
    assert source_in == record_in
    assert f"* SOURCE FILE: {clip.media.name}" in lines
    assert all(len(line) <= 160 for line in lines)


def test_an_edl_never_has_more_events_than_the_format_allows(tmp_path):
    asset = load_library().takes("water_drop")[0].asset
    cues = [
        make_cue(f"water_drop-{n}", effect="water_drop", at_s=n * 0.05, length_s=0.04, asset=asset)
        for n in range(MOST_EVENTS + 5)
    ]
    session = session_of(make_timeline(make_track(*cues)), tmp_path)
    write_edls(tmp_path / "edl", session)
    counts = [
        len(EVENT.findall(path.read_text())) for path in (tmp_path / "edl").glob("*water*.edl")
    ]
    assert max(counts) <= MOST_EVENTS
    assert sum(counts) == len(cues)


# What FCPXML admits inside the elements that are written here, in this order.
CHILDREN = {
    "fcpxml": "resources library",
    "resources": "format asset",
    "asset": "media-rep",
    "library": "event",
    "event": "project",
    "project": "sequence",
    "sequence": "spine",
    "spine": "gap",
    "gap": "asset-clip marker",
    "asset-clip": "note adjust-volume adjust-panner",
    "adjust-volume": "param",
    "param": "fadeIn fadeOut keyframeAnimation",
    "keyframeAnimation": "keyframe",
}


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(24000, 1001)])
def test_fcpxml_is_in_order_and_exact(timeline, tmp_path, rate):
    session = session_of(timeline, tmp_path, rate)
    root = xml.fromstring(fcpxml_text(session, "file:///clip.mp4", "file:///out"))
    for element in root.iter():
        order = CHILDREN.get(element.tag, "").split()
        places = [order.index(child.tag) for child in element]
        assert places == sorted(places), element.tag
    ids = {one.get("id") for one in root.find("resources")}
    frame = 1 / rate

    def seconds(text):
        assert text.endswith("s")
        return Fraction(text[:-1])

    gap = root.find(".//gap")
    clips = {clip.name: clip for clip in session.clips}
    for item in gap.iterfind("asset-clip"):
        assert item.get("ref") in ids
        for name in ("offset", "duration"):
            assert (seconds(item.get(name)) / frame).denominator == 1
        if item.get("name") in clips:
            clip = clips[item.get("name")]
            # The sound itself is where the cue has it, to the sample.
            begin = seconds(item.get("offset")) - seconds(item.get("start"))
            wanted = Fraction(clip.place - clip.source_in, 48_000)
            assert abs(begin - wanted) < Fraction(1, 48_000)
            assert item.get("enabled") == str(int(not clip.is_muted))
    assert seconds(root.find(".//sequence").get("tcStart")) == 90_000 * frame
    lanes = [int(item.get("lane")) for item in gap.iterfind("asset-clip")]
    assert 0 not in lanes


def test_resolve_reads_a_marker_for_every_cue_that_plays(session):
    text = resolve_markers_text(session)
    markers = re.findall(r"^ \|C:(\S+) \|M:(.*) \|D:(\d+)$", text, re.M)
    assert [name.split()[-1] for _, name, _ in markers] == ["clip3", "clip1"]
    codes = re.findall(r"^\d{3}  001 +V +C +(\S+) (\S+) (\S+) (\S+)$", text, re.M)
    assert all(frames_of(after) == frames_of(code) + 1 for code, after, _, _ in codes)


def test_a_bar_in_a_name_does_not_end_a_marker(timeline, tmp_path):
    _, drops = timeline.tracks
    odd = dataclasses.replace(drops.cues[0], id="a |D:99 b")
    timeline = dataclasses.replace(timeline, tracks=(dataclasses.replace(drops, cues=(odd,)),))
    text = resolve_markers_text(session_of(timeline, tmp_path))
    assert re.findall(r"\|D:(\d+)$", text, re.M) != ["99"]
    assert text.count("|M:") == 1
    assert "a /D:99 b" in text


def test_pro_tools_lists_markers_by_sample(session):
    text = pro_tools_text(session)
    assert text.startswith("SESSION NAME:\tclip\nSAMPLE RATE:\t48000.000000\n")
    head, _, rows = text.partition("M A R K E R S  L I S T I N G\n")
    assert "TIMECODE FORMAT:\t25 Frame" in head
    table = [[cell.strip() for cell in row.split("\t")] for row in rows.splitlines()]
    assert table[0] == ["#", "LOCATION", "TIME REFERENCE", "UNITS", "NAME", "COMMENTS"]
    clip = next(clip for clip in session.clips if clip.name == "clip1")
    assert [table[2][0], table[2][2], table[2][4]] == ["2", str(clip.place + clip.meets), "clip1"]


def test_lists_by_department_have_who_surface_and_status():
    steps = make_cue("footsteps_wood-1", at_s=1.0, reason="=cmd")
    heels = make_cue("high_heels-1", at_s=0.5, status="accepted")
    heard = make_cue("door-1", status="already_heard")
    gone = make_cue("door-2", at_s=3.0, status="rejected")
    foley = [make_track(cue, bus="foley", kind="repeated") for cue in (steps, heels)]
    timeline = make_timeline(*foley, make_track(heard, gone))
    edit, first = parse_timecode("01:00:00:00", Fraction(25))
    sheet = list(csv.DictReader(foley_sheet_text(timeline, edit, first).splitlines()))
    assert [row["cue"] for row in sheet] == ["high_heels-1", "footsteps_wood-1"]
    assert (sheet[1]["person_or_prop"], sheet[1]["action"], sheet[1]["surface"]) == (
        *("person", "walks", "wood"),
    )
    assert [row["status"] for row in sheet] == ["edited", "to shoot"]
    assert sheet[1]["note"] == "'=cmd"
    assert sheet[0]["timecode_in"] == "01:00:00:12"
    spotted = list(csv.DictReader(departments_text(timeline, edit, first).splitlines()))
    assert [(row["department"], row["cue"], row["status"]) for row in spotted] == [
        ("effects", "door-1", "in production sound"),
        ("foley", "high_heels-1", "accepted"),
        ("foley", "footsteps_wood-1", "proposed"),
    ]


STAND_IN = """
const made = [], levels = [], markers = [];
function layer() {
  const audio = { setValueAtTime: (t, v) => levels.push([t, v]) };
  const one = { property: () => ({ property: () => audio }) };
  made.push(one);
  return one;
}
globalThis.$ = { fileName: "/x/script.jsx" };
globalThis.File = function (path) {
  Object.assign(this, { fsName: path, exists: true, parent: { fsName: "/x" } });
};
globalThis.ImportOptions = function (file) { this.file = file; };
globalThis.MarkerValue = function (text) { this.text = text; };
globalThis.alert = (text) => { throw new Error(text); };
globalThis.app = {
  beginUndoGroup() {}, endUndoGroup() {},
  project: {
    importFile: (options) => options.file,
    items: { addComp: (...facts) => ({ facts, layers: { add: layer },
      markerProperty: { setValueAtTime: (t, v) => markers.push([t, v.text]) } }) },
  },
};
"""


def test_the_after_effects_script_makes_a_layer_for_every_clip(session, tmp_path):
    text = after_effects_text(session, str(tmp_path / 'a "b"\u2028.mp4'))
    assert text.isascii()
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    script = STAND_IN + text + "console.log(JSON.stringify({ made, levels, markers }));"
    done = subprocess.run([node, "-e", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    layers = {one["name"]: one for one in told["made"] if "name" in one}
    assert set(layers) == {clip.name for clip in session.clips}
    assert len(told["made"]) == len(layers) + 1  # and the picture
    clip = next(clip for clip in session.clips if clip.name == "clip1")
    assert layers["clip1"]["inPoint"] == clip.place / 48_000
    assert layers["clip1"]["startTime"] == (clip.place - clip.source_in) / 48_000
    assert not layers["clip2"]["audioEnabled"]
    assert [name for _, name in told["markers"]] == [
        "First picture",
        "Last picture",
        "clip3",
        "clip1",
    ]
    assert all(-48.0 <= value[0] <= 24.0 for _, value in told["levels"])
