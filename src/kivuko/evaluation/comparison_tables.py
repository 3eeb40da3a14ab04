"""A comparison of systems as tables and sentences, and these as Markdown and as LaTeX."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass

from kivuko.evaluation.comparison import POOLED, Difference, Score, SystemComparison
from kivuko.text.tables import markdown_table

BETTER, WORSE = "†", "‡"
_ACROSS = 10  # columns of scores that fit beside each other
_COLUMNS = (
    "compared",
    "difference",
    "95 % interval",
    "d_z",
    "n",
    "p",
    "p (Holm)",
    "can show",
    "needs",
    "verdict",
)


@dataclass(frozen=True)
class Cell:
    """Text, and the marks of significance behind it."""

    text: str
    marks: str = ""


@dataclass(frozen=True)
class Table:
    """A table in reading order; each row has as many cells as there are columns."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def score_tables(comparison: SystemComparison) -> list[Table]:
    """What the systems reached: of one language, one table with a column a measure; else one table a measure."""
    marks = _marks(comparison)
    labels = {
        name: Cell(name, "" if comparison.baseline else letter) for name, letter in _letters(comparison)
    }

    def cell(system: str, measure: str, language: str, *, interval: bool) -> Cell:
        score = comparison.score_at[system, measure, language]
        return Cell(score_text(score, interval=interval), marks[system, measure, language])

    if len(comparison.slices) == 1:
        rows = tuple(
            (
                labels[system],
                *(cell(system, name, comparison.headline, interval=True) for name in comparison.measures),
            )
            for system in comparison.systems
        )
        return [Table("Scores", ("system", *comparison.measures), rows)]
    tables = []
    for measure in comparison.measures:
        rows = tuple(
            (
                labels[system],
                *(cell(system, measure, name, interval=name == POOLED) for name in comparison.slices),
            )
            for system in comparison.systems
        )
        table = Table(f"Scores: {measure}", ("system", *comparison.slices), rows)
        tables.append(table if len(comparison.slices) <= _ACROSS else _turned(table, "language"))
    return tables


def difference_tables(comparison: SystemComparison, languages: Sequence[str]) -> list[Table]:
    """The pairs' differences, one table for each of these languages (or ``POOLED``) and each measure."""
    several = len(comparison.slices) > 1
    return [
        Table(
            f"Differences: {measure}" + (f", {language}" if several else ""),
            _COLUMNS,
            tuple(map(_difference_row, comparison.difference_at[measure, language])),
        )
        for language in languages
        for measure in comparison.measures
    ]


def score_text(score: Score, *, interval: bool) -> str:
    """Mean, ± the seeds' standard deviation where there is one, and [interval]."""
    seeds = "" if score.seed_deviation is None else f" ± {score.seed_deviation:.3f}"
    return f"{score.mean:.3f}{seeds}" + (f" [{score.low:.3f}, {score.high:.3f}]" if interval else "")


def power_note(difference: Difference, comparison: SystemComparison) -> str | None:
    """In words, what may be concluded where no significant difference was seen; None where one was."""
    if difference.significant:
        return None
    effect, family = difference.effect, len(comparison.differences)
    queries = f"{effect.n:,} {'query' if effect.n == 1 else 'queries'}"
    subject = f"{difference.first} − {difference.second}, {difference.measure}"
    if len(comparison.slices) > 1:
        subject += f", {difference.language}"
    if difference.verdict == "same values":
        return f"{subject}: the same value on each of {queries}"
    if difference.detectable is None or difference.detectable_in_family is None:
        return (
            f"{subject}: too few queries ({queries}) to say how differences spread: inconclusive, not equal"
        )
    shown = f"{subject}: {queries} can show {difference.detectable:.3f}"
    if family > 1:
        shown += f" ({difference.detectable_in_family:.3f} when corrected for {family:,} comparisons)"
    shown += f"; {abs(effect.difference):.3f} was seen: "
    if difference.verdict != "inconclusive":
        return shown + "no difference worth claiming"
    needed = f"; it would take {difference.needed:,} queries" if difference.needed else ""
    return f"{shown}inconclusive, not equal{needed}"


def power_notes(comparison: SystemComparison, languages: Sequence[str]) -> list[str]:
    """:func:`power_note` of each pair in these languages that has one."""
    notes = [
        power_note(difference, comparison)
        for language in languages
        for measure in comparison.measures
        for difference in comparison.difference_at[measure, language]
    ]
    return [note for note in notes if note is not None]


