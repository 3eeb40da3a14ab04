"""The files of the publishers themselves, where somebody has them: KIVUKO_ORIGINALS names their folder.

It has ``afriqa``, ``xquad``, ``tico-19`` and ``ntrex``, each laid out as its repository. The counts are those of the
collections that were derived from the same files, but for the passages of AfriQA: they are of three languages.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kivuko.benchmarks.importing import import_collection
from kivuko.collections.collection import Collection
from kivuko.languages import resolve
from kivuko.readers.bitext import read_pairs

ORIGINALS = os.environ.get("KIVUKO_ORIGINALS", "")
pytestmark = pytest.mark.skipif(not ORIGINALS, reason="KIVUKO_ORIGINALS does not name the publishers' files")

# Name → documents, and queries of each split.
COUNTS = {
    "afriqa/sw": (1_491, {"test": 295}),
    "afriqa/ha": (1_491, {"test": 300, "dev": 222, "train": 223}),
    "afriqa/yo": (1_491, {"test": 253, "train": 247}),
    "xquad/hi": (240, {"validation": 1_190}),
    "xquad/tr": (240, {"validation": 1_190}),
    "tico-19/om": (1_533, {"test": 1_533}),
    "tico-19/sw": (1_533, {"test": 1_533}),
    "ntrex/om": (1_997, {"test": 1_997}),
    "ntrex/km": (1_997, {"test": 1_997}),
    "ntrex/sw": (1_997, {"test": 1_997}),
    "ntrex-headlines/om": (465, {"test": 123}),
    "ntrex-headlines/km": (465, {"test": 123}),
    "ntrex-headlines/sw": (465, {"test": 123}),
}


@pytest.mark.parametrize("name", COUNTS)
def test_collections(tmp_path: Path, name: str) -> None:
    opened = Collection.open(import_collection(name, tmp_path / "out", folder=Path(ORIGINALS)))
    documents, queries = COUNTS[name]
    assert opened.language == resolve(name.partition("/")[2])
    assert opened.manifest.meta["document_languages"] == {"eng-Latn": documents}
    for kind in ("query", "english-query"):
        assert {split: len(opened.queries(kind, split)) for split in opened.splits} == queries


def test_the_other_documents_of_tico_19(tmp_path: Path) -> None:
    out = import_collection("tico-19/om", tmp_path / "out", folder=Path(ORIGINALS), split="train")
    assert len(Collection.open(out).queries("query", "train")) == 1_538


@pytest.mark.parametrize("language", ["om", "sw"])
def test_bitext_of_tico_19(language: str) -> None:
    pairs, report = read_pairs(Path(ORIGINALS) / f"tico-19/all.en-{language}.tmx.zip", language)
    assert report.before == 3_071
    assert len(pairs) > 3_000
