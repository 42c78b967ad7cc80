"""What the page is told of films and jobs."""

import shutil
import struct
from collections.abc import Iterator
from fractions import Fraction

import pytest
from media import draw_film
from page_server import PageServer
from plan_entries import make_entry, write_plan

from subremover.page.jobs.asked import TryAsk
from subremover.page.jobs.job import Job


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    """Of two films, of which one has been cleaned and tried."""
    folder = tmp_path_factory.mktemp("films")
    (folder / "sub").mkdir()
    draw_film(folder / "a.mp4", 24, (160, 96))
    draw_film(folder / "sub" / "turned.mp4", 12, (160, 96), rotation=90, sample_aspect_ratio=Fraction(4, 3))
    work = folder / "subremover"
    (work / "cleaned").mkdir(parents=True)
    draw_film(work / "cleaned" / "a.mkv", 24, (160, 96))
    (work / "cleaned" / "a.srt").write_bytes(b"0123456789")
    write_plan(work / "plans" / "a.mp4", make_entry())  # of another film
    server = PageServer(folder)
    server.stop()  # the folder of jobs is there now
    tried = Job(work / "page" / "jobs" / "000001", "try", "a.mp4", TryAsk(3), 1.0, 1.0, exit_code=0)
    tried.look.mkdir(parents=True)
    shutil.copy(folder / "a.mp4", tried.look / "after.mp4")
    tried.lines.write_text('{"kind": "result", "first": 0, "last": 23}\n')
    tried.save()
    server = PageServer(folder)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def films(server: PageServer) -> dict[str, str]:
    """Addresses of the films."""
    listed = server.ask("GET", "/api/films")[1]["films"]
    return {film["name"]: f"/api/films/{film['id']}" for film in listed}


def test_films_are_listed_with_what_has_become_of_them(server: PageServer) -> None:
    films = server.ask("GET", "/api/films")[1]["films"]
    assert [(it["name"], it["state"], it["share"]) for it in films] == [
        ("a.mp4", "done", None),
        ("sub/turned.mp4", "new", None),
    ]
    assert all(film["bytes"] > 1000 for film in films)


def test_a_film_is_told_of_as_it_is_seen(server: PageServer, films: dict[str, str]) -> None:
    code, film = server.ask("GET", films["sub/turned.mp4"])
    assert code == 200
    assert (film["width"], film["height"], film["frames"]) == (96, 160, 12)
    assert film["sample_aspect"] == pytest.approx(3 / 4)
    assert film["rate"] == pytest.approx(24000 / 1001)
    assert (film["has_plan"], film["files"], film["warnings"]) == (False, [], [])
    assert film["plan_folder"] == "subremover/plans/sub/turned.mp4"


def test_a_plan_of_another_film_is_none(server: PageServer, films: dict[str, str]) -> None:
    film = server.ask("GET", films["a.mp4"])[1]
    assert not film["has_plan"]
    assert "of another film" in film["warnings"][-1]


def test_times_are_those_of_frames_and_of_the_end(server: PageServer, films: dict[str, str]) -> None:
    data = server.ask("GET", f"{films['a.mp4']}/times")[1]
    times = struct.unpack(f"<{len(data) // 4}I", data)
    assert times[:3] == (0, 42, 83)
    assert (len(times), times[-1]) == (25, 1001)


def test_pictures_are_kept_by_the_browser_as_long_as_the_film_is_the_same(
    server: PageServer, films: dict[str, str]
) -> None:
    stamp = server.ask("GET", films["a.mp4"])[1]["stamp"]
    for query, kept in ((f"?v={stamp}", True), ("?v=old", False), ("", False)):
        code, headers, data = server.send(
            "GET", f"{films['a.mp4']}/frames/3.jpg{query}", headers={"Cookie": server.cookie}
        )
        assert (code, headers["content-type"], data[:2]) == (200, "image/jpeg", b"\xff\xd8")
        assert ("immutable" in headers["cache-control"]) is kept


def test_the_clean_film_is_shown_and_saved_in_parts(server: PageServer, films: dict[str, str]) -> None:
    film = server.ask("GET", films["a.mp4"])[1]
    assert [(file["kind"], file["name"]) for file in film["files"]] == [("film", "a.mkv"), ("srt", "a.srt")]
    assert server.ask("GET", f"{films['a.mp4']}/cleaned/3.jpg?width=64")[0] == 200
    code, headers, data = server.send(
        "GET", f"{films['a.mp4']}/files/srt", headers={"Cookie": server.cookie, "Range": "bytes=3-5"}
    )
    assert (code, data) == (206, b"345")
    assert headers["content-disposition"] == 'attachment; filename="a.srt"'
    assert headers["content-type"] == "application/octet-stream"


def test_a_try_can_be_looked_at(server: PageServer) -> None:
    job = server.ask("GET", "/api/jobs")[1]["jobs"][0]
    assert (job["kind"], job["state"], job["result"]) == ("try", "done", {"first": 0, "last": 23})
    assert server.ask("GET", "/api/jobs/1/pictures/after/23.jpg")[0] == 200
    assert server.ask("GET", "/api/jobs/1/pictures/after/24.jpg")[0] == 404
    assert server.ask("GET", "/api/jobs/1/pictures/before/0.jpg")[0] == 404
    assert server.ask("GET", "/api/jobs/1/pictures/plan/0.jpg")[0] == 400


def test_what_can_be_chosen_is_told(server: PageServer) -> None:
    options = server.ask("GET", "/api/options")[1]
    assert options["presets"] == ["fast", "standard", "paper"]
    assert {"h264", "hevc"} <= {*options["codecs"]}
    assert options["sensitivities"] == ["low", "normal", "high"]
    assert options["cores"] >= 1
