"""Hard cases in which it is the coming and going that is hard, the place or the size."""

from __future__ import annotations

from dataclasses import replace

from case_drawings import Text
from case_film import Case, Finish, Scene
from case_parts import OUTLINED, subtitle
from sample_subtitles import BLUE, Style

HAND = (Scene(0, 59, "coffee", "hand"),)
SHADOWED = Style(outline=0.07, shadow=0.06)
FAT = Style(bold=0.03, outline=0.1)

TIME_CASES = (
    Case(
        "gap_of_one",
        "two lines at the same place with one frame between them",
        HAND,
        (subtitle("Where did you leave the car?", 8, 29), subtitle("Somebody has to tell him.", 31, 52)),
    ),
    Case(
        "gap_of_none",
        "two lines at the same place, one right after the other",
        HAND,
        (subtitle("Where did you leave the car?", 8, 29), subtitle("Somebody has to tell him.", 30, 52)),
    ),
    Case(
        "gap_of_none_tripod",
        "the same where nothing else moves",
        (Scene(0, 59, "chelsea"),),
        (subtitle("Where did you leave the car?", 8, 29), subtitle("Somebody has to tell him.", 30, 52)),
    ),
    Case(
        "same_again",
        "the same line again after one frame without",
        HAND,
        (subtitle("Quiet! They can hear us.", 8, 29), subtitle("Quiet! They can hear us.", 31, 52)),
    ),
    Case(
        "fade_6",
        "fades of six frames",
        HAND,
        (subtitle("It is only the wind, my dear.", 8, 50, SHADOWED, fade_frames=(6, 6)),),
    ),
    Case(
        "fade_15",
        "fades of 15 frames: hardly visible at first",
        (Scene(0, 71, "chelsea", "pan"),),
        (subtitle("It is only the wind, my dear.", 6, 64, SHADOWED, fade_frames=(15, 15)),),
    ),
    Case(
        "three_frames",
        "a subtitle of three frames between longer ones",
        HAND,
        (subtitle("Where is he?", 5, 24), subtitle("No!", 30, 32), subtitle("Not today.", 38, 55)),
    ),
    Case(
        "flash",
        "the picture turns white for two frames while the line stands",
        (Scene(0, 47, "rocket", "hand"),),
        (subtitle("Get down, all of you!", 6, 40),),
        finish=Finish(flashes=(20, 21)),
    ),
    Case(
        "cut_under",
        "a line that stays over a cut",
        (Scene(0, 27, "coffee"), Scene(28, 59, "rocket", "pan")),
        (subtitle("I never said that it was mine.", 10, 46),),
    ),
    Case(
        "dissolve_under",
        "one shot dissolves into the next under a line",
        (Scene(0, 35, "coffee"), Scene(24, 59, "chelsea", "pan")),
        (subtitle("I never said that it was mine.", 10, 48),),
    ),
    Case(
        "top_and_bottom",
        "one line above, one below, their times overlap",
        HAND,
        (
            subtitle("We should have left at noon.", 6, 36),
            subtitle("(birds, far away)", 20, 52, y=0.13),
        ),
    ),
    Case(
        "karaoke",
        "a second colour sweeps over the line",
        HAND,
        (subtitle("Slowly, slowly comes the rain", 8, 52, replace(OUTLINED, sung=BLUE)),),
    ),
    Case(
        "always_pan",
        "a line from the first to the last frame, over a pan",
        (Scene(0, 47, "coffee", "pan"),),
        (subtitle("The city never sleeps.", 0, 47),),
    ),
    Case(
        "always_tripod",
        "a line from the first to the last frame where nothing moves, with others above it",
        (Scene(0, 59, "rocket", passer="astronaut"),),
        (
            subtitle("The city never sleeps.", 0, 59),
            subtitle("Somebody has to tell him.", 8, 26, y=0.85),
            subtitle("Not today.", 32, 52, y=0.85),
        ),
    ),
    Case(
        "two_lines",
        "two lines of very different length",
        HAND,
        (subtitle("- Where did you leave the car, and why?\n- No.", 8, 48),),
    ),
    Case(
        "letterbox",
        "lines in the black bar below the picture, and on its edge",
        HAND,
        (subtitle("Where did you leave the car?", 6, 28, y=0.985), subtitle("The wind.", 34, 54, y=0.91)),
        finish=Finish(bars=0.13),
    ),
    Case(
        "old_film",
        "grey, grainy, and unsteady in the gate",
        (Scene(0, 59, "astronaut", passer="chelsea"),),
        (subtitle("He said he would be\nback by noon.", 6, 30), subtitle("Well, tell him.", 36, 54)),
        finish=Finish(grain=9.0, is_grey=True, weave_px=0.35),
    ),
    Case(
        "portrait",
        "a tall picture from a telephone",
        (Scene(0, 47, "astronaut", "hand"),),
        (
            subtitle(Text("this is how\nyou make it", FAT, 0.05), 6, 22, y=0.72),
            subtitle(Text("every time", FAT, 0.05), 23, 42, y=0.72),
        ),
        size=(360, 640),
    ),
    Case(
        "small_240",
        "letters 8 px high in a small picture",
        (Scene(0, 59, "coffee", "pan"),),
        (
            subtitle(Text("Where did you leave the car?", OUTLINED, 11 / 240), 8, 30),
            subtitle(Text("In town.", OUTLINED, 11 / 240), 38, 54),
        ),
        size=(426, 240),
    ),
    Case(
        "small_2160",
        "letters 24 px high in a very large picture",
        (Scene(0, 23, "chelsea", "hand"),),
        (subtitle(Text("Where did you leave the car?", OUTLINED, 34 / 2160), 5, 18),),
        size=(3840, 2160),
    ),
)
