"""Store the features and events of one example as bytes.

A record has the form of a small safetensors file: a header that names the arrays, then their raw
values, so that reading it runs no code. The same record gives the same bytes.
"""

import dataclasses
import json
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import safetensors
import safetensors.numpy
from jaxtyping import Float16, Float64

from data_pipeline.schema import EffectEvent, Example, FrameLabels, frame_labels
from temporal_foley.effects import Vocabulary
from temporal_foley.errors import FoleyError
from temporal_foley.timegrid import TimeGrid

_TEXTS = ("id", "source", "origin", "licence", "scene", "sha256")


class FeatureError(FoleyError):
    """Cached features that cannot be read or do not fit; names the file and the remedy."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FeatureRecord:
    """The features of an example on a grid that begins at its time 0, and its labels.

    Without pictures `visual` is zero and `has_picture` False; likewise for the sound. A still has
    one frame, whose labels hold at any time.
    """

    id: str
    source: str
    origin: str = ""
    licence: str = ""
    scene: str = ""
    sha256: str
    """Of the media that the embeddings were made from."""
    frame_rate: Fraction
    times_s: Float64[np.ndarray, " frames"]
    """The timestamp of each frame's picture, or the frame's own time without pictures."""
    visual: Float16[np.ndarray, "frames features"]
    audio: Float16[np.ndarray, "frames features"]
    has_picture: bool
    has_sound: bool
    is_still: bool = False
    events: tuple[EffectEvent, ...] = ()
    labelled: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        frames = len(self.times_s)
        if frames < 1:
            raise ValueError("record must have at least one frame")
        for name in ("visual", "audio"):
            rows: np.ndarray = getattr(self, name)
            if rows.ndim != 2 or len(rows) != frames or rows.dtype != np.float16:
                raise ValueError(
                    f"record.{name} must be float16 of {frames} rows, got {rows.dtype} {rows.shape}"
                )

    @property
    def frames(self) -> int:
        """Number of frames of the grid."""
        return len(self.times_s)

    @property
    def grid(self) -> TimeGrid:
        """The frames' times."""
        return TimeGrid(frame_rate=self.frame_rate, frames=self.frames)


def record_labels(
    record: FeatureRecord,
    vocabulary: Vocabulary,
    *,
    grid: TimeGrid | None = None,
    modality: Literal["picture", "sound"] | None = None,
) -> FrameLabels:
    """Return the labels of each effect in the frames of a record, or of a part of its grid."""
    # frame_labels reads only the events of an example, and whether it is a still.
    example = Example(
        id=record.id,
        source=record.source,
        frame_rate=0.0 if record.is_still else float(record.frame_rate),
        times_s=np.zeros(int(record.is_still)),
        pictures=(b"",) * int(record.is_still),
        events=record.events,
        labelled=record.labelled,
    )
    return frame_labels(example, vocabulary, grid or record.grid, modality)


def record_to_bytes(record: FeatureRecord) -> bytes:
    """Write a record."""
    facts = {name: getattr(record, name) for name in _TEXTS}
    facts |= {
        "frame_rate": str(record.frame_rate),
        "has_picture": record.has_picture,
        "has_sound": record.has_sound,
        "is_still": record.is_still,
        "features": [record.visual.shape[1], record.audio.shape[1]],
        "events": [dataclasses.asdict(event) for event in record.events],
        "labelled": list(record.labelled),
    }
    text = json.dumps(facts, ensure_ascii=False, allow_nan=False).encode("utf-8")
    # An absent modality is left out; zeros for hours of sound alone would fill a disk.
    arrays = {"times_s": np.ascontiguousarray(record.times_s, np.float64)}
    if record.has_picture:
        arrays["visual"] = np.ascontiguousarray(record.visual)
    if record.has_sound:
        arrays["audio"] = np.ascontiguousarray(record.audio)
    # The facts are an array too: the metadata of safetensors have no fixed order.
    return safetensors.numpy.save({**arrays, "facts": np.frombuffer(text, np.uint8)})


def record_from_bytes(content: bytes) -> FeatureRecord:
    """Read a record.

    Raises:
        FeatureError: It is none, or not whole.
    """
    try:
        arrays = safetensors.numpy.load(content)
        facts: dict[str, Any] = json.loads(arrays["facts"].tobytes())
        frames = len(arrays["times_s"])
        visual, audio = (np.zeros((frames, width), np.float16) for width in facts["features"])
        return FeatureRecord(
            **{name: facts[name] for name in _TEXTS},
            frame_rate=Fraction(facts["frame_rate"]),
            times_s=arrays["times_s"],
            visual=arrays.get("visual", visual),
            audio=arrays.get("audio", audio),
            has_picture=facts["has_picture"],
            has_sound=facts["has_sound"],
            is_still=facts["is_still"],
            events=tuple(EffectEvent(**event) for event in facts["events"]),
            labelled=tuple(facts["labelled"]),
        )
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise FeatureError(f"not a record of features ({error}); extract them again") from None
