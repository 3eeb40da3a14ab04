"""Linked documents from a folder of aligned files: ``FOLDER/LANGUAGE/NAME.txt``, ``.md`` or ``.html``.

Files of the same name in two languages' folders are versions of each other. Links are relative paths to other files
of the same language. Of plain text the first line is the title; of Markdown the first heading; of HTML ``<title>``,
else the first ``<h1>``.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

from rich.progress import Progress

from kivuko.collections.counts import DropReport
from kivuko.errors import InputError, UnknownNameError
from kivuko.files.streams import lines
from kivuko.languages import Language, resolve
from kivuko.linked.documents import LinkedDocument, Reading, SourceFacts
from kivuko.text import normalise


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
        self, language: Language, reading: Reading, progress: Progress | None = None
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


SUFFIXES = (".txt", ".md", ".html", ".htm")
_LINK = re.compile(r"(!?)\[([^\[\]]*)\]\(\s*<?([^()\s<>]*)>?[^()]*\)")
_HEADING = re.compile(r" {0,3}#{1,6}\s+(.*?)\s*#*\s*$")
_UNDERLINE = re.compile(r" {0,3}(?:=+|-{2,})\s*$")
_MARKS = re.compile(r"^\s*(?:[-*+>]|\d+[.)])\s+|[*`]{1,3}|(?<!\w)_{1,2}|_{1,2}(?!\w)")
_FENCE = re.compile(r"\s*(?:```|~~~)")


def read_page(path: Path) -> tuple[str, str, list[str]]:
    """Title, text (a paragraph a line) and links, as written, of a file whose name ends in one of the suffixes.

    Raises:
        InputError: it is not UTF-8.
    """
    content = [line for _, line in lines(path)]
    match path.suffix.lower():
        case ".md":
            return _markdown(content)
        case ".txt":
            paragraphs = [text for text in map(normalise, content) if text]
            return (paragraphs[0] if paragraphs else ""), "\n".join(paragraphs[1:]), []
    parser = _Page()
    parser.feed("\n".join(content))
    parser.close()
    title, paragraphs = parser.result()
    return title, "\n".join(paragraphs), parser.links


def _markdown(content: list[str]) -> tuple[str, str, list[str]]:
    title, links = "", []
    paragraphs: list[list[str]] = [[]]
    fenced = False
    for line in content:
        if _FENCE.match(line):
            fenced = not fenced
            continue
        links += [found[3] for found in _LINK.finditer(line) if not found[1] and not fenced]
        shown = line if fenced else _LINK.sub(lambda found: "" if found[1] else found[2], line)
        heading = None if fenced else _HEADING.match(shown)
        underlined = not fenced and _UNDERLINE.match(shown) and len(paragraphs[-1]) == 1
        if heading or underlined:
            text = _plain(heading[1] if heading else paragraphs.pop()[0])
            if title:
                paragraphs.append([text])
            title = title or text
            paragraphs.append([])
        elif not shown.strip():
            paragraphs.append([])
        else:
            paragraphs[-1].append(shown if fenced else _plain(shown))
    joined = (normalise(" ".join(parts)) for parts in paragraphs)
    return normalise(title), "\n".join(text for text in joined if text), links


def _plain(line: str) -> str:
    return _MARKS.sub("", line)


class _Page(HTMLParser):
    """Title, paragraphs and links of an HTML file."""

    # fmt: off
    _BLOCKS = frozenset({
        "p", "div", "section", "article", "main", "header", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "li",
        "ul", "ol", "dt", "dd", "dl", "table", "tr", "td", "th", "pre", "blockquote", "figure", "figcaption", "body",
    })
    # fmt: on
    _SILENT = frozenset({"script", "style", "nav", "template"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[str] = []
        self._title: list[str] = []
        self._first_heading: str | None = None
        self._paragraphs: list[str] = []
        self._pieces: list[str] = []
        self._in_title = False
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "title":
            self._in_title = True
        elif tag in self._SILENT:
            self._silent += 1
        elif tag in self._BLOCKS:
            self._finish()
        elif tag == "br":
            self._pieces.append(" ")
        elif tag == "a" and not self._silent and (target := dict(attrs).get("href")):
            self.links.append(target)

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        elif tag in self._SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in self._BLOCKS:
            text = self._finish()
            if tag == "h1" and self._first_heading is None:
                self._first_heading = text

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self._title.append(data)
        elif not self._silent:
            self._pieces.append(data)

    def result(self) -> tuple[str, list[str]]:
        """Title and paragraphs; a heading that repeats the title is no paragraph."""
        self._finish()
        title = normalise("".join(self._title)) or self._first_heading or ""
        paragraphs = self._paragraphs
        return title, paragraphs[1:] if paragraphs[:1] == [title] else paragraphs

    def _finish(self) -> str:
        text, self._pieces = normalise("".join(self._pieces)), []
        if text:
            self._paragraphs.append(text)
        return text
