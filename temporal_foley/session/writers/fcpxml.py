"""Write FCPXML 1.9, for Final Cut Pro and Resolve.

Everything is connected to one gap that is as long as the session: the picture above it, each lane
of sound below. Cuts are on frames; the sound stays in place to the sample, by its start.
"""

from fractions import Fraction
from urllib.parse import quote
from xml.etree import ElementTree as xml

from temporal_foley.session.session_model import Clip, Media, Session, SessionTrack, lanes
from temporal_foley.session.writers.fcp7 import SnappedClip, snap
from temporal_foley.timegrid import SAMPLE_RATE_HZ, to_seconds

_VERSION = "1.9"


def fcpxml_text(session: Session, picture: str | None, folder: str) -> str:
    """Return the document; `picture` and `folder` are `file://` addresses."""
    root = xml.Element("fcpxml", version=_VERSION)
    resources = xml.SubElement(root, "resources")
    frame = 1 / session.edit.rate
    form = {"id": "r1", "frameDuration": _time(frame)}
    if session.picture is not None:
        form |= {"width": str(session.picture.width), "height": str(session.picture.height)}
    xml.SubElement(resources, "format", form)
    if session.picture is not None and picture is not None:
        length = session.picture.frames * frame
        asset = {"id": "r2", "name": session.picture.name, "start": "0s"}
        asset |= {"duration": _time(length), "hasVideo": "1", "format": "r1", "videoSources": "1"}
        made = xml.SubElement(resources, "asset", asset)
        xml.SubElement(made, "media-rep", kind="original-media", src=picture)
    keys = {media.name: f"r{number}" for number, media in enumerate(session.media, 3)}
    for media in session.media:
        _asset(resources, media, keys[media.name], folder)
    event = xml.SubElement(xml.SubElement(root, "library"), "event", name=session.name)
    project = xml.SubElement(event, "project", name=session.name)
    start = session.edit.grid.time(session.start_frame)
    whole = session.frames * frame
    sequence = xml.SubElement(
        project,
        "sequence",
        format="r1",
        duration=_time(whole),
        tcStart=_time(start),
        tcFormat="DF" if session.edit.drop else "NDF",
        audioLayout="stereo",
        audioRate="48k",
    )
    spine = xml.SubElement(sequence, "spine")
    gap = xml.SubElement(
        spine, "gap", name="Gap", offset=_time(start), start="0s", duration=_time(whole)
    )
    if session.picture is not None and picture is not None:
        xml.SubElement(
            gap,
            "asset-clip",
            ref="r2",
            lane="1",
            offset=_time(session.edit.grid.time(_frame(session, session.leader))),
            name=session.picture.name,
            start="0s",
            duration=_time(session.picture.frames * frame),
            srcEnable="video",
        )
    lane = 0
    for track in session.tracks:
        snapped = {clip.name: snap(clip, session) for clip in track.clips}

        def place(clip: Clip, snapped: dict[str, SnappedClip] = snapped) -> tuple[int, int]:
            return snapped[clip.name].start, snapped[clip.name].end

        for row in lanes(track.clips, place):
            lane -= 1
            for clip in row:
                _clip(gap, snapped[clip.name], track, session, keys[clip.media.name], lane)
    for marker in session.markers:
        at = session.edit.grid.time(_frame(session, marker.place))
        xml.SubElement(gap, "marker", start=_time(at), duration=_time(frame), value=marker.name)
    xml.indent(root)
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n'
    return head + xml.tostring(root, "unicode") + "\n"


def _asset(parent: xml.Element, media: Media, key: str, folder: str) -> None:
    made = xml.SubElement(
        parent,
        "asset",
        id=key,
        name=media.name,
        start="0s",
        duration=_time(Fraction(media.samples, SAMPLE_RATE_HZ)),
        hasAudio="1",
        audioSources="1",
        audioChannels=str(media.channels),
        audioRate=str(SAMPLE_RATE_HZ),
    )
    xml.SubElement(made, "media-rep", kind="original-media", src=f"{folder}/{quote(media.path)}")


def _clip(
    gap: xml.Element,
    snapped: SnappedClip,
    track: SessionTrack,
    session: Session,
    key: str,
    lane: int,
) -> None:
    clip, frame = snapped.clip, 1 / session.edit.rate
    role = "effects" if track.effect else "dialogue"
    item = xml.SubElement(
        gap,
        "asset-clip",
        ref=key,
        lane=str(lane),
        offset=_time(session.edit.grid.time(snapped.start)),
        name=clip.name,
        start=_time(max(Fraction(0), snapped.source_in)),
        duration=_time((snapped.end - snapped.start) * frame),
        enabled="0" if clip.is_muted else "1",
        srcEnable="audio",
        audioRole=f"{role}.{track.name}",
    )
    if clip.note:
        xml.SubElement(item, "note").text = clip.note
    level = clip.gain_db + track.gain_db + (session.mix_gain_db if track.effect else 0.0)
    volume = xml.SubElement(item, "adjust-volume", amount=f"{level:.2f}dB")
    if len(clip.level) > 1 or clip.fade_in or clip.fade_out:
        _amount(volume, snapped, level)
    pan = sum(value for _, value in clip.pan) / len(clip.pan)
    if pan:
        xml.SubElement(item, "adjust-panner", mode="1", amount=f"{100.0 * pan:.0f}")


def _amount(volume: xml.Element, snapped: SnappedClip, level: float) -> None:
    """Write the fades of a clip and the course of its level, over the time of its file."""
    clip = snapped.clip
    amount = xml.SubElement(volume, "param", name="amount", value=f"{level:.2f}dB")
    for tag, kind, samples in (
        ("fadeIn", "easeIn", clip.fade_in),
        ("fadeOut", "easeOut", clip.fade_out),
    ):
        if samples:
            xml.SubElement(amount, tag, type=kind, duration=_time(to_seconds(samples)))
    if len(clip.level) > 1:
        keys = xml.SubElement(amount, "keyframeAnimation")
        for place, value in clip.level:
            at = to_seconds(clip.source_in + place)
            xml.SubElement(keys, "keyframe", time=_time(at), value=f"{level + value:.2f}dB")


def _frame(session: Session, place: int) -> int:
    return session.edit.grid.frame_at(to_seconds(place))


def _time(seconds: Fraction) -> str:
    """Write a time as the format does: a whole number or a fraction of seconds."""
    value = Fraction(seconds)
    return f"{value.numerator}s" if value.denominator == 1 else f"{value}s"
