"""Writes the report's page in HTML; its pictures are made in `pictures`, its timeline in `timeline`.

All that comes from outside (names, recognised text) passes through `_escape`; numbers are formatted here. The
page's policy lets nothing run but its own script, so that even a slip there would do no harm.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from importlib.resources import files
from string import Template

import numpy as np

from subremover._version import __version__
from subremover.plan.model import Event, Passage, Plan
from subremover.provenance import Shares
from subremover.report.timeline import Span, draw_timeline, format_time
from subremover.video.film import Film

KINDS = {"subtitle": "Subtitle", "scene": "Lettering of the scene", "logo": "Logo"}
"""The words for the kinds of events."""
FULL = 0.95
"""Opacity from which an event counts as fully there."""
_PASSAGES = 5
"""Most passages that are told."""
_CURVE_POINTS = 60
"""Most points of the curve of an event's opacity."""
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Characters that no page may hold, and those that would reverse the direction of the text around them."""


_COMING = "will be removed"
_DONE = {
    f"<span>{_COMING}</span>": "was removed",
    f'<span class="several">{_COMING}</span>': "were removed",
    f'{_COMING}"': 'was removed"',
}
"""What the page says before the render, with the markup around it that no text from outside can hold, for
`_escape` leaves no `<` and no `"`; and what it says after that."""


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A picture of the page."""

    jpeg: bytes
    """The whole file."""
    width: int
    """In px."""
    height: int
    """In px."""


def open_page(film: Film, plan: Plan) -> str:
    """The page up to its first event.

    Args:
        film: The source.
        plan: Of this film.

    Returns:
        HTML.
    """
    removed = len(plan.removed)
    masked = int(plan.masked_frames().sum())
    width, height = film.upright_size
    rate = f"{float(film.frame_rate):.3f}".rstrip("0").rstrip(".")
    facts = {
        "Picture": f"{width} × {height} px",  # noqa: RUF001
        "Codec": f"{film.codec}, {film.pix_fmt}",
        "Frame rate": f"{rate} fps",
        "Length": f"{format_time(film.duration_seconds)}, {_count(film.frame_count, 'frame')}",
        "Shots": str(len(plan.shots)),
    }
    if plan.passages:
        facts["Moves, and is left alone"] = _list_passages(plan.passages)
    script = _template("report.js")
    digest = base64.b64encode(hashlib.sha256(f"\n{script}\n".encode()).digest()).decode()
    return Template(_template("report.html")).substitute(
        version=__version__,
        script_hash=f"sha256-{digest}",
        style=_template("report.css"),
        name=_escape(film.path.name),
        summary=_summary(plan, removed, masked),
        facts="\n".join(
            f"<div><dt>{term}</dt><dd>{_escape(fact)}</dd></div>" for term, fact in facts.items()
        ),
        shares=_place_of_shares(0),
        legend="\n".join(_legend(plan)),
        timeline=draw_timeline(
            [_span(number, event, film) for number, event in enumerate(plan.events, 1)],
            [_seconds(film, shot.first) for shot in plan.shots],
            film.duration_seconds,
        ),
    )


