"""Write a DAWproject archive with its sound files.

The exchange format of Bitwig and others, version 1.0 (https://github.com/bitwig/dawproject).
"""

import zipfile
from pathlib import Path
from xml.etree import ElementTree as xml

from temporal_foley import __version__
from temporal_foley.session.curves import amplitude_of, ratios
from temporal_foley.session.session_model import Clip, Session, SessionTrack
from temporal_foley.session.writers.otio import add_file
from temporal_foley.timegrid import SAMPLE_RATE_HZ

_HEADER = '<?xml version="1.0" encoding="UTF-8"?>\n'


def write_dawproject(path: Path, session: Session, media: Path) -> None:
    """Write the archive; `media` is the folder with the sound files."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, text in (
            ("metadata.xml", _metadata(session)),
            ("project.xml", _project(session)),
        ):
            archive.writestr(zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0)), text)
        for file in session.media:
            add_file(archive, media / file.name, f"audio/{file.name}")


def _metadata(session: Session) -> str:
    root = xml.Element("MetaData")
    xml.SubElement(root, "Title").text = session.name
    comment = f"Starts at {session.start_timecode}, {session.edit} frames a second"
    xml.SubElement(root, "Comment").text = comment
    return _HEADER + xml.tostring(root, "unicode")


def _project(session: Session) -> str:
    root = xml.Element("Project", version="1.0")
    xml.SubElement(root, "Application", name="temporal-foley", version=__version__)
    transport = xml.SubElement(root, "Transport")
    xml.SubElement(transport, "Tempo", unit="bpm", value="120", id="tempo", name="Tempo")
    xml.SubElement(transport, "TimeSignature", numerator="4", denominator="4", id="signature")
    structure = xml.SubElement(root, "Structure")
    arrangement = xml.SubElement(root, "Arrangement", id="arrangement")
    lanes = xml.SubElement(arrangement, "Lanes", id="lanes", timeUnit="seconds")
    for number, track in enumerate(session.tracks):
        mix_db = session.mix_gain_db if track.effect else 0.0
        _structure_track(structure, track, f"track{number}", track.gain_db + mix_db)
        own = xml.SubElement(lanes, "Lanes", id=f"lane{number}", track=f"track{number}")
        clips = xml.SubElement(own, "Clips", id=f"clips{number}")
        for clip in track.clips:
            _clip(clips, clip)
    master = xml.SubElement(
        structure, "Track", id="master", name="Master", contentType="audio", loaded="true"
    )
    xml.SubElement(master, "Channel", id="master-channel", role="master", audioChannels="2")
    markers = xml.SubElement(arrangement, "Markers", id="markers", timeUnit="seconds")
    for marker in session.markers:
        xml.SubElement(markers, "Marker", time=_seconds(marker.place), name=marker.name)
    xml.indent(root)
    return _HEADER + xml.tostring(root, "unicode")


def _structure_track(parent: xml.Element, track: SessionTrack, key: str, gain_db: float) -> None:
    made = xml.SubElement(
        parent, "Track", id=key, name=track.name, contentType="audio", loaded="true"
    )
    channel = xml.SubElement(
        made,
        "Channel",
        id=f"{key}-channel",
        role="regular",
        audioChannels="2",
        destination="master-channel",
    )
    volume = {"unit": "linear", "min": "0", "max": "2", "id": f"{key}-volume", "name": "Volume"}
    level = min(amplitude_of(gain_db), 2.0)
    xml.SubElement(channel, "Volume", volume, value=f"{level:.9f}")


def _clip(parent: xml.Element, clip: Clip) -> None:
    """Write a clip with its sound file, from its in-point on, and its automation."""
    outer = xml.SubElement(
        parent,
        "Clip",
        enable="false" if clip.is_muted else "true",
        name=clip.name,
        comment=clip.note,
        time=_seconds(clip.place),
        duration=_seconds(clip.length),
        contentTimeUnit="seconds",
        playStart=_seconds(clip.source_in),
        fadeTimeUnit="seconds",
        fadeInTime=_seconds(clip.fade_in),
        fadeOutTime=_seconds(clip.fade_out),
    )
    # Names are unique; the schema wants ids that begin with a letter.
    lanes = xml.SubElement(outer, "Lanes")
    audio = xml.SubElement(
        lanes,
        "Audio",
        channels=str(clip.media.channels),
        duration=_seconds(clip.media.samples),
        sampleRate=str(SAMPLE_RATE_HZ),
        algorithm="raw",
    )
    xml.SubElement(audio, "File", path=f"audio/{clip.media.name}")
    gain = amplitude_of(clip.gain_db)
    level = [(clip.source_in + place, gain * value) for place, value in ratios(clip.level)]
    _points(lanes, "gain", "linear", level)
    pan = [(clip.source_in + place, (value + 1.0) / 2.0) for place, value in clip.pan]
    _points(lanes, "pan", "normalized", pan)


def _points(parent: xml.Element, what: str, unit: str, points: list[tuple[int, float]]) -> None:
    made = xml.SubElement(parent, "Points", unit=unit)
    xml.SubElement(made, "Target", expression=what)
    for place, value in points:
        time = _seconds(place)
        xml.SubElement(made, "RealPoint", time=time, value=f"{value:.9f}", interpolation="linear")


def _seconds(samples: int) -> str:
    return f"{samples / SAMPLE_RATE_HZ:.12f}".rstrip("0").rstrip(".")
