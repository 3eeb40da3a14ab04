from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from kivuko.artifact import read_manifest
from kivuko.codeswitch.lexicon_quality import best
from kivuko.errors import InputError, UnknownNameError
from kivuko.languages import resolve
from kivuko.public import cldr, freedict
from kivuko.public.lexicons import public_lexicon
from kivuko.public.sources import LEXICONS
from kivuko.readers.dictionaries import (
    Entry,
    Translation,
    glosses,
    read_dictd,
    read_muse,
    read_translations_tsv,
    without_particle,
)

DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
OROMO = resolve("om")


def in_base_64(number: int) -> str:
    digits = DIGITS[number % 64]
    while number := number // 64:
        digits = DIGITS[number % 64] + digits
    return digits


def dictd(*entries: str) -> tuple[bytes, bytes]:
    """Index and compressed text of a database with these entries, and one about itself as dictfmt adds."""
    text, lines = b"", []
    for entry in ("00-database-info\nA test.\n" + "filling " * 20 + "\n", *entries):
        content = entry.encode()
        headword = entry.split(" /")[0].replace("-", "").splitlines()[0]
        lines.append(f"{headword}\t{in_base_64(len(text))}\t{in_base_64(len(content))}\n")
        text += content
    return "".join(sorted(lines)).encode(), gzip.compress(text)


@pytest.mark.parametrize(
    ("entry", "headwords", "translations"),
    [
        ("mana /mana/ <n>\n\nhouse, home\n   See also: {galma}\n", ["mana"], ["house", "home"]),
        ("mana, manni /mana/ /manni/ <n>\nhouse\n", ["mana", "manni"], ["house"]),
        ("deem /dem/ <v>\n1.\nto go, walk\n; leave (a place)\n2.\ngo\n", ["deem"], ["to go", "walk", "leave", "go"]),
        ('tree /tri/ <N>\n1. muka, muka~guddaa{odd}\n      "A tree fell."\n', ["tree"], ["muka", "muka guddaa"]),
        ("manneen /m/\n\n Plural of {mana}: 1. house, 2. big,\n room\n", ["manneen"], ["house", "big", "room"]),
        ("mana /m/\n\nhouse\n place to live\n", ["mana"], ["house"]),
        ("epic /e/\n1. guddaa\nvery large\n2. seenaa 2.\na story\n 3.\na film\n", ["epic"], ["guddaa", "seenaa"]),
        ("inni /inni/\nhe/it, he\n", ["inni"], ["he"]),
        ("kenn /ken/ <v>\ngive sth, present, … from\n", ["kenn"], ["present"]),
        ("-ummaa /uma/ <Suffix>\n-ness\n", [], ["-ness"]),
        ("odd\n????\n", ["odd"], []),
    ],
)  # fmt: skip
def test_an_entry_in_freedicts_layouts(entry: str, headwords: list[str], translations: list[str]) -> None:
    assert list(read_dictd(*dictd(entry), "x.index")) == [Entry(headwords, translations)]


def test_wrapped_lines_are_joined_and_aliases_come_once() -> None:
    long = "a first translation that is long, another one that is rather long, big"
    index, text = dictd(f"guddaa /g/\n{long}\n house\n", "mana /m/\nhome\n")
    place = next(line for line in index.splitlines() if line.startswith(b"mana")).removeprefix(b"mana")
    entries = list(read_dictd(index + b"manni" + place + b"\n", text, "x.index"))
    assert [entry.headwords for entry in entries] == [["guddaa"], ["mana"]]
    assert entries[0].translations[-1] == "big house"


def test_plain_text_reads_like_compressed() -> None:
    index, text = dictd("mana /mana/\nhouse\n")
    assert list(read_dictd(index, gzip.decompress(text), "x")) == list(read_dictd(index, text, "x"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"mana\tA", "cannot be read"),
        (b"mana\tA\t!", "cannot be read"),
        (b"ma\xffna\tA\tB", "cannot be read"),
        (b"mana\t////\tB", "leads outside"),
    ],
)
def test_a_damaged_index_is_refused_with_its_line(line: bytes, message: str) -> None:
    index, text = dictd("mana /mana/\nhouse\n")
    with pytest.raises(InputError, match=message) as caught:
        list(read_dictd(index + line + b"\n", text, "x.index"))
    assert caught.value.where == "x.index:3"


def test_a_damaged_text_is_refused() -> None:
    index, text = dictd("mana /mana/\nhouse\n")
    with pytest.raises(InputError, match="damaged"):
        list(read_dictd(index, text[:-12], "x.index"))


