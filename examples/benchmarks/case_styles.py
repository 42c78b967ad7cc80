"""Hard cases of style and script: one subtitle each, mostly under a hand-held camera."""

from __future__ import annotations

from case_drawings import Plate, Text
from case_film import Case, Scene, Thing
from case_parts import OUTLINED, at, subtitle
from sample_subtitles import BLACK, YELLOW, Style

BOXED = Style(box_alpha=0.62)


def _styled(name: str, about: str, style: Style, photograph: str = "coffee", camera: str = "hand") -> Case:
    """A line and, a while later, another in the same style."""
    lines = subtitle("Where did you leave the car?", 8, 29, style), subtitle("Not today.", 36, 50, style)
    return Case(f"style_{name}", about, (Scene(0, 55, photograph, camera),), lines)


def _written(name: str, about: str, text: str, font: str) -> Case:
    """A line in another script."""
    line = subtitle(Text(text, OUTLINED, font=font), 8, 36)
    return Case(f"script_{name}", about, (Scene(0, 47, "chelsea", "pan"),), (line,))


STYLE_CASES = (
    _styled("plain", "white, no outline", Style()),
    _styled("thin", "thin outline", Style(outline=0.03)),
    _styled("bold", "bold, yellow, outline and shadow", Style(YELLOW, bold=0.05, outline=0.06, shadow=0.08)),
    _styled("italic", "leaning letters", Style(outline=0.07, italic=0.22)),
    _styled("glow", "a soft dark halo, no outline", Style(glow=0.12)),
    _styled("shadow", "a shadow alone", Style(shadow=0.07)),
    _styled("box", "an opaque black box", Style(box_alpha=1.0)),
    _styled("see_through_box", "a box through which the picture shows", BOXED),
    _styled("see_through_box_tripod", "the same where nothing moves", BOXED, camera="tripod"),
    _styled("grey", "grey letters", Style((170, 170, 170), outline=0.06)),
    _styled("red", "red letters, light outline", Style((170, 20, 30), outline=0.08, edge=(245, 240, 235))),
    Case(
        "style_dark",
        "black letters without outline on a light picture",
        (Scene(0, 55, "chelsea", "hand", (Thing(Plate(3, 2, (240, 238, 230), 0.6), at(0.5, -0.5)),)),),
        (
            subtitle("Where did you leave the car?", 8, 29, Style((10, 10, 12))),
            subtitle("Not today.", 36, 50, Style((10, 10, 12))),
        ),
    ),
    Case(
        "style_box_always",
        "a box that stays while the lines in it change",
        (Scene(0, 59, "coffee", "hand"),),
        (
            Thing(Plate(1.1, 0.11, BLACK, 0.7), at(0.5, 0.86), kind="subtitle"),
            subtitle("Where did you leave the car?", 0, 21, Style()),
            subtitle("Somebody has to tell him.", 22, 40, Style()),
            subtitle("Not today.", 41, 59, Style()),
        ),
    ),
    _written("cyrillic", "Cyrillic letters", "Где ты оставил машину?", "wide"),
    _written("arabic", "Arabic letters", "أين تركت السيارة اليوم", "wide"),
    _written("chinese", "Chinese letters", "你把车停在了哪里", "cjk"),
    Case(
        "script_vertical",
        "Japanese, from top to bottom at the right",
        (Scene(0, 47, "chelsea", "pan"),),
        (
            Thing(
                Text("\n".join("車はどこですか"), OUTLINED, font="cjk"),
                at(0.92, 0.12),
                first=8,
                last=36,
                kind="subtitle",
            ),
        ),
    ),
)
