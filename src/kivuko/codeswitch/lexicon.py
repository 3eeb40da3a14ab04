"""Probabilistic lexicon: words of a language, their English translations and how probable each is.

It is read from a person's own table, made of a dictionary's lines, or mixed of several.
:mod:`kivuko.codeswitch.english_table` reads it the other way round, and
:mod:`kivuko.codeswitch.lexicon_quality` judges it.
"""

from __future__ import annotations

import bisect
import functools
import io
import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from kivuko.artifact import read_manifest, write_artifact
from kivuko.codeswitch.entries import (
    NO_WORDS,
    PREFIX_MARK,
    EntryIndex,
    Found,
    entry_key,
    in_normal_form,
    plainest,
)
from kivuko.errors import ArtifactError, InputError
from kivuko.languages import Language, resolve
from kivuko.text import fold, words
from kivuko.text.faults import decode, fault, faulty, head_of
from kivuko.text.near_words import NearWords
from kivuko.text.segmentation import words_with_spans
from kivuko.text.terms import Piece, pieces, spelling, term_key, word_count

KIND = "lexicon"
LEXICON_FILE = "lexicon.tsv"
#: 2: every entry in its normal form; before, scripts without spaces were cut into pairs of written characters.
FORMAT = 2
_FORMAT = "lexicon format"
LINE = "foreign word, English word, probability in (0, 1], separated by tabs"
#: Words an English phrase may have, as the title n-grams of Litschko et al. (2023).
LONGEST_PHRASE = 3
_NONE: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True)
class Lexicon:
    """Translations into English with probabilities.

    Attributes:
        language: the foreign language.
        entries: foreign word or phrase → English word or phrase → probability, at most 1 in sum; both in the form
            of :mod:`kivuko.codeswitch.entries`. A key that ends in ``*`` stands for all words with that beginning,
            and serves those that have no entry of their own.
        meta: facts about its making, kept in the manifest.
    """

    language: Language
    entries: Mapping[str, Mapping[str, float]]
    meta: Mapping[str, Any] = field(default_factory=dict)

    def translations(self, word: str) -> Mapping[str, float]:
        """English translations of a word: its own, else those of its longest known beginning, else none."""
        own = self._index.entry(word)
        if own is not None:
            return own
        for length in range(len(word), 0, -1):
            if (beginning := word[:length] + PREFIX_MARK) in self.entries:
                return self.entries[beginning]
        return _NONE

    def look_up(
        self, text: str, *, serves: Callable[[Mapping[str, float]], bool] = lambda senses: True
    ) -> list[Found]:
        """The words and phrases of a text with their translations, in order; each word is in one of them.

        From left to right the longest entry is taken whose pieces (:mod:`kivuko.text.terms`) follow one another in
        the text: words in a row, whatever stands between them, or a run of written characters in a script without
        spaces, wherever it begins. What lies between entries there is cut by :func:`kivuko.text.words`.

        Args:
            text: in the lexicon's language.
            serves: whether the translations of a phrase are of any use; one that is of none gives way to its words.
        """
        asked = pieces(text)
        found: list[Found] = []
        between: list[Piece] = []  # written characters that no entry begins at
        place = 0
        while place < len(asked):
            match = self._index.at(asked, place, serves)
            if match is None and asked[place].unspaced:
                between.append(asked[place])
                place += 1
                continue
            found += self._without_entry(between, place - len(between))
            between = []
            if match is None:
                word = asked[place].text
                found.append(Found(word, self.translations(word), False, place, place + 1))
                place += 1
            else:
                key, size, senses = match
                found.append(Found(key, senses, True, place, place + size))
                place += size
        return [*found, *self._without_entry(between, place - len(between))]

    def translations_as_typed(self, word: str) -> Mapping[str, float]:
        """English translations of what a person may have meant by a word that has none (:meth:`translations`).

        Returns:
            Those of the words and beginnings of the same :func:`~kivuko.text.fold` in this language, found as
            :meth:`translations` finds them; several are taken as equally probable.
        """
        return self._as_typed.translations(fold(word, self.language))

    def look_up_as_typed(
        self, unknown: Sequence[Found], *, serves: Callable[[Mapping[str, float]], bool] = lambda senses: True
    ) -> list[Found]:
        """The same for words in a row that :meth:`look_up` found nothing for, and for phrases of them.

        Args:
            unknown: the words. In scripts without spaces they are pairs of characters, and each is taken by itself.
            serves: as for :meth:`look_up`.
        """
        if self.language.spaceless:
            return [replace(each, senses=self.translations_as_typed(each.text)) for each in unknown]
        folded = [fold(each.text, self.language) for each in unknown]
        found, place = [], 0
        for each in self._as_typed.look_up(" ".join(folded), serves=serves):
            size = each.text.count(" ") + 1
            own = unknown[place : place + size]
            text = " ".join(word.text for word in own)
            found.append(Found(text, each.senses, False, own[0].begin, own[-1].end))
            place += size
        return found

    @functools.cached_property
    def _as_typed(self) -> Lexicon:
        """The lexicon with every entry under its fold."""
        alike: dict[str, list[Mapping[str, float]]] = {}
        for foreign, translations in self.entries.items():
            term = foreign.removesuffix(PREFIX_MARK)
            alike.setdefault(fold(term, self.language) + foreign[len(term) :], []).append(translations)
        return Lexicon(self.language, {folded: _mean(several) for folded, several in alike.items()})

    @functools.cached_property
    def near_words(self) -> NearWords:
        """Words that have an entry of their own, to be found by others that are spelled alike."""
        return NearWords(term for term in self.entries if " " not in term and not term.endswith(PREFIX_MARK))

    def running_words(self, text: str) -> list[str]:
        """The words of a text; in scripts without spaces those that are found, and what is left between them."""
        return [each.text for each in self.look_up(text)] if self.language.spaceless else words(text)

    def has(self, word: str) -> bool:
        """Whether a word or phrase has an entry of its own."""
        return self._index.entry(word) is not None

    def _without_entry(self, characters: Sequence[Piece], place: int) -> Iterator[Found]:
        """The words of written characters, the first of which is a text's piece of this number."""
        whole = "".join(piece.gap + piece.text for piece in characters)
        ends = list(itertools.accumulate(len(piece.gap + piece.text) for piece in characters))
        for word, (begin, end) in words_with_spans(whole):
            first, last = bisect.bisect_right(ends, begin), bisect.bisect_left(ends, end)
            yield Found(word, self.translations(word), False, place + first, place + last + 1)

    @functools.cached_property
    def _index(self) -> EntryIndex:
        return EntryIndex(self.entries)

    def save(self, path: Path, *, parents: Mapping[str, str] | None = None) -> None:
        """Write the artefact: ``lexicon.tsv`` sorted by foreign word, then by falling probability.

        Args:
            path: the artefact's folder.
            parents: label → content hash of what it was made from, such as ``{"bitext": manifest.hash}``.

        Raises:
            ArtifactError: something that is not an artefact stands at ``path``.
            StorageError: the disk refused the write.
        """
        entries, _ = in_normal_form(self.entries)
        lines = [
            f"{foreign}\t{english}\t{probability:.6g}\n"
            for foreign in sorted(entries)
            for english, probability in sorted(
                entries[foreign].items(), key=lambda entry: (-entry[1], entry[0])
            )
        ]
        meta = {**self.meta, "language": self.language.tag, _FORMAT: FORMAT}
        with write_artifact(Path(path), KIND, parents=parents, meta=meta) as folder:
            (folder / LEXICON_FILE).write_text("".join(lines), encoding="utf-8")

    @classmethod
    def open(cls, path: Path | str) -> Lexicon:
        """Open the lexicon in folder ``path``.

        Raises:
            ArtifactError: no complete lexicon is there, or an earlier version of Kivuko cut its words apart.
            InputError: its table was changed to something unreadable.
        """
        manifest = read_manifest(Path(path), KIND)
        language = resolve(str(manifest.meta["language"]))
        entries = _read_table(Path(path) / LEXICON_FILE)
        if manifest.meta.get(_FORMAT) != FORMAT:
            cut = next((foreign for foreign in entries if " " in foreign), None)
            if cut is not None and language.spaceless:
                raise ArtifactError(
                    "an earlier version of Kivuko cut the words of this lexicon apart",
                    where=path,
                    expected=f"words of {language.name} as a dictionary writes them",
                    got=repr(cut),
                    remedy="import the dictionary again with 'kivuko lexicon import', and add it to its engine again",
                )
            entries, _ = in_normal_form(entries)
        return cls(language, entries, manifest.meta)


