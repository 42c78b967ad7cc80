"""How fast this machine's cores could feed a GPU, on a machine without one.

    python examples/benchmarks/simulate_gpu.py OUT

The fit of a film runs as it would on a GPU, but for the GPU: what is queued on it ends when it would by the
traffic counted and by the launches of each step, and takes no core meanwhile. What is left is the pipeline's
own limit. Prints a Markdown table and writes OUT/simulated.json; the film that it draws stays in OUT as well.

\b
    paper       so much to fit that the GPU is the bound: how busy it is kept
    fills       lists of crops to fills, all of them fitted: groups, crops, trust, seams
    frames      a 1080p film from file to filled frames, without scan, loans and encoder
    encoded     the same with the encoder of the defaults
    film        the same with loans: what would be scored and blended on the GPU is taken out of the cores'
                time, and what launching it costs is put in

Cores are held to as many as are asked for (Linux). The GPU is an H200: 4.3 TB/s of memory read and written,
50 GB/s to and from the host.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click
import cv2
import numpy as np
import torch
from bench_film import FilmCase, draw_film
from bench_fit import draw_letters
from bench_speed import format_facts, name_device, read_numbers, write_json
from clip_tables import format_rows
from score_clips import describe_run

import subremover
from subremover.fill.paint import device_fitter
from subremover.fill.paint.device_fitter import DeviceFitter, choose_canvas
from subremover.fill.paint.jobs import FitJob
from subremover.fill.paint.pool import Pool
from subremover.fill.paint.rows import Row, lay_out_crops
from subremover.motion import scoring, scoring_device
from subremover.options import BorrowOptions, EncodeOptions, FitOptions, Options, PaintOptions, PoolOptions
from subremover.untrained.deep_decoder import DeepDecoder

MEMORY_RATE, LINK_RATE = 4.3e12, 50e9
"""Bytes a second: read and written by the GPU, and over its link to the host."""
LAUNCH_SECONDS = 2e-6
"""From one kernel of a graph to the next."""
LAUNCHES = 59
"""Of a step."""
PIXEL_BYTES, CHANNEL_BYTES = 357, 19.0
"""Traffic of a step for each pixel, and for each pixel and channel.
See docs/measurements.md, "untrained/kernels: launches, traffic and registers"."""
SCORE_SECONDS = 1.5e-3
"""Of a core, for the 288 launches that score and blend one target, at 5 us each.
See docs/measurements.md, "motion/scoring_device: cost"."""
CROPS = ((96, 288), (160, 640))
LIST_FRAMES = 32
NO_LOANS = BorrowOptions(borrow=False)


@dataclass
class Gpu:
    """A queue that empties by the clock."""

    begun_at: float = math.inf
    """When it got its first work."""
    free_at: float = 0.0
    """When all that was queued will be done."""
    busy_seconds: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def queue(self, seconds: float) -> float:
        """Queue work; when it will be done."""
        with self.lock:
            self.begun_at = min(self.begun_at, time.perf_counter())
            self.free_at = max(self.free_at, time.perf_counter()) + seconds
            self.busy_seconds += seconds
            return self.free_at


def wait_until(moment: float) -> None:
    """Sleep until then."""
    if (seconds := moment - time.perf_counter()) > 0:
        time.sleep(seconds)


class SimulatedMark:
    """`transfer.Mark` on the simulated GPU."""

    gpu: Gpu

    def __init__(self, _device: torch.device) -> None:
        self.at = max(self.gpu.free_at, time.perf_counter())

    def wait(self) -> None:
        wait_until(self.at)

    def seconds_since(self, other: SimulatedMark) -> float:
        return self.at - other.at


class SimulatedCopy:
    """`transfer.AsyncCopy` from the simulated GPU."""

    gpu: Gpu

    def __init__(self, pictures: list[np.ndarray]) -> None:
        self._pictures = pictures
        self._at = self.gpu.queue(sum(picture.nbytes for picture in pictures) / LINK_RATE)

    def is_done(self) -> bool:
        return time.perf_counter() >= self._at

    def read(self) -> list[np.ndarray]:
        wait_until(self._at)
        return self._pictures


class SimulatedAdam:
    """`BatchedAdam` on the simulated GPU. What it paints are the crops that it was to be fitted to."""

    def __init__(self, gpu: Gpu, options: FitOptions, size: int, canvas: tuple[int, int]) -> None:
        height, width = canvas
        self._gpu = gpu
        self._crops: dict[int, np.ndarray] = {}
        self._left = np.zeros(size, np.int64)
        traffic = size * height * width * (PIXEL_BYTES + CHANNEL_BYTES * options.channels)
        self._seconds = max(traffic / MEMORY_RATE, LAUNCHES * LAUNCH_SECONDS)

    @property
    def steps_left(self) -> list[int]:
        return [int(left) for left in self._left]

    def begin(self, rows: Sequence[Row], places: Sequence[int], crops: Sequence[np.ndarray]) -> None:
        for row, place, crop in zip(rows, places, crops, strict=True):
            self._left[place], self._crops[place] = row.steps, crop

    def step(self, count: int = 1) -> None:
        self._gpu.queue(count * self._seconds)
        np.maximum(self._left - count, 0, out=self._left)

    def take(self, places: Sequence[int]) -> tuple[list[np.ndarray], Any]:
        return [self._crops[place] for place in places], None


def begin_simulated(
    rows: Sequence[Row],
    options: FitOptions,
    device: torch.device,
    canvas: tuple[int, int],
    adam: SimulatedAdam | None = None,
    *,
    gpu: Gpu,
    places: Sequence[int],
    size: int,
) -> SimulatedAdam:
    """`rows.begin` with all that the host does in it."""
    images, known, which = lay_out_crops(rows, canvas, device)
    gpu.queue((images.nbytes + known.nbytes) / LINK_RATE)
    if rows[0].start is None:
        network = DeepDecoder.of(options, canvas, rows[0].levels)
        like = torch.empty(1, device=device)
        network.start(like, like, [row.seed for row in rows])
    if adam is None:
        adam = SimulatedAdam(gpu, options, size, canvas)
    adam.begin(rows, places, [images[number].permute(2, 0, 1).numpy() for number in which])
    return adam


class SimulatedScorer:
    """`DeviceScorer` by OpenCV; the cores' time that this takes is noted, to be taken off."""

    core_seconds = 0.0
    targets = 0
    lock = threading.Lock()

    def __init__(self, _device: str) -> None: ...

    @classmethod
    @contextmanager
    def off_the_cores(cls, targets: int) -> Iterator[None]:
        start = time.thread_time()
        yield
        with cls.lock:
            cls.core_seconds += time.thread_time() - start
            cls.targets += targets

    def score(self, *args: Any) -> Any:
        with self.off_the_cores(0):
            return scoring.score(*args)

    def blend(self, *args: Any) -> Any:
        with self.off_the_cores(1):
            return scoring.blend(*args)


