"""What a person does with the page, in a real browser."""

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from axe_core_python.sync_playwright import Axe
from browser import WAIT_SECONDS, go_to, open_browser, open_film, open_page
from media import draw_film, draw_texture, read_luma
from page_server import PageServer, wait_for
from playwright.sync_api import Browser, Page, expect

from subremover.plan.saved_plan import load_plan

SIZE = (320, 180)
FIRST, LAST = 8, 31
SUBTITLE = "Good morning"
SOON = 1000 * WAIT_SECONDS
AXE_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film with a subtitle in front of a picture that passes by."""
    path = tmp_path_factory.mktemp("drawn") / "morning.mp4"
    pictures = [draw_texture(SIZE, (1.5 * index, 0)) for index in range(48)]
    draw_film(path, 48, SIZE, pictures=pictures, subtitles=((FIRST, LAST, SUBTITLE),))
    return path


@pytest.fixture(scope="module")
def scanned(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plan that the command makes of it."""
    plan = tmp_path_factory.mktemp("scanned") / "plan"
    _run_command(str(drawn), "--scan-only", "--save-plan", str(plan))
    return plan


@pytest.fixture
def server(drawn: Path, tmp_path: Path) -> Iterator[PageServer]:
    folder = tmp_path / "films"
    (folder / "old").mkdir(parents=True)
    shutil.copy(drawn, folder / "morning.mp4")
    (folder / "old" / "broken.mkv").write_text("no film")
    started = PageServer(folder, "--port", "0")
    yield started
    started.stop()


@pytest.fixture
def mended(server: PageServer, scanned: Path) -> PageServer:
    """A server whose film was scanned before."""
    shutil.copytree(scanned, server.folder / "subremover" / "plans" / "morning.mp4")
    return server


def test_from_choosing_a_film_to_the_clean_one(browser: Browser, server: PageServer, tmp_path: Path) -> None:
    with open_page(browser, server) as page:
        expect(page.locator(".film")).to_have_count(2)
        open_film(page, "morning.mp4")
        _look(page)
        _scan(page)
        _mend(page, server.folder)
        _try(page)
        go_to(page, "Run")
        page.get_by_label("Painting").select_option("fast")
        page.get_by_role("button", name="Remove the subtitles").click()
        expect(page.get_by_role("heading", name="The film is clean")).to_be_visible(timeout=SOON)
        page.get_by_role("button", name="Before and after").click()
        expect(page.locator(".sides canvas.after[data-frame]")).to_be_visible()
        with page.expect_download() as download:
            page.get_by_role("link", name="Save the film").click()
        saved = tmp_path / "saved.mp4"
        download.value.save_as(saved)
        assert download.value.suggested_filename == "morning.mp4"
    film, plan = server.folder / "morning.mp4", server.folder / "subremover" / "plans" / "morning.mp4"
    own = tmp_path / "own.mp4"
    _run_command(str(film), "-o", str(own), "--plan", str(plan), "--preset", "fast")
    assert saved.read_bytes() == own.read_bytes()
    assert (server.folder / "subremover" / "cleaned" / "morning.html").exists()


def _look(page: Page) -> None:
    """Frame by frame, by the scrubber, and closer."""
    stage = page.get_by_role("application")
    stage.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    _expect_frame(page, 3)
    page.get_by_label("Place in the film").fill("40")
    _expect_frame(page, 40)
    expect(stage).to_have_attribute("aria-label", re.compile("Frame 40, 0:00:01.668"))
    stage.focus()
    width = page.locator(".sheet").bounding_box()
    page.keyboard.press("+")
    wider = page.locator(".sheet").bounding_box()
    assert width
    assert wider
    assert wider["width"] > 1.4 * width["width"]
    page.keyboard.press("0")


def _scan(page: Page) -> None:
    go_to(page, "Scan")
    page.get_by_role("button", name="Scan", exact=True).click()
    expect(page.get_by_label("Progress of the scan")).to_be_visible()
    expect(page.locator(".events li")).to_have_count(1, timeout=SOON)
    expect(page.locator(".events .says")).to_contain_text(SUBTITLE)
    expect(page.locator(".events .why")).to_contain_text("likely a subtitle")


