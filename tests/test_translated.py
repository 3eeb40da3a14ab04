"""TICO-19, NTREX and MAFAND as retrieval, on files of our own wording in the layouts in which they are published."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kivuko.benchmarks.importing import import_collection
from kivuko.cli.main import app
from kivuko.collections.collection import Collection
from kivuko.errors import InputError
from kivuko.languages import resolve

ENGLISH = resolve("en")

UNITS = {
    "CMU_1:1": ("where does it hurt?", "eessatu si dhukkuba?"),
    "CMU_1:2": ("drink much tea", "shaayii baay&apos;ee dhugi"),
    "PubMed_8:1": ("Drink  much tea", "shaayii dhugaa"),
    "Wikinews_2:1": ("The lake is closed.", "Haroon cufaadha."),
    "wiki_9:1": ("A lake is water.", "Haroon bishaan."),
    "Wikipedia_handpicked_4:1": ("A river flows.", "Lagni ni yaa'a."),
}


def tmx(path: Path, codes: tuple[str, str], units: dict[str, tuple[str, str]]) -> None:
    """A translation memory in an archive, as the publisher has it."""
    body = "".join(
        f'<tu tuid="{name}">\n<prop type="note">somewhere</prop>\n<tuv xml:lang="{codes[0]}">\n<seg>{first}</seg>'
        f'</tuv>\n<tuv xml:lang="{codes[1]}"><seg>{second}</seg></tuv>\n</tu>\n'
        for name, (first, second) in units.items()
    )
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<tmx version="1.4"><header/><body>\n{body}</body></tmx>\n'
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr(path.stem, text)


def read(name: str, folder: Path, output: Path, split: str | None = None) -> Collection:
    return Collection.open(import_collection(name, output, folder=folder, split=split))


def queries(opened: Collection, kind: str = "query") -> dict[str, str]:
    (split,) = opened.splits
    return opened.queries(kind, split)


def qrels(opened: Collection) -> dict[str, dict[str, int]]:
    (split,) = opened.splits
    return opened.qrels("query", split)


# TICO-19


def test_sentences_of_the_test_documents_find_their_sources(tmp_path: Path) -> None:
    tmx(tmp_path / "data/TM/all.en-om.tmx.zip", ("en", "om"), UNITS)
    opened = read("tico-19/om", tmp_path, tmp_path / "out")
    ids = ["CMU_1:1", "CMU_1:2", "PubMed_8:1", "Wikinews_2:1"]
    assert queries(opened)["CMU_1:2"] == "shaayii baay'ee dhugi"
    assert list(queries(opened)) == list(queries(opened, "english-query")) == ids
    assert opened.manifest.meta["document_languages"] == {"eng-Latn": 4}
    assert qrels(opened) == {each: {each: 1} for each in ids}
    train = read("tico-19/om", tmp_path, tmp_path / "train", "train")
    assert train.splits == ("train",)
    assert [each.text for each in train.documents] == ["A lake is water.", "A river flows."]


def test_the_same_sentence_twice_is_relevant_twice(tmp_path: Path) -> None:
    units = {"CMU_1:1": ("Drink tea.", "Shaayii dhugi."), "CMU_1:2": ("Drink  tea.", "Shaayii dhuguu.")}
    tmx(tmp_path / "all.en-om.tmx.zip", ("en-US", "om-ET"), units)
    assert qrels(read("tico-19/om", tmp_path, tmp_path / "out")) == {
        name: {"CMU_1:1": 1, "CMU_1:2": 1} for name in units
    }


def test_codes_of_tico_and_amharic_beside_oromo(tmp_path: Path) -> None:
    tmx(tmp_path / "all.en-es-LA.tmx.zip", ("en", "es-419"), {"CMU_1:1": ("Tea?", "¿Té?")})
    tmx(tmp_path / "all.en-fuv.tmx.zip", ("en", "fuv"), {"CMU_1:1": ("Tea?", "Ataye?")})
    assert queries(read("tico-19/es", tmp_path, tmp_path / "es")) == {"CMU_1:1": "¿Té?"}
    assert queries(read("tico-19/ff", tmp_path, tmp_path / "ff")) == {"CMU_1:1": "Ataye?"}
    tmx(tmp_path / "all.en-om.tmx.zip", ("en", "om"), UNITS)
    amharic = {
        "CMU_1:2": ("ሻይ ጠጡ", "shaayii dhugi"),
        "CMU_1:9": ("ሐይቅ", "haroo"),
        "wiki_9:1": ("ሐይቅ", "haroo"),
    }
    tmx(tmp_path / "all.am-om.tmx.zip", ("am", "om"), amharic)
    opened = read("tico-19/am", tmp_path, tmp_path / "am")
    assert queries(opened) == {"CMU_1:2": "ሻይ ጠጡ"}
    assert queries(opened, "english-query") == {"CMU_1:2": "drink much tea"}


def test_units_without_names_are_refused(tmp_path: Path) -> None:
    tmx(tmp_path / "all.en-om.tmx.zip", ("en", "om"), {"": ("Tea?", "Shaayii?")})
    with pytest.raises(InputError, match="no name of its own"):
        read("tico-19/om", tmp_path, tmp_path / "out")
    with pytest.raises(InputError, match="is not there") as told:
        read("tico-19/sw", tmp_path, tmp_path / "out")
    assert "all.en-sw.tmx" in str(told.value.expected)


# NTREX


def ntrex(folder: Path, articles: dict[str, int], code: str = "orm") -> None:
    """Articles of so many lines: ``b.1 line 0`` and on, in the language ``B.1 LINE 0``."""
    named = [(name, f"{name} line {number}") for name, count in articles.items() for number in range(count)]
    (folder / "NTREX-128").mkdir(parents=True, exist_ok=True)
    (folder / "DOCUMENT_IDS.tsv").write_text("".join(f"{name}\n" for name, _ in named))
    (folder / "NTREX-128/newstest2019-src.eng.txt").write_text("".join(f"{text}\n" for _, text in named))
    (folder / f"NTREX-128/newstest2019-ref.{code}.txt").write_text(
        "".join(f"{text.upper()}\n" for _, text in named)
    )


def test_news_sentences_find_their_sources(tmp_path: Path) -> None:
    ntrex(tmp_path / "ntrex", {"b.1": 2, "c.2": 1})
    opened = read("ntrex/om", tmp_path, tmp_path / "out")
    assert queries(opened) == {"line-1": "B.1 LINE 0", "line-2": "B.1 LINE 1", "line-3": "C.2 LINE 0"}
    assert {each.id: each.text for each in opened.documents} == queries(opened, "english-query")
    assert qrels(opened) == {each: {each: 1} for each in queries(opened)}


@pytest.mark.parametrize(
    ("lines", "passages"),
    [(1, [1]), (3, [3]), (5, [5]), (6, [3, 3]), (7, [3, 4]), (11, [3, 4, 4]), (18, [4, 5, 4, 5])],
)
def test_headlines_find_the_passages_of_their_article(
    tmp_path: Path, lines: int, passages: list[int]
) -> None:
    ntrex(tmp_path / "n", {"b.1": lines + 1, "one-line": 1, "c.2": 3})
    opened = read("ntrex-headlines/om", tmp_path / "n", tmp_path / "out")
    assert queries(opened) == {"b.1": "B.1 LINE 0", "c.2": "C.2 LINE 0"}
    assert queries(opened, "english-query")["b.1"] == "b.1 line 0"
    texts = {each.id: each.text for each in opened.documents}
    found = [texts[document] for document in qrels(opened)["b.1"]]
    assert [text.count("b.1 line ") for text in found] == passages
    assert " ".join(found) == " ".join(f"b.1 line {number}" for number in range(1, lines + 1))
    assert not any("line 0" in text for text in texts.values())
    assert opened.manifest.meta["left_out"] == {"article of one line": 1}


def test_codes_of_ntrex(tmp_path: Path) -> None:
    for language, code in (("ar", "arb"), ("zh-Hant", "zho-TW"), ("km", "khm"), ("sr-Latn", "srp-Latn")):
        ntrex(tmp_path / language, {"b.1": 1}, code)
        opened = read(f"ntrex/{language}", tmp_path / language, tmp_path / "out" / language)
        assert opened.language == resolve(language)


def test_files_of_different_lengths_are_refused(tmp_path: Path) -> None:
    ntrex(tmp_path, {"b.1": 3})
    (tmp_path / "DOCUMENT_IDS.tsv").write_text("b.1\nb.1\n")
    with pytest.raises(InputError, match="differ in number"):
        read("ntrex-headlines/om", tmp_path, tmp_path / "out")
    (tmp_path / "DOCUMENT_IDS.tsv").write_text("b.1\nc.2\nb.1\n")
    with pytest.raises(InputError, match="comes twice"):
        read("ntrex-headlines/om", tmp_path, tmp_path / "out")
    (tmp_path / "NTREX-128/newstest2019-ref.orm.txt").write_text("B.1\n")
    with pytest.raises(InputError, match="different numbers of lines"):
        read("ntrex/om", tmp_path, tmp_path / "out")


# MAFAND


def test_mafand_in_each_of_its_layouts(tmp_path: Path) -> None:
    pairs = [("The lake is closed.", "Ziwa limefungwa."), ('He said "no".', 'Alisema "hapana".')]
    texts, rows, tables, documents = (
        tmp_path / name / part
        for name, part in (
            ("text_files", "en-swa"),
            ("json_files", "en-swa"),
            ("tsv_files", "en-swa"),
            ("doc_level_tsv", "eng-swa"),
        )
    )
    for folder in (texts, rows, tables, documents):
        folder.mkdir(parents=True)
    for place, code in enumerate(("en", "swa")):
        (texts / f"test.{code}").write_text("".join(f"{pair[place]}\n" for pair in pairs))
    translations = [{"translation": {"en": english, "swa": foreign}} for english, foreign in pairs]
    (rows / "test.json").write_text("".join(f"{json.dumps(each)}\n" for each in translations))
    quoted = [
        [f'"{text.replace(chr(34), chr(34) * 2)}"' if '"' in text else text for text in p] for p in pairs
    ]
    for folder, head in ((tables, "en\tswa"), (documents, "eng\tswa")):
        (folder / "test.tsv").write_text("\n".join([head, *map("\t".join, quoted), ""]))
    for folder in (texts, rows, tables, documents):
        opened = read("mafand/sw", folder.parent, tmp_path / "out" / folder.parent.name)
        assert [each.text for each in opened.documents] == [english for english, _ in pairs], folder
        assert list(queries(opened).values()) == [foreign for _, foreign in pairs]
        assert opened.splits == ("test",)
    with pytest.raises(InputError, match="is not there") as told:
        read("mafand/sw", tmp_path, tmp_path / "none", "train")
    assert "en-swa/train.en" in str(told.value.expected)


def test_the_command_line_says_which_queries_there_are(tmp_path: Path) -> None:
    tmx(tmp_path / "all.en-om.tmx.zip", ("en", "om"), UNITS)
    words = [
        "data",
        "import-collection",
        "tico-19/om",
        "--from",
        str(tmp_path),
        "--output",
        str(tmp_path / "out"),
    ]
    shown = CliRunner().invoke(app, words)
    assert shown.exit_code == 0, shown.output
    for part in (
        "queries: 4 of test, query (orm-Latn)",
        "queries: 4 of test, english-query (eng-Latn)",
        f"kivuko evaluate RUN {tmp_path / 'out'} --kind query --split test",
    ):
        assert part in shown.output
