"""What ``kivuko lexicon`` is given: a public dictionary by name, a file in one of several formats, texts."""

from __future__ import annotations

from pathlib import Path

from kivuko.artifact import is_complete
from kivuko.codeswitch import Lexicon
from kivuko.codeswitch.lexicon import read_lexicon_tsv
from kivuko.data import Collection, DropReport
from kivuko.data.formats.tables import read_lines
from kivuko.data.formats.word_lists import read_muse, read_translations_tsv
from kivuko.data.lexicon_sources import SOURCES, freedict
from kivuko.data.split import SPLITS
from kivuko.data.translations import RawTranslations, Translation
from kivuko.errors import InputError, UnknownNameError
from kivuko.experiment.dictionaries import public_lexicon, source_lexicon
from kivuko.languages import Language

PUBLIC = "public"
FORMATS = ("muse", "muse-reversed", "tsv", "lexicon", "freedict")


def imported(source: str, language: Language, file_format: str | None) -> Lexicon:
    """The lexicon that a source's name or a path with a format stands for.

    Raises:
        InputError: no public dictionary in this language, no such path, a format that is missing or out of
            place, or a file that does not fit it; the message names ``file:line``.
        UnknownNameError: neither a source nor a path, or no such format.
        FetchError: a package cannot be brought.
    """
    if file_format is None and source in {PUBLIC, *SOURCES}:
        return _public(source, language)
    path = Path(source)
    if not path.exists():
        raise UnknownNameError(
            "dictionary", source, (PUBLIC, *SOURCES), remedy="give one of these names, or the path of a file"
        )
    if file_format not in FORMATS:
        if file_format is not None:
            raise UnknownNameError("format", file_format, FORMATS)
        raise InputError(
            "a file's format has to be named", where=path, expected=f"--format {', '.join(FORMATS)}"
        )
    if path.is_dir() != (file_format == "freedict"):
        raise InputError(
            f"the format {file_format} is not for this",
            where=path,
            expected="a folder for freedict, a file for the others",
        )
    if file_format == "lexicon":
        return read_lexicon_tsv(path, language)
    if file_format == "freedict":
        return source_lexicon(freedict.read_folder(path, language), language)
    rows, drops = _rows(path, file_format)
    return source_lexicon(RawTranslations(path.name, "the file's own", {}, rows, drops), language)


def texts_of(path: Path) -> list[str]:
    """The lines of a file, or the title queries of a collection folder.

    Raises:
        InputError: no such file, or not UTF-8.
        ArtifactError: the folder is no collection.
    """
    if path.is_dir() or is_complete(path):
        collection = Collection.open(path)
        return [text for split in SPLITS for text in collection.queries("title", split).values()]
    return [line for _, line in read_lines(path)]


def _public(source: str, language: Language) -> Lexicon:
    if source == PUBLIC:
        found = public_lexicon(language)
        if found is not None:
            return found.lexicon
    elif SOURCES[source].covers(language):
        return source_lexicon(SOURCES[source].read(language), language)
    having = [name for name, each in SOURCES.items() if each.covers(language)]
    raise InputError(
        f"{source} has no {language.name}",
        expected=", ".join(having) or "a file of your own: there is no public dictionary in this language",
    )


def _rows(path: Path, file_format: str) -> tuple[list[Translation], DropReport]:
    if file_format == "tsv":
        return read_translations_tsv(path)
    return read_muse(path, english_first=file_format == "muse")
