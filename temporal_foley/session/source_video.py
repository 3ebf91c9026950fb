"""Find the video that a cue list was made for."""

from pathlib import Path

from temporal_foley.errors import CueListError, MediaError
from temporal_foley.files.digest import file_sha256
from temporal_foley.files.output import read_run
from temporal_foley.media.open import open_media
from temporal_foley.media.probe import VideoInfo, probe_video
from temporal_foley.timeline import Timeline


def find_source_video(timeline: Timeline, cues: Path, given: Path | None) -> Path | None:
    """Return the video by its SHA-256: the given one, or one where it was; None if not found.

    Raises:
        CueListError: The given file is missing or another video, or the list's name of the video
            is not a file name.
    """
    source = timeline.source
    if Path(source.name).name != source.name:
        raise CueListError(f"source.name must be a file name, got {source.name!r}", path=cues)
    if given is not None:
        if not given.is_file():
            raise CueListError("no such video", path=given, remedy="check --video")
        if not _is_it(given, source.sha256):
            raise CueListError(f"is not the video that {cues.name} was made for", path=given)
        return given.absolute()
    candidates = [cues.parent.parent / source.name, cues.parent / source.name]
    run = read_run(cues.parent)
    if run is not None and run.source_path is not None:
        candidates.insert(0, Path(run.source_path))
    for path in candidates:
        if path.is_file() and _is_it(path, source.sha256):
            return path.absolute()
    return None


def open_source_video(timeline: Timeline, cues: Path, given: Path | None) -> VideoInfo:
    """Find the video of a cue list and read its size, times and sound.

    Raises:
        CueListError: It is not found, or its length is not that of the cue list.
    """
    path = find_source_video(timeline, cues, given)
    if path is None:
        where = cues.parent.parent / timeline.source.name
        raise CueListError(
            f"the video of {cues.name} is missing", path=where, remedy="use --video FILE"
        )
    info = probe_video(path, timeline.source.audio_track)
    if timeline.source.duration_samples != info.duration_samples:
        raise CueListError(
            f"must be {info.duration_samples}, the length of {info.path.name}, got "
            f"{timeline.source.duration_samples}",
            path=cues,
            field="source.duration_samples",
        )
    return info


def _is_it(path: Path, sha256: str) -> bool:
    try:
        # First: what is no video is told at once, however large it is.
        open_media(path).close()
    except MediaError:
        return False
    return file_sha256(path) == sha256
