from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from media import draw_film
from segmented import foresee, rewrite, write_film

from subremover.errors import OutputError, UsageError
from subremover.options import EncodeOptions
from subremover.video.encode import encoders
from subremover.video.encode.encoders import choose_encoding
from subremover.video.encode.match_size import choose_runs, match_size, search
from subremover.video.encode.settings import QUALITIES, Quality, describe_names
from subremover.video.film import Film
from subremover.video.read.probe import probe


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Film:
    return probe(draw_film(tmp_path_factory.mktemp("film") / "a.mkv", 4, audio=False).path)


class TestAskedByName:
    """Preset, tune and pixel format: what the encoder itself takes."""

    @pytest.mark.parametrize(
        ("options", "name", "value"),
        [
            (EncodeOptions(preset="veryfast"), "preset", "veryfast"),
            (EncodeOptions(preset="slow", tune="film"), "tune", "film"),
            (EncodeOptions(tune="grain,fastdecode"), "tune", "grain,fastdecode"),
            (EncodeOptions(codec="libx265", preset="ultrafast"), "preset", "ultrafast"),
            (EncodeOptions(codec="libsvtav1", preset="12"), "preset", "12"),
            (EncodeOptions(codec="vp9", tune="ssim"), "tune", "ssim"),
        ],
    )
    def test_is_told_to_the_encoder(self, film: Film, options: EncodeOptions, name: str, value: str) -> None:
        assert choose_encoding(film, options).options[name] == value

    def test_reaches_the_film(self, film: Film, tmp_path: Path) -> None:
        rewrite(film.path, tmp_path / "b.mkv", EncodeOptions(preset="ultrafast", pix_fmt="yuv444p10le"))
        with av.open(str(tmp_path / "b.mkv")) as container:
            told = b"".join(bytes(p) for p in container.demux(video=0))
        assert probe(tmp_path / "b.mkv").pix_fmt == "yuv444p10le"
        assert b"subme=0" in told  # x264 writes down how it was told to work

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (EncodeOptions(preset="p7"), r"libx264 refuses preset 'p7' \(it has: ultrafast, .*placebo\)"),
            (EncodeOptions(preset=""), "libx264 has no preset ''; choose from ultra"),
            (EncodeOptions(tune="vivid"), r"refuses tune 'vivid' \(it has: film, .*zerolatency\)"),
            (EncodeOptions(codec="hevc", tune="film"), r"libx265 refuses tune 'film' \(it has: animation"),
            (EncodeOptions(codec="av1", preset="medium"), "no preset 'medium'; choose from -2 to 13"),
            (EncodeOptions(codec="av1", preset="14"), "no preset '14'; choose from -2 to 13"),
            (EncodeOptions(codec="av1", tune="film"), "libsvtav1 has no tunes; leave it out"),
            (EncodeOptions(codec="vp9", preset="slow"), "libvpx-vp9 has no presets; leave it out"),
            (EncodeOptions(codec="vp9", tune="film"), "has no tune 'film'; choose from psnr, ssim"),
            (EncodeOptions(codec="h264_nvenc", preset="veryslow"), "choose from default, .*p7"),
            (
                EncodeOptions(pix_fmt="yuv411p"),
                r"libx264 does not take pixel format 'yuv411p'; choose from yuv",
            ),
            (EncodeOptions(pix_fmt="rainbow"), "no pixel format named 'rainbow'; leave it out"),
            (EncodeOptions(codec="av1", pix_fmt="yuv444p"), "choose from yuv420p, yuv420p10le"),
            (EncodeOptions(codec="mpeg4", match_size=True), "mpeg4 has no crf that --match-size could set"),
        ],
    )
    def test_what_it_does_not_take_is_refused(
        self, film: Film, tmp_path: Path, options: EncodeOptions, message: str
    ) -> None:
        with pytest.raises(UsageError, match=message) as refusal:
            foresee(film, tmp_path / "b.mkv", options)
        assert "\n" not in str(refusal.value)
        assert list(tmp_path.iterdir()) == []

    def test_a_size_that_the_pixel_format_cannot_have(self, film: Film) -> None:
        with pytest.raises(UsageError, match="libx264 refuses pixel format yuv420p: "):
            choose_encoding(replace(film, width=161, pix_fmt="yuv444p"), EncodeOptions(pix_fmt="yuv420p"))

    @pytest.mark.parametrize("encoder", ["libx264", "libx265"])
    @pytest.mark.parametrize("name", ["preset", "tune"])
    def test_names_that_are_told_are_taken(self, film: Film, encoder: str, name: str) -> None:
        for value in describe_names(encoder, name).split(", "):
            assert choose_encoding(film, EncodeOptions(codec=encoder, **{name: value})).options[name] == value


@pytest.mark.parametrize("codec", ["h264", "hevc", "vp8", "vp9", "av1", "prores", "mpeg2video", "ffv1"])
def test_a_codecs_name_means_its_encoder(film: Film, codec: str) -> None:
    encoding = choose_encoding(film, EncodeOptions(codec=codec))
    assert encoding.codec == codec
    assert encoding == choose_encoding(replace(film, codec=codec), EncodeOptions())


def test_the_encoder_of_a_codec_that_takes_the_pixel_format(film: Film) -> None:
    assert choose_encoding(film, EncodeOptions(codec="h264", pix_fmt="rgb24")).encoder == "libx264rgb"
    assert choose_encoding(film, EncodeOptions(codec="h264", pix_fmt="gray")).encoder == "libx264"