def _mean(several: Sequence[Mapping[str, float]]) -> Mapping[str, float]:
    if len(several) == 1:
        return several[0]
    mixed: dict[str, float] = {}
    for translations in several:
        for english, probability in translations.items():
            mixed[english] = mixed.get(english, 0.0) + probability / len(several)
    return mixed


def read_lexicon_tsv(path: Path, language: Language) -> Lexicon:
    """A person's own lexicon: ``foreign<TAB>english<TAB>probability`` lines, one translation each.

    Lines that say the same in another spelling (capitals, typographic apostrophes) are added up.

    Raises:
        InputError: no such file, wrong encoding, or a line that does not fit; the message names file:line.
    """
    entries, left_out = in_normal_form(_read_table(Path(path)))
    return Lexicon(language, entries, {"from": Path(path).name, "unused": dict(left_out)})


def _read_table(path: Path) -> dict[str, dict[str, float]]:
    if not path.is_file():
        raise InputError("no such file", where=path, expected=f"lines of {LINE}")
    entries: dict[str, dict[str, float]] = {}
    whole = path.read_bytes()
    sound = _is_sound(whole)  # found out at once, for one query can wait for 200,000 lines
    for number, raw in enumerate(io.BytesIO(whole), start=1):
        if sound:
            line = raw.decode()
        else:
            line = decode(raw, f"{path}:{number}", functools.partial(head_of, path))
            if fault(line):
                raise faulty(line, f"{path}:{number}", "a lexicon line")
        try:
            foreign, english, text = line.removeprefix("\ufeff").rstrip("\r\n").split("\t")
            probability = float(text)
        except ValueError as error:
            raise InputError(
                "a lexicon line cannot be read",
                where=f"{path}:{number}",
                expected=f"UTF-8, {LINE}",
                got=raw[:80],
            ) from error
        own = entries.setdefault(foreign, {})
        if not (0 < probability <= 1 and foreign.strip() and english.strip()) or english in own:
            raise InputError(
                "a lexicon line does not fit",
                where=f"{path}:{number}",
                expected=f"{LINE}, each pair of words once",
                got=raw[:80],
            )
        own[english] = probability
    return entries


