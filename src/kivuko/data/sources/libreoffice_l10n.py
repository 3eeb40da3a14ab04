"""LibreOffice interface translations: one gettext catalogue per program part (MPL-2.0).

Debian ships one package per language, ``libreoffice-l10n-XX``.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from kivuko.collections.bitext import Pair
from kivuko.data.formats.gettext import read_mo
from kivuko.data.sources.source import RawPairs, roots
from kivuko.languages import Language
from kivuko.packages import fetch_archive, package_version, read_deb

NAME = "libreoffice-l10n"
LICENCE = "MPL-2.0"
_CODES = frozenset({
    "af", "am", "ar", "as", "ast", "be", "bg", "bn", "br", "bs", "ca", "cs", "cy", "da", "de", "dz",
    "el", "eo", "es", "et", "eu", "fa", "fi", "fr", "ga", "gd", "gl", "gn", "gu", "he", "hi", "hr",
    "hu", "id", "is", "it", "ja", "ka", "kk", "km", "kn", "ko", "ku", "lt", "lv", "mk", "ml", "mn",
    "mr", "nb", "ne", "nl", "nn", "nr", "nso", "oc", "om", "or", "pa", "pl", "pt", "ro", "ru", "rw",
    "si", "sk", "sl", "sr", "sr-Latn", "ss", "st", "sv", "szl", "ta", "te", "tg", "th", "tn", "tr",
    "ts", "ug", "uk", "uz", "ve", "vi", "xh", "zh", "zh-Hant", "zu",
})  # fmt: skip
# Where package or folder is not called after the language's short code.
_PACKAGES = {"gn": "gug", "ku": "kmr", "pa": "pa-in", "sr-Latn": "sr", "zh": "zh-cn", "zh-Hant": "zh-tw"}
_FOLDERS = {"ku": "kmr@latin", "sr-Latn": "sr@latin"}


def covers(language: Language) -> bool:
    """Whether there is a package of interface translations for this language."""
    return language.short in _CODES


def package(language: Language) -> str:
    """Name of the Debian package."""
    return f"libreoffice-l10n-{_PACKAGES.get(language.short, language.short)}"


def read_raw(language: Language, source_folder: Path | None = None) -> RawPairs | None:
    """Translated strings as they stand in the catalogues, by catalogue and position.

    Args:
        language: a language that :func:`covers` knows.
        source_folder: unpacked package or installed LibreOffice; without it the package is fetched.

    Returns:
        None if ``source_folder`` has no catalogues of this language.

    Raises:
        InputError: a catalogue is damaged.
        FetchError: the package cannot be brought.
    """
    if source_folder is not None:
        files = [(path.as_posix(), path.read_bytes()) for path in _catalogues(language, source_folder)]
        return _raw(language, files, None) if files else None
    archive = fetch_archive(package(language))
    wanted = rf"/resource/{_folder(language)}/LC_MESSAGES/[^/]+\.mo$".replace("-", "[-_]")
    found = read_deb(archive, f"(?i){wanted}")
    return _raw(language, sorted(found), package_version(archive))


def _raw(language: Language, files: Iterable[tuple[str, bytes]], version: str | None) -> RawPairs:
    pairs = [
        Pair(f"{NAME}:{PurePosixPath(path).stem}:{position}", english, foreign, NAME)
        for path, content in files
        for position, (english, foreign) in enumerate(read_mo(content, path))
    ]
    return RawPairs(NAME, LICENCE, {package(language): version}, pairs)


def _catalogues(language: Language, folder: Path) -> list[Path]:
    wanted = _folder(language)
    for root in roots(folder):
        for program in ("usr/lib/libreoffice/program", "lib/libreoffice/program", "program"):
            for child in sorted((root / program / "resource").glob("*/LC_MESSAGES")):
                if child.parent.name.lower().replace("_", "-") == wanted:
                    return sorted(child.glob("*.mo"))
    return []


def _folder(language: Language) -> str:
    return _FOLDERS.get(language.short, _PACKAGES.get(language.short, language.short))
