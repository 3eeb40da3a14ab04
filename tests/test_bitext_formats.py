"""Bitext in every usual format: the same pairs come out, wrong files are named; texts are our own wording."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import zstandard
from typer.testing import CliRunner

from kivuko.cli.main import app
from kivuko.collections.bitext import Pair
from kivuko.collections.counts import DropReport
from kivuko.errors import InputError
from kivuko.languages import resolve
from kivuko.readers.bitext import read_bitext_file, read_pairs, stream_pairs
from kivuko.readers.documents import read_documents

PACK: dict[str, Callable[[bytes], bytes]] = {
    "": lambda raw: raw,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}
PAIRS = [
    ("Open the file", "Faayilii bani"),
    ("Tea & <milk>", "Shaayii fi aannan"),
    ("Print all pages", "Fuula hunda maxxansi"),
]
SCORES = [1.21, 1.05, 1.03]


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(PACK[path.suffix if path.suffix in PACK else ""](text.encode(encoding)))
    return path


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def tmx(units: str, head: str = "") -> str:
    """A file as OPUS writes it."""
    return (
        f'<?xml version="1.0" encoding="UTF-8" ?>\n{head}<tmx version="1.4.">\n'
        '<header creationdate="Mon Nov 23 2026" srclang="en" adminlang="en" o-tmf="unknown" segtype="sentence" '
        f'creationtool="Uplug" datatype="PlainText" />\n  <body>\n{units}  </body>\n</tmx>\n'
    )


def unit(english: str, foreign: str, codes: tuple[str, str] = ("en", "om")) -> str:
    return (
        f'    <tu>\n      <tuv xml:lang="{codes[0]}"><seg>{english}</seg></tuv>\n'
        f'      <tuv xml:lang="{codes[1]}"><seg>{foreign}</seg></tuv>\n    </tu>\n'
    )


def make(
    folder: Path,
    kind: str,
    ending: str,
    pairs: Sequence[tuple[str, str]] = PAIRS,
    scores: Sequence[float] = SCORES,
) -> Path:
    """The pairs in a format; the path to give."""
    if kind == "moses":
        write(folder / f"Tea.en-om.en{ending}", "".join(f"{english}\n" for english, _ in pairs))
        write(folder / f"Tea.en-om.om{ending}", "".join(f"{foreign}\n" for _, foreign in pairs))
        write(folder / f"Tea.en-om.scores{ending}", "".join(f"{score}\n" for score in scores))
        (folder / "README").write_text("of OPUS")
        return folder / "Tea.en-om"
    if kind == "tmx":
        return write(folder / f"t.tmx{ending}", tmx("".join(unit(escaped(a), escaped(b)) for a, b in pairs)))
    if kind == "jsonl":
        rows = [
            {"id": str(number), "score": scores[number], "translation": {"en": english, "om": foreign}}
            for number, (english, foreign) in enumerate(pairs)
        ]
        return write(folder / f"t.jsonl{ending}", "".join(json.dumps(row) + "\n" for row in rows))
    if kind == "scored":
        rows_text = "".join(f"{s}\t{a}\t{b}\n" for s, (a, b) in zip(scores, pairs, strict=True))
        return write(folder / f"WikiMatrix.en-om.tsv{ending}", rows_text)
    return write(folder / f"t.tsv{ending}", "".join(f"{a}\t{b}\n" for a, b in pairs))


def texts(pairs: list[Pair]) -> list[tuple[str, str]]:
    return [(pair.english, pair.foreign) for pair in pairs]


@pytest.mark.parametrize("kind", ["tsv", "scored", "tmx", "jsonl", "moses"])
@pytest.mark.parametrize("ending", PACK)
def test_every_format_and_compression_has_the_same_pairs(tmp_path: Path, kind: str, ending: str) -> None:
    path = make(tmp_path, kind, ending)
    pairs, report = read_pairs(path, "om")
    assert texts(pairs) == PAIRS
    assert [pair.id for pair in pairs] == [f"{path.name}:{number}" for number in (1, 2, 3)]
    assert report.as_json() == {"before": 3, "after": 3, "dropped": {}}


@pytest.mark.parametrize("kind", ["scored", "jsonl", "moses"])
def test_pairs_below_the_lowest_score_are_dropped_and_counted(tmp_path: Path, kind: str) -> None:
    pairs, report = read_pairs(make(tmp_path, kind, ".gz"), "om", lowest_score=1.05)
    assert texts(pairs) == PAIRS[:2]  # 1.05 itself stays
    assert report.reasons == {"score below 1.05": 1}


@pytest.mark.parametrize("kind", ["tsv", "tmx", "jsonl", "moses"])
def test_a_lowest_score_needs_scores(tmp_path: Path, kind: str) -> None:
    path = make(tmp_path, kind, "")
    if kind == "moses":
        (tmp_path / "Tea.en-om.scores").unlink()
    if kind == "jsonl":
        write(path, '{"translation": {"en": "Tea", "om": "Shaayii"}}\n')
    with pytest.raises(InputError, match="have no scores"):
        read_pairs(path, "om", lowest_score=1.0)


@pytest.mark.parametrize("given", ["Tea.en-om", "Tea.en-om.en", "Tea.en-om.om"])
def test_moses_by_prefix_or_either_file(tmp_path: Path, given: str) -> None:
    make(tmp_path, "moses", "")
    assert texts(read_pairs(tmp_path / given, "Oromo")[0]) == PAIRS


def test_moses_lines_stay_beside_each_other(tmp_path: Path) -> None:
    # Line separators that are no line feeds, empty lines on one or both sides, CRLF, no end of the last line.
    write(tmp_path / "a.en", "One\u2028cup of tea\r\n\r\nMilk\r\nPrint all pages")
    write(tmp_path / "a.om", "Shaayii xoofoo tokko\n\n\nFuula hunda maxxansi\n")
    pairs, report = read_pairs(tmp_path / "a", "om")
    assert texts(pairs) == [
        ("One cup of tea", "Shaayii xoofoo tokko"),
        ("Print all pages", "Fuula hunda maxxansi"),
    ]
    assert report.reasons == {"empty line": 1, "empty, or without words": 1}


@pytest.mark.parametrize(("english", "foreign"), [(3, 5), (5, 3), (0, 2)])
def test_unequal_moses_files_name_both_counts(tmp_path: Path, english: int, foreign: int) -> None:
    write(tmp_path / "a.en", "tea\n" * english)
    write(tmp_path / "a.om", "shaayii\n" * foreign)
    with pytest.raises(InputError, match=f"a.en, a.om[\\s\\S]*{english} and {foreign}"):
        read_pairs(tmp_path / "a", "om")


def test_scores_of_another_length(tmp_path: Path) -> None:
    path = make(tmp_path, "moses", "")
    write(tmp_path / "Tea.en-om.scores", "1.2\n1.1\n")
    with pytest.raises(InputError, match="3 and 3 and 2"):
        read_pairs(path, "om", lowest_score=1)
    write(tmp_path / "Tea.en-om.scores", "1.2\nnan\n1.1\n")
    with pytest.raises(InputError, match="no number") as caught:
        read_pairs(path, "om", lowest_score=1)
    assert caught.value.where == f"{tmp_path / 'Tea.en-om.scores'}:2"


def test_moses_with_a_side_missing_or_twice(tmp_path: Path) -> None:
    make(tmp_path, "moses", "")
    with pytest.raises(InputError, match=r"no Swahili side[\s\S]*Tea\.en-om\.sw"):
        read_pairs(tmp_path / "Tea.en-om", "sw")
    write(tmp_path / "Tea.en-om.om.gz", "shaayii\n")
    with pytest.raises(InputError, match="two files"):
        read_pairs(tmp_path / "Tea.en-om", "om")


def test_which_column_is_english(tmp_path: Path) -> None:
    backwards = "".join(f"{foreign}\t{english}\n" for english, foreign in PAIRS)
    # By two codes in the name, in WikiMatrix's alphabetical order; Amharic stands before English, Oromo does not.
    assert texts(read_pairs(write(tmp_path / "x.om-en.tsv", backwards), "om")[0]) == PAIRS
    assert texts(read_pairs(write(tmp_path / "x.orm_Latn-eng_Latn.tsv", backwards), "om")[0]) == PAIRS
    # By a line that names the columns, which counts more.
    for name, head in (("a.tsv", "Oromo\tEnglish"), ("b.en-om.tsv", "om\ten"), ("c.txt", "orm-Latn\tEN")):
        pairs, report = read_pairs(write(tmp_path / name, f"{head}\n{backwards}"), "om")
        assert texts(pairs) == PAIRS
        assert report.reasons == {"line that names the columns": 1}
    scored = "margin\ten\tom\n" + "".join(f"1.1\t{a}\t{b}\n" for a, b in PAIRS)
    assert texts(read_pairs(write(tmp_path / "d.tsv", scored), "om")[0]) == PAIRS
    with pytest.raises(InputError, match=r"other languages[\s\S]*French and Swahili"):
        read_pairs(write(tmp_path / "WikiMatrix.fr-sw.tsv", backwards), "sw")


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("1.1\tTea\tShaayii\nTea\tShaayii\n", 2, "wrong number of fields"),
        ("Tea\tShaayii\n1.1\tTea\tShaayii\n", 2, "wrong number of fields"),
        ("1.1\tTea\tShaayii\n\nhigh\tTea\tShaayii\n", 3, "score is no number"),
        ("1.1\tTea\tShaayii\ninf\tTea\tShaayii\n", 2, "score is no number"),
        ("1.1\tTea\tShaayii\ten\tom\n", 1, "wrong number of fields"),
    ],
)
def test_ragged_scored_lines(tmp_path: Path, text: str, line: int, what: str) -> None:
    path = write(tmp_path / "a.tsv.gz", text)
    with pytest.raises(InputError, match=what) as caught:
        read_pairs(path, "om")
    assert caught.value.where == f"{path}:{line}"


def test_tmx_inline_codes_entities_regions_and_other_languages(tmp_path: Path) -> None:
    units = (
        # Native codes are no text, <hi> is; a placeholder stands for a space. Several languages, notes, properties.
        '<tu tuid="1"><note>no text</note><prop type="x">none</prop>'
        '<tuv xml:lang="de-DE"><seg>Tee</seg></tuv>'
        '<tuv xml:lang="en-US"><prop type="y">no</prop><seg>Drink <bpt i="1">&lt;b></bpt>hot<ept i="1">&lt;/b></ept>'
        " <hi>tea</hi>,<ph>&lt;br/><sub>hidden</sub></ph>please &#38; thanks</seg></tuv>"
        '<tuv xml:lang="en-GB"><seg>Not this one</seg></tuv>'
        '<tuv xml:lang="OM_et"><seg><![CDATA[Shaayii ho\'aa <dhugi>]]> galatoomi</seg></tuv></tu>\n'
        # TMX 1.1 has lang without xml.
        '<tu><tuv lang="EN"><seg>Print all pages</seg></tuv>'
        '<tuv lang="om"><seg>Fuula hunda maxxansi</seg></tuv></tu>\n'
        '<tu><tuv xml:lang="en"><seg>Alone</seg></tuv></tu>\n'
        '<tu><tuv xml:lang="en"><seg/></tuv><tuv xml:lang="om"><seg>Shaayii</seg></tuv></tu>\n'
    )
    path = write(tmp_path / "t.tmx", tmx(units, '<!DOCTYPE tmx SYSTEM "tmx14.dtd">\n'))
    pairs, report = read_pairs(path, "om")
    assert [(pair.id, pair.english, pair.foreign) for pair in pairs] == [
        ("t.tmx:1", "Drink hot tea, please & thanks", "Shaayii ho'aa <dhugi> galatoomi"),
        ("t.tmx:2", "Print all pages", "Fuula hunda maxxansi"),
    ]
    assert report.reasons == {"unit without both languages": 1, "empty, or without words": 1}


@pytest.mark.parametrize(
    ("segment", "text"),
    [
        ("Click<x/>here", "Click here"),
        ("Click<x id='1'/><x id='2'/>here", "Click here"),
        ("Click <x/> here", "Click here"),
        ("Click<ph>{1}</ph>here", "Click here"),
        ("One<bpt i='1'>&lt;b></bpt>two<ept i='1'>&lt;/b></ept>.", "One two."),
        ("(<bpt i='1'>x</bpt>two<ept i='1'>y</ept>)", "(two)"),
        ("One<it pos='begin'>x</it>2", "One 2"),
        ("One<ut>x</ut>two", "One two"),
        ("One<g id='1'>two</g>three", "One two three"),
        ("<hi>House</hi>s", "Houses"),  # TMX 1.4b, section 4: text that has a meaning of its own, and no code
        ("कि<x/>ताब", "कि ताब"),  # a vowel sign ends the first word
    ],
)
def test_codes_in_tmx_do_not_join_words(tmp_path: Path, segment: str, text: str) -> None:
    path = write(tmp_path / "t.tmx", tmx(unit(segment, "Shaayii dhugi amma")))
    assert [pair.english for pair in read_pairs(path, "om")[0]] == [text]


def test_tmx_without_segments_is_said(tmp_path: Path) -> None:
    bare = '<tu><tuv xml:lang="en">Tea</tuv><tuv xml:lang="om">Shaayii</tuv></tu>\n'
    half = '<tu><tuv xml:lang="en"><seg>Tea</seg></tuv><tuv xml:lang="om">Shaayii</tuv></tu>\n'
    pairs, report = read_pairs(write(tmp_path / "a.tmx", tmx(unit("Milk", "Aannan") + bare + half)), "om")
    assert texts(pairs) == [("Milk", "Aannan")]
    assert report.reasons == {"unit with a <tuv> without <seg>": 2}
    with pytest.raises(InputError, match="<seg>") as caught:
        read_pairs(write(tmp_path / "b.tmx", tmx(bare)), "om")
    assert "<seg>" in (caught.value.remedy or "")


@pytest.mark.parametrize(
    "text",
    [
        "Tea\tShaayii\t1.1\nMilk\tAannan\t0.9\n",
        "1.1\tTea\tShaayii\n0.9\tMilk\tAannan\n",
        "source\ttarget\tscore\nTea\tShaayii\t1.1\nMilk\tAannan\t0.9\n",
        "score\ten\tom\n1.1\tTea\tShaayii\n0.9\tMilk\tAannan\n",
    ],
)
def test_scores_before_or_behind_the_texts(tmp_path: Path, text: str) -> None:
    pairs, report = read_pairs(write(tmp_path / "a.tsv", text), "om", lowest_score=1)
    assert texts(pairs) == [("Tea", "Shaayii")]
    assert report.reasons["score below 1"] == 1
    assert len(read_pairs(tmp_path / "a.tsv", "om")[0]) == 2


def test_nllb_calls_scores_and_languages_its_own_way(tmp_path: Path) -> None:
    # NLLB Team, 2022, arXiv 2207.04672, as the hub's allenai/nllb has it.
    rows = [
        {
            "translation": {"eng_Latn": "Tea", "fuv_Latn": "Ataay"},
            "laser_score": 1.2,
            "source_sentence_lid": 1.0,
        },
        {"translation": {"eng_Latn": "Milk", "fuv_Latn": "Kosam"}, "laser_score": 1.01},
    ]
    path = write(tmp_path / "nllb.ndjson", "".join(json.dumps(row) + "\n" for row in rows))
    assert texts(read_pairs(path, "ff", lowest_score=1.1)[0]) == [("Tea", "Ataay")]


@pytest.mark.parametrize("name", ["a.txt", "a.tsv"])
def test_bars_between_the_sides(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, "Oromo ||| English\nShaayii ||| Tea\nAannan|||Milk\n")
    assert texts(read_pairs(path, "om")[0]) == [("Tea", "Shaayii"), ("Milk", "Aannan")]
    with pytest.raises(InputError, match="number of fields"):
        read_pairs(write(tmp_path / name, "Tea ||| Shaayii\nMilk\n"), "om")


@pytest.mark.parametrize(
    "header",
    [
        "src\ttgt",
        "Source\tTarget",
        "english\toromo",
        "text_en\ttext_om",
        "sentence1\tsentence2",
        "en\tgaz_Latn",
    ],
)
def test_a_line_that_names_the_columns_is_no_pair(tmp_path: Path, header: str) -> None:
    path = write(tmp_path / "a.tsv", f"{header}\nTea\tShaayii\n")
    pairs, report = read_pairs(path, "om")
    assert (texts(pairs), report.reasons) == ([("Tea", "Shaayii")], {"line that names the columns": 1})
    for side, text in zip(("en", "om"), header.split("\t"), strict=True):
        write(tmp_path / f"m.{side}", f"{text}\n{'Tea' if side == 'en' else 'Shaayii'}\n")
    pairs, report = read_pairs(tmp_path / "m", "om")
    assert (texts(pairs), report.reasons) == ([("Tea", "Shaayii")], {"line that names the columns": 1})


def test_pairs_that_only_look_like_a_header(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", "Source of the river\tMadda lagaa\nText\tBarreeffama\n")
    assert len(read_pairs(path, "om")[0]) == 2


def test_character_references_are_resolved_and_counted(tmp_path: Path) -> None:
    texts_of = {
        "a.tsv": "Fish &amp;amp; tea\tQurxummii &amp; shaayii\nMilk\tAannan\n",
        "a.jsonl": '{"translation": {"en": "Fish &amp;amp; tea", "om": "Qurxummii &#38; shaayii"}}\n',
        "a.tmx": tmx(unit("Fish &amp;amp;amp; tea", "Qurxummii &amp;amp; shaayii")),
    }
    for name, text in texts_of.items():
        pairs, report = read_pairs(write(tmp_path / name, text), "om")
        assert texts(pairs)[0] == ("Fish & tea", "Qurxummii & shaayii")
        assert sum(report.changed.values()) == 1
        assert report.as_json()["changed"] == report.changed
    # HTML Standard, section 13.2.5.80: numbers of a few control characters stay what they are.
    pairs, report = read_pairs(write(tmp_path / "a.tsv", "Tea &#129;\tShaayii\nMilk\tAannan\n"), "om")
    assert (len(pairs), report.reasons) == (1, {"control character": 1})


def test_what_directs_bidirectional_text_hides_no_duplicate(tmp_path: Path) -> None:
    # Unicode Standard Annex 9, section 2: all twelve directional formatting characters.
    controls = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    lines = ["Drink tea\tشاي\n", *(f"{each}Drink tea{each}\tش{each}اي\n" for each in controls)]
    pairs, report = read_pairs(write(tmp_path / "a.tsv", "".join(lines)), "ar")
    assert (len(pairs), report.reasons) == (1, {"duplicate": 12})


def test_the_name_of_a_dictionary_into_english_tells_its_columns(tmp_path: Path) -> None:
    """GATITOS' om_en.tsv; an underscore also joins words, so other names say nothing."""
    (row,) = PAIRS[:1]
    for name, expected in (("om_en.tsv", row[::-1]), ("en_om.tsv", row), ("my_en.tsv", row)):
        pairs, _ = read_pairs(write(tmp_path / name, "\t".join(row) + "\n"), "om")
        assert texts(pairs) == [expected], name


