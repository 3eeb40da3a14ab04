"""BM25 by a lexicon at its best: what was tried, on development queries, and what it does now, on test queries too.

    python experiments/lexicon.py [--languages om …] [--collections FOLDER …] [--afriqa FOLDER] [--bitext FOLDER]

Lexicons are induced of a language's public bitext (software), and of bitext of other domains where a folder has
NAME.LANGUAGE.tsv files of it. Queries are those of the help pages, and of collections of other domains: folders with
documents.tsv, qrels.txt and a queries.LANGUAGE.tsv. Their queries are halved by a hash of the articles that they are
about; AfriQA's published files have development questions of their own. Results: docs/results/lexicon/.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kivuko.cli.resources import chosen_pairs
from kivuko.codeswitch import Lexicon
from kivuko.codeswitch.entries import Found
from kivuko.codeswitch.induce import induce
from kivuko.collections.collection import LIBREOFFICE_HELP, Collection
from kivuko.collections.document import Document
from kivuko.collections.split import HELD_OUT
from kivuko.evaluation.measures import evaluate
from kivuko.evaluation.results import write_results
from kivuko.experiment.other_domains import Half, halves
from kivuko.languages import Language, resolve
from kivuko.public.collections import build_collection, collections_for
from kivuko.ranking import Qrels
from kivuko.readers.bitext import open_pairs
from kivuko.readers.documents import read_documents
from kivuko.retrieval.lexical import TITLE_WEIGHT, LexicalIndex
from kivuko.retrieval.query_translation import QueryTranslator
from kivuko.text import normalise

MEASURE = "nDCG@10"
DEPTH = 100
#: Bitext of other domains; never AfriQA's questions, which are of its tests' kind.
OTHER = ("tico19", "tico19-terms", "mafand", "gatitos")
#: Of each file, so that the whole takes minutes.
MOST_PAIRS = 2000
NOTES = """At most {queries} queries of each kind and split, chosen by a hash of their ids. `software` is a lexicon of
all public bitext of the language, `other` one of the first {pairs:,} pairs of each of {other}. Development rows have
everything that was tried, and chose; test rows what came of it.

