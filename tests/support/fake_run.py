"""The command with a grey painter in the decoders' place, which needs no torch, and with short segments.

`python tests/fake_run.py SECONDS ARGUMENTS...`: so long does a window take at the least.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

import numpy as np

from subremover.cli.command import run
from subremover.fill.paint.jobs import Fill, FitJob
from subremover.video import segments

SEGMENT_FRAMES = 20


class FakePool:
    """Paints what was not borrowed in one grey."""

    devices = ("cpu",)
    seconds = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def fit(self, batches: Iterable[list[FitJob]]) -> Iterator[list[Fill]]:
        for jobs in batches:
            time.sleep(self.seconds)
            fills = []
            for job in jobs:
                fitted = np.isinf(job.error)
                picture = np.where(fitted[..., None], np.float32(0.5), job.image)
                fills.append(Fill(picture, np.float32(1) * fitted))
            yield fills


def main(seconds: float, arguments: list[str]) -> int:
    """The exit code."""
    FakePool.seconds = seconds
    segments.SEGMENT_FRAMES = SEGMENT_FRAMES
    return run(arguments, FakePool())


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