def _mend(page: Page, folder: Path) -> None:
    """Every way to change the plan, and back again."""
    plan = folder / "subremover" / "plans" / "morning.mp4"

    def saved() -> list:
        expect(page.locator(".status")).to_contain_text("Saved.")
        return list(load_plan(plan).events)

    (found,) = saved()
    assert (found.first, found.last, found.remove) == (FIRST, LAST, True)
    page.get_by_role("button", name=re.compile(SUBTITLE)).last.click()
    page.keyboard.press("d")
    assert not saved()[0].remove
    page.get_by_role("button", name="Undo").click()
    assert saved()[0].remove

    end = page.locator(".strip .end.last").bounding_box()  # one frame further, by dragging
    strip = page.locator(".strip").bounding_box()
    assert end
    assert strip
    x, y = end["x"] + end["width"] / 2, end["y"] + end["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 2.5 * strip["width"] / 48, y, steps=4)
    page.mouse.up()
    assert saved()[0].last in (LAST + 2, LAST + 3)
    page.keyboard.press("Control+z")
    assert saved()[0].last == LAST

    page.get_by_role("button", name=re.compile(SUBTITLE)).last.click()
    page.keyboard.press("p")
    _drag(page, (0.2, 0.5), (0.8, 0.5))
    painted = saved()[0]
    assert 500 < painted.strokes.sum() - found.strokes.sum() < 3500
    assert painted.box.y < found.box.y
    page.keyboard.press("e")
    _drag(page, (0.15, 0.5), (0.85, 0.5))
    assert saved()[0].strokes.sum() <= found.strokes.sum()
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    assert np.array_equal(saved()[0].strokes, found.strokes)

    page.keyboard.press("b")
    _drag(page, (0.1, 0.1), (0.4, 0.3))
    events = saved()
    assert len(events) == 2
    box = max(events, key=lambda event: -event.box.y).box
    assert abs(box.x - 32) <= 2
    assert abs(box.width - 96) <= 3
    page.keyboard.press("Delete")
    assert len(saved()) == 1
    page.keyboard.press("v")


def _try(page: Page) -> None:
    go_to(page, "Try")
    page.get_by_role("button", name="Try around").click()
    after = page.locator(".sides canvas.after[data-frame]")
    expect(after).to_be_visible(timeout=SOON)
    page.get_by_text("Side by side").click()
    expect(page.locator(".sides canvas.before[data-frame]")).to_be_visible()
    page.get_by_text("Where from", exact=True).first.click()
    expect(page.locator(".sides canvas.provenance[data-frame]")).to_be_visible()
    first = after.get_attribute("data-frame")
    page.keyboard.press("Tab")  # from the choice of views, which has arrows of its own
    page.keyboard.press("ArrowLeft")
    expect(after).to_have_attribute("data-frame", str(int(str(first)) - 1))
    page.keyboard.press("ArrowRight")
    expect(after).to_have_attribute("data-frame", str(first))
    page.get_by_role("button", name="Play or stop").click()
    expect(after).not_to_have_attribute("data-frame", str(first))
    page.get_by_role("button", name="Back to the frame").click()
    expect(page.get_by_role("application")).to_be_visible()


def test_keyboard_alone(browser: Browser, mended: PageServer) -> None:
    plan = mended.folder / "subremover" / "plans" / "morning.mp4"
    with open_page(browser, mended) as page:
        expect(page.locator(".film")).to_have_count(2)
        _tab_to(page, "link", "morning.mp4")
        page.keyboard.press("Enter")
        expect(page.locator(".picture[data-frame]")).to_be_visible()
        _tab_to(page, "tab", "Mend")
        page.keyboard.press("PageDown")  # already there: the first event
        page.keyboard.press("PageUp")
        _tab_to(page, "button", SUBTITLE)
        page.keyboard.press("Enter")
        for key in ("ArrowLeft", "f", "ArrowRight", "ArrowRight", "l"):
            page.keyboard.press(key)
        expect(page.locator(".status")).to_contain_text("Saved.")
        middle = (FIRST + LAST) // 2
        event = load_plan(plan).events[0]
        assert (event.first, event.last) == (middle - 1, middle + 1)
        page.keyboard.press("Control+z")
        page.keyboard.press("Control+z")
        page.keyboard.press("p")
        _tab_to(page, "application", "Frame")
        for key in (
            *["Shift+ArrowUp"] * 3,
            " ",
            *["Shift+ArrowUp"] * 3,
            " ",
        ):  # two dabs, one right after the other
            page.keyboard.press(key)
        expect(page.locator(".status")).to_contain_text("Saved.")
        wait_for(lambda: load_plan(plan).events[0].box.height > event.box.height + 100)
        dabs = load_plan(plan).events[0].strokes[: -event.box.height].any(axis=1)
        assert np.diff(dabs.astype(int)).tolist().count(1) + int(dabs[0]) == 2
        _tab_to(page, "tab", "Mend")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        expect(page.get_by_role("tab", name="Run")).to_have_attribute("aria-selected", "true")
        _tab_to(page, "combobox", "Painting")
        page.keyboard.press("Home")
        _tab_to(page, "button", "Remove the subtitles")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="The film is clean")).to_be_visible(timeout=SOON)


