"""Each filter on pairs made for it, the keys and numbers under them, and the chain's counts and samples."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kivuko.cleaning.chain import NAMES, USUAL, Edit, FilterChain, named_steps
from kivuko.cleaning.filters import near_duplicate_key
from kivuko.cleaning.interface_text import mnemonics, placeholders_disagree
from kivuko.cleaning.numbers import numbers_disagree
from kivuko.cleaning.pairs import drop_reason
from kivuko.cli import data
from kivuko.collections.bitext import Pair
from kivuko.collections.counts import DropReport
from kivuko.errors import InputError, UnknownNameError
from kivuko.languages import Language, resolve

OROMO, KHMER, CHINESE, HINDI = (resolve(code) for code in ("om", "km", "zh", "hi"))


def outcome(name: str, english: str, foreign: str, language: Language = OROMO) -> str | None:
    report = DropReport()
    kept = list(FilterChain(named_steps(name, language)).apply([Pair("1", english, foreign, "x")], report))
    assert len(kept) == report.kept == 1 - report.dropped
    return next(iter(report.reasons), None)


@pytest.mark.parametrize(
    ("name", "english", "foreign", "language", "reason"),
    [
        ("empty", "Page 3", "3", OROMO, "empty, or without words"),
        ("empty", "Page 3", "Fuula 3", OROMO, None),
        ("too-short", "Large", "X", OROMO, "fewer than 2 letters"),
        ("too-short", "Large", "ធំ", KHMER, None),
        ("too-short", "Large", "大", CHINESE, None),
        ("too-long=10", "Large", "Guddaa dha ", OROMO, None),
        ("too-long=10", "Large", "Guddaa dha a", OROMO, "more than 10 characters"),
        ("too-long=10", "Large", "大大大大", CHINESE, "more than 10 characters"),
        ("identical", "Open file", " open  FILE.", OROMO, "identical to the English"),
        ("credits", "translator-credits", "Leensaa", OROMO, "names of translators"),
        ("markup", "See https://example.org/a/b", "https://example.org/a/b", OROMO, "mostly addresses or markup"),
        ("markup", "See <b>this</b> page about the colours", "Fuula <b>kana</b> waa'ee halluu ilaali", OROMO, None),
        ("length-ratio", "Go", "Gara fuula itti aanutti deemi", OROMO, "length ratio above 4"),
        ("length-ratio=2", "Open it", "Banaa jedhi amma", OROMO, "length ratio above 2"),
        ("length-ratio", "Properties", "属性", CHINESE, None),
        ("mostly-english", "Insert Text from File", "Insert Text from Faayilii", OROMO, "mostly English"),
        ("script", "Open the file", "Faayilii bani", KHMER, "wrong script"),
        ("script", "LibreOffice Math", "LibreOffice Math របស់ខ្ញុំ", KHMER, None),
        ("script", "LibreOffice Math", "LibreOffice Math", KHMER, None),
    ],
)  # fmt: skip
def test_single_filters(
    name: str, english: str, foreign: str, language: Language, reason: str | None
) -> None:
    assert outcome(name, english, foreign, language) == reason


@pytest.mark.parametrize(
    ("english", "foreign", "disagree"),
    [
        ("3 files", "faayiloota 3", False),
        ("3 files", "៣ ឯកសារ", False),
        ("3 files", "३ फ़ाइलें", False),
        ("15 files", "ملف ١٥", False),
        ("15 files", "ملف ١٦", True),
        ("3 files", "faayiloota sadii", False),
        ("3 files", "faayiloota 4", True),
        ("in 2024", "bara darbe", True),
        ("on page", "fuula 12 irratti", True),
        ("1,000.5 metres", "1.000,5 meetira", False),
        ("10,000 metres", "10000 meetira", False),
        ("on 2024-05-06", "guyyaa 06.05.2024", False),
        ("1. Open the file", "Faayilii bani", False),
        ("12. Open page 4", "Fuula 4 bani", False),
        ("12 files open", "Faayilii bani", True),
        ("4 of 9", "9 keessaa 4", False),
        ("12 months", "十二个月", False),
        ("12 months", "፲፪ ወራት", False),
        ("MP3", "MP3", False),
        ("at 09:00", "9:0 irratti", False),
        ("7" * 5000, "7" * 4999, True),
        ("no number", "lakkoofsa hin qabu", False),
        # CLDR's compact numbers: million, milioni (sw), millón, lakh and crore in Indian English
        ("2.5 million people", "namoota 2500000", False),
        ("2.5 million people", "namoota 2,500,000", False),
        ("2.5 million people", "watu milioni 2.5", False),
        ("2.5 million people", "2,5 millones de personas", False),
        ("2.5 million people", "25 लाख लोग", False),
        ("2,500,000 people", "२५ लाख लोग", False),
        ("2,500,000 people", "२५,००,००० लोग", False),
        ("25 million people", "2.5 करोड़ लोग", False),
        ("2,500,000 people", "miliyoona 2.5", False),
        ("2.5m people", "2.500.000 Menschen", False),
        ("10k files", "10 000 fichiers", False),
        ("3 thousand", "3000", False),
        ("1.375 billion", "1 375 000 000", False),
        ("2.500 million", "2,5 ሚሊዮን", False),
        ("2.5 million", "2.5 ล้านคน", False),
        ("2,500,000", "2.5ล้านคน", False),
        ("a million users", "1.000.000 usuarios", False),
        ("2.5 million people", "namoota 250000", True),
        ("2.5 million people", "watu elfu 2.5", False),  # the digits agree: words are not looked at
        ("2.5 million people", "2600000", True),
        ("5 files", "faayiloota 5000", True),
        # separators of any locale, beside other numbers
        ("In 2020 some 10,000 people", "Namoonni 10000 bara 2020", False),
        ("In 2020 some 10,000 people", "Namoonni 10.000 bara 2020", False),
        ("In 2020 some 10,000 people", "Namoonni 10\u202f000 bara 2020", False),
        ("In 2020 some 10,000 people", "١٠٬٠٠٠ شخص في عام ٢٠٢٠", False),
        ("In 2020 some 100,000 people", "२०२० में १,००,००० लोग", False),
        ("In 2020 some 1’000 people", "1000 Leute 2020", False),
        ("1,000.50 dollars for 12", "12 for 1.000,5", False),
        ("2.50 dollars for 12", "12 … 2,5", False),
        ("In 2020 some 10,000 people", "Namoonni 1000 bara 2020", True),
        ("on page 1 200 lines", "toora 200 fuula 1", False),
        ("0.375 of 12", "0,375 keessaa 12", False),
    ],
)
def test_numbers(english: str, foreign: str, disagree: bool) -> None:
    assert numbers_disagree(english, foreign) is disagree
    assert outcome("numbers", english, foreign) == ("numbers disagree" if disagree else None)


@given(st.text(), st.text())
def test_numbers_agree_with_themselves_and_both_ways(first: str, second: str) -> None:
    assert not numbers_disagree(first, first)
    assert numbers_disagree(first, second) == numbers_disagree(second, first)


@pytest.mark.parametrize(
    ("english", "foreign", "disagree"),
    [
        ("Open %s", "%s bani", False),
        ("Open %s", "Bani", True),
        ("%s of %s", "%2$s keessaa %1$s", False),
        ("%s of %s", "%s keessaa", True),
        ("Delete {0}?", "{1} haqi?", True),
        ("$1 bots", "$1រូបយន្ត", False),
        ("Pay $10 now", "Amma doolaara 10 kaffali", False),
        ("Pay $9.99 now", "Amma doolaara 9.99 kaffali", False),
        ("50% done", "%50 raawwatame", False),
        ("2.5% grey", "diimaa %2,5", False),
        ("Can&#8217;t open", "Banuu hin danda'u", False),
        ("%1.2f metres", "meetira", True),
        ("100%% sure", "mirkanaa'aa", False),
        ("%PRODUCTNAME help", "Gargaarsa %PRODUCTNAME", False),
        ("%PRODUCTNAME help", "Gargaarsa", True),
        ("{{PLURAL:$1|one page|$1 pages}}", "{{PLURAL:$1|fuula $1}}", False),
        ("{{GENDER:$2|He}} changed $1", "$1 jijjiire", False),
        ("{{GENDER:$2|He}} changed $1", "Jijjiire", True),
        # percentages with an ending: Azerbaijani, Hungarian, Estonian, Finnish, Uzbek, Turkish, Basque
        ("50% of the files", "50%-i faylların", False),
        ("half of the files", "faylların 50%-i", False),
        ("10% of the people", "Az emberek 10%-a itt", False),
        ("10% of the people", "Az emberek 10 %-a itt", False),
        ("10% of the people", "Az emberek 10\u202f%-a itt", False),
        ("2.5% of it", "2,5%-ni sellest", False),
        ("50% off", "50%dan", False),
        ("50% bigger", "50%li", False),
        ("20% more files", "%20a gehiago fitxategi", False),
        ("20 percent more files", "%20a gehiago fitxategi", False),
        ("twenty more of them", "%20a gehiago", False),
        ("5% more files", "%5a gehiago", False),
        ("50% of it", "%50'si", False),
        ("50% of it", "%50ye", False),
        ("20% of it", "%20i", False),
        ("50% of it", "५०% का", False),
        ("%50 of it", "५० % का", False),
        # and placeholders still
        ("Save %d files", "Faayiloota olkaa'i", True),
        ("Save %1$s files", "Faayiloota olkaa'i", True),
        ("Save %-10s files", "Faayiloota olkaa'i", True),
        ("Save %(name)s files", "Faayiloota olkaa'i", True),
        ("Save %5d files", "Faayiloota olkaa'i", True),
        ("Save %20s files", "Faayiloota olkaa'i", True),
        ("Save MP3%s files", "Faayiloota olkaa'i", True),
        ("%1%2", "%1", True),
        ("at %-I:%M", "yeroo", True),
        ("%s% done", "raawwatame", True),
        ("50%(unit)s", "50", True),
        # amounts and numbers
        ("This costs $5 now", "Kun amma doolaara 5 baasa", False),
        ("This costs $5 now", "Kun amma doolaara shan baasa", False),
        ("This costs $1 now", "ខ្ញុំ ១ ដុល្លារ", False),
        ("This costs $1 now", "Kun amma ni baasa", True),  # may be MediaWiki's
        ("Issue #5 is closed", "Dhimmi lakkoofsa 5 cufame", False),
        ("Issue #5 is closed", "Dhimmi № 5 cufame", False),
        ("Issue #1 is closed", "Dhimmi №1 cufame", False),
        ("Issue #12 is closed", "Dhimmi 12 cufame", False),
        ("$1 of $2", "$2 keessaa", True),
        ("$1 of {1}", "{1} keessaa", True),
    ],
)
def test_placeholders(english: str, foreign: str, disagree: bool) -> None:
    assert placeholders_disagree(english, foreign) is disagree
    assert placeholders_disagree(foreign, english) is disagree
    assert outcome("placeholders", english, foreign) == ("placeholders disagree" if disagree else None)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("&File", 1), ("~File", 1), ("S&ave", 1), ("文件(&F)", 1), ("文件(_F)", 1), ("File", 0),
        ("Find & Replace", 0), ("Tom &amp; Jerry", 0), ("my_file", 0),
    ],
)  # fmt: skip
def test_mnemonics(text: str, count: int) -> None:
    assert mnemonics(text) == count


def test_shortcuts_are_compared_only_if_asked() -> None:
    assert outcome("mnemonics", "&File", "Faayilii") == "shortcuts disagree"
    assert outcome("mnemonics", "&File", "F&aayilii") is None
    assert "mnemonics" not in USUAL
    assert "interface-text" not in USUAL


def test_languages_of_both_sides() -> None:
    pytest.importorskip("pycld2")
    oromo, english = "Faayiloota hunda banuuf asitti cuqaasi", "Click here to open all of your files"
    assert outcome("english,language", english, oromo) is None
    assert outcome("english,language", oromo, english) == "English side identified as another language"
    assert outcome("language", "Something else altogether", english) == "not identified as Oromo"


def test_english_names_do_not_make_it_another_language_and_what_is_not_checked_is_counted() -> None:
    pytest.importorskip("pycld2")
    name = "Open Document Format for Office Applications"
    chain = FilterChain(named_steps("english,language", OROMO))
    report = DropReport()
    pairs = [
        Pair("1", f"Save as {name}", f"Gara {name} tti olkaa'i", "x"),
        Pair("2", "Open", "Bani", "x"),
        Pair("3", "Click here to open all of your files", "Faayiloota hunda banuuf asitti cuqaasi", "x"),
    ]
    assert [pair.id for pair in chain.apply(pairs, report)] == ["1", "2", "3"]
    assert [count.not_checked for count in chain.counts] == [0, 1, 2]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("Page 12 of 300.", "page 7 of 4", True),
        ("1,000.50 metres", "3 metres", True),
        ("10 000 metres", "3 metres", True),
        ("“Save” the file!", "Save the file", True),
        ("e-mail", "e mail", True),
        ("Open ~Read-Only", "Open Read-Only...", True),
        ("ផ្ទះ\u200bធំ", "ផ្ទះធំ", True),
        ("៣ ឯកសារ", "៤ ឯកសារ", True),
        ("हिन्दी", "हन्द", False),
        ("Save the file", "Save a file", False),
        ("the file Save", "Save the file", False),
        ("résumé", "resume", False),
    ],
)
def test_near_duplicate_key(first: str, second: str, same: bool) -> None:
    assert (near_duplicate_key(first) == near_duplicate_key(second)) is same


@given(st.text())
def test_a_near_duplicate_key_is_its_own_key(text: str) -> None:
    assert near_duplicate_key(near_duplicate_key(text)) == near_duplicate_key(text)


def kept_ids(steps: str, *texts: tuple[str, str]) -> list[int]:
    pairs = [Pair(str(number), *sides, "x") for number, sides in enumerate(texts)]
    return [int(pair.id) for pair in FilterChain(named_steps(steps, OROMO)).apply(pairs, DropReport())]


def test_a_near_duplicate_needs_both_sides_and_the_first_stays() -> None:
    texts = [("Page 1", "Fuula 1"), ("page 2!", "fuula 2"), ("Page 3", "Barruu 3"), ("Sheet 3", "Fuula 3")]
    assert kept_ids("near-duplicate", *texts) == [0, 2, 3]


def test_the_first_translations_of_an_english_side_stay() -> None:
    texts = [("Open", "Bani"), ("open.", "Banuu"), ("Close", "Cufi"), ("OPEN", "Banaa"), ("Open", "Saaqi")]
    assert kept_ids("repeated-english=2", *texts) == [0, 1, 2]
    assert kept_ids("repeated-english", *texts) == [0, 1, 2, 3, 4]


def test_the_chain_of_cleaning_is_these_filters() -> None:
    usual = "empty,identical,credits,mostly-english,script,length-ratio"
    for english, foreign in [
        ("Open file", "Faayilii bani"),
        ("a", "a"),
        ("7", ""),
        ("Go", "Gara fuula sana deemi"),
    ]:
        assert outcome(usual, english, foreign) == drop_reason(english, foreign, OROMO)


def test_the_first_reason_counts_and_nothing_is_lost() -> None:
    chain = FilterChain(named_steps("identical,too-short", OROMO), samples=1)
    report = DropReport()
    texts = [("N", "N"), ("Open", "B"), ("Open", "Bani"), ("Open  it", "Isa  bani")]
    kept = list(chain.apply([Pair(str(i), *each, "x") for i, each in enumerate(texts)], report))
    assert [(pair.english, pair.foreign) for pair in kept] == [("Open", "Bani"), ("Open it", "Isa bani")]
    assert report.as_json() == {
        "before": 4,
        "after": 2,
        "dropped": {"fewer than 2 letters": 1, "identical to the English": 1},
    }
    assert [(count.step.name, count.seen, count.touched) for count in chain.counts] == [
        ("normalise", 4, 1), ("identical", 4, 1), ("too-short", 3, 1),
    ]  # fmt: skip
    changed = chain.counts[0].samples[0]
    assert (changed.id, changed.before, changed.after) == (
        "3",
        ("Open  it", "Isa  bani"),
        ("Open it", "Isa bani"),
    )
    assert chain.counts[1].samples[0].after is None


def test_an_edit_changes_what_later_filters_see() -> None:
    assert outcome("interface-text,empty", "%s", "%s bani") == "empty, or without words"
    assert outcome("interface-text,identical", "~Open", "Open") == "identical to the English"
    assert outcome("identical,interface-text", "~Open", "Open") is None


def test_samples_are_a_seeded_uniform_choice_in_the_order_of_the_stream() -> None:
    def chosen(seed: int) -> list[int]:
        chain = FilterChain([Edit("upper", str.upper)], samples=5, seed=seed)
        list(chain.apply([Pair(str(number), "a", "b", "x") for number in range(20)], DropReport()))
        assert chain.counts[0].samples == []
        return [int(sample.id) for sample in chain.counts[1].samples]

    assert chosen(3) == chosen(3) != chosen(4)
    draws = [chosen(seed) for seed in range(400)]
    assert all(len(set(draw)) == 5 and draw == sorted(draw) for draw in draws)
    # 400 × 5 / 20 = 100 each; five standard deviations are 43.
    assert all(57 < sum(number in draw for draw in draws) < 143 for number in range(20))


def test_a_chain_reads_one_pair_at_a_time() -> None:
    read: list[int] = []

    def pairs():
        for number in range(10):
            read.append(number)
            yield Pair(str(number), "Open", f"Bani {number}", "x")

    stream = FilterChain(named_steps("empty", OROMO)).apply(pairs(), DropReport())
    next(stream)
    assert read == [0]


def test_the_help_names_every_step() -> None:
    assert data.clean_bitext.__doc__ is not None
    assert set(NAMES) <= set(re.findall(r"[a-z-]+", data.clean_bitext.__doc__))


def test_every_step_has_a_name_and_its_usual_threshold() -> None:
    steps = named_steps(",".join(NAMES), OROMO)
    assert [step.name for step in steps] == list(NAMES)
    assert [step.name for step in named_steps(None, OROMO)] == list(USUAL)


@pytest.mark.parametrize(
    ("names", "error", "said"),
    [
        ("identical,lenght-ratio", UnknownNameError, "did you mean length-ratio"),
        ("", UnknownNameError, "unknown filter ''"),
        ("identical,identical", InputError, "named twice"),
        ("identical=3", InputError, "no threshold"),
        ("interface-text=3", InputError, "no threshold"),
        ("length-ratio=wide", InputError, "such as length-ratio=3"),
        ("length-ratio=-1", InputError, "from 0 up"),
        ("length-ratio=nan", InputError, "from 0 up"),
    ],
)
def test_names_that_cannot_be_used(names: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        named_steps(names, OROMO)
