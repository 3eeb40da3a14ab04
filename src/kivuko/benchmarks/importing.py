"""From a name to a judged collection on the disk."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from rich.progress import Progress

from kivuko.artifact import check_replaceable
from kivuko.benchmarks.catalogue import Chosen, choose
from kivuko.benchmarks.hugging_face import read_hugging_face
from kivuko.benchmarks.irds import read_ir_dataset
from kivuko.benchmarks.loaders import read_fetched, read_files, read_folder
from kivuko.collections.judged import KIND, Description, Parts
from kivuko.collections.judged_writing import write_judged
from kivuko.errors import FetchError, InputError
from kivuko.files.resumable import Unfinished, unfinished
from kivuko.languages import Language

UNSAID = "not said by the data"


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
    """Write a test collection as a folder of :mod:`kivuko.collections.judged`.

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

    A killed import goes on (:mod:`kivuko.files.resumable`): documents that it wrote are read and passed over.

    Raises:
        UnknownNameError: no such name, language or split.
        InputError: a language is missing or said twice, a file is missing, or a line does not fit.
        FetchError: the data cannot be reached; says where it is had.
        MissingExtraError: an optional library is not installed.
        ArtifactError, StorageError: see ``kivuko.collections.judged_writing.write_judged``.
    """
    check_replaceable(output, KIND)
    lying = folder or (Path(name) if Path(name).is_dir() else None)
    recipe = {
        "name": name,
        "query_language": query_language.tag if query_language else None,
        "document_language": document_language.tag if document_language else None,
        "split": split,
        "encoding": encoding,
    }
    with unfinished(output, recipe, _files(lying, output), progress) as work:
        return _imported(
            name, output, folder, query_language, document_language, split, encoding, progress, work
        )


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


def _imported(
    name: str,
    output: Path,
    folder: Path | None,
    query_language: Language | None,
    document_language: Language | None,
    split: str | None,
    encoding: str,
    progress: Progress | None,
    work: Unfinished,
) -> Path:
    kind, _, rest = name.partition(":")
    if folder is not None and (kind in ("irds", "hf") or Path(name).is_dir()):
        raise InputError(
            "there are two sources for one collection",
            where="--from",
            expected="a name of the catalogue with a folder, or the folder alone",
            got=f"{name} and {folder}",
        )
    if kind == "irds" and rest:
        parts, said = read_ir_dataset(rest, document_language)
        return _write_unknown(
            output,
            name,
            f"ir_datasets {version('ir_datasets')}",
            parts,
            query_language or said,
            progress,
            work,
        )
    if kind == "hf" and rest:
        held = _named(document_language, "--document-language")
        asked = _named(query_language, "--query-language")
        parts = read_hugging_face(rest, split or "test", held)
        return _write_unknown(output, name, "Hugging Face hub", parts, asked, progress, work)
    if Path(name).is_dir():
        held = _named(document_language, "--document-language")
        asked = _named(query_language, "--query-language")
        parts = read_folder(Path(name), split or "test", held, encoding)
        return _write_unknown(output, Path(name).resolve().name, name, parts, asked, progress, work)
    chosen = choose(name, split)
    if query_language or document_language:
        raise InputError(
            "the name says the languages of this collection",
            where=name,
            expected="no --query-language and no --document-language",
            got=str((query_language or document_language or chosen.query_language).name),
        )
    return _import_chosen(chosen, output, folder, encoding, progress, work)


def _import_chosen(
    chosen: Chosen,
    output: Path,
    folder: Path | None,
    encoding: str,
    progress: Progress | None,
    work: Unfinished,
) -> Path:
    entry = chosen.benchmark
    source = str(folder) if folder else chosen.fill(entry.id)
    if not folder and entry.loader == "ir_datasets":
        source = f"ir_datasets {source}"
    description = Description(
        name=f"{chosen.name} {chosen.split}".strip(),
        query_language=chosen.query_language,
        judgments=entry.judged,
        licence=entry.licence,
        citation=entry.citation,
        source=source,
        notice=entry.notice,
    )
    try:
        parts = read_files(chosen, folder, encoding) if folder else read_fetched(chosen)
        return write_judged(output, description, parts, progress, work)
    except FetchError as error:
        raise FetchError(
            error.what,
            where=error.where,
            got=error.got,
            remedy=f"its files are had from: {entry.source}. Give their folder: kivuko data import-collection "
            f"{chosen.name} --from FOLDER --output … (docs/test-collections.md)",
        ) from error


def _named(language: Language | None, option: str) -> Language:
    if language is None:
        raise InputError(
            "the data does not say its language", where=option, expected=f"{option} CODE", got="none"
        )
    return language


def _write_unknown(
    output: Path,
    name: str,
    source: str,
    parts: Parts,
    query_language: Language | None,
    progress: Progress | None,
    work: Unfinished,
) -> Path:
    """Write a collection that the catalogue does not have: only its owner knows how it was judged."""
    description = Description(
        name=name,
        query_language=_named(query_language, "--query-language"),
        judgments=UNSAID,
        licence=UNSAID,
        citation=UNSAID,
        source=source,
    )
    return write_judged(output, description, parts, progress, work)
