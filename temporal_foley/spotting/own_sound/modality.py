"""Say of each event whether the picture, the sound, or only both together show it.

Silent in the picture, it needs a sound; audible only, it happens off screen.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from temporal_foley.effects import Vocabulary
from temporal_foley.timegrid import TimeGrid
from temporal_foley.timeline import Event, Modality

MODALITY_REASONS: Mapping[Modality | None, str] = {
    "picture": "seen, not heard",
    "sound": "heard, not seen",
}
"""What is noted of events that one of the two shows alone."""


def with_modality(
    events: Sequence[Event],
    seen: Float[np.ndarray, "frames effects"],
    heard: Float[np.ndarray, "frames effects"],
    grid: TimeGrid,
    vocabulary: Vocabulary,
    thresholds: Mapping[str, float],
) -> list[Event]:
    """Compare what the pictures alone and the sound alone show of each event.

    Args:
        events: The events.
        seen: Probabilities by the pictures alone.
        heard: Probabilities by the sound alone.
        grid: The time of each row.
        vocabulary: The effects, in the order of the columns.
        thresholds: Probability of each effect from which it counts as detected.
    """
    marked = []
    for event in events:
        rows = slice(*grid.frame_range(event.onset, event.offset))
        column, least = vocabulary.index(event.effect), thresholds[event.effect]
        is_seen, is_heard = (
            _upper_mean(chances[rows, column]) >= least for chances in (seen, heard)
        )
        marked.append(dataclasses.replace(event, modality=shown_by(is_seen, is_heard)))
    return marked


def shown_by(is_seen: bool, is_heard: bool) -> Modality:
    """Return what shows an event; two that show it only together are both needed."""
    if is_seen == is_heard:
        return "both"
    return "picture" if is_seen else "sound"


def after_alignment(events: Sequence[Event]) -> tuple[Event, ...]:
    """Correct what shows events by what the alignment with the sound found out."""
    return tuple(_aligned(event) for event in events)


def _aligned(event: Event) -> Event:
    if event.off_screen:
        return dataclasses.replace(event, modality="sound")
    if event.audible and event.modality == "picture":
        return dataclasses.replace(event, modality="both")
    return event


def _upper_mean(chances: Float[np.ndarray, " frames"]) -> float:
    """Return the mean of the higher half: the pauses between short hits say nothing."""
    count = len(chances)
    return float(np.sort(chances)[count // 2 :].mean()) if count else 0.0
