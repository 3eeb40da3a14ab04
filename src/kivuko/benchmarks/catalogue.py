"""Well-known test collections by name: what they are, how they were judged, and which reader reads them."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from kivuko.errors import UnknownNameError
from kivuko.languages import Language, resolve

READ, DOCUMENTED = "read from the published files", "layout from documentation only"


@dataclass(frozen=True)
class Benchmark:
    """An entry of the catalogue.

    Attributes:
        name: the first part of the names it has, such as ``"miracl"``.
        pattern: of the whole name; ``{x}`` is the queries' language and ``{d}`` the documents'. With only one of
            them in it, the other is the same language, or ``queries_in``.
        loader: ``"ir_datasets"``, ``"files"``, or a reader of its own, which has the entry's name.
        languages: codes that can stand for ``{x}`` and ``{d}``.
        judged: how the judgments came about.
        licence: SPDX expression or words, by the data's card; ``"not verified"`` where none could be looked up.
        citation: the paper.
        source: where the data is had.
        notice: what results on it do not show.
        layout: :data:`READ` or :data:`DOCUMENTED`: what the reader of its files was tried on.
        queries_in: the queries' language where the name does not say it.
        documents_in: the documents' language where the name leaves it out, as it may; the queries in that language
            then come along, as the ceiling.
        id: of ir_datasets, or of the Hugging Face hub.
        splits: of the judgments; the first is taken unless another is asked for.
        together: all splits that lie there are taken unless one is asked for: their documents are the same.
        codes: language code → the code the collection has for it, where they differ.
        query_field: of ir_datasets' queries, where it is not the library's own choice.
        files: glob patterns of the names under which ``topics``, ``qrels`` and ``documents`` are published.
        sizes: language code → number of documents, number of queries of the first split; where looked up.
    """

    name: str
    pattern: str
    loader: str
    languages: tuple[str, ...]
    judged: str
    licence: str
    citation: str
    source: str
    notice: str
    layout: str
    queries_in: str = ""
    documents_in: str = ""
    id: str = ""
    splits: tuple[str, ...] = ()
    together: bool = False
    codes: Mapping[str, str] = field(default_factory=dict)
    query_field: str = ""
    files: Mapping[str, Sequence[str]] = field(default_factory=dict)
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def short_pattern(self) -> str:
        """Of the name without the documents' language, which :attr:`documents_in` then says; "" if there is none."""
        short = self.pattern.removesuffix("-{d}")
        return short if self.documents_in and short != self.pattern else ""


@dataclass(frozen=True)
class Chosen:
    """One collection of an entry.

    Attributes:
        benchmark: the entry.
        name: as it was asked for.
        query_code: language of the queries, as the entry has it.
        document_code: language of the documents, as the entry has it.
        split: "" if it has none, or all of them.
        ceiling: whether the queries in the documents' language come along.
    """

    benchmark: Benchmark
    name: str
    query_code: str
    document_code: str
    split: str
    ceiling: bool = False

    @property
    def query_language(self) -> Language:
        """Of the queries."""
        return resolve(self.query_code)

    @property
    def document_language(self) -> Language:
        """Of the documents."""
        return resolve(self.document_code)

    def fill(self, template: str) -> str:
        """An id or a file name with the codes, the split and the documents' language (name, ISO 639-3) filled in."""
        codes = self.benchmark.codes
        language = self.document_language
        return template.format(
            x=codes.get(self.query_code, self.query_code),
            d=codes.get(self.document_code, self.document_code),
            split=self.split,
            name=language.name.lower().replace(" ", "_"),
            iso=language.iso639_3,
        )


@functools.cache
def benchmarks() -> tuple[Benchmark, ...]:
    """The catalogue, in its own order."""
    text = files("kivuko.benchmarks").joinpath("catalogue.toml").read_text(encoding="utf-8")
    return tuple(_entry(body) for body in tomllib.loads(text)["collection"])


def _entry(body: Mapping[str, Any]) -> Benchmark:
    fields: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in body.items()
    }
    return Benchmark(**fields)


def choose(name: str, split: str | None = None) -> Chosen:
    """The collection called ``name``, such as ``"miracl/sw"`` or ``"belebele/om-en"``.

    Raises:
        UnknownNameError: there is no such collection, or it has no such language or split.
    """
    entry = next((entry for entry in benchmarks() if entry.name == name.split("/")[0]), None)
    if entry is None:
        raise UnknownNameError(
            "test collection",
            name,
            [each.name for each in benchmarks()],
            remedy="`kivuko data benchmarks` lists them; or give irds:ID, hf:NAME or the path of a folder",
        )
    code = "|".join(sorted(map(re.escape, entry.languages), key=len, reverse=True))
    pattern = re.escape(entry.pattern)
    if entry.short_pattern:
        pattern = pattern.replace(r"\-\{d\}", r"(?:\-\{d\})?")
    for part in ("x", "d"):
        pattern = pattern.replace(rf"\{{{part}\}}", f"(?P<{part}>{code})")
    found = re.fullmatch(pattern, name)
    if found is None:
        raise UnknownNameError(
            f"collection of {entry.name}",
            name,
            [entry.pattern.replace("{x}", each).replace("{d}", each) for each in entry.languages],
            remedy=f"write it as {entry.pattern}, with languages among {', '.join(entry.languages)}",
        )
    codes = found.groupdict()
    chosen = split or ("" if entry.together else next(iter(entry.splits), ""))
    if chosen and chosen not in entry.splits:
        raise UnknownNameError(f"split of {entry.name}", chosen, entry.splits)
    document_code = codes.get("d") or entry.documents_in or codes["x"]
    query_code = codes.get("x") or entry.queries_in or document_code
    ceiling = not codes.get("d") and query_code != document_code
    return Chosen(entry, name, query_code, document_code, chosen, ceiling)


def markdown() -> str:
    """For docs/test-collections.md: a table of the collections, one of languages and judgments, and one of sizes."""
    tables = [
        _table(
            ("name", "splits", "reader", "tried on", "had from", "licence", "paper"),
            (
                (
                    f"`{entry.pattern}`" + (f", `{short}`" if (short := entry.short_pattern) else ""),
                    ", ".join(entry.splits) or "one",
                    entry.loader,
                    entry.layout,
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
