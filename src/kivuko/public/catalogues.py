"""Interface translations: what programs say in many languages, from the packages they come in.

LibreOffice, WordPress and Django have gettext catalogues in one package of theirs (:class:`Program`); so have the
further programs of ``gettext_catalogues.tsv``, one Debian package each (:class:`GettextPackages`). MediaWiki and
Kolibri have JSON files with the messages of each language, English among them.
"""

from __future__ import annotations

import functools
import json
import re
import struct
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Protocol

from kivuko.artifact import cache_folder, usable_meta, write_artifact
from kivuko.cleaning.interface_text import plain_text, read_messages
from kivuko.collections.bitext import Pair, RawPairs
from kivuko.errors import InputError
from kivuko.languages import Language, known, resolve
from kivuko.packages import fetch_archive, fetch_wheel_archive, package_version, read_deb, read_wheel, roots

Files = Iterable[tuple[str, bytes]]
"""Path and content of each file."""

_CONTEXT_END = "\x04"
_PLURAL_BORDER = "\x00"
_MAGIC = 0x950412DE


def _catalogue_pairs(source: str, part: Callable[[str], str], files: Files) -> list[Pair]:
    """The messages of gettext catalogues by ``part``, which makes a name of a catalogue's path, and position."""
    return [
        Pair(f"{source}:{part(path)}:{position}", english, foreign, source)
        for path, content in files
        for position, (english, foreign) in enumerate(read_mo(content, path))
    ]


class Interface(Protocol):
    """What each of the programs below has."""

    @property
    def name(self) -> str:
        """The source's name."""

    @property
    def licence(self) -> str:
        """SPDX expression, or what decides it where packages have licences of their own."""

    def covers(self, language: Language) -> bool:
        """Whether there are messages in this language."""

    def packages(self, language: Language) -> tuple[str, ...]:
        """Names of the packages that have this language."""

    def read(self, language: Language, source_folder: Path | None = None) -> RawPairs | None:
        """Messages with their translations; None if the folder has none in this language."""


