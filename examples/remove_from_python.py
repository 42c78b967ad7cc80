"""Remove the subtitles of a film from Python, with a progress report, after a look at what would go.

python examples/remove_from_python.py movie.mp4 clean.mp4
"""

from __future__ import annotations

import sys

import subremover
from subremover.options import FitOptions, Options


def show(progress: subremover.Progress) -> None:
    """Called after each piece of work; `done` and `total` count frames."""
    print(f"\r{progress.stage}: {progress.done} of {progress.total} frames", end="", file=sys.stderr)


def main() -> None:
    """Scan the film, say what was found, and remove it."""
    movie, clean = sys.argv[1:]
    # The scan alone, to see what it takes for subtitles. remove_subtitles() scans by itself otherwise.
    plan = subremover.scan(movie)
    for event in plan.events:
        print(f"frames {event.first} to {event.last}: {event.box}")
    # As `subremover movie.mp4 -o clean.mp4 --preset fast`.
    options = Options(fit=FitOptions.preset("fast"))
    try:
        subremover.remove_subtitles(movie, clean, options, progress=show)
    except subremover.SubremoverError as error:
        sys.exit(f"\n{error}")


if __name__ == "__main__":
    main()
