"""Compute image and audio features of the items of a source.

Pictures of neighbouring items share batches, so that a still does not cost a whole one. Batches
depend only on the items, and so does every bit of the features.
"""

import dataclasses
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction

import numpy as np
from jaxtyping import Float, UInt8

from data_pipeline.features.record import FeatureRecord
from data_pipeline.features.source import FeatureSource, Material, Prepare, Wave
from data_pipeline.features.toned import Picture, tone
from temporal_foley.errors import FoleyError
from temporal_foley.timegrid import TimeGrid

BATCH = 16

Rows = Float[np.ndarray, "frames features"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Networks:
    """The image network and the audio network."""

    prepare: Prepare
    """Scale a picture to the input of `look`."""
    look: Callable[[UInt8[np.ndarray, "batch rows columns 3"]], Rows]
    """Return the features of prepared pictures, one row per picture."""
    listen: Callable[[Wave | Iterable[Wave], TimeGrid], Rows | None]
    """Return an embedding for each frame, or None if there is only silence."""
    visual_features: int
    audio_features: int
    sha256: Mapping[str, str]
    """Of the weights, by network."""
    toned: bool = False
    """Convert pictures to shades of one colour."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RejectedItem:
    """An unusable item, and the reason."""

    item: str
    reason: str


@dataclasses.dataclass
class _Pending:
    """An item some of whose pictures wait for a batch."""

    name: str
    material: Material | None = None
    audio: Rows | None = None
    times_s: list[float] = dataclasses.field(default_factory=list)
    shown: list[int] = dataclasses.field(default_factory=list)
    rows: list[np.ndarray] = dataclasses.field(default_factory=list)
    missing: int = 0
    reason: str = ""


def extract(
    source: FeatureSource, indices: Iterable[int], frame_rate: Fraction, networks: Networks
) -> Iterator[FeatureRecord | RejectedItem]:
    """Yield the record or rejection of each item, in order; a bad item does not stop the rest."""
    waiting: deque[_Pending] = deque()
    batch: list[tuple[_Pending, np.ndarray]] = []

    def look() -> None:
        seen = networks.look(np.stack([image for _, image in batch]))
        for (owner, _), row in zip(batch, seen.astype(np.float16), strict=True):
            owner.rows.append(row)
            owner.missing -= 1
        batch.clear()

    def ready() -> Iterator[FeatureRecord | RejectedItem]:
        while waiting and not waiting[0].missing:
            yield _finish(waiting.popleft(), frame_rate, networks)

    for index in indices:
        pending = _Pending(name=source.name(index))
        waiting.append(pending)
        # Pictures of another shape (with aspect kept) need another batch.
        for image in _open(pending, source, index, frame_rate, networks):
            if batch and batch[0][1].shape != image.shape:
                look()
            batch.append((pending, image))
            if len(batch) == BATCH:
                look()
        yield from ready()
    if batch:
        look()
    yield from ready()


def _open(
    pending: _Pending, source: FeatureSource, index: int, frame_rate: Fraction, networks: Networks
) -> Iterator[np.ndarray]:
    """Fill in the facts of an item, and yield its pictures, each once."""
    try:
        material = source.load(index, frame_rate)
        pending.name = material.facts.id
        pending.material = material
        if material.sound is not None:
            pending.audio = networks.listen(material.sound(), material.grid)
        last = None

        def prepare(picture: Picture) -> Picture:
            prepared = networks.prepare(picture)
            return tone(prepared, material.sha256) if networks.toned else prepared

        for time_s, image in material.pictures(prepare) if material.pictures else ():
            if image is not last:
                last = image
                pending.missing += 1
                yield image
            pending.times_s.append(time_s)
            pending.shown.append(len(pending.rows) + pending.missing - 1)
    except (FoleyError, ValueError, OSError) as error:
        pending.reason = str(error) or type(error).__name__


def _finish(
    pending: _Pending, frame_rate: Fraction, networks: Networks
) -> FeatureRecord | RejectedItem:
    material = pending.material
    if material is None or pending.reason:
        return RejectedItem(item=pending.name, reason=pending.reason)
    frames, facts = material.grid.frames, material.facts
    has_picture, has_sound = material.pictures is not None, pending.audio is not None
    if not has_picture and not has_sound:
        return RejectedItem(item=pending.name, reason="has neither picture nor sound")
    if has_picture and len(pending.shown) != frames:
        found = f"{len(pending.shown)} pictures where {frames} were expected"
        return RejectedItem(item=pending.name, reason=found)
    visual = np.zeros((frames, networks.visual_features), np.float16)
    times_s = np.array([float(time) for time in material.grid.times()])
    if has_picture:
        visual = np.stack(pending.rows)[pending.shown]
        times_s = np.array(pending.times_s)
    audio = pending.audio
    if audio is None:
        audio = np.zeros((frames, networks.audio_features))
    if not (np.isfinite(visual).all() and np.isfinite(audio).all()):
        return RejectedItem(item=pending.name, reason="its embeddings are not finite numbers")
    return FeatureRecord(
        id=facts.id,
        source=facts.source,
        origin=facts.origin,
        licence=facts.licence,
        scene=facts.scene,
        sha256=material.sha256,
        frame_rate=frame_rate,
        times_s=times_s,
        visual=visual,
        audio=audio.astype(np.float16),
        has_picture=has_picture,
        has_sound=has_sound,
        is_still=material.is_still,
        events=facts.events,
        labelled=facts.labelled,
    )
