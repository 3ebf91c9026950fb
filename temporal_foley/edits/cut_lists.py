"""Read the cut list of a film: which part of which source plays where.

Edit decision lists (CMX 3600), OpenTimelineIO and FCPXML, as picture editors write them. Only the
picture counts; nothing that a list names is opened.
"""

import dataclasses
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as xml

from temporal_foley.edits.read_otio import check_otio
from temporal_foley.errors import FoleyError, UsageError
from temporal_foley.files.reading import file_cause, read_whole
from temporal_foley.session.edited import MOST_BYTES, file_part
from temporal_foley.session.timecode import parse_timecode
from temporal_foley.timegrid import as_fraction

SUFFIXES = (".edl", ".otio", ".fcpxml")
_TIMECODE = r"(\d\d:\d\d:\d\d[:;.,]\d\d)"
_EVENT = re.compile(
    rf"^\s*\d+\s+(\S+)\s+(\S+)\s+([CDWK]\S*)(?:\s+\d+)?\s+{_TIMECODE}\s+{_TIMECODE}\s+"
    rf"{_TIMECODE}\s+{_TIMECODE}\s*$"
)
_SPEED = re.compile(r"^\s*M2\s+(\S+)\s+(-?[\d.]+)")
_NAME = re.compile(r"^\*\s*(FROM CLIP NAME|SOURCE FILE)\s*:\s*(.*?)\s*$")
_NO_REEL = ("AX", "BL", "BLACK")
_CLIPS = ("asset-clip", "clip", "video", "ref-clip", "sync-clip", "mc-clip")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CutEvent:
    """A part of a source in a cut; all times in seconds, `start` and `end` from the first picture.

    Timecode of the source counts from any zero that both lists share.
    """

    start: Fraction
    end: Fraction
    source: str
    source_in: Fraction


