"""Interface translations of free programs, as the gettext catalogues that Debian packages carry.

``gettext_catalogues.tsv`` lists the packages, chosen for what they bring to languages with little text per
megabyte to download: their licences, their catalogues' names, and the languages they have at least ten usable
messages in. Names of countries, languages and time zones (``iso-codes``) are left out: they would flood.
"""

from __future__ import annotations

import functools
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path, PurePosixPath

from kivuko.artifact import cache_folder, usable_meta, write_artifact
from kivuko.data.bitext import Pair
from kivuko.data.formats.gettext import read_mo
from kivuko.data.sources.source import RawPairs, roots
from kivuko.languages import Language, known
from kivuko.packages import fetch_archive, package_version, read_deb

NAME = "gettext"
_KIND = "catalogues"
_KEPT = "catalogues.zip"
# Where the folders are not called after the language's short code alone; the first have precedence.
_FOLDERS = {
    "am": ("am", "am_ET"), "bn": ("bn", "bn_IN", "bn_BD"), "ckb": ("ckb", "ku_IQ"),
    "gn": ("gn", "gug"), "ig": ("ig", "ibo"), "ms": ("ms", "ms_MY"), "my": ("my", "my_MM"),
    "nb": ("nb", "no"), "or": ("or", "or_IN"), "pt": ("pt", "pt_PT"),
    "sr-Latn": ("sr@latin", "sr@Latn"), "tl": ("tl", "fil"), "zh": ("zh_CN", "cmn"), "zh-Hant": ("zh_TW",),
}  # fmt: skip


@dataclass(frozen=True)
class _Package:
    """One line of the table."""

    name: str
    licence: str
    catalogues: frozenset[str]
    languages: frozenset[str]


def covers(language: Language) -> bool:
    """Whether one of the packages has messages in this language."""
    return bool(_packages(language))


def package(language: Language) -> str:
    """Names of the Debian packages with messages in this language, separated by commas."""
    return ", ".join(each.name for each in _packages(language))


def read_raw(language: Language, source_folder: Path | None = None) -> RawPairs | None:
    """Translated messages as they stand in the catalogues, by package, catalogue and position.

    Args:
        language: a language that :func:`covers` knows.
        source_folder: unpacked packages or a system's ``usr``; without it the packages are fetched.

    Returns:
        None if ``source_folder`` has none of the catalogues in this language.

    Raises:
        InputError: a catalogue is damaged.
        FetchError: a package cannot be brought.
    """
    pairs: list[Pair] = []
    versions: dict[str, str | None] = {}
    licences = []
    for each in _packages(language):
        if source_folder is None:
            archive = fetch_archive(each.name)
            version = package_version(archive)
            found = list(_from_package(each, language, archive, version))
        else:
            version, found = None, list(_from_folder(each, language, source_folder))
        if found:
            versions[each.name] = version
            licences.append(each.licence)
            pairs += _pairs(each, found)
    if not versions:
        return None
    return RawPairs(NAME, " AND ".join(dict.fromkeys(licences)), versions, pairs)


def _pairs(package_: _Package, files: Iterable[tuple[str, bytes]]) -> list[Pair]:
    pairs = []
    for path, content in files:
        stem, folder = PurePosixPath(path).stem, PurePosixPath(path).parts[-3]
        name = f"{NAME}:{package_.name}:{folder}:{stem}"
        for position, (english, foreign) in enumerate(read_mo(content, path)):
            pairs.append(Pair(f"{name}:{position}", english, foreign, NAME))
    return pairs


def _from_package(
    package_: _Package, language: Language, archive: Path, version: str
) -> Iterator[tuple[str, bytes]]:
    """Catalogues of one language, by path, from the artefact that is made of the package on first use.

    A package's own compression goes over all languages at once: looking for one takes as long as for all.
    """
    folder = cache_folder() / "data" / "gettext-catalogues" / package_.name
    languages = sorted(language.short for language in known() if language.short in package_.languages)
    meta = {
        "package_version": version,
        "licence": package_.licence,
        "catalogues": sorted(package_.catalogues),
        "languages": languages,
    }
    if usable_meta(folder, _KIND) != meta:
        with write_artifact(folder, _KIND, meta=meta) as building:
            _keep(package_, archive, building / _KEPT)
    with zipfile.ZipFile(folder / _KEPT) as kept:
        for name in _folders(language):
            for path in sorted(kept.namelist()):
                if PurePosixPath(path).parts[-3] == name:
                    yield path, kept.read(path)


def _keep(package_: _Package, archive: Path, target: Path) -> None:
    wanted = {name for each in known() if each.short in package_.languages for name in _folders(each)}
    stems = "|".join(map(re.escape, sorted(package_.catalogues)))
    found = dict(read_deb(archive, rf"/locale/[^/]+/LC_MESSAGES/({stems})\.mo$"))
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as kept:
        for path in sorted(found):
            if PurePosixPath(path).parts[-3] in wanted:
                # Without a date of its own an entry has a fixed one: the same package gives the same bytes.
                kept.writestr(zipfile.ZipInfo(path), found[path], zipfile.ZIP_DEFLATED)


def _from_folder(package_: _Package, language: Language, folder: Path) -> Iterator[tuple[str, bytes]]:
    """The same from folders; of a catalogue that is there twice the first is taken."""
    places = [
        root / part for root in roots(folder) for part in ("usr/share/locale", "share/locale", "locale")
    ]
    for name in _folders(language):
        for catalogue in sorted(package_.catalogues):
            paths = (place / name / "LC_MESSAGES" / f"{catalogue}.mo" for place in places)
            path = next((path for path in paths if path.is_file()), None)
            if path is not None:
                yield path.as_posix(), path.read_bytes()


def _packages(language: Language) -> list[_Package]:
    return [each for each in _table() if language.short in each.languages]


@functools.cache
def _table() -> tuple[_Package, ...]:
    table = resources.files("kivuko.data.sources").joinpath("gettext_catalogues.tsv")
    rows = [line.split("\t") for line in table.read_text(encoding="utf-8").splitlines()[1:]]
    return tuple(
        _Package(name, licence, frozenset(catalogues.split()), frozenset(languages.split()))
        for name, licence, catalogues, languages in rows
    )


def _folders(language: Language) -> tuple[str, ...]:
    return _FOLDERS.get(language.short, (language.short,))
