"""Runs on a real Ray, whose nodes are all on this machine; skipped where Ray is not installed.

All tests share one cluster, which takes longer to begin than most of them. That whole nodes may go is shown
by examples/benchmarks/kill_cluster.py.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from media import draw_film
from processes import ENVIRONMENT, names
from tiny_runs import TINY

from subremover.cluster.cluster import Cluster
from subremover.options import Options, PoolOptions
from subremover.pipeline import Run
from subremover.progress import Progress
from subremover.resume.names import find_folder
from subremover.runtime.profile import measure
from subremover.video import segments

pytest.importorskip("ray", reason="Ray is not installed")
pytestmark = pytest.mark.xdist_group("ray")

OPTIONS = Options(paint=TINY, pool=PoolOptions(device="cpu"))
NODE: dict[str, Any] = {"num_cpus": 1, "object_store_memory": 80 << 20}
COMMAND = (
    "import sys; from subremover.video import segments; segments.SEGMENT_FRAMES = 20;"
    "from subremover.cli.command import run; sys.exit(run(sys.argv[1:]))"
)


@pytest.fixture(scope="module")
def machines() -> Iterator[Any]:
    """A head and a node, and one whose processor says that it has other instructions."""
    from ray.cluster_utils import Cluster as Machines

    machines = Machines(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
    machines.add_node(**NODE)
    machines.add_node(**NODE, env_vars={"OPENCV_CPU_DISABLE": "AVX2,FMA3"})
    yield machines
    machines.shutdown()


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("film")
    draw_film(folder / "a.mp4", frames=50, size=(320, 180), subtitles=((8, 40, "Hello there"),))
    return folder / "a.mp4"


@pytest.fixture(scope="module")
def reference(film: Path) -> bytes:
    """The film that a run in this process makes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "SEGMENT_FRAMES", 20)
        return make(film, film.with_name("plain.mp4"))


@pytest.fixture(autouse=True)
def _short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "SEGMENT_FRAMES", 20)


def make(film: Path, target: Path, **more: Any) -> bytes:
    with Run(film, OPTIONS, target=target, **more) as run:
        run.render(run.scan())
    return target.read_bytes()


def test_the_film_is_that_of_a_run_without_a_cluster(
    machines: Any, film: Path, reference: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Progress] = []
    before = signal.getsignal(signal.SIGTERM)
    with Cluster(machines.address) as cluster:
        assert cluster.slots == 2  # the third would make other bytes
        assert cluster.device == "cpu"
        assert signal.getsignal(signal.SIGTERM) == before
        with measure() as profile:
            assert make(film, tmp_path / "b.mp4", cluster=cluster, progress=told.append) == reference
    assert names(tmp_path) == ["b.mp4"]
    of_render = [progress.done for progress in told if progress.stage == "render"]
    assert of_render == sorted(of_render)
    assert profile.stages["scan: detect"].seconds > 0
    assert profile.stages["render: encode"].frames > 0
    assert "is left out, for it would make other bytes: processor x86_64" in caplog.text


def test_what_dies_is_done_again_and_films_are_sent(
    machines: Any, film: Path, reference: bytes, tmp_path: Path
) -> None:
    killed: list[int] = []

    def kill(progress: Progress) -> None:
        if progress.stage == "render" and not killed:
            killed.extend(pid for pid, line in list_processes() if line.startswith(b"ray::render_segment"))
            for pid in killed[:1]:
                os.kill(pid, signal.SIGKILL)

    with Cluster(machines.address, send_film=True) as cluster:
        assert make(film, tmp_path / "b.mp4", cluster=cluster, progress=kill) == reference
    assert killed
    assert names(tmp_path) == ["b.mp4"]
    assert not list(Path("/tmp").glob(f"subremover-films-{os.getuid()}/*"))


def test_sigterm_ends_the_run_and_leaves_what_it_can_go_on_with(
    machines: Any, film: Path, tmp_path: Path
) -> None:
    target = tmp_path / "b.mp4"
    fit = ["--steps", "2", "--channels", "4", "--levels", "3", "--device", "cpu"]
    command = [sys.executable, "-c", COMMAND, str(film), "-o", str(target), *fit]
    command += ["--cluster", machines.address, "--progress", "json"]
    process = subprocess.Popen(
        command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if '"render"' in line:
            process.send_signal(signal.SIGTERM)
            break
    _, said = process.communicate(timeout=30)
    assert process.returncode == 143
    assert "the same command goes on where it stopped" in said
    assert (find_folder(target) / "plan").exists()


def list_processes() -> Iterator[tuple[int, bytes]]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            yield int(folder.name), (folder / "cmdline").read_bytes()
        except OSError:
            continue
