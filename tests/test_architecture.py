"""Which way imports may go: down docs/architecture.md's layers, and never in a circle."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import subremover

PACKAGE = Path(subremover.__file__).parent
PAGE = (PACKAGE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")


def read_layers(before: str) -> list[set[str]]:
    """The indented block behind these words, from the top layer down; names without their ending."""
    block = re.search(r"\n\n((?:    .+\n)+)", PAGE.split(before, 1)[1])
    assert block
    return [
        {re.sub(r"(\.py|/)$", "", name) for name in line.split()} for line in block[1].strip().splitlines()
    ]


def find_imports() -> Iterator[tuple[str, str]]:
    """Module and imported module, below the package: `video.read.probe`, `errors`."""
    for file in sorted(PACKAGE.rglob("*.py")):
        parts = file.relative_to(PACKAGE).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("subremover."):
                target = str(node.module).removeprefix("subremover.")
                for name in node.names:
                    path = PACKAGE.joinpath(*target.split("."), name.name)
                    is_module = path.is_dir() or path.with_suffix(".py").exists()
                    yield module, f"{target}.{name.name}" if is_module else target


IMPORTS = sorted(set(find_imports()))


def rank(module: str, layers: list[set[str]]) -> int:
    name = module.split(".", maxsplit=1)[0]
    return next(number for number, layer in enumerate(layers) if name in layer)


def test_there_is_something_to_hold() -> None:
    assert len(IMPORTS) > 300


@pytest.mark.parametrize(
    ("before", "prefix"), [("## Who may import whom", ""), ("Inside `video/`", "video.")]
)
def test_imports_go_down(before: str, prefix: str) -> None:
    layers = read_layers(before)
    inside = [
        (one.removeprefix(prefix), other.removeprefix(prefix))
        for one, other in IMPORTS
        if one.startswith(prefix) and other.startswith(prefix) and one != prefix.rstrip(".")
    ]
    upward = [
        f"{one} imports {other}"
        for one, other in inside
        if one and one != "__init__" and rank(one, layers) > rank(other, layers)
    ]
    assert not upward


def test_no_circles() -> None:
    graph: dict[str, set[str]] = {}
    for one, other in IMPORTS:
        graph.setdefault(one, set()).add(other)
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, f"in a circle: {' -> '.join((*way, module))}"
        if module not in done:
            for other in sorted(graph.get(module, ())):
                visit(other, (*way, module))
            done.add(module)

    for module in graph:
        visit(module, ())


@pytest.mark.parametrize(
    ("one", "other"),
    [("detect", "fill"), ("fill", "detect"), ("fill", "video"), ("untrained", "fill"), ("motion", "video")],
)
def test_some_know_nothing_of_each_other(one: str, other: str) -> None:
    assert not [pair for pair in IMPORTS if pair[0].split(".")[0] == one and pair[1].split(".")[0] == other]
