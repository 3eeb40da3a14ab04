"""The data card and its counts: how the judgments came about, what that means for results, what was left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata

from kivuko.collections.counts import DropReport
from kivuko.collections.split import Split
from kivuko.linked.documents import Reading, SourceFacts
from kivuko.linked.queries import LinkedRecipe, QueryKind


@dataclass(frozen=True)
class SplitCounts:
    """One split.

    Attributes:
        queries: number of queries; 0 where the split was not written.
        counterparts: judgments of grade 2.
        mutually_linked: judgments of grade 1.
    """

    queries: int
    counterparts: int
    mutually_linked: int


@dataclass(frozen=True)
class Statistics:
    """What was read, kept and left out.

    Attributes:
        queries: documents in the query language that gave a query, and why the others gave none.
        query_reading: the pass over the query language.
        document_reading: the pass over the document language.
        identical: queries that read the same as their counterpart's, before any were left out for it.
        splits: counts of each split.
        document_words: mean and median words of a document's text.
        query_words: mean words of a query.
        held_out_in_training: judgments of training queries on documents that are the counterpart of a
            development or test query.
    """

    queries: DropReport
    query_reading: Reading
    document_reading: Reading
    identical: int
    splits: Mapping[Split, SplitCounts]
    document_words: tuple[float, float]
    query_words: float
    held_out_in_training: int

    @property
    def documents(self) -> int:
        """Documents in the document language."""
        return self.document_reading.documents.kept

    @property
    def links_per_document(self) -> float:
        """Links that lead to another article, file or page of the document language, a document."""
        return self.document_reading.links.kept / max(1, self.documents)

    @property
    def identical_share(self) -> float:
        """Share (0 to 1) of the queries with a counterpart that read the same in both languages."""
        with_counterpart = self.queries.kept + self.queries.reasons["query identical in both languages"]
        return self.identical / max(1, with_counterpart)

    def reports(self) -> dict[str, DropReport]:
        """Every count of what was left out, by what it is about."""
        return {
            "pages in the query language": self.query_reading.documents,
            "links to a counterpart": self.query_reading.counterparts,
            "queries": self.queries,
            "pages in the document language": self.document_reading.documents,
            "links in the document language": self.document_reading.links,
        }

    def as_json(self) -> dict[str, object]:
        """For a manifest."""
        return {
            "documents": self.documents,
            "splits": {split: vars(counts) for split, counts in self.splits.items()},
            "identical_in_both_languages": self.identical,
            "document_words_mean_median": [round(words, 1) for words in self.document_words],
            "query_words_mean": round(self.query_words, 1),
            "links_per_document": round(self.links_per_document, 2),
            "held_out_counterparts_judged_in_training": self.held_out_in_training,
        }


JUDGMENTS = "synthetic: from links; nobody judged"
NOTICE = (
    "Links are not relevance: documents that nobody linked count as wrong, relevant or not, so scores are low "
    "bounds, and small differences between systems may be differences in what is linked."
)
CITATION = (
    "the method: Schamoni, Hieber, Sokolov, Riezler: Learning Translational and Knowledge-based Similarities from "
    "Relevance Rankings for Cross-Language Retrieval, ACL 2014"
)
_QUERIES: dict[QueryKind, str] = {
    "title": "the title of a document",
    "first-sentence": "the first sentence of a document, without the words of its title",
}


def card_text(facts: SourceFacts, recipe: LinkedRecipe, statistics: Statistics) -> str:
    """The card in Markdown."""
    query, document = recipe.query_language, recipe.document_language
    monolingual = query == document
    grade_two = "the query's own document" if monolingual else f"its counterpart in {document.name}"
    identical = f"{statistics.identical:,} ({statistics.identical_share:.1%})"
    sections = [
        f"# {query.name} queries, {document.name} documents, from links",
        f"**Judgments: {JUDGMENTS}.** Built by Kivuko {metadata.version('kivuko')} from {facts.name}.",
        "## How the judgments came about",
        f"A query is {_QUERIES[recipe.queries]} in {query.name} (`{query.tag}`). The documents are all documents in "
        f"{document.name} (`{document.tag}`).\n\n"
        f"- grade 2: {grade_two}. Here the link is {facts.meaning}.\n"
        "- grade 1: a document that links to the counterpart and that the counterpart links to.\n"
        "- all others: not judged, and counted as not relevant by the usual measures.",
        "## What that means for results",
        f"{NOTICE}\n\n"
        "- A query has one best document because one document was linked, not because one answers it.\n"
        "- Grade 1 says that editors mention both subjects together. Report measures at grade 2 and with grades.\n"
        f"- {identical} of the queries read the same in both languages; a lexical system finds them without any "
        f"translation. {_identical_advice(recipe)}\n"
        f"- {statistics.held_out_in_training:,} judgments of training queries are on documents that are the "
        "counterpart of a development or test query: documents are shared by the splits, query–document pairs "
        "of grade 2 are not.\n"
        + (
            "- Queries and documents are in one language here and a query stands in its own document: this is a "
            "control for the pipeline, not a task.\n"
            if monolingual
            else ""
        ).rstrip("\n"),
        "## Counts",
        _table(
            ("", "train", "development", "test"),
            [
                (label, *(f"{getattr(counts, name):,}" for counts in statistics.splits.values()))
                for label, name in (
                    ("queries", "queries"),
                    ("judgments of grade 2", "counterparts"),
                    ("judgments of grade 1", "mutually_linked"),
                )
            ],
        ),
        f"A split without queries is not written. Documents: {statistics.documents:,}, with "
        f"{statistics.document_words[0]:.0f} words on average (median {statistics.document_words[1]:.0f}) and "
        f"{statistics.links_per_document:.1f} links to other documents. Queries: "
        f"{statistics.query_words:.1f} words on average.",
        "## What was left out",
        _table(("of", "reason", "records"), _left_out(statistics)),
        "## Splits, seeds, versions",
        "60 % train, 10 % development, 30 % test, by a SHA-256 hash of the counterpart's id: nothing is drawn at "
        "random, so there is no seed, and both versions of a document are on one side. No query's text is on two "
        "sides.\n\n" + "\n".join(f"- {name}: {what}" for name, what in sorted(facts.versions.items())),
        "## Licence and attribution",
        f"Licence {facts.licence}. Attribute to {facts.attribution}.",
        "## Citation",
        f"{CITATION[0].upper()}{CITATION[1:]}. How this build differs from it: `docs/wikiclir-style.md` of Kivuko.",
    ]
    return "\n\n".join(section.rstrip("\n") for section in sections) + "\n"


def _identical_advice(recipe: LinkedRecipe) -> str:
    if recipe.drop_identical:
        return "They were left out."
    return "They are in here; build with `--drop-identical` to leave them out."


def _left_out(statistics: Statistics) -> Iterable[Sequence[str]]:
    for name, report in statistics.reports().items():
        yield name, "before", f"{report.before:,}"
        for reason, count in report.reasons.most_common():
            yield "", reason, f"−{count:,}"
        yield "", "after", f"{report.kept:,}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
