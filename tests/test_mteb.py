"""mteb evaluates what an engine searches with, on tasks that are in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import mteb
import pytest
from datasets import Dataset
from mteb.abstasks.retrieval import AbsTaskRetrieval
from mteb.abstasks.task_metadata import TaskMetadata

from kivuko.engine import Engine
from kivuko.engine.languages import LanguageParts
from kivuko.errors import ArtifactError, InputError, UnknownNameError
from kivuko.mteb import SearchModel
from service import DOCUMENTS, lexical_engine
from test_engine import SETTINGS, dictionary, documents
from tiny import made_up_pairs

pytestmark = pytest.mark.slow  # importing mteb takes some ten seconds


class MadeUp(AbsTaskRetrieval):
    """Three Oromo queries over the tests' English documents."""

    metadata = TaskMetadata(
        name="MadeUp",
        description="Made up for the tests.",
        reference=None,
        dataset={"path": "none", "revision": "1"},
        type="Retrieval",
        category="t2t",
        modalities=["text"],
        eval_splits=["test"],
        eval_langs=["orm-Latn"],
        main_score="ndcg_at_10",
        date=("2026-01-01", "2026-01-01"),
        domains=["Written"],
        task_subtypes=[],
        license="cc0-1.0",
        annotations_creators="derived",
        dialect=[],
        sample_creation="created",
        bibtex_citation="",
    )
    top_ranked: ClassVar[dict[str, list[str]] | None] = None

    def load_data(self, **_: Any) -> None:
        self.dataset = {
            "default": {
                "test": {
                    "corpus": Dataset.from_list(
                        [{"id": each.id, "title": each.title, "text": each.text} for each in DOCUMENTS]
                    ),
                    "queries": Dataset.from_list(
                        [
                            {"id": "q1", "text": "faayilii banuu"},
                            {"id": "q2", "text": "fuula maxxansuu"},
                            {"id": "q3", "text": "gabatee"},
                        ]
                    ),
                    "relevant_docs": {"q1": {"open": 1}, "q2": {"print": 1}, "q3": {"table": 1}},
                    "top_ranked": self.top_ranked,
                }
            }
        }
        self.data_loaded = True


class Reranked(MadeUp):
    """The same with candidates, of which one query's lack the right one."""

    metadata = MadeUp.metadata.model_copy(update={"name": "Reranked", "type": "Reranking"})
    top_ranked: ClassVar = {"q1": ["print", "open"], "q2": ["table", "print"], "q3": ["open", "print"]}


def score(model: SearchModel, task: AbsTaskRetrieval) -> float:
    (result,) = mteb.evaluate(model, tasks=[task], cache=None, show_progress_bar=False).task_results
    return float(result.get_score())


def test_mteb_judges_an_engine_of_words_and_reranks_with_it(tmp_path: Path) -> None:
    engine = lexical_engine(tmp_path / "engine")
    model = SearchModel.of_engine(engine, "Oromo")
    assert isinstance(model, mteb.SearchProtocol)
    assert score(model, MadeUp()) == 1.0
    assert score(model, Reranked()) == pytest.approx(2 / 3, abs=1e-4)
    assert score(SearchModel.of_engine(engine, "om", method="bm25"), MadeUp()) == 0.0
    meta = model.mteb_model_meta
    assert (meta.name, meta.languages) == ("kivuko/engine-orm-Latn-lexicon-bm25", ["eng-Latn", "orm-Latn"])
    assert meta.model_type == ["sparse"]
    assert meta.revision != SearchModel.of_engine(engine, "km").mteb_model_meta.revision
    assert meta.open_weights is meta.license is meta.training_datasets is None  # nobody said


def test_queries_are_read_by_the_student_and_documents_by_its_teacher(
    tmp_path: Path, tiny_teacher: Path, other_tiny_encoder: Path
) -> None:
    engine = Engine.create(tmp_path / "engine", documents(), model=tiny_teacher)
    engine.add_language("om", LanguageParts(pairs=made_up_pairs(60), lexicon=dictionary(), settings=SETTINGS))
    corpus = Dataset.from_list(
        [{"id": each.id, "title": each.title, "text": each.text} for each in documents()]
    )
    queries = Dataset.from_list([{"id": "q", "text": "bani kuusa"}, {"id": "r", "text": "maxxi fuula"}])
    for method in ("late-interaction", "fusion", "lexicon-bm25"):
        model = SearchModel.of_engine(engine, "om", method=method)
        model.index(corpus)
        found = model.search(queries, top_k=5)
        for query in ("q", "r"):
            text = queries["text"][list(queries["id"]).index(query)]
            hits = engine.search(text, language="om", top=5, way=engine.way("om", method))
            assert list(found[query]) == [hit.id for hit in hits], method
            assert list(found[query].values()) == pytest.approx([hit.score for hit in hits], rel=1e-5)
    assert score(SearchModel(tiny_teacher), MadeUp()) > 0
    meta = SearchModel(tiny_teacher).mteb_model_meta
    assert (meta.model_type, meta.embed_dim, meta.languages) == (["late-interaction"], 32, None)

    from kivuko.training.teacher import untrained_teacher

    stranger = untrained_teacher(str(other_tiny_encoder), [pair.english for pair in made_up_pairs(40)])
    with pytest.raises(ArtifactError, match="share a vector space"):
        SearchModel(tiny_teacher, document_model=stranger)


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    engine = lexical_engine(tmp_path / "engine")
    with pytest.raises(ArtifactError, match="does not know Swahili"):
        SearchModel.of_engine(engine, "sw")
    with pytest.raises(UnknownNameError, match="bm52"):
        SearchModel(method="bm52")
    with pytest.raises(InputError, match="needs a model"):
        SearchModel(method="fusion")
    queries = Dataset.from_list([{"id": "q", "text": "file"}])
    with pytest.raises(InputError, match="nothing to search"):
        SearchModel().search(queries, top_k=5)


def test_an_instruction_and_documents_without_a_title_are_read() -> None:
    model = SearchModel()
    model.index(Dataset.from_list([{"id": "a", "text": "a file"}, {"id": "b", "text": "a page"}]))
    asked = [
        {"id": "q", "text": "nothing", "instruction": "file"},
        {"id": "r", "text": "", "instruction": None},
    ]
    assert list(model.search(Dataset.from_list(asked), top_k=5)["q"]) == ["a"]
    assert model.search(Dataset.from_list(asked), top_k=5)["r"] == {}
