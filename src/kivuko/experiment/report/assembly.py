"""The report on an experiment's finished cells, as data and as a page of Markdown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kivuko.artifact import write_atomically
from kivuko.evaluation.bootstrap import bootstrap_intervals
from kivuko.evaluation.effects import Trials
from kivuko.evaluation.results import README, described, render_readme
from kivuko.experiment.cell_files import PACKED
from kivuko.experiment.report import tables
from kivuko.experiment.report.answer import PICTURE, answered
from kivuko.experiment.report.cells import MEASURE, SYSTEMS, Measurements, Row, Variant
from kivuko.experiment.report.contrasts import compared, dose_table, leave_one_out, never_trained
from kivuko.experiment.report.evidence import Decision, decide
from kivuko.experiment.report.summary import summary
from kivuko.experiment.report.winners import Win, winners

#: How often chance is asked by default: less often than ``kivuko compare`` does, for a report has thousands of tests.
#: The published reports were made with it.
REPORT_TRIALS = Trials(permutations=20_000, resamples=2_000)
PICTURES = "Pictures"
#: The section that answers the question an experiment was made for, and the page that has it alone.
QUESTION, ANSWER = "The question", "answer.md"
Expected = Sequence[tuple[str, str, int]]
Content = str | Sequence[Row | str]


@dataclass(frozen=True)
class Report:
    """What the cells say.

    Attributes:
        title: heading of the page.
        notes: what a reader must know before the numbers.
        sections: heading → Markdown, or texts and rows of tables in turn.
        decisions: every hypothesis with its evidence.
        rows: every test score with its interval, by regime, budget and seed.
        question: that the experiment was made for, if any.
    """

    title: str
    notes: str
    sections: Mapping[str, Content]
    decisions: Sequence[Decision]
    rows: Sequence[Row]
    question: str | None = None

    def as_json(self) -> dict[str, object]:
        """The same for programs."""
        return {
            "title": self.title,
            "notes": self.notes,
            "hypotheses": [
                {"name": each.hypothesis.name, "claim": each.hypothesis.claim, "verdict": each.verdict}
                for each in self.decisions
            ],
            "sections": self.sections,
            "scores": self.rows,
        }


def build_report(
    found: Measurements,
    *,
    expected: Expected = (),
    pictures: Sequence[tuple[str, str]] = (),
    trials: Trials = REPORT_TRIALS,
) -> Report:
    """Report on whatever cells there are.

    Args:
        found: the cells, see ``read_cells``.
        expected: regime, budget and seed of each cell that is still missing.
        pictures: title and path, from the folder of the report, of each picture to show.
        trials: how often chance is asked in tests and intervals.
    """
    experiment = found.experiment
    won = {system: winners(found, system, trials) for system in SYSTEMS}
    decisions = decide(found, experiment.hypotheses, trials)
    sections: dict[str, Content] = {}
    if experiment.answer is not None:
        sections[QUESTION] = [
            f"**{experiment.answer.question}**",
            *answered(found, experiment.answer, trials),
            *(f"![{title}]({path})" for title, path in pictures if Path(path).stem == PICTURE),
        ]
    sections |= {
        "Summary": summary(found, won, decisions, len(expected), trials),
        PICTURES: "\n\n".join(f"![{title}]({path})" for title, path in pictures) or "None were drawn.",
    }
    if experiment.target is not None:
        sections["The quality target"] = [_target_text(found), *tables.target(found, trials)]
    sections |= {
        "Scores by regime and language": [_SCORES, *tables.scores_by_budget(found)],
        "Which regime wins": [
            _WINNERS,
            *_headed("Students and baselines alone:", _rows_of(won["alone"])),
            *_headed("Fused with lexicon BM25:", _rows_of(won["fused"])),
        ],
        "Cost": [_COST.format(main=found.main), *tables.cost(found)],
        "Learning curves over bitext": tables.learning_curves(found),
    }
    for dose in experiment.doses:
        sections[dose.title] = _or_none(
            f"Beside {dose.beside} at the same budget, over the languages both have; p over this table.",
            dose_table(found, dose, trials),
        )
    for comparison in experiment.comparisons:
        sections[comparison.title] = compared(found, comparison, trials)
    if any(line.without for line in experiment.regimes):
        sections["Leaving one language out"] = _or_none(
            f"The language is in no training pair; test against {found.floor}; p over this table.",
            leave_one_out(found, trials),
        )
    sections |= {
        "Languages never trained on": _or_none(
            f"{MEASURE} and, in brackets, what it gains over {found.floor}; the effect is pooled over these "
            "languages; p over all tables of this section.",
            never_trained(found, trials),
        ),
        "Other queries and collections": _or_none(
            f"{MEASURE}, mean ± standard deviation over seeds.", tables.other_topics(found)
        ),
    }
    if experiment.measures:
        sections["Further measures"] = _or_none(
            f"On the test queries of {found.main}, mean ± standard deviation over seeds.",
            tables.further_measures(found),
        )
    if experiment.hypotheses:
        sections["Hypotheses"] = _hypotheses(decisions)
    sections["Missing"] = _missing(found, expected, decisions)
    sections["Where and when the cells were run"] = _provenance(found)
    return Report(
        experiment.title,
        "\n\n".join(part for part in (experiment.notes.strip(), _NOTES.format(main=found.main)) if part),
        {
            heading: _noted(experiment.section_notes.get(heading), content)
            for heading, content in sections.items()
        },
        decisions,
        _rows(found, trials),
        experiment.answer.question if experiment.answer else None,
    )


def write_report(report: Report, folder: Path, *, command: str) -> None:
    """Write ``README.md``, for people, and ``answer.md`` where there is a question; the cells are the record.

    Args:
        report: from :func:`build_report`.
        folder: where it goes.
        command: the command line that writes it again.

    Raises:
        StorageError: the disk refused the write.
    """
    body = described(report.title, command, report.notes)
    body |= {"record": PACKED, "rows": [], "extra": report.sections}
    pages = {README: body}
    if report.question is not None:
        alone = {"title": report.question, "notes": "", "extra": {"Answer": report.sections[QUESTION]}}
        pages[ANSWER] = body | alone
    for name, content in pages.items():
        with write_atomically(folder / name) as temporary:
            temporary.write_text(render_readme(content), encoding="utf-8")
            temporary.chmod(0o644)


_NOTES = f"""Unless something else is said, scores are {MEASURE} on the test queries of {{main}}.
A query's score is averaged over seeds before any test, and queries of one page, in whatever languages, have one sign
in it where cells say what they are about; the spread over seeds is also shown by itself, as ± standard deviation.
Tests are two-sided paired randomisation tests, only between rows over the same queries. Pooled differences weigh
languages alike; their p is about the languages measured, their interval comes from a hierarchical bootstrap
(languages, then queries, and seeds that both sides have) and is about languages like these. d_z is the mean
difference in standard deviations of the queries' differences."""
_SCORES = (
    "Mean over seeds ± standard deviation over seeds, with n queries; the average is over the languages without "
    "English."
)
_WINNERS = (
    "Winner and runner-up are the first two on *development* queries; scores and difference are on *test* queries. "
    "Regimes that need nothing (none) compete at every budget when alone. Ceiling, translation engines and runs "
    "that leave a language out do not compete. p (Holm) is over each table."
)
_COST = (
    "Training cost, averaged over the cells of a row. The nDCG@10 is the average over all languages of {main} "
    "and is left out where one was not measured."
)