def test_glosses_are_plain_words_and_phrases() -> None:
    assert glosses("bank (of a river), shore [old]; shore.") == ["bank", "shore"]
    assert glosses("(only a note") == []
    assert glosses("((nested) note) word") == ["word"]
    assert without_particle("to go") == "go"
    assert without_particle("The house") == "house"
    assert without_particle("to") == "to"
    assert without_particle("today") == "today"


def test_a_persons_freedict_folder(tmp_path: Path) -> None:
    for name, entry in (
        ("kur-eng", "av /av/\nthe water\n"),
        ("eng-kur", "to go /g/\nçûn\n"),
        ("kur-tur", "a\nb\n"),
    ):
        index, text = dictd(entry)
        (tmp_path / f"freedict-{name}.index").write_bytes(index)
        (tmp_path / f"freedict-{name}.dict.dz").write_bytes(text)
    found = freedict.read_folder(tmp_path, resolve("ku"))
    assert found.rows == [Translation("go", "çûn"), Translation("water", "av")]
    with pytest.raises(InputError, match="no dictionary of English and Oromo"):
        freedict.read_folder(tmp_path, OROMO)
    (tmp_path / "freedict-kur-eng.dict.dz").unlink()
    with pytest.raises(InputError, match="no text beside it"):
        freedict.read_folder(tmp_path, resolve("ku"))


def test_muse_in_both_directions(tmp_path: Path) -> None:
    path = tmp_path / "en-om.txt"
    path.write_bytes("\ufeffhouse mana\r\nhome\tmana\n\nNew York York\n".encode())
    found = read_muse(path, english_first=True)
    assert found.rows == [Translation("house", "mana"), Translation("home", "mana")]
    assert found.drops.kept == 2
    assert dict(found.drops.reasons) == {"empty lines": 1, "lines without two words": 1}
    assert read_muse(path, english_first=False).rows[0] == Translation("mana", "house")
    packed = tmp_path / "en-om.txt.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert read_muse(packed, english_first=True) == found


@pytest.mark.parametrize("header", ["english oromo", "en om", "source target", "word translation"])
def test_a_line_that_names_the_columns_is_no_translation(tmp_path: Path, header: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text(f"{header}\nhouse mana\n", encoding="utf-8")
    found = read_muse(path, english_first=True, language=OROMO)
    assert (len(found.rows), found.drops.reasons) == (1, {"line that names the columns": 1})
    for weight in ("", " weight"):
        path.write_text(
            f"{header}{weight}\nhouse mana{weight and ' 2'}\n".replace(" ", "\t"), encoding="utf-8"
        )
        found = read_translations_tsv(path, language=OROMO)
        assert (len(found.rows), found.drops.reasons) == (1, {"line that names the columns": 1})


def test_what_is_no_muse_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "en-om.txt"
    path.write_text("good morning\takkam bulte\nhouse mana\n", encoding="utf-8")
    with pytest.raises(InputError, match="most lines") as caught:
        read_muse(path, english_first=True)
    assert caught.value.where == f"{path}:1"
    path.write_bytes(b"house mana\nhome ma\xffna\n")
    with pytest.raises(InputError, match="not in UTF-8") as caught:
        read_muse(path, english_first=True)
    assert caught.value.where == f"{path}:2"
    path.write_bytes(b"\n\n")
    with pytest.raises(InputError, match="no translations"):
        read_muse(path, english_first=True)


def test_tab_separated_translations(tmp_path: Path) -> None:
    path = tmp_path / "own.tsv"
    path.write_text("good morning\takkam bulte\t2.5\n\nhouse\t mana \n", encoding="utf-8")
    found = read_translations_tsv(path)
    assert found.rows == [Translation("good morning", "akkam bulte", 2.5), Translation("house", "mana")]
    assert (found.drops.kept, dict(found.drops.reasons)) == (2, {"empty lines": 1})


@pytest.mark.parametrize(
    "line", ["house mana", "house\t", "\tmana", "a\tb\t0", "a\tb\tnan", "a\tb\tmuch", "a\tb\t1\tc"]
)
def test_ragged_lines_are_refused_with_their_place(tmp_path: Path, line: str) -> None:
    path = tmp_path / "own.tsv"
    path.write_text(f"good\tgaarii\n{line}\n", encoding="utf-8")
    with pytest.raises(InputError, match="no translation") as caught:
        read_translations_tsv(path)
    assert caught.value.where == f"{path}:2"


def cldr_files(
    folder: Path, code: str, territory: str, currency: str, month: str, week: str
) -> dict[str, Path]:
    bodies = {
        ("cldr-localenames-full", "territories"): {
            "localeDisplayNames": {"territories": {"KE": territory, "XX": "Odd"}}
        },
        ("cldr-numbers-full", "currencies"): {
            "numbers": {"currencies": {"KES": {"displayName": currency, "symbol": "Ksh"}, "XXX": {"symbol": "¤"}}}
        },
        ("cldr-dates-full", "ca-gregorian"): {
            "dates": {"calendars": {"gregorian": {"months": {"stand-alone": {
                "wide": {"1": month, "2": "M02"}, "narrow": {"1": "J"},
            }}}}}
        },
        ("cldr-dates-full", "dateFields"): {
            "dates": {"fields": {"week": {"displayName": week}, "week-short": {"displayName": "w."}}}
        },
    }  # fmt: skip
    for (package, name), body in bodies.items():
        path = folder / package / "main" / code / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"main": {code: body}}), encoding="utf-8")
    return {package: folder / package for package, _ in bodies}