def test_quotation_marks_of_csv_are_taken_off(tmp_path: Path) -> None:
    """RFC 4180, 2.7, as MAFAND's tables have it: only where those inside are doubled; tables may have gaps."""
    text = (
        'en\tom\n"He said ""tea"" twice."\t"Inni ""shaayii"" jedhe."\n\t\n'
        '"Where is the tea?"\t"Shaayiin eessa jira?"\n"Milk" and "tea"\t"Aannan" fi "shaayii"\n'
    )
    pairs, report = read_pairs(write(tmp_path / "train.tsv", text), "om")
    assert texts(pairs) == [
        ('He said "tea" twice.', 'Inni "shaayii" jedhe.'),
        ('"Where is the tea?"', '"Shaayiin eessa jira?"'),
        ('"Milk" and "tea"', '"Aannan" fi "shaayii"'),
    ]
    assert report.reasons == {"line that names the columns": 1, "empty line": 1}
    assert sum(report.changed.values()) == 1


def test_mafand_as_published(tmp_path: Path) -> None:
    """train.en with train.swa, and {"en": …, "swa": …} a line: the code of three letters."""
    write(tmp_path / "train.en", "Where is the tea?\n")
    write(tmp_path / "train.swa", "Chai iko wapi?\n")
    write(tmp_path / "dev.json", '{"translation": {"en": "Where is the tea?", "swa": "Chai iko wapi?"}}\n')
    for name in ("train", "dev.json"):
        assert texts(read_pairs(tmp_path / name, "sw")[0]) == [("Where is the tea?", "Chai iko wapi?")]