# --- Programs with gettext catalogues in one package --------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program whose gettext catalogues come in one package, or in one for each language.

    Attributes:
        name: the source's name.
        licence: SPDX expression.
        locales: language's short code → what the program calls the language in its paths.
        package: name of the package that has a language.
        is_wheel: whether that is a Python wheel; else it is a Debian package.
        inside: locale → regular expression that finds the paths of its catalogues.
        places: where a folder that a person gave may have the program.
        pattern: glob pattern of catalogues of any language, from there.
        part: a catalogue's path → what it is called in the ids of pairs.
    """

    name: str
    licence: str
    locales: Mapping[str, str]
    package: Callable[[Language], str]
    is_wheel: bool = False
    inside: Callable[[str], str]
    places: Sequence[str]
    pattern: str
    part: Callable[[str], str]

    def covers(self, language: Language) -> bool:
        """Whether the program is translated into this language."""
        return language.short in self.locales

    def packages(self, language: Language) -> tuple[str, ...]:
        """Name of the one package that has this language."""
        return (self.package(language),)

    def read(self, language: Language, source_folder: Path | None = None) -> RawPairs | None:
        """Translated messages as they stand in the catalogues, by catalogue and position.

        Args:
            language: a language that :meth:`covers` knows.
            source_folder: unpacked package, ``site-packages`` or an installed program; without it the package is
                fetched.

        Returns:
            None if ``source_folder`` has no catalogue of this language.

        Raises:
            InputError: a catalogue is damaged.
            FetchError: the package cannot be brought.
        """
        package, inside = self.package(language), self.inside(self.locales[language.short])
        if source_folder is not None:
            version, files = None, self._from_folder(inside, source_folder)
            if not files:
                return None
        else:
            archive = fetch_wheel_archive(package) if self.is_wheel else fetch_archive(package)
            files = sorted((read_wheel if self.is_wheel else read_deb)(archive, inside))
            version = package_version(archive)
        pairs = _catalogue_pairs(self.name, self.part, files)
        return RawPairs(self.name, self.licence, {package: version}, pairs)

    def _from_folder(self, inside: str, folder: Path) -> list[tuple[str, bytes]]:
        """The catalogues in the first place that has any, by path."""
        for root in roots(folder):
            for place in self.places:
                paths = sorted((root / place).glob(self.pattern))
                found = [path for path in paths if re.search(inside, path.as_posix()) and path.is_file()]
                if found:
                    return [(path.as_posix(), path.read_bytes()) for path in found]
        return []


def _stem(path: str) -> str:
    return PurePosixPath(path).stem


def _locales(codes: str, different: Mapping[str, str]) -> dict[str, str]:
    """Short code → locale, which is the code but where it is ``different``."""
    return {code: different.get(code, code) for code in codes.split()}


_L10N_PACKAGES = {"gn": "gug", "ku": "kmr", "pa": "pa-in", "sr-Latn": "sr", "zh": "zh-cn", "zh-Hant": "zh-tw"}
LIBREOFFICE_L10N = Program(
    name="libreoffice-l10n",
    licence="MPL-2.0",
    locales=_locales(
        "af am ar as ast be bg bn br bs ca cs cy da de dz el eo es et eu fa fi fr ga gd gl gn gu "
        "he hi hr hu id is it ja ka kk km kn ko ku lt lv mk ml mn mr nb ne nl nn nr nso oc om or "
        "pa pl pt ro ru rw si sk sl sr sr-Latn ss st sv szl ta te tg th tn tr ts ug uk uz ve vi "
        "xh zh zh-Hant zu",
        _L10N_PACKAGES | {"ku": "kmr@latin", "sr-Latn": "sr@latin"},
    ),
    package=lambda language: f"libreoffice-l10n-{_L10N_PACKAGES.get(language.short, language.short)}",
    inside=lambda locale: rf"(?i)/resource/{locale}/LC_MESSAGES/[^/]+\.mo$".replace("-", "[-_]"),
    places=("usr/lib/libreoffice/program", "lib/libreoffice/program", "program"),
    pattern="resource/*/LC_MESSAGES/*.mo",
    part=_stem,
)
"""LibreOffice's interface, one catalogue for each part of it; one Debian package per language."""

_WORDPRESS_LOCALES = {
    "ar": "ar", "bg": "bg_BG", "bn": "bn_BD", "bs": "bs_BA", "ca": "ca", "ckb": "ckb", "cs": "cs_CZ",
    "cy": "cy", "da": "da_DK", "de": "de_DE", "el": "el", "eo": "eo", "es": "es_ES", "et": "et", "eu": "eu",
    "fa": "fa_IR", "fi": "fi", "fr": "fr_FR", "gd": "gd", "gl": "gl_ES", "he": "he_IL", "hr": "hr",
    "hu": "hu_HU", "id": "id_ID", "it": "it_IT", "ja": "ja", "jv": "jv_ID", "ka": "ka_GE", "ko": "ko_KR",
    "lv": "lv", "mk": "mk_MK", "ms": "ms_MY", "my": "my_MM", "nb": "nb_NO", "nl": "nl_NL", "pl": "pl_PL",
    "pt": "pt_PT", "ro": "ro_RO", "ru": "ru_RU", "si": "si_LK", "sk": "sk_SK", "sl": "sl_SI", "sq": "sq",
    "sr": "sr_RS", "su": "su_ID", "sv": "sv_SE", "sw": "sw", "ta": "ta_LK", "th": "th", "tr": "tr_TR",
    "ug": "ug_CN", "uk": "uk", "ur": "ur", "vi": "vi", "zh": "zh_CN", "zh-Hant": "zh_TW",
}  # fmt: skip
WORDPRESS = Program(
    name="wordpress",
    licence="GPL-2.0-or-later",
    locales=_WORDPRESS_LOCALES,
    package=lambda language: "wordpress-l10n",
    # Names of continents, countries and cities, in a catalogue of their own, would flood the few sentences.
    inside=lambda locale: rf"/wp-content/languages/(admin-(network-)?)?{locale}\.mo$",
    places=("usr/share/wordpress", "share/wordpress", "wordpress", "."),
    pattern="wp-content/languages/*.mo",
    part=_stem,
)
"""A publishing system and its administration; one Debian package."""

