"""The scores of words as Markdown tables, and what they come to."""

from __future__ import annotations

from collections.abc import Sequence

from clip_tables import format_rows
from words_score import BRIEF_FRAMES, SLACK_FRAMES, CueScore, LineScore

SCRIPT_COLUMNS = (
    *("script", "lines", "letters", "found", "CER, found", f"over {BRIEF_FRAMES} frames"),
    *("CER, all", f"over {BRIEF_FRAMES} frames", "without an error"),
)


def error_rate(lines: Sequence[LineScore]) -> float | None:
    """Edits by letters of all lines together; None where there are no letters."""
    letters = sum(line.letters for line in lines)
    return sum(line.edits for line in lines) / letters if letters else None


def sum_lines(lines: Sequence[LineScore]) -> dict[str, float | None]:
    """What the lines of one script, or of all, come to."""
    found = [line for line in lines if line.is_found]
    is_known = any(line.is_found is not None for line in lines)
    return {
        "lines": len(lines),
        "letters": sum(line.letters for line in lines),
        "found": len(found) if is_known else None,
        "error_rate_found": error_rate(found),
        "error_rate_found_not_brief": error_rate([line for line in found if not line.is_brief]),
        "error_rate": error_rate(lines),
        "error_rate_not_brief": error_rate([line for line in lines if not line.is_brief]),
        "right": sum(line.edits == 0 for line in lines),
        "said": sum(line.cues > 0 for line in lines),
        "split": sum(line.is_split for line in lines),
        "doubled": sum(line.is_doubled for line in lines),
    }


def sum_cues(cues: Sequence[CueScore]) -> dict[str, int]:
    """What all cues come to."""
    return {
        "cues": len(cues),
        "saying": sum(cue.lines > 0 for cue in cues),
        "timely": sum(cue.is_timely for cue in cues),
        "glued": sum(cue.is_glued for cue in cues),
        "shuffled": sum(cue.is_shuffled for cue in cues),
        "extra": sum(cue.extra for cue in cues),
    }


def by_script(lines: Sequence[LineScore]) -> dict[str, list[LineScore]]:
    """The lines of each script that there is."""
    names = sorted({line.script for line in lines})
    return {name: [line for line in lines if line.script == name] for name in names}


def format_scripts(lines: Sequence[LineScore]) -> str:
    """A row for each script, and one for all."""
    groups = {**by_script(lines), "all": list(lines)}
    return _table(SCRIPT_COLUMNS, [_script_row(name, group) for name, group in groups.items()])


def format_sum(lines: Sequence[LineScore], cues: Sequence[CueScore]) -> str:
    """How right the cues are: their times, and how they are joined."""
    line_sum, cue_sum = sum_lines(lines), sum_cues(cues)
    said, saying = int(line_sum["said"] or 0), cue_sum["saying"]
    rows = [
        ("lines that a cue says", _share(said, len(lines))),
        ("of these, neither split nor doubled", _share(sum(map(_is_whole, lines)), said)),
        ("split, doubled", f"{line_sum['split']}, {line_sum['doubled']}"),
        ("cues that say a line", _share(saying, len(cues))),
        (f"of these, begin and end right within {SLACK_FRAMES} frame", _share(cue_sum["timely"], saying)),
        ("of these, not glued", _share(saying - cue_sum["glued"], saying)),
        ("of these, in order", _share(saying - cue_sum["shuffled"], saying)),
        ("letters that are in no line", str(cue_sum["extra"])),
    ]
    return _table(("what", "value"), rows)


def format_lines(lines: Sequence[LineScore]) -> str:
    """Every line that was not read as it is, or that is split or doubled."""
    rows = [
        (
            *(line.case, f"{line.first}-{line.last}", line.text, line.read, str(line.edits)),
            *(
                "" if line.is_found is None else ("no", "yes")[line.is_found],
                _faults(line),
                " ".join(line.tags),
            ),
        )
        for line in lines
        if line.edits or line.is_split or line.is_doubled
    ]
    return _table(("case", "frames", "truth", "read", "edits", "found", "faults", "tags"), rows)


def format_cues(cues: Sequence[CueScore]) -> str:
    """Every cue that is off in time, glued, shuffled, or says what is in no line."""
    rows = [
        (
            *(cue.case, f"{cue.first}-{cue.end - 1}", cue.text, str(cue.lines), _off(cue.first_error)),
            *(_off(cue.end_error), ", ".join(["glued"] * cue.is_glued + ["shuffled"] * cue.is_shuffled)),
            str(cue.extra or ""),
        )
        for cue in cues
        if cue.is_glued or cue.is_shuffled or cue.extra or not cue.is_timely
    ]
    columns = ("case", "frames", "cue", "lines said", "first off", "end off", "faults", "extra")
    return _table(columns, rows)


def _script_row(name: str, lines: Sequence[LineScore]) -> tuple[str, ...]:
    figures = sum_lines(lines)
    found, right = figures["found"], int(figures["right"] or 0)
    rates = ("error_rate_found", "error_rate_found_not_brief", "error_rate", "error_rate_not_brief")
    return (
        *(name, str(len(lines)), str(figures["letters"]), "" if found is None else str(found)),
        *(_percent(figures[rate]) for rate in rates),
        _share(right, len(lines)),
    )


def _is_whole(line: LineScore) -> bool:
    return line.cues > 0 and not line.is_split and not line.is_doubled


def _faults(line: LineScore) -> str:
    return ", ".join(["split"] * line.is_split + ["doubled"] * line.is_doubled)


def _off(frames: int | None) -> str:
    return "" if frames is None else f"{frames:+d}"


def _percent(rate: float | None) -> str:
    return "" if rate is None else f"{100 * rate:.1f} %"


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({_percent(part / whole)})" if whole else str(part)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = [[cell.replace("|", "\\|").replace("\n", " / ") for cell in row] for row in rows]
    return format_rows([list(columns), ["---"] * len(columns), *cells])