@pytest.mark.parametrize("code", ["es-419", "es-LA", "es", "es_MX", "spa-ES"])
def test_regions_in_tmx_change_nothing(tmp_path: Path, code: str) -> None:
    """BCP 47: two letters or three digits for a region; TICO-19 has es-419."""
    path = write(tmp_path / "a.tmx", tmx(unit("Where is it?", "¿Dónde está?", ("en-US", code))))
    assert texts(read_pairs(path, "es")[0]) == [("Where is it?", "¿Dónde está?")]


def test_archives_and_comma_separated_pairs_are_said(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "om-en.zip", "w") as packed:
        packed.writestr("a.om", "Shaayii\n")
        packed.writestr("a.en", "Tea\n")
    with pytest.raises(InputError, match=r"2 files[\s\S]*a\.om, a\.en[\s\S]*unpack"):
        read_pairs(tmp_path / "om-en.zip", "om")
    (tmp_path / "om-en.zip").rename(tmp_path / "a.tsv")
    with pytest.raises(InputError, match=r"ZIP[\s\S]*unpack"):
        read_pairs(tmp_path / "a.tsv", "om")
    for line in ("english,oromo", "Tea;Shaayii", "Tea,Shaayii"):
        with pytest.raises(InputError, match=r"CSV[\s\S]*TSV"):
            read_pairs(write(tmp_path / "a.csv", f"{line}\n"), "om")


