"""What machine it is, and the tests that want a GPU; for prove_cuda.py."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import xml.etree.ElementTree as ET
from pathlib import Path

from prove_process import Found, Job, SkippedError

ROOT = Path(__file__).parents[2]
PACKAGES = (
    *("torch", "triton", "numpy", "av", "opencv-python-headless", "onnxruntime", "rapidocr", "shapely"),
    *("pyclipper", "omegaconf", "pytorch-msssim", "imageio-ffmpeg", "ffmpeg-python", "click", "tqdm"),
    *("pillow", "scikit-image", "matplotlib", "pytest"),
)
CUDA_MARK = "pytest.mark.cuda"


def describe_machine(found: Found, _job: Job) -> None:
    """Versions, the GPU, and what compiling Triton's launcher wants."""
    found.note(python=platform.python_version(), cores=os.cpu_count(), kernel=platform.release())
    versions = {name: _find_version(name) for name in PACKAGES}
    found.note(packages=versions, torch=versions["torch"], triton=versions["triton"])
    found.note(missing=", ".join(name for name, version in versions.items() if version is None) or "none")
    found.note(gcc=_ask("gcc", "-dumpfullversion", "-dumpversion") or _ask("cc", "--version"))
    header = Path(sysconfig.get_path("include")) / "Python.h"
    found.note(python_h="there" if header.exists() else f"no {header}")
    driver = _ask("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
    found.note(driver=driver)
    import torch

    found.note(torch_cuda=torch.version.cuda, torch=torch.__version__)
    if torch.cuda.is_available():
        facts = torch.cuda.get_device_properties(0)
        free, total = torch.cuda.mem_get_info()
        found.note(
            device=facts.name,
            devices=torch.cuda.device_count(),
            capability=f"{facts.major}.{facts.minor}",
            multiprocessors=facts.multi_processor_count,
            total_GiB=total / 2**30,
            free_GiB=free / 2**30,
            cudnn=torch.backends.cudnn.version(),
        )
    else:
        found.say("no GPU: all that follows is on the CPU, as far as it can be")
        found.note(device="none")
        found.check("nvidia-smi sees a GPU, torch does not", driver is None)
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # its own builds report to their makers
    import onnxruntime

    found.note(onnxruntime_providers=" ".join(onnxruntime.get_available_providers()))


def _find_version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _ask(*command: str) -> str | None:
    """The first line that a program prints; None where there is no such program, or it fails."""
    if shutil.which(command[0]) is None:
        return None
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return (done.stdout.splitlines() or [""])[0] if done.returncode == 0 else None


def run_tests(found: Found, job: Job) -> None:
    """The tests that are marked cuda; without a GPU they are only collected, and skip themselves."""
    if importlib.util.find_spec("pytest") is None:
        raise SkippedError("no pytest")
    tests = sorted(
        path for path in (ROOT / "tests").rglob("test_*.py") if CUDA_MARK in path.read_text("utf-8")
    )
    environment = dict(os.environ)
    if job.is_cuda:
        environment["SUBREMOVER_REQUIRE_CUDA"] = "1"
    else:
        found.say("no GPU: they are collected, and skip themselves")
    result = Path(job.scratch) / "tests.xml"
    words = ["-m", "cuda", "-p", "no:cacheprovider", "--durations=5", f"--junitxml={result}"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, *map(str, tests)],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    suite = ET.parse(result).getroot().find("testsuite")
    assert suite is not None
    counts = {name: int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")}
    found.note(**counts)
    for case in suite.iter("testcase"):
        for bad in (*case.findall("failure"), *case.findall("error")):
            message = (bad.get("message") or "").splitlines()[:1]
            found.check(f"{case.get('name')}: {' '.join(message)[:200]}", False)
    found.check(f"pytest ended with exit code {done.returncode}", done.returncode == 0)
    if job.is_cuda:
        found.check("tests were skipped", counts["skipped"] == 0)
