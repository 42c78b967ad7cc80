"""A thread between two stages, with a bounded queue; besides the pool, the one way for stages to overlap."""

from __future__ import annotations

import contextlib
import contextvars
import queue
import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

Item = TypeVar("Item")

_END = object()


class _Failure:
    """Carries the worker's exception to the consumer."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


def prefetch(items: Iterator[Item], depth: int) -> Generator[Item, None, None]:
    """Make items ahead of time, in a thread of their own.

    The thread starts with the first `next` and is joined when the items end, fail or are closed; it is
    the thread that closes `items`. An exception of `items` is raised here, after the items before it.

    Args:
        items: Run in the thread.
        depth: Most items that wait to be taken.

    Returns:
        The same items; close it where not all are taken.

    Raises:
        ValueError: `depth` is less than 1.
    """
    if depth < 1:
        raise ValueError(f"depth must be at least 1, got {depth}")
    return _consume(items, depth)


def _consume(items: Iterator[Item], depth: int) -> Generator[Item, None, None]:
    made: queue.Queue[object] = queue.Queue(maxsize=depth)
    stop = threading.Event()
    run = contextvars.copy_context().run  # what it does counts for the consumer's run (see profile.py)
    worker = threading.Thread(target=run, args=(_produce, items, made, stop), name="prefetch", daemon=True)
    worker.start()
    try:
        while (item := made.get()) is not _END:
            if isinstance(item, _Failure):
                raise item.error
            yield item  # type: ignore[misc]
    finally:
        stop.set()
        with contextlib.suppress(queue.Empty):  # makes room for a worker that waits in put()
            while True:
                made.get_nowait()
        worker.join()


def _produce(items: Iterator[object], made: queue.Queue[object], stop: threading.Event) -> None:
    last: object = _END
    try:
        for item in items:
            _put(made, item, stop)
            if stop.is_set():
                break
    except BaseException as error:
        last = _Failure(error)
    finally:
        if close := getattr(items, "close", None):
            close()
        _put(made, last, stop)


def _put(made: queue.Queue[object], item: object, stop: threading.Event) -> None:
    """Hand an item over, or drop it where the consumer has stopped."""
    while not stop.is_set():
        with contextlib.suppress(queue.Full):
            made.put(item, timeout=0.1)
            return
