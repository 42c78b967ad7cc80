"""A step is counted as it would run on CUDA, and asks for no more than it has been brought down to."""

import count_step
import pytest
import torch
from count_step import Work, count_work, format_works

NETWORK = {"upsample", "fold_norm", "unfold_norm", "gather_level", "bmm", "baddbmm", "cat"} | {
    *("paint", "pull_sigmoid_back", "sum_products", "gather", "advance_parameters", "advance_pictures")
}


def test_an_operator_is_a_launch_and_moves_what_it_reads_and_writes() -> None:
    work, values = Work(), torch.zeros(5, 8, device="meta")
    with count_step._CountingCopies(work), count_step._Counting(work):
        torch.zeros(4).add_(1)  # the host's own
        values.view(40)[:8].add_(1)
        values.copy_(values.T.reshape(5, 8)[:, :1].expand(5, 8))
        values[torch.tensor([1], device="meta")].sum()
    assert work.launches == {"add_": 1, "clone": 1, "copy_": 1, "copy of a list": 1, "index": 1, "sum": 1}
    assert work.bytes == 4 * ((8 + 8) + (40 + 40) + (5 + 40) + (8 + 8) + (8 + 1))
    assert work.synchronisations == {"copy of a list": 1}


def test_the_host_waits_for_what_comes_and_goes() -> None:
    work, values = Work(), torch.zeros(3, device="meta")
    with count_step._Counting(work):
        torch.ones(3).to("meta", non_blocking=True)
        torch.ones(3).to("meta")
        values.copy_(torch.ones(3))
    assert work.synchronisations == {"_to_copy": 1, "copy_": 1}


def test_a_step_with_kernels_launches_little() -> None:
    pytest.importorskip("triton")
    plain, fused = (count_work((96, 288), 64, 16, way) for way in (False, True))
    step = fused["step"]
    assert sum(count for name, count in step.launches.items() if name in NETWORK) <= 40
    assert step.launches.total() <= 60
    assert step.bytes < plain["step"].bytes / 4
    assert not step.synchronisations
    table = format_works({("96x288", 64): [plain, fused]}, 16).splitlines()
    assert len(table) == 5
    assert str(plain["step"].launches.total()) in table[2]
