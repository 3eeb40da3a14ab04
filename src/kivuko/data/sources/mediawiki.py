"""MediaWiki's interface messages, translated by volunteers into hundreds of languages (GPL-2.0-or-later).

One Debian package, ``mediawiki``, carries them all as JSON files beside their English ones. The messages of
the known languages are taken out of it once and kept as an artefact with one file per language.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from kivuko.artifact import cache_folder, usable_meta, write_artifact
from kivuko.data.bitext import Pair
from kivuko.data.interface_text import read_messages
from kivuko.data.sources.source import RawPairs, roots
from kivuko.languages import Language, known, resolve
from kivuko.packages import fetch_archive, package_version, read_deb

NAME = "mediawiki"
LICENCE = "GPL-2.0-or-later"
_KIND = "messages"
_ABSENT = frozenset({"en", "nr"})
# Where the file is not called after the language's short code.
_FILES = {
    "kk": "kk-cyrl", "ku": "ku-latn", "sr": "sr-ec", "sr-Latn": "sr-el", "tg": "tg-cyrl", "tt": "tt-cyrl",
    "ug": "ug-arab", "zh": "zh-hans", "zh-Hant": "zh-hant",
}  # fmt: skip

Messages = dict[str, dict[str, str]]
"""Messages of one language: folder in the program → message key → text."""


def covers(language: Language) -> bool:
    """Whether MediaWiki has messages in this language."""
    return language.short not in _ABSENT


def package(language: Language) -> str:
    """Name of the Debian package, the same for every language."""
    return NAME


def read_raw(language: Language, source_folder: Path | None = None) -> RawPairs | None:
    """Messages that exist in both languages, with their markup, by folder and key.

    Args:
        language: a language that :func:`covers` knows.
        source_folder: unpacked package; without it the package is fetched.

    Returns:
        None if ``source_folder`` has no MediaWiki.

    Raises:
        InputError: a message file is damaged.
        FetchError: the package cannot be brought.
    """
    english_language = resolve("en")
    if source_folder is not None:
        program = _program(source_folder)
        if program is None:
            return None
        english, foreign = _from_folder(english_language, program), _from_folder(language, program)
        return _raw(english, foreign, None)
    archive = fetch_archive(NAME)
    version = package_version(archive)
    messages = _all_messages(archive, version)
    english, foreign = (
        json.loads((messages / _file(each)).read_text(encoding="utf-8"))
        for each in (english_language, language)
    )
    return _raw(english, foreign, version)


def _raw(english: Messages, foreign: Messages, version: str | None) -> RawPairs:
    pairs = [
        Pair(f"{NAME}:{place}:{key}", english[place][key], foreign[place][key], NAME)
        for place in sorted(english.keys() & foreign.keys())
        for key in sorted(english[place].keys() & foreign[place].keys())
    ]
    return RawPairs(NAME, LICENCE, {NAME: version}, pairs)


def _all_messages(archive: Path, version: str) -> Path:
    """The artefact with every known language's messages, made from the package on first use."""
    folder = cache_folder() / "data" / "mediawiki-messages"
    languages = sorted(_file(language) for language in known())
    meta = {"package_version": version, "licence": LICENCE, "languages": languages}
    if usable_meta(folder, _KIND) == meta:
        return folder
    with write_artifact(folder, _KIND, meta=meta) as building:
        by_language: dict[str, Messages] = {name: {} for name in languages}
        for path, content in read_deb(archive, r"^usr/share/mediawiki/.*/i18n/.*\.json$"):
            file = PurePosixPath(path)
            if file.name in by_language:
                by_language[file.name][_place(file.parent)] = read_messages(content, path)
        for name, messages in by_language.items():
            (building / name).write_text(json.dumps(messages, ensure_ascii=False), encoding="utf-8")
    return folder


def _from_folder(language: Language, program: Path) -> Messages:
    files: Iterable[Path] = (path for path in program.rglob(_file(language)) if "i18n" in path.parts)
    return {
        _place(PurePosixPath(path.parent.relative_to(program))): read_messages(path.read_bytes(), path)
        for path in sorted(files)
    }


def _program(folder: Path) -> Path | None:
    for root in roots(folder):
        for part in ("usr/share/mediawiki", "share/mediawiki", "."):
            if (root / part / "languages" / "i18n" / "en.json").is_file():
                return root / part
    return None


def _place(folder: PurePosixPath) -> str:
    return folder.as_posix().removeprefix("usr/share/mediawiki/")


def _file(language: Language) -> str:
    return f"{_FILES.get(language.short, language.short.lower())}.json"
