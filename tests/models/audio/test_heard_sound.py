"""A video's sound is decoded and embedded once, for detection and for timing alike."""

from fractions import Fraction

import numpy as np
import pytest

from temporal_foley.effects import load_vocabulary
from temporal_foley.models.audio.encoders import listen
from temporal_foley.models.audio.heard_sound import HeardSound
from temporal_foley.models.audio.sound_evidence import analyse_sound
from temporal_foley.models.audio.student import load_student
from temporal_foley.spotting.own_sound.onset_strength import measure_levels
from temporal_foley.timegrid import TimeGrid

RATE = 32_000
SOUND = 0.1 * np.random.default_rng(0).standard_normal((RATE, 1)).astype(np.float32)


def counted(sound: np.ndarray, samples: int = RATE) -> tuple[HeardSound, list[int]]:
    reads: list[int] = []

    def read():
        reads.append(1)
        return iter(np.array_split(sound, 3))

    return HeardSound(read, samples), reads


def test_one_reading_serves_detection_and_timing() -> None:
    heard, reads = counted(SOUND)
    grid = TimeGrid.covering(Fraction(1), 4)
    rows = listen(load_student(), heard, grid)
    evidence = analyse_sound(heard, load_vocabulary(), RATE)
    assert len(reads) == 1
    assert rows is not None
    assert evidence is not None
    assert np.array_equal(rows, listen(load_student(), SOUND[:, 0], grid))
    assert np.array_equal(evidence.levels.bands_db, measure_levels(SOUND[:, 0]).bands_db)
    assert np.array_equal(np.concatenate(list(heard)), SOUND)


def test_silence_is_no_evidence() -> None:
    heard, _ = counted(np.zeros((RATE, 2), np.float32))
    assert analyse_sound(heard, load_vocabulary(), RATE) is None
    assert listen(load_student(), heard, TimeGrid.covering(Fraction(1), 4)) is None


def test_the_peak_is_known_only_after_reading() -> None:
    with pytest.raises(ValueError, match="after columns"):
        _ = counted(SOUND)[0].peak


def test_sound_that_is_embedded_ahead_is_read_once_and_the_same() -> None:
    heard, reads = counted(SOUND)
    student = load_student()
    with heard.embedding_ahead(student):
        columns = heard.columns(student)
    assert len(reads) == 1
    assert np.array_equal(columns, counted(SOUND)[0].columns(student))


def test_an_error_ahead_is_raised_where_columns_are_asked_for() -> None:
    def read():
        raise OSError("gone")

    heard = HeardSound(read, RATE)
    student = load_student()
    with pytest.raises(OSError, match="gone"), heard.embedding_ahead(student):
        heard.columns(student)


def test_a_failure_elsewhere_ends_the_reading_ahead() -> None:
    pieces: list[int] = []

    def read():
        while True:
            pieces.append(1)
            yield np.zeros(RATE, np.float32)

    heard = HeardSound(read, RATE)
    with pytest.raises(KeyError), heard.embedding_ahead(load_student()):
        raise KeyError
    count = len(pieces)
    assert list(pieces) == [1] * count
