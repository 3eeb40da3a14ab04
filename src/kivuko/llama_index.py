"""An engine as a LlamaIndex retriever: ``pip install 'kivuko[llama-index]'``."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from kivuko.engine import Engine
from kivuko.engine.asking import ask, facts, require_some
from kivuko.engine.engine import EngineLike
from kivuko.errors import names_missing_extra
from kivuko.languages import Language

with names_missing_extra():
    from llama_index.core.base.base_retriever import BaseRetriever
    from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode


class KivukoRetriever(BaseRetriever):
    """The best documents of an engine for a query in any of its languages, each as a node with its score.

    A node's text is the document's title and the passage that was found (all of its text where words alone found it),
    its id the document's, its metadata what :func:`kivuko.engine.asking.facts` says; a language model is shown those
    of the document, and not how it was found. Each call is answered by the engine as it then is; ``aretrieve``
    searches in a thread.

    Args:
        engine: its folder, or an open one.
        language: what queries are in; guessed for each by default.
        top: documents wanted, at least 1.
        where: field → value or values; only documents whose metadata have one of them for every field.
        method: ``bm25``, ``lexicon-bm25``, ``late-interaction`` or ``fusion``; what the engine found best for the
            language by default.
        options: of LlamaIndex's own retrievers, such as ``callback_manager``.

    Raises:
        ArtifactError: there is no complete engine, or it does not have the language.
        InputError: no document is wanted, a query is empty, or the method lacks its model or lexicon.
        UnknownNameError: no such language or method, or no document has a field that ``where`` names.
    """

    def __init__(
        self,
        engine: EngineLike,
        *,
        language: Language | str | None = None,
        top: int = 10,
        where: Mapping[str, object] | None = None,
        method: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        require_some(top)
        self.engine = Engine.open(engine)
        if language is not None:
            self.engine.language(language)
        self.language, self.top, self.where, self.method = language, top, where, method

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        found = ask(
            self.engine,
            query_bundle.query_str,
            language=self.language,
            top=self.top,
            where=self.where,
            method=self.method,
        )
        return [
            NodeWithScore(
                node=TextNode(
                    id_=hit.id,
                    text=hit.passage,
                    metadata=own,
                    excluded_llm_metadata_keys=[name for name in own if name not in hit.document.metadata],
                    excluded_embed_metadata_keys=list(own),
                ),
                score=hit.score,
            )
            for hit, own in ((hit, facts(hit, found)) for hit in found)
        ]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._retrieve, query_bundle)
