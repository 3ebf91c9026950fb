"""Draw the charts of the evaluation report with matplotlib, as SVG that follows the page's colours.

Colours of the page's style sheet replace those of the drawing, so charts fit light and dark pages.
"""

import io
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from temporal_foley.evaluation.confusion import row_shares

INK, SOFT, GRID, CARD = "#1c1d1f", "#5d6167", "#ecece8", "#fefefe"
SERIES = ("#2a78d6", "#e0591f", "#14956a", "#b57a00")
_VARIABLES = {INK: "ink", SOFT: "soft", GRID: "grid", CARD: "card"}
_VARIABLES |= {colour: f"s{place}" for place, colour in enumerate(SERIES)}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "report",
    "font.size": 9,
    "axes.edgecolor": GRID,
    "axes.labelcolor": SOFT,
    "axes.titlesize": 9,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": SOFT,
    "ytick.labelcolor": SOFT,
    "lines.linewidth": 1.5,
}
_COLUMNS = 5


class Line(NamedTuple):
    """A line through points; `colour` is its place among the models of the page."""

    x: Sequence[float] | np.ndarray
    y: Sequence[float] | np.ndarray
    colour: int = 0


class Panel(NamedTuple):
    """One of several small charts."""

    title: str
    lines: Sequence[Line]


class Dot(NamedTuple):
    """A value with its interval; NaN bounds draw none."""

    value: float
    low: float
    high: float
    colour: int = 0


