"""The pages: their links lead somewhere, and their Python runs as it stands."""

import re
from pathlib import Path

import pytest
from media import draw_film
from processes import ROOT

import subremover
from subremover import FitOptions, PaintOptions

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/**/README.md")])
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")


def find_anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for found in LINK.findall(page.read_text(encoding="utf-8")):
        name, _, anchor = "".join(found).partition("#")
        if "://" in name:
            continue
        there = page.parent / name if name else page
        assert there.exists(), f"{name} of {page.name}"
        assert not anchor or anchor in find_anchors(there), f"{name}#{anchor} of {page.name}"


def find_snippets(page: str, heading: str) -> str:
    """The Python of a section that is no command and no part of another language, as one program."""
    text = (ROOT / page).read_text(encoding="utf-8").split(f"\n{heading}\n", 1)[1]
    section = re.split(r"\n#{1,3} ", text, maxsplit=1)[0]
    blocks = re.findall(r"(?:^    .*\n|^\n(?=    ))+", section, re.MULTILINE)
    return "\n".join(re.sub(r"^    ", "", block, flags=re.MULTILINE) for block in blocks)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with movie.mp4, where fits take no time."""
    draw_film(tmp_path / "movie.mp4", 24, (320, 180), subtitles=((8, 17, "Hello there"),))
    monkeypatch.chdir(tmp_path)
    tiny = PaintOptions(FitOptions(steps=1, channels=4, levels=3), warm_steps=1, decoders=1, holdout=False)
    monkeypatch.setattr(PaintOptions, "preset", lambda _: tiny)
    return tmp_path


@pytest.mark.parametrize(
    ("page", "heading"),
    [
        ("README.md", "## Use it from Python"),
        ("docs/usage.md", "### Scan, look, change, remove"),
        ("docs/usage.md", "### The same by hand"),
    ],
)
def test_the_python_of_the_pages_runs(place: Path, page: str, heading: str) -> None:
    program = find_snippets(page, heading)
    assert "movie.mp4" in program
    exec(compile(program, page, "exec"), {"subremover": subremover})
    assert (place / "clean.mp4").exists()