def _noted(note: str | None, content: Content) -> Content:
    if note is None:
        return content
    return f"{note.strip()}\n\n{content}" if isinstance(content, str) else [note.strip(), *content]


def _rows_of(wins: Sequence[Win]) -> list[Row]:
    return [win.row() for win in wins]


def _target_text(cells: Measurements) -> str:
    known, target = tables.target_languages(cells), cells.experiment.target
    assert target is not None
    lacking = [language for language in target.tags if language not in known]
    text = (
        f"The share of the gap between {cells.floor} and English queries (the ceiling) that is closed, each "
        f"averaged over {', '.join(known) or 'no language'}; the aim is {target.alone:.0%} alone and "
        f"{target.fused:.0%} fused, the student alone beating lexicon BM25 in each language. The lexicon has the "
        "row's budget where there is one."
    )
    if lacking:
        text += f" **Not measured (ceiling or untrained encoder missing): {', '.join(lacking)}.**"
    return text


def _headed(heading: str, rows: Sequence[Row]) -> list[Row | str]:
    return [heading, *rows] if rows else []


def _or_none(heading: str, rows: Sequence[Row | str]) -> Content:
    return [heading, *rows] if rows else "Not measured: there are no such cells."


def _hypotheses(decisions: Sequence[Decision]) -> Content:
    parts: list[Row | str] = [
        "Refuted if one part is, confirmed if all parts are, else undecided. A part that "
        "predicts more than 0 is confirmed by Holm p < .05 in that direction, refuted by the opposite or by an "
        "interval below 0; one that predicts no difference, by an interval inside or beyond its margin; one that "
        "predicts no gain, by an interval below its margin or by Holm p < .05 for a gain. Of a correlation only p "
        "decides. Scores are averaged over the budgets named; p (Holm) is over all parts of all hypotheses."
    ]
    parts += [
        {
            "hypothesis": decision.hypothesis.name,
            "verdict": decision.verdict,
            "claim": decision.hypothesis.claim,
            "read as": decision.hypothesis.reading,
        }
        for decision in decisions
    ]
    return [*parts, "Evidence:", *(row for decision in decisions for row in decision.rows())]


