"""PyTerrier's transformers over an engine: frames in and out, and what PyTerrier does with any transformer."""

from __future__ import annotations

import pickle
from pathlib import Path

import pandas as pd
import pyterrier as pt
import pytest

from kivuko.collections.document import Document
from kivuko.engine import Engine
from kivuko.engine.languages import LanguageParts
from kivuko.errors import ArtifactError, InputError, UnknownNameError
from kivuko.pyterrier import Reranker, Retriever
from service import lexical_engine
from test_engine import dictionary, documents


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return lexical_engine(tmp_path_factory.mktemp("pyterrier") / "engine")


def topics(**queries: str) -> pd.DataFrame:
    return pd.DataFrame(list(queries.items()), columns=["qid", "query"])


def test_a_query_frame_becomes_a_result_frame_as_the_engine_ranks(engine: Engine) -> None:
    asked = topics(q2="fuula maxxansuu", q1="ឯកសារ", q3="hin jiru")
    asked["topic_language"] = ["om", "km", "om"]
    found = Retriever(engine)(asked)
    assert list(found.columns) == ["qid", "query", "topic_language", "docno", "score", "rank"]
    assert list(found["qid"].unique()) == ["q2", "q1"]  # a query without documents has no row
    for qid, rows in found.groupby("qid"):
        hits = engine.search(rows["query"].iloc[0], top=1000)
        assert rows["docno"].tolist() == [hit.id for hit in hits], qid
        assert rows["score"].tolist() == [hit.score for hit in hits]
        assert rows["rank"].tolist() == list(range(len(hits)))


def test_each_query_is_in_the_language_that_its_row_or_the_retriever_says(engine: Engine) -> None:
    asked = topics(q1="fuula", q2="fuula", q3="fuula")
    asked["language"] = ["om", "en", None]
    assert set(Retriever(engine, language="English")(asked)["qid"]) == {"q1"}
    assert set(Retriever(engine)(asked)["qid"]) == {"q1", "q3"}  # it is guessed
    with pytest.raises(ArtifactError, match="does not know Swahili"):
        Retriever(engine)(asked.assign(language="sw"))


def test_fields_filters_and_the_number_of_documents(engine: Engine) -> None:
    asked = topics(q="fuula faayilii")
    found = Retriever(engine, fields=["text", "title", "year"], where={"year": [2021, 2020]})(asked)
    assert found["text"].tolist() == [engine.document(each).text for each in found["docno"]]
    assert found["year"].tolist() == [engine.document(each).metadata["year"] for each in found["docno"]]
    assert len(Retriever(engine, num_results=1)(asked)) == 1
    assert set(Retriever(engine, where={"year": 2020})(asked)["docno"]) == {"open"}
    assert Retriever(engine, fields=["year"])(topics(q="alert"))["year"].tolist() == [None]


