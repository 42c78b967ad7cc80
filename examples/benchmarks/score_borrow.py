"""What borrowing gains and what the decoder gains, each alone and both together, with the true mask.

    python examples/benchmarks/score_borrow.py CLIPS OUT [--only NAME]

Each clip (see score_clips.py) is rendered three times: without borrowing; without the decoder, what nothing
shows filled by the smooth continuation of its surroundings; and as it is meant to be. All is measured before
the picture is encoded again. Prints Markdown tables and writes OUT/borrow.json.

    dB / SSIM / flicker   in the hole, as clip_score.py defines them
    shown       share of the hole that is borrowed or unmixed where there is no decoder to do better
    s/frame     seconds of borrowing per masked frame, while nothing was being fitted
    by source   of the render with both: share of the hole, and dB there, by how many frames away the pixels
                were borrowed from; `painted` or `unmixed` where those make up the greater part
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import get_args
from unittest.mock import patch

import click
import numpy as np
from clip_score import ErrorSum, HoleMeter, HoleScore, read_truth
from clip_tables import format_rows, format_value, mean
from score_clips import describe_run, find_clips, write_true_mask

from subremover import Plan, ScanOptions, scan
from subremover.fill.borrow import Borrowed, Borrower
from subremover.fill.composite import join_seamlessly
from subremover.fill.holes import Hole
from subremover.fill.paint.jobs import Fill, FitJob
from subremover.fill.paint.pool import Pool
from subremover.fill.views import Footage
from subremover.options import BorrowOptions, PaintOptions, PoolOptions, PresetName
from subremover.provenance import Origins
from subremover.render.filled_frames import fill_frames
from subremover.video.read.probe import probe

VARIANTS = ("decoder alone", "borrowing alone", "both")
DISTANCES = (1, 2, 4, 8, 16, 32)
"""Least frames of each range of distances."""
SOURCES = ("1", "2-3", "4-7", "8-15", "16-31", "32+", "painted", "unmixed", "not masked")


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a render made of the holes of a clip."""

    hole: HoleScore
    masked_frames: int
    borrow_seconds: float
    sources: dict[str, ErrorSum]
    """The pixels of the hole by where they came from."""

    @property
    def shown(self) -> float:
        """Share of the hole that is borrowed or unmixed."""
        counts = {name: errors.count for name, errors in self.sources.items()}
        invented = counts["painted"] + counts["not masked"]
        return 1 - invented / max(1, sum(counts.values()))


@dataclass(frozen=True, slots=True)
class Result:
    """One clip's row."""

    clip: str
    variants: dict[str, Rendered]


class SmoothPool(Pool):
    """Fills what nothing shows with the smooth continuation of the surroundings, and fits nothing."""

    def fit(self, batches: Iterable[list[FitJob]]) -> Iterator[list[Fill]]:
        for jobs in batches:
            yield [fill_smoothly(job) for job in jobs]


def fill_smoothly(job: FitJob) -> Fill:
    """What was borrowed, whatever its error, and the smooth continuation of that and of the known pixels."""
    unknown = job.hole & np.isinf(job.error)
    return Fill(join_seamlessly(np.zeros_like(job.image), job.image, unknown), unknown.astype(np.float32))


@dataclass(slots=True)
class Stopwatch:
    """Seconds so far."""

    seconds: float = field(default=0.0)


@contextmanager
def time_borrowing() -> Iterator[Stopwatch]:
    """Measure how long Borrower.borrow takes, all calls together."""
    watch, borrow = Stopwatch(), Borrower.borrow

    def timed_borrow(self: Borrower, holes: Sequence[Hole], footage: Footage) -> list[Borrowed]:
        start = time.perf_counter()
        try:
            return borrow(self, holes, footage)
        finally:
            watch.seconds += time.perf_counter() - start

    with patch.object(Borrower, "borrow", timed_borrow):
        yield watch


def render(clip: Path, plan: Plan, variant: str, paint: PaintOptions) -> Rendered:
    """Fill a clip's holes and hold them against the truth.

    Args:
        clip: Of any clip whose picture is upright as it is coded.
        plan: Of its subbed.mp4.
        variant: Of VARIANTS.
        paint: How holes are painted.
    """
    make_pool = SmoothPool if variant == "borrowing alone" else Pool
    options = BorrowOptions(borrow=variant != "decoder alone")
    meter, sources, masked_frames = HoleMeter(), {name: ErrorSum() for name in SOURCES}, 0
    with (
        time_borrowing() as watch,
        make_pool(paint, PoolOptions()) as pool,
        closing(fill_frames(probe(clip / "subbed.mp4"), plan, pool, options)) as frames,
    ):
        for (_, frame, origins), (clean, coverage) in zip(frames, read_truth(clip), strict=True):
            result, mask = frame.to_ndarray(format="bgr24"), coverage > 0
            meter.add(clean, result, mask)
            if mask.any():
                masked_frames += 1
                errors, source = (result.astype(np.int16) - clean)[mask], trace(origins, mask.shape)[mask]
                for number, name in enumerate(SOURCES):
                    sources[name].add(errors[source == number])
    return Rendered(meter.score(), masked_frames, watch.seconds, sources)