DJANGO = Program(
    name="django",
    licence="BSD-3-Clause",
    locales=_locales(
        "af am ar ast az be bg bn br bs ca ckb cs cy da de el eo es et eu fa fi fr fy ga gd gl he "
        "hi hr hu hy id ig is it ja ka kab kk km kn ko ky lb lt lv mk ml mn mr ms my nb ne nl nn "
        "pa pl pt ro ru sk sl sq sr sr-Latn sv sw ta te tg th tk tr tt ug uk ur uz vi zh zh-Hant",
        {"sr-Latn": "sr_Latn", "zh": "zh_Hans", "zh-Hant": "zh_Hant"},
    ),
    package=lambda language: "Django",
    is_wheel=True,
    inside=lambda locale: rf"(^|/)django/.*/locale/{locale}/LC_MESSAGES/django(js)?\.mo$",
    places=("django",),
    pattern="**/locale/*/LC_MESSAGES/django*.mo",
    # admin:djangojs for …/django/contrib/admin/locale/om/LC_MESSAGES/djangojs.mo
    part=lambda path: f"{PurePosixPath(path).parts[-5]}:{_stem(path)}",
)
"""Forms, validation errors and the administration site of a web framework; one Python wheel."""

# --- Further programs, one Debian package each --------------------------------------------------------------------


@dataclass(frozen=True)
class _Package:
    """One line of the table."""

    name: str
    licence: str
    catalogues: frozenset[str]
    languages: frozenset[str]


# Where the folders are not called after the language's short code alone; the first have precedence.
_GETTEXT_FOLDERS = {
    "am": ("am", "am_ET"), "bn": ("bn", "bn_IN", "bn_BD"), "ckb": ("ckb", "ku_IQ"),
    "gn": ("gn", "gug"), "ig": ("ig", "ibo"), "ms": ("ms", "ms_MY"), "my": ("my", "my_MM"),
    "nb": ("nb", "no"), "or": ("or", "or_IN"), "pt": ("pt", "pt_PT"),
    "sr-Latn": ("sr@latin", "sr@Latn"), "tl": ("tl", "fil"), "zh": ("zh_CN", "cmn"), "zh-Hant": ("zh_TW",),
}  # fmt: skip


