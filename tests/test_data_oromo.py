"""The real Oromo collection and bitext, through the user's cache. Counts are ranges: packages get updated."""

from __future__ import annotations

import functools
import hashlib

import pytest

from kivuko.collections.bitext import Bitext
from kivuko.collections.collection import Collection
from kivuko.collections.split import SPLITS, split_of
from kivuko.errors import UnknownNameError
from kivuko.languages import resolve
from kivuko.public.bitext import build_bitext
from kivuko.public.collections import build_collection
from kivuko.public.help_pages import load_pages
from kivuko.text import comparison_key, words

pytestmark = pytest.mark.network

KINDS = ("title", "paragraph", "english-title")


@functools.cache
def collection() -> Collection:
    return Collection.open(build_collection("om"))


@functools.cache
def bitext() -> Bitext:
    return Bitext.open(build_bitext("om"))


def test_documents_are_the_known_number_of_english_pages() -> None:
    documents = collection().documents
    assert 2400 < len(documents) < 2700
    assert [document.id for document in documents] == sorted({document.id for document in documents})
    lengths = sorted(len(document.full_text.split()) for document in documents)
    assert 230 < sum(lengths) / len(lengths) < 270
    assert 120 < lengths[len(lengths) // 2] < 150
    assert all(document.title or document.text for document in documents)


@pytest.mark.parametrize("position", [0, 1280, -1], ids=["first", "middle", "last"])
def test_documents_have_the_structure_of_a_page(position: int) -> None:
    document = collection().documents[position]
    module, *_, page = document.id.split("/")
    assert module in {
        "sbasic",
        "scalc",
        "sdatabase",
        "shared",
        "simpress",
        "smath",
        "swriter",
        "schart",
        "sdraw",
    }
    assert page
    assert "\n" not in document.title
    assert "<" not in document.title


def test_a_known_page_has_its_text_once() -> None:
    document = next(each for each in collection().documents if each.id == "swriter/guide/textdoc_inframe")
    assert hashlib.sha256(document.title.encode()).hexdigest()[:12] == "e6b8d10c1988"
    assert document.text.count(document.title) == 0
    assert 12 <= len(document.text.split("\n")) <= 24


def test_split_by_page_is_disjoint_and_has_the_shares_meant() -> None:
    sides = {document.id: split_of(document.id) for document in collection().documents}
    shares = [list(sides.values()).count(split) / len(sides) for split in SPLITS]
    assert shares == pytest.approx([0.6, 0.1, 0.3], abs=0.03)
    for kind in KINDS:
        by_split = [set(collection().queries(kind, split)) for split in SPLITS]
        assert all(
            sides[query] == split for split, ids in zip(SPLITS, by_split, strict=True) for query in ids
        )
        assert sum(map(len, by_split)) == len(set.union(*by_split))


def test_the_split_does_not_move() -> None:
    """Results of other versions stay comparable only if a page stays on its side."""
    sides = {
        "swriter/guide/textdoc_inframe": "train",
        "shared/01/02100000": "test",
        "scalc/01/12030100": "test",
        "shared/guide/insert_bitmap": "test",
    }
    assert {page: split_of(page) for page in sides} == sides


@pytest.mark.parametrize(
    ("kind", "low", "high"), [("title", 330, 420), ("paragraph", 390, 500), ("english-title", 330, 420)]
)
def test_queries_and_qrels(kind: str, low: int, high: int) -> None:
    queries, qrels = collection().queries(kind, "test"), collection().qrels(kind, "test")
    assert low < len(queries) < high
    assert list(queries) == sorted(queries) == list(qrels)
    ids = {document.id for document in collection().documents}
    assert all(judged == {query: 1} and query in ids for query, judged in qrels.items())
    if kind != "english-title":
        keys = [
            comparison_key(text) for split in SPLITS for text in collection().queries(kind, split).values()
        ]
        assert len(keys) == len(set(keys)), "a query that names two pages has no one answer"
    if kind == "paragraph":
        assert all(len(words(text)) >= 4 for text in queries.values())


def test_english_title_queries_are_the_title_queries_in_english() -> None:
    titles = {document.id: document.title for document in collection().documents}
    for split in SPLITS:
        english = collection().queries("english-title", split)
        assert english == {query: titles[query] for query in collection().queries("title", split)}
        assert all(english[query] != text for query, text in collection().queries("title", split).items())


def test_unknown_kind_and_split_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="english-title"):
        collection().queries("english title", "test")
    with pytest.raises(UnknownNameError, match="development"):
        collection().qrels("title", "dev")


def held_out_texts() -> set[str]:
    """Every title and paragraph of a development or test page, in English and Oromo."""
    pages = [*load_pages(resolve("en")).pages.values(), *load_pages(resolve("om")).pages.values()]
    return {
        comparison_key(text)
        for page in pages
        if split_of(page.id) != "train"
        for text in (page.title, *page.paragraphs.values())
    }


def test_no_training_pair_leaks_a_held_out_page() -> None:
    held_out = held_out_texts()
    assert len(held_out) > 10_000
    leaks = [
        pair.id
        for pair in bitext().pairs
        if comparison_key(pair.english) in held_out or comparison_key(pair.foreign) in held_out
    ]
    assert leaks == []
    counts = bitext().manifest.meta["counts"]
    for source in ("libreoffice-help", "libreoffice-l10n", "mediawiki"):
        assert counts[source]["dropped"]["English side is a held-out title"] > 0, (
            "the filter had something to do"
        )


def test_no_query_of_a_held_out_page_is_a_training_side() -> None:
    sides = {comparison_key(side) for pair in bitext().pairs for side in (pair.english, pair.foreign)}
    for kind in KINDS:
        for split in ("development", "test"):
            assert sides.isdisjoint(map(comparison_key, collection().queries(kind, split).values()))


def test_help_pairs_are_from_training_pages_only() -> None:
    pages = [
        pair.id.split(":")[1].split("#")[0] for pair in bitext().pairs if pair.source == "libreoffice-help"
    ]
    assert {split_of(page) for page in pages} == {"train"}


def test_training_titles_are_no_held_out_titles() -> None:
    titles = collection().training_titles()
    assert 1200 < len(titles) < 1562
    held_out = {comparison_key(d.title) for d in collection().documents if split_of(d.id) != "train"}
    assert all(split_of(page) == "train" and comparison_key(title) not in held_out for title, page in titles)


def test_bitext_counts_add_up_and_say_where_they_come_from() -> None:
    pairs, meta = bitext().pairs, bitext().manifest.meta
    assert 11_000 < len(pairs) < 18_000
    assert len({pair.id for pair in pairs}) == len(pairs) == meta["pairs"]
    for source, low, high in [
        ("libreoffice-help", 7_500, 11_000),
        ("libreoffice-l10n", 3_500, 6_000),
        ("mediawiki", 400, 1_500),
        ("gettext", 150, 600),
        ("udhr", 45, 60),
    ]:
        count = meta["counts"][source]
        assert low < count["after"] < high
        assert count["after"] == sum(pair.source == source for pair in pairs)
        assert count["before"] == count["after"] + sum(count["dropped"].values())
    assert set(meta["licences"].values()) == {"MPL-2.0", "GPL-2.0-or-later", "MIT"}
    assert "software" in meta["notice"]
    assert all(meta["packages"].values())


def test_building_again_does_no_work() -> None:
    for build, opened in ((build_collection, collection()), (build_bitext, bitext())):
        before = (opened.path / "manifest.json").stat().st_mtime_ns
        assert build("Oromo") == opened.path
        assert (opened.path / "manifest.json").stat().st_mtime_ns == before