def trace(origins: Origins | None, size: tuple[int, int]) -> np.ndarray:
    """(H, W) int: where each pixel of a frame came from, as an index into SOURCES."""
    traced = np.full(size, SOURCES.index("not masked"))
    if origins is None:
        return traced
    part = traced[origins.box.slices]
    shares = np.stack([origins.borrowed, origins.fitted, origins.unmixed])
    by_distance = np.digitize(origins.distance.round(), DISTANCES[1:])
    greatest = np.choose(
        shares.argmax(axis=0), [by_distance, SOURCES.index("painted"), SOURCES.index("unmixed")]
    )
    part[:] = np.where(shares.sum(axis=0) > 0, greatest, part)
    return traced


def measure(clip: Path, out: Path, paint: PaintOptions) -> Result:
    """Render a clip in all variants."""
    plan = scan(clip / "subbed.mp4", ScanOptions(mask=write_true_mask(clip, out)))
    return Result(clip.resolve().name, {name: render(clip, plan, name, paint) for name in VARIANTS})


def format_gains(results: Sequence[Result]) -> str:
    """The variants side by side, a row a clip, and their means."""
    rows = [["dB / SSIM / flicker", *VARIANTS, "shown", "s/frame"]]
    rows.append(["---"] * len(rows[0]))
    for result in results:
        holes = [_format_hole([rendered.hole]) for rendered in result.variants.values()]
        alone = result.variants["borrowing alone"]
        seconds = alone.borrow_seconds / max(1, alone.masked_frames)
        rows.append([result.clip, *holes, f"{alone.shown:.1%}", f"{seconds:.2f}"])
    means = [_format_hole([result.variants[variant].hole for result in results]) for variant in VARIANTS]
    rows.append(["mean", *means, "", ""])
    return format_rows(rows)


def format_sources(results: Sequence[Result]) -> str:
    """Share and dB by source, a row a clip and one of all pixels together."""
    rows = [["by source", *SOURCES], ["---"] * (1 + len(SOURCES))]
    found = {result.clip: result.variants["both"].sources for result in results}
    found["all"] = {
        name: ErrorSum(
            sum(sources[name].squares for sources in found.values()),
            sum(sources[name].count for sources in found.values()),
        )
        for name in SOURCES
    }
    for clip, sources in found.items():
        total = max(1, sum(errors.count for errors in sources.values()))
        cells = [f"{e.count / total:.1%} / {format_value(e.psnr, 1)}" for e in sources.values()]
        rows.append(
            [clip, *(cell if e.count else "" for cell, e in zip(cells, sources.values(), strict=True))]
        )
    return format_rows(rows)


def _format_hole(holes: Sequence[HoleScore]) -> str:
    figures = (("psnr", 2), ("ssim", 3), ("flicker", 2))
    cells = [format_value(mean([getattr(hole, name) for hole in holes]), digits) for name, digits in figures]
    return " / ".join(cells)


@click.command(help=__doc__)
@click.argument("clips_dir", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out_dir", type=click.Path(file_okay=False, path_type=Path))
@click.option("--only", multiple=True, metavar="NAME", help="Just this clip; may be given more than once.")
@click.option("--preset", type=click.Choice(get_args(PresetName)), default="standard", show_default=True)
def main(clips_dir: Path, out_dir: Path, only: tuple[str, ...], preset: PresetName) -> None:
    out_dir.mkdir(parents=True, exist_ok=True)
    results = []
    for clip in find_clips(clips_dir, only):
        if not any(coverage.any() for _, coverage in read_truth(clip)):
            continue  # nothing is hidden
        click.echo(f"{clip.resolve().name} ...", err=True)
        results.append(measure(clip, out_dir, PaintOptions.preset(preset)))
    facts = describe_run(())
    scores = {**facts, "clips": [asdict(result) for result in results]}
    (out_dir / "borrow.json").write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")
    click.echo(f"{format_gains(results)}\n\n{format_sources(results)}")
    click.echo(f"\n{facts['commit']}, torch {facts['torch']}, {facts['cores']} cores: {facts['command']}")


if __name__ == "__main__":
    main()
