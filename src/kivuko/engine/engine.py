"""The engine people hold: open it once, ask it in any of its languages, change its documents while others search."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from kivuko.artifact import MANIFEST, check_replaceable, exclusive, is_complete, read_manifest
from kivuko.codeswitch import Lexicon
from kivuko.collections.document import Document
from kivuko.engine import queries
from kivuko.engine import state as layout
from kivuko.engine.guess import guess
from kivuko.engine.languages import LanguageParts, add_language, place, place_model
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

    from kivuko.engine.quality import Quality
    from kivuko.models.encoder import Encoder, ModelLike


@dataclass(frozen=True)
class Results(Sequence[Hit]):
    """What a search found, best first, and how it was searched.

    Attributes:
        hits: the documents.
        language: what the query was taken to be in.
        guessed: whether nobody said so.
        way: by which models and words.
        generation: of the engine's state that was searched, see :attr:`Engine.generation`.
        truncated: whether the query is longer than the model reads, so that it searched by the query's beginning.
    """

    hits: tuple[Hit, ...]
    language: Language
    guessed: bool
    way: Way
    generation: str
    truncated: bool = False

    def __len__(self) -> int:
        return len(self.hits)

    @overload
    def __getitem__(self, number: int) -> Hit: ...

    @overload
    def __getitem__(self, number: slice) -> Sequence[Hit]: ...

    def __getitem__(self, number: int | slice) -> Hit | Sequence[Hit]:
        return self.hits[number]


#: What tells one manifest file from another without reading it: time of change, number, size.
_Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class _Opened:
    """One state of an engine, and what was opened of it; no other state ever answers from it.

    Attributes:
        stamps: of the engine's manifest and the index's, as they were before they were read.
        state: languages and how they are searched.
        index: documents.
        searchers: tag and way → what searches so.
        lexicons: of languages; None for one without.
    """

    stamps: tuple[_Stamp | None, _Stamp | None]
    state: EngineState
    index: Index
    searchers: dict[tuple[str, Way], Searcher] = field(default_factory=dict)
    lexicons: dict[Language, Lexicon | None] = field(default_factory=dict)

    @property
    def generation(self) -> str:
        return f"{self.state.hash[:8]}-{self.index.manifest.hash[:8]}"


class Engine:
    """A search engine in one folder. Use :meth:`open` or :meth:`create`.

    What it holds open (index, models, lexicons) is opened once, when it is first needed; what another process changes
    is seen by the next call. Threads may share one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._opened: _Opened | None = None
        self._encoders: dict[Path, Encoder] = {}
        self._renewing, self._opening_encoder = threading.Lock(), threading.Lock()

    def __reduce__(self) -> tuple[type[Engine], tuple[Path]]:
        # A copy, in this process or another, opens the folder anew.
        return Engine, (self.path.absolute(),)

    @classmethod
    def open(cls, path: EngineLike) -> Engine:
        """Open the engine in folder ``path``; an open one is returned as it is.

        Raises:
            ArtifactError: no complete engine is there, or a part of it is damaged.
        """
        if isinstance(path, Engine):
            return path
        engine = cls(Path(path))
        engine._now()
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
            return cls._finish(building, path, spoken, progress)

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
    def _finish(
        cls, building: Path, path: Path, language: Language, progress: Progress | None = None
    ) -> Engine:
        """Give an engine whose parts are there its state and its name."""
        has_model = (building / layout.TEACHER).is_dir()
        if has_model:
            queries.write(building / layout.TEACHER, progress)
        way = Way("late-interaction", "teacher") if has_model else Way("bm25")
        EngineState("", language, {language.tag: EngineLanguage(None, way)}).write(building)
        if path.is_dir():
            path.rmdir()  # empty, as was checked
        os.replace(building, path)
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
                spoken = self._guess(now, query) if language is None else self._language(now, language)
                searcher = self._searcher(now, spoken, way)
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
        return self._guess(self._now(), query)

    def _guess(self, now: _Opened, query: str) -> Language:
        lexicons = {resolve(tag): self._lexicon(now, resolve(tag)) for tag in now.state.languages}
        language, words = now.state.document_language, now.index.lexical
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
        now = self._now()
        return self._searcher(now, self._language(now, language), way)

    def _searcher(self, now: _Opened, spoken: Language, way: Way | None) -> Searcher:
        chosen = way or now.state.languages[spoken.tag].way
        key = spoken.tag, chosen
        if key not in now.searchers:
            now.searchers[key] = Searcher(
                now.index,
                model=None if chosen.reader is None else self._encoder(now, spoken, chosen.reader),
                lexicon=None if chosen.method == "bm25" else self._lexicon(now, spoken),
                method=chosen.method,
                weight=chosen.weight,
                gloss=chosen.gloss,
                language=now.state.document_language,
            )
        return now.searchers[key]

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
        return self._way(now, self._language(now, language), method, reader, weight, gloss)

    def ways(self, language: Language | str) -> list[Way]:
        """All ways in which a language can be searched with what the engine has, that which was found best first."""
        now = self._now()
        spoken = self._language(now, language)
        found = [now.state.languages[spoken.tag].way]
        if now.index.space is not None:
            if self._part(now, spoken, layout.STUDENT) is not None:
                found.append(self._way(now, spoken, "late-interaction", "student"))
            found.append(self._way(now, spoken, "late-interaction", "teacher"))
            found.append(self._way(now, spoken, "fusion", self._reader(now, spoken)))
        if self._lexicon(now, spoken) is not None:
            found.append(self._way(now, spoken, "lexicon-bm25"))
        found.append(self._way(now, spoken, "bm25"))
        return list(dict.fromkeys(found))

    def _way(
        self,
        now: _Opened,
        spoken: Language,
        method: str | None,
        reader: Reader | None = None,
        weight: float | None = None,
        gloss: float | None = None,
    ) -> Way:
        own = now.state.languages[spoken.tag].way
        chosen = method or own.method
        weight = own.weight if weight is None else weight
        if chosen in ("bm25", "lexicon-bm25"):
            return Way(chosen, None, weight)
        if gloss is None:
            gloss = own.gloss if chosen == own.method else 0.0
        return Way(chosen, reader or own.reader or self._reader(now, spoken), weight, gloss)

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
        return self._language(self._now(), name)

    def _language(self, now: _Opened, name: Language | str) -> Language:
        spoken = resolve(name) if isinstance(name, str) else name
        now.state.language(spoken, self.path)
        return spoken

    def reader(self, language: Language) -> Reader | None:
        """Which model reads queries in a language, if one does: its student, else the documents' encoder."""
        return self._reader(self._now(), language)

    def _reader(self, now: _Opened, language: Language) -> Reader | None:
        if now.index.space is None:
            return None
        return "student" if self._part(now, language, layout.STUDENT) is not None else "teacher"

    def encoder(self, language: Language, reader: Reader) -> Encoder:
        """A model that the engine holds open.

        Raises:
            InputError: the language has no student.
        """
        return self._encoder(self._now(), language, reader)

    def _encoder(self, now: _Opened, language: Language, reader: Reader) -> Encoder:
        path = self._model_folder(now, language, reader)
        with self._opening_encoder:
            if path not in self._encoders:
                self._encoders[path] = queries.open_reader(path)
            return self._encoders[path]

    def _model_folder(self, now: _Opened, language: Language, reader: Reader) -> Path:
        if reader == "teacher":
            return self.path / layout.TEACHER
        path = self._part(now, language, layout.STUDENT)
        if path is None:
            raise InputError(f"there is no student of {language.name} in this engine", where=self.path)
        return path

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
            for model in self._models()
        }
        with self._opening_encoder:
            self._encoders.clear()
        with self._renewing:
            self._opened = None
        return found

    def advice(self, language: Language, way: Way) -> str | None:
        """How searching so would begin in a fraction of the time; None where nothing would help."""
        if way.reader is None:
            return None
        return queries.advice(self._model_folder(self._now(), language, way.reader), self.path)

    def _models(self) -> list[Path]:
        """Folders of its models: the documents' encoder, then the students."""
        now = self._now()
        students = (self._part(now, resolve(tag), layout.STUDENT) for tag in now.state.languages)
        candidates = [self.path / layout.TEACHER, *(path for path in students if path is not None)]
        return [path for path in candidates if path.is_dir()]

    def lexicon(self, language: Language) -> Lexicon | None:
        """The lexicon of a language, held open; None where it has none."""
        return self._lexicon(self._now(), language)

    def _lexicon(self, now: _Opened, language: Language) -> Lexicon | None:
        if language not in now.lexicons:
            path = self._part(now, language, layout.LEXICON)
            now.lexicons[language] = None if path is None else Lexicon.open(path)
        return now.lexicons[language]

    def _part(self, now: _Opened, language: Language, name: str) -> Path | None:
        folder = now.state.languages[language.tag].folder
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
        index = self._own_index()
        model = None if index.space is None else self.encoder(self.document_language, "teacher")
        return add_documents(index, documents, model, replace=replace, progress=progress)

    def delete(self, ids: Sequence[str]) -> None:
        """Remove documents.

        Raises:
            InputError: the engine has no document of one of these ids; none is removed then.
            ArtifactError: another process is changing the index.
        """
        self._own_index().delete(ids)

    def _own_index(self) -> Index:
        """The index opened once more, to be changed: searches that run meanwhile keep the state they began with."""
        return Index.open(self.path / layout.INDEX)

    def verify(self) -> None:
        """Read every file and compare it with the checksum that was written with it.

        Raises:
            ArtifactError: a file is not what was written.
        """
        self.index.verify()
        if (self.path / layout.TEACHER).is_dir():
            read_manifest(self.path / layout.TEACHER, "model", verify=True)
        for facts in self._now().state.languages.values():
            if facts.folder is not None:
                folder = self.path / facts.folder
                read_manifest(folder, layout.LANGUAGE_KIND, verify=True)
        for model in self._models():
            queries.verify(model)

    def info(self) -> dict[str, Any]:
        """What it holds: the index's facts, and of each language how it is searched, its parts and its quality.

        ``query_encoder`` of a language is that of the model which reads it: its ``bytes``, or why there is none.
        """
        languages = {}
        now = self._now()
        for tag, facts in now.state.languages.items():
            reader = self._reader(now, resolve(tag))
            folder = None if facts.folder is None else self.path / facts.folder
            languages[tag] = {
                "way": str(facts.way),
                "student": folder is not None and (folder / layout.STUDENT).is_dir(),
                "lexicon": folder is not None and (folder / layout.LEXICON).is_dir(),
                "query_encoder": None
                if reader is None
                else queries.facts(self._model_folder(now, resolve(tag), reader)),
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

    def _now(self) -> _Opened:
        """The engine as it stands: what another process, or a change of our own, has replaced is opened again."""
        with self._renewing:
            former = self._opened
            stamps = _stamp(self.path), _stamp(self.path / layout.INDEX)
            if former is not None and former.stamps == stamps and None not in stamps:
                return former
            if former is None or former.stamps[0] != stamps[0] or stamps[0] is None:
                state, lexicons = EngineState.read(self.path), {}
                kept = {
                    self.path,
                    *(self.path / each.folder for each in state.languages.values() if each.folder),
                }
                held = list(self._encoders.items())  # at once, for another thread may be opening one
                self._encoders = {path: encoder for path, encoder in held if path.parent in kept}
            else:
                state, lexicons = former.state, former.lexicons
            if former is None or former.stamps[1] != stamps[1] or stamps[1] is None:
                index = Index.open(self.path / layout.INDEX)
            else:
                index = former.index
            self._opened = _Opened(stamps, state, index, {}, lexicons)
            return self._opened


#: Whatever takes an engine takes these: its folder, or an open one.
EngineLike = Path | str | Engine


def _stamp(folder: Path) -> _Stamp | None:
    try:
        found = (folder / MANIFEST).stat()
    except FileNotFoundError:
        return None  # read_manifest says what is wrong
    return found.st_mtime_ns, found.st_ino, found.st_size


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