def test_what_cannot_be_is_refused(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least 1"):
        Retriever(engine, num_results=0)
    with pytest.raises(ArtifactError, match="does not know Swahili"):
        Reranker(engine, language="sw")
    with pytest.raises(UnknownNameError, match="yaer"):
        Retriever(engine, fields=["yaer"])
    with pytest.raises(UnknownNameError, match="bm52"):
        Retriever(engine, method="bm52")(topics(q="file"))
    with pytest.raises(ArtifactError):
        Retriever(tmp_path / "nothing")
    with pytest.raises(InputError, match="qid q2"):
        Retriever(engine)(topics(q1="file", q2=" \u00a0 "))
    with pytest.raises(InputError, match="qid q1"):
        Retriever(engine)(pd.DataFrame({"qid": ["q1"], "query": [float("nan")]}))
    with pytest.raises(InputError, match="a query comes twice"):
        Retriever(engine)(pd.concat([topics(q="file"), topics(q="page")]))
    with pytest.raises(pt.validate.InputValidationError):
        Retriever(engine)(topics(q="file").assign(docno="open"))
    with pytest.raises(pt.validate.InputValidationError):
        Retriever(engine)(pd.DataFrame({"qid": ["q"]}))


def test_frames_without_rows_keep_their_columns(engine: Engine) -> None:
    empty = Retriever(engine, fields=["text"])(topics())
    assert list(empty.columns) == ["qid", "query", "docno", "score", "rank", "text"]
    assert len(empty) == len(Retriever(engine)(topics(q="hin jiru"))) == 0
    assert list(Reranker(engine)(empty).columns) == ["qid", "query", "docno", "text", "score", "rank"]


def test_pyterrier_inspects_composes_pickles_and_scores_them(engine: Engine) -> None:
    retriever, reranker = Retriever(engine, language="om"), Reranker(engine, language="om")
    asked = topics(q1="faayilii banuu", q2="fuula maxxansuu")
    columns = ["qid", "query", "docno", "score", "rank"]
    assert pt.inspect.transformer_inputs(retriever) == [["qid", "query"]]
    assert pt.inspect.transformer_outputs(retriever, ["qid", "query"]) == columns
    assert set(pt.inspect.transformer_outputs(reranker, columns)) == set(columns)
    assert [each.name for each in pt.inspect.transformer_attributes(reranker)] == [
        "engine",
        "language",
        "method",
    ]

    assert len((retriever % 1)(asked)) == 2
    assert len((retriever % 0)(asked)) == 0
    both = (retriever | Retriever(engine, method="bm25")) >> reranker
    assert both(asked).groupby("qid")["docno"].first().to_dict() == {"q1": "open", "q2": "print"}
    assert len((2 * retriever + retriever)(asked)) == len(retriever(asked))
    assert retriever.search("faayilii banuu")["docno"].iloc[0] == "open"
    assert retriever([{"qid": "1", "query": "faayilii"}])[0]["docno"] == "open"

    copied = pickle.loads(pickle.dumps(retriever))
    pd.testing.assert_frame_equal(copied(asked), retriever(asked))

    qrels = pd.DataFrame({"qid": ["q1", "q2"], "docno": ["open", "print"], "label": [1, 1]})
    scores = pt.Experiment([retriever, both], asked, qrels, ["ndcg_cut_10"], names=["first", "second"])
    assert scores["ndcg_cut_10"].tolist() == [1.0, 1.0]


def test_a_reranker_scores_what_another_found(engine: Engine) -> None:
    rows = pd.DataFrame(
        {
            "qid": ["b", "a", "b", "b", "a"],
            "query": ["fuula maxxansuu", "faayilii", "fuula maxxansuu", "fuula maxxansuu", "faayilii"],
            "docno": ["table", "open", "evil/<1>", "print", "print"],
            "score": 1.0,
            "rank": [0, 0, 1, 2, 1],
            "kept": range(5),
        },
        index=[7, 7, 3, 2, 1],
    )
    found = Reranker(engine)(rows)
    assert found[["qid", "docno", "rank", "kept"]].to_numpy().tolist() == [
        ["b", "print", 0, 3], ["b", "evil/<1>", 1, 2], ["b", "table", 2, 0],
        ["a", "open", 0, 1], ["a", "print", 1, 4],
    ]  # fmt: skip
    searched = {hit.id: hit.score for hit in engine.search("fuula maxxansuu")}
    assert found["score"].tolist()[0] == searched["print"]
    assert found["score"].tolist()[2] == 0  # shares no word
    assert rows.columns.tolist()[3:5] == ["score", "rank"]  # the frame that was given is left alone

    for stranger in ("nowhere", 17):
        with pytest.raises(InputError, match=str(stranger)):
            Reranker(engine)(rows.assign(docno=stranger))
    with pytest.raises(InputError, match="several queries"):
        Reranker(engine)(rows.assign(query=["a", "b", "c", "d", "e"]))
    with pytest.raises(pt.validate.InputValidationError):
        Reranker(engine)(topics(q="file"))


def test_a_student_reranks_with_the_scores_it_searches_with(tmp_path: Path, tiny_teacher: Path) -> None:
    engine = Engine.create(tmp_path / "engine", documents(), model=tiny_teacher)
    engine.add_language("om", LanguageParts(student=tiny_teacher, lexicon=dictionary()))
    asked = topics(q="bani kuusa", r="maxxi fuula")
    searched = Retriever(engine, language="om", method="late-interaction")(asked)
    assert len(searched) == 2 * len(documents())
    words = Retriever(engine, language="om", method="lexicon-bm25", num_results=7)
    reranked = (words >> Reranker(engine, language="om", method="late-interaction"))(asked)
    expected = searched.merge(words(asked)[["qid", "docno"]], on=["qid", "docno"])
    pd.testing.assert_frame_equal(
        reranked[["qid", "docno", "score"]], expected[["qid", "docno", "score"]], rtol=1e-5
    )


def test_an_engine_that_changes_is_seen(tmp_path: Path) -> None:
    engine = lexical_engine(tmp_path / "engine")
    retriever = Retriever(tmp_path / "engine")
    assert set(retriever.search("table")["docno"]) == {"table"}
    engine.add([Document("more", "A table", "")])
    assert set(retriever.search("table")["docno"]) == {"table", "more"}
