"""Write the spotting list: a page with a picture and the facts of every cue, to be printed."""

import base64
import dataclasses
import html
from collections.abc import Mapping

from temporal_foley.session.names import clean_name, clean_text, cue_names, take_number, title_of
from temporal_foley.session.timecode import EditRate, sample_timecode
from temporal_foley.session.writers.cuesheet import asset_text
from temporal_foley.timeline import Asset, Cue, Timeline, without_rejected

Pictures = Mapping[str, bytes]
"""A JPEG for each cue, by its id; a cue without one gets an empty box."""

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


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Row:
    """The texts of one cue."""

    picture: bytes | None
    begin: str
    end: str
    effect: str
    name: str
    take: str
    level: str
    reason: str


def _rows(timeline: Timeline, pictures: Pictures, edit: EditRate, first_frame: int) -> list[_Row]:
    names = cue_names(timeline)
    return [
        _Row(
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
    """Return a take's name; takes are counted from 1, as in reasons."""
    if asset.kind == "file" or asset.seed is None:
        return asset_text(asset)
    pitch = f", {asset.cents:+d} cents" if asset.cents else ""
    return f"{title_of(asset.name)}, take {take_number(asset)}{pitch}"


def _level_text(cue: Cue) -> str:
    levels = [cue.gain_db + value for _, value in cue.level]
    least, most = f"{min(levels):+.1f}", f"{max(levels):+.1f}"
    return f"{most} dB" if least == most else f"{least} to {most} dB"


def spotting_html(timeline: Timeline, pictures: Pictures, edit: EditRate, first_frame: int) -> str:
    """Return one self-contained page; its head is repeated on every printed sheet."""
    rows = _rows(timeline, pictures, edit, first_frame)
    heading = html.escape(clean_name(timeline.source.name))
    count = "1 cue" if len(rows) == 1 else f"{len(rows)} cues"
    facts = f"{count} · {edit} frames per second, first picture at {timeline.start_timecode}"
    head = "<th scope=col>Picture<th scope=col>In<th scope=col>Out<th scope=col>Sound"
    head += "<th scope=col>Cue<th scope=col>Take<th scope=col>Level<th scope=col>Why"
    body = "\n".join(_html_row(row) for row in rows) or "<tr><td colspan=8>No cues."
    return (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8">\n'
        f"<title>{heading}: spotting list</title>\n<style>{_STYLE}</style>\n"
        f"<h1>{heading}</h1>\n<p>{html.escape(facts)}</p>\n"
        f"<table><thead><tr>{head}</thead>\n<tbody>\n{body}\n</tbody></table>\n</html>\n"
    )


def _html_row(row: _Row) -> str:
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
