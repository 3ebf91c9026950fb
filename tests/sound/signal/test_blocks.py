"""Streams that are read several times, and cut into blocks of one length."""

import numpy as np
import pytest

from temporal_foley.sound.signal.blocks import Replayed, fit, rechunk


def counted(blocks):
    reads = []

    def read():
        reads.append(1)
        return iter([block.copy() for block in blocks])

    return read, reads


BLOCKS = [np.full((n, 2), n, np.float32) for n in (3, 1, 0, 5)]


def joined(blocks):
    return np.concatenate(list(blocks))


def test_a_short_stream_is_read_once():
    read, reads = counted(BLOCKS)
    stream = Replayed(read, 1_000)
    first, second = joined(stream()), joined(stream())
    assert len(reads) == 1
    assert np.array_equal(first, second)
    assert np.array_equal(first, np.concatenate(BLOCKS))


def test_a_long_stream_is_read_again():
    read, reads = counted(BLOCKS)
    stream = Replayed(read, 9 * 8 - 1)
    assert np.array_equal(joined(stream()), joined(stream()))
    assert len(reads) == 2


def test_a_reading_that_stops_early_is_not_the_whole():
    read, reads = counted(BLOCKS)
    stream = Replayed(read, 1_000)
    next(stream())
    assert len(joined(stream())) == 9
    assert len(reads) == 2


def test_what_is_held_cannot_be_changed():
    stream = Replayed(counted(BLOCKS)[0], 1_000)
    with pytest.raises(ValueError, match="read-only"):
        next(stream())[:] = 0


def test_streams_are_cut_and_padded():
    assert [len(block) for block in rechunk(iter(BLOCKS), 4)] == [4, 4, 1]
    assert [len(block) for block in fit(iter(BLOCKS), 12, 5)] == [5, 5, 2]
    assert joined(fit(iter(BLOCKS), 12, 5))[9:].tolist() == [[0, 0]] * 3