def draw_event(number: int, event: Event, film: Film, pictures: tuple[Thumbnail, Thumbnail] | None) -> str:
    """One event of the page.

    Args:
        number: Of the event, from 1.
        event: Of the plan.
        film: Gives the times of frames.
        pictures: The picture as it is and with the strokes marked; None where it cannot be decoded.

    Returns:
        HTML.
    """
    start, end = _seconds(film, event.first), _seconds(film, event.last + 1)
    box, frames = event.box, event.last - event.first + 1
    meta = {
        "Time": f"{format_time(start)} – {format_time(end)} <small>{end - start:.2f} s</small>",  # noqa: RUF001
        "Frames": f"{event.first} – {event.last} <small>{_count(frames, 'frame')}</small>",  # noqa: RUF001
        "Place": f"x {box.x}, y {box.y} <small>{box.width} × {box.height} px</small>",  # noqa: RUF001
    }
    if opacity := _opacity(event):
        meta["Opacity"] = opacity
    if event.probability is not None:
        why = "".join(f"<small>{_escape(reason)}</small>" for reason in event.reasons)
        meta["Likely a subtitle"] = f"{100 * event.probability:.0f} %{why}"
    rows = "\n".join(f"<div><dt>{term}</dt><dd>{value}</dd></div>" for term, value in meta.items())
    if event.remove:
        rows += f"\n{_place_of_shares(number)}"
    text = _escape(event.text).strip().replace("\n", "<br>")
    heading = f"<bdi>{text}</bdi>" if text else '<span class="unread">not read</span>'
    decision = f"<span>{_COMING}</span>" if event.remove else "left alone"
    return (
        f'<article class="event {_classes(event)}" id="e{number}" aria-labelledby="t{number}">\n'
        f'<p class="number"><a href="#e{number}">{number}</a> · <b>{KINDS[event.kind]}</b>, {decision}</p>\n'
        f'<h3 id="t{number}" dir="auto">{heading}</h3>\n'
        f'<dl class="meta">\n{rows}\n</dl>\n{_pair(number, pictures)}\n</article>\n'
    )


def close_page(event_count: int) -> str:
    """The rest of the page in HTML, after its last event; `event_count` is the number of all."""
    nothing = "" if event_count else "<p>No event was found in this film.</p>\n"
    script = _template("report.js")
    return (
        f"{nothing}</section>\n</main>\n"
        f"<footer>Made by subremover {__version__}. Frames count from 0, both ends included.</footer>\n"
        f"<script>\n{script}\n</script>\n</body>\n</html>\n"
    )


def fill_in_shares(lines: Iterable[str], shares: dict[int, Shares]) -> Iterator[str]:
    """Fill into a page where the hidden pixels came from, and that it is done.

    Args:
        lines: Of a page that was written before the render.
        shares: By the number of the event, from 1; number 0 is of the whole run.

    Yields:
        The lines of the new page.
    """
    places = {f"{_place_of_shares(number)}\n": each for number, each in shares.items()}
    for line in lines:
        if line in places:
            words = places[line].describe()
            yield f"<div><dt>Hidden pixels</dt><dd>{words or 'none'}</dd></div>\n"
        else:
            yield reduce(lambda new, coming: new.replace(coming, _DONE[coming]), _DONE, line)


def _place_of_shares(number: int) -> str:
    """A line that shows nothing and that no text from outside can be: `_escape` leaves no `<`."""
    return f"<!-- shares {number} -->"


def _template(name: str) -> str:
    """The text of a file in report/templates."""
    return (files("subremover.report") / "templates" / name).read_text(encoding="utf-8").strip()


def _escape(text: str) -> str:
    """Text from outside, harmless in HTML and in its attributes."""
    sound = text.encode("utf-8", "replace").decode()  # a file's name may hold stray bytes as surrogates
    return html.escape(_CONTROLS.sub("", sound))


def _summary(plan: Plan, removed: int, masked: int) -> str:
    """One sentence: how many events are removed, on how many of the frames, and how many stay."""
    if not plan.events:
        found = "Only lettering that moves was found" if plan.passages else "No lettering was found"
        return f"{found}; the film stays as it is."
    kept, frames = len(plan.events) - removed, plan.film.frame_count
    share = "" if not masked else f" ({max(1, round(100 * masked / frames))} %)"
    touched = f", on {masked:,} of {_count(frames, 'frame')}{share}" if masked else ""
    left = f"; {kept:,} {'is' if kept == 1 else 'are'} left alone" if kept else ""
    several = ' class="several"' * (removed != 1)
    return f"{_count(removed, 'event')} <span{several}>{_COMING}</span>{touched}{left}."


