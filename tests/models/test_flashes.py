"""A flash makes lightning more probable around it, and nothing else does."""

from fractions import Fraction

import numpy as np
import pytest

from temporal_foley.effects import load_vocabulary
from temporal_foley.models.detector import Apart, FrameDetections
from temporal_foley.models.flashes import EVIDENCE, find_flashes, with_flashes
from temporal_foley.spotting.shots import SharpChanges
from temporal_foley.timegrid import TimeGrid

VOCABULARY = load_vocabulary()
LIGHTNING = VOCABULARY.index("lightning")
GRID = TimeGrid(start=Fraction(0), frame_rate=Fraction(4), frames=40)


def levels(rate, *changes, seconds=5.0, base=30.0):
    """Mean grey levels of a film; a change is (begin, end, level)."""
    times = np.arange(int(seconds * rate)) / rate
    found = np.full(len(times), base)
    for begin, end, level in changes:
        found[(times >= begin - 1e-9) & (times < end - 1e-9)] = level
    return times, found


@pytest.mark.parametrize("rate", [10, 25, 60])
def test_every_stroke_is_found_once_at_its_first_picture(rate):
    times, found = levels(rate, (1.0, 1.2, 120.0), (3.0, 3.3, 70.0))
    assert find_flashes(times, found) == pytest.approx([1.0, 3.0])


def test_a_stroke_that_flickers_is_one():
    times, found = levels(25, (1.0, 1.08, 120.0), (1.12, 1.2, 110.0), (1.28, 1.36, 140.0))
    assert find_flashes(times, found) == pytest.approx([1.0])


@pytest.mark.parametrize(
    ("change", "base"),
    [
        ((1.0, 5.0, 120.0), 30.0),  # a cut to a bright shot
        ((1.0, 2.0, 120.0), 30.0),  # a bright shot of a second
        ((1.0, 1.2, 38.0), 30.0),  # too weak
        ((1.0, 1.2, 180.0), 150.0),  # weak for a bright picture
        ((1.0, 1.2, 0.0), 120.0),  # a black picture: what follows is no flash but the film
    ],
)
def test_other_changes_are_no_flashes(change, base):
    assert find_flashes(*levels(25, change, base=base)) == []


def test_a_slow_rise_is_no_flash():
    times = np.arange(100) / 25
    assert find_flashes(times, 60 + 50 * np.sin(2 * np.pi * times / 2.0)) == []


def test_few_or_no_pictures_have_none():
    for count in (0, 1, 2):
        assert find_flashes(np.arange(count) / 25, np.full(count, 9.0)) == []


def test_a_flash_raises_lightning_around_it_alone():
    chances = np.full((40, len(VOCABULARY)), 0.1, np.float32)
    apart = Apart(seen=chances, heard=chances)
    found = with_flashes(
        FrameDetections(probabilities=chances, apart=apart), [5.0], GRID, VOCABULARY
    )
    wanted = 1 / (1 + 9 * np.exp(-EVIDENCE))
    np.testing.assert_allclose(found.probabilities[16:24, LIGHTNING], wanted, rtol=1e-5)
    assert (found.probabilities[:16] == chances[:16]).all()
    assert (found.probabilities[24:] == chances[24:]).all()
    others = np.delete(found.probabilities, LIGHTNING, axis=1)
    assert (others == np.delete(chances, LIGHTNING, axis=1)).all()
    assert found.apart is not None
    np.testing.assert_array_equal(found.apart.seen, found.probabilities)
    assert (found.apart.heard == chances).all()
    assert (chances == np.float32(0.1)).all()


def test_probabilities_stay_within_their_range_and_time():
    chances = np.zeros((40, len(VOCABULARY)), np.float32)
    chances[::2] = 1.0
    found = with_flashes(FrameDetections(probabilities=chances), [0.0, 9.9, 12.0], GRID, VOCABULARY)
    np.testing.assert_array_equal(found.probabilities, chances)


def test_without_flashes_or_lightning_nothing_changes():
    given = FrameDetections(probabilities=np.full((40, 19), 0.1, np.float32))
    assert with_flashes(given, [], GRID, VOCABULARY) is given
    rest = VOCABULARY.select((), ("lightning",))
    assert "lightning" not in rest


def test_the_brightness_of_every_decoded_picture_is_known():
    sharp = SharpChanges(np.arange(0, 100, 10))
    for tick in (0, 20, 30):
        sharp.add(tick, np.full((48, 64), tick, np.uint8))
    ticks, found = sharp.levels()
    assert ticks.tolist() == [0, 20, 30]
    np.testing.assert_allclose(found, [0, 20, 30])
