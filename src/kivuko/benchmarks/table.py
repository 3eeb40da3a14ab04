"""The catalogue as Markdown, for docs/test-collections.md."""

from __future__ import annotations

from collections.abc import Iterable

from kivuko.benchmarks.catalogue import benchmarks


def markdown() -> str:
    """A table of the collections, one of their languages and judgments, and one of sizes."""
    tables = [
        _table(
            ("name", "splits", "reader", "had from", "licence", "paper"),
            (
                (
                    f"`{entry.pattern}`",
                    ", ".join(entry.splits) or "one",
                    entry.loader,
                    entry.source,
                    entry.licence,
                    entry.citation,
                )
                for entry in benchmarks()
            ),
        ),
        _table(
            ("collection", "languages", "how judged", "what to know"),
            ((entry.name, " ".join(entry.languages), entry.judged, entry.notice) for entry in benchmarks()),
        ),
        _table(
            ("collection", "split", "documents / queries, by language"),
            (
                (
                    entry.name,
                    next(iter(entry.splits), "one"),
                    "; ".join(f"{code} {d:,} / {q:,}" for code, (d, q) in entry.sizes.items())
                    or "not verified",
                )
                for entry in benchmarks()
            ),
        ),
    ]
    return "\n\n".join(tables)


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
