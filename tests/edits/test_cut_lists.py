"""Reconform by two cut lists: every cue whose picture is in the new cut follows it."""

import random
from fractions import Fraction

import opentimelineio as otio
import pytest

from temporal_foley.edits.cut_lists import CutEvent, read_cut_list
from temporal_foley.edits.match_lists import match_lists, with_pictures
from temporal_foley.edits.reconform import reconform
from temporal_foley.edits.recut import CommonPart
from temporal_foley.errors import FoleyError
from temporal_foley.session.timecode import EditRate, timecode
from temporal_foley.timegrid import to_sample
from tests.factories import make_cue, make_source, make_timeline, make_track

RATE = Fraction(25)
START = 90_000  # 01:00:00:00


def code(frame, rate=RATE):
    return timecode(frame, EditRate(rate=rate))


def write_edl(path, shots):
    """Write shots, each (source, first frame in it, frames), as a CMX 3600 list."""
    lines, place = ["TITLE: film", "FCM: NON-DROP FRAME"], START
    for number, (source, first, length) in enumerate(shots, 1):
        times = (code(first), code(first + length), code(place), code(place + length))
        lines.append(f"{number:03d}  {source:<8} V     C        {' '.join(times)}")
        lines.append(f"* FROM CLIP NAME: {source}.MOV")
        lines.append(f"{number:03d}  {source:<8} A     C        {' '.join(times)}")
        place += length
    path.write_text("\n".join(lines))
    return path


def write_otio(path, shots):
    track = otio.schema.Track(kind=otio.schema.TrackKind.Video)
    for source, first, length in shots:
        used = otio.opentime.TimeRange(
            otio.opentime.RationalTime(first, 25), otio.opentime.RationalTime(length, 25)
        )
        media = otio.schema.ExternalReference(target_url=f"file:///rushes/{source}.mov")
        track.append(otio.schema.Clip(name="shot", media_reference=media, source_range=used))
    timeline = otio.schema.Timeline(name="film")
    timeline.tracks.append(track)
    path.write_text(otio.adapters.write_to_string(timeline, "otio_json"))
    return path


def write_fcpxml(path, shots):
    sources = sorted({source for source, _, _ in shots})
    assets = "".join(
        f'<asset id="r{number}" name="{source}"><media-rep src="file:///{source}.mov"/></asset>'
        for number, source in enumerate(sources, 2)
    )
    items, place = "", START
    for source, first, length in shots:
        items += (
            f'<asset-clip ref="r{sources.index(source) + 2}" offset="{place}/25s" '
            f'start="{first}/25s" duration="{length}/25s"/>'
        )
        place += length
    path.write_text(
        '<?xml version="1.0"?><!DOCTYPE fcpxml><fcpxml version="1.9"><resources>'
        f'{assets}</resources><library><event><project><sequence tcStart="{START}/25s"><spine>'
        f"{items}</spine></sequence></project></event></library></fcpxml>"
    )
    return path


WRITERS = {".edl": write_edl, ".otio": write_otio, ".fcpxml": write_fcpxml}


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_list_is_read_exactly(suffix, tmp_path):
    shots = [("A001", 500, 40), ("B002", 90_000, 13), ("A001", 100, 1)]
    events = read_cut_list(WRITERS[suffix](tmp_path / f"a{suffix}", shots), RATE, "01:00:00:00")
    assert [(e.start * 25, e.end * 25, e.source_in * 25) for e in events] == [
        (0, 40, 500),
        (40, 53, 90_000),
        (53, 54, 100),
    ]
    assert events[0].source == events[2].source != events[1].source


def recut(shots, rng):
    """Reorder, trim, drop, repeat and split shots, and put new ones between them."""
    made = []
    for source, first, length in rng.sample(shots, len(shots)):
        if rng.random() < 0.15:
            continue
        begin, end = sorted(rng.sample(range(length + 1), 2)) if rng.random() < 0.6 else (0, length)
        made.append((source, first + begin, end - begin))
        if rng.random() < 0.2:
            made.append(("NEW", rng.randrange(10_000), rng.randrange(1, 50)))
        if rng.random() < 0.15:
            made.append((source, first, length))
    return [shot for shot in made if shot[2] > 0]