class GettextPackages:
    """Free programs whose Debian packages carry gettext catalogues.

    ``gettext_catalogues.tsv`` lists them, chosen for what they bring to languages with little text per megabyte to
    download: their licences, their catalogues' names, and the languages they have at least ten usable messages in.
    Names of countries, languages and time zones (``iso-codes``) are left out: they would flood.
    """

    name = "gettext"
    licence = "by package, mostly GPL-2.0-or-later"
    _kind = "catalogues"
    _kept = "catalogues.zip"

    def covers(self, language: Language) -> bool:
        """Whether one of the packages has messages in this language."""
        return bool(self.packages(language))

    def packages(self, language: Language) -> tuple[str, ...]:
        """Names of the Debian packages with messages in this language."""
        return tuple(each.name for each in self._having(language))

    def read(self, language: Language, source_folder: Path | None = None) -> RawPairs | None:
        """Translated messages as they stand in the catalogues, by package, catalogue and position.

        Args:
            language: a language that :meth:`covers` knows.
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
        for each in self._having(language):
            if source_folder is None:
                archive = fetch_archive(each.name)
                version = package_version(archive)
                found = list(self._from_package(each, language, archive, version))
            else:
                version, found = None, list(self._from_folder(each, language, source_folder))
            if found:
                versions[each.name] = version
                licences.append(each.licence)
                pairs += _catalogue_pairs(self.name, functools.partial(_part_of, each.name), found)
        if not versions:
            return None
        return RawPairs(self.name, " AND ".join(dict.fromkeys(licences)), versions, pairs)

    @functools.cached_property
    def table(self) -> tuple[_Package, ...]:
        """The packages, in the order in which they are read."""
        table = resources.files(__package__).joinpath("gettext_catalogues.tsv")
        rows = [line.split("\t") for line in table.read_text(encoding="utf-8").splitlines()[1:]]
        return tuple(
            _Package(name, licence, frozenset(catalogues.split()), frozenset(languages.split()))
            for name, licence, catalogues, languages in rows
        )

    def _having(self, language: Language) -> list[_Package]:
        return [each for each in self.table if language.short in each.languages]

    def _from_package(
        self, package_: _Package, language: Language, archive: Path, version: str
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
        if usable_meta(folder, self._kind) != meta:
            with write_artifact(folder, self._kind, meta=meta) as building:
                self._keep(package_, archive, building / self._kept)
        with zipfile.ZipFile(folder / self._kept) as kept:
            for name in self._folders(language):
                for path in sorted(kept.namelist()):
                    if PurePosixPath(path).parts[-3] == name:
                        yield path, kept.read(path)

    def _keep(self, package_: _Package, archive: Path, target: Path) -> None:
        wanted = {
            name for each in known() if each.short in package_.languages for name in self._folders(each)
        }
        stems = "|".join(map(re.escape, sorted(package_.catalogues)))
        found = dict(read_deb(archive, rf"/locale/[^/]+/LC_MESSAGES/({stems})\.mo$"))
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as kept:
            for path in sorted(found):
                if PurePosixPath(path).parts[-3] in wanted:
                    # Without a date of its own an entry has a fixed one: the same package gives the same bytes.
                    kept.writestr(zipfile.ZipInfo(path), found[path], zipfile.ZIP_DEFLATED)

    def _from_folder(
        self, package_: _Package, language: Language, folder: Path
    ) -> Iterator[tuple[str, bytes]]:
        """The same from folders; of a catalogue that is there twice the first is taken."""
        places = [
            root / part for root in roots(folder) for part in ("usr/share/locale", "share/locale", "locale")
        ]
        for name in self._folders(language):
            for catalogue in sorted(package_.catalogues):
                paths = (place / name / "LC_MESSAGES" / f"{catalogue}.mo" for place in places)
                path = next((path for path in paths if path.is_file()), None)
                if path is not None:
                    yield path.as_posix(), path.read_bytes()

    def _folders(self, language: Language) -> tuple[str, ...]:
        return _GETTEXT_FOLDERS.get(language.short, (language.short,))


def _part_of(package: str, path: str) -> str:
    return f"{package}:{PurePosixPath(path).parts[-3]}:{_stem(path)}"


GETTEXT = GettextPackages()

# --- MediaWiki ----------------------------------------------------------------------------------------------------

# Where the file is not called after the language's short code.
_MEDIAWIKI_FILES = {
    "kk": "kk-cyrl", "ku": "ku-latn", "sr": "sr-ec", "sr-Latn": "sr-el", "tg": "tg-cyrl", "tt": "tt-cyrl",
    "ug": "ug-arab", "zh": "zh-hans", "zh-Hant": "zh-hant",
}  # fmt: skip

Messages = dict[str, dict[str, str]]
"""Messages of one language: folder in the program → message key → text."""


class MediaWiki:
    """MediaWiki's interface messages, translated by volunteers into hundreds of languages.

    One Debian package, ``mediawiki``, carries them all as JSON files beside their English ones. The messages of
    the known languages are taken out of it once and kept as an artefact with one file per language.
    """

    name = "mediawiki"
    licence = "GPL-2.0-or-later"
    _kind = "messages"
    _absent = frozenset({"en", "nr"})

    def covers(self, language: Language) -> bool:
        """Whether MediaWiki has messages in this language."""
        return language.short not in self._absent

    def packages(self, language: Language) -> tuple[str, ...]:
        """Name of the Debian package, the same for every language."""
        return (self.name,)

    def read(self, language: Language, source_folder: Path | None = None) -> RawPairs | None:
        """Messages that exist in both languages, with their markup, by folder and key.

        Args:
            language: a language that :meth:`covers` knows.
            source_folder: unpacked package; without it the package is fetched.

        Returns:
            None if ``source_folder`` has no MediaWiki.

        Raises:
            InputError: a message file is damaged.
            FetchError: the package cannot be brought.
        """
        sides = resolve("en"), language
        version = None
        if source_folder is not None:
            program = self._program(source_folder)
            if program is None:
                return None
            english, foreign = (self._from_folder(each, program) for each in sides)
        else:
            archive = fetch_archive(self.name)
            version = package_version(archive)
            kept = self._all_messages(archive, version)
            english, foreign = (
                json.loads((kept / self._file(each)).read_text(encoding="utf-8")) for each in sides
            )
        pairs = [
            Pair(f"{self.name}:{place}:{key}", english[place][key], foreign[place][key], self.name)
            for place in sorted(english.keys() & foreign.keys())
            for key in sorted(english[place].keys() & foreign[place].keys())
        ]
        return RawPairs(self.name, self.licence, {self.name: version}, pairs)

    def _all_messages(self, archive: Path, version: str) -> Path:
        """The artefact with every known language's messages, made from the package on first use."""
        folder = cache_folder() / "data" / "mediawiki-messages"
        languages = sorted(self._file(language) for language in known())
        meta = {"package_version": version, "licence": self.licence, "languages": languages}
        if usable_meta(folder, self._kind) == meta:
            return folder
        with write_artifact(folder, self._kind, meta=meta) as building:
            by_language: dict[str, Messages] = {name: {} for name in languages}
            for path, content in read_deb(archive, r"^usr/share/mediawiki/.*/i18n/.*\.json$"):
                file = PurePosixPath(path)
                if file.name in by_language:
                    by_language[file.name][self._place(file.parent)] = read_messages(content, path)
            for name, messages in by_language.items():
                (building / name).write_text(json.dumps(messages, ensure_ascii=False), encoding="utf-8")
        return folder

    def _from_folder(self, language: Language, program: Path) -> Messages:
        files: Iterable[Path] = (path for path in program.rglob(self._file(language)) if "i18n" in path.parts)
        return {
            self._place(PurePosixPath(path.parent.relative_to(program))): read_messages(
                path.read_bytes(), path
            )
            for path in sorted(files)
        }

    def _program(self, folder: Path) -> Path | None:
        for root in roots(folder):
            for part in ("usr/share/mediawiki", "share/mediawiki", "."):
                if (root / part / "languages" / "i18n" / "en.json").is_file():
                    return root / part
        return None

    def _place(self, folder: PurePosixPath) -> str:
        return folder.as_posix().removeprefix("usr/share/mediawiki/")

    def _file(self, language: Language) -> str:
        return f"{_MEDIAWIKI_FILES.get(language.short, language.short.lower())}.json"


