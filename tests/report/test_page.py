import base64
import re
import shutil
import subprocess
import tempfile
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from media import draw_film

from subremover.errors import OutputError
from subremover.geometry import Box
from subremover.plan.model import Event, FilmKey, Passage, Plan, Shot
from subremover.provenance import Shares
from subremover.report.pictures import add_shares, write_report
from subremover.report.timeline import Span, draw_timeline, format_time
from subremover.video.film import Film
from subremover.video.read.probe import probe

HOSTILE = "</script><script>document.title = 'taken'</script> \"onerror=\"alert(1) '&amp;\u202e\x00"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(
    BROWSER is None, reason="no chromium, chromium-browser or google-chrome on PATH"
)


def make_event(first: int, last: int, *, x: int = 20, text: str = "", fades: bool = False) -> Event:
    count = last - first + 1
    opacities = np.minimum(1, np.arange(1, count + 1) / 3).astype(np.float32)
    strokes = np.zeros((12, 60), bool)
    strokes[2:10, 4:56] = True
    return Event(first, last, Box(x, 70, 60, 12), strokes, opacities if fades else opacities[:0], text)


def make_plan(film: Film, *events: Event) -> Plan:
    shots = (Shot(0, 9), Shot(10, film.frame_count - 1))
    return Plan(FilmKey.of(film.upright_size, film.pts), shots, events)


def make_sign(first: int, last: int) -> Event:
    return Event(first, last, Box(100, 4, 40, 8), np.ones((8, 40), bool), kind="scene", remove=False)


@pytest.fixture
def film(tmp_path: Path) -> Film:
    return probe(draw_film(tmp_path / "a.mp4", audio=False, first_pts=3).path)


