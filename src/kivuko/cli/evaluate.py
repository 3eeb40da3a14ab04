"""``kivuko evaluate``: score a run against qrels, and compare it with another."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kivuko.cli.resources import Asked, asks_of_collection, read_judged

if TYPE_CHECKING:
    from kivuko.evaluation.measures import Scores
    from kivuko.ranking import Qrels, Run


@asks_of_collection
def command(
    run: Annotated[Path, typer.Argument(help="TREC run: query_id Q0 document_id rank score tag.")],
    qrels: Annotated[
        Path, typer.Argument(help="TREC qrels (query_id 0 document_id grade), or a collection folder.")
    ],
    measure: Annotated[
        list[str] | None,
        typer.Option(help="nDCG@k, RR@k, AP, R@k, P@k, Success@k, Judged@k or RBP(p=0.8); may be repeated."),
    ] = None,
    against: Annotated[
        Path | None, typer.Option(help="Another run: paired randomisation test, Holm over the measures.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Folder for results.json and README.md.")] = None,
    per_query: Annotated[Path | None, typer.Option(help="File for each query's values (TSV).")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap and of the randomisation test.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
    *,
    asked: Asked,
) -> None:
    """Score a run: mean [95 % bootstrap interval] over all judged queries; a query the run lacks scores 0."""
    from rich.text import Text

    from kivuko.artifact import write_atomically
    from kivuko.cli.display import console, print_json, print_table
    from kivuko.evaluation.measures import MEASURES, evaluate
    from kivuko.evaluation.results import write_results
    from kivuko.evaluation.run import read_run
    from kivuko.evaluation.significance import compare, holm

    judged, measures = read_judged(qrels, *asked), tuple(dict.fromkeys(measure or MEASURES))
    found = read_run(run)
    scored = {run.name: evaluate(found, judged, measures)}
    notices = _notices(run.name, found, judged, scored[run.name])
    if against is not None:
        label = against.name if against.name != run.name else str(against)
        found = read_run(against)
        scored[label] = evaluate(found, judged, measures)
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

    if json:
        print_json({"scores": rows, "comparisons": comparisons, "notes": notices})
    else:
        print_table(["system", *measures, "n", "without documents", "not judged"], shown)
        for notice in notices:
            console.print(Text(f"note: {notice}"), soft_wrap=True)
    if comparisons and not json:
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
    if scores.judged_documents == 0 and len(scores.missing) < len(qrels):
        query = next(query for query in sorted(run) if query in qrels)
        notices.append(
            f"no document of {system} is judged: are these the qrels of another collection? For query {query}, "
            f"found: {_some(ranked(run[query]))}; judged: {_some(sorted(qrels[query]))}"
        )
    return notices


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
