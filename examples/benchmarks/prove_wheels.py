"""Packages that a machine for training lacks, carried there as wheels: fetched here, installed there.

Such a machine has torch, triton, NumPy, SciPy, scikit-image, Matplotlib, OpenCV, ONNX Runtime, Pillow, tqdm,
click and pytest. The wheels are compressed anew, and FFmpeg's program is left out of imageio-ffmpeg's: only
Matroska films whose samples are not square want it.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from prove_process import Found, Job, SkippedError

ROOT = Path(__file__).parents[2]
LACKING = (
    *("av", "pytorch-msssim", "ffmpeg-python", "future", "imageio-ffmpeg"),
    *("rapidocr", "omegaconf", "colorlog", "pyclipper", "shapely"),
)
"""With what they need themselves."""
PYTHON = "3.12"
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux2014_x86_64", "manylinux1_x86_64")
LEFT_OUT = "imageio_ffmpeg/binaries/ffmpeg-"
MEBIBYTE = 2**20


def fetch(folder: Path) -> str:
    """Fill a folder with the wheels that are not there, in the versions of constraints.txt; what they weigh.

    Raises:
        subprocess.CalledProcessError: pip could not; its message is on stderr.
    """
    folder.mkdir(parents=True, exist_ok=True)
    before = {path.name for path in folder.glob("*.whl")}
    packed = {name.partition("-")[0].lower().replace("_", "-") for name in before}
    if names := [name for name in LACKING if name not in packed]:
        words = ["download", "-q", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]
        words += ["--python-version", PYTHON, "--implementation", "cp", "-c", str(ROOT / "constraints.txt")]
        words += [word for platform in PLATFORMS for word in ("--platform", platform)]
        subprocess.run([sys.executable, "-m", "pip", *words, "-d", str(folder), *names], check=True)
    wheels = sorted(folder.glob("*.whl"))
    for wheel in wheels:
        if wheel.name not in before:
            compress(wheel)
    sizes = {wheel.name: wheel.stat().st_size / MEBIBYTE for wheel in wheels}
    lines = [f"{size:6.1f} MiB {name}" for name, size in sizes.items()]
    return "\n".join([*lines, f"{sum(sizes.values()):6.1f} MiB in all"])


def compress(wheel: Path) -> None:
    """Write a wheel anew with LZMA, which pip reads too, and without FFmpeg's program."""
    part = wheel.with_suffix(".part")
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(part, "w", zipfile.ZIP_LZMA) as target:
        for entry in source.infolist():
            if not entry.filename.startswith(LEFT_OUT):
                target.writestr(entry.filename, source.read(entry))
    part.replace(wheel)


def find_site(scratch: Path) -> Path:
    """Where the wheels go."""
    return scratch / "site"


def install(found: Found, job: Job) -> None:
    """Install the job's wheels into a folder of their own."""
    if job.wheels is None:
        raise SkippedError("no --wheels given")
    wheels = sorted(str(path) for path in Path(job.wheels).glob("*.whl"))
    words = ["install", "-q", "--no-index", "--no-deps", "--no-compile", "--no-cache-dir"]
    words += ["--disable-pip-version-check", "--root-user-action=ignore"]
    words += ["--target", str(find_site(Path(job.scratch)))]
    command = [sys.executable, "-m", "pip", *words, *wheels]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    print(done.stderr)
    lines = done.stderr.strip().splitlines() or [""]
    found.check(f"pip ended with exit code {done.returncode}: {lines[-1]}", done.returncode == 0)
    found.note(wheels=len(wheels))