def test_pause_go_on_reload_and_a_server_that_is_killed(
    browser: Browser, mended: PageServer, tmp_path: Path
) -> None:
    with open_page(browser, mended) as page:
        open_film(page, "morning.mp4")
        go_to(page, "Run")
        page.get_by_role("button", name="Remove the subtitles").click()
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_role("button", name="Go on")).to_be_visible(timeout=SOON)
        page.reload()
        expect(page.get_by_text("paused")).to_be_visible()
        page.get_by_role("button", name="Go on").click()
        expect(page.get_by_role("button", name="Pause")).to_be_visible()
        mended.stop(signal.SIGKILL)
        again = PageServer(mended.folder, "--port", str(mended.port))
        page.reload()
        expect(page.get_by_role("heading", name="The film is clean")).to_be_visible(timeout=SOON)
        again.stop()
    plan = mended.folder / "subremover" / "plans" / "morning.mp4"
    own = tmp_path / "own.mp4"
    _run_command(str(mended.folder / "morning.mp4"), "-o", str(own), "--plan", str(plan))
    assert (mended.folder / "subremover" / "cleaned" / "morning.mp4").read_bytes() == own.read_bytes()


def test_cancelling_leaves_nothing(browser: Browser, mended: PageServer) -> None:
    with open_page(browser, mended) as page:
        page.get_by_label("Choose morning.mp4").check()
        page.get_by_role("button", name="Clean 1 film").click()
        expect(page.get_by_role("heading", name="Queue")).to_be_visible()
        expect(page.locator(".queue .job-words")).to_contain_text("starts")
        page.get_by_role("button", name="Cancel").click()
        page.get_by_role("button", name="Cancel it").click()
        expect(page.get_by_text("Nothing is in the queue.")).to_be_visible(timeout=SOON)
    assert not [path.name for path in (mended.folder / "subremover" / "cleaned").iterdir()]


def test_a_file_that_is_no_film_is_told_as_such(browser: Browser, server: PageServer) -> None:
    with open_page(browser, server) as page:
        row = page.locator(".film", has_text="broken.mkv")
        expect(row.locator(".facts")).to_contain_text("cannot read")
        page.get_by_role("link", name="broken.mkv").click()
        expect(page.get_by_role("alert")).to_contain_text("check that it is whole")
        page.get_by_role("link", name="Back to the films").click()
        expect(page.get_by_role("heading", name="Films")).to_be_visible()


def test_two_tabs_do_not_overwrite_each_other(browser: Browser, mended: PageServer) -> None:
    plan = mended.folder / "subremover" / "plans" / "morning.mp4"
    with open_page(browser, mended) as page, open_page(browser, mended) as other:
        for tab in (page, other):
            open_film(tab, "morning.mp4")
        page.locator(".events input").uncheck()
        expect(page.locator(".status")).to_contain_text("Saved.")
        other.get_by_role("button", name="Add an event here").click()
        other.get_by_role("button", name="Take theirs").click()
        expect(other.locator(".events li")).to_have_count(1)
        expect(other.locator(".events input")).not_to_be_checked()
        assert [event.remove for event in load_plan(plan).events] == [False]


def test_what_could_not_be_saved_is_saved_later(browser: Browser, mended: PageServer) -> None:
    plan = mended.folder / "subremover" / "plans" / "morning.mp4"
    with open_page(browser, mended) as page:
        open_film(page, "morning.mp4")
        mended.stop(signal.SIGKILL)
        page.locator(".events input").uncheck()
        expect(page.locator(".status")).to_contain_text("not saved")
        again = PageServer(mended.folder, "--port", str(mended.port))
        go_to(page, "Try")
        page.get_by_role("button", name="Try around").click()
        wait_for(lambda: not load_plan(plan).events[0].remove)
        page.get_by_role("button", name="Cancel").click()
        again.stop()


