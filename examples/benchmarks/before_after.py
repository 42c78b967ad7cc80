"""One frame of a film before and after, as a picture: before on top, after below.

python examples/benchmarks/before_after.py movie.mp4 clean.mp4 picture.png --seconds 1.5
"""

from __future__ import annotations

from pathlib import Path

import av
import click
import cv2
import numpy as np


def read_frame(path: Path, frame: int | None, seconds: float) -> np.ndarray:
    """A frame by its number, or else the first at or after a time; (H, W, 3) uint8 BGR.

    Raises:
        click.UsageError: The film ends before it.
    """
    with av.open(str(path)) as container:
        for index, found in enumerate(container.decode(video=0)):
            if index == frame or (frame is None and found.time >= seconds):
                return found.to_ndarray(format="bgr24")
    raise click.UsageError(f"{path} ends before {f'frame {frame}' if frame is not None else f'{seconds} s'}")


def add_label(picture: np.ndarray, text: str) -> np.ndarray:
    """The picture with a word in its upper left corner."""
    labelled = picture.copy()
    scale = picture.shape[0] / 480
    cv2.rectangle(labelled, (0, 0), (round(116 * scale), round(40 * scale)), (0, 0, 0), cv2.FILLED)
    place = round(10 * scale), round(28 * scale)
    white, thickness = (255, 255, 255), max(1, round(2 * scale))
    cv2.putText(labelled, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, white, thickness, cv2.LINE_AA)
    return labelled


@click.command(help=__doc__)
@click.argument("movie", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("clean", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("picture", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--frame", type=int, help="Which frame, from 0.")
@click.option("--seconds", default=0.0, show_default=True, help="Or the first frame from this time on.")
def main(movie: Path, clean: Path, picture: Path, frame: int | None, seconds: float) -> None:
    before, after = (read_frame(path, frame, seconds) for path in (movie, clean))
    stacked = np.vstack([add_label(before, "before"), add_label(after, "after")])
    # Encoded here and written by Python: cv2.imwrite only returns False where it cannot write.
    picture.write_bytes(cv2.imencode(".png", stacked)[1].tobytes())


if __name__ == "__main__":
    main()
