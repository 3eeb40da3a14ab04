"""An engine as a LangChain retriever: ``pip install 'kivuko[langchain]'``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, Field, field_validator

from kivuko.engine import Engine
from kivuko.engine.asking import ask, facts
from kivuko.errors import names_missing_extra
from kivuko.languages import Language

with names_missing_extra():
    from langchain_core.callbacks import CallbackManagerForRetrieverRun
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever


class KivukoRetriever(BaseRetriever):
    """The best documents of an engine for a query in any of its languages.

    A document's ``page_content`` is its title and the passage that was found (all of its text where words alone found
    it), its ``metadata`` what :func:`kivuko.engine.asking.facts` says. Each call is answered by the engine as it then
    is. ``ainvoke`` and ``abatch`` search in threads, which may share one engine.

    Attributes:
        engine: its folder, or an open one.
        language: what queries are in; guessed for each by default.
        top: documents wanted, at least 1.
        where: field → value or values; only documents whose metadata have one of them for every field.
        method: ``bm25``, ``lexicon-bm25``, ``late-interaction`` or ``fusion``; what the engine found best for the
            language by default.

    Raises:
        ArtifactError: there is no complete engine, or it does not have the language.
        InputError: a query is empty, or the method lacks its model or lexicon.
        UnknownNameError: no such language or method, or no document has a field that ``where`` names.
    """

    model_config = ConfigDict(extra="forbid")

    engine: Engine
    language: Language | str | None = None
    top: int = Field(default=10, ge=1)
    where: Mapping[str, Any] | None = None
    method: str | None = None

    @field_validator("engine", mode="before")
    @classmethod
    def _open(cls, engine: Any) -> Engine:
        return Engine.open(engine)

    def model_post_init(self, context: Any) -> None:
        """Refuse a language that the engine does not have, before the first query."""
        super().model_post_init(context)
        if self.language is not None:
            self.engine.language(self.language)

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        found = ask(
            self.engine, query, language=self.language, top=self.top, where=self.where, method=self.method
        )
        return [Document(id=hit.id, page_content=hit.passage, metadata=facts(hit, found)) for hit in found]
