"""What can be chosen, one frozen dataclass a stage; each checks its values.

Defaults live here and nowhere else. How each option is written on the command line: `cli.options`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from numbers import Integral, Real
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from subremover.errors import UsageError
from subremover.parsing import Position, Region

SegmenterName = Literal["lines", "gradient"]
LossName = Literal["mix", "mse", "l1", "ssim", "ms-ssim"]
InputName = Literal["noise", "downsampled"]
ActivationName = Literal["relu", "relu6", "leaky-relu", "sigmoid"]
PresetName = Literal["fast", "standard", "paper"]
WarmStart = Literal["previous", "anchor", "off"]
SpliceMode = Literal["auto", "on", "off"]
SensitivityName = Literal["low", "normal", "high"]
LEAST_PROBABILITY: dict[SensitivityName, float] = {"low": 0.8, "normal": 0.5, "high": 0.2}
"""From how likely to be a subtitle, in [0, 1], lettering is taken for one."""

MOST_DECODERS = 16
MOST_LEVELS = 9
MOST_DISTANCE = 100_000


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """Which pixels of which frames are to go."""

    segmenter: SegmenterName = "lines"
    """`lines` finds text lines with a detector; `gradient` is the paper's segmenter, without one."""
    regions: tuple[Region, ...] = ()
    """Where to look; empty: the whole picture, with lines taken for scene text left out."""
    start: Position | None = None
    """First frame to touch; None: the first."""
    end: Position | None = None
    """First frame no longer to touch; None: to the end."""
    mask: Path | None = None
    """A PNG for all frames or a video of masks, white = remove; replaces the scan."""
    plan: Path | None = None
    """A saved plan (its folder or its plan.json); replaces the scan."""
    times: Path | None = None
    """An SRT file: what is on screen during none of its cues, half a second about, is not removed."""
    logos: bool = False
    """Remove channel logos and other overlays that never change as well."""
    everything: bool = False
    """Remove all lettering, also what is taken for part of the scene."""
    sensitivity: SensitivityName = "normal"
    """How readily lettering is taken for a subtitle: `high` removes more, `low` leaves more alone."""
    subtitle_language: str = "und"
    """Of the subtitles, ISO 639-2: three letters. Its script is read, and a text track says it; und: the film
    tells the script."""
    ocr_model: Path | None = None
    """A recogniser of PP-OCR as ONNX, which reads the script that it knows."""

    def __post_init__(self) -> None:
        for name in ("mask", "plan", "times", "ocr_model"):
            if isinstance(value := getattr(self, name), str):
                object.__setattr__(self, name, Path(value))
        _check_types(self)
        _check_choice("segmenter", self.segmenter, SegmenterName)
        _check_choice("sensitivity", self.sensitivity, SensitivityName)
        if not re.fullmatch(r"[a-z]{3}", self.subtitle_language):
            raise UsageError(
                f"a language is three letters (eng, fra, ...; und: not told), got {self.subtitle_language!r}"
            )
        if self.mask is not None and self.plan is not None:
            raise UsageError("give a mask or a plan, not both")
        if self.times is not None and (self.mask is not None or self.plan is not None):
            raise UsageError("--times tells the scan where to look; leave it out where a mask or a plan does")
        if self.ocr_model is not None and (self.mask is not None or self.plan is not None):
            raise UsageError(
                "--ocr-model reads what the scan finds; a mask or a plan takes the place of that"
            )


@dataclass(frozen=True, slots=True)
class BorrowOptions:
    """Taking from other frames what the subtitle hides."""

    borrow: bool = True
    """False: every hole is painted."""
    max_distance: int = 250
    """Frames; nothing is taken from further away."""

    def __post_init__(self) -> None:
        _check_types(self)
        if not 1 <= self.max_distance <= MOST_DISTANCE:
            raise UsageError(
                f"the greatest distance must be 1 to {MOST_DISTANCE} frames, got {self.max_distance}"
            )


