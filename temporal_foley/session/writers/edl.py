"""Write edit decision lists (CMX 3600): one for each track, of cuts on frames.

A list has at most 999 events, no overlaps, and no levels that editors read: levels are comments.
Source timecode is that of the sound files, which begin where they would lie on the timeline.
"""

import math
from collections.abc import Iterator
from pathlib import Path

from temporal_foley.session.names import file_name
from temporal_foley.session.session_model import Clip, Session, SessionTrack, lanes
from temporal_foley.session.timecode import frames_a_day, timecode
from temporal_foley.session.writers.fcp7 import SnappedClip, snap
from temporal_foley.timegrid import to_seconds

MOST_EVENTS = 999


def write_edls(folder: Path, session: Session) -> None:
    """Write the lists into a new folder, named by track."""
    folder.mkdir()
    for track in session.tracks:
        for number, items in enumerate(_rows(track, session), 1):
            more = "" if number == 1 else f" {number}"
            name = file_name(f"{session.name} {track.name}{more}")
            text = "\n".join(_lines(name, items, track, session)) + "\n"
            (folder / f"{name}.edl").write_text(text, encoding="utf-8", newline="\r\n")


def _rows(track: SessionTrack, session: Session) -> Iterator[list[SnappedClip]]:
    snapped = {clip.name: snap(clip, session) for clip in track.clips if not clip.is_muted}

    def place(clip: Clip) -> tuple[int, int]:
        return snapped[clip.name].start, snapped[clip.name].end

    for row in lanes([one.clip for one in snapped.values()], place):
        for first in range(0, len(row), MOST_EVENTS):
            yield [snapped[clip.name] for clip in row[first : first + MOST_EVENTS]]


def _lines(
    name: str, items: list[SnappedClip], track: SessionTrack, session: Session
) -> Iterator[str]:
    edit = session.edit
    begins = session.file_begins
    track_db = track.gain_db + (session.mix_gain_db if track.effect else 0.0)

    def code(frame: int) -> str:
        return timecode((session.start_frame + frame) % frames_a_day(edit), edit)

    yield f"TITLE: {name}"
    yield f"FCM: {'DROP FRAME' if edit.drop else 'NON-DROP FRAME'}"
    for number, item in enumerate(items, 1):
        clip = item.clip
        length = item.end - item.start
        # Where the file begins on the timeline, on the frame grid, and what is used of it.
        begin = to_seconds(begins[clip.media.name]) + item.source_in
        first = math.floor(begin * edit.rate + 0.5)
        channels = "A" if clip.media.channels == 1 else "AA"
        yield (
            f"{number:03d}  AX       {channels:<5} C        {code(first)} {code(first + length)} "
            f"{code(item.start)} {code(item.end)}"
        )
        yield f"* FROM CLIP NAME: {clip.name}"
        yield f"* SOURCE FILE: {clip.media.name}"
        level = clip.gain_db + track_db
        yield f"* AUDIO LEVEL AT {code(item.start)} IS {level:+.2f} DB  (REEL AX A1)"