class TestHardware:
    """Tried before the run; the tests' machine has none, or it is made out to."""

    @pytest.fixture(autouse=True)
    def broken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(encoders, "_open_trial", self.refuse)

    @staticmethod
    def refuse(encoder: str, *_: object) -> str | None:
        return "Operation not permitted" if encoder.endswith(encoders._HARDWARE) else None

    @pytest.mark.parametrize(
        ("name", "encoder"),
        [
            ("h264_nvenc", "libx264"),
            ("hevc_qsv", "libx265"),
            ("av1_amf", "libsvtav1"),
            ("vp9_qsv", "libvpx-vp9"),
            ("h264_vaapi", "libx264"),
            ("hevc_videotoolbox", "libx265"),
        ],
    )
    def test_software_takes_its_place(self, film: Film, name: str, encoder: str) -> None:
        encoding = choose_encoding(film, EncodeOptions(codec=name))
        assert replace(encoding, warnings=()) == choose_encoding(film, EncodeOptions(codec=encoder))
        [warning] = encoding.warnings
        assert warning.startswith(f"{name} cannot be used here (")
        assert warning.endswith(f"{encoder} encodes instead")

    def test_what_was_asked_of_it_goes_as_far_as_it_can(self, film: Film) -> None:
        asked = EncodeOptions("hevc_nvenc", 21, preset="p7", tune="uhq", pix_fmt="p010le")
        encoding = choose_encoding(film, asked)
        assert (encoding.options["crf"], encoding.options["preset"]) == ("21", "fast")
        assert encoding.pix_fmt == "yuv420p10le"
        assert "tune" not in encoding.options

    @pytest.mark.parametrize("name", ["vvc_qsv", "theora_nvenc", "x_vaapi", "_qsv"])
    def test_without_software_for_its_codec(self, film: Film, name: str) -> None:
        with pytest.raises(OutputError, match=rf"{name} cannot be used here \(.*\); try libx264"):
            choose_encoding(film, EncodeOptions(codec=name))


def test_a_hardware_encoder_is_really_tried(film: Film, tmp_path: Path) -> None:
    warnings = rewrite(film.path, tmp_path / "b.mkv", EncodeOptions(codec="h264_nvenc"))
    with av.open(str(tmp_path / "b.mkv")) as container:
        is_software = b"x264 - core" in b"".join(bytes(p) for p in container.demux(video=0))
    assert is_software == any("h264_nvenc cannot be used" in warning for warning in warnings)


@pytest.mark.parametrize("name", sorted(QUALITIES))
def test_every_quality_is_an_option_of_its_encoder(name: str) -> None:
    options = av.CodecContext.create(name, "w").supported_options
    known = {option.name: option for option in (*options.private, *options.generic)}
    for option in QUALITIES[name].names:
        assert known[option].min <= QUALITIES[name].visually_lossless <= known[option].max


class TestMatchSize:
    """The crf whose result is as large as the source."""

    @pytest.mark.parametrize("codec", ["libx264", "libsvtav1"])
    def test_the_size_is_met(self, tmp_path: Path, codec: str) -> None:
        options = {"g": "12", "crf": "30"}
        source = draw_film(tmp_path / "a.mkv", 40, (320, 192), options=options, audio=False).path
        asked = EncodeOptions(codec=codec, match_size=True)
        film = probe(source)
        crf = match_size(film, choose_encoding(film, asked), [range(40)])
        write_film(probe(source), tmp_path / "b.mkv", EncodeOptions(codec=codec, crf=crf), starts=())
        sizes = [picture_bytes(path) for path in (source, tmp_path / "b.mkv")]
        assert sizes[1] == pytest.approx(sizes[0], rel=0.1)

    def test_only_what_is_encoded_again_counts(self, tmp_path: Path) -> None:
        options = {"g": "12", "x264-params": "zones=0,23,q=18/24,60,q=40"}
        film = probe(draw_film(tmp_path / "a.mkv", 48, options=options, audio=False).path)
        encoding = choose_encoding(film, EncodeOptions(match_size=True))
        fine, coarse = (match_size(film, encoding, [part]) for part in (range(24), range(24, 48)))
        assert coarse > fine + 10

    @pytest.mark.parametrize("is_whole", [False, True])
    @pytest.mark.parametrize("source_crf", [3.0, 20.0, 44.0])
    @pytest.mark.parametrize("halving", [4.0, 6.0, 13.0])
    def test_the_search_ends_near(self, is_whole: bool, source_crf: float, halving: float) -> None:
        tried: list[float] = []

        def measure(crf: float) -> float:
            tried.append(crf)
            return 2 ** ((source_crf - crf) / halving * (1 + crf / 200) / (1 + source_crf / 200))

        crf, share = search(measure, Quality(16, 51, is_whole=is_whole))
        assert crf == pytest.approx(source_crf, abs=1)
        assert share == pytest.approx(1, rel=0.1)
        assert len(tried) <= 4
        assert not is_whole or all(crf == round(crf) for crf in tried)

    def test_what_cannot_be_met_ends_at_the_bounds(self) -> None:
        assert search(lambda _: 3.0, Quality(16, 51))[0] <= 51
        assert search(lambda _: 0.0, Quality(16, 51))[0] >= 1
        assert search(lambda crf: 0.1 + 0.001 / crf, Quality(16, 51))[0] == 1

    def test_a_long_film_is_tried_in_parts(self, film: Film) -> None:
        every = np.arange(10_000)
        long = replace(film, pts=40 * every, key_frames=every[::250])
        runs = list(choose_runs(long, [range(500, 5000), range(7000, 9000)]))
        assert len(runs) == 4
        for run in runs:
            assert run.start % 250 == 0
            assert 0 < len(run) <= 48
            assert 500 <= run.start < run.stop <= 5000 or 7000 <= run.start < run.stop <= 9000


def picture_bytes(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(packet.size for packet in container.demux(video=0))
