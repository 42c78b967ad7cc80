"""Ray's part of a cluster, in this process: tasks are done at once, on the first node that they may go to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from subremover.cluster.nodes import NODE_ID
from subremover.cluster.tasks import Reporter, describe_node


class RayError(Exception):
    """What Ray raises for itself."""


class NodeDiedError(RayError):
    """A node is gone."""


class WorkerCrashedError(RayError):
    """A process is gone."""


class TaskError(RayError):
    """What a task has raised."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Reference:
    """To what comes out of a task; nothing does before its node is there."""

    def __init__(self, outcome: Any, is_ready: bool = True) -> None:
        self.outcome, self.is_ready = outcome, is_ready


class FakeRay:
    """Nodes, and what was asked of them."""

    exceptions = SimpleNamespace(
        RayError=RayError, NodeDiedError=NodeDiedError, WorkerCrashedError=WorkerCrashedError
    )

    def __init__(self, *names: str, cpus: int = 1, gpus: int = 0) -> None:
        self.there = {name: {"CPU": float(cpus), "GPU": float(gpus), "memory": 1e9} for name in names}
        self.machines: dict[str, dict[str, str]] = {}
        """What each node says of itself, where it is not like this machine."""
        self.sockets: dict[str, str] = {}
        """Where nodes listen."""
        self.went: list[tuple[str, str]] = []
        """Nodes and names of the functions that were run there, in order."""
        self.options: list[dict[str, Any]] = []
        """Those of tasks, in order."""
        self.node = ""
        """On which the function runs that is run now."""

    def nodes(self) -> list[dict[str, Any]]:
        return [
            {
                "NodeID": name,
                "Alive": True,
                "NodeManagerHostname": name,
                "NodeManagerAddress": "10.0.0.1",
                "Resources": has,
                "RayletSocketName": self.sockets.get(name),
            }
            for name, has in self.there.items()
        ]

    def get_runtime_context(self) -> Any:
        return SimpleNamespace(get_node_id=lambda: self.node or "here")

    def remote(self, thing: Any) -> Any:
        if thing is Reporter:
            return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=lambda: _Actor(Reporter())))
        return SimpleNamespace(options=lambda **options: _Caller(self, thing, options))

    def wait(
        self, references: Sequence[Reference], num_returns: int = 1, **_: float
    ) -> tuple[list[Reference], list[Reference]]:
        ready = [reference for reference in references if reference.is_ready][:num_returns]
        return ready, [reference for reference in references if reference not in ready]

    def get(self, reference: Reference) -> Any:
        if isinstance(reference.outcome, Exception):
            raise reference.outcome
        return reference.outcome

    def cancel(self, reference: Reference, **_: bool) -> None:
        if not reference.is_ready:
            reference.outcome, reference.is_ready = RayError("cancelled"), True

    def call(
        self, function: Callable[..., Any], options: dict[str, Any], arguments: tuple[Any, ...]
    ) -> Reference:
        places = options["label_selector"][NODE_ID].removeprefix("in(").removesuffix(")").split(",")
        node = next((place for place in places if place in self.there), None)
        if function is describe_node:
            return Reference(self.machines.get(str(node), describe_node()))
        self.options.append(options)
        if node is None:
            return Reference(None, is_ready=False)
        self.went.append((node, function.__name__))
        self.node = node
        arguments[0].reporter.begin.remote(arguments[0].number, node)
        try:
            return Reference(function(*arguments))
        except RayError as error:
            return Reference(error)
        except Exception as error:
            return Reference(TaskError(error))
        finally:
            self.node = ""


class _Caller:
    def __init__(self, ray: FakeRay, function: Callable[..., Any], options: dict[str, Any]) -> None:
        self._ray, self._function, self._options = ray, function, options

    def remote(self, *arguments: Any) -> Reference:
        return self._ray.call(self._function, self._options, arguments)


class _Actor:
    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._actor, name)
        return SimpleNamespace(remote=lambda *arguments: Reference(method(*arguments)))
