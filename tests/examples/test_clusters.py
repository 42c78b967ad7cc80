"""examples/clusters, with processes in the place of nodes and pods."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from processes import ENVIRONMENT, ROOT, SUPPORT, names
from stopped_runs import drawn, place, reference

__all__ = ["drawn", "place", "reference"]

CLUSTERS = ROOT / "examples" / "clusters"
WORDS = "--mask mask.png --no-borrow --device cpu"


def write_program(file: Path, command: str) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\nexec {command}\n")
    file.chmod(0o755)


@pytest.fixture
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """With a quick `subremover` that removes what the mask says."""
    programs = tmp_path_factory.mktemp("programs")
    quick = f"'{sys.executable}' '{SUPPORT / 'fake_run.py'}' 0.02"
    write_program(programs / "subremover", f'{quick} "$@" {WORDS}')
    return {**ENVIRONMENT, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}


def test_slurm(place: Path, reference: bytes, environment: dict[str, str]) -> None:
    film, target = "it's a film.mp4", 'clean "$HOME".mp4'
    (place / "a.mp4").rename(place / film)
    programs, jobs = Path(environment["PATH"].partition(os.pathsep)[0]), place / "jobs"
    jobs.mkdir()
    write_program(programs / "sbatch", f"'{sys.executable}' '{SUPPORT / 'fake_sbatch.py'}' '{jobs}' \"$@\"")
    done = subprocess.run(
        ["bash", str(CLUSTERS / "slurm.sh"), film, "-o", target],
        cwd=place,
        env={**environment, "PARTS": "3"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("parts 1 to 3 are job 1, the film is job 2; ")
    deadline = time.monotonic() + 60
    while not (jobs / "2.done").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert json.loads((jobs / "1.done").read_text()) == [0, 0, 0]
    assert json.loads((jobs / "2.done").read_text()) == [0], (jobs / "2_None.out").read_text()
    array, last = (json.loads((jobs / f"{number}.json").read_text()) for number in (1, 2))
    assert (array["array"], last["dependency"]) == ("1-3", "afterany:1")
    assert "70 frames of a run before" in (jobs / "2_None.out").read_text()
    assert (place / target).read_bytes() == reference
    assert [name for name in names(place) if not name.startswith("jobs")] == [target, film, "mask.png"]


def read_jobs() -> tuple[dict[str, Any], dict[str, Any]]:
    """What the two Jobs of kubernetes.yaml are."""
    found = list(yaml.safe_load_all((CLUSTERS / "kubernetes.yaml").read_text(encoding="utf-8")))
    assert [it["kind"] for it in found] == ["PersistentVolumeClaim", "Job", "Job"]
    assert found[0]["spec"]["accessModes"] == ["ReadWriteMany"]
    parts, film = (it["spec"] for it in found[1:])
    for spec in (parts, film):
        pod = spec["template"]["spec"]
        (volume,), (container,) = pod["volumes"], pod["containers"]
        assert volume["persistentVolumeClaim"]["claimName"] == found[0]["metadata"]["name"]
        assert container["volumeMounts"] == [{"name": volume["name"], "mountPath": container["workingDir"]}]
    return parts, film


def start(spec: dict[str, Any], place: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """A pod's container as a process, in the place of its volume."""
    (container,) = spec["template"]["spec"]["containers"]
    variables = {it["name"]: it["value"] for it in container.get("env", [])}
    return subprocess.Popen(container["command"], cwd=place, env={**environment, **variables})


def test_kubernetes(place: Path, reference: bytes, environment: dict[str, str]) -> None:
    parts, film = read_jobs()
    (container,) = parts["template"]["spec"]["containers"]
    count = parts["completions"]
    assert (parts["completionMode"], parts["parallelism"]) == ("Indexed", count)
    assert container["env"] == [{"name": "PARTS", "value": str(count)}]
    assert film["suspend"] is True
    (place / "a.mp4").rename(place / "movie.mp4")
    pods = [
        start(parts, place, {**environment, "JOB_COMPLETION_INDEX": str(number)}) for number in range(count)
    ]
    assert [pod.wait(timeout=120) for pod in pods] == [0] * count
    assert not (place / "clean.mp4").exists()
    assert start(film, place, environment).wait(timeout=60) == 0
    assert (place / "clean.mp4").read_bytes() == reference
    assert names(place) == ["clean.mp4", "mask.png", "movie.mp4"]