`lexicon` is what Kivuko does, `as it was` what it did before: a word without an entry of its own was taken for what
its first five letters mean, even where the documents have it. Titles weigh {weight} where nothing else is said;
headlines and medicine have none. Induced lexicons have no entries of several words: phrases change nothing here."""


@dataclass(frozen=True)
class Topics:
    """Queries of a language, and the documents that they are asked of.

    Attributes:
        facts: what its rows have in front.
        documents: in English.
        queries: id → text.
        qrels: of the queries.
    """

    facts: Mapping[str, str]
    documents: tuple[Document, ...]
    queries: Mapping[str, str]
    qrels: Qrels


class Before(QueryTranslator):
    """As it was: a word without an entry is what its beginning is, and itself only where that is nothing."""

    def senses(self, asked: Found) -> Mapping[str, float]:  # noqa: D102
        return asked.senses or self.index.as_spelled({asked.text: 1.0})


class NamesKept(QueryTranslator):
    """A word without an entry that the documents have is itself; nothing is looked up by its likeness."""

    def senses(self, asked: Found) -> Mapping[str, float]:  # noqa: D102
        if not asked.own and asked.text in self.index.vocabulary:
            return {asked.text: 1.0}
        return asked.senses or self.index.as_spelled({asked.text: 1.0})


class WordByWord(QueryTranslator):
    """Without phrases of the query and of the documents: each is its words, side by side."""

    def __init__(self, lexicon: Lexicon, index: LexicalIndex) -> None:
        single = {
            foreign: _in_words(senses) for foreign, senses in lexicon.entries.items() if " " not in foreign
        }
        super().__init__(Lexicon(lexicon.language, single), index)


class Sharper(QueryTranslator):
    """Probable translations count for more: to the power of 1.5, and scaled to their former sum."""

    def senses(self, asked: Found) -> Mapping[str, float]:  # noqa: D102
        senses = super().senses(asked)
        return _reweighted(senses, {english: weight**0.5 for english, weight in senses.items()})


class Likely(QueryTranslator):
    """Translations that many documents have count for more: times the third root of their share of the documents."""

    def senses(self, asked: Found) -> Mapping[str, float]:  # noqa: D102
        senses = super().senses(asked)
        return _reweighted(senses, {english: self._share(english) ** (1 / 3) for english in senses})

    def _share(self, english: str) -> float:
        having = self.index._having([[word] for word in english.split()])
        return float(having.sum() + 0.5) / len(having)


class Together(QueryTranslator):
    """Translations in documents that have the query's other words count for more.

    Each by the mean score of its documents for the other words over that of all documents, five documents of the
    latter added.
    """

    def look_up(self, query: str) -> list[tuple[str, dict[str, float]]]:  # noqa: D102
        found, ids = super().look_up(query), self.index.ids
        again = []
        for place, (text, searched) in enumerate(found):
            others = [senses for other, (_, senses) in enumerate(found) if other != place]
            score_of = self.index.search_structured(others, len(ids))
            scores = np.array([score_of.get(document, 0.0) for document in ids])
            mean = float(scores.mean()) or 1.0
            factors = {}
            for english in searched:
                having = self.index._having([[word] for word in english.split()])
                factors[english] = (float(scores[having].sum()) + 5 * mean) / (float(having.sum()) + 5) / mean
            again.append((text, _reweighted(searched, factors)))
        return again


def _in_words(senses: Mapping[str, float]) -> dict[str, float]:
    single: dict[str, float] = {}
    for english, weight in senses.items():
        for word in (parts := english.split()):
            single[word] = single.get(word, 0.0) + weight / len(parts)
    return single


def _reweighted(senses: Mapping[str, float], factors: Mapping[str, float]) -> dict[str, float]:
    """Senses times their factors, with the same sum as before."""
    new = {english: weight * factors[english] for english, weight in senses.items()}
    scale = sum(senses.values()) / (sum(new.values()) or 1.0)
    return {english: weight * scale for english, weight in new.items()}


#: Name of a system → how queries are translated, and the weight of titles.
SYSTEMS: dict[str, tuple[type[QueryTranslator], int]] = {
    "lexicon": (QueryTranslator, TITLE_WEIGHT),
    "lexicon, as it was": (Before, TITLE_WEIGHT),
    "lexicon, title weight 1": (QueryTranslator, 1),
    "lexicon, title weight 2": (QueryTranslator, 2),
}
#: What was tried and not kept, or is a step on the way; on development queries alone.
TRIED: dict[str, tuple[type[QueryTranslator], int]] = {
    "names kept alone": (NamesKept, TITLE_WEIGHT),
    "without phrases": (WordByWord, TITLE_WEIGHT),
    "sharper": (Sharper, TITLE_WEIGHT),
    "likely in the documents": (Likely, TITLE_WEIGHT),
    "together in the documents": (Together, TITLE_WEIGHT),
}


def main() -> None:
    """Induce lexicons, ask queries, write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--languages", nargs="+", default=["om", "sw", "ha", "yo"])
    parser.add_argument("--collections", type=Path, nargs="*", default=[], help="of other domains")
    parser.add_argument("--afriqa", type=Path, help="its published files, for its development questions")
    parser.add_argument("--bitext", type=Path, help="of other domains: NAME.LANGUAGE.tsv")
    parser.add_argument("--queries", type=int, default=100, help="of each kind and split, at most")
    parser.add_argument("--splits", nargs="+", choices=HELD_OUT, default=list(HELD_OUT))
    parser.add_argument("--output", type=Path, default=Path("docs/results/lexicon"))
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for language in map(resolve, arguments.languages):
        topics = list(help_topics(language))
        for folder in arguments.collections:
            topics += collection_topics(folder, language, arguments.afriqa)
        lexicons = dict(induced(language, arguments.bitext))
        for asked in topics:
            if asked.facts["split"] in arguments.splits:
                rows += scores(asked, language, lexicons, arguments.queries)
    write_results(
        arguments.output,
        "BM25 by a lexicon, at its best",
        rows,
        command=" ".join(["python experiments/lexicon.py", *sys.argv[1:]]),
        notes=NOTES.format(
            queries=arguments.queries, pairs=MOST_PAIRS, other=", ".join(OTHER), weight=TITLE_WEIGHT
        ),
    )


