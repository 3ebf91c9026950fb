"""Download the clips of a published list with yt-dlp, which the user installs.

    OUT/clips/SOURCE_START_END.mp4     the part that the list names
    OUT/clips.tsv                      the rows of the list, for the downloaded clips
    OUT/clips.jsonl                    every attempt and its outcome, to resume from

By default only videos that the site marks as Creative Commons are downloaded.
"""

import contextlib
import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from data_pipeline.acquire.openverse import AcquireError
from data_pipeline.acquire.web import FetchError, LaterError, Web
from data_pipeline.annotations.dcase import write_table
from data_pipeline.annotations.records import AnnotatedClip
from data_pipeline.features.journal import Journal

SITE = "https://www.youtube.com/watch?v="
FOLDER = "clips"
TABLE = "clips.tsv"
JOURNAL = "clips.jsonl"

_NAME = re.compile(r"[A-Za-z0-9_-]{11}")
_LICENCE = "license~='(?i)creative commons'"
_TOLD = "after_move:%(.{license,title,uploader,uploader_url,webpage_url})j"
# What yt-dlp prints about a video that is gone for good.
_GONE = re.compile(
    r"unavailable|private video|removed|terminated|not available|sign in|age.restricted|"
    r"members.only|copyright|does not exist",
    re.IGNORECASE,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClipSetConfig:
    """Which clips are downloaded, and in what quality."""

    count: int | None = None
    """Most clips; None: all of the list."""
    any_licence: bool = False
    """Download videos of any licence; you must know that you may."""
    max_height: int = 360
    max_bytes: int = 200_000_000
    timeout_s: float = 300.0
    """Most time for one clip."""
    pause_s: float = 5.0
    """Wait between clips."""

    def __post_init__(self) -> None:
        if self.count is not None and self.count < 1:
            raise ValueError(f"clips.count must be at least 1, got {self.count}")
        if self.pause_s < 0:
            raise ValueError(f"clips.pause_s must be at least 0, got {self.pause_s}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Tools:
    yt_dlp: str
    ffmpeg: str


def acquire_clips(
    out: Path,
    clips: Iterable[AnnotatedClip],
    web: Web,
    config: ClipSetConfig = ClipSetConfig(),
    *,
    site: str = SITE,
    sleep: Callable[[float], None] = time.sleep,
    report: Callable[[str], None] = lambda line: None,
) -> Counter[str]:
    """Download the clips of a list, resuming an earlier run; return the number of each outcome.

    Raises:
        AcquireError: yt-dlp or ffmpeg is not installed.
    """
    tools = _find_tools()
    wanted: dict[str, list[AnnotatedClip]] = {}
    for clip in clips:
        wanted.setdefault(_key(clip), []).append(clip)
    fates: Counter[str] = Counter()
    with Journal(out / JOURNAL) as journal:
        kept = sum("file" in (journal.get(key) or {}) for key in wanted)
        tried = 0
        try:
            for key, same in wanted.items():
                if config.count is not None and kept >= config.count:
                    break
                if key in journal:
                    fates["known from before"] += 1
                    continue
                if tried:
                    sleep(config.pause_s)
                tried += 1
                fate = _acquire(out / FOLDER, key, same[0], web, config, tools, site, journal)
                kept += fate == "kept"
                fates[fate] += 1
                report(f"{key}: {fate}")
        finally:
            _write_rows(out, wanted, journal)
    return fates


def _find_tools() -> _Tools:
    yt_dlp, ffmpeg = shutil.which("yt-dlp"), shutil.which("ffmpeg")
    if yt_dlp is None:
        raise AcquireError("yt-dlp: not installed; pip install yt-dlp, or see its own page")
    if ffmpeg is None:
        raise AcquireError("ffmpeg: not installed; yt-dlp needs it to cut a clip out of a video")
    return _Tools(yt_dlp=yt_dlp, ffmpeg=ffmpeg)


def _key(clip: AnnotatedClip) -> str:
    end = "end" if clip.end_s is None else f"{clip.end_s:.3f}"
    return f"{clip.source}_{clip.start_s:.3f}_{end}"


def _acquire(
    folder: Path,
    key: str,
    clip: AnnotatedClip,
    web: Web,
    config: ClipSetConfig,
    tools: _Tools,
    site: str,
    journal: Journal,
) -> str:
    """Download one clip, write its outcome to the journal and return it."""
    try:
        if not _NAME.fullmatch(clip.source):
            raise FetchError("has no video id")
        url = f"{site}{clip.source}"
        folder.mkdir(parents=True, exist_ok=True)
        if not web.is_allowed(url):
            raise FetchError("robots.txt does not allow it")
        told = _run(_words(tools, folder / key, url, clip, config), config.timeout_s)
        if told is None or not (folder / f"{key}.mp4").is_file():
            raise FetchError("has no open licence, or is too long")
    except LaterError as error:
        return f"put off: {error}"
    except FetchError as error:
        journal.add(key, rejected=str(error))
        return str(error)
    journal.add(key, file=f"{key}.mp4", **told)
    return "kept"


def _words(
    tools: _Tools, stem: Path, url: str, clip: AnnotatedClip, config: ClipSetConfig
) -> list[str]:
    # `?`: a site that does not state the height has one video only.
    height = f"[height<=?{config.max_height}]"
    end = "inf" if clip.end_s is None else f"{clip.end_s:.3f}"
    return [
        tools.yt_dlp,
        "--ignore-config",
        "--no-playlist",
        "--no-progress",
        "--no-cache-dir",
        "--format",
        f"b{height}[ext=mp4]/bv*{height}+ba/b{height}",
        "--merge-output-format",
        "mp4",
        "--remux-video",
        "mp4",
        "--download-sections",
        f"*{clip.start_s:.3f}-{end}",
        # Else a clip begins at the keyframe before, and its labels are shifted.
        "--force-keyframes-at-cuts",
        "--ffmpeg-location",
        tools.ffmpeg,
        "--max-filesize",
        str(config.max_bytes),
        "--socket-timeout",
        "30",
        "--retries",
        "2",
        "--print",
        _TOLD,
        "--output",
        # yt-dlp expands percent signs; a folder's name may contain some.
        f"{str(stem).replace('%', '%%')}.%(ext)s",
        *(() if config.any_licence else ("--match-filters", _LICENCE)),
        "--",
        url,
    ]


def _run(words: list[str], timeout_s: float) -> dict[str, str] | None:
    """Run yt-dlp; return its record of the video, None if it downloaded none.

    Raises:
        FetchError: The video is gone for good.
        LaterError: It failed for another reason.
    """
    # In its own process group, so that its ffmpeg ends with it.
    with subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        process_group=0,
    ) as process:
        try:
            said, complaint = process.communicate(timeout=timeout_s)
        except BaseException as error:
            _end_group(process)
            if isinstance(error, subprocess.TimeoutExpired):
                raise LaterError("takes too long") from None
            raise
    if process.returncode != 0:
        if _GONE.search(complaint):
            raise FetchError("the video is gone or restricted")
        raise LaterError("yt-dlp fails")
    for line in reversed(said.splitlines()):
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if isinstance(told, dict):
            return {key: str(value) for key, value in told.items() if value is not None}
    return None


def _end_group(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _write_rows(out: Path, wanted: dict[str, list[AnnotatedClip]], journal: Journal) -> None:
    """Write the rows of the list whose clips exist, under their file names."""
    rows = []
    for key, same in wanted.items():
        entry = journal.get(key) or {}
        if "file" in entry and (out / FOLDER / entry["file"]).is_file():
            licence = entry.get("license") or "as its page says"
            rows += [dataclasses.replace(c, clip=entry["file"], licence=licence) for c in same]
    if rows:
        write_table(out / TABLE, rows, overwrite=True)
