"""Remove the subtitles of a film from Python, with a progress report, after a look at what would go.

python examples/remove_from_python.py movie.mp4 clean.mp4
"""

from __future__ import annotations

import sys

import subremover


def show(progress: subremover.Progress) -> None:
    """Called after each piece of work; `done` and `total` count frames."""
    print(f"\r{progress.stage}: {progress.done} of {progress.total} frames", end="", file=sys.stderr)


def main() -> None:
    """Scan the film, say what was found, and remove it."""
    if len(sys.argv) != 3:
        print("usage: python remove_from_python.py MOVIE CLEAN", file=sys.stderr)
        sys.exit(2)
    movie, clean = sys.argv[1:]
    options = subremover.Options(paint=subremover.PaintOptions.preset("fast"))  # as --preset fast
    try:
        plan = subremover.scan(movie, options.scan, progress=show)
        for number, event in enumerate(plan.events):
            print(f"event {number}, frames {event.first} to {event.last}: {event.text!r}, {event.kind}")
            if event.kind == "logo":  # what would be left alone goes as well
                plan = plan.replace_event(number, remove=True)
        result = subremover.remove_subtitles(movie, clean, options, show, plan=plan)
    except subremover.SubremoverError as error:
        sys.exit(f"\n{error}")
    print(f"\n{result.events} subtitles removed; of the hidden pixels {result.shares.describe()}")


if __name__ == "__main__":
    main()
