"""What an engine's folder says it is: where its parts stand, which languages it has, how each is searched.

my-engine/
  manifest.json          replaced in one step by every change, so a reader never sees half a language
  index/                 documents, their words and their passages' vectors, with a manifest of its own
  teacher/               the model that encoded the documents; none in an engine of words alone
  teacher-queries/       what reads queries as it does, without torch; can be made again at any time
  languages/swa-Latn.1/  a student and its query encoder, a lexicon, pairs held out to check them with, and where
                         they came from
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from kivuko.artifact import exclusive, read_manifest, write_manifest
from kivuko.errors import ArtifactError
from kivuko.languages import Language, resolve

KIND = "engine"
LANGUAGE_KIND = "engine-language"
FORMAT = 1
INDEX, TEACHER, LANGUAGES = "index", "teacher", "languages"
STUDENT, LEXICON, HELD_OUT = "student", "lexicon", "held-out.jsonl"

Reader = Literal["student", "teacher"]
#: The model's share in a fusion where titles cannot choose it: the best of .5 to .8 on development queries of other
#: domains than the lexicon's, nine languages. A lexicon of software still costs some there where the encoder knows
#: the language (results/domains); a share that follows how many words of a query the lexicon knows was no better.
WEIGHT = 0.7


@dataclass(frozen=True)
class Way:
    """How queries in a language are searched.

    Attributes:
        method: see :class:`kivuko.retrieval.search.Searcher`.
        reader: which model reads the queries; None where words alone are searched.
        weight: the model's share in a fusion.
        gloss: how much the model heeds the query's words translated one by one, see
            :mod:`kivuko.retrieval.gloss`.
    """

    method: str
    reader: Reader | None = None
    weight: float = WEIGHT
    gloss: float = 0.0

    def __str__(self) -> str:
        model = {"student": "student", "teacher": "document encoder", None: ""}[self.reader]
        model += " with gloss" if self.gloss else ""
        if self.method == "fusion":
            return f"{model} ({self.weight:.2f}) and words ({1 - self.weight:.2f})"
        return {"late-interaction": model, "lexicon-bm25": "lexicon, BM25", "bm25": "BM25"}[self.method]


@dataclass(frozen=True)
class EngineLanguage:
    """A language of an engine.

    Attributes:
        folder: where its parts stand, relative to the engine; None for the documents' language, which has none.
        way: how it is searched.
        quality: what :func:`kivuko.engine.quality.measure` found, as JSON; None where nothing was held out.
    """

    folder: str | None
    way: Way
    quality: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class EngineState:
    """One state of an engine.

    Attributes:
        hash: names the state; another one after every change of its languages.
        document_language: what the documents are in.
        languages: tag → the language, the documents' own first.
    """

    hash: str
    document_language: Language
    languages: Mapping[str, EngineLanguage] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> EngineState:
        """The state of the engine in folder ``path``.

        Raises:
            ArtifactError: no complete engine is there, or another version of Kivuko wrote it.
        """
        manifest = read_manifest(path, KIND)
        if manifest.meta.get("format") != FORMAT:
            raise ArtifactError(
                "another version of Kivuko wrote this engine",
                where=path,
                expected=f"engine format {FORMAT}",
                got=f"format {manifest.meta.get('format')}",
                remedy="create it again with 'kivuko engine create'",
            )
        languages = {
            tag: EngineLanguage(facts["folder"], Way(**facts["way"]), facts["quality"])
            for tag, facts in manifest.meta["languages"].items()
        }
        own = resolve(str(manifest.meta["document_language"]))
        order = [own.tag, *(tag for tag in languages if tag != own.tag)]
        return cls(manifest.hash, own, {tag: languages[tag] for tag in order})

    def write(self, path: Path) -> None:
        """Make this the state of the engine in folder ``path``, in one step."""
        meta = {
            "format": FORMAT,
            "document_language": self.document_language.tag,
            "languages": {tag: asdict(language) for tag, language in self.languages.items()},
        }
        write_manifest(path, KIND, parents={}, meta=meta, files={})

    def language(self, language: Language, path: Path) -> EngineLanguage:
        """One of its languages.

        Raises:
            ArtifactError: the engine does not have it.
        """
        if language.tag not in self.languages:
            raise ArtifactError(
                f"this engine does not know {language.name}",
                where=path,
                expected=f"one of {', '.join(resolve(tag).short for tag in self.languages)}",
                got=language.short,
                remedy=f"add it: kivuko engine add-language {path} {language.short} --bitext PAIRS.tsv",
            )
        return self.languages[language.tag]


def change(path: Path, tag: str, make: Callable[[EngineLanguage | None], EngineLanguage]) -> None:
    """Give a language of an engine another state; languages that others change meanwhile keep theirs.

    Args:
        path: the engine.
        tag: the language's.
        make: makes its new state from its present one, None for a language that is new.
    """
    with exclusive(path / "manifest"):
        state = EngineState.read(path)
        changed = {**state.languages, tag: make(state.languages.get(tag))}
        replace(state, languages=changed).write(path)
