"""Write lists of times: Audacity labels and WebVTT captions."""

import html
from collections.abc import Iterable, Sequence

from temporal_foley.session.names import clean_name, cue_names, title_of
from temporal_foley.timegrid import SAMPLE_RATE_HZ
from temporal_foley.timeline import Cue, Timeline, without_rejected

CAPTION_GAP = SAMPLE_RATE_HZ
"""Sounds of one effect separated by less silence than this share a caption."""
SHORTEST_CAPTION = SAMPLE_RATE_HZ
"""A caption stays for at least a second, so that it can be read."""


def audacity_text(timeline: Timeline) -> str:
    """Return a label track: onset, offset and name, separated by tabs, one line per cue."""
    names = cue_names(timeline)
    rows = (
        f"{_seconds(cue.onset_sample)}\t{_seconds(cue.offset_sample)}\t{names[cue.id]}\n"
        for cue in without_rejected(timeline).cues
    )
    return "".join(rows)


def captions_text(timeline: Timeline) -> str:
    """Return captions of the effects for people who cannot hear them (W3C WebVTT).

    Hits that follow each other closely share a caption; captions overlap where sounds do.
    """
    spans = [
        (begin, end, track.effect)
        for track in without_rejected(timeline).tracks
        for begin, end in _spans(track.cues, timeline.source.duration_samples)
    ]
    blocks = [
        f"{_clock(begin)} --> {_clock(end)}\n[{html.escape(title_of(effect), quote=False)}]\n"
        for begin, end, effect in sorted(spans)
    ]
    title = html.escape(clean_name(timeline.source.name), quote=False).replace("--", "- -")
    return "\n".join([f"WEBVTT - {title}\n", *blocks])


def _spans(cues: Sequence[Cue], duration: int) -> Iterable[tuple[int, int]]:
    spans: list[list[int]] = []
    for cue in sorted(cues, key=lambda cue: cue.onset_sample):
        begin, end = cue.onset_sample, max(cue.offset_sample, cue.onset_sample + SHORTEST_CAPTION)
        if spans and begin <= spans[-1][1] + CAPTION_GAP:
            spans[-1][1] = max(spans[-1][1], end)
        else:
            spans.append([begin, end])
    return [(begin, min(end, max(duration, begin + 1))) for begin, end in spans]


def _clock(sample: int) -> str:
    milliseconds = (2_000 * sample + SAMPLE_RATE_HZ) // (2 * SAMPLE_RATE_HZ)
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:03d}"


def _seconds(sample: int) -> str:
    """Write microseconds: one sample is twenty of them."""
    return f"{sample / SAMPLE_RATE_HZ:.6f}"