def test_a_new_scan_keeps_what_a_person_has_changed(browser: Browser, mended: PageServer) -> None:
    with open_page(browser, mended) as page:
        open_film(page, "morning.mp4")
        page.get_by_role("button", name="Add an event here").click()
        expect(page.locator(".status")).to_contain_text("2 events to be removed. Saved.")
        go_to(page, "Scan")
        page.get_by_role("button", name="Scan again").click()
        page.get_by_role("button", name="Keep my changes").click()
        expect(page.get_by_text("Scanned: 2 events")).to_be_visible(timeout=SOON)


def test_regions_each_for_their_own_stretch_of_time(browser: Browser, server: PageServer) -> None:
    with open_page(browser, server) as page:
        open_film(page, "morning.mp4")
        go_to(page, "Scan")
        add = page.get_by_role("button", name="Add a region")
        add.click()
        page.get_by_label("Height").fill("20")  # of the region, which begins above the subtitle
        page.get_by_label("Height").press("Tab")
        page.get_by_label("Place in the film").fill("40")
        page.get_by_role("button", name="To this frame").click()
        add.click()
        page.get_by_role("button", name="Scan", exact=True).click()
        expect(page.get_by_text("Scanned: 1 event")).to_be_visible(timeout=SOON)
        expect(page.locator(".events .says")).to_contain_text(SUBTITLE)
        assert page.evaluate("fetch('/api/jobs').then(async a => (await a.json()).jobs.length)") == 2


@pytest.mark.parametrize("width", [400, 1024])
def test_fits_and_can_be_read_by_all(browser: Browser, mended: PageServer, width: int) -> None:
    """No sideways scrolling; roles, names, labels and contrasts by the rules of axe, dark on a telephone."""
    scheme = "dark" if width == 400 else "light"
    with open_page(browser, mended, viewport={"width": width, "height": 800}, color_scheme=scheme) as page:
        expect(page.locator(".film")).to_have_count(2)
        _check_place(page, "films", width)
        open_film(page, "morning.mp4")
        for step in ("Look", "Scan", "Mend", "Try", "Run"):
            go_to(page, step)
            page.locator("summary").evaluate_all("all => all.forEach((each) => each.click())")
            if step == "Scan":
                page.get_by_role("button", name="Add a region").click()
            if step == "Mend":
                page.locator(".events button").click()
            _check_place(page, step, width)
        page.evaluate("location.hash = '#/queue'")
        expect(page.get_by_role("heading", name="Queue")).to_be_visible()
        _check_place(page, "queue", width)


def _check_place(page: Page, place: str, width: int) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= width, place
    found = Axe().run(page, options=AXE_RULES)
    assert len(found["passes"]) > 15
    faults = [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]]
    assert not faults, place


def test_speaks_chinese(browser: Browser, mended: PageServer) -> None:
    with open_page(browser, mended) as page:
        page.get_by_label("Language").select_option("zh")
        expect(page.locator("html")).to_have_attribute("lang", "zh")
        page.get_by_role("link", name="morning.mp4").click()
        for step in ("查看", "扫描", "修正", "试做", "执行"):
            go_to(page, step)
            words = page.locator("#side").inner_text()
            assert re.search("[\u4e00-\u9fff]{2}", words)
            assert "{" not in words


def _drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw on the picture, from one place to another in shares of it."""
    sheet = page.locator(".sheet").bounding_box()
    assert sheet
    points = [(sheet["x"] + x * sheet["width"], sheet["y"] + y * sheet["height"]) for x, y in (start, end)]
    page.mouse.move(*points[0])
    page.mouse.down()
    page.mouse.move(*points[1], steps=10)
    page.mouse.up()
    page.mouse.move(sheet["x"], sheet["y"] + 0.3 * sheet["height"], steps=3)  # with no button held


def _tab_to(page: Page, role: str, name: str) -> None:
    """Press Tab until something with this role and name has the focus."""
    wanted = page.get_by_role(role, name=name)  # type: ignore[arg-type]
    wanted.first.wait_for()
    for _ in range(80):
        if any(each.evaluate("one => one === document.activeElement") for each in wanted.all()):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"Tab does not come to the {role} {name}")


def _expect_frame(page: Page, index: int) -> None:
    expect(page.locator(".picture")).to_have_attribute("data-frame", str(index))


def _run_command(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "subremover", "-q", *arguments], check=True)


def test_the_drawn_film_has_its_subtitle(drawn: Path) -> None:
    assert np.abs(read_luma(drawn)[FIRST] - read_luma(drawn)[FIRST - 1]).max() > 100