class Page(HTMLParser):
    """What a page holds: its tags with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str, class_: str = "") -> list[dict[str, str | None]]:
        found = [attributes for name, attributes in self.tags if name == tag]
        return [a for a in found if not class_ or class_ in (a.get("class") or "").split()]


def write(film: Film, plan: Plan, file: Path) -> tuple[str, Page]:
    write_report(film, plan, file)
    html = file.read_text(encoding="utf-8")
    return html, Page(html)


def test_every_event_is_on_the_timeline_and_below(film: Film, tmp_path: Path) -> None:
    plan = make_plan(
        film, make_event(2, 9, text="First line\nand second"), make_sign(5, 20), make_event(12, 21)
    )
    html, page = write(film, plan, tmp_path / "new" / "report.html")
    assert [bar["href"] for bar in page.all("a", "bar")] == ["#e1", "#e2", "#e3"]
    assert [event["id"] for event in page.all("article")] == ["e1", "e2", "e3"]
    assert [event["class"] for event in page.all("article")][1] == "event scene kept"
    assert "2 events will be removed, on 18 of 24 frames (75 %); 1 is left alone." in page.text
    assert "First line<br>and second" in html
    assert "0:00:00.083 – 0:00:00.417" in page.text  # noqa: RUF001
    for image in page.all("img"):
        assert (image["src"] or "").startswith("data:image/jpeg;base64,")
        assert image["alt"]
    assert len(page.all("img")) == 6


def test_why_an_event_was_taken_for_what_it_is(film: Film, tmp_path: Path) -> None:
    why = ("stands on a board", "moves & <b>shakes</b>")
    sign = replace(make_sign(5, 20), probability=0.07, reasons=why)
    html, page = write(film, make_plan(film, make_event(2, 9), sign), tmp_path / "report.html")
    assert page.text.count("Likely a subtitle") == 1  # of the other one nothing was told
    assert "<dd>7 %<small>stands on a board</small><small>moves &amp; &lt;b&gt;shakes" in html


def test_what_moves_is_told(film: Film, tmp_path: Path) -> None:
    passages = tuple(Passage(n, n + 2, Box(9, 9, 20, 8)) for n in range(7))
    plan = replace(make_plan(film, make_event(2, 9)), passages=passages)
    _, page = write(film, plan, tmp_path / "report.html")
    told = "lettering on frames 0 – 2, 1 – 3, 2 – 4, 3 – 5, 4 – 6 and 2 more"  # noqa: RUF001
    assert told in page.text
    _, page = write(film, replace(plan, events=()), tmp_path / "report.html")
    assert "Only lettering that moves was found; the film stays as it is." in page.text
    _, page = write(film, make_plan(film, make_event(2, 9)), tmp_path / "report.html")
    assert "left alone" not in page.text.replace("left alone</option>", "").split("Events")[0]


def test_nothing_is_fetched_from_anywhere(film: Film, tmp_path: Path) -> None:
    html, page = write(film, make_plan(film, make_event(2, 9)), tmp_path / "report.html")
    links = [a.get(name) or "" for _, a in page.tags for name in ("src", "href") if name in a]
    assert all(link.startswith(("data:", "#")) for link in links)
    assert not re.search(r"https?://|url\(|@import", html)


def test_the_pictures_show_the_event(film: Film, tmp_path: Path) -> None:
    _, page = write(film, make_plan(film, make_event(2, 9)), tmp_path / "report.html")
    picture, mask = (_decode(image["src"] or "") for image in page.all("img"))
    assert picture.shape == mask.shape
    is_red = (mask[..., 2].astype(int) - mask[..., 1]) > 60
    assert abs(int(is_red.sum()) - 8 * 52) < 60  # as many as the strokes; jpeg blurs their rim


def _decode(uri: str) -> np.ndarray:
    data = base64.b64decode(uri.partition(",")[2])
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return image


def test_shares_come_in_after_the_render(film: Film, tmp_path: Path) -> None:
    mark = "<!-- shares 1 -->\n<!-- shares 0 -->"
    plan = make_plan(film, make_event(2, 9, text=mark), make_sign(5, 20), make_event(12, 20))
    before, _ = write(film, plan, tmp_path / "report.html")
    by_event = (Shares(borrowed=0.9, fitted=0.1, distance=7), Shares(fitted=1))
    add_shares(tmp_path / "report.html", tmp_path / "new.html", plan, Shares(0.5, 0.2, 0.3, 4), by_event)
    after = (tmp_path / "new.html").read_text(encoding="utf-8")
    assert re.findall("<dt>Hidden pixels</dt><dd>([^<]*)</dd>", after) == [
        "50 % borrowed (median from 4 frames away), 20 % unmixed, 30 % painted",
        "90 % borrowed (median from 7 frames away), 10 % painted",
        "100 % painted",
    ]
    assert "Hidden pixels" not in before
    assert len(after.splitlines()) == len(before.splitlines())


@pytest.mark.parametrize(("count", "summary"), [(1, "1 event was removed"), (2, "2 events were removed")])
def test_what_is_done_is_told_as_done(film: Film, tmp_path: Path, count: int, summary: str) -> None:
    text = '<span>will be removed</span> will be removed"'
    plan = make_plan(film, *[make_event(2, 9, text=text)] * count, make_sign(5, 20))
    write(film, plan, tmp_path / "report.html")
    add_shares(tmp_path / "report.html", tmp_path / "new.html", plan, Shares(), [Shares()] * count)
    html = (tmp_path / "new.html").read_text(encoding="utf-8")
    page = Page(html)
    assert f"{summary}, on 8 of 24 frames (33 %); 1 is left alone." in page.text
    assert page.text.count("Subtitle, was removed") == count + 1  # and the legend
    assert html.count('Subtitle, was removed"') == count
    assert page.text.replace(text, "").count("will be removed") == 0
    assert page.text.count(text) == count


def test_hostile_texts_stay_texts(tmp_path: Path) -> None:
    path = tmp_path / "<img src=x onerror=alert(1)>\udce9.mp4"
    shutil.copy(draw_film(tmp_path / "a.mp4", audio=False).path, path)
    film = probe(path)
    html, page = write(film, make_plan(film, make_event(2, 9, text=HOSTILE)), tmp_path / "report.html")
    assert len(page.all("script")) == 1
    assert len(page.all("img")) == 2
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert "\u202e" not in html
    assert "\x00" not in html
    assert "<img src=x onerror=alert(1)>" in page.text


def test_a_fade_has_a_curve(film: Film, tmp_path: Path) -> None:
    plan = make_plan(film, make_event(2, 9, fades=True), make_event(12, 20))
    _, page = write(film, plan, tmp_path / "report.html")
    assert len(page.all("svg", "fade")) == 1
    assert "Fades in over 2 frames" in page.text


def test_an_empty_plan(film: Film, tmp_path: Path) -> None:
    _, page = write(film, make_plan(film), tmp_path / "report.html")
    assert "No lettering was found" in page.text
    assert not page.all("article")


def test_events_in_any_order_show_their_own_frame(tmp_path: Path) -> None:
    film = probe(draw_film(tmp_path / "a.mp4", frames=40, audio=False).path)  # a key frame every 12
    events = [make_event(0, 39), make_event(1, 3), make_event(2, 37), make_event(30, 38), make_event(34, 34)]
    _, page = write(film, make_plan(film, *events), tmp_path / "together.html")
    together = [image["src"] for image in page.all("img")]
    alone = []
    for event in events:
        _, page = write(film, make_plan(film, event), tmp_path / "alone.html")
        alone += [image["src"] for image in page.all("img")]
    assert together == alone


def test_many_events_keep_within_bounds(film: Film, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subremover.report.pictures.PAGE_BYTES", 40_000)
    events = [make_event(i % 20, i % 20 + 2) for i in range(20)]
    plan = make_plan(film, *sorted(events, key=lambda e: e.first))
    _, page = write(film, plan, tmp_path / "report.html")
    assert len(page.all("img")) == 40
    assert sum(len(image["src"] or "") for image in page.all("img")) < 40_000 * 1.5


def test_a_place_that_cannot_be_written(film: Film, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot write .*; choose another place"):
        write_report(film, make_plan(film), tmp_path / "file" / "report.html")


def test_times() -> None:
    assert format_time(0) == "0:00:00.000"
    assert format_time(5025.9996) == "1:23:46.000"


def test_long_films_get_rows_and_a_bar_is_reached_once() -> None:
    spans = [Span(i + 1, 6.0 * i, 6.0 * i + 4, "mark", "") for i in range(1200)]
    page = Page(draw_timeline(spans, [0.0], 7200.0))
    assert len(page.all("li")) == 24
    reached = [bar["href"] for bar in page.all("a") if "aria-hidden" not in bar]
    assert reached == [f"#e{i + 1}" for i in range(1200)]
    whole = Page(draw_timeline([Span(1, 0, 7200, "mark", ""), *spans], [0.0], 7200.0))
    assert len([bar for bar in whole.all("a") if bar["href"] == "#e1" and "aria-hidden" not in bar]) == 2


@needs_browser
def test_the_page_in_a_browser(tmp_path: Path) -> None:
    film = probe(draw_film(tmp_path / "a.mp4", audio=False, subtitles=((2, 9, "Hello"),)).path)
    plan = make_plan(film, make_event(2, 9, text="Hello"), make_sign(5, 20), make_event(12, 21, text=HOSTILE))
    write_report(film, plan, tmp_path / "report.html")
    dom = Page(browse(tmp_path / "report.html", "--dump-dom"))
    assert dom.all("html")[0].get("data-report") == "ready"  # the script ran to its end
    bars = dom.all("a", "bar")
    assert len(bars) == 3
    assert [bar["tabindex"] for bar in bars] == ["0", "-1", "-1"]
    assert "Hello" in (bars[0]["aria-label"] or "")
    assert "hidden" not in dom.all("form")[0]
    assert "taken" not in dom.text.split("subremover report")[0]  # the title
    picture = tmp_path / "page.png"
    browse(tmp_path / "report.html", f"--screenshot={picture}", "--window-size=900,1200")
    shown = cv2.imread(str(picture))
    assert shown is not None
    assert shown.shape == (1200, 900, 3)
    assert ((shown[..., 2].astype(int) - shown[..., 1]) > 100).sum() > 1000  # bars, masks


@needs_browser
def test_keys_tooltip_and_filter(film: Film, tmp_path: Path) -> None:
    plan = make_plan(film, make_event(2, 9, text="Hello"), make_sign(5, 20), make_event(12, 21, text="World"))
    write_report(film, plan, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = re.sub("<meta http-equiv[^>]*>", "", page)  # to let a visitor's hands in
    hands = """<script>
        const state = document.documentElement.dataset;
        document.querySelector(".bar").focus();
        document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: "End", bubbles: true}));
        state.focused = document.activeElement.getAttribute("href");
        // a window that is not in front, as on a busy machine, moves its focus without telling
        document.activeElement.dispatchEvent(new FocusEvent("focus"));
        state.tip = document.querySelector(".tip").textContent;
        const form = document.querySelector(".filter"), shown = () => document.querySelectorAll(".event:not([hidden])").length;
        form.elements.text.value = "wORLD";
        form.dispatchEvent(new Event("input"));
        state.found = shown();
        form.elements.text.value = "";
        form.elements.decision.value = "kept";
        form.dispatchEvent(new Event("input"));
        state.kept = shown() + ", " + form.querySelector("output").textContent;
    </script></body>"""  # noqa: E501
    (tmp_path / "hands.html").write_text(page.replace("</body>", hands), encoding="utf-8")
    state = Page(browse(tmp_path / "hands.html", "--dump-dom")).all("html")[0]
    assert state["data-focused"] == "#e3"
    assert (state["data-tip"] or "").startswith("3: World\n0:00:00.5")
    assert state["data-found"] == "1"
    assert state["data-kept"] == "1, 1 of 3"


@needs_browser
def test_the_page_without_its_script(film: Film, tmp_path: Path) -> None:
    """The policy stops every script but the page's own: changed by a letter, it does not run."""
    write_report(film, make_plan(film, make_event(2, 9, text="Hello")), tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8").replace('"use strict";', '"use strict"; ')
    (tmp_path / "changed.html").write_text(page, encoding="utf-8")
    dom = Page(browse(tmp_path / "changed.html", "--dump-dom"))
    assert "data-report" not in dom.all("html")[0]
    assert "Hello" in (dom.all("a", "bar")[0]["title"] or "")


def browse(file: Path, *arguments: str) -> str:
    assert BROWSER is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
        done = subprocess.run(
            [BROWSER, *flags, "--virtual-time-budget=5000", *arguments, f"file://{file}"],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
    return done.stdout
