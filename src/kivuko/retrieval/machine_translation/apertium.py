"""Apertium, the rule-based translator: real machine translation that needs no weights and no network model store.

Forcada, Ginestí-Rosell, Nordfalk, O'Regan, Ortiz-Rojas, Pérez-Ortiz, Sánchez-Martínez, Ramírez-Sánchez,
Tyers: "Apertium: a free/open-source platform for rule-based machine translation", Machine Translation 25,
2011, doi:10.1007/s10590-011-9090-0. Pairs and directions stand in ``apertium-pairs.tsv``.
"""

from __future__ import annotations

import functools
import itertools
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from kivuko.errors import InputError
from kivuko.languages import Language, resolve
from kivuko.retrieval.machine_translation.apertium_engine import find_engine
from kivuko.retrieval.machine_translation.pipeline import run_pipeline
from kivuko.retrieval.machine_translation.tagger import tag_apart

SECONDS = 900.0
_TAGGER = "apertium-tagger"
_SPECIAL = re.compile(r"([\[\]{}^$/\\@<>])")
# The engine's own mark of a text's end: a full stop for the tagger, and a blank that tells it from a real one.
_END = ".[]"


@dataclass(frozen=True)
class ApertiumPair:
    """A direction that Debian has a package for: Debian package and the mode in it."""

    source: Language
    target: Language
    package: str
    mode: str


@functools.cache
def apertium_pairs() -> tuple[ApertiumPair, ...]:
    """Every declared direction, in the order of the table."""
    table = resources.files(__package__).joinpath("apertium-pairs.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in table.splitlines()[1:]]
    return tuple(ApertiumPair(resolve(s), resolve(t), package, mode) for s, t, package, mode in rows)


class ApertiumTranslator:
    """Apertium for one direction. A word it does not know stays as it is, without a mark.

    Args:
        source: language of the texts.
        target: language of the translations.
        seconds: how long one call of :meth:`translate` may take.

    Raises:
        InputError: there is no such pair.
        FetchError: Apertium is not installed and its packages cannot be brought.
        StorageError: the disk refused a write.
    """

    def __init__(self, source: Language, target: Language, *, seconds: float = SECONDS) -> None:
        self.source, self.target = source, target
        pair = _pair(source, target)
        engine = find_engine(pair.package, pair.mode)
        self.name = f"Apertium {pair.mode}"
        #: The packages with their versions, or the installed program, for results.
        self.origin = engine.origin
        self._commands = engine.commands(pair.mode)
        self._environment = engine.environment
        self._seconds = seconds

    def translate(self, texts: Sequence[str]) -> list[str]:
        """One translation a text, all by one run of the engine's programs; line ends become spaces.

        Raises:
            InputError: a program fails, does not finish in time, or loses a text.
        """
        given = [" ".join(text.replace("\0", " ").split()) for text in texts]
        asked = [i for i, text in enumerate(given) if text]
        translations = [""] * len(given)
        if not asked:
            return translations
        data = "".join(_SPECIAL.sub(r"\\\1", given[i]) + _END + "\0" for i in asked).encode()
        output = self._run(data).decode()
        found = output.split("\0")
        if len(found) <= len(asked) or any(rest.strip() for rest in found[len(asked) :]):
            raise InputError(
                "Apertium did not keep the texts apart",
                where=self.name,
                expected=f"{len(asked)} translations, each with its end",
                got=f"{output.count(chr(0))}, then {found[-1][:60]!r}",
                remedy="translate the texts in smaller groups to find the one it stumbles over",
            )
        for i, text in zip(asked, found, strict=False):
            translations[i] = _plain(text)
        return translations

    def _run(self, data: bytes) -> bytes:
        """The whole chain; the tagger takes a part of its own, see :func:`tag_apart`."""
        end = time.monotonic() + self._seconds
        for is_tagger, steps in itertools.groupby(self._commands, lambda each: Path(each[0]).name == _TAGGER):
            part, seconds = list(steps), end - time.monotonic()
            if is_tagger:
                data = tag_apart(part[0], data, environment=self._environment, seconds=seconds)
            else:
                data = run_pipeline(part, data, environment=self._environment, seconds=seconds).output
        return data


def _plain(text: str) -> str:
    """A text without the engine's end mark and escapes."""
    whole = text.strip().removesuffix(_END)
    whole = re.sub(r"(?<!\\)\[\]", "", whole)
    return re.sub(r"\\(.)", r"\1", whole).strip()


def _pair(source: Language, target: Language) -> ApertiumPair:
    for pair in apertium_pairs():
        if (pair.source, pair.target) == (source, target):
            return pair
    known = ", ".join(f"{pair.source.short}-{pair.target.short}" for pair in apertium_pairs())
    raise InputError(
        f"Debian has no Apertium from {source.name} into {target.name}",
        expected=f"one of {known}",
        got=f"{source.short}-{target.short}",
        remedy="use a probabilistic lexicon (QueryTranslator) for this pair",
    )
