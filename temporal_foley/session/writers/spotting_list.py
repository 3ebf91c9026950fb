"""The spotting list: a timeline and a picture for each cue in; HTML or PDF to print out."""

import base64
import dataclasses
import html
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from temporal_foley.session.names import clean_name, clean_text, cue_names, title_of
from temporal_foley.session.timecode import EditRate, sample_timecode
from temporal_foley.session.writers.cuesheet import asset_text
from temporal_foley.timeline import Asset, Cue, Timeline, without_rejected

Pictures = Mapping[str, bytes]
"""A JPEG for the id of each cue; a cue without one has an empty box."""

_STYLE = """
:root { color-scheme: light dark; }
body { font: 13px/1.4 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; margin: 0 0 .2rem; }
p { margin: 0 0 1rem; opacity: .75; }
table { border-collapse: collapse; width: 100%; }
th { text-align: left; font-weight: 600; border-bottom: 2px solid; padding: .3rem .5rem; }
td { border-bottom: 1px solid #8884; padding: .3rem .5rem; vertical-align: top; }
td.time { font-variant-numeric: tabular-nums; white-space: nowrap; }
td.id { overflow-wrap: break-word; }
img, .none { display: block; width: 112px; min-height: 40px; background: #8882; }
.reason { opacity: .7; }
@media print {
  :root { color-scheme: light; }
  body { font-size: 10px; margin: 0; max-width: none; }
  tr { break-inside: avoid; }
  thead { display: table-header-group; }
}
"""
ROWS_A_PAGE = 12
_LETTERS_A_LINE = 100
_MOST_LINES = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One cue as the list shows it, all in words."""

    picture: bytes | None
    begin: str
    end: str
    effect: str
    name: str
    take: str
    level: str
    reason: str


def spotting_rows(
    timeline: Timeline, pictures: Pictures, edit: EditRate, first_frame: int
) -> list[Row]:
    """Return the rows of the list, in order of onset."""
    names = cue_names(timeline)
    return [
        Row(
            picture=pictures.get(cue.id),
            begin=sample_timecode(cue.onset_sample, first_frame, edit),
            end=sample_timecode(cue.offset_sample, first_frame, edit),
            effect=title_of(cue.effect),
            name=names[cue.id],
            take=clean_name(_take_text(cue.asset)),
            level=_level_text(cue),
            reason=clean_text(cue.reason),
        )
        for cue in without_rejected(timeline).cues
    ]


def _take_text(asset: Asset) -> str:
    """Return a take's name as reasons count takes: from 1 on."""
    if asset.kind == "file" or asset.seed is None:
        return asset_text(asset)
    pitch = f", {asset.cents:+d} cents" if asset.cents else ""
    return f"{title_of(asset.name)}, take {asset.seed + 1}{pitch}"


def _level_text(cue: Cue) -> str:
    levels = [cue.gain_db + value for _, value in cue.level]
    least, most = f"{min(levels):+.1f}", f"{max(levels):+.1f}"
    return f"{most} dB" if least == most else f"{least} to {most} dB"


def spotting_title(timeline: Timeline, edit: EditRate, rows: int) -> tuple[str, str]:
    """Return the head of the list: the video's name, and what there is in a line."""
    count = "1 cue" if rows == 1 else f"{rows} cues"
    begins = f"{edit} frames a second, first picture at {timeline.start_timecode}"
    return clean_name(timeline.source.name), f"{count} · {begins}"


def spotting_html(title: tuple[str, str], rows: list[Row]) -> str:
    """Return one self-contained page; its head is repeated on every printed sheet."""
    heading, facts = (html.escape(text) for text in title)
    head = "<th scope=col>Picture<th scope=col>In<th scope=col>Out<th scope=col>Sound"
    head += "<th scope=col>Cue<th scope=col>Take<th scope=col>Level<th scope=col>Why"
    body = "\n".join(_html_row(row) for row in rows)
    body = body or "<tr><td colspan=8>Nothing is to be heard."
    return (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8">\n'
        f"<title>{heading}: spotting list</title>\n<style>{_STYLE}</style>\n"
        f"<h1>{heading}</h1>\n<p>{facts}</p>\n"
        f"<table><thead><tr>{head}</thead>\n<tbody>\n{body}\n</tbody></table>\n</html>\n"
    )


def write_spotting_pdf(path: Path, title: tuple[str, str], rows: list[Row]) -> None:
    """Write the list as pages of A4, twelve cues each."""
    # Figure without pyplot: no global state and no window system.
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure

    pages = [rows[i : i + ROWS_A_PAGE] for i in range(0, len(rows), ROWS_A_PAGE)] or [[]]
    # No date in it: the same list gives the same bytes.
    with PdfPages(path, metadata={"Title": title[0], "CreationDate": None}) as file:
        for number, page in enumerate(pages, 1):
            figure = Figure(figsize=(8.27, 11.69))
            style = {"parse_math": False, "va": "top"}
            figure.text(0.06, 0.97, title[0], fontsize=12, fontweight="bold", **style)
            figure.text(0.06, 0.947, title[1], fontsize=8, color="#555", **style)
            figure.text(0.94, 0.03, f"{number} / {len(pages)}", fontsize=7, ha="right")
            for place, row in enumerate(page):
                _draw_row(figure, row, 0.925 - (place + 1) * 0.0725, style)
            if not page:
                figure.text(0.06, 0.9, "Nothing is to be heard.", fontsize=9, **style)
            file.savefig(figure)


def _html_row(row: Row) -> str:
    picture = '<div class="none"></div>'
    if row.picture is not None:
        data = base64.b64encode(row.picture).decode("ascii")
        picture = f'<img alt="" src="data:image/jpeg;base64,{data}">'
    cells = (
        ("", picture),
        ("time", html.escape(row.begin)),
        ("time", html.escape(row.end)),
        ("", html.escape(row.effect)),
        ("id", html.escape(row.name).replace("_", "_<wbr>")),
        ("id", html.escape(row.take)),
        ("", html.escape(row.level)),
        ("reason", html.escape(row.reason)),
    )
    return "<tr>" + "".join(f'<td class="{kind}">{text}' for kind, text in cells)


def _draw_row(figure: Any, row: Row, bottom: float, style: dict[str, Any]) -> None:
    from matplotlib.lines import Line2D

    if row.picture is not None:
        axis = figure.add_axes((0.06, bottom + 0.006, 0.14, 0.06))
        axis.imshow(_decode(row.picture))
        axis.set_axis_off()
        axis.set_anchor("W")
    top = bottom + 0.064
    figure.text(0.22, top, f"{row.begin}\n{row.end}", fontsize=8, family="monospace", **style)
    figure.text(0.36, top, row.effect, fontsize=9, fontweight="bold", **style)
    about = f"{row.name[:48]}   ·   {row.take[:48]}   ·   {row.level}"
    figure.text(0.36, top - 0.018, about, fontsize=7, **style)
    lines = textwrap.wrap(row.reason, _LETTERS_A_LINE, max_lines=_MOST_LINES, placeholder=" …")
    figure.text(0.36, top - 0.033, "\n".join(lines), fontsize=7, color="#555", **style)
    line = {"transform": figure.transFigure, "color": "#ccc", "linewidth": 0.5}
    figure.add_artist(Line2D((0.06, 0.94), (bottom, bottom), **line))


def _decode(picture: bytes) -> Any:
    import cv2
    import numpy as np

    image = np.asarray(cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR))
    return image[:, :, ::-1]
