"""Collections beside the LibreOffice help: small files of our own in the sources' layout, then the real ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kivuko.cli.data import app
from kivuko.collections.bitext import Pair
from kivuko.collections.collection import Collection
from kivuko.collections.counts import DropReport
from kivuko.collections.split import SPLITS, split_of
from kivuko.errors import InputError, UnknownNameError
from kivuko.languages import known, resolve
from kivuko.public import cldr, ict_terms
from kivuko.public.collections import COLLECTIONS, build_collection, collections_for
from kivuko.public.gnome_help import read_topic
from kivuko.public.leakage import HeldOut, drop_leaking, held_out_terms, held_out_texts
from kivuko.text import comparison_key, words

TOPIC = """<?xml version="1.0" encoding="utf-8"?>
<page xmlns="http://projectmallard.org/1.0/" type="topic" id="{id}">
  <info><title type="link">Short</title><credit><name>Somebody</name></credit><desc>{summary}</desc></info>
  <title>{title}</title>
  <comment><p>Note to the authors.</p></comment>
  <p>{text}</p>
  <steps><title>Steps</title>
    <item><p>Press <keyseq><key>Ctrl</key><key>Q</key></keyseq>, then <gui>Leave</gui>.</p></item>
  </steps>
  <table><tr><td><p>inside</p></td><td>bare</td></tr></table>
