"""What every translator has in common, and what stands in a table where one cannot be had.

Translate, then search with BM25: the queries into the documents' language, or the documents into the queries'.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from kivuko.collections.collection import Document
from kivuko.errors import FetchError, InputError, MissingExtraError
from kivuko.languages import Language
from kivuko.ranking import Run
from kivuko.retrieval.lexical import LexicalIndex


class Translator(Protocol):
    """Translates from one language into one other.

    Attributes:
        name: what stands in results, such as ``"Apertium eu-en"``.
        source: the language of what comes in.
        target: the language of what goes out.
    """

    @property
    def name(self) -> str:
        """What stands in results."""

    @property
    def source(self) -> Language:
        """The language of what comes in."""

    @property
    def target(self) -> Language:
        """The language of what goes out."""

    def translate(self, texts: Sequence[str]) -> list[str]:
        """One translation a text, in their order; how texts are grouped changes nothing.

        Raises:
            InputError: the translator failed on these texts.
        """


@dataclass(frozen=True)
class Skipped:
    """A translator that cannot be had here; as text, ``"skipped: <reason>"``."""

    reason: str

    def __str__(self) -> str:
        return f"skipped: {self.reason}"


def open_or_skip(open_translator: Callable[[], Translator]) -> Translator | Skipped:
    """The translator that a call opens, or the reason why this machine has none, for an experiment's table.

    Only what belongs to the machine or to the pair is caught: no such pair, no package, no network, a missing
    extra. A full disk or an unknown model name still stops the experiment.

    Args:
        open_translator: such as ``lambda: ApertiumTranslator(basque, english)``.
    """
    try:
        return open_translator()
    except (FetchError, InputError, MissingExtraError) as error:
        return Skipped(error.what if error.got is None else f"{error.what} ({error.got})")


def search_translated_queries(
    index: LexicalIndex, queries: Mapping[str, str], translator: Translator, depth: int = 1000
) -> Run:
    """Query translation: BM25 with each query's translation, words and order as the translator gave them.

    Args:
        index: documents in ``translator.target``.
        queries: query id → text in ``translator.source``.
        translator: translates all queries in one call.
        depth: documents kept a query.

    Returns:
        One ranking a query, in their order; one whose translation matches nothing has no documents.
    """
    translations = translator.translate(list(queries.values()))
    return {
        query: index.search(translation, depth)
        for query, translation in zip(queries, translations, strict=True)
    }


def translate_documents(documents: Sequence[Document], translator: Translator) -> list[Document]:
    """The documents in the translator's target language, ids unchanged.

    Titles and lines are translated one by one, for a line is a paragraph and translators cut long texts; a
    line that occurs often is translated once.
    """
    lines = [[document.title, *document.text.split("\n")] for document in documents]
    distinct = list(dict.fromkeys(line for document in lines for line in document if line.strip()))
    translations = dict(zip(distinct, translator.translate(distinct), strict=True))
    translated = [[translations.get(line, "") for line in document] for document in lines]
    return [
        Document(document.id, title, "\n".join(text))
        for document, (title, *text) in zip(documents, translated, strict=True)
    ]
