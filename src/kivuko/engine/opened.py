"""One state of an engine, and what was opened of it: no other state ever answers from it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kivuko.artifact import MANIFEST, kind_of
from kivuko.codeswitch import Lexicon
from kivuko.engine import queries
from kivuko.engine import state as layout
from kivuko.engine.guess import guess
from kivuko.engine.state import EngineState, Reader, Way
from kivuko.errors import InputError
from kivuko.languages import Language, resolve
from kivuko.retrieval.index import Index
from kivuko.retrieval.search import Searcher
from kivuko.retrieval.together import SeveralIndexes

if TYPE_CHECKING:
    from kivuko.models.encoder import Encoder
    from kivuko.retrieval.scanners import Scanners

#: What tells one manifest file from another without reading it: time of change, number, size.
_Stamp = tuple[int, int, int]


class Encoders:
    """Models that an engine holds open, whatever its state; threads may share one."""

    def __init__(self) -> None:
        self._held: dict[Path, Encoder] = {}
        self._opening = threading.Lock()

    def open(self, path: Path) -> Encoder:
        """What reads texts by the model in a folder, opened once."""
        with self._opening:
            found = self._held.get(path)
            if found is None:
                found = self._held[path] = queries.open_reader(path)
            return found

    def keep(self, folders: set[Path]) -> None:
        """Let go of models that lie in none of some folders; does not wait for one that is being opened."""
        self._held = {path: held for path, held in list(self._held.items()) if path.parent in folders}

    def clear(self) -> None:
        """Let go of all."""
        with self._opening:
            self._held.clear()


@dataclass(frozen=True)
class Opened:
    """One state of the engine in a folder, and what was opened of it.

    Attributes:
        path: the engine's folder.
        stamps: of the engine's manifest and of those of the indexes, as they were before they were read.
        state: languages and how they are searched.
        index: documents; of several indexes, all.
        encoders: shared with other states.
        searchers: tag and way → what searches so.
        lexicons: of languages; None for one without.
    """

    path: Path
    stamps: tuple[_Stamp | None, ...]
    state: EngineState
    index: Index
    encoders: Encoders
    searchers: dict[tuple[str, Way], Searcher] = field(default_factory=dict)
    lexicons: dict[Language, Lexicon | None] = field(default_factory=dict)

    @classmethod
    def now(
        cls,
        path: Path,
        encoders: Encoders,
        former: Opened | None,
        also: Sequence[Path] = (),
        scanners: Scanners | None = None,
    ) -> Opened:
        """The engine as it stands: what another process, or a change of our own, has replaced is opened again.

        Args:
            path: the engine's folder.
            encoders: those held open.
            former: an earlier state, which is returned where it is still the present one.
            also: further engines or indexes, whose documents are searched as if they were its own.
            scanners: what scans their vectors, and its own; this process by default.

        Raises:
            ArtifactError: no complete engine is there, or a part of it is damaged.
        """
        indexes = [path / layout.INDEX, *map(index_folder, also)]
        stamps = tuple(map(_stamp, [path, *indexes]))
        if former is not None and former.stamps == stamps and None not in stamps:
            return former
        if former is None or former.stamps[0] != stamps[0] or stamps[0] is None:
            state, lexicons = EngineState.read(path), {}
            encoders.keep({path, *(path / each.folder for each in state.languages.values() if each.folder)})
        else:
            state, lexicons = former.state, former.lexicons
        if former is None or former.stamps[1:] != stamps[1:] or None in stamps[1:]:
            index = _opened(indexes, scanners)
        else:
            index = former.index
        return cls(path, stamps, state, index, encoders, {}, lexicons)

    @property
    def generation(self) -> str:
        """Names the state of documents and languages."""
        return f"{self.state.hash[:8]}-{self.index.manifest.hash[:8]}"

    def language(self, name: Language | str) -> Language:
        """See :meth:`kivuko.engine.Engine.language`."""
        spoken = resolve(name) if isinstance(name, str) else name
        self.state.language(spoken, self.path)
        return spoken

    def guess(self, query: str) -> Language:
        """See :meth:`kivuko.engine.Engine.guess`."""
        lexicons = {resolve(tag): self.lexicon(resolve(tag)) for tag in self.state.languages}
        language, words = self.state.document_language, self.index.lexical
        return guess(
            query,
            lexicons,
            language,
            words.vocabulary,
            is_typed_for_one=lambda word: bool(words.as_spelled({word: 1.0}, language)),
        )

    def searcher(self, spoken: Language, way: Way | None = None) -> Searcher:
        """See :meth:`kivuko.engine.Engine.searcher`."""
        chosen = way or self.state.languages[spoken.tag].way
        key = spoken.tag, chosen
        if key not in self.searchers:
            self.searchers[key] = Searcher(
                self.index,
                model=None if chosen.reader is None else self.encoder(spoken, chosen.reader),
                lexicon=None if chosen.method == "bm25" else self.lexicon(spoken),
                method=chosen.method,
                weight=chosen.weight,
                gloss=chosen.gloss,
                language=self.state.document_language,
            )
        return self.searchers[key]

    def way(
        self,
        spoken: Language,
        method: str | None = None,
        reader: Reader | None = None,
        weight: float | None = None,
        gloss: float | None = None,
    ) -> Way:
        """See :meth:`kivuko.engine.Engine.way`."""
        own = self.state.languages[spoken.tag].way
        chosen = method or own.method
        weight = own.weight if weight is None else weight
        if chosen in ("bm25", "lexicon-bm25"):
            return Way(chosen, None, weight)
        if gloss is None:
            gloss = own.gloss if chosen == own.method else 0.0
        return Way(chosen, reader or own.reader or self.reader(spoken), weight, gloss)

    def ways(self, spoken: Language) -> list[Way]:
        """See :meth:`kivuko.engine.Engine.ways`."""
        found = [self.state.languages[spoken.tag].way]
        if self.index.space is not None:
            if self._part(spoken, layout.STUDENT) is not None:
                found.append(self.way(spoken, "late-interaction", "student"))
            found.append(self.way(spoken, "late-interaction", "teacher"))
            found.append(self.way(spoken, "fusion", self.reader(spoken)))
        if self.lexicon(spoken) is not None:
            found.append(self.way(spoken, "lexicon-bm25"))
        found.append(self.way(spoken, "bm25"))
        return list(dict.fromkeys(found))

    def reader(self, spoken: Language) -> Reader | None:
        """See :meth:`kivuko.engine.Engine.reader`."""
        if self.index.space is None:
            return None
        return "student" if self._part(spoken, layout.STUDENT) is not None else "teacher"

    def encoder(self, spoken: Language, reader: Reader) -> Encoder:
        """See :meth:`kivuko.engine.Engine.encoder`."""
        return self.encoders.open(self.model_folder(spoken, reader))

    def model_folder(self, spoken: Language, reader: Reader) -> Path:
        """Where the model lies that reads queries in a language.

        Raises:
            InputError: the language has no student.
        """
        if reader == "teacher":
            return self.path / layout.TEACHER
        path = self._part(spoken, layout.STUDENT)
        if path is None:
            raise InputError(f"there is no student of {spoken.name} in this engine", where=self.path)
        return path

    def models(self) -> list[Path]:
        """Folders of its models: the documents' encoder, then the students."""
        students = (self._part(resolve(tag), layout.STUDENT) for tag in self.state.languages)
        candidates = [self.path / layout.TEACHER, *(path for path in students if path is not None)]
        return [path for path in candidates if path.is_dir()]

    def lexicon(self, spoken: Language) -> Lexicon | None:
        """See :meth:`kivuko.engine.Engine.lexicon`."""
        if spoken not in self.lexicons:
            path = self._part(spoken, layout.LEXICON)
            self.lexicons[spoken] = None if path is None else Lexicon.open(path)
        return self.lexicons[spoken]

    def _part(self, spoken: Language, name: str) -> Path | None:
        folder = self.state.languages[spoken.tag].folder
        path = None if folder is None else self.path / folder / name
        return path if path is not None and path.is_dir() else None


def _opened(indexes: Sequence[Path], scanners: Scanners | None) -> Index:
    if scanners is not None:
        from kivuko.retrieval.scanners import ScannedIndexes

        return ScannedIndexes.scanned(indexes, scanners)
    return Index.open(indexes[0]) if len(indexes) == 1 else SeveralIndexes.together(indexes)


def index_folder(place: Path) -> Path:
    """The index of an engine folder, or an index folder itself."""
    return place / layout.INDEX if kind_of(place) == layout.KIND else place


def _stamp(folder: Path) -> _Stamp | None:
    try:
        found = (folder / MANIFEST).stat()
    except FileNotFoundError:
        return None  # read_manifest says what is wrong
    return found.st_mtime_ns, found.st_ino, found.st_size
