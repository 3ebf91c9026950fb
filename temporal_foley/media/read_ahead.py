"""Let a producer run ahead of its consumer in a thread."""

import queue
import threading
from collections.abc import Generator, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

# How often a producer that waits for room looks whether anyone still wants its items.
_POLL_S = 0.1


def read_ahead(items: Iterable[Item], depth: int) -> Generator[Item, None, None]:
    """Yield the items of an iterator that a thread keeps up to `depth` items ahead.

    What the iterator raises is raised here, after the items before it. Closing the result, or
    dropping it, ends the thread and closes the iterator; nothing is left running.
    """
    if depth < 1:
        raise ValueError(f"depth must be at least 1, got {depth}")
    return _consume(iter(items), queue.Queue(maxsize=depth), threading.Event())


def _consume(
    source: Iterator[Item], ready: queue.Queue, stopped: threading.Event
) -> Generator[Item, None, None]:
    thread = threading.Thread(
        target=_produce, args=(source, ready, stopped), name="read-ahead", daemon=True
    )
    thread.start()
    try:
        while True:
            kind, value = ready.get()
            if kind == "item":
                yield value
            elif kind == "error":
                raise value
            else:
                return
    finally:
        stopped.set()
        thread.join()


def _produce(source: Iterator[Item], ready: queue.Queue, stopped: threading.Event) -> None:
    last: tuple[str, object] = ("end", None)
    try:
        for item in source:
            if not _put(ready, ("item", item), stopped):
                break
    except BaseException as error:  # Whatever it is, it belongs to the consumer.
        last = ("error", error)
    finally:
        close = getattr(source, "close", None)
        if close is not None:
            close()
    _put(ready, last, stopped)


def _put(ready: queue.Queue, entry: tuple[str, object], stopped: threading.Event) -> bool:
    while not stopped.is_set():
        try:
            ready.put(entry, timeout=_POLL_S)
        except queue.Full:
            continue
        return True
    return False