def test_tmx_in_utf_16_and_by_its_first_line(tmp_path: Path) -> None:
    text = tmx("".join(unit(escaped(a), escaped(b)) for a, b in PAIRS))
    path = write(tmp_path / "a.tmx", text.replace("UTF-8", "UTF-16"), "utf-16")
    assert texts(read_pairs(path, "om")[0]) == PAIRS
    assert texts(read_pairs(write(tmp_path / "memory.xml", text), "om")[0]) == PAIRS


LAUGHS = '<!DOCTYPE tmx [\n<!ENTITY a "ha">\n<!ENTITY b "&a;&a;&a;">]>\n'
OUTSIDE = '<!DOCTYPE tmx [<!ENTITY secret SYSTEM "secret.txt">]>\n'
PARAMETER = '<!DOCTYPE tmx [<!ENTITY % all SYSTEM "all.dtd"> %all;]>\n'


@pytest.mark.parametrize("head", [LAUGHS, OUTSIDE, PARAMETER])
def test_entity_declarations_are_refused(tmp_path: Path, head: str) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    path = write(tmp_path / "t.tmx", tmx(unit("&secret;", "&b;"), head))
    with pytest.raises(InputError, match=r"declares entities[\s\S]*ENTITY") as caught:
        read_pairs(path, "om")
    assert str(caught.value.where).startswith(f"{path}:")


