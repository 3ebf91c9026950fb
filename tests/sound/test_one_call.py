"""A hit of the original is answered by one call, however many a take holds."""

import dataclasses

import numpy as np
import pytest

from temporal_foley.effects import Vocabulary, load_vocabulary
from temporal_foley.sound.casting import cast_events
from temporal_foley.sound.signal.landmarks import find_next_hit
from temporal_foley.sound.take import Take
from temporal_foley.sound.takes.library import Library, LibraryTake, load_library
from temporal_foley.timegrid import to_sample
from temporal_foley.timeline import Asset
from tests.factories import make_event

RATE = 48_000


def bursts(*at_s: float, gains=(1.0, 0.8, 0.7), seconds: float = 2.0) -> np.ndarray:
    """Return bursts of a voice of .2 s that fade, at some times."""
    rng = np.random.default_rng(0)
    sound = 1e-4 * rng.standard_normal(round(seconds * RATE))
    time = np.arange(round(0.2 * RATE)) / RATE
    voice = np.sin(2 * np.pi * 500 * time) * np.sin(np.pi * time / 0.2) ** 0.5 * np.exp(-6 * time)
    for start_s, gain in zip(at_s, gains, strict=False):
        start = round(start_s * RATE)
        sound[start : start + len(voice)] += gain * voice
    return sound[:, None].astype(np.float32)


@pytest.mark.parametrize(
    ("at_s", "gains", "least_s", "most_s"),
    [
        ((0.02, 0.5), (1.0, 0.8), 0.2, 0.5),
        ((0.02, 0.5, 1.1), (0.8, 0.5, 1.0), 0.2, 0.5),
        ((0.02,), (1.0,), 2.0, 2.0),
        # An echo 16 dB softer belongs to the call.
        ((0.02, 0.5), (1.0, 0.15), 2.0, 2.0),
    ],
)
def test_a_second_call_is_told_from_an_echo(at_s, gains, least_s, most_s):
    sound = bursts(*at_s, gains=gains)
    assert least_s * RATE <= find_next_hit(sound, 960) <= most_s * RATE


def test_silence_and_a_take_that_ends_at_its_anchor_have_no_next_hit():
    assert find_next_hit(np.zeros((RATE, 1), np.float32), 100) == RATE
    assert find_next_hit(bursts(0.02), 2 * RATE - 1) == 2 * RATE


def cast_barks(effect: str, take: Take, **fields):
    entry = LibraryTake(
        effect=effect, asset=Asset(kind="recipe", name="water_drop", seed=1), licence="CC0-1.0"
    )
    library = Library(name="one", sha256="0", takes=[entry], load=lambda _: take)
    event = make_event(effect, 0.5, 3.5, confidence=0.9)
    event = dataclasses.replace(event, hits=(0.5, 2.0), **fields)
    vocabulary = Vocabulary(name="v", effects=(load_vocabulary()[effect],))
    (track,) = cast_events([event], vocabulary, library, seed=0, duration_samples=to_sample(4))
    return track.cues


def test_of_a_take_with_two_barks_a_heard_bark_gets_one():
    take = Take(samples=bursts(0.02, 0.5), anchor=960)
    heard = {"lengths_s": (0.8, 0.8), "strengths_db": (0.0, -3.0)}
    for cue in cast_barks("dog_barking", take, **heard):
        assert 0.2 * RATE < cue.source_end < 0.5 * RATE
        assert cue.fade_out > 0
    # Where nothing is heard, two barks are as likely as one.
    assert all(cue.source_end == 2 * RATE for cue in cast_barks("dog_barking", take))


def test_what_strikes_keeps_its_parts():
    take = Take(samples=bursts(0.02, 0.5), anchor=960)
    heard = {"lengths_s": (0.8, 0.8), "strengths_db": (0.0, -3.0)}
    assert all(cue.source_end > 0.7 * RATE for cue in cast_barks("door_opening", take, **heard))


def test_built_in_barks_and_meows_end_after_the_first():
    library = load_library()
    for name in ("dog_barking", "cat_meowing"):
        ends = []
        for seed in range(8):
            take = library.read(Asset(kind="recipe", name=name, seed=seed))
            end = find_next_hit(take.samples, take.anchor)
            ends.append((end - take.anchor) / RATE)
            tail = np.abs(take.samples[end - 480 : end]).max()
            assert tail < 0.25 * np.abs(take.samples).max()
        assert np.median(ends) < 1.1
