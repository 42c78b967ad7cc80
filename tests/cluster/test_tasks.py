"""What a task does around its work."""

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import pytest

from subremover.cluster.film_copy import FilmSource
from subremover.cluster.tasks import Reporter, TaskSetting, _begin
from subremover.progress import Progress
from subremover.runtime import cpu
from subremover.runtime.profile import stage


class Remote:
    """A reporter whose methods are called at once."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def __getattr__(self, name: str) -> Any:
        return SimpleNamespace(remote=getattr(self._reporter, name))


def test_what_is_logged_and_measured_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")
    monkeypatch.setattr(ray, "get_runtime_context", lambda: SimpleNamespace(get_node_id=lambda: "a"))
    monkeypatch.setattr(cpu, "_most_cores", None)
    monkeypatch.setattr(logging.getLogger("subremover"), "propagate", True)
    (tmp_path / "a.mp4").write_bytes(b"a film")
    reporter, threads = Reporter(), cv2.getNumThreads()
    setting = TaskSetting(7, 1, Remote(reporter), FilmSource.of(tmp_path / "a.mp4"))
    try:
        with _begin(setting) as (path, account):
            assert path == tmp_path / "a.mp4"
            assert cpu.count_cores() == 1
            logging.getLogger("subremover.detect").warning("frames %d to %d show running text", 3, 9)
            logging.getLogger("subremover.detect").info("not this")
            with stage("scan: detect", frames=2):
                pass
    finally:
        cv2.setNumThreads(threads)
    assert account.warnings == ["frames 3 to 9 show running text"]
    assert account.profile.stages["scan: detect"].frames == 2
    assert reporter.take() == ({7: "a"}, {}, [])


def test_what_is_told_is_taken_once() -> None:
    reporter = Reporter()
    reporter.update(1, Progress("scan", 1, 9))
    reporter.update(1, Progress("scan", 2, 9))
    assert reporter.take() == ({}, {1: Progress("scan", 2, 9)}, [])
    assert reporter.take() == ({}, {}, [])