def method(comparison: SystemComparison) -> str:
    """How it was tested: test, permutations, correction, n, intervals."""
    trials, several = comparison.trials, len(comparison.languages) > 1
    pairs = len(comparison.differences) // (len(comparison.measures) * len(comparison.slices))
    counts = [
        comparison.score_at[comparison.systems[0], comparison.measures[0], language].n
        for language in comparison.languages
    ]
    queries = f"{min(counts):,}" + (f" to {max(counts):,}" if min(counts) < max(counts) else "")
    factors = [_count(pairs, "pair"), _count(len(comparison.measures), "measure")]
    if several:
        factors.append(f"{len(comparison.languages)} languages and all of them")
    parts = [
        "Two-sided paired randomisation test of the mean difference, "
        f"{trials.permutations:,} sampled sign assignments (every one where there are no more); "
        f"p (Holm) is corrected over all {_count(len(comparison.differences), 'comparison')} "
        f"({' × '.join(factors)}). "
        f"n = {queries} queries{' a language' if several else ''}. Intervals are 95 % percentile bootstrap intervals "
        "over queries, not corrected."
    ]
    if several:
        parts.append(
            "Over all languages every language counts alike: signs are drawn within the languages, intervals draw "
            f"languages, then queries ({trials.resamples:,} resamples)."
        )
    return " ".join(parts)


def reading_scores(comparison: SystemComparison) -> str:
    """What marks and ± mean."""
    marks = "Marks name the systems that are worse"
    if comparison.baseline is not None:
        marks = f"{BETTER} better, {WORSE} worse than {comparison.baseline}"
    seeds = "± is the standard deviation over training seeds, which neither p nor interval contains."
    several = any(score.seed_deviation is not None for score in comparison.scores)
    return f"{marks}: p (Holm) < {comparison.alpha:g}." + (f" {seeds}" if several else "")


def reading_differences(comparison: SystemComparison) -> str:
    """What the columns of a difference mean."""
    return (
        f"{BETTER} better, {WORSE} worse: p (Holm) < {comparison.alpha:g}. d_z: difference in standard deviations of "
        "the queries' differences. Can show: the smallest true difference that so many queries find with 80 % "
        f"probability at {comparison.alpha:g} / {len(comparison.differences):,}, the level that Holm's correction is "
        "sure to leave; needs: the queries that would so find the difference seen (Bloom, 1995)."
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _difference_row(difference: Difference) -> tuple[Cell, ...]:
    effect = difference.effect
    mark = {"better": BETTER, "worse": WORSE}.get(difference.verdict, "")
    texts = (
        f"{effect.low:+.3f} to {effect.high:+.3f}",
        "–" if effect.d_z is None else f"{effect.d_z:+.2f}",
        f"{effect.n:,}",
        p_text(effect.p),
        p_text(difference.p_holm),
        "–" if difference.detectable_in_family is None else f"{difference.detectable_in_family:.3f}",
        "–" if difference.needed is None else f"{difference.needed:,}",
        difference.verdict,
    )
    compared = Cell(f"{difference.first} − {difference.second}")
    return (compared, Cell(f"{effect.difference:+.3f}", mark), *map(Cell, texts))


def p_text(p: float) -> str:
    """p with two significant digits, at least three decimals."""
    return f"{p:.3f}" if p >= 0.01 else f"{p:.2g}"


def _letters(comparison: SystemComparison) -> list[tuple[str, str]]:
    few = len(comparison.systems) <= len(string.ascii_lowercase)
    return [
        (name, string.ascii_lowercase[number] if few else str(number + 1))
        for number, name in enumerate(comparison.systems)
    ]


def _marks(comparison: SystemComparison) -> dict[tuple[str, str, str], str]:
    """(system, measure, language) → † or ‡ against the baseline; without one, the letters of systems it beats."""
    letters = dict(_letters(comparison))
    beaten: dict[tuple[str, str, str], list[str]] = {place: [] for place in comparison.score_at}
    for difference in comparison.differences:
        measure, language = difference.measure, difference.language
        if not difference.significant:
            continue
        if comparison.baseline is not None:
            mark = BETTER if difference.verdict == "better" else WORSE
            beaten[difference.first, measure, language].append(mark)
        else:
            ahead = difference.verdict == "better"
            winner, loser = (difference.first, difference.second)[:: 1 if ahead else -1]
            beaten[winner, measure, language].append(letters[loser])
    between = "," if any(letter.isdigit() for letter in letters.values()) else ""
    return {
        place: between.join(sorted(marks, key=lambda mark: (len(mark), mark)))
        for place, marks in beaten.items()
    }


def _turned(table: Table, corner: str) -> Table:
    """The table with rows as columns. The first column's marks go behind the text, for a heading has none."""
    heads = tuple(row[0].text + (f" ({row[0].marks})" if row[0].marks else "") for row in table.rows)
    rows = tuple(
        (Cell(column), *(row[number] for row in table.rows))
        for number, column in enumerate(table.columns[1:], start=1)
    )
    return Table(table.title, (corner, *heads), rows)


_LONGEST = 45  # rows that a page holds
_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"$<$", ">": r"$>$", "−": r"$-$", "–": "--",
    "±": r"$\pm$", "×": r"$\times$", "†": r"$^{\dagger}$", "‡": r"$^{\ddagger}$", "α": r"$\alpha$",
    "[": "{[}", "]": "{]}",
}  # fmt: skip
_SIGNED = re.compile(r"(?<![\w.])([+-])(?=\d)")


