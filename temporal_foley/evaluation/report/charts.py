"""Numbers in, drawings as SVG text out: curves, dots with intervals, heat maps, lanes over time.

Colours are classes of the page's style sheet, so a drawing follows the light or dark page it is on.
"""

import dataclasses
import math
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from temporal_foley.evaluation.confusion import row_shares

COLOURS = 4
Range = tuple[float, float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Series:
    """A line through points; `colour` is its place among those of the page."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    colour: int = 0
    has_dots: bool = False


def line_chart(
    series: Sequence[Series],
    *,
    x_label: str,
    y_label: str,
    title: str = "",
    x_range: Range = (0.0, 1.0),
    y_range: Range = (0.0, 1.0),
    width: int = 400,
    height: int = 300,
    guide: tuple[tuple[float, float], tuple[float, float]] | None = None,
) -> str:
    """Draw lines over two axes; a guide is a dashed line from one point to another."""
    left, right, top, bottom = 42, 10, 22 if title else 10, 36
    inner_width, inner_height = width - left - right, height - top - bottom

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            left + inner_width * (x - x_range[0]) / (x_range[1] - x_range[0]),
            top + inner_height * (1.0 - (y - y_range[0]) / (y_range[1] - y_range[0])),
        )

    parts = []
    if title:
        parts.append(f'<text class="name strong" x="{left}" y="14">{escape(title)}</text>')
    few = width < 260
    for tick in _ticks(x_range, 2 if few else 5):
        x, y = at(tick, y_range[0])
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{x:.1f}" y="{y + 14:.1f}" text-anchor="middle">{tick:g}</text>')
    for tick in _ticks(y_range, 2 if few else 5):
        x, y = at(x_range[0], tick)
        parts.append(
            f'<line class="grid" x1="{x:.1f}" x2="{width - right}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        parts.append(f'<text x="{x - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    middle = left + inner_width / 2
    parts.append(
        f'<text x="{middle:.1f}" y="{height - 4}" text-anchor="middle">{escape(x_label)}</text>'
    )
    parts.append(
        f'<text transform="translate(11 {top + inner_height / 2:.1f}) rotate(-90)" '
        f'text-anchor="middle">{escape(y_label)}</text>'
    )
    if guide is not None:
        (x1, y1), (x2, y2) = at(*guide[0]), at(*guide[1])
        parts.append(
            f'<line class="guide" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'
        )
    # The first series is what the page is about: it lies on top.
    for line in reversed(series):
        points = [at(x, y) for x, y in zip(line.x, line.y, strict=True)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        colour = line.colour % COLOURS
        tip = f"<title>{escape(line.name)}</title>"
        parts.append(f'<polyline class="curve k{colour}" points="{path}">{tip}</polyline>')
        if line.has_dots:
            for (x, y), given_x, given_y in zip(points, line.x, line.y, strict=True):
                tip = f"<title>{escape(line.name)}: {given_x:.3g}, {given_y:.3g}</title>"
                parts.append(
                    f'<circle class="d{colour}" cx="{x:.1f}" cy="{y:.1f}" r="3.5">{tip}</circle>'
                )
    return _svg(width, height, parts, title or f"{y_label} by {x_label}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dot:
    """A value with its interval; NaN bounds draw none."""

    value: float
    low: float
    high: float
    colour: int = 0
    name: str = ""


def dot_chart(rows: Sequence[tuple[str, Sequence[Dot]]], *, x_label: str, width: int = 760) -> str:
    """Draw a row a name: values as dots, intervals as lines."""
    numbers = [
        number
        for _, dots in rows
        for dot in dots
        for number in (dot.value, dot.low)
        if math.isfinite(number)
    ]
    lowest = min([0.9, *(math.floor(10 * number - 0.01) / 10 for number in numbers)])
    lowest = max(lowest, 0.0)
    left, right, top, pitch, gap = 150, 14, 6, 11, 12
    height = top + sum(max(len(dots), 1) * pitch + gap for _, dots in rows) + 34

    def at(value: float) -> float:
        return left + (width - left - right) * (value - lowest) / (1.0 - lowest)

    parts = []
    for tick in _ticks((lowest, 1.0), 5):
        x = at(tick)
        parts.append(
            f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{height - 30}"/>'
        )
        parts.append(f'<text x="{x:.1f}" y="{height - 17}" text-anchor="middle">{tick:g}</text>')
    parts.append(f'<text x="{at((1 + lowest) / 2):.1f}" y="{height - 3}" text-anchor="middle">')
    parts.append(f"{escape(x_label)}</text>")
    y = float(top)
    for name, dots in rows:
        size = max(len(dots), 1) * pitch + gap
        parts.append(
            f'<text class="name" x="{left - 10}" y="{y + size / 2 + 4:.1f}" '
            f'text-anchor="end">{escape(name)}</text>'
        )
        for number, dot in enumerate(dots):
            row = y + gap / 2 + (number + 0.5) * pitch
            if not math.isfinite(dot.value):
                continue
            colour = dot.colour % COLOURS
            interval = ""
            if math.isfinite(dot.low) and math.isfinite(dot.high):
                interval = f" ({dot.low:.3f} to {dot.high:.3f})"
                parts.append(
                    f'<line class="k{colour}" stroke-width="2" stroke-linecap="round" '
                    f'opacity=".55" x1="{at(max(dot.low, lowest)):.1f}" x2="{at(dot.high):.1f}" '
                    f'y1="{row:.1f}" y2="{row:.1f}"/>'
                )
            tip = f"<title>{escape(name)}, {escape(dot.name)}: {dot.value:.3f}{interval}</title>"
            parts.append(
                f'<circle class="d{colour}" cx="{at(dot.value):.1f}" cy="{row:.1f}" r="4">'
                f"{tip}</circle>"
            )
        y += size
    return _svg(width, height, parts, x_label)


def heat_map(counts: Any, names: Sequence[str]) -> str:
    """Draw a confusion matrix by shares of each row; rows are the truth."""
    table = np.asarray(counts)
    shares = row_shares(table)
    # A class that is neither true nor said would only make the rest smaller.
    shown = [i for i in range(len(names)) if table[i].sum() or table[:, i].sum()]
    cell, left, top = 34, 150, 112
    side = cell * len(shown)
    width, height = left + side + 56, top + side + 12
    parts = []
    for place, i in enumerate(shown):
        y, x = top + cell * place, left + cell * place
        name = escape(names[i])
        parts.append(
            f'<text class="name" x="{left - 8}" y="{y + cell / 2 + 4}" text-anchor="end">'
            f"{name}</text>"
        )
        parts.append(
            f'<text class="name" transform="translate({x + cell / 2 + 4} {top - 8}) rotate(-55)">'
            f"{name}</text>"
        )
        parts.append(
            f'<text x="{left + side + 8}" y="{y + cell / 2 + 4}">{int(table[i].sum())}</text>'
        )
        for column, j in enumerate(shown):
            share = shares[i, j]
            if not math.isfinite(share):
                continue
            colour = 0 if i == j else 1
            percent = round(100 * share)
            cx = left + cell * column
            tip = f"{names[i]} taken for {names[j]}: {int(table[i, j])} of {int(table[i].sum())}"
            parts.append(
                f'<rect class="d{colour}" x="{cx + 1}" y="{y + 1}" width="{cell - 2}" '
                f'height="{cell - 2}" rx="3" fill-opacity="{0.04 + 0.92 * share:.3f}">'
                f"<title>{escape(tip)}</title></rect>"
            )
            if percent:
                ink = "over" if share > 0.55 else "on"
                parts.append(
                    f'<text class="{ink}" x="{cx + cell / 2}" y="{y + cell / 2 + 4}" '
                    f'text-anchor="middle" pointer-events="none">{percent}</text>'
                )
    drawing = _svg(width, height, parts, "confusion matrix")
    return f'<div style="max-width:{width}px">{drawing}</div>'


def lane(
    probabilities: Float[np.ndarray, " frames"],
    threshold: float,
    truth: Bool[np.ndarray, " frames"],
    estimated: Bool[np.ndarray, " frames"],
    frame_rate: float,
    width: int = 760,
) -> str:
    """Draw the probability of an effect over time, where it is true, and where it was heard."""
    left, top, high, bar, height = 52, 6, 56, 9, 112
    frames = len(probabilities)
    step = (width - left - 4) / frames

    def y_of(value: float) -> float:
        return top + high * (1.0 - value)

    points = []
    for frame, value in enumerate(probabilities):
        y = y_of(float(value))
        points += [f"{left + frame * step:.1f},{y:.1f}", f"{left + (frame + 1) * step:.1f},{y:.1f}"]
    end = left + frames * step
    parts = [
        f'<line class="axis" x1="{left}" x2="{end:.1f}" y1="{top + high}" y2="{top + high}"/>',
        f'<polyline class="curve k0" points="{" ".join(points)}"/>',
        f'<line class="guide" x1="{left}" x2="{end:.1f}" y1="{y_of(threshold):.1f}" '
        f'y2="{y_of(threshold):.1f}"><title>threshold {threshold:.3f}</title></line>',
        f'<text x="{left - 6}" y="{top + 9}" text-anchor="end">1</text>',
        f'<text x="{left - 6}" y="{top + high + 3}" text-anchor="end">0</text>',
    ]
    for number, (name, marks, colour) in enumerate((("true", truth, 2), ("heard", estimated, 1))):
        y = top + high + 6 + number * (bar + 4)
        parts.append(f'<text x="{left - 6}" y="{y + bar}" text-anchor="end">{name}</text>')
        edges = np.flatnonzero(np.diff(np.asarray(marks, np.int8), prepend=0, append=0))
        for first, last in edges.reshape(-1, 2):
            parts.append(
                f'<rect class="d{colour}" x="{left + first * step:.1f}" y="{y}" rx="2" '
                f'width="{(last - first) * step:.1f}" height="{bar}"/>'
            )
    duration = frames / frame_rate
    for tick in _ticks((0.0, duration), 8):
        x = left + tick / duration * (end - left)
        parts.append(f'<text x="{x:.1f}" y="{height - 2}" text-anchor="middle">{tick:g} s</text>')
    return _svg(width, height, parts, "probability over time")


def _ticks(span: Range, most: int) -> list[float]:
    """Return round numbers in a span, about as many as asked for."""
    rough = (span[1] - span[0]) / most
    if rough <= 0:
        return [span[0]]
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    first = math.ceil(span[0] / step - 1e-9)
    last = math.floor(span[1] / step + 1e-9)
    return [round(number * step, 10) for number in range(first, last + 1)]


def _svg(width: float, height: float, parts: Sequence[str], label: str) -> str:
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(label)}">'
        f"{''.join(parts)}</svg>"
    )
