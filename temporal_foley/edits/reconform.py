"""Move the cues of a list to a new cut of its picture.

Cues follow their pictures. A hit follows the picture that its sound is aligned with, as a whole; a
sustained cue is cut like its shots and continues where they do. A shot that is used twice gets its
cues twice. Cues whose picture is gone are orphans and are listed.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from av.video.reformatter import VideoReformatter

from temporal_foley.cue_list import read_timeline, write_timeline
from temporal_foley.edits.cut_lists import read_cut_list
from temporal_foley.edits.match_lists import match_lists, with_pictures
from temporal_foley.edits.recut import CommonPart, Cut, match_cuts, signature
from temporal_foley.errors import CueListError, FoleyError, OutputExistsError
from temporal_foley.files.digest import file_sha256
from temporal_foley.files.output import output_folder
from temporal_foley.media.decode import decode_pictures
from temporal_foley.media.orientation import upright_picture
from temporal_foley.media.probe import VideoInfo, probe_video
from temporal_foley.session.camera_timecode import source_of
from temporal_foley.session.source_video import find_source_video
from temporal_foley.session.timecode import nearest_rate
from temporal_foley.timegrid import SAMPLE_RATE_HZ, to_sample
from temporal_foley.timeline import Cue, Source, Timeline, Track

SUSTAINED_KINDS = ("loop", "ambience")
SHORTEST_PIECE = SAMPLE_RATE_HZ // 20
"""A piece of a sustained cue shorter than a twentieth of a second is left out."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reconformed:
    """The cue list of the new cut, and the old cues that have no place in it."""

    timeline: Timeline
    orphans: tuple[Cue, ...]
    whole: int
    """Old cues that followed unchanged."""
    cut: int
    """Sustained cues of which a part followed, or that were split."""
    copies: int
    """Additional cues, of shots used twice and cues that were split."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReconformOutcome:
    """The path of the new cue list, and what happened to the old cues."""

    path: Path
    orphans_path: Path
    result: Reconformed
    stretches: tuple[CommonPart, ...]
    matched: float
    """The fraction of the new cut that is also in the old one."""

    @property
    def summary(self) -> str:
        """A description of what happened to the cues."""
        result = self.result
        told = [f"{result.whole} cues followed their shots"]
        if result.cut:
            told.append(f"{result.cut} cut with them")
        if result.copies:
            told.append(f"{result.copies} copies")
        told.append(f"{len(result.orphans)} orphans")
        stretches = "1 stretch" if len(self.stretches) == 1 else f"{len(self.stretches)} stretches"
        return (
            f"{', '.join(told)}; {self.matched:.0%} of the new cut, in {stretches}, is of the old"
        )


def reconform_cues(
    cues: Path,
    video: Path,
    out: Path | None = None,
    *,
    old_video: Path | None = None,
    lists: tuple[Path, Path] | None = None,
    rate: Fraction | None = None,
    overwrite: bool = False,
) -> ReconformOutcome:
    """Move a cue list to a new cut, as `VIDEO.foley/cues.json` in `out` or beside the cut.

    Args:
        cues: The cue list of the old cut.
        video: The new cut.
        out: Where the folder goes.
        old_video: The old cut, if it was moved. With `lists` it is not needed, and only used for
            what they leave open.
        lists: The cut lists of the old and of the new cut.
        rate: Frame rate of lists that do not contain it; that of the old video if not given.
        overwrite: Replace an earlier list.

    Raises:
        CueListError: The cue list is wrong, or its video is missing.
        MediaError: The new cut cannot be read.
        OutputExistsError: The new cue list exists, and `overwrite` is not given.
    """
    timeline = read_timeline(cues)
    folder = output_folder(video, out)
    target = folder / "cues.json"
    if target.exists() and (not overwrite or target.samefile(cues)):
        raise OutputExistsError("exists", path=target, remedy="use --overwrite or --out DIR")
    earlier = find_source_video(timeline, cues, old_video)
    if earlier is None and lists is None:
        raise CueListError(
            f"its video {timeline.source.name}, which the new cut is compared with, is missing",
            path=cues,
            remedy="use --old-video FILE",
        )
    new = probe_video(video)
    if lists is None:
        assert earlier is not None
        stretches = match_videos(probe_video(earlier), new)
    else:
        stretches = _match_by_lists(timeline, lists, rate, earlier, new)
    result = reconform(timeline, stretches, source_of(new, file_sha256(new.path)))
    orphans = folder / "orphans.tsv"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part = target.with_name(target.name + ".part")
        write_timeline(result.timeline, part)
        part.replace(target)
        orphans.write_text(_table(result.orphans), encoding="utf-8")
    except OSError as error:
        raise FoleyError(f"cannot be written ({error.strerror})", path=folder) from None
    covered = sum((s.end - s.start for s in stretches), Fraction(0))
    return ReconformOutcome(
        path=target,
        orphans_path=orphans,
        result=result,
        stretches=tuple(stretches),
        matched=float(covered / new.duration) if new.duration else 0.0,
    )


def _match_by_lists(
    timeline: Timeline,
    lists: tuple[Path, Path],
    rate: Fraction | None,
    earlier: Path | None,
    new: VideoInfo,
) -> list[CommonPart]:
    """Match two cuts by their lists, and what these leave open by the pictures, if both exist."""
    rate = rate or nearest_rate(timeline.source.video_rate)
    before, after = (read_cut_list(path, rate, timeline.start_timecode) for path in lists)
    parts, left = match_lists(before, after)
    if left and earlier is not None:
        parts = with_pictures(parts, left, match_videos(probe_video(earlier), new))
    return parts


def match_videos(old: VideoInfo, new: VideoInfo) -> list[CommonPart]:
    """Find the parts of the new cut that are also in the old one."""
    return match_cuts(_look(old), _look(new))


def reconform(timeline: Timeline, stretches: Sequence[CommonPart], source: Source) -> Reconformed:
    """Move the cues of a timeline to where parts of a new cut place them."""
    taken: set[str] = set()
    orphans: list[Cue] = []
    tracks: list[Track] = []
    whole = cut = copies = 0
    for track in timeline.tracks:
        placed: list[Cue] = []
        for cue in track.cues:
            is_sustained = track.kind in SUSTAINED_KINDS or cue.loop is not None
            follow = _pieces if is_sustained else _hits
            own = list(follow(cue, stretches, source.duration_samples))
            if not own:
                orphans.append(cue)
                continue
            if len(own) == 1 and own[0].length == cue.length:
                whole += 1
            elif is_sustained:
                cut += 1
            else:
                whole += 1
            copies += len(own) - 1
            placed += own
        if placed:
            placed = [_with_free_id(cue, taken) for cue in placed]
            placed.sort(key=lambda cue: (cue.onset_sample, cue.id))
            tracks.append(dataclasses.replace(track, cues=tuple(placed)))
    return Reconformed(
        # The scenes are those of the old cut.
        timeline=dataclasses.replace(timeline, source=source, tracks=tuple(tracks), scenes=()),
        orphans=tuple(orphans),
        whole=whole,
        cut=cut,
        copies=copies,
    )


def _hits(cue: Cue, stretches: Sequence[CommonPart], duration: int) -> Iterator[Cue]:
    """Move a hit to each place of the picture that it is aligned with."""
    for stretch in stretches:
        by, first, last = _range(stretch)
        if first <= cue.picture_sample < last:
            moved = _placed(cue, 0, cue.length, by, duration)
            if moved is not None:
                yield moved


def _pieces(cue: Cue, stretches: Sequence[CommonPart], duration: int) -> Iterator[Cue]:
    """Cut a sustained cue like its shots; what continues without a break stays one piece."""
    pieces: list[tuple[int, int, int]] = []
    for stretch in stretches:
        by, first, last = _range(stretch)
        first, last = max(first, cue.onset_sample), min(last, cue.offset_sample)
        if last <= first:
            continue
        if pieces and pieces[-1][1] == first and pieces[-1][2] == by:
            pieces[-1] = (pieces[-1][0], last, by)
        else:
            pieces.append((first, last, by))
    for first, last, by in pieces:
        if last - first >= min(SHORTEST_PIECE, cue.length):
            piece = _placed(cue, first - cue.onset_sample, last - cue.onset_sample, by, duration)
            if piece is not None:
                yield piece


def _range(stretch: CommonPart) -> tuple[int, int, int]:
    """Return how far a part moves cues, and which samples of the old cut it has."""
    by = -to_sample(stretch.shift)
    return by, to_sample(stretch.start) - by, to_sample(stretch.end) - by


def _placed(cue: Cue, first: int, last: int, by: int, duration: int) -> Cue | None:
    """Return the part `[first, last)` of a cue, moved; None if it is outside the picture."""
    first = max(first, -(cue.onset_sample + by))
    last = min(last, duration - cue.onset_sample - by)
    if last <= first:
        return None
    length = last - first
    start, end = cue.source_start, cue.source_end
    if cue.loop is None:
        start, end = start + first, start + last
    peak = cue.evidence.peak_s
    evidence = cue.evidence
    if peak is not None:
        evidence = dataclasses.replace(evidence, peak_s=peak + by / SAMPLE_RATE_HZ)
    fade_in = min(cue.fade_in, length)
    return dataclasses.replace(
        cue,
        onset_sample=cue.onset_sample + by + first,
        offset_sample=cue.onset_sample + by + last,
        source_start=start,
        source_end=end,
        pan=tuple((at - first, value) for at, value in cue.pan) if len(cue.pan) > 1 else cue.pan,
        level=(
            tuple((at - first, value) for at, value in cue.level)
            if len(cue.level) > 1
            else cue.level
        ),
        fade_in=fade_in,
        fade_out=min(cue.fade_out, length - fade_in),
        evidence=evidence,
    )


def _with_free_id(cue: Cue, taken: set[str]) -> Cue:
    name, number = cue.id, 1
    while name in taken:
        number += 1
        name = f"{cue.id}-{number}"
    taken.add(name)
    return dataclasses.replace(cue, id=name)


def _look(info: VideoInfo) -> Cut:
    """Return the time and the signature of each picture of a video."""
    ticks = [int(tick) for tick in info.pictures.ticks]
    converter = VideoReformatter()
    times: list[Fraction] = []
    rows: list[np.ndarray] = []
    for tick, frame in decode_pictures(info, ticks):
        times.append(tick * info.pictures.time_base - info.start)
        rows.append(signature(upright_picture(frame, info.orientation, converter)))
    return Cut(times=times, rows=np.stack(rows), end=info.duration)


def _table(orphans: Sequence[Cue]) -> str:
    rows = [("id", "effect", "onset", "offset", "status", "locked", "take")]
    for cue in orphans:
        onset, offset = f"{float(cue.onset):.6f}", f"{float(cue.offset):.6f}"
        locked = "yes" if cue.locked else "no"
        rows.append((cue.id, cue.effect, onset, offset, cue.status, locked, cue.asset.name))
    return "".join("\t".join(" ".join(cell.split()) for cell in row) + "\n" for row in rows)
