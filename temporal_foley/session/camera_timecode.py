"""Work out the timecode of a video's first picture from what its camera wrote."""

from temporal_foley.errors import UsageError
from temporal_foley.media.containers.timecode import timecode_cut
from temporal_foley.media.probe import VideoInfo
from temporal_foley.session.timecode import (
    EditRate,
    frames_a_day,
    nearest_rate,
    parse_timecode,
    timecode,
)
from temporal_foley.timegrid import to_sample, to_seconds
from temporal_foley.timeline import DEFAULT_START_TIMECODE, Source


def source_of(info: VideoInfo, sha256: str, given: str = "") -> Source:
    """Return what a cue list says of its video.

    Args:
        info: The video.
        sha256: Its digest.
        given: The timecode of its first picture, instead of the camera's.

    Raises:
        UsageError: The given timecode does not exist at the rate of the picture.
    """
    return Source(
        name=info.path.name,
        sha256=sha256,
        duration_samples=max(1, to_sample(info.duration)),
        video_rate=info.video_rate,
        width=info.width,
        height=info.height,
        has_audio=info.has_audio,
        timecode=file_timecode(info, given),
        lead_samples=to_sample(info.lead),
        audio_track=info.audio_track,
    )


def first_timecode(source: Source) -> str:
    """Return the timecode of the first picture: the camera's, or else the usual start."""
    if not source.timecode:
        return DEFAULT_START_TIMECODE
    edit, first = parse_timecode(source.timecode, nearest_rate(source.video_rate))
    return timecode(first + lead_frames(source, edit), edit)


def lead_frames(source: Source, edit: EditRate) -> int:
    """Return how many frames of a file come before its first picture."""
    return edit.grid.frame_count(to_seconds(source.lead_samples))


def file_timecode(info: VideoInfo, given: str = "") -> str:
    """Return the timecode at which a file begins; an empty text if nobody says.

    Raises:
        UsageError: The given timecode does not exist at the rate of the picture.
    """
    rate = nearest_rate(info.video_rate)
    if given:
        edit, first = parse_timecode(given, rate)
        first -= edit.grid.frame_count(info.lead)
        return timecode(first % frames_a_day(edit), edit)
    if not info.timecode:
        return ""
    for text in (info.timecode, info.timecode.replace(";", ":")):
        try:
            edit, first = parse_timecode(text, rate)
        except UsageError:
            continue
        return timecode(first + edit.grid.frame_count(timecode_cut(info.path)), edit)
    return ""


def timecode_warning(info: VideoInfo) -> tuple[str, ...]:
    """Return a line if the camera's timecode cannot be counted at the rate of the picture."""
    if not info.timecode or file_timecode(info):
        return ()
    return (f"timecode {info.timecode} does not exist at {float(info.video_rate):.2f} Hz: unused",)
