"""Who does what, in which order, and what becomes of what fails."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_ray import FakeRay, NodeDiedError, Reference, WorkerCrashedError

from subremover.cluster import nodes as nodes_module
from subremover.cluster import scheduler as scheduler_module
from subremover.cluster.film_copy import FilmSource, OtherFilmError
from subremover.cluster.nodes import Nodes, compare_machines
from subremover.cluster.scheduler import MOST_RETRIES, Scheduler, Task
from subremover.cluster.tasks import TaskSetting, describe_node
from subremover.errors import ClusterError, InputError, SubremoverError, WorkerError
from subremover.progress import Progress

SOURCE = FilmSource(Path("/films/a.mp4"), 1, 1, "")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler_module, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(scheduler_module, "CHECK_SECONDS", 0)
    monkeypatch.setattr(scheduler_module, "TOLD_SECONDS", 0)
    monkeypatch.setattr(scheduler_module, "WAIT_SECONDS", 0.3)
    monkeypatch.setattr(nodes_module, "LOOK_SECONDS", 0.05)


def make_task(function: Callable[..., Any], order: tuple[int, int] = (0, 0), **fields: Any) -> Task:
    return Task(f"task {order}", order, function, (), SOURCE, **fields)


def do(ray: FakeRay, *tasks: Task) -> Nodes:
    """Have tasks done, and what they raise kept in their futures."""
    nodes = Nodes(ray)
    with Scheduler(ray, nodes) as scheduler:
        scheduler.cancel([])
        for task in tasks:
            scheduler.submit(task)
        for task in tasks:
            task.future.exception(timeout=10)
    return nodes


def test_the_first_film_is_first_whenever_it_was_asked_for() -> None:
    ray, done = FakeRay("a"), []
    orders = [(1, -1), (0, 250), (1, 0), (0, 0)]
    tasks = [make_task(lambda _, order=order: done.append(order), order) for order in orders]
    nodes = Nodes(ray)
    scheduler = Scheduler(ray, nodes)
    for task in tasks:
        scheduler.submit(task)
    with scheduler:
        for task in tasks:
            task.future.result(timeout=10)
    assert done == sorted(orders)


def test_as_many_at_once_as_there_are_cores_and_no_more() -> None:
    ray = FakeRay("a", "b", cpus=2)
    ray.call = lambda function, options, arguments: (  # type: ignore[method-assign]
        FakeRay.call(ray, function, options, arguments) if function is describe_node else held(options)
    )
    begun: list[Any] = []

    def held(_: dict[str, Any]) -> Reference:
        begun.append(Reference(None, is_ready=False))
        return begun[-1]

    nodes = Nodes(ray)
    tasks = [make_task(lambda _: None, (0, n)) for n in range(6)]
    with Scheduler(ray, nodes) as scheduler:
        for task in tasks:
            scheduler.submit(task)
        wait_until(lambda: len(begun) == 4)
        begun[0].is_ready = True
        wait_until(lambda: len(begun) == 5)
    assert len(begun) == 5
    assert all(task.future.done() for task in tasks)  # nobody waits for ever


def test_what_dies_is_tried_again_on_another_machine() -> None:
    ray = FakeRay("a", "b")

    def work(_: TaskSetting) -> str:
        if ray.node == "a":
            raise WorkerCrashedError
        return ray.node

    task = make_task(work)
    do(ray, task)
    assert task.future.result() == "b"
    assert [node for node, _ in ray.went] == ["a", "b"]


def test_where_there_is_only_one_machine_it_is_tried_again_there() -> None:
    ray, failures = FakeRay("a"), [NodeDiedError(), WorkerError("a GPU failed"), ValueError("odd")]

    def work(_: TaskSetting) -> str:
        if failures:
            raise failures.pop()
        return "done"

    task = make_task(work)
    do(ray, task)
    assert task.future.result() == "done"


def test_after_three_more_tries_the_run_ends_and_names_what_failed() -> None:
    ray = FakeRay("a", "b")

    def work(_: TaskSetting) -> None:
        raise WorkerError("cuda:0 ran out of memory")

    task = make_task(work, (0, 250))
    do(ray, task)
    assert len(ray.went) == MOST_RETRIES + 1 == 4
    with pytest.raises(
        WorkerError, match=r"task \(0, 250\) failed 4 times, last on . \(.*\): cuda:0 ran out"
    ):
        task.future.result()


def test_what_would_fail_everywhere_is_not_tried_again() -> None:
    ray = FakeRay("a", "b")

    def work(_: TaskSetting) -> None:
        raise InputError("the film is damaged")

    task = make_task(work)
    do(ray, task)
    assert len(ray.went) == 1
    with pytest.raises(InputError, match="the film is damaged"):
        task.future.result()


def test_machines_that_have_another_film_are_left_out_for_it(caplog: pytest.LogCaptureFixture) -> None:
    ray, barred = FakeRay("a", "b"), set[str]()

    def work(_: TaskSetting) -> str:
        if ray.node == "a":
            raise OtherFilmError("has another '/films/a.mp4' (its size differs)")
        return ray.node

    tasks = [make_task(work, (0, n), barred=barred) for n in range(6)]
    do(ray, *tasks)
    assert {task.future.result() for task in tasks} == {"b"}
    assert caplog.text.count("a (10.0.0.1) is left out for a.mp4: it has another '/films/a.mp4'") == 1


def test_a_film_that_no_machine_has() -> None:
    def work(_: TaskSetting) -> None:
        raise OtherFilmError("cannot read '/films/a.mp4' (No such file or directory)")

    task = make_task(work)
    do(FakeRay("a", "b"), task)
    with pytest.raises(InputError, match=r"no machine of the cluster has '/films/a.mp4'.*--send-film"):
        task.future.result()


def test_a_machine_that_makes_other_bytes_is_refused_by_name(caplog: pytest.LogCaptureFixture) -> None:
    ray = FakeRay("new", "old")
    ray.machines["old"] = {**describe_node(), "torch": "2.6.0", "processor": "x86_64 with AVX2"}
    task = make_task(lambda _: ray.node)
    nodes = do(ray, task)
    assert task.future.result() == "new"
    assert list(nodes.refused) == ["old (10.0.0.1)"]
    own = describe_node()
    said = f"torch 2.6.0, not {own['torch']}; processor x86_64 with AVX2, not {own['processor']}"
    assert f"old (10.0.0.1) is left out, for it would make other bytes: {said}" in caplog.text


def test_where_all_are_refused_it_says_why() -> None:
    ray = FakeRay("old")
    ray.machines["old"] = {**describe_node(), "PyAV": "17.0.0"}
    task = make_task(lambda _: None)
    do(ray, task)
    with pytest.raises(ClusterError, match=r"no machine.*old \(10\.0\.0\.1\): PyAV 17\.0\.0, not "):
        task.future.result()


def test_a_ray_that_is_gone_ends_all_at_once(tmp_path: Path) -> None:
    ray = FakeRay("here")
    ray.sockets["here"] = str(tmp_path / "nobody listens")

    def work(_: TaskSetting) -> None:
        raise NodeDiedError("The raylet died. Check its logs for 500 more words.")

    task, other = make_task(work), make_task(work, (0, 1))
    do(ray, task, other)
    for each in (task, other):
        with pytest.raises(ClusterError, match=r"the cluster is lost \(the Ray of this machine is gone\)"):
            each.future.result()


def test_whoever_comes_after_the_loss_does_not_wait(tmp_path: Path) -> None:
    ray = FakeRay("here")
    ray.sockets["here"] = str(tmp_path / "nobody listens")

    def work(_: TaskSetting) -> None:
        raise NodeDiedError

    task, late = make_task(work), make_task(work, (1, 0))
    with Scheduler(ray, Nodes(ray)) as scheduler:
        scheduler.submit(task)
        task.future.exception(timeout=10)
        scheduler.submit(late)
        with pytest.raises(ClusterError, match="the cluster is lost; begin it again"):
            late.future.result(timeout=10)


def test_a_task_of_two_cores_is_not_put_off_by_those_behind_it() -> None:
    ray, done = FakeRay("a", cpus=2), []
    first, wide, narrow = (
        make_task(lambda _, order=order: done.append(order), order, cpus=cpus)
        for order, cpus in (((0, 0), 1), ((1, -1), 2), ((2, 0), 1))
    )
    do(ray, narrow, wide, first)
    assert done.index((1, -1)) < done.index((2, 0))


def test_a_gpu_that_nobody_has() -> None:
    task = make_task(lambda _: None, gpus=1)
    do(FakeRay("a"), task)
    with pytest.raises(ClusterError, match="none of them has a GPU"):
        task.future.result()


def test_a_task_whose_machines_are_all_gone_goes_elsewhere() -> None:
    ray = FakeRay("a")
    task = make_task(lambda _: ray.node)
    nodes = Nodes(ray)
    with Scheduler(ray, nodes) as scheduler:
        wait_until(lambda: bool(nodes.usable))
        ray.there["b"] = ray.there.pop("a")  # before the next look
        scheduler.submit(task)
        assert task.future.result(timeout=10) == "b"


def test_a_machine_that_comes_later_is_asked_what_it_is_too() -> None:
    ray = FakeRay("a")
    nodes = Nodes(ray)
    with Scheduler(ray, nodes):
        wait_until(lambda: list(nodes.usable) == ["a"])
        ray.machines["b"] = {}
        ray.there["b"] = ray.there["a"]
        wait_until(lambda: bool(nodes.refused))
    assert list(nodes.usable) == ["a"]


def test_cancelled_tasks_are_not_begun() -> None:
    ray = FakeRay()
    task = make_task(lambda _: None)
    with Scheduler(ray, Nodes(ray)) as scheduler:
        scheduler.submit(task)
        scheduler.cancel([task])
    assert task.future.cancelled()
    assert not ray.went


def test_progress_and_finds_come_to_the_task() -> None:
    ray = FakeRay("a")

    def work(setting: TaskSetting) -> None:
        setting.reporter.update.remote(setting.number, Progress("render", 3, 5))

    task = make_task(work)
    do(ray, task)
    assert task.progress == Progress("render", 3, 5)


def test_what_differs_is_told_both_ways() -> None:
    assert compare_machines({"a": "1", "b": "2"}, {"a": "1", "b": "2"}) == []
    assert compare_machines({"a": "1"}, {"c": "3"}) == ["a none, not 1", "c 3, not none"]


def test_cluster_errors_are_worker_errors_with_their_exit_code() -> None:
    assert issubclass(ClusterError, SubremoverError)
    assert ClusterError.exit_code == 7


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)