MEDIAWIKI = MediaWiki()

# --- Kolibri ------------------------------------------------------------------------------------------------------


_KOLIBRI_LOCALES = {
    "ar": "ar", "bg": "bg_BG", "bn": "bn_BD", "de": "de", "el": "el", "es": "es_ES", "fa": "fa",
    "ff": "ff_CM", "fr": "fr_FR", "gu": "gu_IN", "ha": "ha", "hi": "hi_IN", "ht": "ht", "id": "id",
    "it": "it", "ka": "ka", "km": "km", "ko": "ko", "mr": "mr", "my": "my", "ny": "ny", "pa": "pa",
    "pt": "pt_BR", "sw": "sw_TZ", "te": "te", "uk": "uk", "ur": "ur_PK", "vi": "vi", "yo": "yo",
    "zh": "zh_Hans",
}  # fmt: skip


class Kolibri:
    """Kolibri's messages: texts of a learning platform for schools without a network.

    The Python wheel ``kolibri`` carries, per language, JSON files with the messages of its pages (their English
    beside them, in ICU syntax) and a gettext catalogue. Only these are read of its hundred megabytes.
    """

    name = "kolibri"
    licence = "MIT"
    _messages = "-messages.json"

    def covers(self, language: Language) -> bool:
        """Whether Kolibri has messages in this language."""
        return language.short in _KOLIBRI_LOCALES

    def packages(self, language: Language) -> tuple[str, ...]:
        """Name of the Python package, the same for every language."""
        return (self.name,)

    def read(self, language: Language, source_folder: Path | None = None) -> RawPairs | None:
        """Messages that exist in both languages, by file and key; of plurals and choices the last form.

        Args:
            language: a language that :meth:`covers` knows.
            source_folder: unpacked wheel or a ``site-packages`` folder; without it the wheel is fetched.

        Returns:
            None if ``source_folder`` has no Kolibri.

        Raises:
            InputError: a message file or catalogue is damaged.
            FetchError: the wheel cannot be brought.
        """
        locales = "en", _KOLIBRI_LOCALES[language.short]
        version = None
        if source_folder is not None:
            folder = self._locale_folder(source_folder)
            if folder is None:
                return None
            english, foreign = (
                {
                    path.name: path.read_bytes()
                    for path in (folder / each / "LC_MESSAGES").glob("*")
                    if path.is_file()
                }
                for each in locales
            )
        else:
            wheel = fetch_wheel_archive(self.name)
            version = package_version(wheel)
            english, foreign = (
                {
                    PurePosixPath(path).name: content
                    for path, content in read_wheel(
                        wheel, rf"^kolibri/locale/{each}/LC_MESSAGES/[^/]+\.(json|mo)$"
                    )
                }
                for each in locales
            )
        return RawPairs(self.name, self.licence, {self.name: version}, self._pairs(english, foreign))

    def _pairs(self, english: Mapping[str, bytes], foreign: Mapping[str, bytes]) -> list[Pair]:
        """Pairs from the files of both languages, by the files' names."""
        pairs = []
        for name, content in sorted(foreign.items()):
            if name.endswith(".mo"):
                pairs += _catalogue_pairs(self.name, str, [(name, content)])
            elif name.endswith(self._messages) and name in english:
                sources, targets = read_messages(english[name], name), read_messages(content, name)
                part = name.removesuffix(self._messages)
                for key in sorted(sources.keys() & targets.keys()):
                    texts = plain_text(sources[key]), plain_text(targets[key])
                    if targets[key]:  # an empty one has not been translated
                        pairs.append(Pair(f"{self.name}:{part}:{key}", *texts, self.name))
        return pairs

    def _locale_folder(self, folder: Path) -> Path | None:
        for root in roots(folder):
            for part in ("kolibri/locale", "locale"):
                if list((root / part / "en" / "LC_MESSAGES").glob(f"*{self._messages}")):
                    return root / part
        return None


