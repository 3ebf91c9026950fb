"""Write the review page as one file, `review.html`.

It opens from disk in any browser: style, script, curves and the sound of the takes are inside; only
the video and the original sound are files beside it.
"""

import dataclasses
import html
import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from jaxtyping import Float

from temporal_foley.cue_list import timeline_to_json
from temporal_foley.files.reading import read_whole
from temporal_foley.pages.review.carry import (
    bytes_text,
    peaks_text,
    picture_text,
    script_json,
    sound_text,
)
from temporal_foley.spotting.detections import Detections
from temporal_foley.spotting.why_no_cue import explain_missing
from temporal_foley.timeline import Alternate, Timeline

MOST_SOUND_SAMPLES = 48_000 * 60 * 30
"""Half an hour of takes is about 20 MB in the page; takes beyond that are listed without sound."""

_SCRIPTS = (
    *("model.js", "sound.js", "transport.js", "scenes.js", "draw.js", "panels.js", "review.js"),
    *("actions.js", "keeping.js", "mix.js", "palette.js", "perform.js", "controls.js"),
)
_DESK_SCRIPTS = ("desk.js",)
"""What only a page that the server of `review` sends has: a page from disk asks for nothing."""
_DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.S)
_MOST_PAGE_BYTES = 1 << 30
_NEEDED = {"cues", "effects", "takes", "probabilities", "missing", "thumbnails", "mix_gain_db"}
_LANE_GAIN_DB = 0.0
_THRESHOLD = 0.5


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReviewTake:
    """A take that can be played and chosen in the page for an effect.

    The page aligns the `take.anchor` of a one-shot or repeated sound with the picture; a loop or
    ambience begins at that moment.
    """

    effect: str
    take: Alternate
    samples: Float[np.ndarray, "samples channels"]


def write_review(
    path: Path,
    timeline: Timeline,
    seen: Detections,
    takes: Sequence[ReviewTake],
    *,
    video: str | None,
    original: Float[np.ndarray, "columns 2"] | None = None,
    original_file: str = "",
    mix_gain_db: float = 0.0,
) -> None:
    """Write a page in which the cues of a timeline are reviewed, played and edited.

    Args:
        path: The file to write; it belongs beside the stems.
        timeline: The cues; the page saves them again as `cues.json`.
        seen: Probabilities, vocabulary and some pictures.
        takes: The takes that cues have or could have; if they exceed the limit of the page, only
            the first ones are embedded.
        video: Name of the video file in the same folder; None shows the pictures instead.
        original: Waveform of the stem of the original; None if there is none.
        original_file: The path of that stem from the folder.
        mix_gain_db: The gain of the rendered mix, so that levels match it.
    """
    vocabulary = seen.vocabulary
    data = {
        "cues": json.loads(timeline_to_json(timeline)),
        "effects": _effects(timeline, seen),
        "takes": _takes(takes),
        "probabilities": {
            "rate": float(seen.grid.frame_rate),
            "values": {
                name: bytes_text(seen.probabilities[:, vocabulary.index(name)])
                for name in vocabulary.names
                if len(seen.probabilities)
            },
        },
        "missing": [dataclasses.asdict(one) for one in explain_missing(seen, timeline.cues)],
        "thumbnails": _thumbnails(timeline, seen),
        "video": None if video is None else _relative_url(video),
        "original": None if original is None else _original(original, original_file),
        "mix_gain_db": mix_gain_db,
    }
    path.write_text(review_html(data), encoding="utf-8", errors="replace")


def review_html(data: Mapping[str, Any], *, nonce: str = "") -> str:
    """Return the page of some data; with an entry `desk` in it, it talks to the server.

    Args:
        data: What `write_review` puts into a page, or `read_review` reads from one.
        nonce: The text by which a content security policy admits its style and script.
    """
    names = (*_SCRIPTS[:-1], *(_DESK_SCRIPTS if "desk" in data else ()), _SCRIPTS[-1])
    parts = {
        "title": html.escape(data["cues"]["source"]["name"]),
        "style": _template("style.css"),
        "script": "\n".join(_template(name) for name in names),
        "data": script_json(data),
        "nonce": f' nonce="{html.escape(nonce)}"' if nonce else "",
    }
    # In one pass: what is put in is not searched for more places.
    return re.sub(
        r"%(title|style|script|data|nonce)%", lambda m: parts[m[1]], _template("page.html")
    )


def read_review(path: Path) -> dict[str, Any] | None:
    """Read the data of a page that `write_review` wrote; None if there is no such page."""
    try:
        found = _DATA.search(read_whole(path, _MOST_PAGE_BYTES).decode("utf-8"))
        data = None if found is None else json.loads(found[1])
    except (OSError, ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) and set(data) >= _NEEDED else None


def take_entry(one: ReviewTake, *, has_sound: bool = True) -> dict[str, Any]:
    """Return a take as the page has it: its facts, its waveform and its sound."""
    return {
        "effect": one.effect,
        "take": dataclasses.asdict(one.take),
        "peaks": peaks_text(one.samples),
        "sound": sound_text(one.samples) if has_sound else None,
    }


def _effects(timeline: Timeline, seen: Detections) -> list[dict[str, Any]]:
    """Return the facts of the effects: those of the vocabulary, then those only in tracks."""
    known = [
        {
            "name": effect.name,
            "kind": effect.kind,
            "bus": effect.bus,
            "level_db": effect.level_db,
            "threshold_on": effect.threshold_on,
        }
        for effect in seen.vocabulary.effects
    ]
    names = set(seen.vocabulary.names)
    others = [
        {
            "name": track.effect,
            "kind": track.kind,
            "bus": track.bus,
            "level_db": _LANE_GAIN_DB,
            "threshold_on": _THRESHOLD,
        }
        for track in timeline.tracks
        if track.effect not in names
    ]
    return known + others


def _takes(takes: Sequence[ReviewTake]) -> list[dict[str, Any]]:
    carried, entries = 0, []
    for one in takes:
        carried += len(one.samples)
        entries.append(take_entry(one, has_sound=carried <= MOST_SOUND_SAMPLES))
    return entries


def _thumbnails(timeline: Timeline, seen: Detections) -> list[dict[str, Any]]:
    # The detector may have squeezed the pictures: they are shown in the source's shape.
    shape = timeline.source.width / timeline.source.height
    return [
        {"time": round(seconds, 3), "jpeg": picture_text(image, shape)}
        for seconds, image in seen.thumbnails
    ]


def _original(envelope: Float[np.ndarray, "columns 2"], file: str) -> dict[str, str]:
    level = np.abs(envelope).max(axis=1)
    return {"url": _relative_url(file), "peaks": bytes_text(level / max(float(level.max()), 1e-6))}


def _relative_url(name: str) -> str:
    """Return a link to a file of the same folder, safe for any name."""
    return "./" + quote(name.encode("utf-8", "surrogateescape"))


def _template(name: str) -> str:
    folder = resources.files("temporal_foley") / "pages" / "review"
    return (folder / name).read_text("utf-8")
