from __future__ import annotations

import bz2
import gzip
import json
import lzma
import re
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from kivuko.cli.main import app
from kivuko.codeswitch import Lexicon
from kivuko.errors import InputError, UnknownNameError
from kivuko.languages import resolve
from kivuko.public.lexicons import format_by_name, read_lexicon
from kivuko.readers.dictionaries import Translation, read_gatitos
from kivuko.readers.langlinks import read_table, read_wikipedia_titles
from kivuko.readers.panlex import read_panlex
from kivuko.readers.wiktextract import read_wiktextract

OROMO, BASQUE = resolve("om"), resolve("eu")

# --- PanLex: Oromo (gaz-000 and orm-000), English (eng-000) and a third language with the same meaning.

LANGVARS = [
    (1, "eng", 0),
    (2, "gaz", 0),
    (3, "orm", 0),
    (4, "deu", 0),
]
EXPRESSIONS = [
    (10, 1, "house"),
    (11, 1, "home, sweet"),
    (20, 2, "mana"),
    (21, 3, "mana"),
    (22, 2, 'jedhe "eyyee"'),
    (23, 2, "ቤት"),
    (30, 4, "Haus"),
    (12, 1, "said"),
]
# Meaning, source and the expressions that have it.
MEANINGS = [
    (100, 1, (10, 20, 30)),
    (101, 2, (10, 21)),
    (102, 3, (10, 20)),
    (103, 3, (11, 20)),
    (104, 4, (12, 22)),
    (105, 1, (10, 23)),
    (106, 1, (30, 20)),
]
# Source, group and quality; 2 copies 1.
SOURCES = [(1, 1, 5), (2, 1, 7), (3, 3, 2), (4, 4, 0)]
# house-mana: 7 is the best of group 1, 2 of group 3.
PANLEX = [Translation("house", "mana", 9.0), Translation("home, sweet", "mana", 2.0)]


def panlex_csv(folder: Path) -> Path:
    def quoted(text: object) -> str:
        return (
            '"' + text.replace('"', '""') + '"'
            if isinstance(text, str) and set(text) & set(',"')
            else str(text)
        )

    def write(name: str, header: str, rows: list[tuple[object, ...]]) -> None:
        lines = [header, *(",".join(map(quoted, row)) for row in rows)]
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")

    folder.mkdir(exist_ok=True)
    header = "id,lang_code,var_code,mutable,name_expr,script_expr,meaning,region_expr,uid_expr,grp"
    write("langvar", header, [(*each, "f", 9, 9, 9, 9, 9, "") for each in LANGVARS])
    write("expr", "id,langvar,txt,txt_degr", [(*each, "x") for each in EXPRESSIONS])
    denoted = [(meaning, each) for meaning, _, expressions in MEANINGS for each in expressions]
    write("denotation", "id,meaning,expr", [(number, *each) for number, each in enumerate(denoted)])
    write("meaning", "id,source", [(meaning, source) for meaning, source, _ in MEANINGS])
    write(
        "source",
        "id,label,grp,quality,note",
        [(source, "own", group, quality, "two, words") for source, group, quality in SOURCES],
    )
    return folder


