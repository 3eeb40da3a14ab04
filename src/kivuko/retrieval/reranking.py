"""The best documents of a run put into a new order by a cross-encoder, which reads query and document together.

Better than any comparison of vectors and far slower: a forward pass of a Transformer for every pair, so only for the
top of a ranking (Nogueira & Cho, "Passage Re-ranking with BERT", 2019, arXiv 1901.04085).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from rich.progress import Progress

from kivuko.errors import InputError
from kivuko.models import get
from kivuko.models.late_interaction import device
from kivuko.models.loading import quiet
from kivuko.ranking import Run, ranked
from kivuko.retrieval.index import Index
from kivuko.retrieval.search import titled_passage

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

Pair = tuple[str, str]
_TOKENISED_AT_ONCE = 1_000


@dataclass
class RerankReport:
    """What :func:`rerank` did, and what it left as it was.

    Attributes:
        pairs: queries with documents that were scored; equal texts are scored once and count each time.
        cut: of these, pairs that were longer than the model reads.
        queries_without_text: queries whose ranking was left as it was.
        documents_without_text: documents left below the re-ranked ones, counted once for every query.
    """

    pairs: int = 0
    cut: int = 0
    queries_without_text: int = 0
    documents_without_text: int = 0


def open_cross_encoder(model: str | Path) -> CrossEncoder:
    """A cross-encoder that gives a pair one score, in float32, without touching a network for a local folder.

    Args:
        model: a local folder, a catalogue name or a hub id, as for ``kivuko.models.get``.

    Raises:
        InputError: the folder lacks something, is no cross-encoder, or gives several scores.
        UnknownNameError: there is no such model.
        FetchError: the model cannot be brought.
        MissingExtraError: sentence-transformers is not installed.
    """
    folder = get(model)
    if not _is_cross_encoder(folder):
        raise InputError(
            "this model is no cross-encoder: it has no layer that scores a pair",
            where=folder,
            expected="a model for sequence classification with one label, or one that CrossEncoder saved",
            got=", ".join(_json(folder / "config.json").get("architectures") or ["no architecture"]),
            remedy="give a re-ranking model; encoders are for 'kivuko index build'",
        )
    with quiet():
        from sentence_transformers import CrossEncoder

        encoder: CrossEncoder = (
            CrossEncoder(str(folder), device=device(), local_files_only=True).float().eval()
        )
    if encoder.num_labels != 1:
        raise InputError(
            "this cross-encoder gives a pair several scores, which is no order",
            where=folder,
            expected="one label",
            got=f"{encoder.num_labels} labels",
            remedy="give a model trained for re-ranking, not for classification such as entailment",
        )
    return encoder


def rerank(
    run: Run,
    queries: Mapping[str, str],
    texts: Mapping[str, str] | Callable[[str, str], str | None],
    model: str | Path | CrossEncoder,
    *,
    depth: int = 50,
    batch_size: int = 32,
    report: RerankReport | None = None,
    progress: Progress | None = None,
) -> Run:
    """Order the best documents of each query by a cross-encoder; the others follow in the order they had.

    Args:
        run: what was found; a query with no document keeps none.
        queries: query id → text, for every query of the run.
        texts: document id → text, for every document that is re-ranked; or a function that is given the query's id
            and the document's and says what is read of it for this query (:func:`what_was_found`).
        model: see :func:`open_cross_encoder`, or what it gave.
        depth: documents of a query to re-rank.
        batch_size: pairs scored at once, in order of their length. It changes scores by rounding only.
        report: filled with counts.
        progress: a rich display for a bar.

    Returns:
        The same queries and documents. A re-ranked document's score is the model's, before any activation; the first
        of the others has the lowest of these less 1, the next less 2, and so on. Equal scores are ordered by document
        id, see :mod:`kivuko.ranking`; documents with equal texts have equal scores.

    Raises:
        InputError: a query or a document to re-rank is not among the given, or ``depth`` is below 1.
    """
    if depth < 1 or batch_size < 1:
        raise InputError(
            "these settings leave nothing to re-rank",
            expected="depth and batch size of at least 1",
            got=f"depth {depth}, batch size {batch_size}",
        )
    report = RerankReport() if report is None else report
    text_of = texts if callable(texts) else lambda _, document: texts.get(document)
    chosen: dict[str, dict[str, Pair]] = {}
    for query, found in run.items():
        if query not in queries:
            raise _unknown("query", query)
        if not queries[query].strip():
            report.queries_without_text += 1
            continue
        chosen[query] = {}
        for document in ranked(found)[:depth]:
            text = text_of(query, document)
            if text is None:
                raise _unknown("document", document)
            if text.strip():
                chosen[query][document] = (queries[query], text)
            else:
                report.documents_without_text += 1
    scores = _scores(chosen, model, batch_size, report, progress)
    reranked: Run = {}
    for query, found in run.items():
        if not chosen.get(query):
            reranked[query] = dict(found)
            continue
        new = {document: scores[pair] for document, pair in chosen[query].items()}
        lowest = min(new.values())
        others = [document for document in ranked(found) if document not in new]
        reranked[query] = {document: new[document] for document in ranked(new)}
        reranked[query] |= {document: lowest - place for place, document in enumerate(others, start=1)}
    return reranked


def what_was_found(
    index: Index, spans: Mapping[str, Mapping[str, tuple[int, int]]]
) -> Callable[[str, str], str]:
    """For :func:`rerank`: a document's title and the passage by which it was found, short enough to be read whole.

    Args:
        index: what was searched.
        spans: query id → document id → place of the passage in the full text; without one it is all of the text.
    """

    def text(query: str, name: str) -> str:
        return titled_passage(index.document(name), spans.get(query, {}).get(name))

    return text


def _scores(
    chosen: Mapping[str, Mapping[str, Pair]],
    model: str | Path | CrossEncoder,
    batch_size: int,
    report: RerankReport,
    progress: Progress | None,
) -> dict[Pair, float]:
    """The score of every pair of texts; the model is opened only if there is one."""
    asked = [pair for pairs in chosen.values() for pair in pairs.values()]
    pairs = list(dict.fromkeys(asked))
    if not pairs:
        return {}
    encoder: Any = open_cross_encoder(model) if isinstance(model, str | Path) else model
    lengths = _lengths(encoder, pairs)
    limit = encoder.max_seq_length
    too_long = {
        pair for pair, length in zip(pairs, lengths, strict=True) if limit is not None and length > limit
    }
    report.pairs += len(asked)
    report.cut += sum(pair in too_long for pair in asked)
    order = sorted(range(len(pairs)), key=lambda number: (-lengths[number], number))
    scores: dict[Pair, float] = {}
    bar = progress.add_task("re-ranking", total=len(pairs)) if progress else None
    for start in range(0, len(order), batch_size):
        batch = [pairs[number] for number in order[start : start + batch_size]]
        found = encoder.predict(
            batch, batch_size=len(batch), activation_fn=torch.nn.Identity(), show_progress_bar=False
        )
        scores.update(zip(batch, found.tolist(), strict=True))
        if progress and bar is not None:
            progress.advance(bar, len(batch))
    return scores


def _lengths(encoder: Any, pairs: Sequence[Pair]) -> list[int]:
    """Pieces of each pair, nothing cut."""
    lengths: list[int] = []
    for start in range(0, len(pairs), _TOKENISED_AT_ONCE):
        first, second = zip(*pairs[start : start + _TOKENISED_AT_ONCE], strict=True)
        ids = encoder.tokenizer(list(first), list(second), truncation=False, padding=False, verbose=False)
        lengths += map(len, ids["input_ids"])
    return lengths


def _is_cross_encoder(folder: Path) -> bool:
    """Whether a folder has a trained layer for pairs; sentence-transformers would make up a missing one at random."""
    if _json(folder / "config_sentence_transformers.json").get("model_type") == "CrossEncoder":
        return True
    architectures = _json(folder / "config.json").get("architectures") or [""]
    return bool(architectures[0].endswith("ForSequenceClassification"))


def _json(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return found


def _unknown(what: str, name: str) -> InputError:
    return InputError(
        f"the run has a {what} without an entry among the {what} texts",
        expected=f"a text for every {what} that is re-ranked",
        got=repr(name),
        remedy="give the queries and documents that the run was made with",
    )