KOLIBRI = Kolibri()

# --- gettext's file format ----------------------------------------------------------------------------------------


def read_mo(data: bytes, where: object) -> Iterator[tuple[str, str]]:
    """Each translated message of a catalogue, in the file's order.

    A key is ``context EOT English``; the context is left out. Of a message with plurals the English plural is
    paired with the last plural form, the two that say "several". Untranslated messages are left out.

    Args:
        data: the file's content.
        where: its path, for errors.

    Yields:
        (English, translation).

    Raises:
        InputError: not a complete ``.mo`` file, or not in UTF-8.
    """
    try:
        order = "<" if struct.unpack_from("<I", data)[0] == _MAGIC else ">"
        magic, _, count, keys, values = struct.unpack_from(f"{order}5I", data)
        if magic != _MAGIC:
            raise ValueError("no gettext magic number")
        for index in range(count):
            key = _string(data, order, keys + 8 * index)
            value = _string(data, order, values + 8 * index)
            english = key.split(_CONTEXT_END, 1)[-1].split(_PLURAL_BORDER)[-1]
            translation = value.split(_PLURAL_BORDER)[-1]
            if english and translation:
                yield english, translation
    except (struct.error, ValueError) as error:
        raise InputError(
            "this is not a complete gettext catalogue in UTF-8",
            where=where,
            got=str(error),
            remedy="bring the package again, or leave this file out of the folder",
        ) from error


def _string(data: bytes, order: str, entry: int) -> str:
    length, start = struct.unpack_from(f"{order}2I", data, entry)
    if start + length > len(data):
        raise ValueError(f"the file ends before the string at byte {start}")
    return data[start : start + length].decode("utf-8")
