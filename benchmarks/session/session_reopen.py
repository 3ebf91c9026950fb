"""Read session formats back with other libraries, and return where each clip is.

OpenTimelineIO reads `.otio` and `.otioz`, rpp reads REAPER's projects, pyaaf2 AAF, lxml the XML of
DAWproject and Final Cut; tables are read as text.
"""

import csv
import dataclasses
import io
import zipfile
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

from benchmarks.session.session_lists import write_silence
from temporal_foley.session.curves import decibels_of
from temporal_foley.session.names import cue_names
from temporal_foley.session.session_model import Session
from temporal_foley.session.writers.aaf import write_aaf
from temporal_foley.session.writers.cuesheet import write_cue_sheet
from temporal_foley.session.writers.dawproject import write_dawproject
from temporal_foley.session.writers.fcp7 import TICKS_A_SECOND, fcp7_text
from temporal_foley.session.writers.labels import audacity_text
from temporal_foley.session.writers.otio import otio_text, write_otioz
from temporal_foley.session.writers.reaper import reaper_text
from temporal_foley.timegrid import SAMPLE_RATE_HZ
from temporal_foley.timeline import Curve, Timeline


@dataclasses.dataclass(frozen=True, kw_only=True)
class Placed:
    """Position of a clip after reopening, in samples, and its curves; None: not in the format.

    `level` is in decibels, `pan` from -1 left to 1 right, both over samples from its start.
    """

    name: str
    start: Fraction
    origin: Fraction
    """Where on the timeline the file's first sample would sound."""
    level: Curve | None = None
    pan: Curve | None = None
    fades: tuple[float, float] | None = None


def wanted(session: Session) -> dict[str, Placed]:
    """Return where the clips of cues should be, by name."""
    return {
        clip.name: Placed(
            name=clip.name,
            start=Fraction(clip.place),
            origin=Fraction(clip.place - clip.source_in),
            level=tuple((at, clip.gain_db + value) for at, value in clip.level),
            pan=clip.pan,
            fades=(clip.fade_in, clip.fade_out),
        )
        for clip in session.clips
        if clip.cue or clip.effect
    }


def reopen_otio(text: str) -> list[Placed]:
    """Read a timeline with OpenTimelineIO's own arithmetic, and our metadata in it."""
    import opentimelineio as otio

    timeline = otio.adapters.read_from_string(text, "otio_json")
    found: list[Placed] = []
    for track in timeline.audio_tracks():
        ranges = track.range_of_all_children()
        for clip in track.find_clips():
            start = _otio_samples(ranges[clip].start_time)
            inside = _otio_samples(clip.source_range.start_time)
            own = clip.metadata["temporal_foley"]
            gain = own["gain_db"]
            found.append(
                Placed(
                    name=clip.name,
                    start=start,
                    origin=start - inside,
                    level=tuple((int(at), gain + value) for at, value in own["level_db"]),
                    pan=tuple((int(at), value) for at, value in own["pan"]),
                    fades=(own["fade_in_samples"], own["fade_out_samples"]),
                )
            )
    return found


def _otio_samples(value: Any) -> Fraction:
    return Fraction(value.value) / Fraction(value.rate) * SAMPLE_RATE_HZ


def reopen_reaper(text: str) -> list[Placed]:
    """Read a project with rpp."""
    import rpp

    found: list[Placed] = []
    for item in rpp.loads(text).iterfind(".//ITEM"):
        if item.find("SOURCE").attrib[0] == "VIDEO":
            continue
        values = {child[0]: child[1:] for child in item if isinstance(child, list)}
        start = Fraction(values["POSITION"][0]) * SAMPLE_RATE_HZ
        inside = Fraction(values["SOFFS"][0]) * SAMPLE_RATE_HZ
        gain, pan = (float(value) for value in values["VOLPAN"][:2])
        fades = (float(values[f"FADE{side}"][1]) * SAMPLE_RATE_HZ for side in ("IN", "OUT"))
        found.append(
            Placed(
                name=values["NAME"][0],
                start=start,
                origin=start - inside,
                level=_levels((at, gain * one) for at, one in _reaper_points(item, "VOLENV", 1.0)),
                pan=tuple((at, pan - side) for at, side in _reaper_points(item, "PANENV", 0.0)),
                fades=tuple(fades),  # pyright: ignore
            )
        )
    return found


