"""The engine people hold: open it once, ask it in any of its languages, change its documents while others search."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from kivuko.artifact import MANIFEST, check_replaceable, exclusive, is_complete, read_manifest
from kivuko.codeswitch import Lexicon
from kivuko.collections.document import Document
from kivuko.engine import state as layout
from kivuko.engine.guess import guess
from kivuko.engine.languages import LanguageParts, add_language, place, place_model
from kivuko.engine.quality import Quality, measure
from kivuko.engine.state import EngineLanguage, EngineState, Reader, Way, change
from kivuko.errors import ArtifactError, InputError
from kivuko.languages import Language, resolve
from kivuko.retrieval.build import add_documents, build_index, documents_hash
from kivuko.retrieval.filters import as_filter
from kivuko.retrieval.index import Index
from kivuko.retrieval.kinds import Kind
from kivuko.retrieval.search import Hit, Searcher

if TYPE_CHECKING:
    from rich.progress import Progress

    from kivuko.models.encoder import Encoder, ModelLike


@dataclass(frozen=True)
class Results(Sequence[Hit]):
    """What a search found, best first, and how it was searched.

    Attributes:
        hits: the documents.
        language: what the query was taken to be in.
        guessed: whether nobody said so.
        way: by which models and words.
        truncated: whether the query is longer than the model reads, so that it searched by the query's beginning.
    """

    hits: tuple[Hit, ...]
    language: Language
    guessed: bool
    way: Way
    truncated: bool = False

    def __len__(self) -> int:
        return len(self.hits)

    @overload
    def __getitem__(self, number: int) -> Hit: ...

    @overload
    def __getitem__(self, number: slice) -> Sequence[Hit]: ...

    def __getitem__(self, number: int | slice) -> Hit | Sequence[Hit]:
        return self.hits[number]


class Engine:
    """A search engine in one folder. Use :meth:`open` or :meth:`create`.

    What it holds open (index, models, lexicons) is opened once, when it is first needed; what another process changes
    is seen by the next call.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamps: dict[str, tuple[int, int, int] | None] = {}
        self._index: Index | None = None
        self._state: EngineState | None = None
        self._encoders: dict[Path, Encoder] = {}
        self._searchers: dict[tuple[str, Way], Searcher] = {}
        self._lexicons: dict[Language, Lexicon | None] = {}

    @classmethod
    def open(cls, path: Path | str) -> Engine:
        """Open the engine in folder ``path``.

        Raises:
            ArtifactError: no complete engine is there, or a part of it is damaged.
        """
        engine = cls(Path(path))
        engine._refresh()
        return engine

    @classmethod
    def create(
        cls,
        path: Path | str,
        documents: Sequence[Document],
        *,
        kind: Kind = "exact",
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
            documents: what can be found; ids are unique.
            kind: how vectors are kept, see :data:`kivuko.retrieval.kinds.KINDS`; ``"lexical"`` keeps none, and needs
                neither a model nor torch.
            model: the late-interaction model that encodes the documents; the English teacher by default.
            language: what the documents are in.
            passages: whether a document longer than the model reads is found by its passages; else it is cut.
            pooling: tokens that become one vector on average, 1 to 16.
            progress: a rich display for the bars.

        Raises:
            InputError: no document, a repeated id, or ``kind`` and ``model`` do not go together.
            ArtifactError: an engine of other documents or settings, or something else, stands at ``path``.
            StorageError: the disk is full; repeat the command when it is not.
        """
        path = Path(path)
        spoken = resolve(language) if isinstance(language, str) else language
        check_replaceable(path, layout.KIND)
        if kind == "lexical" and model is not None:
            raise InputError("an engine of words alone has no use for a model", remedy="give another kind")
        building = path.with_name(f".{path.name}.creating")
        with exclusive(building):
            if is_complete(path):
                _require_same(path, documents, kind)
                return cls.open(path)
            teacher = None
            if kind != "lexical":
                teacher = place_model(_document_model(model, progress), building / layout.TEACHER)
            build_index(
                documents,
                teacher,
                building / layout.INDEX,
                kind=kind,
                passages=passages,
                pooling=pooling,
                progress=progress,
            )
            return cls._finish(building, path, spoken)

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
        check_replaceable(path, layout.KIND)
        building = path.with_name(f".{path.name}.creating")
        with exclusive(building):
            if is_complete(path):
                return cls.open(path)
            if model is not None:
                Index.open(index).require_space(model)
                place_model(model, building / layout.TEACHER)
            place(index, building / layout.INDEX, "index")
            spoken = resolve(language) if isinstance(language, str) else language
            return cls._finish(building, path, spoken)

    @classmethod
    def _finish(cls, building: Path, path: Path, language: Language) -> Engine:
        """Give an engine whose parts are there its state and its name."""
        has_model = (building / layout.TEACHER).is_dir()
        way = Way("late-interaction", "teacher") if has_model else Way("bm25")
        EngineState("", language, {language.tag: EngineLanguage(None, way)}).write(building)
        if path.is_dir():
            path.rmdir()  # empty, as was checked
        os.replace(building, path)
        return cls.open(path)

    @property
    def index(self) -> Index:
        """The open index over the documents, as it stands now."""
        self._refresh()
        assert self._index is not None
        return self._index

    @property
    def document_language(self) -> Language:
        """What the documents are in."""
        return self._current.document_language

    @property
    def languages(self) -> dict[Language, EngineLanguage]:
        """The languages it can be asked in, the documents' own first, and how each is searched."""
        return {resolve(tag): facts for tag, facts in self._current.languages.items()}

    @property
    def generation(self) -> str:
        """Names the state of documents and languages; another one after every change."""
        return f"{self._current.hash[:8]}-{self.index.manifest.hash[:8]}"

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
        spoken = self.language(language) if language is not None else self.guess(query)
        searcher = self.searcher(spoken, way)
        found = searcher.find({"query": query}, depth=top, where=as_filter(where or {}))
        hits = searcher.hits(query, found, top=top, explain=explain)
        used = way or self._current.languages[spoken.tag].way
        return Results(tuple(hits), spoken, language is None, used, bool(found.truncated))

    def guess(self, query: str) -> Language:
        """Which of the engine's languages a query is in, by its script, the lexicons' words and CLD2."""
        current = self._current
        lexicons = {resolve(tag): self.lexicon(resolve(tag)) for tag in current.languages}
        language, words = current.document_language, self.index.lexical
        return guess(
            query,
            lexicons,
            language,
            words.vocabulary,
            is_typed_for_one=lambda word: bool(words.as_spelled({word: 1.0}, language)),
        )

    def searcher(self, language: Language | str, way: Way | None = None) -> Searcher:
        """What searches one language, held open: for many queries at once, or with another way of searching.

        Raises:
            ArtifactError: the engine does not have the language.
            InputError: the way needs a student or a lexicon that the language does not have.
        """
        spoken = self.language(language)
        current = self._current
        chosen = way or current.languages[spoken.tag].way
        key = spoken.tag, chosen
        if key not in self._searchers:
            self._searchers[key] = Searcher(
                self.index,
                model=None if chosen.reader is None else self.encoder(spoken, chosen.reader),
                lexicon=None if chosen.method == "bm25" else self.lexicon(spoken),
                method=chosen.method,
                weight=chosen.weight,
                language=current.document_language,
            )
        return self._searchers[key]

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
        spoken = resolve(language) if isinstance(language, str) else language
        if spoken == self.document_language:
            raise InputError(
                f"the documents are in {spoken.name}: it is there already", where=self.path, got=spoken.short
            )
        add_language(self, spoken, parts, progress=progress)
        quality = self._current.languages[spoken.tag].quality
        return None if quality is None else Quality.from_json(quality)

    def check(self, language: Language | str, *, progress: Progress | None = None) -> Quality | None:
        """Measure again how good a language is, and search it by what is best now.

        Returns:
            What was measured on pairs that training did not see; None where there are none.

        Raises:
            ArtifactError: the engine does not have the language.
        """
        spoken = self.language(language)
        facts = self._current.languages[spoken.tag]
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
        spoken = resolve(name) if isinstance(name, str) else name
        self._current.language(spoken, self.path)
        return spoken

    def reader(self, language: Language) -> Reader | None:
        """Which model reads queries in a language, if one does: its student, else the documents' encoder."""
        if self.index.space is None:
            return None
        return "student" if self._part(language, layout.STUDENT) is not None else "teacher"

    def encoder(self, language: Language, reader: Reader) -> Encoder:
        """A model that the engine holds open.

        Raises:
            InputError: the language has no student.
        """
        from kivuko.models.encoder import Encoder

        path = self.path / layout.TEACHER if reader == "teacher" else self._part(language, layout.STUDENT)
        if path is None:
            raise InputError(f"there is no student of {language.name} in this engine", where=self.path)
        if path not in self._encoders:
            self._encoders[path] = Encoder.open(path)
        return self._encoders[path]

    def lexicon(self, language: Language) -> Lexicon | None:
        """The lexicon of a language, held open; None where it has none."""
        if language not in self._lexicons:
            path = self._part(language, layout.LEXICON)
            self._lexicons[language] = None if path is None else Lexicon.open(path)
        return self._lexicons[language]

    def _part(self, language: Language, name: str) -> Path | None:
        folder = self._current.languages[language.tag].folder
        path = None if folder is None else self.path / folder / name
        return path if path is not None and path.is_dir() else None

    def document(self, document_id: str) -> Document:
        """One document.

        Raises:
            KeyError: the engine has no such document.
        """
        return self.index.document(document_id)

    def add(
        self, documents: Sequence[Document], *, replace: bool = False, progress: Progress | None = None
    ) -> dict[str, int]:
        """Add documents; whoever searches meanwhile sees all of them or none.

        Args:
            documents: new ones.
            replace: whether one with the id of another takes its place.
            progress: a rich display for the bar.

        Returns:
            Counts of documents left out for want of content, and cut.

        Raises:
            InputError: an id comes twice, or is there already (without ``replace``).
            ArtifactError: another process is changing the index.
            StorageError: the disk is full; the engine stays as it was.
        """
        index = self.index
        model = None if index.space is None else self.encoder(self.document_language, "teacher")
        return add_documents(index, documents, model, replace=replace, progress=progress)

    def delete(self, ids: Sequence[str]) -> None:
        """Remove documents.

        Raises:
            InputError: the engine has no document of one of these ids; none is removed then.
            ArtifactError: another process is changing the index.
        """
        self.index.delete(ids)

    def verify(self) -> None:
        """Read every file and compare it with the checksum that was written with it.

        Raises:
            ArtifactError: a file is not what was written.
        """
        self.index.verify()
        if (self.path / layout.TEACHER).is_dir():
            read_manifest(self.path / layout.TEACHER, "model", verify=True)
        for facts in self._current.languages.values():
            if facts.folder is not None:
                folder = self.path / facts.folder
                read_manifest(folder, layout.LANGUAGE_KIND, verify=True)

    def info(self) -> dict[str, Any]:
        """What it holds: the index's facts, and of each language how it is searched, its parts and its quality."""
        languages = {}
        for tag, facts in self._current.languages.items():
            folder = None if facts.folder is None else self.path / facts.folder
            languages[tag] = {
                "way": str(facts.way),
                "student": folder is not None and (folder / layout.STUDENT).is_dir(),
                "lexicon": folder is not None and (folder / layout.LEXICON).is_dir(),
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

    @property
    def _current(self) -> EngineState:
        self._refresh()
        assert self._state is not None
        return self._state

    def _refresh(self) -> None:
        """Open again what another process, or a change of our own, has replaced."""
        index = self.path / layout.INDEX
        if self._changed(self.path) or self._state is None:
            self._state = EngineState.read(self.path)
            self._searchers.clear()
            self._lexicons.clear()
            kept = {self.path / facts.folder for facts in self._state.languages.values() if facts.folder}
            kept.add(self.path)
            self._encoders = {path: held for path, held in self._encoders.items() if path.parent in kept}
        if self._changed(index) or self._index is None:
            self._index = Index.open(index)
            self._searchers.clear()

    def _changed(self, folder: Path) -> bool:
        try:
            found = (folder / MANIFEST).stat()
            stamp = found.st_mtime_ns, found.st_ino, found.st_size
        except FileNotFoundError:
            stamp = None  # read_manifest says what is wrong
        changed = self._stamps.get(str(folder)) != stamp or stamp is None
        self._stamps[str(folder)] = stamp
        return changed


def _document_model(model: ModelLike | None, progress: Progress | None) -> ModelLike:
    if model is not None:
        return model
    from kivuko.training.teacher import default_teacher

    return default_teacher(progress)


def _require_same(path: Path, documents: Sequence[Document], kind: Kind) -> None:
    """Refuse to replace an engine: students may have been trained for it."""
    manifest = read_manifest(path / layout.INDEX, "index")
    if (manifest.parents.get("documents"), manifest.meta["kind"]) != (documents_hash(documents), kind):
        raise ArtifactError(
            "there is an engine here already, of other documents or another kind",
            where=path,
            expected="a new path",
            remedy="change its documents with 'kivuko engine add' and 'delete', or choose another path",
        )
