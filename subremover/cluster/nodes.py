"""The machines of a cluster: which there are, and which of them make the bytes that this one would make."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from subremover.cluster.tasks import describe_node
from subremover.resume.fingerprint import describe_machine

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""Between two looks at which machines there are."""
ANSWER_SECONDS = 120.0
"""After so long a machine that has not said what it is, is left out."""
NODE_ID = "ray.io/node-id"


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of a cluster."""

    id: str
    """Ray's."""
    name: str
    """Of the host, and its address."""
    cpus: int
    gpus: int
    memory_bytes: int
    """That Ray gives to tasks."""


def list_nodes(ray: Any) -> list[Node]:
    """The machines that are there now."""
    found = []
    for node in ray.nodes():
        if node["Alive"]:
            has = node["Resources"]
            name = f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"
            whole = (int(has.get(what, 0)) for what in ("CPU", "GPU", "memory"))
            found.append(Node(node["NodeID"], name, *whole))
    return found


def compare_machines(own: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """What another machine has otherwise than this one, a phrase a thing."""
    names = [*own, *(name for name in other if name not in own)]
    return [
        f"{name} {other.get(name, 'none')}, not {own.get(name, 'none')}"
        for name in names
        if own.get(name) != other.get(name)
    ]


def only_on(nodes: Collection[str]) -> dict[str, str]:
    """Ray's label selector for these machines, by their ids."""
    return {NODE_ID: f"in({','.join(sorted(nodes))})"}


@dataclass
class Nodes:
    """Keeps account of the machines that tasks may go to; each is asked what it is when it is first seen."""

    ray: Any
    usable: dict[str, Node] = field(default_factory=dict)
    """By id; there now, and like this machine."""
    refused: dict[str, str] = field(default_factory=dict)
    """By name, why they are left out."""
    _own: dict[str, str] = field(default_factory=describe_machine)
    _asked: dict[Any, tuple[Node, float]] = field(default_factory=dict)
    """Machines that have not answered yet and since when, by reference to the answer."""
    _known: dict[str, bool] = field(default_factory=dict)
    """Whether they may be used, by id."""
    _looked: float = float("-inf")

    @property
    def is_asking(self) -> bool:
        """Whether there are machines that have not said yet what they are."""
        return bool(self._asked)

    def update(self) -> None:
        """Take note of machines that came, went, or have answered."""
        now = time.monotonic()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self._look(now)
        if not self._asked:
            return
        answered, waiting = self.ray.wait(list(self._asked), num_returns=len(self._asked), timeout=0)
        late = [reference for reference in waiting if now - self._asked[reference][1] > ANSWER_SECONDS]
        for reference in (*answered, *late):
            node, _ = self._asked.pop(reference)
            self._judge(node, reference, is_late=reference in late)

    def list_usable(self) -> list[Node]:
        """The machines that may be used now; safe to ask from any thread."""
        return list(self.usable.values())

    def look_again(self) -> None:
        """Have the next update look at which machines there are."""
        self._looked = float("-inf")

    def name(self, node: str | None) -> str:
        """What a machine is called."""
        return self.usable[node].name if node in self.usable else "a machine that is gone"

    def _look(self, now: float) -> None:
        there = {node.id: node for node in list_nodes(self.ray)}
        self.usable = {id: node for id, node in there.items() if self._known.get(id)}
        waiting = {node.id for node, _ in self._asked.values()}
        for node in there.values():
            if node.id not in self._known and node.id not in waiting:
                ask = self.ray.remote(describe_node).options(
                    num_cpus=0, max_retries=1, label_selector=only_on([node.id])
                )
                self._asked[ask.remote()] = (node, now)

    def _judge(self, node: Node, reference: Any, *, is_late: bool) -> None:
        why = f"it has not answered for {ANSWER_SECONDS:.0f} s"
        if is_late:
            self.ray.cancel(reference, force=True)
        else:
            try:
                why = "; ".join(compare_machines(self._own, self.ray.get(reference)))
            except (self.ray.exceptions.NodeDiedError, self.ray.exceptions.WorkerCrashedError):
                return  # asked again, if it is there at the next look
            except Exception as error:  # whatever is wrong there
                lines = str(error).strip().splitlines() or [type(error).__name__]
                why = f"subremover does not run there: {lines[-1]}"
        self._known[node.id] = not why
        if why:
            self.refused[node.name] = why
            log.warning("%s is left out, for it would make other bytes: %s", node.name, why)
        else:
            self.usable[node.id] = node