</page>
"""


def ids(pattern: str, split: str, count: int) -> list[str]:
    names = (pattern.format(number) for number in range(1000))
    return [name for name in names if split_of(name) == split][:count]


def built(language: str, name: str, folder: Path, source: Path) -> Collection:
    return Collection.open(build_collection(language, folder, name=name, source_folder=source))


# --- tiny sources -------------------------------------------------------------------------------------------------

(GNOME_TRAIN,) = ids("gnome-help/page{}", "train", 1)
GNOME_TEST = ids("gnome-help/page{}", "test", 3)


@pytest.fixture
def gnome(tmp_path: Path) -> Path:
    root = tmp_path / "gnome"
    pages = {
        GNOME_TRAIN: (
            "Change the colours",
            "वेगळे रंग निवडा",
            "Choose a colour you like.",
            "आवडता रंग येथे निवडा आता.",
        ),
        GNOME_TEST[0]: ("Leave a game", "खेळ सोडून जा", "Stop playing the game now.", "खेळणे आता लगेच थांबवा."),
        GNOME_TEST[1]: ("Draw a house", "Draw a house", "Use the brush to draw.", "Use the brush to draw."),
        GNOME_TEST[2]: (
            "Leave a match",
            "खेळ सोडून जा",
            "Stop the match right now.",
            "Stop the match right now.",
        ),
    }
    for page_id, (title, translated, text, translated_text) in pages.items():
        for code, heading, body in (("C", title, text), ("mr", translated, translated_text)):
            path = root / "usr/share/help" / code / f"{page_id}.page"
            path.parent.mkdir(parents=True, exist_ok=True)
            summary = f"About: {heading}."
            path.write_text(TOPIC.format(id="x", title=heading, summary=summary, text=body), encoding="utf-8")
    other_program = root / "usr/share/help/C/chess/index.page"
    other_program.parent.mkdir()
    other_program.write_text(TOPIC.format(id="x", title="Chess", summary="", text=""), encoding="utf-8")
    return root


def points(split: str, count: int) -> list[str]:
    """Characters whose documents are on one side of the split."""
    found = (chr(code) for code in range(0x1F400, 0x1F4FF))
    return [each for each in found if split_of(f"emoji/{ord(each):04x}") == split][:count]


@pytest.fixture
def emoji(tmp_path: Path) -> Path:
    first, second = points("test", 2)
    (third,) = points("train", 1)
    names = {
        "en": {
            first: ("old house", ["old house", "home", "roof"]),
            second: ("robot", []),
            third: ("snail", ["shell"]),
        },
        "sw": {first: ("nyumba kuukuu", ["nyumba"]), second: ("Robot", []), third: ("konokono", [])},
    }
    for code, entries in names.items():
        path = tmp_path / "emoji" / "annotations" / code / "annotations.json"
        path.parent.mkdir(parents=True)
        body: dict[str, object] = {
            character: {"tts": [name], "default": keywords} for character, (name, keywords) in entries.items()
        }
        body["#"] = {"default": ["nameless"]}
        path.write_text(json.dumps({"annotations": {"identity": {}, "annotations": body}}), encoding="utf-8")
    return tmp_path / "emoji"


@pytest.fixture
def terms(tmp_path: Path) -> Path:
    held_out = [int(page_id.split("/")[1]) for page_id in ids("term/{}", "test", 3)]
    train = [int(page_id.split("/")[1]) for page_id in ids("term/{}", "train", 2)]
    rows = [
        (held_out[0], "gizmo", "A named gizmo of bytes kept on a disk.", "faayilii"),
        (held_out[1], "hovel", "A place where other things are kept.", "ukaankaa"),
        (held_out[2], "key", "on the keyboard", "furtuu"),
        (train[0], "directory", "Where a system looks things up.", "Ukaankaa."),
        (train[1], "wobble", "To move from side to side.", ""),
    ]
    path = tmp_path / "terms" / "tech_mezgeb_qalat" / "terms.json"
    path.parent.mkdir(parents=True)
    fields = ("id", "english", "definition", "oromo", "amharic", "tigrigna")
    path.write_text(
        json.dumps([dict(zip(fields, (*row, "", ""), strict=True)) for row in rows]), encoding="utf-8"
    )
    return tmp_path / "terms"


def test_topic_is_read_without_what_is_no_text_of_the_page() -> None:
    page = TOPIC.format(
        id="x", title="A <em>good</em>\n  title", summary="Sum.", text="One\n   two."
    ).encode()
    title, texts = read_topic(page, "x.page")
    assert title == "A good title"
    assert texts == ["Sum.", "One two.", "Steps", "Press Ctrl Q, then Leave.", "inside", "bare"]


@pytest.mark.parametrize(
    ("data", "message"), [(b"<page>", "not well-formed"), (b"<html/>", "not a Mallard page")]
)
def test_damaged_topic_is_refused_by_name(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_topic(data, "guide/x.page")
    assert caught.value.where == "guide/x.page"


def test_gnome_collection_from_a_folder(gnome: Path, tmp_path: Path) -> None:
    collection = built("mr", "gnome-help", tmp_path / "c", gnome)
    assert [document.id for document in collection.documents] == sorted([GNOME_TRAIN, *GNOME_TEST])
    assert collection.name == "gnome-help"
    assert collection.queries("title", "train") == {GNOME_TRAIN: "वेगळे रंग निवडा"}
    assert collection.queries("title", "test") == {}, "one title is English, one names two pages"
    assert collection.queries("paragraph", "test") == {GNOME_TEST[0]: "खेळणे आता लगेच थांबवा."}
    assert collection.manifest.meta["counts"]["title"]["dropped"] == {
        "several pages have this title": 2,
        "title identical to the English": 1,
    }


def test_emoji_probe_from_a_folder(emoji: Path, tmp_path: Path) -> None:
    collection = built("sw", "cldr-probe", tmp_path / "c", emoji)
    first, second = (f"emoji/{ord(each):04x}" for each in points("test", 2))
    documents = {document.id: document for document in collection.documents}
    assert len(documents) == 3, "a character without a name is none"
    assert documents[first].full_text == "old house\nhome, roof"
    assert documents[second].full_text == "robot\n"
    assert collection.queries("title", "test") == {first: "nyumba kuukuu"}
    assert collection.queries("english-title", "test") == {first: "old house"}
    assert collection.manifest.meta["counts"]["title"]["dropped"] == {"title identical to the English": 1}
    assert "not search" in collection.manifest.meta["notice"]


def test_terms_from_a_folder_have_definitions_without_the_term_as_title(terms: Path, tmp_path: Path) -> None:
    collection = built("om", "ict-terms", tmp_path / "c", terms)
    gizmo = ids("term/{}", "test", 1)[0]
    assert {document.title for document in collection.documents} == {""}
    assert collection.queries("title", "test") == {gizmo: "faayilii"}, "ukaankaa is a hovel and a directory"
    assert collection.queries("english-title", "test") == {gizmo: "gizmo"}
    meta = collection.manifest.meta
    assert meta["counts"]["documents"] == {
        "before": 5,
        "after": 4,
        "dropped": {"no definition of 4 words": 1},
    }
    assert meta["counts"]["title"]["dropped"] == {"several pages have this title": 2}
    assert meta["documents_with_their_hidden_title"] == 1, "a gizmo is a named gizmo"


def test_a_kind_that_a_collection_lacks_is_a_teaching_error(terms: Path, tmp_path: Path) -> None:
    collection = built("om", "ict-terms", tmp_path / "c", terms)
    assert collection.query_kinds == ("title", "english-title")
    with pytest.raises(UnknownNameError, match="ict-terms has no such queries in Oromo"):
        collection.queries("paragraph", "test")


def test_another_collection_in_the_folder_is_not_taken_for_the_one_meant(
    terms: Path, emoji: Path, tmp_path: Path
) -> None:
    both = tmp_path / "both"
    both.mkdir()
    terms.rename(both / "terms")
    for code in ("en", "sw"):
        text = (emoji / "annotations" / code / "annotations.json").read_text(encoding="utf-8")
        target = both / "emoji" / "annotations" / code.replace("sw", "om") / "annotations.json"
        target.parent.mkdir(parents=True)
        target.write_text(text, encoding="utf-8")
    assert built("om", "ict-terms", tmp_path / "c", both).name == "ict-terms"
    assert built("om", "cldr-probe", tmp_path / "c", both).name == "cldr-probe"


@pytest.mark.parametrize(
    ("name", "file", "content"),
    [
        ("cldr-probe", "annotations/en/annotations.json", b'{"annotations": {}}'),
        ("cldr-probe", "annotations/sw/annotations.json", b"\xff"),
        ("cldr-probe", "annotations/sw/annotations.json", b'{"annotations": {"annotations": {"x": []}}}'),
    ],
)
def test_a_damaged_source_is_refused(
    name: str, file: str, content: bytes, emoji: Path, tmp_path: Path
) -> None:
    (emoji / file).write_bytes(content)
    with pytest.raises(InputError, match="not a CLDR annotation file") as caught:
        build_collection("sw", tmp_path / "c", name=name, source_folder=emoji)
    assert str(caught.value.where).endswith(file)
    assert not (tmp_path / "c").exists()


def test_terms_of_another_shape_are_refused(terms: Path) -> None:
    (terms / "tech_mezgeb_qalat" / "terms.json").write_text('[{"id": 1}]', encoding="utf-8")
    with pytest.raises(InputError, match="not the list of ICT terms"):
        ict_terms.read_terms(terms)


@pytest.mark.network
def test_what_does_not_exist_is_refused_with_what_does(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="gnome-help"):
        build_collection("om", tmp_path / "c", name="gnome")
    with pytest.raises(InputError, match=r"no list of ICT terms in Swahili[\s\S]*in Swahili: cldr-probe"):
        build_collection("sw", tmp_path / "c", name="ict-terms")
    with pytest.raises(InputError, match="no list of ICT terms in French"):
        held_out_terms("fr", "ict-terms")
    with pytest.raises(InputError, match="no GNOME help in Marathi in this folder"):
        build_collection("mr", tmp_path / "c", name="gnome-help", source_folder=tmp_path)


@pytest.mark.network
def test_held_out_text_of_every_collection_in_the_folder_is_a_reason(terms: Path) -> None:
    held_out = held_out_texts("om", terms)
    assert held_out.collections == ("ict-terms",), (
        "what is not in the folder is not held out, and that is said"
    )
    pairs = [
        Pair("1", "Gizmo.", "galmee", "s"),
        Pair("2", "thingamy", "FAAYILII", "s"),
        Pair("3", "wobble", "raafama", "s"),  # a term of the training split
        Pair("4", "hovel", "galmee", "s"),  # no query, for its translation names two; held out all the same
        Pair("5", "A place where other things are kept", "bakka", "s"),
    ]
    report = DropReport()
    assert [pair.id for pair in drop_leaking(pairs, held_out, report)] == ["3"]
    assert report.reasons == {
        "English side is a held-out title of ict-terms": 2,
        "foreign side is a held-out title of ict-terms": 1,
        "English side is a held-out paragraph of ict-terms": 1,
    }
    assert held_out_terms("om", "ict-terms", terms) == {"faayilii", "ukaankaa", "furtuu"}


def test_without_further_collections_the_reasons_are_as_before() -> None:
    assert HeldOut([]).reason(Pair("1", "file", "faayilii", "s")) is None
    assert HeldOut([]).collections == ()


def test_cli_builds_one_collection_and_shows_it(terms: Path, tmp_path: Path) -> None:
    runner, output = CliRunner(), tmp_path / "om"
    arguments = ["build", "om", "--collection", "ict-terms", "--output", str(output), "--from", str(terms)]
    done = runner.invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert [path.name for path in output.iterdir()] == ["ict-terms"]
    shown = runner.invoke(app, ["info", str(output)]).output
    for expected in ("collection ict-terms", "no definition of 4 words", "ELRC", "word for word: 1", "MIT"):
        assert expected in shown


# --- the real ones ------------------------------------------------------------------------------------------------


@pytest.mark.network
@pytest.mark.parametrize(
    ("code", "name", "documents", "low", "high"),
    [
        ("om", "cldr-probe", 1966, 400, 480),
        ("sw", "cldr-probe", 1966, 500, 600),
        ("am", "cldr-probe", 1966, 500, 600),
        ("om", "ict-terms", 2501, 600, 710),
        ("am", "ict-terms", 2501, 620, 730),
        ("mr", "gnome-help", 348, 60, 80),
    ],
)
def test_real_collection(code: str, name: str, documents: int, low: int, high: int) -> None:
    collection = Collection.open(build_collection(code, name=name))
    assert collection.name == name
    assert len(collection.documents) == pytest.approx(documents, rel=0.05)
    assert [each.id for each in collection.documents] == sorted({each.id for each in collection.documents})
    known_ids = {each.id for each in collection.documents}
    titles = {split: collection.queries("title", split) for split in SPLITS}
    assert low < len(titles["test"]) < high
    for split, queries in titles.items():
        assert {split_of(query) for query in queries} == {split}
        assert queries.keys() <= known_ids
        english = collection.queries("english-title", split)
        assert english.keys() == queries.keys()
        assert all(comparison_key(english[query]) != comparison_key(text) for query, text in queries.items())
        assert collection.qrels("title", split) == {query: {query: 1} for query in queries}
    keys = [comparison_key(text) for queries in titles.values() for text in queries.values()]
    assert len(keys) == len(set(keys)), "a query that names two documents has no one answer"
    meta = collection.manifest.meta
    assert meta["counts"]["title"]["before"] == len(keys) + sum(meta["counts"]["title"]["dropped"].values())
    assert all(meta["packages"].values())
    if name == "ict-terms":
        assert all(each.title == "" and len(words(each.text)) >= 4 for each in collection.documents)
        assert 500 < meta["documents_with_their_hidden_title"] < 800


@pytest.mark.network
@pytest.mark.parametrize(
    ("name", "codes"), [("cldr-probe", "om sw am"), ("ict-terms", "om am"), ("gnome-help", "mr de")]
)
def test_one_index_serves_every_language(name: str, codes: str) -> None:
    built_ones = [Collection.open(build_collection(code, name=name)) for code in codes.split()]
    assert len({each.manifest.files["documents.jsonl"] for each in built_ones}) == 1


@pytest.mark.network
def test_real_held_out_texts_and_terms_cover_every_held_out_query() -> None:
    held_out = held_out_texts("om")
    assert held_out.collections == ("ict-terms", "cldr-probe")
    for name in held_out.collections:
        collection = Collection.open(build_collection("om", name=name))
        terms_of_lexicon = held_out_terms("om", name)
        for split in ("development", "test"):
            english = collection.queries("english-title", split)
            for query, text in collection.queries("title", split).items():
                assert comparison_key(text) in terms_of_lexicon
                assert held_out.reason(Pair(query, english[query], "…", "s")) is not None
                assert held_out.reason(Pair(query, "…", text, "s")) is not None


def test_every_declared_language_is_in_the_package() -> None:
    declared = [language for language in known() if cldr.has_annotations(language)]
    assert len(declared) > 80
    assert all(len(cldr.read_annotations(language)) >= 100 for language in declared)


def test_collections_of_some_languages() -> None:
    assert collections_for(resolve("om")) == ["libreoffice-help", "ict-terms", "cldr-probe"]
    assert collections_for(resolve("mr")) == ["gnome-help", "cldr-probe"]
    assert collections_for(resolve("de")) == ["libreoffice-help", "gnome-help", "cldr-probe"]
    assert collections_for(resolve("yi")) == []
    assert collections_for(resolve("en")) == []
    kinds = {kind for source in COLLECTIONS.values() for kind in source.kinds}
    assert kinds == {"title", "paragraph", "english-title"}
    assert all({"title", "english-title"} <= set(source.kinds) for source in COLLECTIONS.values())
