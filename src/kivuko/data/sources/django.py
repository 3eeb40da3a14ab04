"""Django's translations: forms, validation errors and the administration site (BSD-3-Clause).

The Python wheel ``Django`` carries two gettext catalogues per language and part.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from kivuko.collections.bitext import Pair
from kivuko.data.formats.gettext import read_mo
from kivuko.data.sources.source import RawPairs, roots
from kivuko.languages import Language
from kivuko.packages import fetch_wheel_archive, package_version, read_wheel

NAME = "django"
LICENCE = "BSD-3-Clause"
_PACKAGE = "Django"
_CODES = frozenset({
    "af", "am", "ar", "ast", "az", "be", "bg", "bn", "br", "bs", "ca", "ckb", "cs", "cy", "da", "de",
    "el", "eo", "es", "et", "eu", "fa", "fi", "fr", "fy", "ga", "gd", "gl", "he", "hi", "hr", "hu", "hy",
    "id", "ig", "is", "it", "ja", "ka", "kab", "kk", "km", "kn", "ko", "ky", "lb", "lt", "lv", "mk", "ml",
    "mn", "mr", "ms", "my", "nb", "ne", "nl", "nn", "pa", "pl", "pt", "ro", "ru", "sk", "sl", "sq", "sr",
    "sr-Latn", "sv", "sw", "ta", "te", "tg", "th", "tk", "tr", "tt", "ug", "uk", "ur", "uz", "vi", "zh",
    "zh-Hant",
})  # fmt: skip
# Where the folder is not called after the language's short code.
_FOLDERS = {"sr-Latn": "sr_Latn", "zh": "zh_Hans", "zh-Hant": "zh_Hant"}


def covers(language: Language) -> bool:
    """Whether Django has messages in this language."""
    return language.short in _CODES


def package(language: Language) -> str:
    """Name of the Python package, the same for every language."""
    return _PACKAGE


def read_raw(language: Language, source_folder: Path | None = None) -> RawPairs | None:
    """Translated messages as they stand in the catalogues, by part and position.

    Args:
        language: a language that :func:`covers` knows.
        source_folder: unpacked wheel or a ``site-packages`` folder; without it the wheel is fetched.

    Returns:
        None if ``source_folder`` has no Django.

    Raises:
        InputError: a catalogue is damaged.
        FetchError: the wheel cannot be brought.
    """
    folder = _FOLDERS.get(language.short, language.short)
    if source_folder is not None:
        files = _from_folder(folder, source_folder)
        return _raw(files, None) if files else None
    wheel = fetch_wheel_archive(_PACKAGE)
    return _raw(
        read_wheel(wheel, rf"^django/.*/locale/{folder}/LC_MESSAGES/django(js)?\.mo$"), package_version(wheel)
    )


def _raw(files: Iterable[tuple[str, bytes]], version: str | None) -> RawPairs:
    pairs = [
        Pair(f"{NAME}:{_part(path)}:{position}", english, foreign, NAME)
        for path, content in files
        for position, (english, foreign) in enumerate(read_mo(content, path))
    ]
    return RawPairs(NAME, LICENCE, {_PACKAGE: version}, pairs)


def _part(path: str) -> str:
    """``admin:djangojs`` for ``…/django/contrib/admin/locale/om/LC_MESSAGES/djangojs.mo``."""
    return f"{PurePosixPath(path).parts[-5]}:{PurePosixPath(path).stem}"


def _from_folder(name: str, folder: Path) -> list[tuple[str, bytes]]:
    for root in roots(folder):
        paths = sorted((root / "django").glob(f"**/locale/{name}/LC_MESSAGES/django*.mo"))
        if paths:
            return [(path.as_posix(), path.read_bytes()) for path in paths]
    return []
