"""Write the review page as one file, `review.html`.

It opens from disk in any browser: style, script, curves and the sound of the takes are inside; only
the video and the original sound are files beside it.
"""

import dataclasses
import html
import json
import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from jaxtyping import Float

from temporal_foley.cue_list import timeline_to_json
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
    *("model.js", "sound.js", "transport.js", "draw.js", "panels.js"),
    *("review.js", "actions.js", "controls.js"),
)
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
        original: Waveform of `stems/original.wav`; None if there is no such file.
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
        "original": None if original is None else _original(original),
        "mix_gain_db": mix_gain_db,
    }
    parts = {
        "title": html.escape(timeline.source.name),
        "style": _template("style.css"),
        "script": "\n".join(_template(name) for name in _SCRIPTS),
        "data": script_json(data),
    }
    # In one pass: what is put in is not searched for more places.
    page = re.sub(r"%(title|style|script|data)%", lambda m: parts[m[1]], _template("page.html"))
    path.write_text(page, encoding="utf-8", errors="replace")


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
        entries.append(
            {
                "effect": one.effect,
                "take": dataclasses.asdict(one.take),
                "peaks": peaks_text(one.samples),
                "sound": sound_text(one.samples) if carried <= MOST_SOUND_SAMPLES else None,
            }
        )
    return entries


def _thumbnails(timeline: Timeline, seen: Detections) -> list[dict[str, Any]]:
    # The detector may have squeezed the pictures: they are shown in the source's shape.
    shape = timeline.source.width / timeline.source.height
    return [
        {"time": round(seconds, 3), "jpeg": picture_text(image, shape)}
        for seconds, image in seen.thumbnails
    ]


def _original(envelope: Float[np.ndarray, "columns 2"]) -> dict[str, str]:
    level = np.abs(envelope).max(axis=1)
    return {"url": "stems/original.wav", "peaks": bytes_text(level / max(float(level.max()), 1e-6))}


def _relative_url(name: str) -> str:
    """Return a link to a file of the same folder, safe for any name."""
    return "./" + quote(name.encode("utf-8", "surrogateescape"))


def _template(name: str) -> str:
    folder = resources.files("temporal_foley") / "pages" / "review"
    return (folder / name).read_text("utf-8")