def _reaper_points(item: Any, kind: str, still: float) -> Curve:
    envelope = item.find(kind)
    if envelope is None:
        return ((0, still),)
    return tuple(
        (round(float(point[1]) * SAMPLE_RATE_HZ), float(point[2]))
        for point in envelope.findall("PT")
    )


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
                        found.append(_aaf_clip(part, place))
                    place += part.length
    return found


def _aaf_clip(group: Any, place: int) -> Placed:
    clip, amplitude = next(iter(group.segments)), next(iter(group.parameters))
    points = [(0, float(amplitude.value))] if hasattr(amplitude, "value") else []
    if not points:
        points = [(round(p.time * group.length), float(p.value)) for p in amplitude.pointlist]
    values = (clip.get(f"Fade{side}Length") for side in ("In", "Out"))
    return Placed(
        name=clip.mob.name,
        start=Fraction(place),
        origin=Fraction(place - clip.start),
        level=_levels(points),
        fades=tuple(0 if one is None else one.value for one in values),  # pyright: ignore
    )


def reopen_dawproject(path: Path) -> list[Placed]:
    """Read a project with lxml."""
    from lxml import etree

    with zipfile.ZipFile(path) as archive:
        root = etree.fromstring(archive.read("project.xml"))
    found: list[Placed] = []
    for clip in root.iterfind(".//Clip"):
        start = Fraction(clip.get("time")) * SAMPLE_RATE_HZ
        inside = Fraction(clip.get("playStart")) * SAMPLE_RATE_HZ
        points = {
            lane.find("Target").get("expression"): tuple(
                (
                    round(Fraction(point.get("time")) * SAMPLE_RATE_HZ - inside),
                    float(point.get("value")),
                )
                for point in lane.iterfind("RealPoint")
            )
            for lane in clip.iterfind("Lanes/Points")
        }
        fades = (float(clip.get(f"fade{side}Time")) * SAMPLE_RATE_HZ for side in ("In", "Out"))
        found.append(
            Placed(
                name=clip.get("name"),
                start=start,
                origin=start - inside,
                level=_levels(points["gain"]),
                pan=tuple((at, 2.0 * side - 1.0) for at, side in points["pan"]),
                fades=tuple(fades),  # pyright: ignore
            )
        )
    return found


def reopen_fcp7(text: str, *, by_ticks: bool = True) -> list[Placed]:
    """Read a sequence with lxml; without its ticks, as an editor that knows whole frames only.

    Level and fades are one line of keyframes here: the line is the level.
    """
    from lxml import etree

    root = etree.fromstring(text.encode(), etree.XMLParser(resolve_entities=False))
    found: list[Placed] = []
    for item in root.iterfind(".//audio/track/clipitem"):
        if item.findtext("sourcetrack/trackindex") == "2":
            continue  # the right channel of an item that was read already
        base = int(item.findtext("rate/timebase"))
        slow = item.findtext("rate/ntsc") == "TRUE"
        rate = Fraction(base * 1000, 1001) if slow else Fraction(base)
        start = Fraction(int(item.findtext("start"))) / rate
        first = int(item.findtext("in"))
        inside = first / rate
        if by_ticks:
            inside = Fraction(int(item.findtext("pproTicksIn")), TICKS_A_SECOND)
        level, pan = (
            item.find(f"filter/effect[effectid='{kind}']/parameter")
            for kind in ("audiolevels", "audiopan")
        )
        keys = [
            (
                round((int(key.findtext("when")) - first) / rate * SAMPLE_RATE_HZ),
                float(key.findtext("value")),
            )
            for key in level.iterfind("keyframe")
        ]
        found.append(
            Placed(
                name=item.findtext("name"),
                start=start * SAMPLE_RATE_HZ,
                origin=(start - inside) * SAMPLE_RATE_HZ,
                level=_levels(keys or [(0, float(level.findtext("value")))]),
                pan=((0, 0.0 if pan is None else float(pan.findtext("value"))),),
            )
        )
    return found


def _levels(points: Iterable[tuple[int, float]]) -> Curve:
    return tuple((at, decibels_of(ratio)) for at, ratio in points)


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
    expected = wanted(session)
    rows = csv.DictReader(io.StringIO((folder / "sheet.csv").read_text("utf-8", "replace")))
    found: list[Placed] = []
    for row, cue in zip(rows, timeline.cues, strict=True):
        wish = expected[names[cue.id]]
        start = Fraction(row["onset_sample"])
        found.append(Placed(name=wish.name, start=start, origin=start - (wish.start - wish.origin)))
    return found


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


Way = Callable[[Timeline, Session, Path], list[Placed]]
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