@dataclass(frozen=True, slots=True)
class FitOptions:
    """An untrained network and how it is fitted to an image (`subremover.restore`), or to a hole of a film.

    The defaults are those of the preset `standard`. See docs/measurements.md, "options: spread of figures".
    """

    steps: int = 60
    """Adam steps from fresh weights, the same for all images. See docs/measurements.md, "options: steps"."""
    channels: int = 32
    """K, width of the hidden layers."""
    levels: int | None = None
    """L, number of 2x up-samplings; None: from the size of the hole."""
    activation: ActivationName = "relu"
    loss: LossName = "mix"
    input: InputName = "noise"
    """Network input: uniform noise, or the image scaled down with its hole pre-filled."""
    learning_rate: float = 0.01
    input_noise: float = 0.0
    """Standard deviation of the noise added to the input in each step (the paper's sigma_r)."""

    def __post_init__(self) -> None:
        _check_types(self)
        _check_least("steps", self.steps, 1)
        _check_least("channels", self.channels, 1)
        if self.levels is not None:
            _check_least("levels", self.levels, 1)
            if self.levels > MOST_LEVELS:
                raise UsageError(f"levels must be at most {MOST_LEVELS}, got {self.levels}")
        if not self.learning_rate > 0:
            raise UsageError(f"the learning rate must be above 0, got {self.learning_rate}")
        if not self.input_noise >= 0:
            raise UsageError(f"the input noise must not be negative, got {self.input_noise}")
        _check_choice("activation", self.activation, ActivationName)
        _check_choice("loss", self.loss, LossName)
        _check_choice("input", self.input, InputName)


@dataclass(frozen=True, slots=True)
class PaintOptions:
    """How the holes of a film are painted: which networks, and how they help each other."""

    fit: FitOptions = field(default_factory=FitOptions)
    """Of the network that is fitted to a subtitle's anchor frame from fresh weights."""
    warm_steps: int = 8
    """Adam steps of a frame that starts warm. See docs/measurements.md, "options: warm steps"."""
    decoders: int = 2
    """Decoders fitted to each crop, each with a seed of its own, and mixed as far as they are trusted. There
    is one more where enough frames share what they paint. See docs/measurements.md, "options: decoders"."""
    holdout: bool = True
    """Fit each anchor once more with a ring around the hole hidden, and trust each decoder as far as it
    restores that. See docs/measurements.md, "options: holdout"."""
    warm_start: WarmStart = "anchor"
    """Whose weights a frame starts from: its event's anchor's, those of the frame before it on the way from
    there (`previous`), or fresh ones (`off`). With `anchor`, frames that look like the anchor are not fitted
    at all: they share what was painted for it. See docs/measurements.md, "options: warm start"."""

    def __post_init__(self) -> None:
        _check_types(self)
        _check_least("warm_steps", self.warm_steps, 1)
        _check_choice("warm_start", self.warm_start, WarmStart)
        _check_least("decoders", self.decoders, 1)
        if self.decoders > MOST_DECODERS:
            raise UsageError(f"decoders must be at most {MOST_DECODERS}, got {self.decoders}")

    @classmethod
    def preset(cls, name: PresetName) -> PaintOptions:
        """The settings behind `--preset`.

        Raises:
            UsageError: There is no such preset.
        """
        if name == "fast":
            return cls(FitOptions(steps=30, channels=16), warm_steps=4)
        if name == "standard":
            return cls()
        if name == "paper":  # section 4.1 and 5.2 of the paper
            fit = FitOptions(steps=1000, channels=256, levels=5)
            return cls(fit, decoders=1, holdout=False, warm_start="off")
        raise UsageError(f"unknown preset {name!r}; choose from {', '.join(get_args(PresetName))}")


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """Where the decoders are fitted."""

    device: str = "auto"
    """`auto`, `cpu`, `cuda` (every one there is), `cuda:N` or `mps`."""
    batch_size: int | None = None
    """Most crops in one batch; None: from the device's free memory."""

    def __post_init__(self) -> None:
        _check_types(self)
        if not re.fullmatch(r"auto|cpu|cuda(:\d+)?|mps", self.device):
            raise UsageError(f"unknown device {self.device!r}; choose auto, cpu, cuda, cuda:N or mps")
        if self.batch_size is not None and self.batch_size < 1:
            raise UsageError(f"the batch size must be at least 1, got {self.batch_size}")


