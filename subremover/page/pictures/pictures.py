"""Pictures of films, by frame index, for a page with a scrubber.

Films that are looked at stay open where they were left (`walks`); frames that are likely to be asked for
next, as someone goes back, are made ahead. What a film is beyond its pictures is `probe`'s.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock

import cv2
import numpy as np
from av.video.frame import VideoFrame

from subremover.errors import InputError
from subremover.page.pictures.walks import Walks, find_entry
from subremover.runtime.cpu import one_opencv_thread
from subremover.runtime.lru_cache import LruCache
from subremover.video.film import Film
from subremover.video.pixels.planes import upright_rgb
from subremover.video.read.glimpse import read_glimpse
from subremover.video.read.probe import probe
from subremover.video.read.source import read_stamp

log = logging.getLogger(__name__)

_QUALITY = 85
_THUMBNAIL_PX, _THUMBNAIL_SHARE = 320, 0.1
_BACK_FRAMES = 48
"""Frames that are made at once when someone goes back, before they are asked for; and the most by which a
frame may lie before the last one for that to be called going back.
See docs/measurements.md, "page/pictures: frames by index"."""
_TAIL_FRAMES = 8
"""Frames before one sought that are kept as they come, so that going back from there begins at once."""
_TAIL_BYTES = 48 << 20
_SOON_FRAMES = 24
"""Frames that are decoded in the time that a person who drags does not notice: 0.1 s at 1080p."""
_DECODER_BYTES = 512 << 20
_MOST_FILMS = 16


@dataclass(frozen=True, slots=True)
class Brief:
    """What a film's header says."""

    seconds: float
    """0: it does not say."""
    width: int
    """In px, upright."""
    height: int
    """In px, upright."""


def read_brief(path: Path) -> Brief:
    """Find out how long and large a film is, from its header and its first frame.

    Args:
        path: Of the film.

    Raises:
        InputError: There is no film there that can be decoded.
    """
    glimpse = read_glimpse(path)
    width, height = glimpse.frame.width, glimpse.frame.height
    if _rotation_of(glimpse.frame) % 180:
        width, height = height, width
    return Brief(glimpse.seconds, width, height)


class _Seen:
    """A film that is looked at, as its file was at one time."""

    def __init__(self, path: Path, stamp: tuple[int, int]) -> None:
        self.path, self.stamp = path, stamp
        self.probing, self.decoding = Lock(), Lock()
        self.film: Film | None = None
        self.fault: InputError | None = None
        self.lost: set[int] = set()
        self.latest: int | None = None
        """Index of the frame that was asked for last."""
        self.backs = 0
        """How many times in a row the frame asked for was one a little before the last."""
        self.ahead: _Ahead | None = None

    def note(self, index: int) -> bool:
        """Take in which frame is asked for; tells whether someone is going back."""
        is_back = self.latest is not None and 0 < self.latest - index <= _BACK_FRAMES
        self.backs = self.backs + 1 if is_back else self.backs * (self.latest == index)
        self.latest = index
        return is_back

    def key(self, index: int, width: int | None) -> Hashable:
        """Of a JPEG."""
        return self.path, self.stamp, index, width


@dataclass(slots=True, eq=False)
class _Ahead:
    """Frames that are being made before anybody asks for them."""

    frames: range
    width: int | None
    is_wanted: bool = True
    is_done: Event = field(default_factory=Event)

    def is_coming(self, index: int, width: int | None) -> bool:
        """Whether a frame is among those that are still being made."""
        is_under_way = self.is_wanted and not self.is_done.is_set()
        return is_under_way and index in self.frames and width == self.width


