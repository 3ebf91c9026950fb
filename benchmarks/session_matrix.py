"""Reopen every session format with another library: formats x picture rates x cue lists, a table.

    python benchmarks/session_matrix.py [--cues 2000] [--only otio ...] > matrix.md

Every cell is the largest distance, in samples, between where a take sounds by the cue list and
where it sounds by the reopened file, over all cue lists; `-` where cues were missing.
"""

import argparse
import csv
import dataclasses
import io
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np

from temporal_foley.session.aaf import write_aaf
from temporal_foley.session.broadcast_wav import SoundNotes, write_broadcast_wav
from temporal_foley.session.cuesheet import write_cue_sheet
from temporal_foley.session.dawproject import write_dawproject
from temporal_foley.session.fcp7 import TICKS_A_SECOND, fcp7_text
from temporal_foley.session.labels import audacity_text
from temporal_foley.session.lay_out import LayoutSettings, lay_out
from temporal_foley.session.layout import Session, TakeShape
from temporal_foley.session.names import cue_names
from temporal_foley.session.otio import otio_text, write_otioz
from temporal_foley.session.reaper import reaper_text
from temporal_foley.session.timecode import parse_rate, parse_timecode
from temporal_foley.timegrid import SAMPLE_RATE_HZ
from temporal_foley.timeline import Asset, Cue, Loop, Provenance, Source, Timeline, Track

RATES = {
    "23.976": "01:00:00:00",
    "24": "01:00:00:00",
    "25": "10:00:00:00",
    "29.97": "01:00:00:00",
    "29.97 df": "01:00:00;00",
    "30": "01:00:00:00",
    "48": "01:00:00:00",
    "50": "01:00:00:00",
    "59.94": "01:00:00:00",
    "59.94 df": "01:00:00;00",
    "60": "00:00:00:00",
}
"""Picture rates with the timecode of the first picture."""

CROWDED_RATE = "29.97 df"
"""The longest list is reopened at this rate only."""

