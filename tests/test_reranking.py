"""Re-ranking: the order is the model's at the top and the former one below, whatever the batches."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch

from kivuko.collections.collection import Document
from kivuko.errors import InputError, UnknownNameError
from kivuko.ranking import Run, ranked
from kivuko.retrieval.build import build_index
from kivuko.retrieval.index import Index
from kivuko.retrieval.reranking import RerankReport, open_cross_encoder, rerank, what_was_found
from kivuko.retrieval.search import Searcher
from tiny import ENGLISH, build_cross_encoder

QUERIES = {"q1": "open the file", "q2": "red table", "blank": " "}
DOCUMENTS = {
    f"d{number:02d}": " ".join(ENGLISH[(number * 5 + i) % len(ENGLISH)] for i in range(1 + number * 3 % 11))
    for number in range(20)
}
RUN: Run = {
    query: {document: 1 / (1 + (number * 7 + len(query)) % 20) for number, document in enumerate(DOCUMENTS)}
    for query in ("q1", "q2")
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_cross_encoder(tmp_path_factory.mktemp("cross-encoder"))


@pytest.fixture(scope="module")
def encoder(folder: Path) -> Any:
    return open_cross_encoder(folder)


def alone(encoder: Any, query: str, document: str) -> float:
    score = encoder.predict([(query, document)], activation_fn=torch.nn.Identity())
    return float(score[0])


def test_order_is_the_models_at_the_top_and_the_former_below(encoder: Any) -> None:
    report = RerankReport()
    found = rerank(RUN, QUERIES, DOCUMENTS, encoder, depth=6, report=report)
    assert report == RerankReport(pairs=12)
    for query, former in RUN.items():
        top, rest = ranked(former)[:6], ranked(former)[6:]
        expected = {name: alone(encoder, QUERIES[query], DOCUMENTS[name]) for name in top}
        assert {name: found[query][name] for name in top} == pytest.approx(expected, abs=1e-5)
        assert ranked(found[query]) == list(found[query]) == [*ranked(expected), *rest]
        assert ranked(expected) != top  # else nothing was tested


def test_batches_change_nothing(encoder: Any) -> None:
    runs = [rerank(RUN, QUERIES, DOCUMENTS, encoder, depth=20, batch_size=size) for size in (1, 3, 7, 64)]
    for first, second in itertools.pairwise(runs):
        for query in RUN:
            assert list(first[query]) == list(second[query])
            assert first[query] == pytest.approx(second[query], abs=1e-5)


def test_equal_texts_are_ordered_by_id(encoder: Any) -> None:
    documents = {"b": "save page", "a": "save page", "c": "a far longer page of text to print"}
    run: Run = {"q1": {"b": 3.0, "a": 2.0, "c": 1.0}}
    found = rerank(run, QUERIES, documents, encoder, batch_size=1)
    assert found["q1"]["a"] == found["q1"]["b"]
    assert list(found["q1"]).index("a") + 1 == list(found["q1"]).index("b")


def test_what_has_no_text_stays_where_it_was_and_is_counted(encoder: Any) -> None:
    run: Run = {
        "blank": {"d01": 1.0, "d02": 1.5},
        "q1": {"empty": 9.0, "d03": 8.0, "d04": 7.0},
        "q2": {},
        "only": {"empty": 2.0},
    }
    report = RerankReport()
    texts = DOCUMENTS | {"empty": "\n"}
    found = rerank(run, QUERIES | {"only": "page"}, texts, encoder, depth=2, report=report)
    assert report == RerankReport(pairs=1, queries_without_text=1, documents_without_text=2)
    assert found["blank"] == run["blank"]
    assert found["only"] == run["only"]
    assert found["q2"] == {}
    assert list(found["q1"]) == ["d03", "empty", "d04"]


def test_nothing_to_do_needs_no_model() -> None:
    assert rerank({}, {}, {}, "no-such-model") == {}
    assert rerank({"q": {}}, {"q": "x"}, {}, "no-such-model") == {"q": {}}


def test_a_long_document_is_read_where_it_was_found(encoder: Any, tiny_teacher: Path, tmp_path: Path) -> None:
    pages = [
        Document("long", "Print", "page " * 300 + "open the red window"),
        Document("short", "Open", "the file in a table"),
        Document("untitled", "", "green page"),
    ]
    index = Index.open(build_index(pages, tiny_teacher, tmp_path / "index", passages=True))
    found = Searcher(index, model=tiny_teacher).find({"q1": "open the red window"})
    begin, end = found.spans["q1"]["long"]
    assert end - begin < 1000 < begin  # it was found by its end
    read = what_was_found(index, found.spans)
    last = pages[0].full_text[begin:end]
    texts = {"long": f"Print\n{last}", "short": "Open\nthe file in a table", "untitled": "green page"}
    assert {name: read("q1", name).strip() for name in texts} == texts
    assert read("another query", "long") == pages[0].full_text
    report = RerankReport()
    new = rerank(found.run, QUERIES, read, encoder, report=report)["q1"]
    assert report == RerankReport(pairs=3)
    assert new == pytest.approx(
        {name: alone(encoder, QUERIES["q1"], texts[name]) for name in texts}, abs=1e-5
    )


def test_long_pairs_are_counted(encoder: Any) -> None:
    report = RerankReport()
    texts = {"short": "page", "long": "page " * 400, "copy": "page " * 400}
    rerank({"q1": dict.fromkeys(texts, 1.0)}, QUERIES, texts, encoder, report=report)
    assert report == RerankReport(pairs=3, cut=2)


def test_refusals(encoder: Any, tiny_encoder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"query without an entry[\s\S]*'q9'"):
        rerank({"q9": {"d01": 1.0}}, QUERIES, DOCUMENTS, encoder)
    with pytest.raises(InputError, match=r"document without an entry[\s\S]*'d99'"):
        rerank({"q1": {"d99": 1.0}}, QUERIES, DOCUMENTS, encoder)
    with pytest.raises(InputError, match="nothing to re-rank"):
        rerank(RUN, QUERIES, DOCUMENTS, encoder, depth=0)
    with pytest.raises(InputError, match=r"no cross-encoder[\s\S]*BertModel"):
        open_cross_encoder(tiny_encoder)
    with pytest.raises(InputError, match=r"several scores[\s\S]*3 labels"):
        open_cross_encoder(build_cross_encoder(tmp_path / "entailment", labels=3))
    with pytest.raises(UnknownNameError):
        open_cross_encoder("no-such-model")


def test_a_folder_that_sentence_transformers_saved(encoder: Any, tmp_path: Path) -> None:
    encoder.save_pretrained(str(tmp_path / "saved"), create_model_card=False)
    run: Run = {"q2": RUN["q2"]}
    saved = rerank(run, QUERIES, DOCUMENTS, tmp_path / "saved", depth=5)
    assert saved == rerank(run, QUERIES, DOCUMENTS, encoder, depth=5)
