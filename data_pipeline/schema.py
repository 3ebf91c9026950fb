"""Define the training example, and convert it to and from tensorflow-datasets.

Every builder writes it and every reader of batches reads it. Pictures are JPEG files with their
true timestamps; sound is 32 kHz mono, the rate of the audio network. What is known of an effect at
a moment is worked out here too, by `frame_labels`.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import tensorflow_datasets as tfds
from jaxtyping import Bool, Float32, Float64, Int16

from temporal_foley.effects import Vocabulary
from temporal_foley.timegrid import TimeGrid

SOUND_RATE_HZ = 32_000
_NANOSECONDS = 1_000_000_000

Modality = Literal["picture", "sound", "both"]
Strength = Literal["frame", "clip"]
MODALITIES: tuple[Modality, ...] = ("picture", "sound", "both")
STRENGTHS: tuple[Strength, ...] = ("frame", "clip")


@dataclasses.dataclass(frozen=True, kw_only=True)
class EffectEvent:
    """An effect that is visible, audible or both from `onset_s` to `offset_s` of its example."""

    effect: str
    onset_s: float
    offset_s: float
    modality: Modality = "both"
    confidence: float = 1.0
    strength: Strength = "frame"
    """`clip`: it happens somewhere between onset and offset, nobody said where."""

    def __post_init__(self) -> None:
        if not self.effect:
            raise ValueError("event.effect must not be empty")
        if not 0.0 <= self.onset_s < self.offset_s < math.inf:
            raise ValueError(
                f"event must have 0 <= onset < offset, got {self.onset_s} and {self.offset_s}"
            )
        if self.modality not in MODALITIES:
            raise ValueError(f"event.modality must be one of {MODALITIES}, got {self.modality!r}")
        if self.strength not in STRENGTHS:
            raise ValueError(f"event.strength must be one of {STRENGTHS}, got {self.strength!r}")
        if not 0.0 < self.confidence <= 1.0:
            raise ValueError(f"event.confidence must be in (0, 1], got {self.confidence}")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Example:
    """A still, a clip or a recording with what happens in it.

    `source` names what must stay on one side of a split; of an example that is composed of several
    it names them all, separated by `|`.
    """

    id: str
    source: str
    origin: str = ""
    licence: str = ""
    frame_rate: float = 0.0
    """Pictures a second that were asked for; 0 for a still."""
    times_s: Float64[np.ndarray, " frames"] = dataclasses.field(
        default_factory=lambda: np.zeros(0, np.float64)
    )
    """The pictures' own timestamps, from the beginning of the example."""
    pictures: tuple[bytes, ...] = ()
    sound: Int16[np.ndarray, " samples"] = dataclasses.field(
        default_factory=lambda: np.zeros(0, np.int16)
    )
    events: tuple[EffectEvent, ...] = ()
    labelled: tuple[str, ...] = ()
    """Effects of which absence is known too; of all others only what the events say is known."""
    scene: str = ""

    def __post_init__(self) -> None:
        if not self.id or not self.source:
            raise ValueError("example.id and example.source must not be empty")
        if len(self.times_s) != len(self.pictures):
            raise ValueError(
                f"example.times_s must hold one time a picture, got {len(self.times_s)} "
                f"for {len(self.pictures)}"
            )
        if len(self.times_s) and (self.times_s[0] < 0 or np.any(np.diff(self.times_s) < 0)):
            raise ValueError("example.times_s must ascend from 0 on")
        if self.sound.dtype != np.int16 or self.sound.ndim != 1:
            raise ValueError(f"example.sound must be int16, mono, got {self.sound.dtype}")

    @property
    def sources(self) -> tuple[str, ...]:
        """All that the example is made of."""
        return tuple(self.source.split("|"))

    @property
    def duration_s(self) -> float:
        """Until when there is a picture or sound; 0 for a still."""
        heard = len(self.sound) / SOUND_RATE_HZ
        if len(self.pictures) == 0 or self.frame_rate <= 0:
            return heard
        return max(heard, float(self.times_s[-1]) + 1.0 / self.frame_rate)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FrameLabels:
    """What is known of each effect in each frame of a grid, and in the example as a whole.

    `labels` are 0, or the confidence that the effect is there; only where `known` is True may they
    teach or measure. `clip_labels` say whether the effect is anywhere in the example.
    """

    labels: Float32[np.ndarray, "frames effects"]
    known: Bool[np.ndarray, "frames effects"]
    clip_labels: Float32[np.ndarray, " effects"]
    clip_known: Bool[np.ndarray, " effects"]


def features() -> tfds.features.FeaturesDict:
    """Return the schema as tensorflow-datasets knows it.

    Its records hold no more than 32 bits of a floating-point number, and an offset of 1.1 s would
    come back as 1.10000002 s, in one more frame. So times are whole nanoseconds.
    """
    return tfds.features.FeaturesDict(
        {
            "id": tfds.features.Text(),
            "source": tfds.features.Text(),
            "origin": tfds.features.Text(),
            "licence": tfds.features.Text(),
            "frame_rate": tfds.features.Text(),
            "times_ns": tfds.features.Tensor(shape=(None,), dtype=np.int64),
            "pictures": tfds.features.Sequence(
                tfds.features.Tensor(shape=(), dtype=np.bytes_)  # pyright: ignore
            ),
            # Without compression every sample of an integer tensor takes several bytes.
            "sound": tfds.features.Tensor(
                shape=(None,),
                dtype=np.int16,  # pyright: ignore
                encoding="zlib",
            ),
            "events": tfds.features.Sequence(
                {
                    "effect": tfds.features.Text(),
                    "onset_ns": np.int64,
                    "offset_ns": np.int64,
                    "modality": tfds.features.Text(),
                    "confidence": np.float32,
                    "strength": tfds.features.Text(),
                }
            ),
            "labelled": tfds.features.Sequence(tfds.features.Text()),
            "scene": tfds.features.Text(),
        }
    )


