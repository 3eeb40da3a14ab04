"""The engine people hold: open it once, ask it in any of its languages, change its documents while others search."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kivuko.artifact import read_manifest
from kivuko.codeswitch import Lexicon
from kivuko.collections.document import Document
from kivuko.engine import queries
from kivuko.engine import state as layout
from kivuko.engine.languages import LanguageParts, add_language
from kivuko.engine.making import Keeping, make, make_around
from kivuko.engine.opened import Encoders, Opened, index_folder
from kivuko.engine.results import Results
from kivuko.engine.state import EngineLanguage, Reader, Way, change
from kivuko.errors import ArtifactError, InputError
from kivuko.languages import Language, resolve
from kivuko.retrieval.build import add_documents, add_shards, sync_documents
from kivuko.retrieval.filters import as_filter
from kivuko.retrieval.index import Index
from kivuko.retrieval.kinds import Kind
from kivuko.retrieval.search import Searcher
from kivuko.retrieval.shards import Shards

if TYPE_CHECKING:
    from rich.progress import Progress

    from kivuko.engine.quality import Quality
    from kivuko.models.encoder import Encoder, ModelLike
    from kivuko.readers.feeds import Changes
    from kivuko.retrieval.scanners import Scanners


class Engine:
    """A search engine in one folder. Use :meth:`open` or :meth:`create`.

    What it holds open (index, models, lexicons) is opened once, when it is first needed; what another process changes
    is seen by the next call. Threads may share one.
    """

    def __init__(self, path: Path, also: Sequence[Path] = (), scanners: Scanners | None = None) -> None:
        self.path = path
        self._also = tuple(also)
        self._scanners = scanners
        self._opened: Opened | None = None
        self._encoders = Encoders()
        self._renewing = threading.Lock()

    def __reduce__(self) -> tuple[type[Engine], tuple[Path, tuple[Path, ...]]]:
        # A copy, in this process or another, opens the folder anew.
        return Engine, (self.path.absolute(), tuple(place.absolute() for place in self._also))

    @classmethod
    def open(
        cls, path: EngineLike, *, also: Sequence[Path | str] = (), scanners: Scanners | None = None
    ) -> Engine:
        """Open the engine in folder ``path``; an open one is returned as it is.

        Args:
            path: the engine's folder.
            also: further engine or index folders, parts of one collection: their documents are searched as if they
                were this engine's, in its languages, with the scores of one index of all; each is changed by itself.
            scanners: actors of a Ray cluster that scan the vectors of all of them, see
                :func:`scanners_of`; this process does by default.

        Raises:
            ArtifactError: no complete engine is there, or a part of it is damaged, or another was encoded by another
                model.
            InputError: two of them have a document of the same id.
        """
        if isinstance(path, Engine):
            return path
        engine = cls(Path(path), [Path(place) for place in also], scanners)
        engine._now()
        return engine

    @classmethod
    def create(
        cls,
        path: Path | str,
        documents: Sequence[Document] | Shards,
        *,
        kind: Kind = "exact",
        store: str | None = None,
        model: ModelLike | None = None,
        language: Language | str = "en",
        passages: bool = True,
        pooling: float = 1.0,
        progress: Progress | None = None,
    ) -> Engine:
        """Make documents searchable in their own language; others are added with :meth:`add_language`.

        A run that was killed goes on where it was when it is repeated.

        Args:
            path: the folder to write.
            documents: what can be found; ids are unique. Those that are encoded already keep the settings by which
                they were.
            kind: how vectors are kept, see :data:`kivuko.retrieval.kinds.KINDS`; ``"lexical"`` keeps none, and needs
                neither a model nor torch.
            store: address of a store that keeps them, see :func:`kivuko.retrieval.stores.open_store`.
            model: the late-interaction model that encodes the documents; the English teacher by default.
            language: what the documents are in.
            passages: whether a document longer than the model reads is found by its passages; else it is cut.
            pooling: tokens that become one vector on average, 1 to 16.
            progress: a rich display for the bars.

        Raises:
            InputError: no document, a repeated id, or ``kind`` and ``model`` do not go together.
            ArtifactError: an engine of other documents or settings, or something else, stands at ``path``; another
                model encoded the documents.
            StorageError: the disk is full; repeat the command when it is not.
        """
        path = Path(path)
        keeping = Keeping(kind, store, passages, pooling)
        make(path, documents, keeping, model=model, language=_spoken(language), progress=progress)
        return cls.open(path)

    @classmethod
    def of_index(
        cls, path: Path | str, index: Path, model: ModelLike | None, *, language: Language | str = "en"
    ) -> Engine:
        """An engine around an index that is ready.

        Args:
            path: the folder to write.
            index: an index folder; the engine gets one of its own, which shares the files as they stand now.
            model: the model that encoded its documents; None for an index of words alone.
            language: what the documents are in.

        Returns:
            The engine; one that stands at ``path`` is returned as it is.

        Raises:
            ArtifactError: the model is not the index's, or something else stands at ``path``.
            StorageError: the disk is full.
        """
        path = Path(path)
        make_around(path, index, model, _spoken(language))
        return cls.open(path)

    @property
    def index(self) -> Index:
        """The open index over the documents, as it stands now."""
        return self._now().index

    @property
    def document_language(self) -> Language:
        """What the documents are in."""
        return self._now().state.document_language

    @property
    def languages(self) -> dict[Language, EngineLanguage]:
        """The languages it can be asked in, the documents' own first, and how each is searched."""
        return {resolve(tag): facts for tag, facts in self._now().state.languages.items()}

    @property
    def generation(self) -> str:
        """Names the state of documents and languages; another one after every change."""
        return self._now().generation

    def search(
        self,
        query: str,
        *,
        language: Language | str | None = None,
        top: int = 10,
        where: Mapping[str, object] | None = None,
        explain: bool = False,
        way: Way | None = None,
    ) -> Results:
        """The best documents for a query.

        Args:
            query: text in any of the engine's languages.
            language: which one; guessed by default.
            top: documents wanted, at least 1.
            where: field → value or values; only documents whose metadata have one of them for every field.
            explain: whether each hit says which words of the query met which of its own.
            way: another way of searching than the one that was found best for the language.

        Returns:
            The hits, with the language and the way they were searched.

        Raises:
            ArtifactError: the engine does not have the language.
            UnknownNameError: no such language, or no document has a field that ``where`` names.
        """
        while True:
            now = self._now()
            try:
                spoken = now.guess(query) if language is None else now.language(language)
                searcher = now.searcher(spoken, way)
                found = searcher.find({"query": query}, depth=top, where=as_filter(where or {}))
                hits = searcher.hits(query, found, top=top, explain=explain)
            except (ArtifactError, OSError):
                # What was to be opened may be gone because another process has replaced it.
                if self._now() is now:
                    raise
            else:
                used = way or now.state.languages[spoken.tag].way
                guessed, truncated = language is None, bool(found.truncated)
                return Results(tuple(hits), spoken, guessed, used, now.generation, truncated)

    def guess(self, query: str) -> Language:
        """Which of the engine's languages a query is in, by its script, the lexicons' words and CLD2."""
        return self._now().guess(query)

    def searcher(self, language: Language | str, way: Way | None = None) -> Searcher:
        """What searches one language, held open: for many queries at once, or with another way of searching.

        Raises:
            ArtifactError: the engine does not have the language.
            InputError: the way needs a student or a lexicon that the language does not have.
        """
        now = self._now()
        return now.searcher(now.language(language), way)

    def way(
        self,
        language: Language | str,
        method: str | None = None,
        *,
        reader: Reader | None = None,
        weight: float | None = None,
        gloss: float | None = None,
    ) -> Way:
        """A way of searching a language: that which was found best for it, but for what is given.

        Args:
            language: one of the engine's.
            method: see :class:`kivuko.retrieval.search.Searcher`.
            reader: which model reads the queries, where the method needs one.
            weight: the model's share in a fusion.
            gloss: weight of the gloss beside the query; that which was found best with the method that was.

        Raises:
            ArtifactError: the engine does not have the language.
        """
        now = self._now()
        return now.way(now.language(language), method, reader, weight, gloss)

    def ways(self, language: Language | str) -> list[Way]:
        """All ways in which a language can be searched with what the engine has, that which was found best first."""
        now = self._now()
        return now.ways(now.language(language))

    def add_language(
        self,
        language: Language | str,
        parts: LanguageParts,
        *,
        progress: Progress | None = None,
    ) -> Quality | None:
        """Make the engine answer in another language; its index is not touched.

        A run that was killed goes on where it was when it is repeated. A language that is there already is replaced
        once the new one is complete.

        Args:
            language: what people will ask in.
            parts: translation pairs to learn it from, or a student and a lexicon that are ready.
            progress: a rich display for the bars.

        Returns:
            How good it is, see :meth:`check`; None where there was nothing to check it with.

        Raises:
            InputError: it is the documents' language, or there is nothing to learn it from.
            ArtifactError: the student is of another vector space, or another process adds this language.
            StorageError: the disk is full; the engine stays as it was.
        """
        spoken = _spoken(language)
        if spoken == self.document_language:
            raise InputError(
                f"the documents are in {spoken.name}: it is there already", where=self.path, got=spoken.short
            )
        from kivuko.engine.quality import Quality

        add_language(self, spoken, parts, progress=progress)
        quality = self._now().state.languages[spoken.tag].quality
        return None if quality is None else Quality.from_json(quality)

    def check(self, language: Language | str, *, progress: Progress | None = None) -> Quality | None:
        """Measure again how good a language is, and search it by what is best now.

        Returns:
            What was measured on pairs that training did not see; None where there are none.

        Raises:
            ArtifactError: the engine does not have the language.
        """
        from kivuko.engine.quality import measure

        spoken = self.language(language)
        facts = self._now().state.languages[spoken.tag]
        if facts.folder is None:
            return None
        quality = measure(self, spoken, self.path / facts.folder, progress=progress)
        if quality is not None:
            found = EngineLanguage(facts.folder, quality.way, quality.as_json())
            change(self.path, spoken.tag, lambda _: found)
        return quality

    def language(self, name: Language | str) -> Language:
        """One of the engine's languages, by any of its names.

        Raises:
            UnknownNameError: there is no such language.
            ArtifactError: the engine does not have it.
        """
        return self._now().language(name)

    def reader(self, language: Language) -> Reader | None:
        """Which model reads queries in a language, if one does: its student, else the documents' encoder."""
        return self._now().reader(language)

    def encoder(self, language: Language, reader: Reader) -> Encoder:
        """A model that the engine holds open.

        Raises:
            InputError: the language has no student.
        """
        return self._now().encoder(language, reader)

    def optimize(self, *, progress: Progress | None = None) -> dict[str, str | None]:
        """Make the query encoders that are not there, or are of another model or version.

        A search opens one in a fraction of the time that its model takes, and without torch; the vectors are the
        model's. An engine and its languages get theirs when they are made, where the extra ``onnx`` is installed.

        Args:
            progress: a rich display for the bars.

        Returns:
            Folder of each model within the engine → why it has none; None where it has one now.

        Raises:
            StorageError: the disk is full; the engine stays as it was.
        """
        found = {
            model.relative_to(self.path).as_posix(): queries.write(model, progress)
            for model in self._now().models()
        }
        self._encoders.clear()
        with self._renewing:
            self._opened = None
        return found

    def advice(self, language: Language, way: Way) -> str | None:
        """How searching so would begin in a fraction of the time; None where nothing would help."""
        if way.reader is None:
            return None
        return queries.advice(self._now().model_folder(language, way.reader), self.path)

    def lexicon(self, language: Language) -> Lexicon | None:
        """The lexicon of a language, held open; None where it has none."""
        return self._now().lexicon(language)

    def document(self, document_id: str) -> Document:
        """One document.

        Raises:
            KeyError: the engine has no such document.
        """
        return self.index.document(document_id)

    def add(
        self,
        documents: Sequence[Document] | Shards,
        *,
        replace: bool = False,
        progress: Progress | None = None,
    ) -> dict[str, int]:
        """Add documents; whoever searches meanwhile sees all of them or none.

        Args:
            documents: new ones; those that are encoded already, by the engine's model and settings.
            replace: whether one with the id of another takes its place.
            progress: a rich display for the bar.

        Returns:
            Counts of documents left out for want of content, and cut.

        Raises:
            InputError: an id comes twice, or is there already (without ``replace``).
            ArtifactError: another process is changing the index, or documents were encoded in another way.
            StorageError: the disk is full; the engine stays as it was.
        """
        index = self._own_index()
        if isinstance(documents, Shards):
            return add_shards(index, documents, replace=replace)
        model = None if index.space is None else self.encoder(self.document_language, "teacher")
        return add_documents(index, documents, model, replace=replace, progress=progress)

    def sync(
        self,
        documents: Sequence[Document] | Shards,
        *,
        delete: bool = False,
        progress: Progress | None = None,
    ) -> dict[str, int]:
        """Bring the engine to what documents are now; what has not changed is not encoded again.

        Args:
            documents: all that there are, or the same encoded already, by the engine's model and settings.
            delete: whether documents that are not among these are removed; they stay by default.
            progress: a rich display for the bar.

        Returns:
            How many were ``added``, ``replaced`` and ``unchanged``, how many others of the engine are ``missing``
            from these, and what :meth:`add` counts.

        Raises:
            InputError: an id comes twice.
            ArtifactError: another process is changing the index, or documents were encoded in another way.
            StorageError: the disk is full; repeat the call when it is not.
        """
        index = self._own_index()
        encodes = index.space is not None and not isinstance(documents, Shards)
        model = self.encoder(self.document_language, "teacher") if encodes else None
        return sync_documents(index, documents, model, delete=delete, progress=progress)

    def apply(self, changes: Changes, *, progress: Progress | None = None) -> dict[str, int]:
        """Make the changes of a feed; one that is made already is none.

        A run that was killed leaves none of them made, or all but the deletions; repeat it.

        Args:
            changes: of :func:`kivuko.readers.feeds.read_changes`.
            progress: a rich display for the bar.

        Returns:
            How many documents were ``added``, ``replaced``, ``unchanged`` and ``deleted``, and what :meth:`add`
            counts.

        Raises:
            ArtifactError: another process is changing the index.
            StorageError: the disk is full; repeat the call when it is not.
        """
        facts = dict.fromkeys(
            ("added", "replaced", "unchanged", "documents_without_content", "documents_truncated"), 0
        )
        if changes.documents:
            facts |= self.sync(changes.documents, progress=progress)
        there = [name for name in changes.deleted if self.index.has(name)]
        if there:
            self.delete(there)
        return facts | {"deleted": len(there)}

    def delete(self, ids: Sequence[str]) -> None:
        """Remove documents.

        Raises:
            InputError: the engine has no document of one of these ids; none is removed then.
            ArtifactError: another process is changing the index.
        """
        self._own_index().delete(ids)

    def compact(self) -> None:
        """Free the space of deleted documents.

        Raises:
            ArtifactError: another process is changing the index.
            StorageError: the disk is full; the index stays as it was.
        """
        self._own_index().compact()

    def _own_index(self) -> Index:
        """The index opened once more, to be changed: searches that run meanwhile keep the state they began with."""
        return Index.open(self.path / layout.INDEX)

    def verify(self) -> None:
        """Read every file and compare it with its checksum; see that a store has every passage.

        Raises:
            ArtifactError: a file is not what was written, or a store lacks a passage.
            StoreError: a store keeps the vectors, and does not answer.
        """
        self.index.verify()
        if (self.path / layout.TEACHER).is_dir():
            read_manifest(self.path / layout.TEACHER, "model", verify=True)
        for facts in self._now().state.languages.values():
            if facts.folder is not None:
                folder = self.path / facts.folder
                read_manifest(folder, layout.LANGUAGE_KIND, verify=True)
        for model in self._now().models():
            queries.verify(model)

    def info(self) -> dict[str, Any]:
        """What it holds: the index's facts, and of each language how it is searched, its parts and its quality.

        ``query_encoder`` of a language is that of the model which reads it: its ``bytes``, or why there is none.
        """
        languages = {}
        now = self._now()
        for tag, facts in now.state.languages.items():
            reader = now.reader(resolve(tag))
            folder = None if facts.folder is None else self.path / facts.folder
            languages[tag] = {
                "way": str(facts.way),
                "student": folder is not None and (folder / layout.STUDENT).is_dir(),
                "lexicon": folder is not None and (folder / layout.LEXICON).is_dir(),
                "query_encoder": None
                if reader is None
                else queries.facts(now.model_folder(resolve(tag), reader)),
                "quality": facts.quality,
                "made_from": None
                if folder is None
                else dict(read_manifest(folder, layout.LANGUAGE_KIND).meta["made_from"]),
            }
        return {
            "document_language": self.document_language.tag,
            "languages": languages,
            "index": self.index.info(),
        }

    def _now(self) -> Opened:
        with self._renewing:
            self._opened = Opened.now(self.path, self._encoders, self._opened, self._also, self._scanners)
            return self._opened


#: Whatever takes an engine takes these: its folder, or an open one.
EngineLike = Path | str | Engine


def scanners_of(
    path: Path | str, also: Sequence[Path | str] = (), *, replicas: int = 1, address: str | None = None
) -> Scanners:
    """Actors that scan the vectors of an engine and of others beside it, for :meth:`Engine.open`.

    Args:
        path: the engine's folder, under the same path on every node of the cluster, as are the others.
        also: as for :meth:`Engine.open`.
        replicas: actors for each folder, of one core each.
        address: of the Ray cluster; that of ``RAY_ADDRESS``, else a new one on this machine, by default.

    Raises:
        MissingExtraError: ray is not installed.
    """
    from kivuko.retrieval.scanners import Scanners

    indexes = [index_folder(Path(place)) for place in (path, *also)]
    return Scanners(indexes, replicas=replicas, address=address)


def _spoken(language: Language | str) -> Language:
    return resolve(language) if isinstance(language, str) else language
