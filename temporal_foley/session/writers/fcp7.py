"""Write Final Cut Pro 7 XML, `xmeml` version 5, for Premiere and Resolve.

Cuts are on frames. A clip begins at the frame in which its sound begins, and its in-point is moved
back by the same amount, so that the sound stays in place to the sample: `in` gives it in whole
frames of the file, `pproTicksIn` exactly, for editors that read it.
"""

import dataclasses
import math
import uuid
from fractions import Fraction
from urllib.parse import quote
from xml.etree import ElementTree as xml

from temporal_foley.session.curves import amplitude_of, ratios, value_at
from temporal_foley.session.session_model import Clip, Media, Session, SessionTrack, lanes
from temporal_foley.session.timecode import timecode
from temporal_foley.timegrid import SAMPLE_RATE_HZ, to_sample, to_seconds

TICKS_A_SECOND = 254_016_000_000
"""Premiere's clock: a multiple of every common picture and sample rate."""
MOST_GAIN = 3.98107
"""The editors' audio level ends at +12 dB."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SnappedClip:
    """A clip on whole frames, and where its sound begins in the file at the first of them."""

    clip: Clip
    start: int
    end: int
    source_in: Fraction
    """In seconds, exact."""


def snap(clip: Clip, session: Session) -> SnappedClip:
    """Widen a clip to whole frames, together with its part of the file."""
    grid = session.edit.grid
    start = grid.frame_at(to_seconds(clip.place))
    end = max(start + 1, math.ceil(to_seconds(clip.end) * session.edit.rate))
    early = to_seconds(clip.place) - grid.time(start)
    return SnappedClip(
        clip=clip, start=start, end=end, source_in=to_seconds(clip.source_in) - early
    )


def fcp7_text(session: Session, picture: str | None, folder: str) -> str:
    """Return the document; `picture` and `folder` are `file://` addresses."""
    root = xml.Element("xmeml", version="5")
    sequence = xml.SubElement(root, "sequence", id="sequence-1")
    key = f"{session.source_sha256} {session.name} {session.start_frame}"
    xml.SubElement(sequence, "uuid").text = str(uuid.uuid5(uuid.NAMESPACE_OID, key))
    xml.SubElement(sequence, "name").text = session.name
    xml.SubElement(sequence, "duration").text = str(session.frames)
    _rate(sequence, session)
    _timecode(sequence, session, session.start_frame)
    media = xml.SubElement(sequence, "media")
    _video(xml.SubElement(media, "video"), session, picture)
    audio = xml.SubElement(media, "audio")
    xml.SubElement(audio, "numOutputChannels").text = "2"
    _characteristics(xml.SubElement(audio, "format"))
    seen: set[str] = set()
    index = 0
    for track in session.tracks:
        for channels in (1, 2):
            snapped = {
                clip.name: snap(clip, session)
                for clip in track.clips
                if clip.media.channels == channels
            }

            def place(clip: Clip, snapped: dict[str, SnappedClip] = snapped) -> tuple[int, int]:
                return snapped[clip.name].start, snapped[clip.name].end

            for row in lanes([one.clip for one in snapped.values()], place):
                items = [snapped[clip.name] for clip in row]
                _tracks(audio, items, track, session, folder, index, seen)
                index += channels
    for marker in session.markers:
        made = xml.SubElement(sequence, "marker")
        xml.SubElement(made, "name").text = marker.name
        frame = session.edit.grid.frame_at(to_seconds(marker.place))
        xml.SubElement(made, "in").text = str(frame)
        xml.SubElement(made, "out").text = "-1"
    xml.indent(root)
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE xmeml>\n'
    return head + xml.tostring(root, "unicode") + "\n"


def _tracks(
    audio: xml.Element,
    items: list[SnappedClip],
    track: SessionTrack,
    session: Session,
    folder: str,
    index: int,
    seen: set[str],
) -> None:
    """Write a track of mono clips, or two of stereo clips: a linked item for either channel."""
    numbers = {file.name: number for number, file in enumerate(session.media, 1)}
    gain_db = track.gain_db + (session.mix_gain_db if track.effect else 0.0)
    channels = items[0].clip.media.channels
    for channel in range(1, channels + 1):
        made = xml.SubElement(audio, "track")
        for number, snapped in enumerate(items, 1):
            clip = snapped.clip
            key = f"file-{numbers[clip.media.name]}"
            name = clip.name if channel == 1 else f"{clip.name} right"
            item = _clip_item(made, name, snapped, session)
            _file(item, key, clip.media, session, folder, is_known=key in seen)
            seen.add(key)
            source = xml.SubElement(item, "sourcetrack")
            xml.SubElement(source, "mediatype").text = "audio"
            xml.SubElement(source, "trackindex").text = str(channel)
            _level(item, snapped, session, gain_db, channel if channels == 2 else None)
            if channels == 2:
                _links(item, clip.name, index, number)
            if clip.note:
                comments = xml.SubElement(item, "comments")
                xml.SubElement(comments, "mastercomment1").text = clip.note
        if channels == 2:
            xml.SubElement(made, "outputchannelindex").text = str(channel)


def _links(item: xml.Element, name: str, index: int, number: int) -> None:
    """Tie the items of the two channels together: they are moved and cut as one."""
    for channel, key in ((1, name), (2, f"{name} right")):
        link = xml.SubElement(item, "link")
        xml.SubElement(link, "linkclipref").text = key
        xml.SubElement(link, "mediatype").text = "audio"
        xml.SubElement(link, "trackindex").text = str(index + channel)
        xml.SubElement(link, "clipindex").text = str(number)
        xml.SubElement(link, "groupindex").text = "1"


def _clip_item(
    parent: xml.Element, key: str, snapped: SnappedClip, session: Session
) -> xml.Element:
    clip, rate = snapped.clip, session.edit.rate
    item = xml.SubElement(parent, "clipitem", id=key)
    file_frames = math.ceil(to_seconds(clip.media.samples) * rate)
    first = math.floor(snapped.source_in * rate + Fraction(1, 2))
    last = first + snapped.end - snapped.start
    exact_end = snapped.source_in + (snapped.end - snapped.start) / rate
    for name, value in (
        ("name", clip.name),
        ("enabled", "FALSE" if clip.is_muted else "TRUE"),
        ("duration", max(file_frames, last)),
        ("start", snapped.start),
        ("end", snapped.end),
        ("in", first),
        ("out", last),
        ("pproTicksIn", round(snapped.source_in * TICKS_A_SECOND)),
        ("pproTicksOut", round(exact_end * TICKS_A_SECOND)),
    ):
        xml.SubElement(item, name).text = str(value)
    _rate(item, session)
    return item


def _file(
    parent: xml.Element, key: str, media: Media, session: Session, folder: str, *, is_known: bool
) -> None:
    """Describe a sound file at its first use; later uses only name it, as the format requires."""
    made = xml.SubElement(parent, "file", id=key)
    if is_known:
        return
    xml.SubElement(made, "name").text = media.name
    xml.SubElement(made, "pathurl").text = f"{folder}/{quote(media.path)}"
    _rate(made, session)
    frames = math.ceil(to_seconds(media.samples) * session.edit.rate)
    xml.SubElement(made, "duration").text = str(frames)
    audio = xml.SubElement(xml.SubElement(made, "media"), "audio")
    _characteristics(audio)
    xml.SubElement(audio, "channelcount").text = str(media.channels)


def _video(parent: xml.Element, session: Session, address: str | None) -> None:
    picture = session.picture
    if picture is not None:
        form = xml.SubElement(xml.SubElement(parent, "format"), "samplecharacteristics")
        _rate(form, session)
        for name, value in (
            ("width", picture.width),
            ("height", picture.height),
            ("anamorphic", "FALSE"),
            ("pixelaspectratio", "square"),
            ("fielddominance", "none"),
        ):
            xml.SubElement(form, name).text = str(value)
    track = xml.SubElement(parent, "track")
    if picture is None or address is None:
        return
    item = xml.SubElement(track, "clipitem", id="picture")
    start = session.edit.grid.frame_at(to_seconds(session.leader))
    for name, value in (
        ("name", picture.name),
        ("duration", picture.lead + picture.frames),
        ("start", start),
        ("end", start + picture.frames),
        ("in", picture.lead),
        ("out", picture.lead + picture.frames),
    ):
        xml.SubElement(item, name).text = str(value)
    _rate(item, session)
    file = xml.SubElement(item, "file", id="file-picture")
    xml.SubElement(file, "name").text = picture.name
    xml.SubElement(file, "pathurl").text = address
    _rate(file, session)
    xml.SubElement(file, "duration").text = str(picture.lead + picture.frames)
    if picture.file_start is not None:
        _timecode(file, session, picture.file_start)
    video = xml.SubElement(xml.SubElement(file, "media"), "video")
    form = xml.SubElement(video, "samplecharacteristics")
    xml.SubElement(form, "width").text = str(picture.width)
    xml.SubElement(form, "height").text = str(picture.height)


def _level(
    item: xml.Element, snapped: SnappedClip, session: Session, track_db: float, channel: int | None
) -> None:
    """Write gain, level curve and fades as levels over the frames of the file, and the pan.

    The two channels of a stereo clip go fully left and right; its balance is in their levels.
    """
    clip, rate = snapped.clip, session.edit.rate
    pan = sum(value for _, value in clip.pan) / len(clip.pan)
    whole = amplitude_of(clip.gain_db + track_db)
    if channel is not None:
        side = -1.0 if channel == 1 else 1.0
        whole, pan = whole * min(1.0, 1.0 + side * pan), side
    gain = min(whole, MOST_GAIN)
    effect = _effect(item, "Audio Levels", "audiolevels", "audio")
    level = xml.SubElement(effect, "parameter")
    xml.SubElement(level, "parameterid").text = "level"
    xml.SubElement(level, "name").text = "Level"
    xml.SubElement(level, "valuemin").text = "0"
    xml.SubElement(level, "valuemax").text = str(MOST_GAIN)
    xml.SubElement(level, "value").text = f"{gain:.6f}"
    first = math.floor(snapped.source_in * rate + Fraction(1, 2))
    for frame, value in _keys(snapped, session, whole).items():
        key = xml.SubElement(level, "keyframe")
        xml.SubElement(key, "when").text = str(first + frame)
        xml.SubElement(key, "value").text = f"{value:.6f}"
    if pan:
        effect = _effect(item, "Audio Pan", "audiopan", "audio")
        parameter = xml.SubElement(effect, "parameter")
        xml.SubElement(parameter, "parameterid").text = "pan"
        xml.SubElement(parameter, "name").text = "Pan"
        xml.SubElement(parameter, "valuemin").text = "-1"
        xml.SubElement(parameter, "valuemax").text = "1"
        xml.SubElement(parameter, "value").text = f"{pan:.6f}"


def _keys(snapped: SnappedClip, session: Session, gain: float) -> dict[int, float]:
    """Return amplitudes at frames after the clip's start: level and fades in one curve."""
    clip, grid = snapped.clip, session.edit.grid
    length = snapped.end - snapped.start
    rise, fall = (round(to_seconds(f) * session.edit.rate) for f in (clip.fade_in, clip.fade_out))
    rise = min(rise, length)
    fall = min(fall, length - rise)
    level = ratios(clip.level)
    places = {0, rise} if rise else set()
    places |= {length - fall, length} if fall else set()
    if len(level) > 1:
        # The frames on both sides of a corner: between them it is cut off, elsewhere it is exact.
        for place, _ in level:
            frame = grid.frame_at(to_seconds(clip.place + place)) - snapped.start
            places |= {min(max(one, 0), length) for one in (frame, frame + 1)}
    keys: dict[int, float] = {}
    for frame in sorted(places):
        faded = min(frame / rise if rise else 1.0, (length - frame) / fall if fall else 1.0, 1.0)
        place = to_sample(grid.time(snapped.start + frame)) - clip.place
        keys[frame] = min(gain * value_at(level, place) * faded, MOST_GAIN)
    return keys


