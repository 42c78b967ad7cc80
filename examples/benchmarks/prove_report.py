"""What prove_cuda.py has found, as OUT/prove.json and OUT/prove.md."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from prove_process import Outcome


def write_report(out: Path, outcomes: Sequence[Outcome], facts: Mapping[str, object]) -> None:
    """Write both files anew; at no moment is either half written."""
    found = {**facts, "parts": [asdict(outcome) for outcome in outcomes]}
    _write(out / "prove.json", json.dumps(found, indent=1) + "\n")
    _write(out / "prove.md", f"{format_outcomes(outcomes)}\n\n{format_facts(facts)}\n")


def format_outcomes(outcomes: Sequence[Outcome]) -> str:
    """A Markdown table, a row a part."""
    rows = [["part", "seconds", "result", "key figures"], ["---"] * 4]
    rows += [format_outcome(outcome) for outcome in outcomes]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def format_outcome(outcome: Outcome) -> list[str]:
    """A row: name, seconds, what became of it, and its single figures; lists and tables are in the JSON."""
    result = outcome.status.upper() if outcome.status == "failed" else outcome.status
    if outcome.reasons:
        result += f" ({'; '.join(outcome.reasons)})"
    figures = ", ".join(
        f"{name.replace('_', ' ')} {_round(value)}"
        for name, value in outcome.figures.items()
        if not isinstance(value, (list, dict))
    )
    cells = [outcome.name, f"{outcome.seconds:.1f}", result, figures]
    return [" ".join(cell.replace("|", "/").split()) for cell in cells]


def format_facts(facts: Mapping[str, object]) -> str:
    """The line below the table."""
    return ", ".join(f"{name} {_round(value)}" for name, value in facts.items())


def _round(value: object) -> str:
    """To four digits."""
    if isinstance(value, float):
        return f"{float(f'{value:.4g}'):,.10g}" if abs(value) >= 0.001 else f"{value:.2g}"
    return str(value)


def _write(path: Path, text: str) -> None:
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)  # noqa: PTH105, as atomic as its name says