def _is_sound(whole: bytes) -> bool:
    """Whether a file is UTF-8 without a fault in any line."""
    try:
        return fault(whole.decode()) is None
    except UnicodeDecodeError:
        return False


class WeightedTranslation(Protocol):
    """A line of a dictionary, as in :class:`kivuko.readers.dictionaries.Translation`."""

    @property
    def english(self) -> str:
        """The English side."""

    @property
    def foreign(self) -> str:
        """The translation."""

    @property
    def weight(self) -> float:
        """Above 0; lines of one foreign word share its probability in proportion."""


def from_translations(
    rows: Iterable[WeightedTranslation], language: Language, *, meta: Mapping[str, Any] | None = None
) -> Lexicon:
    """Build a lexicon: P(english | foreign) = weight of the pair / weight of all pairs with this foreign side.

    Both sides get their normal form, so that capitals, apostrophes and hyphens make no difference; scripts without
    spaces are spelled as the dictionary has them. A pair that comes again adds its weight. A side of more than
    three words, an explanation more often than a term, is left out.

    Args:
        rows: the translations, in any order.
        language: of the foreign side.
        meta: facts to keep in the lexicon's own, where counts of rows used and dropped are added.

    Raises:
        InputError: a weight is not above 0, or no row is left.
    """
    counts: dict[str, dict[str, float]] = {}
    spellings: dict[str, set[str]] = {}
    dropped: Counter[str] = Counter()
    total = 0
    for row in rows:
        total += 1
        if not 0 < row.weight < float("inf"):
            raise InputError("a translation's weight must be above 0", where=row.foreign, got=row.weight)
        english, foreign = words(row.english), pieces(row.foreign)
        if not english or not foreign:
            dropped[NO_WORDS] += 1
        elif max(len(english), word_count(foreign)) > LONGEST_PHRASE:
            dropped[f"over {LONGEST_PHRASE} words"] += 1
        else:
            key, phrase = term_key(foreign), " ".join(english)
            spellings.setdefault(key, set()).add(spelling(foreign))
            of_term = counts.setdefault(key, {})
            of_term[phrase] = of_term.get(phrase, 0.0) + row.weight
    if not counts:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in dropped.items())
        raise InputError(
            "no lexicon without translations",
            expected=f"words or phrases of up to {LONGEST_PHRASE} words",
            got=f"{total} rows{': ' if reasons else ''}{reasons}",
        )
    written = {plainest(spellings[key]): key for key in counts}
    entries = {word: _shares(counts[written[word]]) for word in sorted(written)}
    kept = total - dropped.total()
    return Lexicon(language, entries, {**(meta or {}), "rows": total, "used": kept, "unused": dict(dropped)})


