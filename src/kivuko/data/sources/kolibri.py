"""Kolibri's translations: texts of a learning platform for schools without a network (MIT).

The Python wheel ``kolibri`` carries, per language, JSON files with the messages of its pages (their English
beside them, in ICU syntax) and a gettext catalogue. Only these are read of its hundred megabytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from kivuko.data.bitext import Pair
from kivuko.data.formats.gettext import read_mo
from kivuko.data.interface_text import plain_text, read_messages
from kivuko.data.sources.source import RawPairs, roots
from kivuko.languages import Language
from kivuko.packages import fetch_wheel_archive, package_version, read_wheel

NAME = "kolibri"
LICENCE = "MIT"
_FOLDERS = {
    "ar": "ar", "bg": "bg_BG", "bn": "bn_BD", "de": "de", "el": "el", "es": "es_ES", "fa": "fa",
    "ff": "ff_CM", "fr": "fr_FR", "gu": "gu_IN", "ha": "ha", "hi": "hi_IN", "ht": "ht", "id": "id",
    "it": "it", "ka": "ka", "km": "km", "ko": "ko", "mr": "mr", "my": "my", "ny": "ny", "pa": "pa",
    "pt": "pt_BR", "sw": "sw_TZ", "te": "te", "uk": "uk", "ur": "ur_PK", "vi": "vi", "yo": "yo",
    "zh": "zh_Hans",
}  # fmt: skip
_MESSAGES = "-messages.json"

Files = dict[str, bytes]
"""Name of a file in a language's folder → its content."""


def covers(language: Language) -> bool:
    """Whether Kolibri has messages in this language."""
    return language.short in _FOLDERS


def package(language: Language) -> str:
    """Name of the Python package, the same for every language."""
    return NAME


def read_raw(language: Language, source_folder: Path | None = None) -> RawPairs | None:
    """Messages that exist in both languages, by file and key; of plurals and choices the last form.

    Args:
        language: a language that :func:`covers` knows.
        source_folder: unpacked wheel or a ``site-packages`` folder; without it the wheel is fetched.

    Returns:
        None if ``source_folder`` has no Kolibri.

    Raises:
        InputError: a message file or catalogue is damaged.
        FetchError: the wheel cannot be brought.
    """
    folder = _FOLDERS[language.short]
    if source_folder is not None:
        locale = _locale(source_folder)
        if locale is None:
            return None
        english, foreign = (_from_folder(locale / name / "LC_MESSAGES") for name in ("en", folder))
        return _raw(english, foreign, None)
    wheel = fetch_wheel_archive(NAME)
    english, foreign = (
        _files(read_wheel(wheel, rf"^kolibri/locale/{name}/LC_MESSAGES/[^/]+\.(json|mo)$"))
        for name in ("en", folder)
    )
    return _raw(english, foreign, package_version(wheel))


def _raw(english: Files, foreign: Files, version: str | None) -> RawPairs:
    pairs = []
    for name in sorted(foreign):
        if name.endswith(".mo"):
            for position, (source, target) in enumerate(read_mo(foreign[name], name)):
                pairs.append(Pair(f"{NAME}:{name}:{position}", source, target, NAME))
        elif name.endswith(_MESSAGES) and name in english:
            sources, targets = read_messages(english[name], name), read_messages(foreign[name], name)
            part = name.removesuffix(_MESSAGES)
            for key in sorted(sources.keys() & targets.keys()):
                texts = plain_text(sources[key]), plain_text(targets[key])
                if targets[key]:  # an empty one has not been translated
                    pairs.append(Pair(f"{NAME}:{part}:{key}", *texts, NAME))
    return RawPairs(NAME, LICENCE, {NAME: version}, pairs)


def _files(members: Iterable[tuple[str, bytes]]) -> Files:
    return {PurePosixPath(path).name: content for path, content in members}


def _from_folder(folder: Path) -> Files:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*")) if path.is_file()}


def _locale(folder: Path) -> Path | None:
    for root in roots(folder):
        for part in ("kolibri/locale", "locale"):
            if list((root / part / "en" / "LC_MESSAGES").glob(f"*{_MESSAGES}")):
                return root / part
    return None