def to_example(example: Example) -> dict[str, Any]:
    """Turn an example into what `features()` encodes."""
    return {
        "id": example.id,
        "source": example.source,
        "origin": example.origin,
        "licence": example.licence,
        "frame_rate": repr(float(example.frame_rate)),
        "times_ns": np.rint(example.times_s * _NANOSECONDS).astype(np.int64),
        "pictures": list(example.pictures),
        "sound": example.sound,
        "events": [_fields(event) for event in example.events],
        "labelled": list(example.labelled),
        "scene": example.scene,
    }


def from_example(record: Any) -> Example:
    """Read what `to_example` wrote, or what a data source of tensorflow-datasets yields.

    Raises:
        ValueError: The record does not hold what the schema says; the text names the field.
    """
    missing = sorted(set(features()) - set(record))
    if missing:
        raise ValueError(f"record must have the field {missing[0]}")
    return Example(
        id=_text(record["id"]),
        source=_text(record["source"]),
        origin=_text(record["origin"]),
        licence=_text(record["licence"]),
        frame_rate=float(_text(record["frame_rate"])),
        times_s=np.asarray(record["times_ns"], np.int64) / _NANOSECONDS,
        pictures=tuple(bytes(picture) for picture in record["pictures"]),
        sound=np.asarray(record["sound"], np.int16),
        events=tuple(_event(fields) for fields in _rows(record["events"])),
        labelled=tuple(_text(name) for name in record["labelled"]),
        scene=_text(record["scene"]),
    )


def frame_labels(
    example: Example,
    vocabulary: Vocabulary,
    grid: TimeGrid,
    modality: Literal["picture", "sound"] | None = None,
) -> FrameLabels:
    """Work out what is known of each effect in each frame of a grid.

    With a modality only visible events, or only audible ones, count. Effects that are
    `labelled` are known to be absent wherever there is no such event. An event that is somewhere in
    its stretch is a label of the clip, and of no frame in the stretch. Effects that the vocabulary
    does not have are passed over. A still shows what it shows in every frame.
    """
    shape = (grid.frames, len(vocabulary))
    labels = np.zeros(shape, np.float32)
    known = np.zeros(shape, bool)
    clip_labels = np.zeros(len(vocabulary), np.float32)
    clip_known = np.zeros(len(vocabulary), bool)
    places = {name: place for place, name in enumerate(vocabulary.names)}
    for name in example.labelled:
        if name in places:
            known[:, places[name]] = True
            clip_known[places[name]] = True
    is_still = example.frame_rate <= 0 and len(example.pictures) == 1
    # Events without a place in time come first, so that those with one have the last word.
    for event in sorted(example.events, key=lambda event: event.strength):
        place = places.get(event.effect)
        if place is None or (modality and event.modality not in (modality, "both")):
            continue
        first, last = (0, grid.frames) if is_still else _range(grid, event)
        has_time = event.strength == "frame"
        known[first:last, place] = has_time
        labels[first:last, place] = np.maximum(
            labels[first:last, place] if has_time else 0.0, event.confidence
        )
        clip_labels[place] = max(clip_labels[place], event.confidence)
        clip_known[place] = True
    return FrameLabels(labels=labels, known=known, clip_labels=clip_labels, clip_known=clip_known)


def _range(grid: TimeGrid, event: EffectEvent) -> tuple[int, int]:
    return grid.frame_range(event.onset_s, event.offset_s)


def _rows(events: Any) -> Sequence[Mapping[str, Any]]:
    """Return events one by one; a data source yields them as a dict of columns."""
    if not isinstance(events, Mapping):
        return list(events)
    columns = {name: list(values) for name, values in events.items()}
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise ValueError("record.events must have columns of one length")
    count = lengths.pop() if lengths else 0
    return [{name: values[i] for name, values in columns.items()} for i in range(count)]


def _fields(event: EffectEvent) -> dict[str, Any]:
    return {
        "effect": event.effect,
        "onset_ns": round(event.onset_s * _NANOSECONDS),
        "offset_ns": round(event.offset_s * _NANOSECONDS),
        "modality": event.modality,
        "confidence": event.confidence,
        "strength": event.strength,
    }


def _event(fields: Mapping[str, Any]) -> EffectEvent:
    return EffectEvent(
        effect=_text(fields["effect"]),
        onset_s=int(fields["onset_ns"]) / _NANOSECONDS,
        offset_s=int(fields["offset_ns"]) / _NANOSECONDS,
        modality=_text(fields["modality"]),  # type: ignore[arg-type]
        confidence=float(fields["confidence"]),
        strength=_text(fields["strength"]),  # type: ignore[arg-type]
    )


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)