def _effect(item: xml.Element, name: str, key: str, kind: str) -> xml.Element:
    effect = xml.SubElement(xml.SubElement(item, "filter"), "effect")
    for tag, text in (
        ("name", name),
        ("effectid", key),
        ("effectcategory", key),
        ("effecttype", key),
        ("mediatype", kind),
    ):
        xml.SubElement(effect, tag).text = text
    return effect


def _timecode(parent: xml.Element, session: Session, frame: int) -> None:
    code = xml.SubElement(parent, "timecode")
    _rate(code, session)
    xml.SubElement(code, "string").text = timecode(frame, session.edit)
    xml.SubElement(code, "frame").text = str(frame)
    xml.SubElement(code, "displayformat").text = "DF" if session.edit.drop else "NDF"


def _rate(parent: xml.Element, session: Session) -> None:
    rate = xml.SubElement(parent, "rate")
    xml.SubElement(rate, "timebase").text = str(session.edit.nominal)
    xml.SubElement(rate, "ntsc").text = "TRUE" if session.edit.is_ntsc else "FALSE"


def _characteristics(parent: xml.Element) -> None:
    form = xml.SubElement(parent, "samplecharacteristics")
    xml.SubElement(form, "depth").text = "24"
    xml.SubElement(form, "samplerate").text = str(SAMPLE_RATE_HZ)
