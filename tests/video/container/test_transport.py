from pathlib import Path

import av
import numpy as np
import pytest
from fidelity_words import ffmpeg
from media import draw_film

from subremover.options import EncodeOptions
from subremover.video.container.mux import remux
from subremover.video.container.transport import Program, read_programs
from subremover.video.read.probe import probe

PICTURE = "-f lavfi -i testsrc2=s=64x64:r=25:d=0.4 -f lavfi -i sine=d=0.4 -map 0 -map 1"


@pytest.mark.parametrize("more", ["", " -mpegts_m2ts_mode 1"])
@pytest.mark.parametrize("name", ["Channel", "Kanäle"])
def test_number_and_name(tmp_path: Path, name: str, more: str) -> None:
    words = f"{PICTURE} -mpegts_service_id 77 -metadata service_provider=Me{more}"
    ffmpeg(*words.split(), "-metadata", f"service_name={name}", tmp_path / "a.ts")
    assert read_programs(tmp_path / "a.ts") == [Program(77, name, "Me")]
    assert remux(probe(tmp_path / "a.ts"), tmp_path / "b.ts", EncodeOptions()) == ()
    assert read_programs(tmp_path / "b.ts") == [Program(77, name, "Me")]


def test_several_become_one(tmp_path: Path) -> None:
    words = f"{PICTURE} -program title=One:st=0 -program title=Two:st=1"
    ffmpeg(*words.split(), tmp_path / "a.ts")
    assert [program.name for program in read_programs(tmp_path / "a.ts")] == ["One", "Two"]
    (warning,) = remux(probe(tmp_path / "a.ts"), tmp_path / "b.ts", EncodeOptions())
    assert warning == "the 2 programs of the transport stream become one; their streams are kept"
    with av.open(str(tmp_path / "b.ts")) as container:
        assert len(container.streams) == 2


def test_damage_is_passed_over(tmp_path: Path) -> None:
    """Whatever the bytes, there is a list of programs, and no error."""
    whole = draw_film(tmp_path / "a.ts", frames=3).path.read_bytes()
    path = tmp_path / "b.ts"
    for seed in range(60):
        random = np.random.default_rng(seed)
        data = bytearray(whole[: random.integers(len(whole))])
        for at in random.integers(max(1, len(data)), size=random.integers(200)) if data else ():
            data[at % 2000 if len(data) > 2000 else at] = random.integers(256)
        path.write_bytes(data)
        assert all(isinstance(program, Program) for program in read_programs(path))
