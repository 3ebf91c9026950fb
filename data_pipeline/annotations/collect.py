"""Collect rows into clips: merge rows about one clip, and keep each source in one split."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence

from data_pipeline.annotations.records import (
    AnnotatedClip,
    LabelledEvent,
    Reading,
    Remark,
    RowError,
)
from data_pipeline.annotations.rows import Row

# A source in two splits stays in the later one: test sets stay comparable, only training loses.
_SPLIT_ORDER = ("train", "validation", "test")
_TEXT_LENGTH = 160

SAME_ROW = "says the same as an earlier row"


def collect(rows: Iterable[Row], read: Callable[[Row], AnnotatedClip]) -> Reading:
    """Read rows one by one; `read` raises RowError for those that cannot be used."""
    kept: list[tuple[Row, AnnotatedClip]] = []
    rejected: list[Remark] = []
    seen: set[AnnotatedClip] = set()
    for row in rows:
        try:
            if row.problem:
                raise RowError(row.problem)
            clip = read(row)
            if clip in seen:
                raise RowError(SAME_ROW)
        except ValueError as error:
            # A RowError, or what the records themselves refuse.
            rejected.append(remark(row, str(error)))
        else:
            seen.add(clip)
            kept.append((row, clip))
    clips, remarks = _settle_splits(kept)
    return Reading(
        clips=merge_clips(clips),
        rows_read=len(kept),
        rejected=tuple(rejected),
        remarks=tuple(remarks),
    )


def join(readings: Sequence[Reading]) -> Reading:
    """Join the readings of the files of one set; merge clips that several files describe."""
    split_of: dict[tuple[str, str], str] = {}
    for reading in readings:
        for clip in reading.clips:
            if clip.split is not None:
                key = (clip.origin, clip.source)
                split_of[key] = _later(split_of.get(key), clip.split)
    clips: list[AnnotatedClip] = []
    remarks: list[Remark] = []
    for reading in readings:
        for clip in reading.clips:
            split = split_of.get((clip.origin, clip.source))
            if clip.split is not None and clip.split != split:
                remarks.append(
                    _moved(Remark(file=clip.origin, line=0, text=clip.clip, reason=""), clip, split)
                )
            clips.append(dataclasses.replace(clip, split=split))
    return Reading(
        clips=merge_clips(clips),
        rows_read=sum(reading.rows_read for reading in readings),
        rejected=tuple(r for reading in readings for r in reading.rejected),
        remarks=(*(r for reading in readings for r in reading.remarks), *remarks),
    )


def remark(row: Row, reason: str) -> Remark:
    """Make a remark about a row."""
    return Remark(file=row.file, line=row.line, text=row.text.strip()[:_TEXT_LENGTH], reason=reason)


def merge_clips(clips: Iterable[AnnotatedClip]) -> tuple[AnnotatedClip, ...]:
    """Merge clips of the same part of a source, with the events of all, in order."""
    merged: dict[tuple[str, str, str, float, float | None], list[AnnotatedClip]] = {}
    for clip in clips:
        key = (clip.origin, clip.source, clip.clip, clip.start_s, clip.end_s)
        merged.setdefault(key, []).append(clip)
    return tuple(_merge(same) for same in merged.values())


def _merge(same: Sequence[AnnotatedClip]) -> AnnotatedClip:
    if len(same) == 1:
        return same[0]
    events = dict.fromkeys(event for clip in same for event in clip.events)
    return dataclasses.replace(same[0], events=tuple(sorted(events, key=_place)))


def _place(event: LabelledEvent) -> tuple[float, str, str]:
    return event.onset_s, event.name, event.modality


def _settle_splits(
    kept: Sequence[tuple[Row, AnnotatedClip]],
) -> tuple[list[AnnotatedClip], list[Remark]]:
    """Put each source into one split, and remark on rows that had to move."""
    split_of: dict[str, str] = {}
    for _, clip in kept:
        if clip.split is not None:
            split_of[clip.source] = _later(split_of.get(clip.source), clip.split)
    clips: list[AnnotatedClip] = []
    remarks: list[Remark] = []
    for row, clip in kept:
        split = split_of.get(clip.source)
        if clip.split is not None and split != clip.split:
            remarks.append(_moved(remark(row, ""), clip, split))
        clips.append(dataclasses.replace(clip, split=split) if split != clip.split else clip)
    return clips, remarks


def _moved(about: Remark, clip: AnnotatedClip, split: str | None) -> Remark:
    reason = f"moved from {clip.split} to {split}: its source is there too"
    return dataclasses.replace(about, reason=reason)


def _later(split: str | None, other: str) -> str:
    if split is None or split == other:
        return other
    order = [_SPLIT_ORDER.index(s) if s in _SPLIT_ORDER else -1 for s in (split, other)]
    return split if order[0] >= order[1] else other