@contextmanager
def simulated_gpu() -> Iterator[Gpu]:
    """Put a simulated GPU in the place of `cuda:0` as long as the `with` body lasts."""
    gpu = Gpu()
    SimulatedMark.gpu = SimulatedCopy.gpu = gpu
    SimulatedScorer.core_seconds, SimulatedScorer.targets = 0.0, 0
    with ExitStack() as stack:
        for name, stand_in in (
            ("Mark", SimulatedMark),
            ("AsyncCopy", SimulatedCopy),
            ("begin", partial(begin_simulated, gpu=gpu)),
            ("choose_batch_size", lambda *_: 1024),
            ("choose_canvas", lambda row, _: choose_canvas(row, torch.device("cuda"))),
        ):
            stack.enter_context(patch.object(device_fitter, name, stand_in))
        stack.enter_context(patch.object(scoring_device, "DeviceScorer", SimulatedScorer))
        yield gpu


class SimulatedPool(Pool):
    """A pool on the simulated GPU."""

    def __init__(self, paint: PaintOptions) -> None:
        super().__init__(paint, PoolOptions("cpu"))
        self.devices = ["cuda:0"]

    def _make_fitter(self, device: str) -> DeviceFitter:  # noqa: ARG002
        return DeviceFitter(self._paint.fit, "cpu")


@dataclass(frozen=True, slots=True)
class Found:
    """What one part came to."""

    part: str
    cores: int
    frames: int
    """With a hole."""
    seconds: float
    core_seconds: float
    """Of all threads, without what a GPU would do."""
    gpu_share: float
    """Of the time from the GPU's first work to its last in which it was busy."""
    note: str = ""

    @property
    def core_rate(self) -> float:
        """Frames a second that each core feeds, were it always busy."""
        return self.frames / self.core_seconds


def measure(part: str, cores: int, run: Callable[[], int]) -> Found:
    """Run a part on the simulated GPU; it gives its number of frames with a hole."""
    with simulated_gpu() as gpu:
        start, core_start = time.perf_counter(), time.process_time()
        frames = run()
        seconds, core_seconds = time.perf_counter() - start, time.process_time() - core_start
    busy = gpu.busy_seconds / (gpu.free_at - gpu.begun_at) if gpu.busy_seconds else 0.0
    note = ""
    if targets := SimulatedScorer.targets:
        core_seconds += SCORE_SECONDS * targets - SimulatedScorer.core_seconds
        note = f"{1000 * SimulatedScorer.core_seconds / frames:.0f} ms a frame of scoring taken out"
    return Found(part, cores, frames, seconds, core_seconds, busy, note)


