"""Draw the overview: probabilities, events and waveforms over time, as a PNG."""

import dataclasses
import functools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from temporal_foley.spotting.detections import Detections
from temporal_foley.spotting.why_no_cue import explain_missing
from temporal_foley.timegrid import SAMPLE_RATE_HZ
from temporal_foley.timeline import SILENT_STATUSES, Cue, Timeline, Track, without_rejected

BUS_COLOURS = {"hard_effects": "#c2452d", "foley": "#2a6f97", "backgrounds": "#3f7d4e"}
INK, FAINT, PAPER = "#22262b", "#9aa1a9", "#ffffff"
SHOWN_PROBABILITY = 0.25
"""An effect without a cue gets a lane if its probability ever reaches this."""
MAX_QUIET_LANES = 6
LEFT, RIGHT = 0.135, 0.985
"""Ends of the time axis, as fractions of the width."""
WIDTH_IN, LANE_IN, STRIP_IN, DPI = 13.0, 0.84, 0.95, 100
LETTER_IN = 0.049
"""Average width of a character of a reason."""
_EASTERN_FONTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei", "Droid Sans Fallback", "Microsoft YaHei", "PingFang SC", "SimHei",
    "Hiragino Sans", "Arial Unicode MS",
)  # fmt: skip
FEWEST_LETTERS = 12
"""A reason cut to fewer characters than this is not drawn."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RenderedSound:
    """What the overview shows of the rendered sound.

    `envelopes` are the lowest and highest sample of each column of time, by the name of a stem (an
    effect, or `original`) or `mix`.
    """

    envelopes: Mapping[str, Float[np.ndarray, "columns 2"]]
    loudness_lufs: float | None
    true_peak_dbtp: float | None


def draw_overview(path: Path, timeline: Timeline, sound: RenderedSound, seen: Detections) -> None:
    """Draw thumbnails, a lane for each detected effect, and the mix, over one time axis."""
    from matplotlib import rc_context

    with rc_context({"font.family": [*font_families()]}):
        _draw_figure(path, timeline, sound, seen)


def _draw_figure(path: Path, timeline: Timeline, sound: RenderedSound, seen: Detections) -> None:
    # Figure without pyplot: no global state, no window system, and half of the import time.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullLocator

    tracks = {track.effect: track for track in timeline.tracks}
    envelopes = sound.envelopes
    quiet = _notable_without_cues(seen, tracks)
    lanes = [*tracks, *quiet]
    sounds = [name for name in ("original",) if name in envelopes]
    duration = float(timeline.source.duration)

    heights = [STRIP_IN, *[LANE_IN] * (len(lanes) + len(sounds) + 1)]
    figure = Figure(figsize=(WIDTH_IN, sum(heights) + 1.25), dpi=DPI, facecolor=PAPER)
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(heights), 1, gridspec_kw={"height_ratios": heights, "hspace": 0.12})
    top = 1 - 0.62 / figure.get_figheight()
    figure.subplots_adjust(left=LEFT, right=RIGHT, top=top, bottom=0.5 / figure.get_figheight())

    _draw_title(figure, timeline, sound)
    # A picture's width on the time axis; the detector may have squeezed it, so the source's shape.
    shape = timeline.source.width / timeline.source.height
    width = STRIP_IN * shape / (WIDTH_IN * (RIGHT - LEFT)) * duration
    _draw_thumbnails(axes[0], seen, duration, width)
    _draw_scenes(axes[0], timeline)
    for axis, name in zip(axes[1:], lanes, strict=False):
        _draw_lane(axis, name, seen, tracks.get(name), envelopes.get(name), duration)
    for axis, name in zip(axes[1 + len(lanes) :], sounds, strict=False):
        _draw_waveform(axis, envelopes[name], duration, FAINT)
        _label(axis, "original sound")
    _draw_waveform(axes[-1], envelopes["mix"], duration, INK)
    _label(axes[-1], "mix")
    for axis in axes:
        axis.set_xlim(0.0, duration)
        # No ticks but those of the last lane: making them is half of the drawing time.
        axis.xaxis.set_major_locator(NullLocator())
        axis.yaxis.set_major_locator(NullLocator())
        for side in ("top", "right", "left"):
            axis.spines[side].set_visible(False)
        axis.spines["bottom"].set_color("#d8dce0")
    _draw_time_axis(axes[-1], duration)
    figure.savefig(path, format="png", facecolor=PAPER, metadata={"Software": "temporal-foley"})


def _notable_without_cues(seen: Detections, tracks: dict[str, Track]) -> list[str]:
    """Return the most probable effects without a cue."""
    if not len(seen.probabilities):
        return []
    peaks = seen.probabilities.max(axis=0)
    order = np.argsort(-peaks, kind="stable")
    names = [seen.vocabulary.names[i] for i in order if peaks[i] >= SHOWN_PROBABILITY]
    return [name for name in names if name not in tracks][:MAX_QUIET_LANES]


def _draw_title(figure: Any, timeline: Timeline, sound: RenderedSound) -> None:
    inches = figure.get_figheight()
    heard_only = without_rejected(timeline)
    count = len(heard_only.cues)
    rejected = sum(cue.status == "rejected" for cue in timeline.cues)
    already = sum(cue.status == "already_heard" for cue in timeline.cues)
    found = f"{_many(count, 'cue')} on {_many(len(heard_only.tracks), 'track')}"
    if not count:
        found = "nothing added" if rejected or already else "nothing to hear was found"
    if already:
        found += f", {already} already in the original"
    if rejected:
        found += f", {rejected} rejected"
    loudness = "silent"
    if sound.loudness_lufs is not None:
        loudness = f"mix {sound.loudness_lufs:.1f} LUFS, {sound.true_peak_dbtp:.1f} dBTP"
    name = printable(timeline.source.name)
    # parse_math off: a dollar sign in a file name is a dollar sign.
    style = {"parse_math": False, "color": INK, "va": "top"}
    figure.text(0.012, 1 - 0.12 / inches, name, fontsize=13, fontweight="bold", **style)
    facts = f"{_clock(float(timeline.source.duration))}   ·   {found}   ·   {loudness}"
    figure.text(0.012, 1 - 0.37 / inches, facts, fontsize=9.5, **style)


def _draw_thumbnails(axis: Any, seen: Detections, duration: float, width: float) -> None:
    """Draw as many pictures side by side at their times as fit without overlap."""
    axis.set_ylim(0.0, 1.0)
    room = -1.0
    for seconds, image in seen.thumbnails:
        left = min(max(seconds - width / 2, 0.0), max(duration - width, 0.0))
        if left < room:
            continue
        axis.imshow(image, extent=(left, left + width, 0.0, 1.0), aspect="auto", zorder=2)
        room = left + width * 1.03
    axis.set_ylim(0.0, 1.0)


def _draw_scenes(axis: Any, timeline: Timeline) -> None:
    """Draw where scenes begin, if there are several, with their numbers."""
    if len(timeline.scenes) < 2:
        return
    starts = [scene.onset_sample / SAMPLE_RATE_HZ for scene in timeline.scenes]
    axis.vlines(starts[1:], 0.0, 1.0, color=INK, linewidth=1.6, zorder=3)
    paper = {"facecolor": PAPER, "alpha": 0.8, "linewidth": 0, "pad": 1.0}
    for number, start in enumerate(starts, 1):
        style = {"fontsize": 7, "color": INK, "va": "top", "zorder": 4, "clip_on": True}
        axis.text(start, 0.97, f" scene {number}", bbox=paper, **style)


def _draw_lane(
    axis: Any,
    name: str,
    seen: Detections,
    track: Track | None,
    envelope: Float[np.ndarray, "columns 2"] | None,
    duration: float,
) -> None:
    """Draw one effect: its probability and threshold above, waveform and cues below."""
    effect = seen.vocabulary[name] if name in seen.vocabulary.names else None
    cues = () if track is None else track.cues
    heard = [cue for cue in cues if cue.status not in SILENT_STATUSES]
    told = [cue for cue in cues if cue.status != "rejected"]
    bus = track.bus if track is not None else effect.bus if effect is not None else ""
    colour = BUS_COLOURS.get(bus, INK) if told else FAINT
    axis.set_ylim(-1.0, 1.05)
    axis.axhline(0.0, color="#d8dce0", linewidth=0.6)
    if effect is not None and len(seen.probabilities):
        # A step curve: a probability holds for the whole of its frame.
        edges = [float(seen.grid.time(frame)) for frame in range(seen.grid.frames + 1)]
        values = seen.probabilities[:, seen.vocabulary.index(name)]
        axis.stairs(values, edges, fill=True, color=colour, alpha=0.28, linewidth=0)
        axis.stairs(values, edges, color=colour, linewidth=0.9, baseline=None)
        axis.axhline(effect.threshold_on, color=colour, linewidth=0.6, linestyle=(0, (4, 4)))
    if envelope is not None:
        _draw_waveform(axis, envelope, duration, colour, centre=-0.42, height=0.36)
    _draw_cues(axis, cues, colour)
    _draw_evidence(axis, told, seen, colour)
    letters_s = LETTER_IN * duration / (WIDTH_IN * (RIGHT - LEFT))
    paper = {"facecolor": PAPER, "alpha": 0.6, "linewidth": 0, "pad": 0.6}
    style = {"fontsize": 6.5, "color": INK, "va": "bottom", "parse_math": False, "bbox": paper}
    for time, text in why_texts(told, duration, letters_s):
        axis.text(time, -0.99, text, zorder=4, **style)
    for time, text in texts_of_missing(name, seen, cues, duration, letters_s):
        axis.text(time, 0.03, text, zorder=4, **style)
    below = None if heard else "in the original" if told else "rejected" if cues else "no cue"
    _label(axis, printable(name.replace("_", " ")), below, colour)


def _draw_cues(axis: Any, cues: Sequence[Cue], colour: str) -> None:
    """Draw cues as bars, and silent ones as empty frames; rejected ones are struck out.

    A film has thousands of cues: they are drawn together, since each artist takes memory.
    """
    heard = [cue for cue in cues if cue.status not in SILENT_STATUSES]
    spans = [(float(cue.onset), float(cue.offset - cue.onset)) for cue in heard]
    axis.broken_barh(spans, (-1.0, 1.0), facecolor=colour, alpha=0.14, linewidth=0)
    axis.vlines([onset for onset, _ in spans], -1.0, 0.0, color=colour, linewidth=0.7, alpha=0.8)
    frames: list[tuple[float, float]] = []
    strokes: list[tuple[float, float]] = []
    for cue in cues:
        if cue.status in SILENT_STATUSES:
            left, right = float(cue.onset), float(cue.offset)
            corners = ((left, -0.9), (right, -0.9), (right, -0.1), (left, -0.1), (left, -0.9))
            frames += [*corners, _GAP]
            if cue.status == "rejected":
                strokes += [(left, -0.9), (right, -0.1), _GAP]
    _draw_line(axis, frames, color=FAINT, linewidth=0.8, linestyle=(0, (2, 2)))
    _draw_line(axis, strokes, color=FAINT, linewidth=0.8)


_GAP = (math.nan, math.nan)
"""Ends a segment of a line."""


def _draw_line(axis: Any, points: Sequence[tuple[float, float]], **style: Any) -> None:
    """Draw a line with several segments."""
    if points:
        axis.plot([x for x, _ in points], [y for _, y in points], **style)


def _draw_evidence(axis: Any, cues: Sequence[Cue], seen: Detections, colour: str) -> None:
    """Mark where an effect is most probable, how strongly the picture moves, and level curves."""
    peaks: list[tuple[float, float]] = []
    strokes: list[tuple[float, float]] = []
    levels: list[tuple[float, float]] = []
    for cue in cues:
        evidence = cue.evidence
        known = cue.effect in seen.vocabulary.names and len(seen.probabilities) > 0
        if evidence.peak_s is not None and known:
            frame = min(max(seen.grid.frame_at(evidence.peak_s), 0), len(seen.probabilities) - 1)
            peak = seen.probabilities[frame, seen.vocabulary.index(cue.effect)]
            peaks.append((evidence.peak_s, float(peak)))
        if evidence.motion is not None:
            met = cue.picture_sample / SAMPLE_RATE_HZ
            strokes += [(met, 0.0), (met, 0.3 * evidence.motion), _GAP]
        if len(cue.level) > 1:
            # Full level at the top of the waveform, silence at its middle.
            levels += [
                (
                    float(cue.onset) + place / SAMPLE_RATE_HZ,
                    -0.42 + 0.36 * min(10.0 ** (level / 20.0), 1.0),
                )
                for place, level in cue.level
            ]
            levels.append(_GAP)
    _draw_line(axis, peaks, linestyle="", marker=".", color=colour, markersize=5)
    _draw_line(axis, strokes, color=INK, linewidth=1.4)
    _draw_line(axis, levels, color=INK, linewidth=0.7, linestyle=(0, (3, 2)), alpha=0.7)


def why_texts(cues: Sequence[Cue], duration: float, letter_s: float) -> Iterator[tuple[float, str]]:
    """Yield the reasons of cues that fit, with the time at which the text begins.

    A character takes `letter_s` seconds of the axis. Of hits in a row only the first has a text.
    """
    free = 0.0
    starts = [cue for cue in cues if not _is_later_hit(cue)]
    ends = [*(float(cue.onset) for cue in starts), duration][1:]
    for cue, end in zip(starts, ends, strict=True):
        time = max(float(cue.onset), free)
        letters = int((end - time) / letter_s)
        text = printable(cue.reason.replace("probability ", "p "), max(letters, 1))
        if cue.reason and letters >= FEWEST_LETTERS:
            free = time + len(text) * letter_s
            yield time, text


def texts_of_missing(
    effect: str, seen: Detections, cues: Sequence[Cue], duration: float, letter_s: float
) -> Iterator[tuple[float, str]]:
    """Yield why a probability above the line has no cue, as far as there is room.

    A text that would not fit behind its stretch ends with the video.
    """
    free = 0.0
    for one in explain_missing(seen, cues):
        time = max(min(one.start, duration - len(one.reason) * letter_s), free)
        letters = int((duration - time) / letter_s + 1e-6)
        if one.effect == effect and letters >= FEWEST_LETTERS:
            text = printable(one.reason, letters)
            free = time + len(text) * letter_s
            yield time, text


def _is_later_hit(cue: Cue) -> bool:
    hit = re.search(r"; hit (\d+) of \d+", cue.reason)
    return hit is not None and hit[1] != "1"


def _draw_waveform(
    axis: Any,
    envelope: Float[np.ndarray, "columns 2"],
    duration: float,
    colour: str,
    centre: float = 0.0,
    height: float = 1.0,
) -> None:
    """Fill between the lowest and highest sample of each column, scaled to the lane."""
    if not len(envelope):
        return
    peak = float(np.abs(envelope).max())
    scale = height / peak if peak > 0 else 0.0
    times = (np.arange(len(envelope)) + 0.5) * duration / len(envelope)
    low, high = centre + scale * envelope[:, 0], centre + scale * envelope[:, 1]
    axis.fill_between(times, low, high, color=colour, linewidth=0.3, alpha=0.9)


def _label(axis: Any, text: str, below: str | None = None, colour: str = INK) -> None:
    style = {"transform": axis.transAxes, "ha": "right", "parse_math": False}
    axis.text(-0.012, 0.56, text, va="center", fontsize=9.5, color=colour, **style)
    if below is not None:
        axis.text(-0.012, 0.22, below, va="center", fontsize=7.5, color=FAINT, **style)


def _draw_time_axis(axis: Any, duration: float) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    steps = [1, 1.5, 2, 3, 6, 10] if duration > 90 else [1, 2, 5, 10]
    axis.xaxis.set_major_locator(MaxNLocator(nbins=12, steps=steps))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: _clock(seconds)))
    axis.tick_params(axis="x", colors=INK, labelsize=8.5, length=3)


def printable(text: str, limit: int = 90) -> str:
    """Return a name without characters that a font cannot draw, and not too long."""
    shown = "".join(c if _can_draw(c) else "\N{REPLACEMENT CHARACTER}" for c in text)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


@functools.cache
def _can_draw(letter: str) -> bool:
    """Return whether one of the fonts has a letter: for others matplotlib warns."""
    if letter.isascii():
        return letter.isprintable()
    from matplotlib.font_manager import findfont
    from matplotlib.ft2font import FT2Font

    fonts = (FT2Font(findfont(name)) for name in font_families())
    return letter.isprintable() and any(font.get_char_index(ord(letter)) for font in fonts)


@functools.cache
def font_families() -> tuple[str, ...]:
    """Return matplotlib's own font, and one for Chinese, Japanese and Korean if it is installed."""
    from matplotlib.font_manager import fontManager

    known = set(fontManager.get_font_names())
    others = [name for name in _EASTERN_FONTS if name in known]
    return ("DejaVu Sans", *others[:1])


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _clock(seconds: float) -> str:
    """Return minutes and seconds, with fractions only if there are any."""
    minutes, rest = divmod(round(max(seconds, 0.0), 2), 60)
    return f"{int(minutes)}:{rest:05.2f}" if rest % 1 else f"{int(minutes)}:{int(rest):02d}"
