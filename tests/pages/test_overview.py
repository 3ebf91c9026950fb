"""The overview: reasons are shown where there is room, and every cue is marked."""

import dataclasses
from fractions import Fraction

import numpy as np
import pytest

from temporal_foley.pages.overview import FEWEST_LETTERS, texts_of_missing, why_texts
from temporal_foley.spotting.detections import Detections
from temporal_foley.timegrid import TimeGrid
from temporal_foley.timeline import Cue
from tests.factories import make_cue, make_vocabulary

RATE = 48_000


def cue(onset: float, reason: str) -> Cue:
    return make_cue(f"bark-{onset}", onset, 1.0, reason=reason)


def test_a_cue_says_why_from_its_onset_on() -> None:
    one = cue(2.0, "probability 0.90; take 1 of 3")
    assert list(why_texts([one], 20.0, 0.1)) == [(2.0, "p 0.90; take 1 of 3")]


def test_reasons_never_run_into_each_other_or_out_of_the_picture() -> None:
    cues = [cue(at, f"probability 0.90; take 1 of 3; because of {at}") for at in range(0, 30, 2)]
    for letter_s in (0.01, 0.05, 0.1, 0.15, 0.5):
        texts = list(why_texts(cues, 30.0, letter_s))
        ends = [*(time for time, _ in texts), 30.0][1:]
        for (time, text), end in zip(texts, ends, strict=True):
            assert time + len(text) * letter_s <= end + 1e-9
            assert len(text) >= FEWEST_LETTERS
    assert list(why_texts(cues, 30.0, 0.5)) == []


def test_the_first_of_several_hits_speaks_for_all() -> None:
    hits = [cue(1.0 + n, f"probability 0.90; take 1 of 3; hit {n + 1} of 3") for n in range(3)]
    ((time, text),) = why_texts(hits, 20.0, 0.1)
    assert time == 1.0
    assert text == "p 0.90; take 1 of 3; hit 1 of 3"


def test_a_cue_without_a_reason_says_nothing() -> None:
    assert list(why_texts([dataclasses.replace(cue(1.0, "x"), reason="")], 20.0, 0.1)) == []


def test_a_lane_without_cues_has_nothing_to_say() -> None:
    assert list(why_texts([], 20.0, 0.1)) == []


@pytest.mark.parametrize("first", [0, 20, 38, 39])
def test_why_there_is_no_cue_fits_in_also_at_the_end(first):
    probabilities = np.zeros((40, 1), np.float32)
    probabilities[first:] = 0.9
    seen = Detections(
        grid=TimeGrid(frame_rate=Fraction(4), frames=40),
        vocabulary=make_vocabulary("bark"),
        probabilities=probabilities,
        thumbnails=(),
    )
    ((time, text),) = texts_of_missing("bark", seen, (), 10.0, 0.05)
    assert text.startswith("no cue: 0.90")
    assert 0.0 <= time <= first / 4
    assert time + len(text) * 0.05 <= 10.0 + 1e-9
    assert list(texts_of_missing("bark", seen, (), 10.0, 1.0)) == []
