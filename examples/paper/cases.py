"""Subtitles drawn over photographs, cut out of their frames as subremover cuts them, and what they hide."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from images import psnr

sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks"))  # where sample films are drawn
from sample_picture import Shot, ShotPainter, add_grain
from sample_subtitles import STYLES, draw_overlay, load_font

from subremover.fill.holes import find_holes
from subremover.fill.paint.jobs import FitJob
from subremover.untrained.deep_decoder import choose_levels, cover

SHOT_FRAMES, FRAMES, EVERY = 120, 4, 6
"""Of a shot, those in its middle that are painted: the anchor and three others, so many frames apart."""
GRAIN_LEVELS = 2.0


@dataclass(frozen=True, slots=True)
class Scene:
    """A subtitle over a photograph under a camera."""

    photograph: str
    camera: str
    style: str
    text: str
    height: int
    """Of the picture, in px."""


SEEN = (
    Scene("astronaut", "pan", "white", "Not today.", 240),
    Scene("coffee", "pan", "box", "Quiet!", 480),
    Scene("astronaut", "pan", "plain", "I know.", 480),
    Scene("coffee", "hand", "yellow", "Who told you?", 240),
    Scene("astronaut", "hand", "top", "Leave him.", 360),
    Scene("coffee", "zoom", "lines", "Go!\nNow!", 360),
)
UNSEEN = (
    Scene("chelsea", "hand", "white", "Was it yours?", 240),
    Scene("rocket", "pan", "yellow", "Run!", 360),
    Scene("chelsea", "pan", "lines", "I see.\nSo what?", 300),
    Scene("rocket", "hand", "plain", "At noon.", 480),
    Scene("chelsea", "zoom", "box", "Tell me.", 300),
    Scene("rocket", "zoom", "top", "It is here.", 300),
)


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """The holes of a drawn subtitle, and what they hide."""

    jobs: list[FitJob]
    truths: list[np.ndarray]
    """(h, w, 3) float32 in [0, 1], of each job."""

    @property
    def levels(self) -> int:
        """L, as subremover chooses it."""
        return max(choose_levels(job.hole, job.hole.shape) for job in self.jobs)

    def count_px(self, deeper: int) -> int:
        """Of the pictures that decoders paint: what their levels make of the crop's sides."""
        return math.prod(cover(self.jobs[0].hole.shape, self.levels + deeper))

    def measure(self, pictures: Sequence[np.ndarray]) -> float:
        """PSNR in the holes, dB."""
        painted, truth = (
            np.concatenate([picture[job.hole] for picture, job in zip(some, self.jobs, strict=True)])
            for some in (pictures, self.truths)
        )
        return psnr(painted, truth)


def draw_case(scene: Scene, seed: int) -> Case:
    """The subtitle, cut out of the frames as subremover does.

    Args:
        scene: What is drawn.
        seed: Of the decoders; camera and grain do not depend on it.
    """
    width, style = round(scene.height * 16 / 9), STYLES[scene.style]
    overlay = draw_overlay(scene.text, style, load_font(scene.height, None), (width, scene.height))
    mask = np.zeros((scene.height, width), bool)
    h, w = overlay.coverage.shape
    mask[overlay.y : overlay.y + h, overlay.x : overlay.x + w] = overlay.coverage > 0
    shot = Shot(0, SHOT_FRAMES - 1, scene.photograph, scene.camera, None)
    painter = ShotPainter(shot, width, scene.height, Fraction(24), 0)
    first = (SHOT_FRAMES - FRAMES * EVERY) // 2
    pictures = [
        add_grain(painter.paint(frame), GRAIN_LEVELS, 0, frame)
        for frame in range(first, first + FRAMES * EVERY, EVERY)
    ]
    jobs, truths = [], []
    for hole in find_holes([(frame, mask) for frame in range(FRAMES)], set()):
        truth = np.float32(pictures[hole.frame][hole.box.slices]) / np.float32(255)
        error = np.where(hole.mask, np.float32(np.inf), np.float32(0))
        image = np.where(hole.mask[..., None], np.float32(0), truth)
        jobs.append(FitJob(image, hole.mask, hole.frame, 100 * seed + hole.group, error))
        truths.append(truth)
    return Case(jobs, truths)