def markdown(comparison: SystemComparison) -> str:
    """A page: how it was tested, scores, differences of all languages with what may be concluded."""
    parts = ["# Comparison of systems", _escape_markdown(method(comparison)), "## Scores"]
    parts += [_escape_markdown(reading_scores(comparison)), *map(titled_table, score_tables(comparison))]
    parts += ["## Differences", _escape_markdown(reading_differences(comparison))]
    # Over all languages first, then each.
    languages = [comparison.headline, *(name for name in comparison.slices if name != comparison.headline)]
    for language in languages:
        parts += map(titled_table, difference_tables(comparison, [language]))
        parts += markdown_list(power_notes(comparison, [language]))
    return "\n\n".join(parts) + "\n"


def titled_table(table: Table) -> str:
    """A table under its title."""
    rows = [
        [_escape_markdown(cell.text) + (f"<sup>{cell.marks}</sup>" if cell.marks else "") for cell in row]
        for row in table.rows
    ]
    shown = markdown_table(list(map(_escape_markdown, table.columns)), rows)
    return f"**{_escape_markdown(table.title)}**\n\n{shown}"


def markdown_list(notes: Sequence[str]) -> list[str]:
    """The notes as one part of a page; no part without notes."""
    return ["\n".join(f"- {_escape_markdown(note)}" for note in notes)] if notes else []


def latex(comparison: SystemComparison) -> str:
    """Scores of everything and differences of the headline, with a caption that says how it was tested."""
    captioned = [(table, reading_scores(comparison)) for table in score_tables(comparison)]
    captioned += [
        (table, reading_differences(comparison))
        for table in difference_tables(comparison, [comparison.headline])
    ]
    parts = [r"% Needs \usepackage{booktabs,longtable}; names beyond Latin letters need XeLaTeX or LuaLaTeX."]
    parts += [
        _latex_table(table, f"{table.title}. {method(comparison)} {reading}", f"tab:comparison-{number}")
        for number, (table, reading) in enumerate(captioned, start=1)
    ]
    return "\n\n".join(parts) + "\n"


def _latex_table(table: Table, caption: str, label: str) -> str:
    head = " & ".join(map(escape_latex, table.columns)) + r" \\"
    rows = [" & ".join(map(_latex_cell, row)) + r" \\" for row in table.rows]
    columns = "l" + "r" * (len(table.columns) - 1)
    titled = rf"\caption{{{escape_latex(caption)}}}\label{{{label}}}"
    if len(rows) > _LONGEST:
        lines = [
            rf"\begin{{longtable}}{{{columns}}}",
            rf"{titled}\\",
            r"\toprule",
            head,
            r"\midrule",
            r"\endfirsthead",
        ]
        lines += [r"\toprule", head, r"\midrule", r"\endhead", r"\bottomrule", r"\endlastfoot", *rows]
        return "\n".join([*lines, r"\end{longtable}"])
    lines = [
        r"\begin{table}",
        r"\centering",
        titled,
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        head,
        r"\midrule",
    ]
    return "\n".join([*lines, *rows, r"\bottomrule", r"\end{tabular}", r"\end{table}"])


def _latex_cell(cell: Cell) -> str:
    if not cell.marks:
        return escape_latex(cell.text)
    marks = escape_latex(cell.marks)
    return escape_latex(cell.text) + (marks if marks.startswith("$") else rf"\textsuperscript{{{marks}}}")


def escape_latex(text: str) -> str:
    """Text as LaTeX shows it, signs of numbers in mathematics."""
    escaped = "".join(_LATEX.get(character, character) for character in text)
    return _SIGNED.sub(r"$\1$", escaped)


def _escape_markdown(text: str) -> str:
    return re.sub(r"([\\|*_<`])", r"\\\1", text).replace("\n", " ")
