"""Translation memories (TMX 1.1 to 1.4b), as OPUS and translation tools write them.

The file is parsed while it is read, and a unit is forgotten once it is yielded. Entity declarations are refused,
external ones and "billion laughs" among them; a reference to an external DTD is allowed and not followed.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from xml.parsers import expat

from rich.progress import Progress

from kivuko.collections.counts import DropReport
from kivuko.errors import InputError
from kivuko.files.streams import open_bytes
from kivuko.languages import Language
from kivuko.readers.bitext_formats import ENGLISH, Row, language_of

# Elements whose content is another format's code, not text: bold here, a line break there.
_CODES = frozenset({"bpt", "ept", "it", "ph", "ut"})
# Stands for a code or a tag of another format until it is known what is on both sides of it; XML cannot hold it.
_JOINT = "\0"
_JOINTS = re.compile(f"(.?){_JOINT}+(?=(.?))", re.DOTALL)
NO_SEGMENT = "unit with a <tuv> without <seg>"
_CHUNK = 1 << 16


class Unit(NamedTuple):
    """A unit of a translation memory.

    Attributes:
        number: its place, from 1.
        name: its ``tuid``; "" where it has none.
        texts: its sides in the two languages asked for.
    """

    number: int
    name: str
    texts: tuple[str, str]


def read_tmx(
    path: Path, language: Language, report: DropReport, progress: Progress | None = None
) -> Iterator[Row]:
    """The first English and the first ``language`` side of each unit; ``Row.number`` counts units.

    Raises:
        InputError: see :func:`read_units`.
    """
    for unit in read_units(path, (ENGLISH, language), report, progress):
        yield Row(unit.number, *unit.texts)


def read_units(
    path: Path, languages: tuple[Language, Language], report: DropReport, progress: Progress | None = None
) -> Iterator[Unit]:
    """The first sides of each unit in two languages, whatever region their codes say (``om-ET``, ``es-419``).

    Text in ``<hi>`` is text; the content of native codes (``bpt ept it ph ut``) is not, and ``<ph>`` becomes a
    space. So do the other codes, and tags that TMX does not have (``<x/>``, ``<g>``), where letters or digits would
    else be joined to one word. Units without both languages are counted, and those with a ``<tuv>`` without
    ``<seg>``.

    Raises:
        InputError: not TMX, not well-formed or cut short, an entity is declared or unknown (names
            ``file:line``), or no unit has both languages (names those there are).
    """
    units = _Units(path)
    yielded = False
    with open_bytes(path, progress) as stream:
        while chunk := stream.read(_CHUNK):
            for number, name, sides in units.feed(chunk, last=False):
                first, second = (_side(sides, language) for language in languages)
                if first is None or second is None:
                    report.drop(NO_SEGMENT if None in sides.values() else "unit without both languages")
                else:
                    yielded = True
                    yield Unit(number, name, (first, second))
    units.feed(b"", last=True)
    if not yielded:
        codes = ", ".join(f"{code or 'no code'} ({count:,})" for code, count in units.codes.most_common(12))
        bare = report.reasons[NO_SEGMENT]
        source, target = languages
        examples = f"{'en-US' if source == ENGLISH else source.short} and {target.short}"
        raise InputError(
            f"no unit has {source.name} and {target.name}",
            where=path,
            expected=f"<tuv xml:lang> that mean {source.name} and {target.name}, such as {examples}",
            got=", ".join(filter(None, (codes, f"{bare:,} × {NO_SEGMENT}" if bare else ""))) or "no units",
            remedy="put each text into <tuv><seg>…</seg></tuv>"
            if bare
            else "name the language the file is in",
        )


def _side(sides: dict[str, str | None], language: Language) -> str | None:
    texts = (text for code, text in sides.items() if text is not None and language_of(code) == language)
    return next(texts, None)


def _joined(parts: list[str]) -> str:
    """Text in which codes do not join words: a space where there are letters, marks or digits on both sides."""
    return _JOINTS.sub(
        lambda found: found[1] + (" " if all(map(_in_word, found.groups())) else ""), "".join(parts)
    )


def _in_word(character: str) -> bool:
    return bool(character) and unicodedata.category(character)[0] in "LMN"


class _Units:
    """Handlers of an XML parser that gather the units between two chunks."""

    def __init__(self, path: Path) -> None:
        self.codes: Counter[str] = Counter()
        self._path = path
        self._done: list[tuple[int, str, dict[str, str | None]]] = []
        self._number, self._depth_in_code = 0, 0
        self._name = ""
        self._sides: dict[str, str | None] = {}  # None for a side without a segment
        self._code = ""
        self._text: list[str] | None = None
        self._begun = False
        self._parser: Any = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.EntityDeclHandler = self._declared
        self._parser.SkippedEntityHandler = self._unknown

    def feed(self, chunk: bytes, *, last: bool) -> list[tuple[int, str, dict[str, str | None]]]:
        """Parse on; the units that ended in this chunk: number, name, and code → text."""
        try:
            self._parser.Parse(chunk, last)
        except expat.ExpatError as error:
            raise InputError(
                "this translation memory is damaged or cut short",
                where=f"{self._path}:{error.lineno}",
                expected="well-formed XML up to </tmx>",
                got=expat.errors.messages[error.code],
                remedy="fetch it again, or mend the line",
            ) from error
        except (LookupError, ValueError) as error:  # of the decoder that the first line names
            raise self._error(
                "this translation memory has an encoding that cannot be read",
                "UTF-8, UTF-16, or an encoding of single bytes",
                str(error),
                "convert it to UTF-8",
            ) from error
        done, self._done = self._done, []
        return done

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._begun and name != "tmx":
            raise self._error("this is no translation memory", "<tmx> first", f"<{name}>", "give a TMX file")
        self._begun = True
        if name == "tu":
            self._number += 1
            self._name = attributes.get("tuid", "")
            self._sides = {}
        elif name == "tuv":
            self._code = attributes.get("xml:lang", attributes.get("lang", ""))
            self._sides.setdefault(self._code, None)
        elif name == "seg":
            self._text, self._depth_in_code = [], 0
        elif self._text is not None and name not in ("hi", "sub"):
            self._text.append(" " if name == "ph" else _JOINT)
            self._depth_in_code += name in _CODES

    def _end(self, name: str) -> None:
        if name == "tu":
            self._done.append((self._number, self._name, self._sides))
        elif name == "seg" and self._text is not None:
            self.codes[self._code] += 1
            if self._sides.get(self._code) is None:
                self._sides[self._code] = _joined(self._text)
            self._text = None
        elif self._text is not None and name not in ("hi", "sub"):
            if name != "ph":
                self._text.append(_JOINT)
            self._depth_in_code -= name in _CODES

    def _characters(self, text: str) -> None:
        if self._text is not None and not self._depth_in_code:
            self._text.append(text)

    def _declared(self, name: str, *_: object) -> None:
        raise self._error(
            "this translation memory declares entities, which can make a small file endless or read other files",
            "no <!ENTITY>, as in files of OPUS and of translation tools",
            f"<!ENTITY {name}>",
            "write the texts of the entities into the file",
        )

    def _unknown(self, name: str, _: bool) -> None:
        raise self._error(
            "this translation memory has an entity that is not declared",
            "&amp; &lt; &gt; &quot; &apos; or numbers such as &#160;",
            f"&{name};",
            "write the character itself",
        )

    def _error(self, what: str, expected: str, got: str, remedy: str) -> InputError:
        where = f"{self._path}:{self._parser.CurrentLineNumber}"
        return InputError(what, where=where, expected=expected, got=got, remedy=remedy)