def panlex_lite(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "db.sqlite"
    quality = {source: (group, value) for source, group, value in SOURCES}
    langvar = {number: variety for number, variety, _ in EXPRESSIONS}
    with sqlite3.connect(path) as connection:
        connection.executescript(
            """
            CREATE TABLE langvar (id integer PRIMARY KEY, lang_code text, var_code integer, uid text);
            CREATE TABLE expr (id integer PRIMARY KEY, langvar integer, txt text);
            CREATE TABLE denotationx (meaning integer, source integer, grp integer, quality integer, expr integer,
                                      langvar integer);
            CREATE VIEW lv AS SELECT id as lv, lang_code as lc, var_code as vc, uid FROM langvar;
            CREATE VIEW ex AS SELECT id as ex, langvar as lv, txt as tt FROM expr;
            CREATE VIEW dnx AS SELECT meaning as mn, source as ap, grp as ui, quality as uq, expr as ex,
                                      langvar as lv FROM denotationx;
            """
        )
        connection.executemany("INSERT INTO langvar VALUES (?, ?, ?, '')", LANGVARS)
        connection.executemany("INSERT INTO expr VALUES (?, ?, ?)", EXPRESSIONS)
        connection.executemany(
            "INSERT INTO denotationx VALUES (?, ?, ?, ?, ?, ?)",
            [
                (meaning, source, *quality[source], each, langvar[each])
                for meaning, source, expressions in MEANINGS
                for each in expressions
            ],
        )
    connection.close()
    return path


def test_panlex_sums_the_best_quality_of_each_group(tmp_path: Path) -> None:
    found = read_panlex(panlex_csv(tmp_path / "csv"), OROMO)
    assert found.rows == PANLEX
    assert dict(found.drops.reasons) == {"of quality 0": 1, "not in the language's script": 1}
    lite = read_panlex(panlex_lite(tmp_path / "lite"), OROMO)
    assert set(lite.rows) == set(found.rows)
    assert lite.drops == found.drops
    assert read_panlex(tmp_path / "lite", OROMO) == lite


def test_panlex_tables_may_be_compressed(tmp_path: Path) -> None:
    folder = panlex_csv(tmp_path / "csv")
    before = read_panlex(folder, OROMO)
    for name, pack in (
        ("expr.csv", gzip.compress),
        ("denotation.csv", bz2.compress),
        ("meaning.csv", lzma.compress),
    ):
        ending = {gzip.compress: ".gz", bz2.compress: ".bz2", lzma.compress: ".xz"}[pack]
        (folder / f"{name}{ending}").write_bytes(pack((folder / name).read_bytes()))
        (folder / name).unlink()
    assert read_panlex(folder, OROMO) == before


@pytest.mark.parametrize(
    ("table", "line", "message"),
    [
        ("expr", '31,2,"mana', "damaged or cut short"),
        ("expr", "31,2", "row of expr does not fit"),
        ("denotation", "9,x,20", "row of denotation does not fit"),
        ("source", "5,own,1,good,", "row of source does not fit"),
    ],
)
def test_damaged_panlex_tables_are_refused(tmp_path: Path, table: str, line: str, message: str) -> None:
    path = panlex_csv(tmp_path) / f"{table}.csv"
    lines = path.read_text(encoding="utf-8").count("\n")
    with path.open("a", encoding="utf-8") as stream:
        stream.write(f"{line}\n")
    with pytest.raises(InputError, match=message) as caught:
        read_panlex(tmp_path, OROMO)
    assert caught.value.where == f"{path}:{lines + 1}"


def test_what_is_no_panlex_is_refused(tmp_path: Path) -> None:
    panlex_csv(tmp_path)
    with pytest.raises(InputError, match="no translations that can be used"):
        read_panlex(tmp_path, resolve("so"))
    (tmp_path / "meaning.csv").write_text("id\n1\n", encoding="utf-8")
    with pytest.raises(InputError, match="lacks a column"):
        read_panlex(tmp_path, OROMO)
    (tmp_path / "meaning.csv").unlink()
    with pytest.raises(InputError, match="table meaning is not there"):
        read_panlex(tmp_path, OROMO)
    (tmp_path / "own.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(InputError, match="cannot be read as PanLex Lite"):
        read_panlex(tmp_path / "own.sqlite", OROMO)
    with pytest.raises(InputError, match="nothing that PanLex publishes"):
        read_panlex(tmp_path / "panlex.zip", OROMO)


# --- Wiktionary


def jsonl(path: Path, *entries: object) -> Path:
    path.write_text(
        "".join(f"{json.dumps(each, ensure_ascii=False)}\n" for each in entries), encoding="utf-8"
    )
    return path


ENTRIES = [
    {
        "word": "house", "lang": "English", "lang_code": "en", "pos": "noun",
        "senses": [
            {"glosses": ["place to live"], "translations": [{"lang": "Oromo", "lang_code": "om", "word": "mana"}]},
            {"glosses": ["legislature"]},
        ],
        "translations": [
            {"lang": "Oromo", "code": "om", "word": "mana (bareedaa)", "sense": "place"},
            {"lang": "Oromo", "code": "om", "note": "no word"},
            {"lang": "German", "code": "de", "word": "Haus"},
        ],
    },
    {
        "word": "bishaan", "lang": "Oromo", "lang_code": "om", "pos": "noun",
        "senses": [
            {"glosses": ["liquid", "the water, rain (archaic)"]},
            {"glosses": ["plural of bisha"], "form_of": [{"word": "bisha"}], "tags": ["form-of", "plural"]},
            {"tags": ["no-gloss"]},
        ],
    },
    {"word": "Haus", "lang": "German", "lang_code": "de", "senses": [{"glosses": ["house"]}]},
    {"word": "om", "lang": "Swedish", "lang_code": "sv", "senses": [{"glosses": ["about"]}]},
    {"title": "OM", "redirect": "om"},
    {"word": "odd"},
]  # fmt: skip


@pytest.mark.parametrize("pack", ["", ".gz", ".xz", ".bz2"])
def test_wiktextract_in_both_places_and_directions(tmp_path: Path, pack: str) -> None:
    path = jsonl(tmp_path / "kaikki.org-dictionary-all.jsonl", *ENTRIES)
    if pack:
        packer = {".gz": gzip.compress, ".xz": lzma.compress, ".bz2": bz2.compress}[pack]
        packed = path.with_name(path.name + pack)
        packed.write_bytes(packer(path.read_bytes()))
        path = packed
    found = read_wiktextract(path, OROMO)
    assert found.rows == [
        Translation("house", "mana"),
        Translation("house", "mana"),
        Translation("water", "bishaan", 0.5),
        Translation("rain", "bishaan", 0.5),
    ]
    assert dict(found.drops.reasons) == {
        "translations into other languages": 1,
        "translations that are only a note": 1,
        "senses that name another form": 1,
        "senses without a plain gloss": 1,
        "entries of other languages": 1,
        "redirects, and entries without a word or language": 1,
        "entries that do not name the language": 2,
    }
    assert dict(found.changed) == {"of them from glosses": 2}


def test_wiktionarys_own_codes_and_scripts(tmp_path: Path) -> None:
    entry = {
        "word": "house", "lang_code": "en",
        "translations": [{"code": "sh", "word": "kuća"}, {"code": "sh", "word": "кућа"}],
    }  # fmt: skip
    path = jsonl(tmp_path / "x.jsonl", entry)
    assert [row.foreign for row in read_wiktextract(path, resolve("sr")).rows] == ["кућа"]
    assert [row.foreign for row in read_wiktextract(path, resolve("hr")).rows] == ["kuća"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"word": "house"', "not JSON"),
        (b"[1]", "no JSON object"),
        (b'{"word": "house", "lang_code": "en", "translations": ["om"]}', "not laid out"),
        (b'{"word": "mana", "lang_code": "om", "senses": 3}', "not laid out"),
        ("{'word': 'caf\xe9'}".encode("latin-1"), "not in UTF-8"),
    ],
)
def test_damaged_extracts_are_refused_with_their_line(tmp_path: Path, line: bytes, message: str) -> None:
    path = jsonl(tmp_path / "x.jsonl", ENTRIES[0])
    path.write_bytes(path.read_bytes() + b"\n" + line + b"\n")
    with pytest.raises(InputError, match=message) as caught:
        read_wiktextract(path, OROMO)
    assert caught.value.where == f"{path}:3"


def test_an_extract_cut_inside_its_compression(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(gzip.compress(jsonl(tmp_path / "x.jsonl", *ENTRIES * 50).read_bytes())[:-40])
    with pytest.raises(InputError, match="damaged or cut short"):
        read_wiktextract(path, OROMO)


# --- Wikipedia

HEAD = "-- MySQL dump 10.19\n/*!40101 SET NAMES binary */;\nDROP TABLE IF EXISTS `{0}`;\n"
PAGE = HEAD.format("page") + (
    "CREATE TABLE `page` (\n  `page_id` int(8) unsigned NOT NULL AUTO_INCREMENT,\n"
    "  `page_namespace` int(11) NOT NULL DEFAULT 0,\n  `page_title` varbinary(255) NOT NULL DEFAULT '',\n"
    "  `page_is_redirect` tinyint(1) unsigned NOT NULL DEFAULT 0,\n  `page_random` double unsigned NOT NULL,\n"
    "  `page_touched` binary(14) NOT NULL,\n  `page_lang` varbinary(35) DEFAULT NULL,\n"
    "  PRIMARY KEY (`page_id`),\n  KEY `page_random` (`page_random`)\n) ENGINE=InnoDB DEFAULT CHARSET=binary;\n"
)
LINKS = HEAD.format("langlinks") + (
    "CREATE TABLE `langlinks` (\n  `ll_from` int(8) unsigned NOT NULL DEFAULT 0,\n"
    "  `ll_lang` varbinary(35) NOT NULL DEFAULT '',\n  `ll_title` varbinary(255) NOT NULL DEFAULT '',\n"
    "  PRIMARY KEY (`ll_from`,`ll_lang`)\n) ENGINE=InnoDB DEFAULT CHARSET=binary;\n"
)
PAGE_ROWS = [
    "(1,0,'Lafa_(pilaaneetii)',0,0.51,'20240101000000',NULL)",
    "(2,0,'Shira',1,0.52,'20240101000000','om')",
    "(3,14,'Biqiltoota',0,1e-05,'20240101000000',NULL)",
    "(4,0,'Bu\\'aa,_(x)_\\\\',0,0.53,'20240101000000',NULL)",
    "(5,0,'Paris',0,0.54,'20240101000000',NULL)",
    "(9,0,'Hin_hidhamne',0,0.55,'20240101000000',NULL)",
]
LINK_ROWS = [
    "(1,'de','Erde')",
    "(1,'en','Earth (planet)')",
    "(2,'en','Theatre')",
    "(3,'en','Category:Plants')",
    "(4,'en','Profit')",
    "(5,'en','Paris')",
    "(8,'en','Nowhere')",
]


def dumps(folder: Path, wiki: str, links: list[str], pages: list[str], between: str = ",") -> Path:
    for name, head, rows in (("langlinks", LINKS, links), ("page", PAGE, pages)):
        text = f"{head}INSERT INTO `{name}` VALUES {between.join(rows)};\nUNLOCK TABLES;\n-- Dump completed\n"
        (folder / f"{wiki}wiki-20240101-{name}.sql.gz").write_bytes(gzip.compress(text.encode()))
    return folder / f"{wiki}wiki-20240101-langlinks.sql.gz"


@pytest.mark.parametrize("between", [",", ",\n"])
def test_titles_of_the_foreign_wikis_dumps(tmp_path: Path, between: str) -> None:
    found = read_wikipedia_titles(dumps(tmp_path, "om", LINK_ROWS, PAGE_ROWS, between), OROMO)
    assert found.rows == [Translation("Earth", "Lafa"), Translation("Profit", "Bu'aa, (x) \\")]
    assert dict(found.changed) == {"disambiguators in brackets removed": 2}
    assert dict(found.drops.reasons) == {
        "links to other languages": 1,
        "redirects": 1,
        "pages that are no articles": 1,
        "same as the English": 1,
        "links from pages that are not in the page dump": 1,
    }


def test_titles_of_the_english_wikis_dumps(tmp_path: Path) -> None:
    path = dumps(
        tmp_path, "en", ["(1,'om','Lafa')", "(1,'so','Dhulka')"], ["(1,0,'Earth',0,0.1,'2024',NULL)"]
    )
    assert read_wikipedia_titles(path, OROMO).rows == [Translation("Earth", "Lafa")]
    assert read_wikipedia_titles(path, resolve("so")).rows == [Translation("Earth", "Dhulka")]


def test_titles_cut_inside_a_character(tmp_path: Path) -> None:
    path = dumps(tmp_path, "am", ["(1,'en','Earth')", "(2,'en','Sun')"], ["(1,0,'መሬት',0,0.1,'2024',NULL)"])
    pages = tmp_path / "amwiki-20240101-page.sql.gz"
    text = gzip.decompress(pages.read_bytes())
    row = "(1,0,'መሬት',0,0.1,'2024',NULL)".encode()
    cut = row.replace("ት".encode(), "ት".encode()[:2]).replace(b"(1,", b"(2,")
    pages.write_bytes(gzip.compress(text.replace(row, row + b"," + cut)))
    found = read_wikipedia_titles(path, resolve("am"))
    assert found.rows == [Translation("Earth", "መሬት")]
    assert dict(found.drops.reasons) == {"titles cut inside a character": 1}


def test_dumps_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = dumps(tmp_path, "om", LINK_ROWS, PAGE_ROWS)
    with pytest.raises(InputError, match="another Wikipedia"):
        read_wikipedia_titles(path, resolve("so"))
    text = gzip.decompress(path.read_bytes()).decode()
    cut = tmp_path / "omwiki-2-langlinks.sql"
    (tmp_path / "omwiki-2-page.sql").write_text(PAGE, encoding="utf-8")
    cut.write_text(text[: text.index("'Theatre'") + 4], encoding="utf-8")
    with pytest.raises(InputError, match="row of langlinks cannot be read") as caught:
        read_wikipedia_titles(cut, OROMO)
    assert caught.value.where == f"{cut}:10"
    cut.write_text(text[: text.index("(2,'en'")], encoding="utf-8")
    with pytest.raises(InputError, match="ends inside the rows of langlinks"):
        read_wikipedia_titles(cut, OROMO)
    with pytest.raises(InputError, match="no rows of page"):
        list(read_table(tmp_path / "omwiki-2-page.sql", "page", ["page_id"]))
    with pytest.raises(InputError, match="lacks a column"):
        list(read_table(tmp_path / "omwiki-2-page.sql", "page", ["page_name"]))
    (tmp_path / "omwiki-20240101-page.sql.gz").unlink()
    with pytest.raises(InputError, match="page dump that names"):
        read_wikipedia_titles(path, OROMO)


@given(
    st.lists(st.tuples(st.integers(0, 10**9), st.text(st.characters(codec="utf-8"), max_size=8)), min_size=1)
)
def test_any_text_survives_a_dump(rows: list[tuple[int, str]]) -> None:
    import tempfile

    escapes = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\0": "\\0", "\x1a": "\\Z", '"': '\\"'}
    values = [
        f"({number},'{''.join(escapes.get(letter, letter) for letter in text)}')" for number, text in rows
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.sql"
        head = "CREATE TABLE `t` (\n  `a` int,\n  `b` varbinary(255)\n);\n"
        path.write_bytes(f"{head}INSERT INTO `t` VALUES {','.join(values)};\n".encode())
        found = [(int(a), b.decode()) for _, (b, a) in read_table(path, "t", ["b", "a"])]
    assert found == rows


def test_a_plain_list_of_titles(tmp_path: Path) -> None:
    path = tmp_path / "titles.tsv"
    path.write_text("Mercury (planet)\tMeerkurii（pilaaneetii）\n\n(a) note\tyaadannoo\n", encoding="utf-8")
    found = read_wikipedia_titles(path, OROMO)
    assert found.rows == [Translation("Mercury", "Meerkurii"), Translation("(a) note", "yaadannoo")]
    assert dict(found.changed) == {"disambiguators in brackets removed": 2}
    path.write_text("Earth\tLafa\nEarth Lafa\n", encoding="utf-8")
    with pytest.raises(InputError, match="no pair of titles") as caught:
        read_wikipedia_titles(path, OROMO)
    assert caught.value.where == f"{path}:2"


# --- GATITOS


def test_gatitos_in_both_directions(tmp_path: Path) -> None:
    """Words and phrases, several translations on lines of their own, and odd lines, which are counted."""
    rows = [("house", "mana"), ("house", "manneen"), ("good morning", "akkam bulte"), ("there", "achi")]
    there, back = tmp_path / "en_om.tsv", tmp_path / "om_en.tsv"
    odd = "\nno tab\na\tb\tc\nempty\t\n"
    there.write_text("".join(f"{english}\t{foreign}\n" for english, foreign in rows) + odd)
    back.write_text("".join(f"{foreign}\t{english}\n" for english, foreign in rows))
    found = read_gatitos(there, english_first=True, language=OROMO)
    assert found.rows == [Translation(english, foreign) for english, foreign in rows]
    assert dict(found.drops.reasons) == {"empty lines": 1, "lines without two fields": 3}
    assert read_gatitos(back, english_first=False, language=OROMO).rows == found.rows
    first, second = (read_lexicon(str(path), OROMO) for path in (there, back))
    assert first.entries == second.entries
    assert set(first.entries) == {"mana", "manneen", "akkam bulte", "achi"}
    (tmp_path / "none.tsv").write_text("no tab\n")
    with pytest.raises(InputError, match="no translations"):
        read_gatitos(tmp_path / "none.tsv", english_first=True)


# --- The command


def test_names_that_tell_the_format(tmp_path: Path) -> None:
    names = {
        "en-om.txt": "muse", "om-en.txt.gz": "muse-reversed", "en-om.0-5000.txt": "muse", "en-eu.txt": None,
        "de-om.txt": None, "xq-en.txt": None, "own.txt": None, "own.jsonl": None, "lexicon.tsv": None,
        "kaikki.org-dictionary-Oromo.jsonl": "wiktextract", "raw-wiktextract-data.jsonl.gz": "wiktextract",
        "omwiki-20240101-langlinks.sql.gz": "wikipedia-titles", "omwiki-20240101-page.sql.gz": None,
        "db.sqlite": "panlex", "en_om.tsv": "gatitos", "om_en.tsv.gz": "gatitos-reversed", "en_eu.tsv": None,
        "om_tsv.tsv": None, "words_en.tsv": None, "en_om-Latn.tsv": "gatitos",
    }  # fmt: skip
    assert {name: format_by_name(tmp_path / name, OROMO) for name in names} == names
    assert format_by_name(panlex_csv(tmp_path / "panlex"), OROMO) == "panlex"
    assert format_by_name(tmp_path, OROMO) is None
    (tmp_path / "freedict-eng-kur.index").touch()
    assert format_by_name(tmp_path, OROMO) == "freedict"


def test_every_format_through_the_command(tmp_path: Path) -> None:
    panlex_csv(tmp_path / "panlex")
    dumps(tmp_path, "om", LINK_ROWS, PAGE_ROWS)
    jsonl(tmp_path / "extract.json", *ENTRIES)
    (tmp_path / "en-om.txt").write_text("house mana\nwater bishaan\nradio radio\nA B C\n", encoding="utf-8")
    cases = {
        "panlex": (
            "om",
            [],
            "1 entries from 2 translations; left out: 1 not in the language's script, 1 of quality 0",
        ),
        "omwiki-20240101-langlinks.sql.gz": ("om", [], "2 disambiguators in brackets removed"),
        "extract.json": ("om", ["--format", "wiktextract"], "2 of them from glosses"),
        "en-om.txt": ("om", [], "3 entries from 3 translations; left out: 1 lines without two words"),
    }
    for name, (language, options, said) in cases.items():
        output = tmp_path / f"lexicon-{name}"
        command = ["lexicon", "import", str(tmp_path / name), "--language", language, "--output", str(output)]
        result = CliRunner().invoke(app, [*command, *options])
        assert result.exit_code == 0, result.output
        assert said in result.output
        assert CliRunner().invoke(app, ["lexicon", "info", str(output)]).exit_code == 0
    wiktionary = Lexicon.open(tmp_path / "lexicon-extract.json")
    assert wiktionary.entries == {"bishaan": {"rain": 0.5, "water": 0.5}, "mana": {"house": 1.0}}
    assert wiktionary.meta["format"] == "wiktextract"


def test_info_on_an_imported_file(tmp_path: Path) -> None:
    (tmp_path / "en-om.txt").write_text(
        "house mana\nhome mana\nrain bishaan\nradio radio\n", encoding="utf-8"
    )
    jsonl(tmp_path / "kaikki-om.jsonl", *ENTRIES)
    for source, output in (("en-om.txt", "muse"), ("kaikki-om.jsonl", "wiktionary")):
        command = ["lexicon", "import", str(tmp_path / source), "--language", "om"]
        assert CliRunner().invoke(app, [*command, "--output", str(tmp_path / output)]).exit_code == 0
    (tmp_path / "texts").write_text("mana bishaan guddaa\n", encoding="utf-8")
    command = ["lexicon", "info", str(tmp_path / "muse"), "--texts", str(tmp_path / "texts")]
    shown = CliRunner().invoke(app, [*command, "--against", str(tmp_path / "wiktionary")]).output
    told = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in shown.splitlines()[1:])
    assert told["words"] == "3"
    assert told["translations each"] == "1.33"
    assert told["same as the English"] == "33.3%"
    assert told["running words known"] == "66.7% of 3"
    # mana's best is home (by spelling), which the other has not; bishaan's is rain, which it has.
    assert told["best translation agrees"] == "50.0% of 2 shared"
    facts = json.loads(
        CliRunner().invoke(app, [*command, "--against", str(tmp_path / "wiktionary"), "--json"]).output
    )
    assert (facts["language"], facts["size"]["words"], facts["texts"]["tokens"]) == ("orm-Latn", 3, 3)
    assert facts["against"] == {"shared": 2, "agreeing": 1, "precision": 0.5}


def test_formats_that_are_missing_or_out_of_place(tmp_path: Path) -> None:
    path = tmp_path / "own.txt"
    path.write_text("house mana\n", encoding="utf-8")
    with pytest.raises(InputError, match="has to be named"):
        read_lexicon(str(path), OROMO, None)
    with pytest.raises(UnknownNameError, match="unknown format 'wiktxtract'"):
        read_lexicon(str(path), OROMO, "wiktxtract")
    with pytest.raises(InputError, match="the format freedict is not for this"):
        read_lexicon(str(path), OROMO, "freedict")
    with pytest.raises(InputError, match="the format wiktextract is not for this"):
        read_lexicon(str(tmp_path), OROMO, "wiktextract")
    with pytest.raises(InputError, match="ict-terms has no Basque"):
        read_lexicon("ict-terms", BASQUE, None)
