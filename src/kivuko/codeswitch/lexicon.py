"""Probabilistic lexicon: words of a language, their English translations and how probable each is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from kivuko.artifact import read_manifest, write_artifact
from kivuko.errors import InputError
from kivuko.languages import Language, resolve

KIND = "lexicon"
LEXICON_FILE = "lexicon.tsv"
#: Ends an entry that stands for every word beginning so. No word of ``kivuko.text.words`` contains it.
PREFIX_MARK = "*"
LINE = "foreign word, English word, probability in (0, 1], separated by tabs"
_NONE: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True)
class Lexicon:
    """Translations into English with probabilities.

    Attributes:
        language: the foreign language.
        entries: foreign word (lower case) → English word → probability, at most 1 in sum. A key that ends in
            ``*`` stands for all words with that beginning, and serves those that have no entry of their own.
        meta: facts about its making, kept in the manifest.
    """

    language: Language
    entries: Mapping[str, Mapping[str, float]]
    meta: Mapping[str, Any] = field(default_factory=dict)

    def translations(self, word: str) -> Mapping[str, float]:
        """English translations of a word: its own, else those of its longest known beginning, else none."""
        if word in self.entries:
            return self.entries[word]
        for length in range(len(word), 0, -1):
            if (beginning := word[:length] + PREFIX_MARK) in self.entries:
                return self.entries[beginning]
        return _NONE

    def save(self, path: Path, *, parents: Mapping[str, str] | None = None) -> None:
        """Write the artefact: ``lexicon.tsv`` sorted by foreign word, then by falling probability.

        Args:
            path: the artefact's folder.
            parents: label → content hash of what it was made from, such as ``{"bitext": manifest.hash}``.

        Raises:
            ArtifactError: something that is not an artefact stands at ``path``.
            StorageError: the disk refused the write.
        """
        lines = [
            f"{foreign}\t{english}\t{probability:.6g}\n"
            for foreign in sorted(self.entries)
            for english, probability in sorted(
                self.entries[foreign].items(), key=lambda entry: (-entry[1], entry[0])
            )
        ]
        meta = {**self.meta, "language": self.language.tag}
        with write_artifact(Path(path), KIND, parents=parents, meta=meta) as folder:
            (folder / LEXICON_FILE).write_text("".join(lines), encoding="utf-8")

    @classmethod
    def open(cls, path: Path | str) -> Lexicon:
        """Open the lexicon in folder ``path``.

        Raises:
            ArtifactError: no complete lexicon is there.
            InputError: its table was changed to something unreadable.
        """
        manifest = read_manifest(Path(path), KIND)
        language = resolve(str(manifest.meta["language"]))
        return cls(language, _read_table(Path(path) / LEXICON_FILE), manifest.meta)


def read_lexicon_tsv(path: Path, language: Language) -> Lexicon:
    """A person's own lexicon: ``foreign<TAB>english<TAB>probability`` lines, one translation each.

    Raises:
        InputError: no such file, wrong encoding, or a line that does not fit; the message names file:line.
    """
    return Lexicon(language, _read_table(Path(path)), {"from": Path(path).name})


def _read_table(path: Path) -> dict[str, dict[str, float]]:
    if not path.is_file():
        raise InputError("no such file", where=path, expected=f"lines of {LINE}")
    entries: dict[str, dict[str, float]] = {}
    with path.open("rb") as stream:
        for number, raw in enumerate(stream, start=1):
            where = f"{path}:{number}"
            try:
                foreign, english, text = raw.decode("utf-8").removeprefix("\ufeff").rstrip("\r\n").split("\t")
                probability = float(text)
            except ValueError as error:
                raise InputError(
                    "a lexicon line cannot be read", where=where, expected=f"UTF-8, {LINE}", got=raw[:80]
                ) from error
            valid = (
                foreign.strip() and english.strip() and math.isfinite(probability) and 0 < probability <= 1
            )
            if not valid or english in entries.get(foreign, {}):
                raise InputError(
                    "a lexicon line does not fit",
                    where=where,
                    expected=f"{LINE}, each pair of words once",
                    got=raw[:80],
                )
            entries.setdefault(foreign, {})[english] = probability
    return entries
