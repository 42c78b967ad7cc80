"""The page in the browser, step by step, in three widths, as PNGs: to be looked at after a change.

    pip install -c constraints.txt '.[dev]'                     # and Chromium, from the system's packages
    python examples/benchmarks/make_sample.py OUT/sample --size 1280x720 --seconds 6 --styles white,yellow
    python examples/benchmarks/page_pictures.py OUT/sample/subbed.mp4 OUT

Serves a folder with the film, scans it, tries three seconds, runs it, and leaves OUT/1440_mend.png and the
like; docs/page.jpg is one of them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from playwright.sync_api import Page, sync_playwright

SIZES = {1440: 900, 1024: 768, 400: 800}
"""Widths and heights of the window, in px."""
STEPS = ("look", "scan", "mend", "try", "run")
PATIENCE_MS = 600_000
_FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync")


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve the page of a folder, at the address yielded."""
    command = [sys.executable, "-m", "subremover.page", str(folder), "--port", "0", "--no-browser"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        yield server.stdout.readline().strip()
    finally:
        server.terminate()
        server.wait()


def do_all(page: Page) -> None:
    """Scan, try and run the film."""
    page.locator(".film a").first.click()
    page.locator("#tab-scan").click()
    page.locator("#side .main").click()
    page.locator(".events li").first.wait_for(timeout=PATIENCE_MS)
    page.locator("#tab-try").click()
    page.locator("#side .main").click()
    page.locator(".compare").wait_for(timeout=PATIENCE_MS)
    page.locator("#tab-run").click()
    page.locator("#side form .main").click()
    page.locator(".done").wait_for(timeout=PATIENCE_MS)


def take_pictures(page: Page, out_dir: Path, width: int) -> None:
    """Go through all steps once more, and take a picture of each."""

    def take(name: str) -> None:
        page.wait_for_timeout(1200)
        page.locator(".note").first.wait_for(state="detached")
        page.screenshot(path=out_dir / f"{width}_{name}.png", full_page=width < 500)

    page.locator(".film").first.wait_for()
    take("choose")
    page.locator(".film a").first.click()
    for step in STEPS:
        page.locator(f"#tab-{step}").click()
        if step == "scan":
            page.locator("#side button").first.click()
        if step == "mend":
            page.locator(".events button").first.click()
        if step == "try":
            page.locator("#side button").nth(1).click()
            page.locator(".sides canvas.after[data-frame]").wait_for()
        take(step)
    page.evaluate("location.hash = '#/queue'")
    take("queue")


@click.command(help=__doc__)
@click.argument("film", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("out_dir", type=click.Path(file_okay=False, path_type=Path))
@click.option("--language", default="en", show_default=True, help="Of the page: en or zh.")
@click.option("--dark", is_flag=True, help="As for those who like it dark.")
def main(film: Path, out_dir: Path, language: str, dark: bool) -> None:
    out_dir.mkdir(parents=True, exist_ok=True)
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        raise click.UsageError("there is no Chromium; install it from the system's packages")
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        shutil.copy(film, Path(folder) / f"movie{film.suffix}")
        browser = playwright.chromium.launch(executable_path=program, args=[*_FLAGS])
        with serve(Path(folder)) as address:
            for number, (width, height) in enumerate(SIZES.items()):
                context = browser.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme="dark" if dark else "light",
                    locale=language,
                )
                page = context.new_page()
                page.goto(address)
                if number == 0:
                    do_all(page)
                    page.goto(address)
                take_pictures(page, out_dir, width)
                context.close()
        browser.close()


if __name__ == "__main__":
    main()