def test_damaged_translation_memories(tmp_path: Path) -> None:
    whole = tmx(unit("Tea", "Shaayii"))
    cases = [
        (whole[: whole.index("</body>")], "damaged or cut short", 9),
        (whole.replace("</seg>", "</sag>", 1), "mismatched tag", 6),
        (whole.replace("Tea", "Tea&nbsp;time"), "entity", 6),
        (tmx(unit("Tea&nbsp;time", "Shaayii"), '<!DOCTYPE tmx SYSTEM "t.dtd">\n'), "&nbsp;", 7),
        ("<html><body>404</body></html>", "no translation memory", 1),
        ("", "cut short", 1),
        (whole.replace("UTF-8", "klingon"), "encoding", 1),
    ]
    for text, what, line in cases:
        path = write(tmp_path / "t.tmx", text)
        with pytest.raises(InputError, match=what) as caught:
            read_pairs(path, "om")
        assert caught.value.where == f"{path}:{line}", text
    path.write_bytes(whole.replace("Shaayii", "été").encode("latin-1"))
    with pytest.raises(InputError, match="not well-formed"):
        read_pairs(path, "om")
    with pytest.raises(InputError, match=r"no unit has English and Swahili[\s\S]*en \(1\), om \(1\)"):
        read_pairs(write(tmp_path / "t.tmx", whole), "sw")


