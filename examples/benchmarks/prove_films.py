"""Films that are drawn for it, and photographs, on a GPU: how good and how fast; for prove_cuda.py."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from fractions import Fraction
from itertools import cycle, islice
from pathlib import Path

import av
from bench_film import read_stages
from clip_score import HoleMeter, read_frames, read_truth, score_clip
from make_sample import FilmWriter, SampleOptions, draw_frames, draw_sample
from prove_process import Found, Job, SkippedError

MOST_LOSS_DB = 0.2
"""Hole PSNR on the GPU below the CPU's."""
FRAME_RATE = Fraction(24)
PIECE_SECONDS = 2.0
FIRST_PIECES, MOST_PIECES = 3, 12
"""Of the long film: of its first, short run, and drawn in all; a longer film shows them again."""
MOST_FILM_SECONDS = 60


def prove_short_film(found: Found, job: Job) -> None:
    """A film comes out on the GPU as well as on the CPU."""
    size, seconds = ((640, 360), 4.0) if job.is_cuda else ((320, 180), 1.0)
    clip = Path(job.scratch) / "short"
    styles = ("white", "yellow", "box")
    draw_sample(clip, SampleOptions(size=size, seconds=seconds, event_seconds=1.2, styles=styles))
    plan, scores = clip / "plan", {}
    more = [["--save-plan", str(plan)], ["--plan", str(plan)]]
    if not job.is_cuda:
        found.say("no GPU: the CPU twice, a tiny film")
    for name, device, words in zip(("GPU", "CPU"), (job.device, "cpu"), more, strict=True):
        took, stages = _run(clip / "subbed.mp4", clip / f"{name}.mp4", ["--device", device, *words])
        scores[name] = score_clip(clip, clip / f"{name}.mp4").hole
        found.note(**{f"{name}_seconds": took, f"{name}_stages": stages})
        found.note(**{f"{name}_fit_seconds": stages.get("render: fit")})
        found.note(**{f"{name}_hole_dB": scores[name].psnr, f"{name}_hole_SSIM": scores[name].ssim})
    meter = HoleMeter()
    frames = zip(read_frames(clip / "GPU.mp4"), read_frames(clip / "CPU.mp4"), read_truth(clip), strict=True)
    for (_, one), (_, other), (_, coverage) in frames:
        meter.add(other, one, coverage > 0)
    found.note(between_dB=meter.score().psnr)
    loss = (scores["CPU"].psnr or 0) - (scores["GPU"].psnr or 0)
    found.note(loss_dB=loss)
    found.check(f"holes are {loss:.2f} dB worse on the GPU", loss <= MOST_LOSS_DB)


def prove_long_film(found: Found, job: Job) -> None:
    """How fast a film of 1080p is, and which stage bounds it; as long as there is time for."""
    size = (1920, 1080) if job.is_cuda else (320, 180)
    if not job.is_cuda:
        found.say("no GPU: a tiny film, on the CPU")
    start = time.monotonic()
    pieces = draw_pieces(Path(job.scratch), size, MOST_PIECES if job.is_cuda else FIRST_PIECES)
    found.note(size=f"{size[0]}x{size[1]}", drawn_in_seconds=time.monotonic() - start)
    count = FIRST_PIECES
    while True:
        film = Path(job.scratch) / f"long{count}.mp4"
        frames = join_pieces(list(islice(cycle(pieces), count)), film)
        took, stages = _run(film, film.with_suffix(".clean.mp4"), ["--device", job.device])
        found.note(frames=frames, run_seconds=took, frames_per_second=frames / took)
        found.note(bounds=max(stages, key=lambda name: stages[name]), stages=stages)
        most = int(min(0.8 * job.left / (took / count), MOST_FILM_SECONDS / PIECE_SECONDS))
        if count > FIRST_PIECES or most < 2 * FIRST_PIECES:
            return
        count = most


def draw_pieces(folder: Path, size: tuple[int, int], count: int) -> list[Path]:
    """Draw films of other pictures each, a subtitle on the first half of their frames; a process draws one.

    Args:
        folder: Where they go.
        size: Width and height in px.
        count: How many.
    """
    paths = [folder / f"piece{seed}.mp4" for seed in range(count)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(count, os.cpu_count() or 1), context) as processes:
        list(processes.map(_draw_piece, paths, [size] * count, range(count)))
    return paths


def _draw_piece(path: Path, size: tuple[int, int], seed: int) -> None:
    half = PIECE_SECONDS / 2
    options = SampleOptions(
        size, FRAME_RATE, PIECE_SECONDS, seed, ("white",), event_seconds=half, gap_seconds=half
    )
    with FilmWriter(path, options, crf=19) as writer:
        for frame in draw_frames(options):
            writer.write(frame.subbed)


def join_pieces(pieces: Sequence[Path], target: Path) -> int:
    """Copy the pictures of drawn pieces into one film, one after the other; the number of frames."""
    frames = 0
    with av.open(str(target), "w") as joined:
        stream = None
        for piece in pieces:
            with av.open(str(piece)) as container:
                source = container.streams.video[0]
                assert source.time_base is not None
                if stream is None:
                    stream = joined.add_stream_from_template(source)
                shift = round(frames / (FRAME_RATE * source.time_base))
                for packet in container.demux(source):
                    if packet.pts is None or packet.dts is None:  # the last one is empty
                        continue
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = stream
                    joined.mux(packet)
                    frames += 1
    return frames


def _run(film: Path, target: Path, words: Sequence[str]) -> tuple[float, dict[str, float]]:
    """Seconds of the command on a film, and those of its stages."""
    command = [sys.executable, "-m", "subremover", str(film), "-o", str(target), "-q", "--profile", *words]
    start = time.monotonic()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - start
    print(done.stderr, flush=True)
    if done.returncode:
        raise RuntimeError(f"subremover ended with exit code {done.returncode}: {done.stderr.strip()[-300:]}")
    return seconds, read_stages(done.stderr)


def prove_photographs(found: Found, job: Job) -> None:
    """Ten pairs of noisy and clean photographs, as the paper's Table 2 has a hundred, with as many steps."""
    if job.images is None:
        raise SkippedError("no --images given")
    if not job.is_cuda:
        raise SkippedError("no GPU: takes hours")
    import denoise
    from study import Study

    study = Study(Path(job.scratch), False, job.device)
    pairs = denoise.read_pairs(Path(job.images), 10)
    start = time.monotonic()
    denoise.denoise(study, pairs, replace(denoise.BEST, steps=100))
    begun = time.monotonic()
    denoise.denoise(study, pairs, replace(denoise.BEST, steps=300))
    per_step = (time.monotonic() - begun) / 300
    steps = min(denoise.BEST.steps, int(0.85 * job.left / per_step))
    found.note(pairs=len(pairs), ms_per_step=1000 * per_step, steps=steps, started_seconds=begun - start)
    curves = denoise.denoise(study, pairs, replace(denoise.BEST, steps=steps))
    rows = [denoise.to_row(curve) for curve in curves]
    mean = denoise.average(rows)
    found.note(rows=rows, **{str(name): value for name, value in mean.items() if name != "image"})
    found.note(**{f"paper_{name}": value for name, value in denoise.PAPER.items()})
