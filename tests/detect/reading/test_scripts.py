import pytest

from subremover.detect.reading.scripts import (
    SCRIPT_OF_LANGUAGE,
    SCRIPTS,
    Script,
    count_letters,
    debian_packages,
    is_right_to_left,
    script_of,
    tesseract_names,
)


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Où êtes-vous ?", "latin"),
        ("Δεν ήξερα ότι θα έρθεις.", "greek"),
        ("Подожди меня здесь, Anna!", "cyrillic"),
        ("انتظرني هنا", "arabic"),
        ("חכה לי כאן", "hebrew"),
        ("여기서 기다려 주세요", "hangul"),
        ("今日はとても良い", "han"),
        ("ラーメン", "han"),
        ("你怎么知道", "han"),
        ("รอฉันที่นี่นะ", "thai"),
        ("यहाँ मेरा इंतज़ार करो", "devanagari"),
        ("இங்கே காத்திரு", "tamil"),
        ("აქ დამელოდე", "georgian"),
        ("12:30 — 15!", None),
        ("", None),
        ("ᚠᚢᚦ", None),
    ],
)
def test_the_script_of_most_letters(text: str, script: Script | None) -> None:
    assert script_of(text) == script


def test_letters_are_counted_by_script() -> None:
    assert count_letters("Anna, подожди 5!") == {"latin": 4, "cyrillic": 7}


@pytest.mark.parametrize(
    ("languages", "script"),
    [
        ("rus ukr bel bul mkd mac kaz", "cyrillic"),
        ("ara fas per urd", "arabic"),
        ("heb yid", "hebrew"),
        ("kor", "hangul"),
        ("zho chi jpn", "han"),
        ("tha", "thai"),
        ("hin mar nep san", "devanagari"),
        ("ell gre", "greek"),
        ("eng fra fre deu ger vie pol ron rum nld dut ces cze", "latin"),
        ("tam", "tamil"),
        ("kat geo", "georgian"),
        ("hye arm", "armenian"),
    ],
)
def test_both_codes_of_a_language(languages: str, script: Script) -> None:
    assert {SCRIPT_OF_LANGUAGE[language] for language in languages.split()} == {script}


def test_the_film_tells_where_the_language_does_not() -> None:
    assert not {"und", "srp", "uzb", "xyz", "mul"} & SCRIPT_OF_LANGUAGE.keys()


def test_every_script_has_models_and_packages() -> None:
    for script in SCRIPTS:
        groups = tesseract_names(script)
        assert all(groups)
        assert len(debian_packages(script)) == len(groups[0])
    assert [script for script in SCRIPTS if is_right_to_left(script)] == ["arabic", "hebrew", "thaana"]
    assert tesseract_names("han")[-1] == ["chi_sim", "chi_tra", "jpn"]
    assert debian_packages("cyrillic") == ["tesseract-ocr-script-cyrl"]


def test_one_languages_data_may_be_better_but_for_other_languages() -> None:
    assert tesseract_names("arabic")[0] == tesseract_names("arabic", "ara")[0] == ["ara"]
    assert tesseract_names("arabic", "fas")[0] == ["Arabic"]
    assert debian_packages("arabic", "ara") == ["tesseract-ocr-ara"]
    assert debian_packages("arabic", "fas") == ["tesseract-ocr-script-arab"]
