"""From a name to a collection on the disk: whose it is, which reader reads it, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from rich.progress import Progress

from kivuko.artifact import check_replaceable
from kivuko.benchmarks.afriqa import read_afriqa
from kivuko.benchmarks.catalogue import Chosen, choose
from kivuko.benchmarks.layouts import Parts, Record, find, is_beir, read_beir, read_trec, records
from kivuko.benchmarks.libraries import read_hugging_face, read_ir_dataset
from kivuko.benchmarks.probes import (
    flores_code,
    hub_pairs,
    questions,
    read_belebele,
    read_xnli,
    read_xquad,
    squad_records,
    xnli_pairs,
)
from kivuko.benchmarks.translated import read_mafand, read_ntrex, read_ntrex_headlines, read_tico19
from kivuko.collections.collection import KIND, Contents, Description, QuerySet
from kivuko.collections.document import Document
from kivuko.collections.writing import write_collection
from kivuko.errors import FetchError, InputError
from kivuko.files.hub import hub_records
from kivuko.files.resumable import unfinished
from kivuko.languages import Language, resolve

UNSAID = "not said by the data"
QUERY_KIND, ENGLISH_KIND = "query", "english-query"
#: Name of an entry of the catalogue → the reader of its files, where these are all it has.
_READERS: Mapping[str, Callable[[Chosen, Path], Parts]] = {
    "afriqa": read_afriqa,
    "mafand": read_mafand,
    "ntrex": read_ntrex,
    "ntrex-headlines": read_ntrex_headlines,
    "tico-19": read_tico19,
}


@dataclass(frozen=True)
class Source:
    """What a collection's name stands for.

    Attributes:
        kind: a library's id, a folder in BEIR's or TREC's layout, or an entry of the catalogue.
        id: of the library or the catalogue, or the folder's path.
    """

    kind: Literal["irds", "hf", "folder", "catalogue"]
    id: str

    @classmethod
    def of(cls, name: str) -> Source:
        """The source called ``name``; what is neither a library's nor a folder is looked up in the catalogue."""
        kind, _, rest = name.partition(":")
        if rest and kind == "irds":
            return cls("irds", rest)
        if rest and kind == "hf":
            return cls("hf", rest)
        return cls("folder" if Path(name).is_dir() else "catalogue", name)


@dataclass(frozen=True)
class Asked:
    """A collection that somebody asks for; the attributes as :func:`import_collection` has them."""

    name: str
    folder: Path | None
    query_language: Language | None
    document_language: Language | None
    split: str | None
    encoding: str

    @property
    def as_json(self) -> dict[str, str | None]:
        """What the result depends on, but for the files."""
        return {
            "name": self.name,
            "query_language": self.query_language.tag if self.query_language else None,
            "document_language": self.document_language.tag if self.document_language else None,
            "split": self.split,
            "encoding": self.encoding,
        }


def import_collection(
    name: str,
    output: Path,
    *,
    folder: Path | None = None,
    query_language: Language | None = None,
    document_language: Language | None = None,
    split: str | None = None,
    encoding: str = "utf-8",
    progress: Progress | None = None,
) -> Path:
    """Write a test collection as a :class:`kivuko.collections.collection.Collection`.

    Its queries are of the kind ``"query"``, and their split is called as the benchmark calls it. The same queries in
    English, where they come along, are of the kind ``"english-query"``.

    A killed import goes on (:mod:`kivuko.files.resumable`): once all documents were read, they are not read again.
    While it runs, they lie on the disk twice.

    Args:
        name: a name of the catalogue (``miracl/sw``), an id of ir_datasets (``irds:beir/scifact/test``), a data set
            of the hub (``hf:mteb/scifact``), or the path of a folder in BEIR's or TREC's layout.
        output: the folder to write.
        folder: for a name of the catalogue, its files, as published or in one of these two layouts.
        query_language: where neither the name nor the data says it.
        document_language: where neither the name nor the data says it.
        split: of the judgments; by default the catalogue's choice, else ``"test"``.
        encoding: of files in TREC's markup.
        progress: a rich display for bars over files and for the number of documents.

    Raises:
        UnknownNameError: no such name, language or split.
        InputError: a language is missing or said twice, a file is missing, or a line does not fit.
        FetchError: the data cannot be reached; says where it is had.
        MissingExtraError: an optional library is not installed.
        ArtifactError, StorageError: see ``kivuko.collections.writing.write_collection``.
    """
    check_replaceable(output, KIND)
    asked = Asked(name, folder, query_language, document_language, split, encoding)
    lying = folder or (Path(name) if Path(name).is_dir() else None)
    with unfinished(output, asked.as_json, _files(lying, output), progress) as work, _telling_where(asked):
        description, parts = _read(asked)
        found = work.part("documents", lambda: map(vars, parts.documents))
        contents = Contents(
            (Document(**fields) for fields in found),
            _query_sets(parts, _split(asked), description.language),
            parts.qrels,
            parts.report,
        )
        return write_collection(output, description, contents, progress=progress)


