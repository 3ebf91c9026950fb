"""Each event says whether the picture, the sound or only both together show it."""

from fractions import Fraction

import numpy as np
import pytest

from temporal_foley.effects import load_vocabulary
from temporal_foley.spotting.own_sound.modality import (
    after_alignment,
    shown_by,
    with_modality,
)
from temporal_foley.timegrid import TimeGrid
from temporal_foley.timeline import Event

VOCABULARY = load_vocabulary()
GRID = TimeGrid(start=Fraction(0), frame_rate=Fraction(4), frames=16)
LEAST = dict.fromkeys(VOCABULARY.names, 0.1)


def event(onset=1.0, offset=2.0, **fields):
    return Event(effect="dog_barking", onset=onset, offset=offset, confidence=0.9, **fields)


def marked(seen, heard, **fields):
    """Mark one event that both show so well while it lasts, and not at other times."""
    chances = []
    for level in (seen, heard):
        rows = np.zeros((GRID.frames, len(VOCABULARY)))
        rows[4:8, VOCABULARY.index("dog_barking")] = level
        chances.append(rows)
    (found,) = with_modality([event(**fields)], *chances, GRID, VOCABULARY, LEAST)
    return found


@pytest.mark.parametrize(
    ("seen", "heard", "wanted"),
    [(0.9, 0.01, "picture"), (0.02, 0.6, "sound"), (0.5, 0.1, "both"), (0.09, 0.09, "both")],
)
def test_what_shows_an_event_is_at_its_threshold_by_itself(seen, heard, wanted):
    assert marked(seen, heard).modality == wanted


def test_a_hit_counts_whatever_the_pause_after_it_says():
    assert marked([0.0, 0.9, 0.9, 0.0], 0.0).modality == "picture"


def test_only_the_event_s_own_time_and_effect_count():
    assert marked(0.9, 0.9, onset=3.0, offset=3.5).modality == "both"
    assert shown_by(is_seen=False, is_heard=False) == "both"
    rows = np.ones((GRID.frames, len(VOCABULARY)))
    others = rows.copy()
    others[:, VOCABULARY.index("dog_barking")] = 0.0
    (found,) = with_modality([event()], rows, others, GRID, VOCABULARY, LEAST)
    assert found.modality == "picture"


def test_an_event_outside_the_grid_or_shorter_than_a_frame_is_marked():
    assert marked(0.9, 0.0, onset=1.3, offset=1.31).modality == "picture"
    assert marked(0.9, 0.0, onset=90.0, offset=91.0).modality == "both"


def test_alignment_corrects_what_shows_an_event():
    given = [
        event(modality="picture", audible=True),
        event(modality="picture"),
        event(off_screen=True, audible=True),
        event(modality="sound", audible=True),
        event(),
    ]
    found = [one.modality for one in after_alignment(given)]
    assert found == ["both", "picture", "sound", "sound", None]
