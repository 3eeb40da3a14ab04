from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kivuko.cleaning.pairs import clean_pairs, clean_text, drop_duplicates, drop_reason
from kivuko.collections.bitext import Pair
from kivuko.collections.counts import DropReport
from kivuko.languages import resolve

OROMO, KHMER, CHINESE = resolve("om"), resolve("km"), resolve("zh")


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("~Save As...", "Save As..."),
        ("Save _As", "Save As"),
        ("my_variable_name", "my_variable_name"),
        ("&Open", "Open"),
        ("Find & Replace", "Find & Replace"),
        ("文件(~F)", "文件"),
        ("Page %1 of %2", "Page of"),
        ("%PRODUCTNAME Writer", "Writer"),
        ("Delete $(ARG1)?", "Delete ?"),
        ("{{PLURAL:$1|one page|$1 pages}} found", "pages found"),
        ("{{GENDER:$2|uploaded}} by {{PLURAL:$1|a|{{SITENAME}} users}}", "uploaded by users"),
        ("See [[Help:Page|the help]] or [[Other]]", "See the help or Other"),
        ("Go [$1 here] now", "Go here now"),
        ("'''Bold''' <b>tag</b> &amp; entity", "Bold tag & entity"),
        ('The file "$1" is (%s) gone', "The file is gone"),
        ("100 % sure", "100 % sure"),
        ("%1$s and %2$d of %.1f MB", "and of MB"),
        ("%sនៃ%s", "នៃ"),
        ("%(count)d items of {name}", "items of"),
        ("Save to &File, C&onvert, R&D", "Save to File, Convert, R&D"),
    ],
)
def test_clean_text(text: str, cleaned: str) -> None:
    assert clean_text(text) == cleaned


@given(st.text(alphabet="ab {}[]|$%1~&_'<>/=*\"()"))
def test_cleaning_ends_and_leaves_no_spaces_at_the_ends(text: str) -> None:
    assert clean_text(text) == clean_text(text).strip()


@pytest.mark.parametrize(
    ("english", "foreign", "reason"),
    [
        ("Open file", "Faayilii bani", None),
        ("Open file", "open FILE.", "identical to the English"),
        ("Open file", "", "empty, or without words"),
        ("7.4", "7.4", "empty, or without words"),
        ("Choose Insert Text from File", "Choose Insert Text from Faayilii", "mostly English"),
        ("Open file", "открыть файл", "wrong script"),
        ("translator-credits", "Leensaa Tolaa", "names of translators"),
        ("Go", "Gara fuula itti aanutti deemi", "length ratio above 4"),
    ],
)
def test_drop_reason_in_oromo(english: str, foreign: str, reason: str | None) -> None:
    assert drop_reason(english, foreign, OROMO) == reason


def test_names_that_stay_latin_do_not_make_a_translation_wrong() -> None:
    assert drop_reason("LibreOffice Math and Java", "LibreOffice Math និង Java របស់ខ្ញុំ", KHMER) is None
    assert drop_reason("Open the file", "Faayilii bani", KHMER) == "wrong script"


def test_short_chinese_is_not_too_short() -> None:
    assert drop_reason("Properties", "属性", CHINESE) is None


def test_each_dropped_pair_is_counted_once_and_the_first_duplicate_stays() -> None:
    raw = [("1", "~Open", "Bani"), ("2", "Open", "Bani"), ("3", "Close", "Close"), ("4", "Close", "Cufi")]
    report = DropReport()
    pairs = clean_pairs([Pair(i, english, foreign, "x") for i, english, foreign in raw], OROMO, report)
    pairs = drop_duplicates(pairs, set(), report)
    report.kept = len(pairs)
    assert [pair.id for pair in pairs] == ["1", "4"]
    assert report.as_json() == {
        "before": 4,
        "after": 2,
        "dropped": {"duplicate": 1, "identical to the English": 1},
    }
