"""The command `check`: report what a new video will keep, without doing the work."""

import dataclasses

from temporal_foley.cli.batch import video_jobs
from temporal_foley.cli.console import Console
from temporal_foley.cli.shared import AudioTrack, Videos
from temporal_foley.errors import FoleyError, UsageError, one_line


@dataclasses.dataclass(frozen=True, kw_only=True)
class Check:
    """Report what `generate` would keep, shift, leave out or refuse of videos, and why.

    It reads each file once and tries the container with its first pictures; nothing is written.
    """

    videos: Videos
    """Video files, or folders of them."""
    audio_track: AudioTrack = None
    """The sound track to use: its number from 1, or all. (default: the usual one)"""

    def run(self, console: Console) -> int:
        """Print the lines; the exit code is 3 if a video is refused."""
        from temporal_foley.media.check import check_film
        from temporal_foley.media.probe import probe_video
        from temporal_foley.session.camera_timecode import timecode_warning

        refused = 0
        for job in video_jobs(self.videos, None):
            name = one_line(job.path.name)
            try:
                info = probe_video(job.path, self.audio_track or "")
                report = check_film(info)
            except UsageError:
                raise
            except FoleyError as error:
                console.print(f"{name}: refused: {_reason(error)}")
                refused += 1
                continue
            refused += bool(report.refused)
            for line in (*report.lines, *(f"left out: {w}" for w in timecode_warning(info))):
                console.print(f"{name}: {line}")
        return FoleyError.exit_code if refused else 0


def _reason(error: FoleyError) -> str:
    return error.what if error.remedy is None else f"{error.what}; {error.remedy}"