def help_topics(language: Language) -> Iterator[Topics]:
    """Of the help pages, where they are translated."""
    if LIBREOFFICE_HELP not in collections_for(language):
        return
    collection = Collection.open(build_collection(language))
    for kind in ("title", "paragraph"):
        for split in HELD_OUT:
            facts = {"collection": LIBREOFFICE_HELP, "queries": kind, "split": split}
            yield Topics(
                facts,
                tuple(collection.documents),
                collection.queries(kind, split),
                collection.qrels(kind, split),
            )


def collection_topics(folder: Path, language: Language, afriqa: Path | None) -> Iterator[Topics]:
    """Of a folder, halved; all of AfriQA's are for tests where its files have development questions."""
    found = halves(folder, language)
    if not found:
        return
    documents = tuple(read_documents(folder / "documents.tsv"))
    if afriqa is not None and folder.name == "afriqa":
        queries = {query: text for half in found for query, text in half.queries.items()}
        qrels = {query: judged for half in found for query, judged in half.qrels.items()}
        development = Half("development", *afriqa_development(afriqa, language, documents))
        found = [development, Half("test", queries, qrels)]
    for half in found:
        if half.queries:
            facts = {"collection": folder.name, "queries": "queries", "split": half.split}
            yield Topics(facts, documents, half.queries, half.qrels)


def afriqa_development(
    folder: Path, language: Language, documents: Sequence[Document]
) -> tuple[dict[str, str], dict[str, dict[str, int]]]:
    """Questions for training and development of AfriQA's published files whose passage is among the documents."""
    of_text = {document.text: document.id for document in documents}
    queries, judged = {}, {}
    for split in ("train", "dev"):
        for file in sorted(folder.glob(f"data/gold_passages/{language.iso639_3}/*.{split}.json")):
            for number, line in enumerate(file.read_text(encoding="utf-8").splitlines()):
                record = json.loads(line)
                document = of_text.get(" ".join(normalise(record["context"] or "").split()))
                if document is not None:
                    queries[f"{split}-{number}"] = normalise(record["question_lang"])
                    judged[f"{split}-{number}"] = {document: 1}
    return queries, judged


def induced(language: Language, folder: Path | None) -> Iterator[tuple[str, Lexicon]]:
    """Name of bitext → the lexicon that is induced of it."""
    software = induce(chosen_pairs(None, language), language)
    yield "software", software
    files = [folder / f"{name}.{language.short}.tsv" for name in OTHER] if folder is not None else []
    pairs = [pair for file in files if file.is_file() for pair in open_pairs(file, language)[:MOST_PAIRS]]
    if pairs:
        yield "other", induce(pairs, language)


@functools.cache
def index_of(documents: tuple[Document, ...], title_weight: int) -> LexicalIndex:
    """Their index, made once."""
    return LexicalIndex(documents, title_weight=title_weight)


def scores(
    topics: Topics, language: Language, lexicons: Mapping[str, Lexicon], most: int
) -> list[dict[str, Any]]:
    """One row for each system and lexicon, of the first queries by a hash of their ids."""
    chosen = sorted(topics.queries, key=lambda query: hashlib.sha256(query.encode()).digest())[:most]
    queries = {query: topics.queries[query] for query in chosen}
    indexes = {weight: index_of(topics.documents, weight) for _, weight in SYSTEMS.values()}
    untranslated = {query: indexes[TITLE_WEIGHT].search(text, DEPTH) for query, text in queries.items()}
    runs = {("none", "untranslated"): untranslated}
    systems = SYSTEMS | (TRIED if topics.facts["split"] == "development" else {})
    for bitext, lexicon in lexicons.items():
        for name, (translator, weight) in systems.items():
            runs[bitext, name] = translator(lexicon, indexes[weight]).run(queries, DEPTH)
    rows = []
    for (bitext, name), run in runs.items():
        summary = evaluate(run, {query: topics.qrels[query] for query in queries}, [MEASURE]).summary(MEASURE)
        facts = {**topics.facts, "language": language.tag, "bitext": bitext, "system": name}
        rows.append({**facts, "measure": MEASURE, **vars(summary)})
        print(json.dumps(rows[-1]), flush=True)
    return rows


if __name__ == "__main__":
    main()