class Pictures(AbstractContextManager["Pictures"]):
    """Pictures of films; safe to share by threads. A context manager, which closes all films."""

    def __init__(self, *, most_open: int = 4, most_bytes: int = 64 << 20) -> None:
        """Begin with nothing open.

        Args:
            most_open: Number of decoders that are kept open. They take at most 512 MiB by estimate, or what
                a single one takes.
            most_bytes: Memory of the JPEGs that are kept.
        """
        self._walks = Walks(most_open, _DECODER_BYTES)
        self._jpegs: LruCache[bytes] = LruCache(most_bytes, len)
        self._tails: LruCache[VideoFrame] = LruCache(_TAIL_BYTES, _count_bytes)
        self._seen: OrderedDict[Path, _Seen] = OrderedDict()
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(1, "pictures ahead")
        self._is_closed = False

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all films, and wait for what is being made ahead."""
        self._is_closed = True
        self._walks.close()
        self._pool.shutdown()

    def film(self, path: Path) -> Film:
        """What a film is; it is probed only once as long as its file stays the same.

        Args:
            path: Of the film.

        Raises:
            InputError: It cannot be read, or is none.
        """
        return self._find(path)[1]

    def jpeg(self, path: Path, index: int, width: int | None = None) -> bytes:
        """A frame as a JPEG, upright.

        Args:
            path: Of the film.
            index: Of the frame.
            width: In px, that a wider picture is scaled down to.

        Raises:
            IndexError: The film has no such frame.
            InputError: The film cannot be read, or this frame cannot be decoded.
        """
        seen, film = self._find(path)
        if not 0 <= index < film.frame_count:
            raise IndexError(f"'{path}' has no frame {index}, but {film.frame_count} frames")
        if width is not None and width >= film.upright_size[0]:
            width = None
        is_back = seen.note(index)
        jpeg = self._jpegs.find(seen.key(index, width))
        if jpeg is None:
            jpeg = self._make(seen, film, index, width, is_back=is_back)
        if is_back:
            self._look_ahead(seen, film, index, width)
        return jpeg

    def find_near(self, path: Path, index: int) -> int:
        """Find a frame that can be shown soon, for somebody who drags through a film.

        Args:
            path: Of the film.
            index: Of the frame that is wanted.

        Returns:
            Its index where few frames are to be decoded for it, or else that of the key frame before it.

        Raises:
            InputError: The film cannot be read, or is none.
        """
        seen, film = self._find(path)
        is_soon = self._walks.count_frames(film, index) <= _SOON_FRAMES or self._tails.find(
            (seen.stamp, seen.path, index)
        )
        return index if is_soon else find_entry(film, index)

    def thumbnail(self, path: Path) -> bytes:
        """A small picture of a film as a JPEG, of a key frame near a tenth of it; no more is read for it.

        Args:
            path: Of the film.

        Raises:
            InputError: There is no film there that can be decoded.
        """

        def make() -> bytes:
            frame = read_glimpse(path, _THUMBNAIL_SHARE).frame
            return encode_picture(upright_rgb(frame, _rotation_of(frame)), _THUMBNAIL_PX)

        return self._jpegs.get((path, read_stamp(path)), make)

    def _find(self, path: Path) -> tuple[_Seen, Film]:
        """A film as it is now."""
        stamp = read_stamp(path)
        with self._lock:
            if self._is_closed:
                raise InputError(f"'{path}' is not looked at any more")
            seen = self._seen.get(path)
            gone = [seen] if seen is not None and seen.stamp != stamp else []
            if seen is None or gone:
                seen = self._seen[path] = _Seen(path, stamp)
            self._seen.move_to_end(path)
            if len(self._seen) > _MOST_FILMS:
                gone.append(self._seen.popitem(last=False)[1])
        for each in gone:
            if each.film is not None:
                self._walks.leave(each.film)
        with seen.probing:
            if seen.fault is not None:
                raise InputError(str(seen.fault)) from seen.fault
            if seen.film is None:
                try:
                    seen.film = probe(path)
                except InputError as error:
                    seen.fault = error
                    raise
            return seen, seen.film

    def _make(self, seen: _Seen, film: Film, index: int, width: int | None, *, is_back: bool) -> bytes:
        """The JPEG of a frame that is not there."""
        key = seen.key(index, width)
        with seen.decoding:
            frame = self._tails.find((seen.stamp, seen.path, index))
            ahead = seen.ahead
            if frame is None and ahead is not None and not ahead.is_coming(index, width):
                ahead.is_wanted = False
            if frame is None and is_back and (seen.backs > 1 or (ahead and ahead.is_coming(index, width))):
                self._begin_ahead(seen, film, index + 1, width).is_done.wait()
            jpeg = self._jpegs.find(key)  # as one that waited for the lock may find it
            if jpeg is not None:
                return jpeg
            if frame is None:
                frame = self._decode(seen, film, index)
            picture = upright_rgb(frame, film.rotation)  # PyAV crashes if two threads convert one frame
        return self._jpegs.put(key, encode_picture(picture, width))

    def _decode(self, seen: _Seen, film: Film, index: int) -> VideoFrame:
        """A frame, by going on from where a decoder was left, or else by seeking."""
        # the second time without a lead, whose first frame may be one that is lost
        for lead in (_TAIL_FRAMES, 0) if index not in seen.lost else ():
            with self._walks.at(film, index, lead, anew=not lead) as walk:
                # a short way is gone quicker without the frames that no other refers to
                first = max(walk.next, index - lead) if walk.next <= index - lead else index
                for at, frame in walk.read(first, index + 1):
                    self._tails.put((seen.stamp, seen.path, at), frame)
                    if at == index:
                        return frame
        seen.lost.add(index)
        raise InputError(f"frame {index} of '{film.path}' cannot be decoded; the film is damaged there")

    def _look_ahead(self, seen: _Seen, film: Film, index: int, width: int | None) -> None:
        """Begin to make the frames before one, unless they are there or under way."""
        low = index
        while low and index - low < _BACK_FRAMES and self._is_there(seen, low - 1, width):
            low -= 1
        if low and index - low < _BACK_FRAMES:
            self._begin_ahead(seen, film, low, width)

    def _is_there(self, seen: _Seen, index: int, width: int | None) -> bool:
        if index in seen.lost or self._jpegs.find(seen.key(index, width)) is not None:
            return True
        return self._tails.find((seen.stamp, seen.path, index)) is not None

    def _begin_ahead(self, seen: _Seen, film: Film, stop: int, width: int | None) -> _Ahead:
        """Have the frames before one made; those that are under way first, if it is one of them."""
        with self._lock:
            if self._is_closed:
                raise InputError(f"'{film.path}' is not looked at any more")
            ahead = seen.ahead
            if ahead is not None and ahead.is_coming(stop - 1, width):
                return ahead
            if ahead is not None:
                ahead.is_wanted = False
            start = max(0, stop - _BACK_FRAMES)
            entry = find_entry(film, stop - 1)
            if _BACK_FRAMES < stop - entry < 2 * _BACK_FRAMES:  # no frame is decoded for nothing
                start = entry
            ahead = seen.ahead = _Ahead(range(start, stop), width)
            self._pool.submit(self._run_ahead, seen, film, ahead)
            return ahead

    def _run_ahead(self, seen: _Seen, film: Film, ahead: _Ahead) -> None:
        """Make frames."""
        try:
            if ahead.is_wanted and not self._is_closed:
                with self._walks.at(film, ahead.frames.start) as walk:
                    for index, frame in walk.read(ahead.frames.start, ahead.frames.stop):
                        jpeg = encode_picture(upright_rgb(frame, film.rotation), ahead.width)
                        self._jpegs.put(seen.key(index, ahead.width), jpeg)
                        if not ahead.is_wanted or self._is_closed:
                            break
        except InputError as error:  # who asks for such a frame is told
            log.debug("%s", error)
        finally:
            ahead.is_done.set()


def encode_picture(picture: np.ndarray, width: int | None) -> bytes:
    """A picture as a JPEG.

    Args:
        picture: (H, W, 3) uint8, RGB.
        width: In px; the picture keeps its shape. None or more than it has: as it is.
    """
    with one_opencv_thread():
        if width is not None and width < picture.shape[1]:
            height = max(1, round(picture.shape[0] * width / picture.shape[1]))
            picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        picture = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()


def _rotation_of(frame: VideoFrame) -> int:
    """Degrees by which a frame must be turned, see `Film.rotation`."""
    return 90 * round(frame.rotation / 90)


def _count_bytes(frame: VideoFrame) -> int:
    """Memory that a frame takes."""
    return sum(plane.buffer_size for plane in frame.planes)
