"""Running text of one language, streamed from files: which texts there are, and which of them are used.

Such text carries no relevance labels; it serves to adapt an encoder to a language (masked language modelling, new
subwords). Corpora: mC4 (Xue et al., NAACL 2021, arXiv 2010.11934), OSCAR 23.01 (Abadji et al., LREC 2022,
arXiv 2201.06642). Files are plain text, or JSON objects a line, of which only the text is read: mC4
``{"text", "timestamp", "url"}`` (``c4-om.tfrecord-00000-of-00001.json.gz``); OSCAR of 2019 and 21.09
``{"id", "text", …}``; OSCAR 22.01 and 23.01 ``{"content", "warc_headers", "metadata"}`` (``om_meta.jsonl.gz``,
``om_meta_part_1.jsonl.zst``).

A text is used that is not empty, long enough, in the right script and language, and not a copy of an earlier one.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from rich.progress import Progress

from kivuko.artifact import is_complete, read_manifest
from kivuko.collections.counts import DropReport
from kivuko.errors import InputError
from kivuko.files.json_lines import JSON_LINES, is_json_lines, json_objects, text_field
from kivuko.files.seen_texts import SeenTexts
from kivuko.files.streams import lines, plain_name
from kivuko.languages import Language, resolve
from kivuko.text import comparison_key, normalise, script_share, words
from kivuko.text.faults import fault

KIND = "running-text"
"""The artefact that ``kivuko data import-text`` writes: shards of JSON lines."""
Unit = Literal["document", "paragraph", "line", "passage"]
UNITS: tuple[Unit, ...] = ("document", "paragraph", "line", "passage")
LONGEST_PASSAGE = 1000
"""Characters; some 256 pieces, what Contriever (Izacard et al., TMLR 2022, arXiv 2112.09118) crops."""
TEXT_FIELDS = ("text", "content")
"""Where a record's text is: mC4 and the older OSCAR call it text, OSCAR from 22.01 on content."""
_ENDINGS = f"{', '.join((*JSON_LINES, '.txt'))}, or one of them and .gz, .bz2, .xz or .zst"
FEWEST_WORDS = 5
LOWEST_SCRIPT_SHARE = 0.5


@dataclass
class TextFilter:
    """Judges texts one after the other; what it keeps it knows again.

    Two texts are the same if their ``comparison_key`` is. Memory grows by some 10 bytes for each text that is kept
    (:class:`kivuko.files.seen_texts.SeenTexts`) and by nothing else.

    Attributes:
        language: what the texts should be in.
        fewest_words: shorter texts are dropped.
        lowest_script_share: texts with a smaller share of their letters in the language's script are dropped.
        in_language: says of a normalised text whether it is in the language; None asks nobody. Its answer has to
            depend on the text alone.
        seen: the texts that were kept.
    """

    language: Language
    fewest_words: int = FEWEST_WORDS
    lowest_script_share: float = LOWEST_SCRIPT_SHARE
    in_language: Callable[[str], bool] | None = None
    seen: SeenTexts = field(default_factory=SeenTexts)

    def judge(self, raw: str) -> tuple[str, str | None]:
        """The normalised text, and why it is dropped, if it is; the first reason counts."""
        text = normalise(raw)
        if not text:
            return text, "empty"
        if reason := fault(text):
            return text, reason
        if len(words(text)) < self.fewest_words:
            return text, f"fewer than {self.fewest_words} words"
        if script_share(text, self.language.script) < self.lowest_script_share:
            return text, f"mostly not in the script {self.language.script}"
        if self.in_language is not None and not self.in_language(text):
            return text, f"not identified as {self.language.name}"
        return text, None if self.remember(text) else "duplicate"

    def remember(self, text: str) -> bool:
        """Whether a normalised text is new; now it is known."""
        return self.seen.add(comparison_key(text))


def keep_usable(texts: Iterable[str], keep: TextFilter, report: DropReport) -> Iterator[str]:
    """Normalised texts without those that the filter drops, which are counted."""
    for raw in texts:
        text, reason = keep.judge(raw)
        if reason:
            report.drop(reason)
            continue
        report.kept += 1
        yield text