def test_units_are_forgotten_once_they_are_read(tmp_path: Path) -> None:
    # The damaged end of a long file is not reached by who asks for its first pairs.
    path = write(tmp_path / "long.tmx", tmx(unit("Tea", "Shaayii") * 5000 + "<broken"))
    rows = read_bitext_file(path, resolve("om"), DropReport())
    assert [next(rows).number for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('{"translation": {"en": "Tea"', "not JSON"),
        ("[1]", "list"),
        ('{"text": "Tea"}', "fields text"),
        ('{"translation": {"en": 3, "om": "x"}}', "no translation"),
        ('{"translation": ["Tea", "Shaayii"]}', "no translation"),
    ],
)
def test_damaged_json_lines(tmp_path: Path, line: str, what: str) -> None:
    path = write(tmp_path / "a.jsonl.xz", '{"translation": {"en": "Tea", "om": "Shaayii"}}\n\n' + line + "\n")
    with pytest.raises(InputError, match=what) as caught:
        read_pairs(path, "om")
    assert caught.value.where == f"{path}:3"


def test_json_lines_without_a_side(tmp_path: Path) -> None:
    rows = [
        {"translation": {"en-US": "Tea", "om": "Shaayii"}},
        {"translation": {"en": "Milk", "om": None}},
        {"translation": {"en": "Milk", "sw": "maziwa"}},
        {"translation": {"en": "Milk", "om": "aannan \ud83d"}},
    ]
    path = write(tmp_path / "a.json", "".join(json.dumps(row) + "\n" for row in rows))
    pairs, report = read_pairs(path, "om")
    assert texts(pairs) == [("Tea", "Shaayii")]
    assert report.reasons == {"line without both languages": 2, "half a character": 1}
    with pytest.raises(InputError, match=r"no line has English and Yoruba[\s\S]*en-US, om"):
        read_pairs(path, "yo")