def line_chart(
    lines: Sequence[Line],
    *,
    x_label: str,
    y_label: str,
    title: str = "",
    has_guide: bool = False,
    has_dots: bool = False,
    is_share: bool = True,
) -> str:
    """Draw lines; `is_share`: both axes run from 0 to 1; a guide is the dashed diagonal."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(4.6, 3.5))
        axes = figure.subplots()
        _draw_lines(axes, lines, has_guide=has_guide, has_dots=has_dots, is_share=is_share)
        axes.set(xlabel=x_label, ylabel=y_label, title=title)
        return _svg(figure)


def panels(charts: Sequence[Panel], *, x_label: str, y_label: str, has_guide: bool = False) -> str:
    """Draw many small charts of shares, five per row."""
    rows = -(-len(charts) // _COLUMNS)
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(2.0 * _COLUMNS, 1.9 * rows))
        grid = figure.subplots(rows, _COLUMNS, squeeze=False, sharex=True, sharey=True)
        for axes, chart in zip(grid.flat, charts, strict=False):
            _draw_lines(axes, chart.lines, has_guide=has_guide)
            axes.set_title(chart.title)
            axes.set_xticks((0, 0.5, 1), ("0", "0.5", "1"))
            axes.set_yticks((0, 0.5, 1), ("0", "0.5", "1"))
        for axes in grid.flat[len(charts) :]:
            axes.set_axis_off()
        figure.subplots_adjust(hspace=0.35, wspace=0.12, left=0.05, bottom=0.24 / rows, top=1.0)
        figure.supxlabel(x_label, fontsize=9, color=SOFT)
        figure.supylabel(y_label, fontsize=9, color=SOFT, x=0.01)
        return _svg(figure)


def dot_chart(rows: Sequence[tuple[str, Sequence[Dot]]], *, x_label: str) -> str:
    """Draw a row per name: values as dots, intervals as lines."""
    most = max(len(dots) for _, dots in rows)
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(8.6, 0.8 + len(rows) * (0.2 + 0.11 * most)))
        axes = figure.subplots()
        for row, (_, dots) in enumerate(rows):
            for number, dot in enumerate(dots):
                y = row + 0.6 * ((number + 0.5) / len(dots) - 0.5)
                colour = SERIES[dot.colour % len(SERIES)]
                if np.isfinite(dot.low) and np.isfinite(dot.high):
                    axes.plot([dot.low, dot.high], [y, y], color=colour, linewidth=2.2, alpha=0.5)
                axes.plot(dot.value, y, "o", color=colour, markersize=4.5)
        axes.set_yticks(range(len(rows)), [name for name, _ in rows], color=INK)
        axes.set(xlabel=x_label, ylim=(len(rows) - 0.4, -0.6))
        axes.set_xlim(right=1.005)
        axes.grid(False, axis="y")
        return _svg(figure)


def heat_map(counts: Any, names: Sequence[str]) -> str:
    """Draw a confusion matrix by percent of each row; rows are the truth."""
    table = np.asarray(counts)
    shares = np.nan_to_num(row_shares(table))
    # Classes that are neither true nor predicted are left out.
    shown = np.flatnonzero(table.sum(axis=0) + table.sum(axis=1))
    side = 1.6 + 0.34 * len(shown)
    style: dict[Any, Any] = {**_STYLE, "axes.edgecolor": "none", "axes.grid": False}
    with mpl.rc_context(style):
        figure = Figure(figsize=(side + 0.4, side))
        axes = figure.subplots()
        for row, i in enumerate(shown):
            for column, j in enumerate(shown):
                percent = round(100 * shares[i, j])
                colour = SERIES[0] if i == j else SERIES[1]
                cell = Rectangle((column - 0.46, row - 0.46), 0.92, 0.92, color=colour, linewidth=0)
                axes.add_patch(cell).set_alpha(round(0.05 + 0.9 * shares[i, j], 3))
                if percent:
                    ink = CARD if shares[i, j] > 0.55 else INK
                    axes.text(column, row, percent, ha="center", va="center", color=ink, fontsize=8)
            total = f"{table[i].sum():,}"
            axes.text(len(shown) - 0.35, row, total, va="center", color=SOFT, fontsize=8)
        labels = [names[int(i)] for i in shown]
        axes.set_xticks(range(len(shown)), labels, rotation=55, ha="left", color=INK)
        axes.set_yticks(range(len(shown)), labels, color=INK)
        axes.tick_params(top=True, bottom=False, labeltop=True, labelbottom=False, length=0)
        axes.set(xlim=(-0.5, len(shown) - 0.5), ylim=(len(shown) - 0.5, -0.5), aspect="equal")
        return _svg(figure)


def lane(
    probabilities: Float[np.ndarray, " frames"],
    threshold: float,
    truth: Bool[np.ndarray, " frames"],
    estimated: Bool[np.ndarray, " frames"],
    frame_rate: float,
) -> str:
    """Draw the probability of an effect over time above its true and its detected events."""
    edges = np.arange(len(probabilities) + 1) / frame_rate
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(8.6, 1.5))
        axes, bars = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1.3))
        axes.stairs(probabilities, edges, color=SERIES[0], baseline=None, linewidth=1.5)
        axes.axhline(threshold, color=SOFT, linewidth=1, linestyle=(0, (3, 3)))
        axes.set(ylim=(0, 1.02), yticks=(0, 1), xlim=(0, edges[-1]))
        for row, (marks, colour) in enumerate(((truth, SERIES[2]), (estimated, SERIES[1]))):
            turns = np.flatnonzero(np.diff(np.asarray(marks, np.int8), prepend=0, append=0))
            spans = [(edges[a], edges[b] - edges[a]) for a, b in turns.reshape(-1, 2)]
            bars.broken_barh(spans, (row - 0.35, 0.7), color=colour, linewidth=0)
        bars.set_yticks((0, 1), ("true", "detected"))
        bars.set(ylim=(1.5, -0.5), xlabel="seconds")
        bars.grid(False, axis="y")
        return _svg(figure)


def _draw_lines(
    axes: Axes,
    lines: Sequence[Line],
    *,
    has_guide: bool,
    has_dots: bool = False,
    is_share: bool = True,
) -> None:
    if has_guide:
        axes.plot([0, 1], [0, 1], color=SOFT, linewidth=0.8, linestyle=(0, (3, 4)))
    # The first line is that of the model that the page is about, so it is drawn on top.
    for line in reversed(lines):
        colour = SERIES[line.colour % len(SERIES)]
        axes.plot(line.x, line.y, color=colour, marker="o" if has_dots else None, markersize=4)
    if is_share:
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_locator(MaxNLocator(5))


def _svg(figure: Figure) -> str:
    written = io.StringIO()
    figure.savefig(
        written, format="svg", transparent=True, bbox_inches="tight", metadata={"Date": None}
    )
    text = written.getvalue()
    # Inline SVG needs neither the XML head nor metadata, and the page must link to nothing.
    text = re.sub(
        r"<metadata>.*?</metadata>|<!--.*?-->", "", text[text.index("<svg") :], flags=re.S
    )
    text = re.sub(r' xmlns(:\w+)?="[^"]*"| height="[\d.]+pt"', "", text)
    text = re.sub(r' width="([\d.]+)pt"', r' style="max-width: \1pt"', text, count=1)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, f"var(--{variable})")
    return text