def read_monolingual(
    path: Path | str,
    language: Language | str,
    report: DropReport,
    *,
    unit: Unit = "document",
    fewest_words: int = FEWEST_WORDS,
    lowest_script_share: float = LOWEST_SCRIPT_SHARE,
    in_language: Callable[[str], bool] | None = None,
    progress: Progress | None = None,
) -> Iterator[str]:
    """Texts of one language from a file or a folder, one at a time.

    Args:
        path: JSON lines (``.jsonl``, ``.ndjson`` or ``.json``; the text in ``text`` or ``content``), a plain-text
            file (``.txt``), either also with ``.gz``, ``.bz2``, ``.xz`` or ``.zst``, or a folder of such files at any
            depth, read in the order of their paths. Files with other endings are counted as dropped. A folder of
            ``kivuko data import-text`` is read too.
        language: what the texts should be in.
        report: counts what is kept and dropped while the texts are read.
        unit: what a text is, see :func:`texts_of_file`.
        fewest_words, lowest_script_share, in_language: see :class:`kivuko.readers.running_text.TextFilter`.
        progress: a rich display for a bar over the bytes of the file that is read.

    Raises:
        InputError: a line is damaged (names ``file:line``), a file is not in UTF-8, or there is nothing to read.
        ArtifactError: imported text that is damaged, or another artefact.
        UnknownNameError: the language is unknown.
    """
    path = Path(path)
    found = resolve(language) if isinstance(language, str) else language
    texts = (text for file in text_files(path, report) for text in texts_of_file(file, unit, progress))
    return keep_usable(texts, TextFilter(found, fewest_words, lowest_script_share, in_language), report)


def text_files(path: Path, report: DropReport) -> Iterator[Path]:
    """The file itself, or the files with text in a folder, in the order of their paths; others are counted.

    Raises:
        InputError: nothing is there, or nothing that can be read.
        ArtifactError: imported text that is damaged, or another artefact.
    """
    if path.is_file():
        if not _is_read(path):
            raise InputError(
                "this kind of file is not read",
                where=path,
                expected=f"a name that ends in {_ENDINGS}",
                remedy="rename the file, or convert it to one JSON object a line",
            )
        yield path
        return
    if not path.is_dir():
        raise InputError("there is no such file or folder", where=path, remedy="check the path")
    if is_complete(path):
        yield from (path / name for name in sorted(read_manifest(path, KIND).files))
        return
    read = 0
    for file in sorted(path.rglob("*")):
        if file.is_file() and _is_read(file):
            read += 1
            yield file
        elif file.is_file():
            report.drop("file that is neither plain text nor JSON lines")
    if not read:
        raise InputError("this folder has no text", where=path, expected=f"files that end in {_ENDINGS}")


def _is_read(file: Path) -> bool:
    return is_json_lines(file) or plain_name(file).endswith(".txt")


def texts_of_file(file: Path, unit: Unit, progress: Progress | None = None) -> Iterator[str]:
    """Documents, paragraphs or lines of one file, as they are.

    Only a whole plain-text file as one document is held in memory; otherwise a record is.

    Args:
        file: JSON lines or plain text, plain or compressed.
        unit: what a text is: a document (a record or a plain-text file); a paragraph, which blank lines part; a
            line; or a passage (a record or a line of a plain-text file, long ones parted, see :func:`passages`).
        progress: a rich display for a bar over the file's bytes.

    Raises:
        InputError: a line is damaged or has no text, or is not in UTF-8; names ``file:line``.
    """
    of_kind = _plain_texts if plain_name(file).endswith(".txt") else _json_texts
    yield from of_kind(file, unit, progress)


def _plain_texts(file: Path, unit: Unit, progress: Progress | None) -> Iterator[str]:
    found = (line for _, line in lines(file, progress))
    if unit == "document":
        yield "\n".join(found)
    elif unit == "line":
        yield from (line for line in found if line.strip())
    elif unit == "passage":
        yield from (part for line in found if line.strip() for part in passages(line))
    else:
        for blank, run in itertools.groupby(found, key=lambda line: not line.strip()):
            if not blank:
                yield "\n".join(run)


def _json_texts(file: Path, unit: Unit, progress: Progress | None) -> Iterator[str]:
    for number, record in json_objects(file, progress):
        if record is not None:
            yield from split_text(text_field(record, TEXT_FIELDS, f"{file}:{number}"), unit)


def split_text(text: str, unit: Unit) -> Iterable[str]:
    """The text as it is, its paragraphs, which blank lines part, its lines that are not blank, or its passages."""
    if unit == "document":
        return [text]
    if unit == "passage":
        return passages(text)
    found = text.splitlines()
    if unit == "line":
        return [line for line in found if line.strip()]
    runs = itertools.groupby(found, key=lambda line: not line.strip())
    return ["\n".join(run) for blank, run in runs if not blank]


def passages(text: str) -> Iterator[str]:
    """Parts of a text, of at most :data:`LONGEST_PASSAGE` characters.

    They end with a line or, if none ends in their second half, a word; where there are no spaces, anywhere between
    two written characters.
    """
    begin = 0
    while len(text) - begin > LONGEST_PASSAGE:
        half, most = begin + LONGEST_PASSAGE // 2, begin + LONGEST_PASSAGE
        ends = (text.rfind(mark, half, most) for mark in ("\n", " "))
        end = next((end for end in ends if end >= 0), most)
        while end > half and unicodedata.category(text[end]).startswith("M"):
            end -= 1
        yield text[begin:end]
        begin = end
    yield text[begin:]
