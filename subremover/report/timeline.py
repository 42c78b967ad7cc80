"""Draws the report's timeline: the film in rows of equal length, shots as a faint pattern, events as bars.

Knows no film or plan: times are in seconds, and labels come ready.
"""

from __future__ import annotations

from dataclasses import dataclass

MOST_ROWS = 24
"""Most rows that a film is split into."""
EVENTS_A_ROW = 30
"""How many events a row is meant for: so many bars stay apart, even on a telephone."""
MOST_LANES = 5
"""Most bars above each other in a row; further ones share the last lane."""
_ROW_SECONDS = (5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 36000, 86400)
_TICK_SECONDS = (0.1, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400)


@dataclass(frozen=True, slots=True)
class Span:
    """An event on the timeline."""

    number: int
    """Of the event, from 1."""
    start: float
    """In seconds from the film's first frame."""
    end: float
    """Likewise."""
    classes: str
    """CSS classes of its bar."""
    label: str
    """What is shown when it is pointed at; HTML, escaped."""


def format_time(seconds: float) -> str:
    """A time in seconds as 0:01:30.250."""
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"


def draw_timeline(spans: list[Span], cuts: list[float], duration_seconds: float) -> str:
    """Draw the timeline.

    Args:
        spans: The events, by start.
        cuts: When shots begin, in seconds, rising; the first shot's beginning is among them.
        duration_seconds: Of the film.

    Returns:
        HTML.
    """
    row_seconds = _row_length(len(spans), duration_seconds)
    row_count = max(1, -int(-duration_seconds // row_seconds))
    lanes = _assign_lanes(spans)
    lane_count = max(lanes, default=0) + 1
    tick = next((t for t in _TICK_SECONDS if row_seconds / t <= 8), row_seconds)
    rows = []
    for row in range(row_count):
        start = row * row_seconds
        end = min(start + row_seconds, duration_seconds)
        bars = [
            _draw_bar(span, lane, start, end)
            for span, lane in zip(spans, lanes, strict=True)
            if span.start < end and span.end > start
        ]
        width = 100 * (end - start) / row_seconds
        rows.append(
            f"<li><time>{_short_time(start)}</time>"
            f'<div class="track" style="--lanes:{lane_count};width:{width:.3f}%">'
            f"{_draw_ground(cuts, start, end, tick)}{''.join(bars)}</div></li>"
        )
    length = f"{_short_time(row_seconds)} a row, " if row_count > 1 else ""
    scale = f"{length}a line every {_short_time(tick)}"
    axis = f"<span>{scale}</span><span>{_short_time(duration_seconds)}</span>"
    return "\n".join(['<ol class="timeline">', *rows, f'</ol>\n<p class="axis">{axis}</p>'])


def _row_length(events: int, duration_seconds: float) -> float:
    """Seconds of a row: few enough rows to see them all, few enough events in a row to tell them apart."""
    row_count = min(MOST_ROWS, -(-events // EVENTS_A_ROW))
    if row_count <= 1:
        return duration_seconds
    return next((s for s in _ROW_SECONDS if s * row_count >= duration_seconds), duration_seconds)


def _assign_lanes(spans: list[Span]) -> list[int]:
    """For each event the number of the first lane that is free; those that find none share the last."""
    busy_until: list[float] = []
    lanes = []
    for span in spans:
        free = (lane for lane, end in enumerate(busy_until) if end <= span.start)
        lane = next(free, min(len(busy_until), MOST_LANES - 1))
        busy_until[lane:] = [span.end, *busy_until[lane + 1 :]]
        lanes.append(lane)
    return lanes


def _draw_bar(span: Span, lane: int, start: float, end: float) -> str:
    """An event's part in a row; only its first part can be reached by keyboard."""
    left, right = max(span.start, start), min(span.end, end)
    x, width = (100 * part / (end - start) for part in (left - start, right - left))
    again = "" if span.start >= start else ' aria-hidden="true" tabindex="-1"'
    return (
        f'<a class="bar {span.classes}" href="#e{span.number}" title="{span.label}"{again} '
        f'style="--x:{x:.3f};--w:{width:.3f};--lane:{lane}"></a>'
    )


def _draw_ground(cuts: list[float], start: float, end: float, tick: float) -> str:
    """SVG behind the bars of a row: every other shot shaded, and a thin line at every tick."""
    edges = [*cuts, end]
    shaded = [
        (max(edges[i], start), min(edges[i + 1], end))
        for i in range(1, len(cuts), 2)
        if edges[i] < end and edges[i + 1] > start
    ]
    scale = 1000 / (end - start)
    path = "".join(
        f"M{(a - start) * scale:.1f} 0H{(b - start) * scale:.1f}V1H{(a - start) * scale:.1f}z"
        for a, b in shaded
    )
    ticks = (k * tick * scale for k in range(1, int((end - start) / tick) + 1))
    lines = "".join(f'<line x1="{x:.1f}" x2="{x:.1f}" y2="1"/>' for x in ticks)
    shape = 'viewBox="0 0 1000 1" preserveAspectRatio="none" aria-hidden="true"'
    return f'<svg {shape}><path d="{path}"/>{lines}</svg>'


def _short_time(seconds: float) -> str:
    """A time in seconds as 1:30 or 1:01:30; below a minute as 4.5 s."""
    if 0 < seconds < 60:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"