def fill_lists(height: int, width: int, count: int) -> int:
    """Fill lists of crops of one size in which nothing was borrowed."""
    lists = [
        [draw_job(height, width, frame, group) for frame in range(LIST_FRAMES)] for group in range(count)
    ]
    with SimulatedPool(PaintOptions()) as pool:
        deque(pool.fit(lists), maxlen=0)
    return count * LIST_FRAMES


def draw_job(height: int, width: int, frame: int, group: int) -> FitJob:
    """A crop of soft noise with a subtitle for a hole."""
    noise = np.random.default_rng(group).random((height, width + LIST_FRAMES, 3), np.float32)
    picture = np.ascontiguousarray(cv2.GaussianBlur(noise, (0, 0), 5)[:, frame : frame + width])
    hole = draw_letters(height, width) > 0
    return FitJob(picture, hole, frame, group, np.where(hole, np.float32(np.inf), np.float32(0)))


def fit_much() -> int:
    """Fit by the preset of the paper, whose steps take a GPU long."""
    paper = PaintOptions.preset("paper")
    paper = replace(paper, fit=replace(paper.fit, steps=300))
    jobs = [draw_job(160, 640, 0, group) for group in range(64)]
    with SimulatedPool(paper) as pool:
        deque(pool.fit([jobs[:32], jobs[32:]]), maxlen=0)
    return len(jobs)


def fill_frames(film: Path, plan: subremover.Plan) -> int:
    """Fill the holes of a film whose subtitles are known."""
    pool = SimulatedPool(PaintOptions())
    with pool, subremover.Run(film, Options(borrow=NO_LOANS), plan=plan, paints=True, painter=pool) as run:
        deque(run.fill_frames(run.scan(), range(run.film.frame_count)), maxlen=0)
    return int(plan.masked_frames().sum())


def render_film(film: Path, plan: subremover.Plan, target: Path, borrow: BorrowOptions) -> int:
    """Render a film whose subtitles are known."""
    options = Options(borrow=borrow, encode=EncodeOptions(overwrite=True, resume=False))
    pool = SimulatedPool(options.paint)
    with pool, subremover.Run(film, options, target=target, plan=plan, painter=pool) as run:
        return run.render(run.scan()).frames_masked


@click.command(help=__doc__)
@click.argument("out_dir", type=click.Path(file_okay=False, path_type=Path))
@click.option("--cores", default="1,2", show_default=True, help="To how many the run is held, in turn.")
@click.option("--seconds", type=click.FloatRange(min=2), default=4.0, show_default=True, help="Of the film.")
@click.option("--lists", type=click.IntRange(min=1), default=6, show_default=True, help="Of 32 crops each.")
def main(out_dir: Path, cores: str, seconds: float, lists: int) -> None:
    """See above."""
    film = draw_film(FilmCase(seconds, 1.0), out_dir / "films")
    plan = subremover.scan(film)
    found: list[Found] = []
    own = os.sched_getaffinity(0)
    for count in read_numbers(cores):
        if count > len(own):
            raise click.UsageError(f"there are {len(own)} cores here, not {count}")
        os.sched_setaffinity(0, sorted(own)[:count])
        torch.set_num_threads(count)
        cv2.setNumThreads(count)
        target = out_dir / "clean.mp4"
        parts: dict[str, Callable[[], int]] = {
            "paper": fit_much,
            **{f"fills {h}x{w}": partial(fill_lists, h, w, lists) for h, w in CROPS},
            "frames": partial(fill_frames, film, plan),
            "encoded": partial(render_film, film, plan, target, NO_LOANS),
            "film": partial(render_film, film, plan, target, BorrowOptions()),
        }
        found += [measure(name, count, run) for name, run in parts.items()]
        click.echo(f"{count} cores: done", err=True)
    os.sched_setaffinity(0, own)
    facts = {**describe_run(()), "device": name_device("cpu")}
    write_json(out_dir / "simulated.json", {**facts, "found": [asdict(one) for one in found]})
    click.echo(f"{format_found(found)}\n\n{format_facts(facts)}")


def format_found(found: Sequence[Found]) -> str:
    """A Markdown table, a row a part."""
    rows = [["part", "cores", "frames/s", "core ms a frame", "frames/s a core", "GPU busy", ""]]
    rows.append(["---"] * len(rows[0]))
    for one in found:
        rows.append(
            [
                *(one.part, str(one.cores), f"{one.frames / one.seconds:.1f}"),
                *(f"{1000 * one.core_seconds / one.frames:.0f}", f"{one.core_rate:.1f}"),
                *(f"{one.gpu_share:.1%}", one.note),
            ]
        )
    return format_rows(rows)


if __name__ == "__main__":
    main()