def test_names_are_paired_by_key(tmp_path: Path) -> None:
    cldr_files(tmp_path, "en", "Kenya (East)", "Kenyan Shilling", "January", "week")
    folders = cldr_files(tmp_path, "om", "Keeniyaa", "Shilingii (K)", "Amajjii", "torban")
    found = cldr.names_in(OROMO, folders, {})
    assert [(row.english, row.foreign) for row in found.rows] == [
        ("Kenya", "Keeniyaa"), ("Kenyan Shilling", "Shilingii"), ("January", "Amajjii"), ("week", "torban"),
    ]  # fmt: skip
    assert dict(found.drops.reasons) == {"same as the English": 2}
    (tmp_path / "cldr-dates-full/main/om/dateFields.json").write_text('{"main": {}}', encoding="utf-8")
    with pytest.raises(InputError, match="no CLDR file"):
        cldr.names_in(OROMO, folders, {})


#: Entries and the source: ranges around what was seen in November 2026, and a word that will stay.
REAL = [
    ("cldr", "om", 1000, 1800, "billaacha", "butterfly"),
    ("cldr", "sw", 1100, 1700, "nzi", "fly"),
    ("cldr", "am", 1200, 1900, "ባንክ", "bank"),
    ("cldr-names", "om", 350, 900, "jaappaan", "japan"),
    ("cldr-names", "sw", 650, 1200, "jumamosi", "saturday"),
    ("cldr-names", "am", 850, 1500, "ሰዓት", "hour"),
    ("freedict", "sw", 2100, 3200, "ajali", "accident"),
    ("ict-terms", "om", 2200, 2800, "qixeenya", "parity"),
    ("ict-terms", "am", 2200, 2800, "ራስጌ", "header"),
]


@pytest.mark.network
@pytest.mark.parametrize("short", ["om", "sw", "am"])
def test_the_real_dictionaries(short: str) -> None:
    language = resolve(short)
    merged = public_lexicon(language)
    assert merged is not None
    rows = [row for row in REAL if row[1] == short]
    assert list(merged.counts) == [row[0] for row in rows]
    for name, _, least, most, foreign, english in rows:
        count = merged.counts[name]
        assert least < count["entries"] < most
        assert count["reading"]["after"] == count["rows"] == count["used"] + sum(count["unused"].values())
        assert count["licence"]
        assert all(count["packages"].values())
        assert english in merged.lexicon.entries[foreign]
    assert max(map(len, merged.lexicon.entries)) < 100
    total = sum(count["entries"] for count in merged.counts.values())
    assert 0.8 * total < len(merged.lexicon.entries) <= total
    for translations in merged.lexicon.entries.values():
        assert sum(translations.values()) == pytest.approx(1.0, abs=1e-4)
    hash_before = read_manifest(merged.path, "lexicon").hash
    again = public_lexicon(language)
    assert again is not None
    assert read_manifest(again.path, "lexicon").hash == hash_before


@pytest.mark.network
def test_real_swahili_by_hand() -> None:
    found = public_lexicon("sw", without=["cldr", "cldr-names"])
    assert found is not None
    assert list(found.counts) == ["freedict"]
    entries = found.lexicon.entries
    # A plural is explained by its singular's translations, and the two directions add up.
    assert entries["maua"].keys() >= {"flower"}
    assert best(entries["afya"]) == "health"
    assert best(entries["anwani"]) == "address"
    assert found.counts["freedict"]["licence"] == "GPL-2.0-or-later"


def test_sources_left_out_and_languages_without_any() -> None:
    assert public_lexicon("azb") is None
    assert public_lexicon("om", without=list(LEXICONS)) is None
    with pytest.raises(UnknownNameError, match="unknown dictionary 'freedit'"):
        public_lexicon("om", without=["freedit"])
    with pytest.raises(InputError, match="English is the source"):
        public_lexicon("en")
