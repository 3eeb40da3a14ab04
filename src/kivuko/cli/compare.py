"""``kivuko compare``: which of several systems differ, by how much, and whether the queries could have shown it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kivuko.cli.display import JsonOption, print_json, print_table, say
from kivuko.cli.resources import Asked, asks_of_collection, read_judged
from kivuko.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from kivuko.evaluation.comparison import SystemComparison
    from kivuko.evaluation.run import ScoredRun

_ON_SCREEN = 60  # rows of differences that a person may want to scroll through
_SPARED = (
    "needs",
    "can show",
    "n",
    "d_z",
    "p",
)  # columns that a narrow screen goes without, the first ones first


@asks_of_collection
def command(
    runs: Annotated[
        list[Path],
        typer.Argument(
            help="TREC runs, or folders of <language>.run. Runs named SYSTEM.seed1.run, SYSTEM.seed2.run … are seeds "
            "of one system: averaged query by query before testing, their spread shown apart."
        ),
    ],
    qrels: Annotated[
        Path, typer.Option(help="TREC qrels, a folder of <language>.qrels, or a collection folder.")
    ],
    measure: Annotated[
        list[str] | None,
        typer.Option(
            help="nDCG@k, RR@k, AP, R@k, P@k, Success@k, Judged@k or RBP(p=0.8); relevant from grade 2 on: "
            "AP(rel=2), R(rel=2)@100; may be repeated."
        ),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(help="Compare all others with this run or system only; else every two are compared."),
    ] = None,
    language: Annotated[
        list[str] | None, typer.Option(help="Only this language of the folders; may be repeated.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder for results.json, README.md, comparison.md and comparison.tex."),
    ] = None,
    permutations: Annotated[
        int, typer.Option(min=1, help="Sign assignments that a randomisation test samples.")
    ] = 100_000,
    resamples: Annotated[
        int, typer.Option(min=1, help="Resamples of the bootstrap over languages and queries.")
    ] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of every resampling.")] = 0,
    as_json: JsonOption = False,
    *,
    asked: Asked,
) -> None:
    """Compare systems: paired randomisation tests, Holm over all comparisons, intervals, effect sizes and power."""
    from kivuko.artifact import is_complete
    from kivuko.evaluation.comparison import compare_systems
    from kivuko.evaluation.comparison_tables import (
        difference_tables,
        method,
        power_notes,
        reading_differences,
        reading_scores,
        score_tables,
    )
    from kivuko.evaluation.effects import Trials
    from kivuko.evaluation.measures import MEASURES
    from kivuko.evaluation.run import ONE_LANGUAGE, name_systems, read_qrels_by_language, score_system

    whole = qrels.is_file() or is_complete(qrels) or any(asked)  # else a folder with a file a language
    judged = {ONE_LANGUAGE: read_judged(qrels, *asked)} if whole else read_qrels_by_language(qrels)
    if language:
        judged = {name: judged[name] for name in _chosen(language, judged)}
    systems = name_systems(_with_baseline(runs, baseline))
    scored, notices = {}, []
    for system, paths in systems.items():
        found = [score_system(system, path, judged, measure or MEASURES) for path in paths]
        scored[system] = {name: [by_language[name] for by_language, _ in found] for name in judged}
        extra = sorted({name for _, others in found for name in others})
        if extra and not language:
            notices.append(f"languages of {system} without qrels, not compared: {', '.join(extra)}")
    notices += _notices([run for by_name in scored.values() for seeds in by_name.values() for run in seeds])
    comparison = compare_systems(
        {
            system: {name: [run.scores.per_query for run in seeds] for name, seeds in by_name.items()}
            for system, by_name in scored.items()
        },
        baseline=_system(baseline, systems),
        trials=Trials(seed=seed, permutations=permutations, resamples=resamples),
    )
    if comparison.too_few_permutations:
        family = len(comparison.differences)
        notices.append(
            f"{permutations:,} permutations are too few for {family:,} comparisons: the smallest p they can give, "
            f"1/{permutations + 1}, is not below {comparison.alpha:g} / {family}; give --permutations "
            f"{family / comparison.alpha:.0f} or more, or compare less (--baseline, --measure, --language)"
        )

    # Before anything is shown: a reader who closes the pipe (`| head`) must not lose the files.
    if output is not None:
        _write(output, comparison, systems, notices)

    if as_json:
        print_json(
            {
                "method": method(comparison),
                "rows": comparison.rows(),
                "settings": _settings(comparison),
                "notes": notices,
            }
        )
        return

    shown = [comparison.headline]
    if len(comparison.differences) <= _ON_SCREEN:
        shown = [comparison.headline, *(name for name in comparison.slices if name != comparison.headline)]
    else:
        left = "" if len(comparison.slices) == 1 else "differences by language, and "
        notices.append(f"not shown here but with --output: {left}what may be concluded, pair by pair")
    for table in score_tables(comparison) + difference_tables(comparison, shown):
        rows = [[f"{cell.text} {cell.marks}".rstrip() for cell in row] for row in table.rows]
        print_table(table.columns, rows, title=table.title, spare=_SPARED)
    concluded = power_notes(comparison, shown) if len(comparison.differences) <= _ON_SCREEN else []
    readings = [method(comparison), reading_scores(comparison), reading_differences(comparison)]
    for notice in [*readings, *concluded, *(f"note: {notice}" for notice in notices)]:
        say(notice)


def _with_baseline(runs: list[Path], baseline: str | None) -> list[Path]:
    """The runs, and the baseline's file or folder where it is not among them."""
    from kivuko.evaluation.run import name_systems

    if baseline is None or baseline in name_systems(runs) or Path(baseline) in runs:
        return runs
    return [*runs, Path(baseline)] if Path(baseline).exists() else runs


