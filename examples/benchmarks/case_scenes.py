"""Hard cases in which the film has lettering of its own: signs, pages, logos, players, tickers, credits."""

from __future__ import annotations

from case_drawings import CutOut, Plate, Text
from case_film import Case, Finish, Scene, Thing
from case_parts import BOLD, at, board, sign, subtitle

BOTTOM = (subtitle("Where did you leave the car?", 8, 30), subtitle("It is only the wind, my dear.", 38, 56))
"""What people say while the sign hangs there."""

BOOK = (
    "It was the custom of the house\nto close the shutters before\nthe lamps were lit, and no one\n"
    "in the village had ever asked\nwhy that should be. Then, one\nevening late in the autumn, a\n"
    "carriage stopped at the gate."
)

CREDITS = (
    "Written by\nANNA BERG\n\nDirected by\nPAUL STERN\n\nCamera\nMARIA LIND\n\n"
    "Sound\nJOHN HALE\n\nMusic\nEVA KLEIN"
)

NEWS = "Trains late in all the north - Bridge closed until Monday - Harbour empty since dawn - More at eight"

SCENE_CASES = (
    Case(
        "sign_tripod",
        "a shop sign that never moves; subtitles below",
        (Scene(0, 59, "coffee", things=sign("GREEN & SONS\nBAKERY", 0.28, 0.14)),),
        BOTTOM,
    ),
    Case(
        "sign_pan",
        "a shop sign that the camera passes; subtitles below",
        (Scene(0, 59, "coffee", "pan", sign("GREEN & SONS\nBAKERY", 0.45, 0.2)),),
        BOTTOM,
    ),
    Case(
        "sign_bottom",
        "a sign where subtitles stand, still from first to last frame; no subtitle",
        (Scene(0, 59, "chelsea", things=sign("PLEASE RING THE BELL", 0.5, 0.84)),),
        (),
    ),
    Case(
        "sign_bottom_cuts",
        "the same with a cut in and a cut out, and a subtitle elsewhere in the film",
        (
            Scene(0, 23, "coffee"),
            Scene(24, 51, "chelsea", things=sign("PLEASE RING THE BELL", 0.5, 0.84)),
            Scene(52, 75, "rocket"),
        ),
        (subtitle("Somebody has to tell him.", 4, 19),),
    ),
    Case(
        "sign_bottom_subtitled",
        "a sign at the bottom, and subtitles right above it",
        (Scene(0, 59, "chelsea", things=sign("PLEASE RING THE BELL", 0.5, 0.87)),),
        (subtitle("Quiet! They can hear us.", 10, 34, y=0.72), subtitle("Not today.", 40, 54, y=0.72)),
    ),
    Case(
        "book",
        "a page full of lines, still; a subtitle over it",
        (
            Scene(
                0,
                59,
                "coffee",
                things=(
                    Thing(Plate(1.0, 0.82, (232, 224, 204)), at(0.5, 0.08)),
                    Thing(Text(BOOK, BOLD(fill=(40, 34, 30)), 0.052), at(0.5, 0.13)),
                ),
            ),
        ),
        (subtitle("She read the first page again.", 14, 44),),
    ),
    Case(
        "letter_blocks",
        "wooden letters that a hand moves, with rests; no subtitle",
        (
            Scene(
                0,
                71,
                "coffee",
                things=(
                    *board("S", ((0, 0.25, 0.7), (20, 0.25, 0.7), (34, 0.34, 0.66), (80, 0.34, 0.66))),
                    *board("U", ((0, 0.45, 0.68), (80, 0.45, 0.68))),
                    *board("N", ((0, 0.8, 0.5), (6, 0.8, 0.5), (24, 0.55, 0.67), (80, 0.55, 0.67))),
                    *board("S", ((0, 0.5, 1.1), (40, 0.5, 1.1), (56, 0.65, 0.68), (80, 0.65, 0.68))),
                ),
            ),
        ),
        (),
    ),
    Case(
        "truck",
        "a truck with lettering drives by, behind the subtitle",
        (
            Scene(
                0,
                59,
                "rocket",
                things=tuple(
                    Thing(drawing, ((0, x - 0.7, y), (59, x + 1.3, y)))
                    for drawing, x, y in (
                        (Plate(0.95, 0.34, (190, 40, 36)), 0.2, 0.5),
                        (Plate(0.2, 0.24, (60, 70, 90)), 0.53, 0.6),
                        (Text("NORTHERN\nFREIGHT CO.", BOLD(), 0.1), 0.2, 0.55),
                        (Plate(0.13, 0.13, (24, 24, 26), is_round=True), 0.05, 0.79),
                        (Plate(0.13, 0.13, (24, 24, 26), is_round=True), 0.5, 0.79),
                    )
                ),
            ),
        ),
        (subtitle("We should have left at noon.", 12, 44),),
    ),
    Case(
        "walker_before_sign",
        "somebody walks through before a sign at the bottom, and wipes it for a while; no subtitle",
        (
            Scene(
                0,
                71,
                "chelsea",
                things=(
                    *sign("PLEASE RING THE BELL", 0.5, 0.82),
                    Thing(CutOut("astronaut", 0.9), ((0, -0.5, 0.3), (71, 1.5, 0.3))),
                ),
            ),
        ),
        (),
    ),
    Case(
        "logo_text",
        "a channel's name in a corner of all shots; subtitles below",
        (Scene(0, 23, "coffee"), Scene(24, 47, "astronaut", "pan"), Scene(48, 71, "rocket", "zoom")),
        (
            Thing(Text("CHANNEL 8", BOLD(), 0.05), at(0.88, 0.06), kind="overlay"),
            subtitle("Where did you leave the car?", 6, 33),
            subtitle("It is only the wind.", 44, 66),
        ),
    ),
    Case(
        "logo_graphic",
        "a see-through emblem in a corner of all shots; subtitles below",
        (Scene(0, 29, "coffee", "hand"), Scene(30, 59, "rocket")),
        (
            Thing(Plate(0.12, 0.12, (255, 255, 255), 0.6, is_round=True), at(0.07, 0.06), kind="overlay"),
            Thing(Plate(0.07, 0.025, (200, 30, 40), 0.8), at(0.07, 0.1075), kind="overlay"),
            *BOTTOM,
        ),
    ),
    Case(
        "player_bar",
        "a player's bar at the bottom with a clock that counts; no subtitle",
        (Scene(0, 71, "astronaut", "zoom"),),
        (
            Thing(Plate(1.78, 0.13, (16, 16, 18), 0.7), at(0.5, 0.87), kind="overlay"),
            Thing(Plate(1.1, 0.014, (150, 150, 150)), at(0.58, 0.93), kind="overlay"),
            Thing(Plate(0.3, 0.014, (220, 30, 40)), at(0.355, 0.93), kind="overlay"),
            *(
                Thing(
                    Text(f"1:0{7 + i} / 4:56", size=0.05), at(0.12, 0.91), 24 * i, 24 * i + 23, kind="overlay"
                )
                for i in range(3)
            ),
        ),
    ),
    Case(
        "ticker",
        "news that run along the bottom under a headline that stands for the whole film; no subtitle",
        (Scene(0, 71, "rocket", "hand"),),
        (
            Thing(Plate(1.78, 0.11, (20, 40, 110)), at(0.5, 0.78), kind="overlay"),
            Thing(Text("STORM REACHES THE COAST", BOLD(), 0.06), at(0.38, 0.8), kind="overlay"),
            Thing(Plate(1.78, 0.08, (235, 235, 235)), at(0.5, 0.89), kind="overlay"),
            Thing(
                Text(NEWS, BOLD(fill=(20, 20, 30)), 0.048), ((0, 1.4, 0.9), (71, 0.957, 0.9)), kind="overlay"
            ),
        ),
    ),
    Case(
        "credits_roll",
        "closing credits that roll over black; no subtitle",
        (
            Scene(
                0,
                71,
                None,
                things=(
                    Thing(
                        Text(CREDITS, size=0.055),
                        ((0, 0.5, 0.55), (71, 0.5, -0.25)),
                    ),
                ),
            ),
        ),
        (),
        finish=Finish(grain=0.0),
    ),
    Case(
        "opening_title",
        "the film's title fades in amid the picture; a subtitle later",
        (Scene(0, 71, "coffee", "zoom"),),
        (
            Thing(Text("THE LAST HARBOUR", BOLD(), 0.1), at(0.5, 0.42), 6, 45, (8, 8), "title"),
            subtitle("Somebody has to tell him.", 40, 64),
        ),
    ),
    Case(
        "dissolve_sign",
        "a shot with a sign dissolves in, and out; no subtitle",
        (
            Scene(0, 29, "coffee"),
            Scene(18, 59, "chelsea", things=sign("PLEASE RING THE BELL", 0.5, 0.84)),
            Scene(48, 77, "rocket"),
        ),
        (),
    ),
    Case(
        "fade_in_sign",
        "the film comes out of black with a sign in it; a subtitle later",
        (Scene(0, 59, "chelsea", things=sign("PLEASE RING THE BELL", 0.5, 0.2)),),
        (subtitle("I never said that it was mine.", 26, 50),),
        finish=Finish(fade_in_frames=16),
    ),
)
