"""Linked documents from a folder of aligned files: ``FOLDER/LANGUAGE/NAME.txt``, ``.md`` or ``.html``.

Files of the same name in two languages' folders are versions of each other. Links are relative paths to other files
of the same language.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote

from rich.progress import Progress

from kivuko.collections.counts import DropReport
from kivuko.errors import InputError, UnknownNameError
from kivuko.files.resumable import Unfinished
from kivuko.languages import Language, resolve
from kivuko.linked.documents import LinkedDocument, Reading, SourceFacts
from kivuko.linked.page_text import SUFFIXES, read_page


class AlignedFolder:
    """A folder of aligned files (:class:`kivuko.linked.documents.LinkedSource`).

    Args:
        folder: has one folder for each language, named by its code, tag or English name.

    Raises:
        InputError: there is no such folder, a folder in it is no language, or two are the same language.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise InputError("there is no such folder", where=folder, remedy="check the path")
        self._folder = folder
        self._languages: dict[str, Path] = {}
        for child in sorted(child for child in folder.iterdir() if child.is_dir()):
            tag = _language(child).tag
            if tag in self._languages:
                raise InputError(
                    "two folders are of one language",
                    where=child,
                    expected="one folder a language",
                    got=f"{tag}, as {self._languages[tag].name} is",
                )
            self._languages[tag] = child

    @property
    def facts(self) -> SourceFacts:
        """What a data card says of it."""
        return SourceFacts(
            name="folder of aligned files",
            licence="not stated in the files: that of whoever wrote them",
            attribution="whoever wrote the files",
            meaning="the same file name: whoever named the files says that one is a version of the other",
            versions={"folder": self._folder.name},
        )

    @property
    def files(self) -> Sequence[Path]:
        """All files of all languages, by path."""
        return [
            path
            for root in self._languages.values()
            for path in sorted(root.rglob("*"))
            if path.is_file() and path.suffix.lower() in SUFFIXES
        ]

    def documents(
        self,
        language: Language,
        reading: Reading,
        progress: Progress | None = None,
        work: Unfinished | None = None,
    ) -> Iterator[LinkedDocument]:
        """The files of one language, by path.

        Raises:
            InputError: there is no folder of this language, two files have one name, or one is not UTF-8.
        """
        if language.tag not in self._languages:
            raise InputError(
                f"there are no files in {language.name} here",
                where=self._folder,
                expected=f"a folder called {language.short}, {language.iso639_3} or {language.tag}",
                got=", ".join(path.name for path in self._languages.values()) or "no folders",
            )
        root = self._languages[language.tag]
        files = _by_id(root, reading.documents)
        others = {tag: path for tag, path in self._languages.items() if tag != language.tag}
        tracked = list(files.items())
        names = tracked if progress is None else progress.track(tracked, description=f"reading {root.name}")
        for document_id, path in names:
            title, text, links = read_page(path)
            if not title and not text:
                reading.documents.drop("file without text")
                continue
            reading.documents.kept += 1
            counterparts = {tag: document_id for tag, other in others.items() if _has(other, document_id)}
            reading.counterparts.kept += len(counterparts)
            yield LinkedDocument(
                document_id,
                language.tag,
                title,
                text,
                counterparts,
                tuple(_targets(links, document_id, files, reading.links)),
            )


def _language(folder: Path) -> Language:
    try:
        return resolve(folder.name)
    except UnknownNameError as error:
        raise InputError(
            "this folder is not called after a language",
            where=folder,
            expected="a code, tag or English name, such as sw, swa-Latn or Swahili",
            got=folder.name,
            remedy="rename it, or move it out of the folder of aligned files",
        ) from error


def _by_id(root: Path, report: DropReport) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        if path.suffix.lower() not in SUFFIXES:
            report.drop("file that is neither .txt, .md nor .html")
            continue
        document_id = _id(path.relative_to(root).with_suffix("").as_posix())
        if document_id in files:
            raise InputError(
                "two files have the same name",
                where=path,
                expected="a name of its own for each document, whatever its ending",
                got=f"{document_id}, which {files[document_id].name} has too",
            )
        files[document_id] = path
    return files


def _id(name: str) -> str:
    """A path as an id: runs and qrels part their fields by white space."""
    return "_".join(name.split())


def _has(root: Path, document_id: str) -> bool:
    return any((root / f"{document_id}{suffix}").is_file() for suffix in SUFFIXES) or (
        "_" in document_id and document_id in _by_id(root, DropReport())
    )


def _targets(links: list[str], document_id: str, files: dict[str, Path], report: DropReport) -> Iterator[str]:
    for link in links:
        path, _, _ = link.partition("#")
        if not path or ":" in path or path.startswith("/"):
            continue  # within the page, or out of the collection
        target = posixpath.normpath(posixpath.join(posixpath.dirname(document_id), unquote(path)))
        found = _id(str(Path(target).with_suffix("").as_posix()))
        if found in files:
            report.kept += 1
            yield found
        else:
            report.drop("no file of this name")