def _legend(plan: Plan) -> list[str]:
    """The marks that the timeline uses, and no others."""
    entries = []
    for kind, name in KINDS.items():
        coming = f"<span>{_COMING}</span>"
        for remove, state, decision in ((True, "removed", coming), (False, "kept", "left alone")):
            if any(event.kind == kind and event.remove == remove for event in plan.events):
                entries.append(f'<li><i class="mark {kind} {state}"></i>{name}, {decision}</li>')
    if len(plan.shots) > 1:
        entries.append('<li><i class="mark shots"></i>Shots</li>')
    return entries


def _list_passages(passages: Sequence[Passage]) -> str:
    """Where lettering moves: the first few stretches of frames."""
    told = [f"{p.first} – {p.last}" for p in passages[:_PASSAGES]]  # noqa: RUF001
    more = len(passages) - len(told)
    return f"lettering on frames {', '.join(told)}{f' and {more:,} more' if more else ''}"


def _span(number: int, event: Event, film: Film) -> Span:
    """An event's bar on the timeline."""
    start, end = _seconds(film, event.first), _seconds(film, event.last + 1)
    decision = _COMING if event.remove else "left alone"
    label = (
        f"{number}: {_escape(event.text).strip() or 'not read'}\n{format_time(start)} to {format_time(end)}, "
        f"frames {event.first} to {event.last}\n{KINDS[event.kind]}, {decision}"
    )
    return Span(number, start, end, f"mark {_classes(event)}", label)


def _classes(event: Event) -> str:
    """CSS classes of an event."""
    return f"{event.kind} {'removed' if event.remove else 'kept'}"


def _seconds(film: Film, index: int) -> float:
    """When a frame begins, in seconds from the film's first; after the last index, the film's end."""
    if index >= film.frame_count:
        return film.duration_seconds
    return float((int(film.pts[index]) - int(film.pts[0])) * film.time_base)


def _opacity(event: Event) -> str:
    """HTML of an event's opacity: a curve where it fades, a number where it is even, nothing where opaque."""
    levels = event.opacities
    if not len(levels) or levels.min() >= FULL:
        return ""
    if np.ptp(levels) < 1 - FULL:
        return f"{100 * float(levels.mean()):.0f} % throughout"
    full = np.flatnonzero(levels >= FULL * levels.max())
    fade_in, fade_out = int(full[0]), len(levels) - 1 - int(full[-1])
    ways = [f"{way} over {_count(n, 'frame')}" for way, n in (("in", fade_in), ("out", fade_out)) if n]
    words = f"Fades {' and '.join(ways)}" if ways else "Changes"
    places = np.linspace(0, len(levels) - 1, min(len(levels), _CURVE_POINTS))
    points = zip(
        places / max(1, places[-1]) * 100, np.interp(places, np.arange(len(levels)), levels), strict=True
    )
    path = " ".join(f"{x:.1f},{22 - 20 * y:.1f}" for x, y in points)
    shape = 'viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true"'
    return f'{words}<svg class="fade" {shape}><path d="M{path}"/></svg>'


def _pair(number: int, pictures: tuple[Thumbnail, Thumbnail] | None) -> str:
    """HTML of an event's two pictures, or of why there are none."""
    if pictures is None:
        return '<p class="lost">The film cannot be decoded here, so there is no picture.</p>'
    shape = " tall" if pictures[0].height > pictures[0].width else ""
    names = (("The picture", f"Event {number} in the picture"), ("The mask", f"The mask of event {number}"))
    figures = "".join(
        f'<figure><img src="data:image/jpeg;base64,{base64.b64encode(picture.jpeg).decode()}" '
        f'width="{picture.width}" height="{picture.height}" loading="lazy" decoding="async" alt="{alt}">'
        f"<figcaption>{caption}</figcaption></figure>"
        for picture, (caption, alt) in zip(pictures, names, strict=True)
    )
    return f'<div class="pair{shape}">{figures}</div>'


def _count(number: int, thing: str) -> str:
    """As 1 event, 1,200 events."""
    return f"{number:,} {thing}{'s' * (number != 1)}"
