"""Streams by name: no two share one, though torch hands out the same ones again."""

import threading

import pytest
import torch

from subremover.runtime import cuda_streams
from subremover.runtime.cuda_streams import find_stream


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[torch.device, int]]:
    """Device and priority of the streams that torch was asked for."""
    asked: list[tuple[torch.device, int]] = []

    class Stream:
        def __init__(self, device: torch.device, priority: int) -> None:
            asked.append((device, priority))

    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(cuda_streams, "_streams", {})
    return asked


def test_a_name_has_one_stream_on_each_device(made: list[tuple[torch.device, int]]) -> None:
    one, other = torch.device("cuda:0"), torch.device("cuda:1")
    found = [find_stream(device, name) for device in (one, other) for name in ("fit", "capture") * 20]
    assert len(set(map(id, found))) == len(made) == 4
    assert find_stream(one, "borrow 0", is_urgent=True) not in found
    assert made[-1] == (one, -1)
    assert {priority for _, priority in made[:-1]} == {0}


def test_borrowing_takes_no_more_than_there_are(
    made: list[tuple[torch.device, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though threads come and go with every group of holes, and borrowers with every segment."""
    from subremover.motion.device import MOST_STREAMS, DeviceStreams

    monkeypatch.setattr("subremover.motion.device.count_cores", lambda: 64)
    for _ in range(3):
        streams = DeviceStreams("cuda:0")
        for _ in range(20):
            thread = threading.Thread(target=streams.mine)
            thread.start()
            thread.join()
    assert len(made) == MOST_STREAMS <= 16
