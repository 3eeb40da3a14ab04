"""One name for each language at every edge: ``om``, ``orm``, ``orm-Latn`` and ``Oromo`` are the same thing.

A tag is an ISO 639-3 code and an ISO 15924 script. The facts stand in ``languages.tsv``; codes that were withdrawn
mean what IANA's language subtag registry (BCP 47) and Unicode CLDR say, as the package ``langcodes`` has it.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from importlib import resources

from kivuko.errors import InputError, UnknownNameError

_RIGHT_TO_LEFT = frozenset({"Arab", "Hebr", "Thaa"})
# Scripts that do not put a space between words. Tibetan marks syllables (tsheg), not words.
_SPACELESS = frozenset({"Hans", "Hant", "Jpan", "Khmr", "Laoo", "Mymr", "Thai", "Tibt"})
_CHINESE_REGIONS = {"cn": "hans", "sg": "hans", "tw": "hant", "hk": "hant", "mo": "hant"}
# FLORES says Hang of Korean, which is written in Hangul and Han, "Kore".
_PARTS_OF_SCRIPTS = {("Kore", "hang"): "kore"}
_TAG = re.compile(r"([a-z]{2,3})(?:-([a-z]{4}))?(?:-([a-z]{2}|[0-9]{3}))?")


@dataclass(frozen=True)
class Language:
    """A language in a script.

    Attributes:
        tag: such as ``"orm-Latn"``; used for folders, results and tables.
        iso639_3: such as ``"orm"``.
        short: BCP-47 tag such as ``"om"`` (or ``"zh-Hant"`` where a script has to be said).
        name: English name.
        script: ISO 15924 code.
        direction: ``"ltr"`` or ``"rtl"``.
        spaceless: whether the script does without spaces between words.
    """

    tag: str
    iso639_3: str
    short: str
    name: str
    script: str
    direction: str
    spaceless: bool


def known() -> list[Language]:
    """Every known language, by code; a language's usual script stands before its others."""
    return [language for language, _ in _table()]


def resolve(name: str) -> Language:
    """The language called ``name``.

    Args:
        name: two- or three-letter code, tag with script (``orm-Latn``) or region (``pt-BR``, ``zh-TW``), or
            English name, in any case; ``_`` counts as ``-``. A region only chooses the script. Codes of FLORES and
            NLLB (``gaz_Latn``, ``fuv_Latn``, ``kor_Hang``) and withdrawn ones (``iw``, ``in``, ``sh``) are known.

    Raises:
        UnknownNameError: no such language, or it is not written in that script here.
    """
    spelled = name.strip().replace("_", "-").casefold()
    by_name = _by_name()
    if spelled in by_name:
        return by_name[spelled]
    parts = _TAG.fullmatch(spelled)
    if not parts or parts[1] not in by_name:
        # "i-lux" and "zh-cmn-hans" are whole tags that were withdrawn.
        parts = _TAG.fullmatch(_in_force(spelled))
    if parts and parts[1] in by_name:
        usual = by_name[parts[1]]
        region_script = _CHINESE_REGIONS.get(parts[3] or "") if usual.iso639_3 == "zho" else None
        written = _PARTS_OF_SCRIPTS.get((usual.script, parts[2]), parts[2])
        script = written or region_script or usual.script.casefold()
        tag = f"{usual.iso639_3}-{script}"
        if tag in by_name:
            return by_name[tag]
        tags = [language.tag for language in known() if language.iso639_3 == usual.iso639_3]
        remedy = f"{usual.name} is known as {', '.join(tags)}"
        raise UnknownNameError("language", name, tags, remedy=remedy)
    names = [spelling for language in known() for spelling in (language.name, language.tag)]
    remedy = "give a code (om, orm), a tag (orm-Latn) or an English name; `kivuko data list` shows all"
    raise UnknownNameError("language", name, names, remedy=remedy)


def foreign_language(language: Language | str) -> Language:
    """The language meant, which must not be English.

    Raises:
        UnknownNameError: no such language.
        InputError: it is English.
    """
    found = resolve(language) if isinstance(language, str) else language
    if found.short == "en":
        raise InputError(
            "English is the source language: its pages are the documents of every collection",
            got=language,
            remedy="name the language to carry search to, such as om",
        )
    return found


@functools.cache
def _in_force(spelled: str) -> str:
    """The tag that replaces a withdrawn one, such as ``"he"`` for ``"iw"``; the same for any other text.

    A code that CLDR replaces by a language of a region (``prs``, Dari, by ``fa-AF``) is not withdrawn: it stands for
    that variety.
    """
    # They take a tenth of a second, for names that the table does not have.
    from langcodes import Language as Tag
    from langcodes.tag_parser import LanguageTagError

    try:
        found = Tag.get(spelled)
    except LanguageTagError:
        return spelled
    if found.territory and not Tag.get(spelled, normalize=False).territory:
        return spelled
    return "-".join(filter(None, (found.language, found.script))).casefold() or spelled


@functools.cache
def _table() -> list[tuple[Language, list[str]]]:
    """Each language with its further spellings."""
    text = resources.files("kivuko").joinpath("languages.tsv").read_text(encoding="utf-8")
    table = []
    for line in text.splitlines()[1:]:
        code, short, script, name, aliases = line.split("\t")
        direction = "rtl" if script in _RIGHT_TO_LEFT else "ltr"
        language = Language(f"{code}-{script}", code, short, name, script, direction, script in _SPACELESS)
        table.append((language, aliases.split()))
    return table


@functools.cache
def _by_name() -> dict[str, Language]:
    """Case-folded spelling → language; where two scripts share a spelling, the usual one has it."""
    names: dict[str, Language] = {}
    for language, aliases in _table():
        for spelling in (language.tag, language.short, language.name, language.iso639_3, *aliases):
            names.setdefault(spelling.casefold(), language)
    return names
