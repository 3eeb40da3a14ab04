"""What regimes train on: each kind of data has a name, and a regime declares which kinds it needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from kivuko.artifact import hash_json
from kivuko.codeswitch import EnglishTable
from kivuko.collections.bitext import Pair
from kivuko.errors import InputError
from kivuko.languages import Language


class Need(StrEnum):
    """A kind of training data; the value is what tables and messages call it."""

    ENGLISH_PAIRS = "English pairs"
    BITEXT = "bitext"
    LEXICON = "lexicon"
    MONOLINGUAL = "monolingual text"
    LINKED = "linked documents"
    TRANSLATED = "translated pairs"
    DOCUMENTS = "English documents"
    ENGLISH_TEXT = "English text"
    TEACHER = "teacher"


@dataclass(frozen=True)
class Resources:
    """Training data by kind; no held-out page's text may be among it.

    Pairs of a query and a document may have hard negatives after them: documents that do not answer the query, as
    many for every pair of that kind.

    Attributes:
        english_pairs: English queries and the documents they should find; perhaps hard negatives.
        bitext: language → translation pairs.
        tables: language → translations of English words, a lexicon read the other way round.
        monolingual: language → texts.
        linked: language → (text in the language, linked English text); they need not be parallel.
        translated: language → (query translated into the language, document it should find); perhaps hard negatives.
        documents: English documents whose scores by the teacher can be imitated.
        english_texts: English texts whose mean token vector centres an adapted encoder.
    """

    english_pairs: Sequence[tuple[str, ...]] = ()
    bitext: Mapping[Language, Sequence[Pair]] = field(default_factory=dict)
    tables: Mapping[Language, EnglishTable] = field(default_factory=dict)
    monolingual: Mapping[Language, Sequence[str]] = field(default_factory=dict)
    linked: Mapping[Language, Sequence[tuple[str, str]]] = field(default_factory=dict)
    translated: Mapping[Language, Sequence[tuple[str, ...]]] = field(default_factory=dict)
    documents: Sequence[str] = ()
    english_texts: Sequence[str] = ()

    def require(self, needs: frozenset[Need], regime: str) -> None:
        """Refuse to start without what a regime needs.

        Raises:
            InputError: something is missing; the message names it.
        """
        missing = [need for need in Need if need in needs and need != Need.TEACHER and not self._of(need)]
        if missing:
            raise InputError(
                f"regime {regime!r} lacks training data",
                expected=", ".join(sorted(needs - {Need.TEACHER})),
                got=f"no {', no '.join(missing)}",
                remedy="bring them, or choose a regime that does without (`kivuko train list`)",
            )

    def digest(self, needs: frozenset[Need]) -> dict[str, str]:
        """Kind of data → content hash, for the kinds named."""
        return {need.value: hash_json(self._content(need)) for need in sorted(needs - {Need.TEACHER})}

    def _of(self, need: Need) -> object:
        return {
            Need.ENGLISH_PAIRS: self.english_pairs,
            Need.BITEXT: self.bitext,
            Need.LEXICON: self.tables,
            Need.MONOLINGUAL: self.monolingual,
            Need.LINKED: self.linked,
            Need.TRANSLATED: self.translated,
            Need.DOCUMENTS: self.documents,
            Need.ENGLISH_TEXT: self.english_texts,
        }[need]

    def _content(self, need: Need) -> object:
        held = self._of(need)
        if not isinstance(held, Mapping):
            return list(held)  # type: ignore[call-overload]
        return {language.tag: _plain(of_language) for language, of_language in held.items()}


def _plain(of_language: object) -> object:
    """A language's data as JSON."""
    if isinstance(of_language, EnglishTable):
        return dict(of_language.senses)
    return [[item.english, item.foreign] if isinstance(item, Pair) else item for item in of_language]  # type: ignore[attr-defined]