@pytest.mark.parametrize("suffix", WRITERS)
def test_no_cue_is_lost_in_any_recut(suffix, tmp_path):
    lost = wrong = followed = 0
    # A process of its own reads each OTIO file first.
    for seed in range(3 if suffix == ".otio" else 100):
        rng = random.Random(seed)
        shots, taken = [], {}
        for _ in range(rng.randrange(3, 25)):
            # Shots of one source do not overlap: else a picture is twice in the old cut.
            source = f"R{rng.randrange(6):03d}"
            first = taken.get(source, rng.randrange(1000)) + rng.randrange(1, 100)
            length = rng.randrange(2, 150)
            taken[source] = first + length
            shots.append((source, first, length))
        again = recut(shots, rng) or shots[:1]
        old = read_cut_list(WRITERS[suffix](tmp_path / f"old{suffix}", shots), RATE)
        new = read_cut_list(WRITERS[suffix](tmp_path / f"new{suffix}", again), RATE)
        total = sum(length for _, _, length in shots)
        frames = sorted(rng.sample(range(total), min(total, 30)))
        cues = [
            make_cue(f"door-{frame}", onset_sample=to_sample(frame / RATE) + 7, length_s=0.01)
            for frame in frames
        ]
        timeline = make_timeline(make_track(*cues), seconds=total / 25 + 1)
        parts, _ = match_lists(old, new)
        seconds = sum(length for _, _, length in again) / 25
        result = reconform(timeline, parts, make_source(seconds + 1)).timeline
        there = sorted(cue.onset_sample for cue in result.cues)
        # Where each cue's picture is in the new cut, by counting frames.
        wanted, place = [], 0
        shown = [(source, first + k) for source, first, length in shots for k in range(length)]
        for source, first, length in again:
            for k in range(length):
                for frame in frames:
                    if shown[frame] == (source, first + k):
                        wanted.append(to_sample((place + k) / RATE) + 7)
            place += length
        followed += len(wanted)
        lost += len(set(wanted) - set(there))
        wrong += len(set(there) - set(wanted))
    assert followed > 20
    assert (lost, wrong) == (0, 0)


def test_what_lists_leave_open_is_filled_by_the_pictures():
    seconds = Fraction
    old = [CutEvent(start=seconds(0), end=seconds(4), source="a", source_in=seconds(10))]
    new = [
        CutEvent(start=seconds(0), end=seconds(2), source="a", source_in=seconds(11)),
        CutEvent(start=seconds(2), end=seconds(4), source="conformed", source_in=seconds(0)),
    ]
    parts, left = match_lists(old, new)
    assert [(part.start, part.end, part.shift) for part in parts] == [(0, 2, 1)]
    assert left == [(2, 4)]
    seen = [CommonPart(start=seconds(1), end=seconds(4), shift=seconds(1), difference=0.1)]
    assert [(p.start, p.end, p.shift) for p in with_pictures(parts, left, seen)] == [(0, 4, 1)]


def test_other_speeds_and_black_are_no_shots(tmp_path):
    path = tmp_path / "a.edl"
    path.write_text(
        "TITLE: x\nFCM: NON-DROP FRAME\n"
        "001  A001     V     C        00:00:10:00 00:00:12:00 01:00:00:00 01:00:02:00\n"
        "002  A001     V     C        00:00:20:00 00:00:22:00 01:00:02:00 01:00:04:00\n"
        "M2   A001     050.0                00:00:20:00\n"
        "003  BL       V     C        00:00:00:00 00:00:02:00 01:00:04:00 01:00:06:00\n"
        "004  AX       AA/V  C        00:00:00:00 00:00:02:00 01:00:06:00 01:00:08:00\n"
        "* FROM CLIP NAME: still.png\n"
    )
    events = read_cut_list(path, RATE)
    assert [(event.start, event.source) for event in events] == [(0, "a001"), (6, "still.png")]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.edl", ""),
        ("a.edl", "001 A V C 99:99:99:99 00:00:00:00 00:00:00:00 00:00:00:00"),
        ("a.edl", "\x00" * 100),
        ("a.fcpxml", "<fcpxml"),
        ("a.fcpxml", "<!DOCTYPE x [<!ENTITY a 'b'>]><fcpxml/>"),
        ("a.fcpxml", "<fcpxml/>"),
        (
            "a.fcpxml",
            "<fcpxml><sequence><spine><clip duration='1/0s'/></spine></sequence></fcpxml>",
        ),
        ("a.otio", "{}"),
        ("a.otio", "no"),
        ("a.txt", "x"),
    ],
)
def test_damaged_lists_are_refused_in_one_line(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(FoleyError) as caught:
        read_cut_list(tmp_path / name, RATE)
    assert "\n" not in str(caught.value)