HOSTILE = (
    "quote\" ' ` all",
    "tab\tand\nnewline",
    "<TRACK>&amp;]]>",
    "../../etc/passwd",
    "CON",
    "naïve Ω 日本語 \U0001f415\u200d\U0001f9ba",
    "\u202egnp.exe",
    "x" * 300,
    "| ' \" >",
    "=HYPERLINK()",
    "-->",
    "",
    "{GUID}",
    "case",
    "CASE",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Placed:
    """Where a clip stands after reopening, in samples."""

    name: str
    start: Fraction
    origin: Fraction
    """Where on the timeline the file's first sample would sound."""


def shape_of(asset: Asset) -> TakeShape:
    """Tell the shape of the takes that the cue lists here use."""
    if asset.name == "fire":
        return TakeShape(samples=96_000, channels=2, peak=0.7)
    return TakeShape(samples=60_000, channels=1, peak=0.5)


def cue_lists(many: int = 2_000) -> dict[str, Timeline]:
    """Return the cue lists of the matrix, by name."""
    apart = [_hit(f"dog-{i}", 48_000 + 61_001 * i, seed=i) for i in range(8)]
    repeated = [_hit(f"dog-{i}", 48_000 + 61_001 * i, seed=1) for i in range(8)]
    overlapping = [_hit(f"dog-{i}", 48_000 + 1_777 * i, seed=i % 3) for i in range(8)]
    loops = [_loop(f"fire-{i}", 30_011 + 90_001 * i) for i in range(3)]
    crowd = [_hit(f"dog-{i}", 4_801 * i, seed=i % 20) for i in range(many)]
    names = [_hit(name, 48_000 + 61_001 * i, seed=i) for i, name in enumerate(HOSTILE)]
    return {
        "unique": make_timeline(*apart, *loops),
        "repeated": make_timeline(*repeated),
        "overlapping": make_timeline(*overlapping, *loops),
        "zero": make_timeline(),
        f"{many:,} cues": make_timeline(*crowd),
        "hostile names": make_timeline(*names, name='../<b>"é\n日本.mp4'),
    }


def make_timeline(*cues: Cue, name: str = "clip.mp4") -> Timeline:
    """Make a timeline of cues, a track for each effect."""
    effects = sorted({cue.effect for cue in cues})
    end = max([cue.offset_sample for cue in cues], default=48_000)
    kinds = {"dog_barking": ("one_shot", "hard_effects"), "fire": ("loop", "backgrounds")}
    return Timeline(
        source=Source(
            name=name,
            sha256="ab" * 32,
            duration_samples=end + 24_001,
            video_rate=Fraction(25),
            width=640,
            height=360,
            has_audio=False,
        ),
        frame_rate=Fraction(4),
        spotter=Provenance(name="spotter", sha256="01"),
        vocabulary=Provenance(name="foley20", sha256="02"),
        library=Provenance(name="built-in", sha256="03"),
        seed=7,
        tracks=tuple(
            Track(
                effect=effect,
                kind=kinds[effect][0],
                bus=kinds[effect][1],
                cues=tuple(cue for cue in cues if cue.effect == effect),
            )
            for effect in effects
        ),
    )


def _hit(name: str, onset: int, seed: int) -> Cue:
    return Cue(
        id=name,
        effect="dog_barking",
        onset_sample=onset,
        offset_sample=onset + 30_003,
        confidence=0.8,
        asset=Asset(kind="recipe", name="dog_barking", seed=seed),
        licence="CC0-1.0",
        source_start=17,
        source_end=30_020,
        anchor=480,
        gain_db=-1.5,
        pan=((0, -0.25), (9_600, 0.5)),
        fade_in=48,
        fade_out=2_400,
        reason="probability 0.80",
    )


def _loop(name: str, onset: int) -> Cue:
    return Cue(
        id=name,
        effect="fire",
        onset_sample=onset,
        offset_sample=onset + 240_007,
        confidence=0.8,
        asset=Asset(kind="recipe", name="fire", seed=0),
        licence="CC0-1.0",
        source_end=90_000,
        loop=Loop(start=9_000, end=90_000, crossfade=4_800),
        fade_in=2_400,
        fade_out=7_200,
    )


def session_of(timeline: Timeline, rate: str, **settings: object) -> Session:
    """Lay out a timeline at one of `RATES`."""
    edit, first = parse_timecode(RATES[rate], parse_rate(rate.removesuffix(" df")))
    return lay_out(
        timeline,
        LayoutSettings(edit=edit, first_frame=first, **settings),  # pyright: ignore
        shape_of,
        categories={"dog_barking": "ANMLDog", "fire": "FIRECrkl"},
        track_gains_db={track.effect: -3.0 for track in timeline.tracks},
        mix_gain_db=1.0,
    )


def write_silence(session: Session, folder: Path) -> None:
    """Write the sound files of a session, silent: their places count here."""
    folder.mkdir(exist_ok=True)
    for media in session.media:
        notes = SoundNotes(
            description="", project="", track_name="", time_reference=0, edit=session.edit
        )
        blocks = [np.zeros((media.samples, media.channels), np.int32)]
        write_broadcast_wav(
            folder / media.name, blocks, notes, samples=media.samples, channels=media.channels
        )


def wanted(session: Session) -> dict[str, Placed]:
    """Return where the clips of cues should stand, by name."""
    return {
        clip.name: Placed(
            name=clip.name,
            start=Fraction(clip.place),
            origin=Fraction(clip.place - clip.source_in),
        )
        for clip in session.clips
        if clip.cue or clip.effect
    }


def reopen_otio(text: str) -> list[Placed]:
    """Read a timeline with OpenTimelineIO's own arithmetic."""
    import opentimelineio as otio

    timeline = otio.adapters.read_from_string(text, "otio_json")
    found: list[Placed] = []
    for track in timeline.audio_tracks():
        ranges = track.range_of_all_children()
        for clip in track.find_clips():
            start = _otio_samples(ranges[clip].start_time)
            inside = _otio_samples(clip.source_range.start_time)
            found.append(Placed(name=clip.name, start=start, origin=start - inside))
    return found


def _otio_samples(value: object) -> Fraction:
    return Fraction(value.value) / Fraction(value.rate) * SAMPLE_RATE_HZ  # pyright: ignore


def reopen_reaper(text: str) -> list[Placed]:
    """Read a project with rpp."""
    import rpp

    project = rpp.loads(text)
    found: list[Placed] = []
    for item in project.iterfind(".//ITEM"):
        if item.find("SOURCE").attrib[0] == "VIDEO":
            continue
        values = {child[0]: child[1:] for child in item if isinstance(child, list)}
        start = Fraction(values["POSITION"][0]) * SAMPLE_RATE_HZ
        inside = Fraction(values["SOFFS"][0]) * SAMPLE_RATE_HZ
        found.append(Placed(name=values["NAME"][0], start=start, origin=start - inside))
    return found


def reopen_aaf(path: Path) -> list[Placed]:
    """Read a composition with pyaaf2."""
    import aaf2

    found: list[Placed] = []
    with aaf2.open(str(path), "r") as file:
        for composition in file.content.toplevel():
            for slot in composition.slots:
                if slot.segment.media_kind != "Sound":
                    continue
                place = 0
                for part in slot.segment.components:
                    if type(part).__name__ == "OperationGroup":
                        clip = next(iter(part.segments))
                        origin = Fraction(place - clip.start)
                        found.append(
                            Placed(name=clip.mob.name, start=Fraction(place), origin=origin)
                        )
                    place += part.length
    return found


def reopen_dawproject(path: Path) -> list[Placed]:
    """Read a project with lxml."""
    from lxml import etree

    with zipfile.ZipFile(path) as archive:
        root = etree.fromstring(archive.read("project.xml"))
    found: list[Placed] = []
    for clip in root.iterfind(".//Clip"):
        start = Fraction(clip.get("time")) * SAMPLE_RATE_HZ
        inside = Fraction(clip.get("playStart")) * SAMPLE_RATE_HZ
        found.append(Placed(name=clip.get("name"), start=start, origin=start - inside))
    return found


def reopen_fcp7(text: str, *, by_ticks: bool = True) -> list[Placed]:
    """Read a sequence with lxml; without its ticks, as an editor that knows whole frames only."""
    from lxml import etree

    root = etree.fromstring(text.encode(), etree.XMLParser(resolve_entities=False))
    found: list[Placed] = []
    for item in root.iterfind(".//audio/track/clipitem"):
        base = int(item.findtext("rate/timebase"))
        slow = item.findtext("rate/ntsc") == "TRUE"
        rate = Fraction(base * 1000, 1001) if slow else Fraction(base)
        start = Fraction(int(item.findtext("start"))) / rate
        inside = Fraction(int(item.findtext("in"))) / rate
        if by_ticks:
            inside = Fraction(int(item.findtext("pproTicksIn")), TICKS_A_SECOND)
        found.append(
            Placed(
                name=item.findtext("name"),
                start=start * SAMPLE_RATE_HZ,
                origin=(start - inside) * SAMPLE_RATE_HZ,
            )
        )
    return found


def _labels(timeline: Timeline, session: Session) -> list[Placed]:
    rows = (line.split("\t") for line in audacity_text(timeline).splitlines())
    expected = wanted(session)
    found: list[Placed] = []
    for begin, _, name in rows:
        start = Fraction(begin) * SAMPLE_RATE_HZ
        inside = expected[name].start - expected[name].origin
        found.append(Placed(name=name, start=start, origin=start - inside))
    return found


def _sheet(timeline: Timeline, session: Session, folder: Path) -> list[Placed]:
    write_cue_sheet(timeline, folder / "sheet.csv", session.edit.rate)
    names = cue_names(timeline)
    expected = list(wanted(session).values())
    rows = csv.DictReader(io.StringIO((folder / "sheet.csv").read_text("utf-8", "replace")))
    found: list[Placed] = []
    for row, cue in zip(rows, timeline.cues, strict=True):
        wish = next(place for place in expected if place.name == names[cue.id])
        start = Fraction(row["onset_sample"])
        found.append(Placed(name=wish.name, start=start, origin=start - (wish.start - wish.origin)))
    return found


Way = Callable[[Timeline, Session, Path], list[Placed]]


def _through_otioz(timeline: Timeline, session: Session, folder: Path) -> list[Placed]:
    import opentimelineio as otio

    write_silence(session, folder / "media")
    write_otioz(folder / "a.otioz", session, folder / "media", None)
    read = otio.adapters.read_from_file(str(folder / "a.otioz"))
    return reopen_otio(otio.adapters.write_to_string(read, "otio_json"))


def _through_aaf(timeline: Timeline, session: Session, folder: Path) -> list[Placed]:
    write_aaf(folder / "a.aaf", session, folder / "media", "file:///media", embed=False)
    return reopen_aaf(folder / "a.aaf")


def _through_dawproject(timeline: Timeline, session: Session, folder: Path) -> list[Placed]:
    write_silence(session, folder / "media")
    write_dawproject(folder / "a.dawproject", session, folder / "media")
    return reopen_dawproject(folder / "a.dawproject")


WAYS: dict[str, Way] = {
    "otio": lambda timeline, session, folder: reopen_otio(otio_text(session, None)),
    "otioz": _through_otioz,
    "reaper": lambda timeline, session, folder: reopen_reaper(reaper_text(session, None)),
    "aaf": _through_aaf,
    "dawproject": _through_dawproject,
    "fcp7, ticks": lambda timeline, session, folder: reopen_fcp7(
        fcp7_text(session, None, "file:///export")
    ),
    "fcp7, frames only": lambda timeline, session, folder: reopen_fcp7(
        fcp7_text(session, None, "file:///export"), by_ticks=False
    ),
    "audacity": lambda timeline, session, folder: _labels(timeline, session),
    "csv": _sheet,
}
"""How each format is written and read again."""


def worst(found: list[Placed], session: Session) -> Fraction | None:
    """Return the largest distance of a take from its place; None if a clip is missing or extra."""
    expected = wanted(session)
    own = {placed.name: placed for placed in found if placed.name != "2-pop"}
    if own.keys() != expected.keys() or len(own) != len(found):
        return None
    distances = [abs(own[name].origin - place.origin) for name, place in expected.items()]
    return max(distances, default=Fraction(0))


def main() -> None:
    """Print the matrix as a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cues", type=int, default=2_000)
    parser.add_argument("--only", nargs="*", choices=list(WAYS), default=list(WAYS))
    words = parser.parse_args()
    lists = cue_lists(words.cues)
    print("| reopened | " + " | ".join(RATES) + " | cues found |")
    print("|---" * (len(RATES) + 2) + "|")
    for way in words.only:
        reopen = WAYS[way]
        began = time.perf_counter()
        cells: list[str] = []
        count = asked = 0
        for rate in RATES:
            most: Fraction | None = Fraction(0)
            for name, timeline in lists.items():
                if name.endswith(" cues") and rate != CROWDED_RATE:
                    continue
                session = session_of(timeline, rate)
                with tempfile.TemporaryDirectory() as folder:
                    found = reopen(timeline, session, Path(folder))
                count += len(found)
                asked += len(timeline.cues)
                far = worst(found, session)
                most = None if most is None or far is None else max(most, far)
            cells.append("-" if most is None else f"{float(most):.3g}")
        print(f"| {way} | " + " | ".join(cells) + f" | {count:,} of {asked:,} |", flush=True)
        seconds = time.perf_counter() - began
        print(f"{way}: {seconds:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