def _query_sets(parts: Parts, split: str, language: Language) -> dict[QuerySet, dict[str, str]]:
    """The queries by split, first in their language, then in English."""
    sets: dict[QuerySet, dict[str, str]] = {}
    for kind, spoken, texts in (
        (QUERY_KIND, language, parts.queries),
        (ENGLISH_KIND, resolve("en"), parts.english),
    ):
        for query, text in texts.items():
            sets.setdefault(QuerySet(kind, parts.splits.get(query, split), spoken), {})[query] = text
    return sets


def _files(folder: Path | None, output: Path) -> list[Path]:
    """The files below a folder, by path, without hidden ones and without the output."""
    if folder is None:
        return []
    return sorted(
        path
        for path in folder.rglob("[!.]*")
        if path.is_file()
        and not path.is_relative_to(output)
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


@contextmanager
def _telling_where(asked: Asked) -> Iterator[None]:
    """Where a library cannot fetch a collection of the catalogue, say where its files are had."""
    try:
        yield
    except FetchError as error:
        if Source.of(asked.name).kind != "catalogue":
            raise
        chosen = choose(asked.name, asked.split)
        raise FetchError(
            error.what,
            where=error.where,
            got=error.got,
            remedy=f"its files are had from: {chosen.benchmark.source}. Give their folder: kivuko data "
            f"import-collection {chosen.name} --from FOLDER --output … (docs/test-collections.md)",
        ) from error


def _read(asked: Asked) -> tuple[Description, Parts]:
    """What is said of a collection, and its parts, of which the documents are still to be read."""
    source = Source.of(asked.name)
    if asked.folder is not None and source.kind != "catalogue":
        raise InputError(
            "there are two sources for one collection",
            where="--from",
            expected="a name of the catalogue with a folder, or the folder alone",
            got=f"{asked.name} and {asked.folder}",
        )
    if source.kind == "catalogue":
        return _read_known(asked)
    if source.kind == "irds":
        parts, said = read_ir_dataset(source.id, asked.document_language)
        library = f"ir_datasets {version('ir_datasets')}"
        return _unknown(asked.name, library, asked.query_language or said), parts
    held = _named(asked.document_language, "--document-language")
    split = asked.split or "test"
    if source.kind == "hf":
        description = _unknown(asked.name, "Hugging Face hub", asked.query_language)
        return description, read_hugging_face(source.id, split, held)
    folder = Path(source.id)
    description = _unknown(folder.resolve().name, asked.name, asked.query_language)
    if is_beir(folder):
        return description, read_beir(folder, split, held)
    return description, read_trec(folder, held, encoding=asked.encoding)


def _split(asked: Asked) -> str:
    """What the benchmark calls the split that the judgments are of."""
    source = Source.of(asked.name)
    if source.kind == "catalogue":
        return choose(asked.name, asked.split).split or "test"
    if source.kind == "irds" and (last := source.id.rpartition("/")[2]) in ("train", "dev", "test"):
        return last
    return asked.split or "test"


def _named(language: Language | None, option: str) -> Language:
    if language is None:
        raise InputError(
            "the data does not say its language", where=option, expected=f"{option} CODE", got="none"
        )
    return language


def _unknown(name: str, source: str, query_language: Language | None) -> Description:
    """Of a collection that the catalogue does not have: only its owner knows how it was judged."""
    return Description(
        name=name,
        language=_named(query_language, "--query-language"),
        judgments=UNSAID,
        licence=UNSAID,
        citation=UNSAID,
        source=source,
    )


def _read_known(asked: Asked) -> tuple[Description, Parts]:
    chosen = choose(asked.name, asked.split)
    if said := asked.query_language or asked.document_language:
        raise InputError(
            "the name says the languages of this collection",
            where=asked.name,
            expected="no --query-language and no --document-language",
            got=said.name,
        )
    entry = chosen.benchmark
    source = str(asked.folder) if asked.folder else chosen.fill(entry.id)
    if not asked.folder and entry.loader == "ir_datasets":
        source = f"ir_datasets {source}"
    description = Description(
        name=f"{chosen.name} {chosen.split}".strip(),
        language=chosen.query_language,
        judgments=entry.judged,
        licence=entry.licence,
        citation=entry.citation,
        source=source,
        notice=entry.notice,
    )
    if asked.folder:
        return description, _read_files(chosen, asked.folder, asked.encoding)
    return description, _read_fetched(chosen)


def _read_fetched(chosen: Chosen) -> Parts:
    """Through a library that fetches the data itself."""
    entry, held = chosen.benchmark, chosen.document_language
    codes = chosen.query_code, chosen.document_code
    if entry.loader == "ir_datasets":
        return read_ir_dataset(chosen.fill(entry.id), held, query_field=entry.query_field)[0]
    if entry.loader == "belebele":
        queries, passages = (
            hub_records(entry.id, flores_code(each), chosen.split) for each in (chosen.query_language, held)
        )
        return read_belebele(queries, passages, held)
    if entry.loader == "xquad":
        return _read_xquad(chosen, lambda code: hub_records(entry.id, f"xquad.{code}", chosen.split))
    if entry.loader == "xnli":
        premises, hypotheses = (hub_pairs(hub_records(entry.id, code, chosen.split)) for code in codes)
        return read_xnli(premises, hypotheses, held)
    raise FetchError("no library fetches this collection", where=chosen.name)


def _read_files(chosen: Chosen, folder: Path, encoding: str) -> Parts:
    """From files that a person has brought."""
    if (reader := _READERS.get(chosen.benchmark.loader)) is not None:
        return reader(chosen, folder)
    loader, held = chosen.benchmark.loader, chosen.document_language
    codes = chosen.query_code, chosen.document_code
    if loader == "belebele":
        queries, passages = (
            records(find(folder, f"**/{flores_code(each)}.jsonl")) for each in (chosen.query_language, held)
        )
        return read_belebele(queries, passages, held)
    if loader == "xquad":
        return _read_xquad(chosen, lambda code: squad_records(find(folder, f"**/xquad.{code}.json")))
    if loader == "xnli":
        # The hub calls XNLI's development file its validation split.
        split = "dev" if chosen.split == "validation" else chosen.split
        path = find(folder, *(f"**/xnli.{split}.{ending}" for ending in ("tsv", "jsonl")))
        premises, hypotheses = (xnli_pairs(path, code) for code in codes)
        return read_xnli(premises, hypotheses, held)
    if is_beir(folder):
        return read_beir(folder, chosen.split or "test", held)
    patterns = {
        kind: [chosen.fill(pattern) for pattern in patterns]
        for kind, patterns in chosen.benchmark.files.items()
    }
    return read_trec(folder, held, encoding=encoding, published=patterns)


def _read_xquad(chosen: Chosen, of: Callable[[str], Iterator[Record]]) -> Parts:
    """Questions and paragraphs, each by ``of`` a language's code; the documents' own questions are the ceiling."""
    parts = read_xquad(of(chosen.query_code), of(chosen.document_code), chosen.document_language)
    if chosen.ceiling:
        parts.english = questions(of(chosen.document_code))
    return parts
