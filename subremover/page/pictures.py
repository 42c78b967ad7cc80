"""Frames of films as JPEGs."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from subremover.errors import InputError
from subremover.video.film import Film
from subremover.video.read.probe import probe
from subremover.video.read.reader import read_frames
from subremover.video.read.source import open_input, read_stamp

THUMBNAIL_PX = 320


@dataclass(frozen=True, slots=True)
class Brief:
    """What a container's header says."""

    seconds: float
    width: int
    height: int


def read_brief(path: Path) -> Brief:
    """What a film is, from its header alone."""
    with open_input(path) as container:
        if not container.streams.video:
            raise InputError(f"no video stream in '{path}'")
        context = container.streams.video[0].codec_context
        return Brief((container.duration or 0) / 1e6, context.width, context.height)


class Pictures:
    """Frames of films."""

    def __init__(self) -> None:
        self._films: dict[Path, Film] = {}

    def film(self, path: Path) -> Film:
        """As it was probed; once, as long as its file does not change."""
        film = self._films.get(path)
        if film is None or film.stamp != read_stamp(path):
            film = self._films[path] = probe(path)
        return film

    def jpeg(self, path: Path, index: int, width: int | None = None) -> bytes:
        """A frame as a JPEG."""
        film = self.film(path)
        with closing(read_frames(film, index, index + 1)) as frames:  # type: ignore[type-var]
            for _, frame in frames:
                picture: np.ndarray = np.rot90(frame.to_ndarray(format="bgr24"), film.rotation // 90)
                if width is not None and width < picture.shape[1]:
                    height = max(1, round(picture.shape[0] * width / picture.shape[1]))
                    picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
                return cv2.imencode(".jpg", picture)[1].tobytes()
        raise InputError(f"frame {index} of '{path}' cannot be decoded")

    def thumbnail(self, path: Path) -> bytes:
        """A frame at about a tenth of the film, small."""
        return self.jpeg(path, self.film(path).frame_count // 10, THUMBNAIL_PX)

    def close(self) -> None:
        """Let go of all films."""
        self._films.clear()
