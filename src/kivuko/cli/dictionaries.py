"""What ``kivuko lexicon`` is given: a public dictionary by name, a file in one of several formats, texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from rich.progress import Progress

from kivuko.artifact import is_complete
from kivuko.cli.reading_bars import reading_bars
from kivuko.codeswitch import Lexicon
from kivuko.codeswitch.lexicon import read_lexicon_tsv
from kivuko.data import Collection
from kivuko.data.formats.langlinks import is_langlinks_dump, pages_beside, read_wikipedia_titles
from kivuko.data.formats.panlex import is_panlex, read_panlex
from kivuko.data.formats.reading import Reading
from kivuko.data.formats.wiktextract import read_wiktextract
from kivuko.data.formats.word_lists import read_muse, read_translations_tsv
from kivuko.data.split import SPLITS
from kivuko.data.streams import lines, plain_name
from kivuko.data.translations import RawTranslations
from kivuko.data.unfinished import Unfinished, unfinished
from kivuko.errors import InputError, UnknownNameError
from kivuko.languages import Language, resolve
from kivuko.public import freedict
from kivuko.public.lexicons import public_lexicon, source_lexicon
from kivuko.public.sources import LEXICONS

PUBLIC = "public"
_Reader = Callable[[Path, Language, Progress | None], Reading]
_LongReader = Callable[[Path, Language, Progress | None, Unfinished | None], Reading]


def _muse(path: Path, language: Language, progress: Progress | None, *, english_first: bool) -> Reading:
    return read_muse(path, english_first=english_first, progress=progress)


def _tsv(path: Path, language: Language, progress: Progress | None) -> Reading:
    return read_translations_tsv(path, progress)


_READERS: Mapping[str, _Reader] = {
    "muse": partial(_muse, english_first=True),
    "muse-reversed": partial(_muse, english_first=False),
    "tsv": _tsv,
}
# What takes minutes, and goes on when it was interrupted.
_LONG_READERS: Mapping[str, _LongReader] = {
    "panlex": read_panlex,
    "wikipedia-titles": read_wikipedia_titles,
    "wiktextract": read_wiktextract,
}
FORMATS = (*sorted([*_READERS, *_LONG_READERS]), "lexicon", "freedict")
_FOLDERS = frozenset({"freedict", "panlex"})


def imported(source: str, language: Language, file_format: str | None, output: Path) -> Lexicon:
    """The lexicon that a source's name or a path, with a format where its name tells none, stands for; saved.

    What is saved at ``output`` is the same after an interruption, from which the large formats go on.

    Raises:
        InputError: no public dictionary in this language, no such path, a format that is missing or out of
            place, or a file that does not fit it; the message names ``file:line``.
        UnknownNameError: neither a source nor a path, or no such format.
        FetchError: a package cannot be brought.
        MissingExtraError: a ``.zst`` file without the package that reads it.
        ArtifactError: an interrupted import to ``output`` had another source or format.
    """
    if file_format is None and source in {PUBLIC, *LEXICONS}:
        return _saved(_public(source, language), output)
    path = Path(source)
    if not path.exists():
        raise UnknownNameError(
            "dictionary", source, (PUBLIC, *LEXICONS), remedy="give one of these names, or the path of a file"
        )
    file_format = file_format or format_by_name(path, language)
    if file_format is None:
        raise InputError(
            "a file's format has to be named where its name does not tell it",
            where=path,
            expected=f"--format {', '.join(FORMATS)}",
        )
    if file_format not in FORMATS:
        raise UnknownNameError("format", file_format, FORMATS)
    if (path.is_dir() and file_format not in _FOLDERS) or (path.is_file() and file_format == "freedict"):
        raise InputError(
            f"the format {file_format} is not for this",
            where=path,
            expected="a folder for freedict, a folder or file for panlex, a file for the others",
        )
    if file_format == "lexicon":
        return _saved(read_lexicon_tsv(path, language), output)
    if file_format == "freedict":
        return _saved(source_lexicon(freedict.read_folder(path, language), language), output)
    with reading_bars() as progress:
        if file_format not in _LONG_READERS:
            reading = _READERS[file_format](path, language, progress)
            return _saved(_lexicon(path, language, file_format, reading), output)
        recipe = {"language": language.tag, "format": file_format}
        with unfinished(output, recipe, _files(path), progress) as work:
            reading = _LONG_READERS[file_format](path, language, progress, work)
            return _saved(_lexicon(path, language, file_format, reading), output)


def _saved(lexicon: Lexicon, output: Path) -> Lexicon:
    lexicon.save(output)
    return lexicon


def _files(path: Path) -> list[Path]:
    """The files that a source of a large format consists of."""
    if path.is_dir():
        return sorted(file for file in path.iterdir() if file.is_file())
    return [path, pages_beside(path)] if is_langlinks_dump(path) else [path]


def _lexicon(path: Path, language: Language, file_format: str, reading: Reading) -> Lexicon:
    raw = RawTranslations(path.name, "the file's own", {}, reading.rows, reading.drops)
    lexicon = source_lexicon(raw, language)
    meta = {**lexicon.meta, "format": file_format, "changed": dict(reading.changed)}
    return Lexicon(language, lexicon.entries, meta)


def format_by_name(path: Path, language: Language) -> str | None:
    """The format of a file or folder that is called, or laid out, as only one publisher's are; else None."""
    name = plain_name(path)
    if is_panlex(path):
        return "panlex"
    if path.is_dir():
        return "freedict" if any(path.glob("freedict-*.index")) else None
    if is_langlinks_dump(path):
        return "wikipedia-titles"
    if name.endswith(".jsonl") and ("kaikki" in name or "wiktextract" in name):
        return "wiktextract"
    if found := re.fullmatch(r"([a-z]{2,3})-([a-z]{2,3})(?:\.[0-9]+-[0-9]+)?\.txt", name):
        return _muse_direction(found[1], found[2], language)
    return None


def texts_of(path: Path) -> list[str]:
    """The lines of a file, or the title queries of a collection folder.

    Raises:
        InputError: no such file, or not UTF-8.
        ArtifactError: the folder is no collection.
    """
    if path.is_dir() or is_complete(path):
        collection = Collection.open(path)
        return [text for split in SPLITS for text in collection.queries("title", split).values()]
    return [line for _, line in lines(path)]


def _muse_direction(first: str, second: str, language: Language) -> str | None:
    """MUSE's files are called en-xx or xx-en; those of two other languages are none of ours."""
    other = {"en": second}.get(first) or {"en": first}.get(second)
    try:
        if other is None or resolve(other).iso639_3 != language.iso639_3:
            return None
    except UnknownNameError:
        return None
    return "muse" if first == "en" else "muse-reversed"


def _public(source: str, language: Language) -> Lexicon:
    if source == PUBLIC:
        found = public_lexicon(language)
        if found is not None:
            return found.lexicon
    elif LEXICONS[source].covers(language):
        return source_lexicon(LEXICONS[source].read(language), language)
    having = [name for name, each in LEXICONS.items() if each.covers(language)]
    raise InputError(
        f"{source} has no {language.name}",
        expected=", ".join(having) or "a file of your own: there is no public dictionary in this language",
    )
