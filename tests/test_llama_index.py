"""LlamaIndex's retriever over an engine, called as LlamaIndex calls any retriever."""

from __future__ import annotations

import asyncio
import pickle
from pathlib import Path

import pytest
from llama_index.core.schema import MetadataMode, QueryBundle

from kivuko.engine import Engine
from kivuko.errors import ArtifactError, InputError, UnknownNameError
from kivuko.llama_index import KivukoRetriever
from service import lexical_engine


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return lexical_engine(tmp_path_factory.mktemp("llama-index") / "engine")


def test_nodes_come_with_score_text_and_how_they_were_found(engine: Engine) -> None:
    (first,) = KivukoRetriever(engine, top=1).retrieve("ឯកសារ បើក")
    (hit,) = engine.search("ឯកសារ បើក", top=1)
    assert (first.node_id, first.score) == ("open", hit.score)
    assert first.text == "Opening a file\nChoose File - Open and pick the file to see."
    assert first.metadata["query_language"] == "khm-Khmr"
    assert first.metadata["year"] == 2020
    shown = first.node.get_content(MetadataMode.LLM)
    assert shown.split("\n\n") == ["year: 2020", first.text]  # what a language model reads
    assert first.node.get_content(MetadataMode.EMBED) == first.text


def test_language_filter_method_and_number_are_those_asked_for(engine: Engine) -> None:
    def found(query: str, **options: object) -> list[str]:
        return [node.node_id for node in KivukoRetriever(engine, **options).retrieve(query)]

    assert found("gabatee", language="om") == ["table"]
    assert found("gabatee", language="en") == found("gabatee", method="bm25") == []
    assert found("fuula faayilii", where={"year": 2020}) == ["open"]
    assert len(found("fuula faayilii", top=1)) == 1


def test_queries_are_answered_in_threads_and_from_copies(engine: Engine) -> None:
    retriever = KivukoRetriever(engine.path, top=1, verbose=True)
    queries = ["faayilii banuu", "አትም ገጽ", "جدول", "table"]

    async def at_once() -> list[str]:
        found = await asyncio.gather(*(retriever.aretrieve(QueryBundle(query)) for query in queries))
        return [nodes[0].node_id for nodes in found]

    assert asyncio.run(at_once()) == ["open", "print", "table", "table"]
    assert pickle.loads(pickle.dumps(retriever.engine)).search("table", top=1)[0].id == "table"


def test_what_cannot_be_is_refused(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError):
        KivukoRetriever(tmp_path / "nothing")
    with pytest.raises(ArtifactError, match="does not know Swahili"):
        KivukoRetriever(engine, language="sw")
    with pytest.raises(InputError, match="at least 1"):
        KivukoRetriever(engine, top=0)
    with pytest.raises(TypeError, match="tpo"):
        KivukoRetriever(engine, tpo=3)
    with pytest.raises(InputError, match="the query is empty"):
        KivukoRetriever(engine).retrieve(" \n")
    with pytest.raises(InputError, match="the query is empty"):
        asyncio.run(KivukoRetriever(engine).aretrieve(""))
    with pytest.raises(UnknownNameError, match="did you mean year"):
        KivukoRetriever(engine, where={"yaer": 1}).retrieve("file")
