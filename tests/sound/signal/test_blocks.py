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


@pytest.mark.parametrize("length", [1, 7, 10, 1000])
def test_streams_are_cut_anew_and_fitted(length: int) -> None:
    sound = np.arange(200, dtype=np.float32).reshape(100, 2)
    parts = np.split(sound, [0, 3, 3, 50])
    pieces = list(rechunk(parts, length))
    assert all(len(piece) == length for piece in pieces[:-1])
    np.testing.assert_array_equal(np.concatenate(pieces), sound)
    for total in (5, 100, 130):
        fitted = np.concatenate(list(fit(iter(parts), total, length)))
        np.testing.assert_array_equal(fitted[:100], sound[:total])
        assert len(fitted) == total
        assert not fitted[100:].any()