def _missing(cells: Measurements, expected: Expected, decisions: Sequence[Decision]) -> Content:
    parts: list[Row | str] = []
    by_variant: dict[Variant, list[int]] = defaultdict(list)
    for regime, budget, seed in expected:
        by_variant[Variant(regime, budget)].append(seed)
    parts += _headed(
        f"Expected cells that are not finished ({len(expected)}):",
        [
            {"regime": variant.regime, "budget": variant.budget, "seeds": sorted(by_variant[variant])}
            for variant in sorted(by_variant, key=cells.order)
        ],
    )
    parts += _headed(
        "Parts of hypotheses without evidence:",
        [
            {"hypothesis": decision.hypothesis.name, "tested": piece.tested, "why": piece.says}
            for decision in decisions
            for piece in decision.evidence
            if piece.effect is None
        ],
    )
    parts += _headed(
        "Rows set aside because their queries are not those of the other rows; compared with nothing:",
        cells.set_aside,
    )
    return parts or "Nothing."


def _provenance(cells: Measurements) -> Content:
    groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for cell in cells.cells.values():
        facts = cell["provenance"]
        machine = facts.get("machine", {})
        named = ", ".join(f"{name} {value}" for name, value in machine.items())
        versions = ", ".join(f"{name} {value}" for name, value in facts.get("versions", {}).items())
        groups[(facts.get("commit", "unknown"), named, versions)].append(facts.get("date", "unknown"))
    return [
        {
            "cells": len(dates),
            "commit": commit,
            "machine": machine,
            "first": min(dates),
            "last": max(dates),
            "versions": versions,
        }
        for (commit, machine, versions), dates in sorted(groups.items(), key=lambda item: min(item[1]))
    ]


def _rows(cells: Measurements, trials: Trials) -> list[Row]:
    """Every test score of every cell; rows over the same queries share the draws of their intervals."""
    found = cells.rows()
    by_length: dict[int, list[int]] = defaultdict(list)
    for number, row in enumerate(found):
        by_length[len(row[-1])].append(number)
    bounds: dict[int, tuple[float, float]] = {}
    for numbers in by_length.values():
        low, high = bootstrap_intervals(
            np.array([found[number][-1] for number in numbers]).T,
            seed=trials.seed,
            resamples=trials.resamples,
        )
        bounds |= dict(zip(numbers, zip(low.tolist(), high.tolist(), strict=True), strict=True))
    return [
        {
            "language": language,
            "collection": topic.collection,
            "queries": topic.queries,
            "system": system,
            "measure": measure,
            "mean": round(float(values.mean()), 5),
            "low": round(bounds[number][0], 5),
            "high": round(bounds[number][1], 5),
            "n": len(values),
            "regime": variant.regime,
            "budget": variant.budget,
            "seed": seed,
        }
        for number, (variant, seed, language, topic, system, measure, values) in enumerate(found)
    ]
