"""What an engine searches with, as a model of mteb: ``pip install 'kivuko[mteb]'``.

mteb brings the documents of a task and judges what is found; they are encoded, indexed and searched as an engine's
are. mteb opens a model folder by itself (sentence-transformers' ``MultiVectorEncoder``), but reads queries and
documents with one model then, and knows no lexicon.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kivuko.artifact import hash_json, read_manifest
from kivuko.codeswitch import Lexicon
from kivuko.collections.document import Document
from kivuko.engine import Engine
from kivuko.engine.engine import EngineLike
from kivuko.errors import ArtifactError, InputError, names_missing_extra
from kivuko.languages import Language
from kivuko.ranking import ranked
from kivuko.retrieval.build import build_index
from kivuko.retrieval.search import Searcher, check_gloss, check_method
from kivuko.text import normalise

with names_missing_extra():
    from mteb.models.model_meta import ModelMeta, ScoringFunction

    from kivuko.models.encoder import Encoder, ModelLike

if TYPE_CHECKING:
    from mteb.types import CorpusDatasetType, QueryDatasetType, RetrievalOutputType, TopRankedDocumentsType

_TYPES = {
    "late-interaction": "late-interaction",
    "fusion": "hybrid",
    "bm25": "sparse",
    "lexicon-bm25": "sparse",
}


class SearchModel:
    """Searches the documents of mteb's retrieval and re-ranking tasks: an implementation of its ``SearchProtocol``.

    Of an instruction that a task has for its queries, the words are searched as the query's own, as mteb does for
    models that take none.

    Args:
        model: encodes the queries; None searches by words alone.
        document_model: encodes the documents, of a student its teacher; ``model`` itself by default.
        lexicon: translates the queries' words.
        method: ``bm25``, ``lexicon-bm25``, ``late-interaction`` or ``fusion``; by default what model and lexicon
            allow.
        weight: the model's share in a fusion, 0 to 1.
        gloss: see :class:`kivuko.retrieval.search.Searcher`.
        name: under which mteb keeps results.
        languages: of the documents, and of the queries, where they are known.

    Attributes:
        mteb_model_meta: what is known of it; the rest is None. Its revision names models, lexicon, method, weight
            and gloss, so that mteb never takes results of others for its own.

    Raises:
        UnknownNameError: no such method or model.
        InputError: the method lacks its model or lexicon.
        ArtifactError: a model or the lexicon is incomplete, or the two models do not share a vector space.
    """

    def __init__(
        self,
        model: ModelLike | None = None,
        *,
        document_model: ModelLike | None = None,
        lexicon: Lexicon | Path | str | None = None,
        method: str | None = None,
        weight: float = 0.5,
        gloss: float = 0.0,
        name: str | None = None,
        languages: Sequence[Language] = (),
    ) -> None:
        self.method = check_method(method, model is not None, lexicon is not None)
        self.gloss = check_gloss(gloss, lexicon is not None)
        self.weight, self.languages = weight, tuple(languages)
        self.lexicon = Lexicon.open(Path(lexicon)) if isinstance(lexicon, Path | str) else lexicon
        self.model = self.document_model = None
        if model is not None and self.method in ("late-interaction", "fusion"):
            self.model = Encoder.open(model)
            self.document_model = self.model if document_model is None else Encoder.open(document_model)
            if self.document_model.space != self.model.space:
                raise ArtifactError(
                    "these models do not share a vector space",
                    where=self.model.path,
                    got=f"documents of {self.document_model.path}",
                    remedy="give a student and the teacher that it was trained from",
                )
        self.mteb_model_meta = self._meta(name)
        self._searcher: Searcher | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @classmethod
    def of_engine(
        cls,
        engine: EngineLike,
        language: Language | str,
        *,
        method: str | None = None,
        name: str | None = None,
    ) -> SearchModel:
        """What an engine searches one of its languages with.

        Args:
            engine: its folder, or an open one; its own documents are not searched.
            language: what the tasks' queries are in.
            method: see the class; what the engine found best for the language by default.
            name: see the class.

        Raises:
            ArtifactError: there is no complete engine, or it does not have the language.
            UnknownNameError, InputError: see the class.
        """
        opened = Engine.open(engine)
        spoken, own = opened.language(language), opened.document_language
        way = opened.way(spoken, method)
        return cls(
            None if way.reader is None else opened.encoder(spoken, way.reader),
            document_model=None if way.reader is None else opened.encoder(own, "teacher"),
            lexicon=opened.lexicon(spoken),
            method=way.method,
            weight=way.weight,
            gloss=way.gloss,
            name=name or f"kivuko/{opened.path.absolute().name}-{spoken.tag}-{way.method}",
            languages=(own, spoken),
        )

    def index(self, corpus: CorpusDatasetType, **of_task: Any) -> None:
        """Encode and index a task's documents, in the place of those of the task before.

        Args:
            corpus: rows of ``id``, ``text`` and, perhaps, ``title``.
            of_task: what else mteb says; nothing of it changes how documents are read.

        Raises:
            InputError: there is no document, or an id comes twice.
        """
        documents = [
            Document(row["id"], normalise(row.get("title") or ""), normalise(row["text"])) for row in corpus
        ]
        # Held as long as it is searched: what is read of it is mapped into memory.
        self._folder = tempfile.TemporaryDirectory(prefix="kivuko-mteb-")
        path = Path(self._folder.name) / "index"
        if self.document_model is None:
            build_index(documents, None, path, kind="lexical")
        else:
            build_index(documents, self.document_model, path, passages=True)
        self._searcher = Searcher(
            path,
            model=self.model,
            lexicon=self.lexicon,
            method=self.method,
            weight=self.weight,
            gloss=self.gloss,
            language=self.languages[0] if self.languages else None,
        )

    def search(
        self,
        queries: QueryDatasetType,
        *,
        top_k: int,
        top_ranked: TopRankedDocumentsType | None = None,
        **of_task: Any,
    ) -> RetrievalOutputType:
        """Search the documents that were indexed.

        Args:
            queries: rows of ``id``, ``text`` and, perhaps, ``instruction``.
            top_k: documents a query.
            top_ranked: query id → ids of the only documents that are ranked, in re-ranking tasks.
            of_task: what else mteb says; nothing of it changes how queries are read.

        Returns:
            Query id → document id → score; in re-ranking tasks without documents that have no score.

        Raises:
            InputError: nothing was indexed before.
        """
        if self._searcher is None:
            raise InputError("there is nothing to search", expected="a call of index() before search()")
        asked = {row["id"]: normalise(f"{row['text']} {row.get('instruction') or ''}") for row in queries}
        if top_ranked is None:
            return self._searcher.rank(asked, depth=top_k)
        index = self._searcher.index
        # Documents without content are in no index.
        candidates = {query: [name for name in top_ranked[query] if index.has(name)] for query in asked}
        run = self._searcher.rerank(asked, candidates)
        return {
            query: {name: scores[name] for name in ranked(scores)[:top_k]} for query, scores in run.items()
        }

    def _meta(self, name: str | None) -> ModelMeta:
        models = [each for each in (self.model, self.document_model) if each is not None]
        made_of = [
            *(read_manifest(each.path, "model").hash for each in models),
            None if self.lexicon is None else {word: dict(of) for word, of in self.lexicon.entries.items()},
            [self.method, self.weight, *([self.gloss] if self.gloss else [])],
        ]
        known: dict[str, Any] = {
            "name": name
            or f"kivuko/{self.model.path.absolute().name if self.model else 'words'}-{self.method}",
            "revision": hash_json(made_of)[:12],
            "languages": [language.tag for language in dict.fromkeys(self.languages)] or None,
            "model_type": [_TYPES[self.method]],
            "use_instructions": False,
        }
        if self.model is not None:
            known |= {
                "framework": ["Sentence Transformers", "PyTorch"],
                "embed_dim": self.model.dimension,
                "max_tokens": self.model.length,
            }
        if self.method == "late-interaction":
            known["similarity_fn_name"] = ScoringFunction.MAX_SIM
        return ModelMeta.create_empty(overwrites=known)
