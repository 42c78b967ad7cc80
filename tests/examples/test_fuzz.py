from pathlib import Path
from random import Random

import fuzz_damage
import pytest
from fuzz import Case, Outcome
from fuzz_films import FRAMES, KINDS, SIZE, draw_film, write_masks

from subremover.detect.drawn_mask import read_mask_events
from subremover.video.read.probe import probe
from subremover.video.read.reader import read_frames

FILM_RUN = Case("film", "flip", [], "clean.mkv")
SCAN_RUN = Case("scan", "flip", [], None, {"plan"})


@pytest.mark.parametrize("kind", [KINDS[0], KINDS[5]], ids=lambda kind: kind.name)
def test_films_are_sound(tmp_path: Path, kind: object) -> None:
    path = tmp_path / kind.name
    draw_film(path, kind)
    film = probe(path)
    assert (film.width, film.height, film.frame_count, film.warnings) == (*SIZE, FRAMES, ())
    assert len(list(read_frames(film))) == FRAMES
    write_masks(tmp_path / "mask.mkv")
    (event,) = read_mask_events(film, tmp_path / "mask.mkv")
    assert (event.first, event.last) == (4, 13)


@pytest.mark.parametrize("data", [b"", b"\0", b"1a,2b", b"moov" * 9, bytes(5000)])
def test_damage_comes_from_its_seed(data: bytes) -> None:
    for seed in range(60):
        for way in (fuzz_damage.damage_text, lambda d, r: fuzz_damage.damage(d, [b"other"], r)):
            assert way(data, Random(seed)) == way(data, Random(seed))
    changed = {fuzz_damage.damage(bytes(5000), (), Random(seed))[0] for seed in range(50)}
    assert len(changed) > 40


@pytest.mark.parametrize(
    ("case", "outcome", "faults"),
    [
        (FILM_RUN, (0, 1.0, 0, "", {"clean.mkv"}), []),
        (FILM_RUN, (3, 1.0, 0, "subremover: 'film.mkv' is empty", set()), []),
        (SCAN_RUN, (0, 1.0, 0, "", {"plan"}), []),
        (FILM_RUN, (0, 1.0, 0, "", set()), ["no target"]),
        (FILM_RUN, (1, 1.0, 0, "Traceback (most ...", set()), ["exit code 1", "traceback"]),
        (FILM_RUN, (-11, 1.0, 0, "", set()), ["killed by SIGSEGV"]),
        (FILM_RUN, (3, 61.0, 0, "", set()), ["hang"]),
        (FILM_RUN, (-9, 1.0, 0, "", set()), ["hang"]),
        (FILM_RUN, (3, 1.0, 2 << 30, "", set()), ["2048 MiB"]),
        (FILM_RUN, (3, 1.0, 0, "", {".clean.part-1.mkv"}), ["left behind: .clean.part-1.mkv"]),
        (FILM_RUN, (3, 1.0, 0, "", {"clean.mkv"}), ["left behind: clean.mkv"]),
        (FILM_RUN, (99, 1.0, 0, "", {"clean.mkv"}), ["target not whole"]),
    ],
)
def test_what_must_not_be(case: Case, outcome: tuple, faults: list[str]) -> None:
    assert Outcome(*outcome).faults(case) == faults