@dataclass(frozen=True, slots=True)
class EncodeOptions:
    """How the picture is encoded again."""

    codec: str | None = None
    """Encoder (libx264, h264_nvenc, ...) or codec (h264, hevc, ...) by FFmpeg's name; None: the source's."""
    crf: float | None = None
    """Quality, lower is better; None: the encoder's visually lossless value (`video.encode.settings`)."""
    overwrite: bool = False
    """Replace an output that exists."""
    subtitle_track: bool = False
    """Add what the removed subtitles said as a text track, which a player can turn on and off."""
    speaker_colours: bool = False
    """Keep the colour of subtitles that have another one than most in SRT, WebVTT and tracks of text, too."""
    splice: SpliceMode = "auto"
    """Copy the packets of frames that stay as they are: where it is worth it and the film comes out right,
    else encode all of it (auto); fail where it cannot be done (on); never."""
    resume: bool = True
    """Go on where a run with the same film and options was stopped, and leave what is needed for that."""
    preset: str | None = None
    """The encoder's own name for how hard it tries; None: `video.encode.settings`."""
    tune: str | None = None
    """The encoder's own name for a kind of film."""
    pix_fmt: str | None = None
    """By its FFmpeg name; None: the source's, or the nearest that the encoder takes."""
    match_size: bool = False
    """Choose the crf at which the picture comes out as large as the source's."""

    def __post_init__(self) -> None:
        _check_types(self)
        _check_choice("splice", self.splice, SpliceMode)
        if self.crf is not None and not 0 <= self.crf <= 63:
            raise UsageError(f"crf must be 0 to 63, got {self.crf}")
        if self.crf is not None and self.match_size:
            raise UsageError("--match-size chooses the crf; leave one of the two out")


@dataclass(frozen=True, slots=True)
class Options:
    """All of a run."""

    scan: ScanOptions = field(default_factory=ScanOptions)
    borrow: BorrowOptions = field(default_factory=BorrowOptions)
    paint: PaintOptions = field(default_factory=PaintOptions)
    pool: PoolOptions = field(default_factory=PoolOptions)
    encode: EncodeOptions = field(default_factory=EncodeOptions)
    max_memory_bytes: int | None = None
    """Of all processes of the run together; None: see `memory`."""

    def __post_init__(self) -> None:
        _check_types(self)


def _check_types(options: object) -> None:
    """Refuse a value of another type than its field's, which would fail far from here."""
    for name, hint in get_type_hints(type(options)).items():
        value = getattr(options, name)
        if not _is_of(value, hint):
            raise UsageError(f"{name} must be {_describe_type(hint)}, got {value!r}")


def _is_of(value: object, hint: Any) -> bool:
    if isinstance(hint, UnionType):
        return any(_is_of(value, part) for part in get_args(hint))
    if get_origin(hint) is tuple:
        return isinstance(value, tuple) and all(_is_of(part, get_args(hint)[0]) for part in value)
    if get_origin(hint) is Literal:
        return isinstance(value, str)  # `_check_choice` does the rest
    if hint in (int, float):  # NumPy's numbers are none of Python's
        kind: type = Integral if hint is int else Real
        return isinstance(value, kind) and not isinstance(value, bool)
    return isinstance(value, hint)


def _describe_type(hint: Any) -> str:
    if isinstance(hint, UnionType):
        return " or ".join(map(_describe_type, get_args(hint)))
    if get_origin(hint) is tuple:
        return f"a tuple of {_describe_type(get_args(hint)[0])}"
    if get_origin(hint) is Literal:
        return "a text"
    words = {int: "a whole number", float: "a number", str: "a text", NoneType: "None"}
    return words.get(hint) or str(hint.__name__)


def _check_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise UsageError(f"{name} must be at least {least}, got {value}")


def _check_choice(name: str, value: str, choices: object) -> None:
    if value not in get_args(choices):
        raise UsageError(f"unknown {name} {value!r}; choose from {', '.join(get_args(choices))}")
