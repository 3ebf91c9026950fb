"""Reconform generated recuts by two cut lists, and count the cues that follow and that are lost.

    python -m benchmarks.session.recuts [--recuts 100]

Each recut reorders, trims, drops, repeats and splits the shots of an old cut, and puts new ones
between them. Old and new cut are written as EDL, OpenTimelineIO and FCPXML and read again. Where
each cue's picture is in the new cut follows by counting frames: a cue is lost that is not there, to
the sample.
"""

import argparse
import random
import tempfile
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import opentimelineio as otio

from temporal_foley.edits.cut_lists import read_cut_list
from temporal_foley.edits.match_lists import match_lists
from temporal_foley.edits.reconform import reconform
from temporal_foley.session.timecode import EditRate, timecode
from temporal_foley.timegrid import to_sample
from tests.factories import make_cue, make_source, make_timeline, make_track

RATE = Fraction(25)
START = 90_000  # 01:00:00:00
Shot = tuple[str, int, int]
"""Source, first frame in it, frames."""


class Followed(NamedTuple):
    """Places where cues should be after a recut, and how many are missing or too many."""

    followed: int
    lost: int
    wrong: int


def code(frame: int, rate: Fraction = RATE) -> str:
    """Return a frame number as timecode."""
    return timecode(frame, EditRate(rate=rate))


def write_edl(path: Path, shots: Sequence[Shot]) -> Path:
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


def write_otio(path: Path, shots: Sequence[Shot]) -> Path:
    """Write shots as an OpenTimelineIO timeline."""
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


def write_fcpxml(path: Path, shots: Sequence[Shot]) -> Path:
    """Write shots as FCPXML."""
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


def recut(shots: Sequence[Shot], rng: random.Random) -> list[Shot]:
    """Reorder, trim, drop, repeat and split shots, and put new ones between them."""
    made: list[Shot] = []
    for source, first, length in rng.sample(list(shots), len(shots)):
        if rng.random() < 0.15:
            continue
        begin, end = sorted(rng.sample(range(length + 1), 2)) if rng.random() < 0.6 else (0, length)
        made.append((source, first + begin, end - begin))
        if rng.random() < 0.2:
            made.append(("NEW", rng.randrange(10_000), rng.randrange(1, 50)))
        if rng.random() < 0.15:
            made.append((source, first, length))
    return [shot for shot in made if shot[2] > 0]


WRITERS: dict[str, Callable[[Path, Sequence[Shot]], Path]] = {
    ".edl": write_edl,
    ".otio": write_otio,
    ".fcpxml": write_fcpxml,
}


def follow_recut(seed: int, suffix: str, folder: Path) -> Followed:
    """Make an old and a new cut from a seed, reconform by their lists, and count."""
    rng = random.Random(seed)
    shots: list[Shot] = []
    taken: dict[str, int] = {}
    for _ in range(rng.randrange(3, 25)):
        # Shots of one source do not overlap: else a picture is twice in the old cut.
        source = f"R{rng.randrange(6):03d}"
        first = taken.get(source, rng.randrange(1000)) + rng.randrange(1, 100)
        length = rng.randrange(2, 150)
        taken[source] = first + length
        shots.append((source, first, length))
    again = recut(shots, rng) or shots[:1]
    old = read_cut_list(WRITERS[suffix](folder / f"old{suffix}", shots), RATE)
    new = read_cut_list(WRITERS[suffix](folder / f"new{suffix}", again), RATE)
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
    there = {cue.onset_sample for cue in result.cues}
    wanted: list[int] = []
    place = 0
    shown = [(source, first + k) for source, first, length in shots for k in range(length)]
    for source, first, length in again:
        for k in range(length):
            for frame in frames:
                if shown[frame] == (source, first + k):
                    wanted.append(to_sample((place + k) / RATE) + 7)
        place += length
    return Followed(len(wanted), len(set(wanted) - there), len(there - set(wanted)))


def main() -> None:
    """Print a line for each format of lists."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recuts", type=int, default=100)
    options = parser.parse_args()
    print("lists    recuts  places  lost  wrong")
    with tempfile.TemporaryDirectory() as folder:
        for suffix in WRITERS:
            found = [follow_recut(seed, suffix, Path(folder)) for seed in range(options.recuts)]
            sums = [sum(column) for column in zip(*found, strict=True)]
            print(f"{suffix:8} {len(found):6}  {sums[0]:6}  {sums[1]:4}  {sums[2]:5}", flush=True)


if __name__ == "__main__":
    main()
