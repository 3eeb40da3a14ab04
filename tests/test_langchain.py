"""LangChain's retriever over an engine, called as LangChain calls any retriever."""

from __future__ import annotations

import asyncio
import copy
import pickle
from pathlib import Path

import pytest
from langchain_core.documents import Document
from langchain_core.runnables import RunnableLambda
from pydantic import ValidationError

from kivuko.engine import Engine
from kivuko.engine.languages import LanguageParts
from kivuko.errors import ArtifactError, InputError, UnknownNameError
from kivuko.langchain import KivukoRetriever
from service import lexical_engine
from test_engine import dictionary, documents


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return lexical_engine(tmp_path_factory.mktemp("langchain") / "engine")


def ids(found: list[Document]) -> list[str | None]:
    return [document.id for document in found]


def test_documents_come_with_what_was_found_and_how(engine: Engine) -> None:
    retriever = KivukoRetriever(engine=engine, top=1)
    (document,) = retriever.invoke("ឯកសារ បើក")
    assert document.page_content == "Opening a file\nChoose File - Open and pick the file to see."
    (hit,) = engine.search("ឯកសារ បើក", top=1)
    assert document.metadata == {
        "year": 2020,
        "id": "open",
        "title": "Opening a file",
        "score": hit.score,
        "passage": None,
        "query_language": "khm-Khmr",
    }
    assert KivukoRetriever(engine=engine).invoke("hin jiru") == []


def test_language_filter_and_method_are_those_asked_for(engine: Engine) -> None:
    assert ids(KivukoRetriever(engine=engine, language="om").invoke("gabatee")) == ["table"]
    assert KivukoRetriever(engine=engine, language="en").invoke("gabatee") == []
    assert KivukoRetriever(engine=engine, method="bm25").invoke("gabatee") == []
    where = {"year": [2020, 2019]}
    assert ids(KivukoRetriever(engine=str(engine.path), where=where).invoke("fuula faayilii")) == ["open"]


def test_it_is_a_runnable_among_others(engine: Engine) -> None:
    retriever = KivukoRetriever(engine=engine, top=1)
    queries = ["faayilii banuu", "አትም ገጽ", "جدول", "table"]
    expected = ["open", "print", "table", "table"]

    async def at_once() -> list[list[Document]]:
        assert ids(await retriever.ainvoke(queries[0])) == expected[:1]
        return await retriever.abatch(queries)

    assert [document.id for (document,) in retriever.batch(queries)] == expected
    assert [document.id for (document,) in asyncio.run(at_once())] == expected
    assert (retriever | RunnableLambda(ids)).invoke(queries[0]) == expected[:1]
    assert retriever.batch(["", "table"], return_exceptions=True)[1][0].id == "table"
    assert retriever.get_name() == "KivukoRetriever"
    for copied in (copy.deepcopy(retriever), pickle.loads(pickle.dumps(retriever))):
        assert copied.invoke(queries[0]) == retriever.invoke(queries[0])


def test_what_cannot_be_is_refused(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError):
        KivukoRetriever(engine=tmp_path / "nothing")
    with pytest.raises(ArtifactError, match="does not know Swahili"):
        KivukoRetriever(engine=engine, language="sw")
    with pytest.raises(UnknownNameError, match="klingon"):
        KivukoRetriever(engine=engine, language="klingon")
    for wrong in ({"top": 0}, {"tpo": 3}):
        with pytest.raises(ValidationError):
            KivukoRetriever(engine=engine, **wrong)
    retriever = KivukoRetriever(engine=engine)
    for empty in ("", " \n\u00a0"):
        with pytest.raises(InputError, match="the query is empty"):
            retriever.invoke(empty)
    with pytest.raises(UnknownNameError, match="did you mean year"):
        KivukoRetriever(engine=engine, where={"yaer": 1}).invoke("file")


def test_a_model_finds_passages_and_letters_typed_in_parts(tmp_path: Path, tiny_teacher: Path) -> None:
    engine = Engine.create(tmp_path / "engine", documents(), model=tiny_teacher)
    engine.add_language("om", LanguageParts(student=tiny_teacher, lexicon=dictionary()))
    retriever = KivukoRetriever(engine=engine, language="om", top=3)
    found = retriever.invoke("bani kuusa")
    assert len(found) == 3
    begin, end = found[0].metadata["passage"]
    assert found[0].page_content == engine.document(str(found[0].id)).full_text[begin:end]
    assert ids(retriever.invoke("bani  kuusa\u0301")) == ids(retriever.invoke("bani kuus\u00e1"))
