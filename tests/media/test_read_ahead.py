import threading

import pytest

from temporal_foley.media.read_ahead import read_ahead


def test_items_come_in_order():
    assert list(read_ahead(iter(range(100)), depth=3)) == list(range(100))
    assert list(read_ahead([], depth=1)) == []


def test_error_arrives_after_the_items_before_it():
    def failing():
        yield 1
        yield 2
        raise ValueError("broken")

    items = read_ahead(failing(), depth=5)
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(ValueError, match="broken"):
        next(items)


def test_producer_runs_ahead_but_not_further_than_depth():
    made = []
    third = threading.Event()

    def producer():
        for number in range(50):
            made.append(number)
            if number == 3:
                third.set()
            yield number

    items = read_ahead(producer(), depth=3)
    assert next(items) == 0
    assert third.wait(10)
    # One taken, three held, one in the producer's hand.
    assert len(made) <= 5
    items.close()


def test_closing_early_ends_the_thread_and_the_iterator():
    closed = []

    def endless():
        try:
            while True:
                yield 0
        finally:
            closed.append(True)

    before = threading.active_count()
    items = read_ahead(endless(), depth=2)
    next(items)
    items.close()
    assert closed == [True]
    assert threading.active_count() == before


def test_error_in_the_consumer_ends_the_thread():
    def consume():
        for item in read_ahead(iter(range(1000)), depth=2):
            assert 1 // item

    before = threading.active_count()
    with pytest.raises(ZeroDivisionError):
        consume()
    assert threading.active_count() == before


def test_depth_must_be_positive():
    with pytest.raises(ValueError, match="depth"):
        read_ahead([], depth=0)