def read_cut_list(path: Path, rate: Fraction, first: str | None = None) -> tuple[CutEvent, ...]:
    """Read the events of a cut list, in order of their start.

    Args:
        path: The list.
        rate: Frame rate of an EDL, which does not contain it.
        first: Timecode of the first picture, if an EDL may begin later than that.

    Raises:
        UsageError: It is none of the formats.
        FoleyError: It cannot be read, or has no picture.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError("must be an .edl, .otio or .fcpxml", path=path)
    try:
        text = read_whole(path, MOST_BYTES).decode("utf-8", "replace").removeprefix("\ufeff")
    except OSError as error:
        raise FoleyError(f"cannot be read ({file_cause(error)})", path=path) from None
    try:
        match suffix:
            case ".edl":
                found = list(_read_edl(text, rate, first))
            case ".otio":
                check_otio(text)
                found = list(_read_otio(text))
            case _:
                found = list(_read_fcpxml(text))
    except FoleyError as error:
        raise FoleyError(str(error), path=path) from None
    if not found:
        raise FoleyError(
            "has no picture in it", path=path, remedy="export the video track as a list"
        )
    return tuple(sorted(found, key=lambda event: event.start))


def _read_edl(text: str, rate: Fraction, first: str | None) -> Iterator[CutEvent]:
    """Read an EDL; an event that plays at another speed is left out."""
    rows: list[dict[str, Any]] = []
    for line in text.splitlines():
        if (event := _EVENT.match(line)) is not None:
            reel, channels, _, *codes = event.groups()
            is_picture = "V" in channels.upper() or channels.upper() in ("B", "BOTH")
            times = [_seconds_of(code, rate) for code in codes]
            rows.append({"reel": reel, "times": times, "is_picture": is_picture, "name": ""})
        elif rows and (name := _NAME.match(line)) is not None:
            # The first that is named is what the event shows.
            rows[-1]["name"] = rows[-1]["name"] or name[2]
        elif rows and (speed := _SPEED.match(line)) is not None:
            is_own = abs(float(speed[2]) - float(rate)) < 0.05
            rows[-1]["is_picture"] &= is_own
    shown = [row for row in rows if row["is_picture"]]
    begins = [row["times"][2] for row in shown]
    if not begins:
        return
    zero = min(begins)
    if first is not None:
        named = _seconds_of(first, rate)
        # An hour of black at the start is none: then the list counts from elsewhere.
        zero = named if named <= zero < named + 600 else zero
    for row in shown:
        source_in, source_out, start, end = row["times"]
        if row["reel"].upper() in ("BL", "BLACK") or end <= start:
            continue
        if abs((source_out - source_in) - (end - start)) > 1 / rate:
            continue
        reel = "" if row["reel"].upper() in _NO_REEL else row["reel"]
        source = f"{reel} {row['name']}".strip().casefold()
        yield CutEvent(start=start - zero, end=end - zero, source=source, source_in=source_in)


def _seconds_of(code: str, rate: Fraction) -> Fraction:
    plain = code.replace(".", ";").replace(",", ";")
    try:
        edit, frame = parse_timecode(plain, rate)
    except UsageError:
        # Drop-frame marks at a rate that has none, as some programs write them.
        edit, frame = parse_timecode(plain.replace(";", ":"), rate)
    return frame / edit.rate


def _read_otio(text: str) -> Iterator[CutEvent]:
    import opentimelineio as otio

    try:
        timeline = otio.adapters.read_from_string(text, "otio_json")
        tracks = timeline.video_tracks()
        flat = otio.algorithms.flatten_stack(tracks) if len(tracks) > 1 else (*tracks, None)[0]
        place = Fraction(0)
        for item in flat or ():
            if isinstance(item, otio.schema.Transition):
                continue
            used = item.trimmed_range()
            start = place
            place += as_fraction(used.duration.value) / as_fraction(used.duration.rate)
            is_shot = isinstance(item, otio.schema.Clip) and not any(
                isinstance(effect, otio.schema.TimeEffect) for effect in item.effects
            )
            if is_shot:
                address = getattr(item.media_reference, "target_url", "") or item.name
                begin = as_fraction(used.start_time.value) / as_fraction(used.start_time.rate)
                source = file_part(address).casefold()
                yield CutEvent(start=start, end=place, source=source, source_in=begin)
    except (ValueError, AttributeError, ZeroDivisionError, otio.exceptions.OTIOError) as error:
        raise FoleyError(f"is no OpenTimelineIO timeline ({error})") from None


def _read_fcpxml(text: str) -> Iterator[CutEvent]:
    # Entities are no part of the format, and can be made to fill the memory.
    if "<!ENTITY" in text:
        raise FoleyError("defines entities, which FCPXML has none of")
    try:
        root = xml.fromstring(text)
    except xml.ParseError as error:
        raise FoleyError(f"is no XML ({error})") from None
    names = {
        asset.get("id", ""): file_part(_address(asset)) or asset.get("name", "")
        for asset in root.iterfind("resources/asset")
    }
    sequence = root.find(".//sequence")
    spine = None if sequence is None else sequence.find("spine")
    if sequence is None or spine is None:
        raise FoleyError("has no sequence")
    zero = _rational(sequence.get("tcStart", "0s"))
    place = zero
    for item in spine:
        if item.tag == "transition":
            continue
        start = _rational(item.get("offset", "")) if item.get("offset") else place
        place = start + _rational(item.get("duration", "0s"))
        shots = [item] if item.tag in _CLIPS else []
        if item.tag == "gap":
            # What is connected above a gap is the picture there.
            shots = [one for one in item if one.tag in _CLIPS and int(one.get("lane", "0")) > 0]
        for shot in shots:
            if shot.find("timeMap") is not None:
                continue
            begin = start
            if shot is not item:
                begin += _rational(shot.get("offset", "0s")) - _rational(item.get("start", "0s"))
            inner = shot.find("video")
            key = shot.get("ref") or ("" if inner is None else inner.get("ref", ""))
            length = _rational(shot.get("duration", "0s"))
            if length > 0:
                yield CutEvent(
                    start=begin - zero,
                    end=begin - zero + length,
                    source=(names.get(key) or shot.get("name", "")).casefold(),
                    source_in=_rational(shot.get("start", "0s")),
                )


def _address(asset: xml.Element) -> str:
    media = asset.find("media-rep")
    return (None if media is None else media.get("src")) or asset.get("src", "")


def _rational(text: str) -> Fraction:
    try:
        return Fraction(text.removesuffix("s"))
    except (ValueError, ZeroDivisionError):
        raise FoleyError(f"{text!r:.40} is no time") from None
