"""WordPress's own translations: texts of a publishing system and its administration (GPL-2.0-or-later).

One Debian package, ``wordpress-l10n``, carries four gettext catalogues per language.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from kivuko.collections.bitext import Pair
from kivuko.data.formats.gettext import read_mo
from kivuko.data.sources.source import RawPairs, roots
from kivuko.languages import Language
from kivuko.packages import fetch_archive, package_version, read_deb

NAME = "wordpress"
LICENCE = "GPL-2.0-or-later"
_PACKAGE = "wordpress-l10n"
_FOLDER = "wp-content/languages"
# Names of continents, countries and cities would flood the few sentences.
_CATALOGUES = ("", "admin-", "admin-network-")
_LOCALES = {
    "ar": "ar", "bg": "bg_BG", "bn": "bn_BD", "bs": "bs_BA", "ca": "ca", "ckb": "ckb", "cs": "cs_CZ",
    "cy": "cy", "da": "da_DK", "de": "de_DE", "el": "el", "eo": "eo", "es": "es_ES", "et": "et", "eu": "eu",
    "fa": "fa_IR", "fi": "fi", "fr": "fr_FR", "gd": "gd", "gl": "gl_ES", "he": "he_IL", "hr": "hr",
    "hu": "hu_HU", "id": "id_ID", "it": "it_IT", "ja": "ja", "jv": "jv_ID", "ka": "ka_GE", "ko": "ko_KR",
    "lv": "lv", "mk": "mk_MK", "ms": "ms_MY", "my": "my_MM", "nb": "nb_NO", "nl": "nl_NL", "pl": "pl_PL",
    "pt": "pt_PT", "ro": "ro_RO", "ru": "ru_RU", "si": "si_LK", "sk": "sk_SK", "sl": "sl_SI", "sq": "sq",
    "sr": "sr_RS", "su": "su_ID", "sv": "sv_SE", "sw": "sw", "ta": "ta_LK", "th": "th", "tr": "tr_TR",
    "ug": "ug_CN", "uk": "uk", "ur": "ur", "vi": "vi", "zh": "zh_CN", "zh-Hant": "zh_TW",
}  # fmt: skip


def covers(language: Language) -> bool:
    """Whether the package has a catalogue in this language."""
    return language.short in _LOCALES


def package(language: Language) -> str:
    """Name of the Debian package, the same for every language."""
    return _PACKAGE


def read_raw(language: Language, source_folder: Path | None = None) -> RawPairs | None:
    """Translated messages as they stand in the catalogues, by catalogue and position.

    Args:
        language: a language that :func:`covers` knows.
        source_folder: unpacked package; without it the package is fetched.

    Returns:
        None if ``source_folder`` has no catalogue of this language.

    Raises:
        InputError: a catalogue is damaged.
        FetchError: the package cannot be brought.
    """
    names = [f"{catalogue}{_LOCALES[language.short]}.mo" for catalogue in _CATALOGUES]
    if source_folder is not None:
        files = _from_folder(names, source_folder)
        return _raw(files, None) if files else None
    archive = fetch_archive(_PACKAGE)
    wanted = "|".join(map(re.escape, names))
    found = sorted(read_deb(archive, rf"/{_FOLDER}/({wanted})$"))
    return _raw(found, package_version(archive))


def _raw(files: Iterable[tuple[str, bytes]], version: str | None) -> RawPairs:
    pairs = [
        Pair(f"{NAME}:{PurePosixPath(path).stem}:{position}", english, foreign, NAME)
        for path, content in files
        for position, (english, foreign) in enumerate(read_mo(content, path))
    ]
    return RawPairs(NAME, LICENCE, {_PACKAGE: version}, pairs)


def _from_folder(names: list[str], folder: Path) -> list[tuple[str, bytes]]:
    for root in roots(folder):
        for program in ("usr/share/wordpress", "share/wordpress", "wordpress", "."):
            paths = [root / program / _FOLDER / name for name in sorted(names)]
            found = [(path.as_posix(), path.read_bytes()) for path in paths if path.is_file()]
            if found:
                return found
    return []
