"""A browser that opens the page of a server, and what a person does there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from page_server import PageServer
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, expect, sync_playwright

WAIT_SECONDS = 60.0
"""For a scan, a try or a run of a small film; a machine with much else to do takes its time."""
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),  # as in containers
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


def find_browser() -> str:
    """The browser's program; where there is none the test is skipped, or fails if there must be one."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        if os.environ.get("SUBREMOVER_REQUIRE_BROWSER") == "1":
            pytest.fail(f"SUBREMOVER_REQUIRE_BROWSER=1, but there is none of {', '.join(_NAMES)}")
        pytest.skip("needs Chromium")
    return found


@contextmanager
def open_browser() -> Iterator[Browser]:
    program = find_browser()
    with sync_playwright() as playwright:
        yield _launch(playwright, program)


def _launch(playwright: Playwright, program: str) -> Browser:
    return playwright.chromium.launch(executable_path=program, args=[*_FLAGS])


@contextmanager
def open_page(browser: Browser, server: PageServer, **context: object) -> Iterator[Page]:
    """The page in a context of its own; what the browser complains of fails the test."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        is_answer = "Failed to load resource" in message.text  # of a refusal that the page tells by itself
        if message.type in ("error", "warning") and not is_answer:
            complaints.append(message.text)

    size = {"width": 1440, "height": 900}
    opened = browser.new_context(**{"viewport": size, "locale": "en-GB", **context})  # type: ignore[arg-type]
    try:
        page = opened.new_page()
        page.set_default_timeout(15_000)
        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(server.address)
        yield page
        assert not complaints
    finally:
        opened.close()


def open_film(page: Page, name: str) -> None:
    """Choose a film, and wait for its frame."""
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.locator(".picture[data-frame]")).to_be_visible()


def go_to(page: Page, step: str) -> None:
    page.get_by_role("tab", name=step).click()
