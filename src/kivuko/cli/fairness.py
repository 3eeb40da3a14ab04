"""``kivuko fairness``: are documents of all languages treated alike in one multilingual index?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from kivuko.cli.resources import Asked, asks_of_collection, read_judged
from kivuko.errors import InputError

NOTES = (
    "PEER is 1 where nothing suggests that documents of different languages are ranked differently, and near 0 "
    "where languages are kept apart. Tested are the queries whose value depends on the ranking; where nothing can be "
    "compared (one language, or no judged document in the list) it is 1 by convention, and where each language has "
    "one document it is a constant. Read the mean over tested queries beside the mean, and the effectiveness beside "
    "both. PEER depends on the number of judged documents: compare systems on the same qrels only. Shares are means "
    "over queries; a shift is in ranks, above 0 where the relevant documents of a language stand lower than all "
    "relevant ones, those not in the list being tied behind its end."
)


@asks_of_collection
def command(
    run: Annotated[Path, typer.Argument(help="TREC run: query_id Q0 document_id rank score tag.")],
    qrels: Annotated[
        Path, typer.Argument(help="TREC qrels (query_id 0 document_id grade), or a collection folder.")
    ],
    document_languages: Annotated[Path, typer.Option(help="TSV: document id, language; no heading.")],
    k: Annotated[
        int, typer.Option(min=1, help="Rank cutoff: what stands lower counts as not retrieved.")
    ] = 20,
    levels: Annotated[
        str | None,
        typer.Option(help="Weights of relevance levels, 1=0.5,3=0.5; all above 0 alike when not given."),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Folder for results.json and README.md.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
    *,
    asked: Asked,
) -> None:
    """Language fairness of a multilingual run: PEER, shares of the top k, and mean rank shift by language."""
    from kivuko.cli.display import print_json, print_table
    from kivuko.evaluation.document_languages import read_document_languages
    from kivuko.evaluation.fairness import equal_weights, language_shares, peer, rank_shifts
    from kivuko.evaluation.results import write_results
    from kivuko.evaluation.run import read_run

    languages = read_document_languages(document_languages)
    found, judged = read_run(run), read_judged(qrels, *asked)
    weights = _weights(levels) if levels is not None else equal_weights(judged)
    fairness = peer(found, judged, languages, k=k, weights=weights)
    shares = language_shares(found, judged, languages, k=k)
    shifts = rank_shifts(found, judged, languages, k=k)

    measure = f"PEER@{k}"
    values: list[dict[str, Any]] = [
        {"level": "all", "weight": 1.0, "value": fairness.mean, "queries": len(fairness.per_query)},
        {"level": "all, tested queries", "value": fairness.mean_tested, "queries": len(fairness.tested)},
    ]
    for level, by_query in fairness.per_level.items():
        mean = sum(by_query.values()) / len(by_query)
        values.append({"level": level, "weight": weights[level], "value": mean, "queries": len(by_query)})
    rows = [{"system": run.name, "measure": measure} | row for row in values]
    by_language = [
        {
            "language": language,
            f"share of top {k}": share.in_top if share else None,
            "share of relevant": share.in_relevant if share else None,
            "difference": share.difference if share else None,
            "ratio": share.ratio if share else None,
            "mean rank shift": shifts.mean.get(language),
            "queries with relevant": shifts.queries.get(language, 0),
        }
        for language in sorted({*shares.mean, *shifts.mean})
        for share in [shares.mean.get(language)]
    ]
    counts = {
        "judged queries": len(judged),
        "without documents": sum(not found.get(query) for query in judged),
        "without a judged document of a weighted level (no PEER)": len(fairness.without_level),
        "without documents or without relevant ones (no shares)": len(shares.left_out),
        "not judged": sum(query not in judged for query in found),
    }

    if json:
        print_json({"scores": rows, "languages": by_language, "queries": counts})
    else:
        _show(f"{measure} of {run.name}", values)
        _show("by language", by_language)
        print_table(["queries", "n"], list(counts.items()), title="queries")
    if output is not None:
        extra = {"By language": by_language, "Queries": counts}
        title = f"Language fairness of {run.name}"
        write_results(output, title, rows, command=" ".join(sys.argv), notes=NOTES, extra=extra)


def _weights(text: str) -> dict[int, float]:
    """``1=0.5,3=0.5`` as relevance level → weight.

    Raises:
        InputError: it is not spelled like that, or names a level twice.
    """
    weights: dict[int, float] = {}
    for part in text.split(","):
        level, _, weight = part.partition("=")
        try:
            number, value = int(level), float(weight)
        except ValueError:
            number, value = -1, 0.0
        if number < 0 or number in weights:
            raise InputError(
                "these are no weights of relevance levels",
                where="--levels",
                expected="each level once, as in 1=0.5,3=0.5",
                got=repr(text),
            )
        weights[number] = value
    return weights


def _show(title: str, rows: list[dict[str, Any]]) -> None:
    """Print rows with the same meaning of keys as one table; shifts and differences carry their sign."""
    from kivuko.cli.display import print_table

    columns = list(dict.fromkeys(key for row in rows for key in row))
    print_table(columns, [[_cell(key, row.get(key)) for key in columns] for row in rows], title=title)


def _cell(key: str, value: float | str | None) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:+.3f}" if key in ("difference", "mean rank shift") else f"{value:.3f}"
    return str(value)
