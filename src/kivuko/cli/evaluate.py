"""``kivuko evaluate`` and ``kivuko fairness``: score a run against qrels, and compare it with another.

Fairness asks whether documents of all languages are treated alike in one multilingual index.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kivuko.cli.display import JsonOption, print_json, print_table, say
from kivuko.cli.resources import Asked, asks_of_collection, read_judged
from kivuko.errors import InputError

if TYPE_CHECKING:
    from kivuko.evaluation.measures import Scores
    from kivuko.ranking import Qrels, Run


@asks_of_collection
def evaluate(
    run: Annotated[Path, typer.Argument(help="TREC run: query_id Q0 document_id rank score tag.")],
    qrels: Annotated[
        Path, typer.Argument(help="TREC qrels (query_id 0 document_id grade), or a collection folder.")
    ],
    measure: Annotated[
        list[str] | None,
        typer.Option(
            help="nDCG@k, RR@k, AP, R@k, P@k, Success@k, Judged@k or RBP(p=0.8); relevant from grade 2 on: "
            "AP(rel=2), R(rel=2)@100; may be repeated."
        ),
    ] = None,
    against: Annotated[
        Path | None, typer.Option(help="Another run: paired randomisation test, Holm over the measures.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Folder for results.json and README.md.")] = None,
    per_query: Annotated[Path | None, typer.Option(help="File for each query's values (TSV).")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap and of the randomisation test.")] = 0,
    as_json: JsonOption = False,
    *,
    asked: Asked,
) -> None:
    """Score a run: mean [95 % bootstrap interval] over all judged queries; a query the run lacks scores 0."""
    from kivuko.artifact import write_atomically
    from kivuko.evaluation.measures import MEASURES
    from kivuko.evaluation.measures import evaluate as score
    from kivuko.evaluation.results import write_results
    from kivuko.evaluation.run import read_run
    from kivuko.evaluation.significance import compare, holm

    judged, measures = read_judged(qrels, *asked), tuple(dict.fromkeys(measure or MEASURES))
    found = read_run(run)
    scored = {run.name: score(found, judged, measures)}
    notices = _notices(run.name, found, judged, scored[run.name])
    if against is not None:
        label = against.name if against.name != run.name else str(against)
        found = read_run(against)
        scored[label] = score(found, judged, measures)
        notices += _notices(label, found, judged, scored[label])

    shown: list[list[object]] = []
    rows: list[dict[str, Any]] = []
    for system, scores in scored.items():
        cells = []
        for name in measures:
            summary = scores.summary(name, seed=seed)
            cells.append(f"{summary.mean:.3f} [{summary.low:.3f}, {summary.high:.3f}]")
            rows.append({"system": system, "measure": name, **vars(summary), "seed": seed})
        shown.append([system, *cells, len(judged), len(scores.missing), len(scores.unjudged)])
    notices = list(dict.fromkeys(notices))

    comparisons: list[dict[str, Any]] = []
    if against is not None:
        first, second = scored.values()
        tested = {
            name: compare(first.per_query[name], second.per_query[name], seed=seed) for name in measures
        }
        adjusted = holm({name: result.p for name, result in tested.items()})
        comparisons = [
            {"measure": name, **vars(result), "p_holm": adjusted[name]} for name, result in tested.items()
        ]

    if as_json:
        print_json({"scores": rows, "comparisons": comparisons, "notes": notices})
    else:
        print_table(["system", *measures, "n", "without documents", "not judged"], shown)
        for notice in notices:
            say(f"note: {notice}")
    if comparisons and not as_json:
        print_table(
            ["measure", " − ".join(scored), "p", "p (Holm)"],
            [
                [
                    row["measure"],
                    f"{row['difference']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]",
                    f"{row['p']:.4g}",
                    f"{row['p_holm']:.4g}",
                ]
                for row in comparisons
            ],
        )

    if per_query is not None:
        values = [
            f"{query}\t{system}\t{name}\t{value!r}\n"
            for system, scores in scored.items()
            for name in measures
            for query, value in scores.per_query[name].items()
        ]
        with write_atomically(per_query) as temporary:
            temporary.write_text("query\tsystem\tmeasure\tvalue\n" + "".join(values), encoding="utf-8")
            temporary.chmod(0o644)
    if output is not None:
        extra: dict[str, Any] = {"Comparisons": comparisons} if comparisons else {}
        extra |= {"Notes": notices} if notices else {}
        write_results(output, f"Evaluation of {run.name}", rows, command=" ".join(sys.argv), extra=extra)


def _notices(system: str, run: Run, qrels: Qrels, scores: Scores) -> list[str]:
    """What a reader must know before believing the table: which queries count as 0, and which not at all."""
    from kivuko.ranking import ranked

    notices = []
    if scores.missing:
        share = f"{len(scores.missing)} of {len(qrels)}"
        notices.append(
            f"judged queries without a document in {system}, scored 0: {share} ({_some(scores.missing)})"
        )
    if scores.unjudged:
        share = f"{len(scores.unjudged)} of {len(run)}"
        notices.append(
            f"queries of {system} without judgments, counted nowhere: {share} ({_some(scores.unjudged)})"
        )
    if scores.hopeless:
        share = f"{len(scores.hopeless)} of {len(qrels)}"
        notices.append(
            f"judged queries without a relevant document, 0 for any run: {share} ({_some(scores.hopeless)})"
        )
    for level, queries in scores.hopeless_from.items():
        if queries:
            notices.append(
                f"judged queries without a document of grade {level} or above, 0 for any run by rel={level}: "
                f"{len(queries)} of {len(qrels)} ({_some(queries)})"
            )
    if scores.judged_documents == 0 and len(scores.missing) < len(qrels):
        query = next(query for query in sorted(run) if query in qrels)
        notices.append(
            f"no document of {system} is judged: are these the qrels of another collection? For query {query}, "
            f"found: {_some(ranked(run[query]))}; judged: {_some(sorted(qrels[query]))}"
        )
    return notices


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")


_FAIRNESS_NOTES = (
    "PEER is 1 where nothing suggests that documents of different languages are ranked differently, and near 0 "
    "where languages are kept apart. Tested are the queries whose value depends on the ranking; where nothing can be "
    "compared (one language, or no judged document in the list) it is 1 by convention, and where each language has "
    "one document it is a constant. Read the mean over tested queries beside the mean, and the effectiveness beside "
    "both. PEER depends on the number of judged documents: compare systems on the same qrels only. Shares are means "
    "over queries; a shift is in ranks, above 0 where the relevant documents of a language stand lower than all "
    "relevant ones, those not in the list being tied behind its end."
)


@asks_of_collection
def fairness(
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
        typer.Option(
            help="Weights of relevance levels, 1=0.5,3=0.5; all from --rel on alike when not given."
        ),
    ] = None,
    rel: Annotated[int, typer.Option(min=1, help="The grade from which a document is relevant.")] = 1,
    output: Annotated[Path | None, typer.Option(help="Folder for results.json and README.md.")] = None,
    as_json: JsonOption = False,
    *,
    asked: Asked,
) -> None:
    """Language fairness of a multilingual run: PEER, shares of the top k, and mean rank shift by language."""
    from kivuko.evaluation.document_languages import read_document_languages
    from kivuko.evaluation.fairness import equal_weights, language_shares, peer, rank_shifts
    from kivuko.evaluation.results import write_results
    from kivuko.evaluation.run import read_run

    languages = read_document_languages(document_languages)
    found, judged = read_run(run), read_judged(qrels, *asked)
    weights = _weights(levels) if levels is not None else equal_weights(judged, rel=rel)
    measured = peer(found, judged, languages, k=k, weights=weights)
    shares = language_shares(found, judged, languages, k=k, rel=rel)
    shifts = rank_shifts(found, judged, languages, k=k, rel=rel)

    measure = f"PEER@{k}" if rel == 1 or levels is not None else f"PEER(rel={rel})@{k}"
    values: list[dict[str, Any]] = [
        {"level": "all", "weight": 1.0, "value": measured.mean, "queries": len(measured.per_query)},
        {"level": "all, tested queries", "value": measured.mean_tested, "queries": len(measured.tested)},
    ]
    for level, by_query in measured.per_level.items():
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
        "without a judged document of a weighted level (no PEER)": len(measured.without_level),
        "without documents or without relevant ones (no shares)": len(shares.left_out),
        "not judged": sum(query not in judged for query in found),
    }

    if as_json:
        print_json({"scores": rows, "languages": by_language, "queries": counts})
    else:
        _show(f"{measure} of {run.name}", values)
        _show("by language", by_language)
        print_table(["queries", "n"], list(counts.items()), title="queries")
    if output is not None:
        extra = {"By language": by_language, "Queries": counts}
        title = f"Language fairness of {run.name}"
        write_results(output, title, rows, command=" ".join(sys.argv), notes=_FAIRNESS_NOTES, extra=extra)


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
    columns = list(dict.fromkeys(key for row in rows for key in row))
    print_table(columns, [[_cell(key, row.get(key)) for key in columns] for row in rows], title=title)


def _cell(key: str, value: float | str | None) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:+.3f}" if key in ("difference", "mean rank shift") else f"{value:.3f}"
    return str(value)
