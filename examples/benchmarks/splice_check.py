"""Shows that films joined of copied and newly encoded packets are what they should be.

    python examples/benchmarks/splice_check.py OUT

Draws films of many codecs, containers and GOP structures into OUT, changes some frames of each, joins them
with the untouched packets, and prints: the share of frames that was copied, how many of those are the
source's sample for sample, whether all times are, whether seeks find the same frames as decoding from the
start does, and what PyAV and the ffmpeg binary of imageio-ffmpeg say while they decode the result. Exits with
1 if a film that is joined is not identical there, or cannot be sought in.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import imageio_ffmpeg
import numpy as np
from av.video.frame import VideoFrame

from subremover.options import EncodeOptions
from subremover.video.container.output import find_format
from subremover.video.encode.encoders import choose_encoding
from subremover.video.encode.spool import KEY_BYTES, Spool
from subremover.video.film import Film
from subremover.video.pixels.planes import views
from subremover.video.read.probe import probe
from subremover.video.read.reader import read_frames
from subremover.video.segments import cut_segments
from subremover.video.splice.splice import Splice, SpliceError, plan_splice
from subremover.video.write.assemble import assemble
from subremover.video.write.segment_writer import SegmentWriter, open_encoder

KEY = bytes(KEY_BYTES)
SEEKS = 25
SIZE, RATE, FRAMES = "320x180", 24, 240
CHANGED = ((70, 95), (160, 170))
"""First and last frames that are changed."""
_X264 = "-c:v libx264 -preset veryfast -g 30"
_X265 = "-c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=30:min-keyint=30"
_VFR = (
    "-vf select='mod(n\\,5)',setpts=N/24/TB+0.02*mod(N\\,3)/TB -fps_mode passthrough -enc_time_base 1/24000"
)
VARIANTS = {
    "H.264, no B-frames, mp4": ("mp4", f"{_X264} -bf 0"),
    "H.264, 3 B-frames, mp4": ("mp4", f"{_X264} -bf 3"),
    "H.264, 3 B-frames, mkv": ("mkv", f"{_X264} -bf 3"),
    "H.264, 3 B-frames, mov": ("mov", f"{_X264} -bf 3"),
    "H.264, B-frames not referred to": ("mp4", f"{_X264} -bf 3 -b-pyramid none"),
    "H.264, 8 B-frames, 8 references": ("mp4", f"{_X264} -bf 8 -refs 8 -x264-params b-adapt=2"),
    "H.264 Baseline": ("mp4", f"{_X264} -profile:v baseline"),
    "H.264 Main": ("mp4", f"{_X264} -profile:v main"),
    "H.264 High 10": ("mp4", f"{_X264} -pix_fmt yuv420p10le"),
    "H.264 High 4:2:2, 10 bit": ("mov", f"{_X264} -pix_fmt yuv422p10le"),
    "H.264 High 4:4:4": ("mkv", f"{_X264} -pix_fmt yuv444p"),
    "H.264, full range": ("mp4", f"{_X264} -pix_fmt yuvj420p"),
    "H.264, interlaced": ("mkv", f"{_X264} -flags +ildct+ilme -x264-params tff=1"),
    "H.264, Blu-ray": (
        "mkv",
        f"{_X264} -x264-params bluray-compat=1:nal-hrd=vbr:vbv-maxrate=9000:"
        "vbv-bufsize=9000:aud=1:open-gop=0:slices=4",
    ),
    "H.264, varying frame rate": ("mp4", f"{_VFR} {_X264}"),
    "H.264, varying frame rate, mkv": ("mkv", f"{_VFR} {_X264}"),
    "H.264, key frames not IDR": ("mp4", f"{_X264} -x264-params open-gop=1"),
    "H.264, one key frame": ("mp4", f"{_X264} -g 999"),
    "HEVC, 8 bit, mp4": ("mp4", f"{_X265}:open-gop=0 -pix_fmt yuv420p -tag:v hvc1"),
    "HEVC, 8 bit, mkv": ("mkv", f"{_X265}:open-gop=0 -pix_fmt yuv420p"),
    "HEVC, 10 bit, mp4": ("mp4", f"{_X265}:open-gop=0 -pix_fmt yuv420p10le -tag:v hev1"),
    "HEVC, no B-frames, mov": ("mov", f"{_X265}:open-gop=0:bframes=0 -pix_fmt yuv420p -tag:v hvc1"),
    "HEVC, leading pictures, mkv": ("mkv", f"{_X265}:open-gop=0:radl=2:bframes=4 -pix_fmt yuv420p"),
    "HEVC, sets repeated, slices, mp4": (
        "mp4",
        f"{_X265}:open-gop=0:repeat-headers=1:slices=2:aud=1 -pix_fmt yuv420p",
    ),
    "HEVC, open GOPs": ("mp4", f"{_X265}:open-gop=1:bframes=4 -pix_fmt yuv420p"),
    "VP9, webm": ("webm", "-c:v libvpx-vp9 -b:v 0 -crf 30 -deadline realtime -cpu-used 6 -g 30"),
    "VP9, two passes ahead, mp4": (
        "mp4",
        "-c:v libvpx-vp9 -b:v 0 -crf 30 -cpu-used 5 -g 30 -auto-alt-ref 1 -lag-in-frames 16",
    ),
    "VP9 4:4:4, mkv": ("mkv", "-c:v libvpx-vp9 -b:v 0 -crf 30 -cpu-used 6 -g 30 -pix_fmt yuv444p"),
    "AV1, mp4": ("mp4", "-c:v libsvtav1 -preset 10 -crf 35 -g 30"),
    "AV1, mkv": ("mkv", "-c:v libsvtav1 -preset 10 -crf 35 -g 30"),
    "AV1, 10 bit, webm": ("webm", "-c:v libsvtav1 -preset 10 -crf 35 -g 30 -pix_fmt yuv420p10le"),
    "AV1 of another encoder, mp4": ("mp4", "-c:v libaom-av1 -cpu-used 8 -usage realtime -crf 40 -g 30"),
    "MPEG-2, mkv": ("mkv", "-c:v mpeg2video -q:v 4 -bf 2"),
    "MPEG-4, mp4": ("mp4", "-c:v mpeg4 -q:v 4 -bf 2"),
}


def join(splice: Splice, target: Path) -> None:
    """Write a film: its copied runs as they are, the other frames with a white box, encoded in segments.

    Raises:
        SpliceError: What comes out is not what it should be.
    """
    film, options = splice.film, EncodeOptions()
    encoding = choose_encoding(film, options)
    pieces: list[Spool | range] = []
    with TemporaryDirectory() as folder:
        for segment in cut_segments(film, np.zeros(film.frame_count, bool), splice.copied):
            if segment.is_copied:
                pieces.append(range(segment.start, segment.stop))
                continue
            file = Path(folder) / str(segment.start)
            with SegmentWriter(file, KEY, open_encoder(film, target, encoding, splice), target) as writer:
                for _, frame in read_frames(film, segment.start, segment.stop):
                    _change(frame)
                    writer.write(frame)
                writer.commit({})
            pieces.append(Spool.read(file, KEY))
        assemble(film, target, encoding, options, pieces, splice=splice)


def _change(frame: VideoFrame) -> None:
    frame.make_writable()
    luma = views(frame)[0]
    height, width = luma.shape
    luma[height // 3 : height // 2, width // 4 : width // 2] = luma.max()


def draw_variants(folder: Path) -> Iterator[tuple[str, Path]]:
    """Films of `FRAMES` frames or about as many; some are cut or joined without being encoded again."""
    for number, (name, (extension, settings)) in enumerate(VARIANTS.items()):
        path = folder / f"{number:02}.{extension}"
        if not path.exists():
            _ffmpeg(
                "-f",
                "lavfi",
                "-i",
                f"testsrc2=size={SIZE}:rate={RATE},noise=alls=6:allf=t",
                "-frames:v",
                str(FRAMES),
                "-pix_fmt",
                "yuv420p",
                *settings.split(),
                str(path),
            )
        yield name, path
    first, second = (folder / f"{number:02}.mp4" for number in (1, 5))
    path = folder / "edit_list.mp4"
    _ffmpeg("-ss", "0.7", "-i", str(first), "-c", "copy", str(path))
    yield "H.264, begins amid a GOP by an edit list", path
    listing = folder / "parts.txt"
    listing.write_text(f"file '{first.resolve()}'\nfile '{second.resolve()}'\n")
    path = folder / "two_sets.mp4"
    _ffmpeg("-f", "concat", "-safe", "0", "-i", str(listing), "-c", "copy", str(path))
    yield "H.264 of two encodings, sets in the stream", path
    path = folder / "transport.ts"
    _ffmpeg("-i", str(first), "-c", "copy", str(path))
    yield "H.264, ts", path


def check(path: Path, target: Path) -> dict[str, str]:
    """Join a film and look at the outcome: a row of the table."""
    film = probe(path)
    is_masked = np.zeros(film.frame_count, bool)
    for first, last in CHANGED:
        is_masked[first : last + 1] = True
    try:
        splice = plan_splice(film, is_masked, choose_encoding(film, EncodeOptions()), find_format(target))
    except SpliceError as error:
        return {"copied": "0 %", "why not": str(error).split(": ", 1)[1].rsplit("; ", 1)[0]}
    target.unlink(missing_ok=True)
    try:
        join(splice, target)
    except SpliceError as error:
        return {"copied": f"{splice.copied_share:.0%}", "times and copied frames": str(error)}
    made = probe(target)
    return {
        "copied": f"{splice.copied_share:.0%}",
        "times and copied frames": "identical",
        "seeks": f"{_count_seeks(made)}/{SEEKS}",
        "PyAV": _said_by_pyav(target),
        "ffmpeg": _ffmpeg("-i", str(target), "-f", "null", "-") or "silent",
        "mean off, others": f"{_distance(film, made, splice):.1f}",
    }


def is_right(row: dict[str, str]) -> bool:
    """Whether a film was refused, or joined as it should be."""
    joined = (row.get("times and copied frames"), row.get("seeks"))
    return "why not" in row or joined == ("identical", f"{SEEKS}/{SEEKS}")


def _count_seeks(film: Film) -> int:
    """Random runs of three frames that are the same when sought as when decoded from the start."""
    every = [_digest(frame) for _, frame in read_frames(film)]
    random.seed(film.frame_count)
    right = 0
    for _ in range(SEEKS):
        start = random.randrange(film.frame_count - 3)
        right += [_digest(f) for _, f in read_frames(film, start, start + 3)] == every[start : start + 3]
    return right


def _digest(frame: VideoFrame) -> int:
    return hash(tuple(view.tobytes() for view in views(frame)))


def _said_by_pyav(path: Path) -> str:
    code = (
        "import av, sys; av.logging.set_level(av.logging.WARNING)\nfor f in av.open(sys.argv[1]).decode(): f"
    )
    command = [sys.executable, "-c", code, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    return done.stderr.strip()[:60] or "silent"


def _distance(film: Film, made: Film, splice: Splice) -> float:
    """Mean distance of the encoded frames' luma from the source's, in levels of 255, where unchanged."""
    copied = {index for run in splice.copied for index in run}
    off = []
    for (index, old), (_, new) in zip(read_frames(film), read_frames(made), strict=True):
        if index not in copied:
            a, b = (views(frame)[0].astype(float) for frame in (old, new))
            off.append(np.abs(a - b)[len(a) // 2 :].mean() * 255 / views(old)[0].max())
    return max(off)


def _ffmpeg(*arguments: str) -> str:
    """Run it; what it warns of."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "warning", "-threads", "1", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stderr}")
    return done.stderr.strip()[:60]


def main() -> None:
    """Check all variants, or those asked for, and print a table of them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="variants whose name contains this")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    columns = ["copied", "times and copied frames", "seeks", "PyAV", "ffmpeg", "mean off, others", "why not"]
    print(f"| variant | {' | '.join(columns)} |\n|{' --- |' * (len(columns) + 1)}", flush=True)
    wrong = 0
    for name, path in draw_variants(given.folder):
        if given.only in name:
            row = check(path, path.with_name(f"joined_{path.name}"))
            wrong += not is_right(row)
            print(f"| {name} | {' | '.join(row.get(column, '') for column in columns)} |", flush=True)
    print(f"\n{wrong} wrong", file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