def _system(baseline: str | None, systems: dict[str, list[Path]]) -> str | None:
    """The system that is called so or has a run there; what is neither is left to be refused."""
    if baseline is None or baseline in systems:
        return baseline
    return next((name for name, paths in systems.items() if Path(baseline) in paths), baseline)


def _chosen(languages: list[str], known: Iterable[str]) -> list[str]:
    from kivuko.evaluation.run import ONE_LANGUAGE
    from kivuko.languages import resolve

    names = list(known)
    if names == [ONE_LANGUAGE]:
        raise InputError(
            "--language chooses among folders", expected="qrels in a folder", got="one file of qrels"
        )
    tags = sorted({resolve(language).tag for language in languages})
    for tag in tags:
        if tag not in names:
            raise UnknownNameError("language of the qrels", tag, names)
    return tags


def _notices(runs: list[ScoredRun]) -> list[str]:
    """Which queries count as 0 and which not at all, by system."""
    notices = []
    for system in dict.fromkeys(run.system for run in runs):
        own = [run for run in runs if run.system == system]
        kinds = {
            "judged queries without a document, scored 0": [run.scores.missing for run in own],
            "queries without judgments, counted nowhere": [run.scores.unjudged for run in own],
        }
        for kind, found in kinds.items():
            places = [(run, queries) for run, queries in zip(own, found, strict=True) if queries]
            if places:
                first, queries = places[0]
                some = ", ".join(queries[:3]) + (", …" if len(queries) > 3 else "")
                files = f" in {len(places)} of {len(own)} files" if len(own) > 1 else ""
                total = sum(len(queries) for _, queries in places)
                notices.append(f"{system}: {kind}: {total:,}{files} ({first.path.name}: {some})")
        blind = [run for run in own if run.retrieved and run.scores.judged_documents == 0]
        if blind:
            names = ", ".join(str(run.path) for run in blind[:3]) + (", …" if len(blind) > 3 else "")
            notices.append(f"{system}: no document found is judged; qrels of another collection? {names}")
    hopeless = {run.language: len(run.scores.hopeless) for run in runs if run.scores.hopeless}
    if hopeless:
        counts = ", ".join(f"{language} {count}" for language, count in hopeless.items())
        notices.append(f"judged queries without a relevant document, 0 for any run: {counts}")
    for level in runs[0].scores.hopeless_from:
        hopeless = {run.language: len(run.scores.hopeless_from[level]) for run in runs}
        counts = ", ".join(f"{language} {count}" for language, count in hopeless.items() if count)
        if counts:
            notices.append(
                f"judged queries without a document of grade {level} or above, 0 for any run by rel={level}: {counts}"
            )
    return notices


def _settings(comparison: SystemComparison) -> dict[str, Any]:
    return vars(comparison.trials) | {
        "alpha": comparison.alpha,
        "baseline": comparison.baseline,
        "comparisons": len(comparison.differences),
    }


def _write(
    folder: Path, comparison: SystemComparison, systems: dict[str, list[Path]], notices: list[str]
) -> None:
    from kivuko.artifact import write_atomically
    from kivuko.evaluation.comparison_tables import (
        difference_tables,
        latex,
        markdown,
        markdown_list,
        method,
        power_notes,
        reading_differences,
        reading_scores,
        score_tables,
        titled_table,
    )
    from kivuko.evaluation.results import write_results

    for name, text in (("comparison.md", markdown(comparison)), ("comparison.tex", latex(comparison))):
        with write_atomically(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
            temporary.chmod(0o644)
    headline = [comparison.headline]
    differences = [reading_differences(comparison)]
    differences += map(titled_table, difference_tables(comparison, headline))
    differences += markdown_list(power_notes(comparison, headline))
    extra: dict[str, Any] = {
        "Scores": "\n\n".join([reading_scores(comparison), *map(titled_table, score_tables(comparison))]),
        "Differences": "\n\n".join(differences),
        "Runs": [{"system": name, "runs": ", ".join(map(str, paths))} for name, paths in systems.items()],
        "Settings": _settings(comparison),
    }
    extra |= {"Notes": notices} if notices else {}
    write_results(
        folder,
        f"Comparison of {len(comparison.systems)} systems",
        comparison.rows(),
        command=" ".join(sys.argv),
        notes=f"{method(comparison)} `comparison.md` has the differences of every language, `comparison.tex` the "
        "tables for a paper, `results.json` all values as rows.",
        extra=extra,
        show_rows=False,
    )
