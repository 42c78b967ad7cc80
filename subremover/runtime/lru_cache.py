"""A cache bounded by bytes: what was asked for last, and is likely to be asked for again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class LruCache(Generic[T]):
    """The things asked for last, up to a number of bytes, but one at least; safe to share by threads."""

    def __init__(self, most_bytes: int, count_bytes: Callable[[T], int]) -> None:
        """Begin empty; `count_bytes` tells the memory of a thing."""
        self._most, self._held = most_bytes, 0
        self._count_bytes = count_bytes
        self._things: OrderedDict[Hashable, T] = OrderedDict()
        self._lock = Lock()

    @property
    def held_bytes(self) -> int:
        """Memory of all things together."""
        return self._held

    def find(self, key: Hashable) -> T | None:
        """The thing of this key; None where it is not kept."""
        with self._lock:
            if key not in self._things:
                return None
            self._things.move_to_end(key)
            return self._things[key]

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The thing of this key.

        Args:
            key: Tells it from all others.
            make: Makes it where it is not kept; two threads may do so at once.
        """
        thing = self.find(key)
        return self.put(key, make()) if thing is None else thing

    def put(self, key: Hashable, thing: T) -> T:
        """Keep a thing, unless there is one of this key; returns the one that is kept."""
        with self._lock:
            if key not in self._things:
                self._things[key] = thing
                self._held += self._count_bytes(thing)
            while self._held > self._most and len(self._things) > 1:
                _, oldest = self._things.popitem(last=False)
                self._held -= self._count_bytes(oldest)
            return self._things.get(key, thing)