def _shares(weights: dict[str, float]) -> dict[str, float]:
    total = sum(weights.values())
    order = sorted(weights, key=lambda english: (-weights[english], english))
    return {english: weights[english] / total for english in order}


def merge(lexicons: Sequence[Lexicon], weights: Sequence[float] | None = None) -> Lexicon:
    """Mix lexicons, word by word.

    With w_i the weight of lexicon i and I(f) the lexicons that have an entry f of its own::

        P(e | f) = Σ_{i ∈ I(f)} w_i · P_i(e | f) / Σ_{i ∈ I(f)} w_i

    So a word that only one lexicon has keeps its translations as they are, whatever the weights. Entries for
    beginnings (``bisha*``) are mixed with one another only: they go on serving words that no lexicon has.

    Args:
        lexicons: at least one, all of the same language.
        weights: one for each, above 0; only their ratios count. Equal ones by default.

    Returns:
        A lexicon whose ``meta`` names the parts; the order of ``lexicons`` makes no difference to its entries
        but for rounding.

    Raises:
        InputError: no lexicon, several languages, another number of weights, or a weight that is not above 0.
    """
    weights = [1.0] * len(lexicons) if weights is None else list(weights)
    languages = sorted({lexicon.language.tag for lexicon in lexicons})
    if len(languages) != 1:
        raise InputError(
            "only lexicons of one language can be merged",
            expected="at least one lexicon, all of the same language",
            got=", ".join(languages) or "none",
        )
    if len(weights) != len(lexicons) or not all(math.isfinite(w) and w > 0 for w in weights):
        raise InputError(
            "each lexicon needs a weight above 0",
            expected=f"{len(lexicons)} numbers above 0",
            got=", ".join(f"{weight:g}" for weight in weights) or "none",
        )
    having_each: dict[str, list[tuple[str, Mapping[str, float], float]]] = {}
    for lexicon, weight in zip(lexicons, weights, strict=True):
        for word, senses in in_normal_form(lexicon.entries)[0].items():
            having_each.setdefault(entry_key(word), []).append((word, senses, weight))
    written = {plainest(word for word, _, _ in having): having for having in having_each.values()}
    entries = {}
    for word, having in sorted(written.items()):
        total = sum(weight for _, _, weight in having)
        mixed: dict[str, float] = {}
        for _, translations, weight in having:
            for english, probability in translations.items():
                mixed[english] = mixed.get(english, 0.0) + weight / total * probability
        order = sorted(mixed, key=lambda english: (-mixed[english], english))
        entries[word] = {english: mixed[english] for english in order}
    parts = [
        {"weight": weight, "entries": len(lexicon.entries), "meta": dict(lexicon.meta)}
        for lexicon, weight in zip(lexicons, weights, strict=True)
    ]
    return Lexicon(lexicons[0].language, entries, {"merged": parts})