def test_cleaning_and_duplicates_are_those_of_every_format(tmp_path: Path) -> None:
    odd = [
        *PAIRS,
        ("Open the FILE.", "faayilii  bani"),
        ("Format", "Format"),
        ("Insert", "вставить"),
        ("", ""),
    ]
    write(tmp_path / "a.en", "".join(f"{english}\n" for english, _ in odd))
    write(tmp_path / "a.om", "".join(f"{foreign}\n" for _, foreign in odd))
    paths = [
        tmp_path / "a",
        write(tmp_path / "a.tsv", "".join(f"{a}\t{b}\n" for a, b in odd)),
        write(tmp_path / "a.tmx", tmx("".join(unit(escaped(a), escaped(b)) for a, b in odd))),
    ]
    for path in paths:
        pairs, report = read_pairs(path, "om")
        assert texts(pairs) == PAIRS
        assert report.reasons == {
            "duplicate": 1,
            "identical to the English": 1,
            "wrong script": 1,
            "empty line": 1,
        }


def test_what_is_unclear_or_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such bitext[\s\S]*PREFIX"):
        read_pairs(tmp_path / "none", "om")
    for text, got in (("just a sentence\n", "just a sentence"), ("\n\n", "empty file"), ("", "empty file")):
        with pytest.raises(InputError, match=f"unclear which format[\\s\\S]*{got}"):
            read_pairs(write(tmp_path / "unclear", text), "om")
    assert texts(read_pairs(write(tmp_path / "clear", "\ufeff\nTea\tShaayii\n"), "om")[0]) == [
        ("Tea", "Shaayii")
    ]
    assert read_pairs(write(tmp_path / "empty.tsv", ""), "om")[0] == []


def test_pairs_are_streamed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", "Tea\tShaayii\nbroken\n")
    assert next(stream_pairs(path, "om", DropReport())).english == "Tea"


def test_documents_may_be_compressed(tmp_path: Path) -> None:
    plain = read_documents(write(tmp_path / "d.tsv", "a\tTea\thot\n"))
    row = {"id": "a", "title": "Tea", "text": "hot"}
    assert read_documents(write(tmp_path / "d.tsv.zst", "a\tTea\thot\n")) == plain
    assert read_documents(write(tmp_path / "d.jsonl.bz2", json.dumps(row) + "\n")) == plain


@pytest.mark.parametrize("kind", ["scored", "tmx", "jsonl", "moses"])
def test_lexicon_induce_takes_every_format(tmp_path: Path, kind: str) -> None:
    words = [("tea", "shaayii"), ("milk", "aannan"), ("house", "mana"), ("water", "bishaan")]
    both = [(f"{a} and {c}", f"{b} fi {d}") for a, b in words for c, d in words if a != c]
    path = make(tmp_path, kind, ".gz", [*both, *PAIRS], [*[1.1] * len(both), *SCORES])
    arguments = [
        "lexicon",
        "induce",
        "--language",
        "om",
        "--bitext",
        str(path),
        "--output",
        str(tmp_path / "lexicon"),
    ]
    if kind != "tmx":
        arguments += ["--lowest-score", "1.04"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    kept = len(both) + (3 if kind == "tmx" else 2)
    assert f"{kept} pairs of {len(both) + 3} lines" in done.output


def test_a_lowest_score_without_a_file(tmp_path: Path) -> None:
    arguments = [
        "lexicon",
        "induce",
        "--language",
        "om",
        "--output",
        str(tmp_path / "x"),
        "--lowest-score",
        "1",
    ]
    done = CliRunner().invoke(app, arguments)
    assert isinstance(done.exception, InputError)
    assert "only pairs from a file" in str(done.exception)
