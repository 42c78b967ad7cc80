from pathlib import Path

import pytest
from media import draw_film, dress_film, open_film, read_packets, read_pts

from subremover.errors import OutputError
from subremover.options import EncodeOptions
from subremover.video.mux import keep_tags, remux
from subremover.video.probe import probe

PLAIN = EncodeOptions()


def all_packets(path: Path) -> list[tuple]:
    """Stream, pts, dts, key and bytes of every packet, stream by stream."""
    with open_film(path) as container:
        packets = [
            (p.stream.index, p.pts, p.dts, p.is_keyframe, bytes(p)) for p in container.demux() if p.size
        ]
    return sorted(packets, key=lambda p: p[0])  # only the interleaving may differ


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("a.mp4", {"first_pts": 12}),
        ("vary.mp4", {"vfr": True}),
        ("vary.mkv", {"vfr": True, "first_pts": 3}),
        ("hevc.mkv", {"codec": "libx265", "options": {"x265-params": "log-level=none"}}),
        ("web.webm", {"codec": "libvpx-vp9"}),
        ("pro.mov", {"codec": "prores_ks", "pix_fmt": "yuv422p10le"}),
    ],
)
def test_every_packet_is_the_same(tmp_path: Path, name: str, settings: dict) -> None:
    drawn = draw_film(tmp_path / name, **settings)
    target = tmp_path / f"out_{name}"
    assert remux(probe(drawn.path), target, PLAIN) == ()
    assert all_packets(target) == all_packets(drawn.path)
    assert read_pts(target) == read_pts(drawn.path)


def test_all_that_matroska_holds_is_kept(tmp_path: Path) -> None:
    draw_film(tmp_path / "plain.mkv")
    dress_film(tmp_path / "plain.mkv", tmp_path / "a.mkv")
    target = tmp_path / "b.mkv"
    assert remux(probe(tmp_path / "a.mkv"), target, PLAIN) == ()
    check_dress(tmp_path / "a.mkv", target)
    assert read_packets(tmp_path / "a.mkv", "video") == read_packets(target, "video")


def check_dress(source: Path, target: Path) -> None:
    """Everything beside the picture is in the target as it was."""
    with open_film(source) as old, open_film(target) as new:
        assert [s.type for s in old.streams] == [s.type for s in new.streams]
        assert keep_tags(old.metadata) == keep_tags(new.metadata)
        assert old.metadata["DIRECTOR"] == "N\udce9mo"
        for was, now in zip(old.streams, new.streams, strict=True):
            assert keep_tags(was.metadata) == keep_tags(now.metadata)
            assert was.disposition == now.disposition
        assert [a.data for a in old.streams.attachments] == [a.data for a in new.streams.attachments]
        assert [(c["start"], c["end"], c["metadata"]) for c in old.chapters()] == [
            (c["start"], c["end"], c["metadata"]) for c in new.chapters()
        ]
        covers = [[bytes(p) for p in c.demux(c.streams.video[-1]) if p.size] for c in (old, new)]
        assert len(covers[0]) == 1
        assert covers[0] == covers[1]
    for kind in ("audio", "subtitles"):
        for number in (0, 1):
            assert read_packets(source, kind, number) == read_packets(target, kind, number)


def test_what_mp4_cannot_hold_is_told(tmp_path: Path) -> None:
    draw_film(tmp_path / "plain.mkv")
    dress_film(tmp_path / "plain.mkv", tmp_path / "a.mkv")
    warnings = remux(probe(tmp_path / "a.mkv"), tmp_path / "b.mp4", PLAIN)
    assert "mp4 cannot keep cover art and these tags: DIRECTOR" in warnings
    assert any("font.ttf" in warning for warning in warnings)
    assert sum("subtitle stream" in warning for warning in warnings) == 2
    assert (
        read_packets(tmp_path / "a.mkv", "audio", 1)[0][1]
        == read_packets(tmp_path / "b.mp4", "audio", 1)[0][1]
    )
    with open_film(tmp_path / "b.mp4") as container:
        assert len(container.streams.video) == 2  # the picture and its cover
        assert len(container.chapters()) == 2


def test_mp4_tags_and_language(tmp_path: Path) -> None:
    drawn = draw_film(tmp_path / "a.mp4", metadata={"title": "A film", "camera": "own"})
    remux(probe(drawn.path), tmp_path / "b.mp4", PLAIN)
    with open_film(tmp_path / "b.mp4") as container:
        assert container.metadata["title"] == "A film"
        assert container.metadata["camera"] == "own"


def test_a_container_that_cannot_hold_the_picture(tmp_path: Path) -> None:
    drawn = draw_film(tmp_path / "a.mp4")
    with pytest.raises(OutputError, match=r"try another .*container"):
        remux(probe(drawn.path), tmp_path / "b.webm", PLAIN)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4"]


def test_an_existing_target_stays(tmp_path: Path) -> None:
    drawn = draw_film(tmp_path / "a.mp4")
    (tmp_path / "b.mp4").write_text("precious")
    with pytest.raises(OutputError, match="exists; add --overwrite"):
        remux(probe(drawn.path), tmp_path / "b.mp4", PLAIN)
    assert (tmp_path / "b.mp4").read_text() == "precious"
    remux(probe(drawn.path), tmp_path / "b.mp4", EncodeOptions(overwrite=True))
    assert all_packets(tmp_path / "b.mp4") == all_packets(drawn.path)


def test_chapters_cover_and_names_of_mp4(tmp_path: Path) -> None:
    draw_film(tmp_path / "plain.mkv")
    dress_film(tmp_path / "plain.mkv", tmp_path / "a.mkv")
    remux(probe(tmp_path / "a.mkv"), tmp_path / "b.mp4", PLAIN)
    for name in ("c.mp4", "c.mov"):
        warnings = remux(probe(tmp_path / "b.mp4"), tmp_path / name, PLAIN)
        with open_film(tmp_path / name) as container:
            assert [chapter["metadata"]["title"] for chapter in container.chapters()] == ["One", "Two"]
            assert container.metadata["title"] == "Dressed"
            if name == "c.mov":
                assert warnings == ("cover art cannot be kept in mov; mp4 can",)
            else:
                assert warnings == ()
                assert len(container.streams.video) == 2  # the picture and its cover
                assert container.streams.audio[1].metadata["name"] == "Sound jpn"
