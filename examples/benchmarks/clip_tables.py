"""The scores of many clips as Markdown tables, and what they come to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from clip_score import ClipScore, HoleScore, Leftover

GIB = 2**30
FIDELITY_COLUMNS = (
    *("clip", "frames", "worst frame dB", "outside dB", "text left", "bad pts", "audio same", "s", "GiB"),
)


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure of HoleScore."""

    heading: str
    name: str
    digits: int
    sign: int
    """-1 where less is better."""

    def of(self, hole: HoleScore) -> float:
        value: float | None = getattr(hole, self.name)
        return math.nan if value is None else value


PSNR = Measure("hole PSNR, dB", "psnr", 2, 1)
SSIM = Measure("hole SSIM", "ssim", 3, 1)
FLICKER = Measure("flicker, levels", "flicker", 2, -1)
GHOST = Measure("ghost, levels", "ghost", 2, -1)
MEASURES = (PSNR, SSIM, FLICKER, GHOST)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run took."""

    seconds: float
    peak_bytes: int | None
    """Most resident memory of the process and all its children together; pages they share count for each."""


@dataclass(frozen=True, slots=True)
class Run:
    """One output of ours."""

    cost: Cost | None
    score: ClipScore
    leftover: Leftover | None


@dataclass(frozen=True, slots=True)
class Result:
    """One clip's row."""

    clip: str
    runs: dict[str, Run]
    """By where the masks came from; the same for all clips."""
    baselines: dict[str, HoleScore]
    """By method; the same for all clips."""


def format_quality(results: Sequence[Result]) -> str:
    """How well the holes are filled: a table a measure, a column a method, the best of each clip in bold.

    Below the tables what they come to, a line a figure. Clips without subtitles are left out.
    """
    scored = [result for result in results if not math.isnan(PSNR.of(next(iter(result.baselines.values()))))]
    if not scored:
        return "no clip has a subtitle"
    tables = [_format_measure(scored, measure) for measure in MEASURES]
    summary = [line for run in scored[0].runs for line in _summarise(scored, run)]
    return "\n\n".join([*tables, "\n".join(summary)])


def format_fidelity(results: Sequence[Result]) -> str:
    """What it cost and what became of the rest of the film, by run where they differ."""
    rows = [FIDELITY_COLUMNS, ["---"] * len(FIDELITY_COLUMNS)]
    for result in results:
        scores = [run.score for run in result.runs.values()]
        costs = [run.cost for run in result.runs.values()]
        rows.append(
            [
                result.clip,
                _join([_format_frames(score) for score in scores]),
                _join([format_value(score.hole.psnr_worst, 1) for score in scores]),
                _join([format_value(score.outside_psnr, 1) for score in scores]),
                _join([_format_leftover(run.leftover) for run in result.runs.values()]),
                _join([str(score.bad_pts) for score in scores]),
                _join(["yes" if score.is_audio_same else "NO" for score in scores]),
                _join([format_value(cost.seconds if cost else None, 0) for cost in costs]),
                _join(
                    [
                        format_value(cost.peak_bytes / GIB if cost and cost.peak_bytes else None, 2)
                        for cost in costs
                    ]
                ),
            ]
        )
    return format_rows(rows)


def format_rows(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def mean(values: Sequence[float | None]) -> float | None:
    """Of those that are there; None where none is."""
    there = [value for value in values if value is not None]
    return sum(there) / len(there) if there else None


def _format_measure(results: Sequence[Result], measure: Measure) -> str:
    columns = _columns(results, measure)
    rows = [[measure.heading, *columns], ["---"] * (1 + len(columns))]
    for result, values in zip(results, zip(*columns.values(), strict=True), strict=True):
        best = max(values, key=lambda value: measure.sign * value)
        cells = [format_value(value, measure.digits) for value in values]
        bold = [f"**{cell}**" if value == best else cell for cell, value in zip(cells, values, strict=True)]
        rows.append([result.clip, *bold])
    rows.append(["mean", *(format_value(mean(column), measure.digits) for column in columns.values())])
    ahead = [f"{_count_ahead(results, measure, run)} of {len(results)}" for run in results[0].runs]
    rows.append(["ahead of all others", *ahead, *[""] * len(results[0].baselines)])
    return format_rows(rows)


def _columns(results: Sequence[Result], measure: Measure) -> dict[str, list[float]]:
    """Each method's values, clip by clip."""
    holes = [
        {f"ours, {name}": run.score.hole for name, run in result.runs.items()} | result.baselines
        for result in results
    ]
    return {method: [measure.of(hole[method]) for hole in holes] for method in holes[0]}


def _count_ahead(results: Sequence[Result], measure: Measure, run: str) -> int:
    """On how many clips a run of ours is better than every baseline."""
    return sum(
        measure.sign * measure.of(result.runs[run].score.hole)
        > max(measure.sign * measure.of(hole) for hole in result.baselines.values())
        for result in results
    )


def _summarise(results: Sequence[Result], run: str) -> list[str]:
    columns = {measure: _columns(results, measure) for measure in MEASURES}
    name, other = f"ours, {run}", next(iter(results[0].baselines))
    gains = {
        result.clip: PSNR.of(result.runs[run].score.hole) - PSNR.of(result.baselines[other])
        for result in results
    }
    worst = min(gains, key=gains.__getitem__)
    flicker, other_flicker = (mean(columns[FLICKER][method]) or 0 for method in (name, other))
    ratio = flicker / other_flicker if other_flicker else 1.0
    return [
        f"- {run}: hole PSNR {format_value(mean(columns[PSNR][name]), 2)} dB in the mean",
        f"- {run}: ahead of all others on {_count_ahead(results, PSNR, run)} of {len(results)} clips",
        f"- {run}: least gain over {other} {gains[worst]:+.2f} dB ({worst})",
        f"- {run}: SSIM {format_value(mean(columns[SSIM][name]), 3)} in the mean",
        f"- {run}: flicker {flicker:.2f} levels in the mean, {ratio:.2f} of {other}'s",
    ]


def _format_frames(score: ClipScore) -> str:
    text = str(score.frames)
    text += f" -{score.missing_frames}" if score.missing_frames else ""
    return text + (f" +{score.extra_frames}" if score.extra_frames else "")


def _format_leftover(leftover: Leftover | None) -> str:
    return f"{len(leftover.frames)} of {leftover.checked}" if leftover else ""


def format_value(value: float | None, digits: int) -> str:
    """Empty where there is none."""
    return "" if value is None else f"{value:.{digits}f}"


def _join(cells: Sequence[str]) -> str:
    """One cell where all say the same."""
    return cells[0] if len(set(cells)) == 1 else " / ".join(cells)
