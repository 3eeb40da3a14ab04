"""What a built collection counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kivuko.collections.counts import DropReport
from kivuko.collections.split import Split
from kivuko.linked.documents import Reading


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
            "counts": {name: report.as_json() for name, report in self.reports().items()},
        }
