"""The report in plain words: every sentence is made from the numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from kivuko.evaluation.effects import ALPHA, Trials
from kivuko.experiment.asked import Target
from kivuko.experiment.report.cells import SYSTEMS, Measurements
from kivuko.experiment.report.contrasts import in_summary
from kivuko.experiment.report.evidence import Decision
from kivuko.experiment.report.tables import beaten, gap_closed, target_languages
from kivuko.experiment.report.winners import EVERYWHERE, Win, competitors, rank


def summary(
    cells: Measurements,
    won: Mapping[str, Sequence[Win]],
    decisions: Sequence[Decision],
    missing: int,
    trials: Trials,
) -> str:
    """Markdown bullets: extent, target, winners, comparisons, hypotheses, what is missing."""
    lines = [_extent(cells, missing)]
    target = cells.experiment.target
    lines += [_target(cells, target, system) for system in SYSTEMS] if target else []
    lines += _winners(won["alone"])
    lines += [line for asked in cells.experiment.comparisons for line in in_summary(cells, asked, trials)]
    for verdict in ("confirmed", "refuted", "undecided"):
        names = [decision.hypothesis for decision in decisions if decision.verdict == verdict]
        if names:
            claims = "; ".join(f"{hypothesis.name} ({hypothesis.claim})" for hypothesis in names)
            lines.append(f"Hypotheses {verdict}: {claims}.")
    return "\n".join(f"- {line}" for line in lines)


def _extent(cells: Measurements, missing: int) -> str:
    variants = cells.variants()
    regimes = {variant.regime for variant in variants}
    seeds = Counter(len(cells.seeds(variant)) for variant in variants)
    by_seeds = ", ".join(f"{number} with {count} of them" for count, number in sorted(seeds.items()))
    absent = f"{missing} expected cells are missing" if missing else "no expected cell is missing"
    return (
        f"{len(cells.cells)} finished cells: {len(regimes)} regimes, {len(variants)} with their budgets "
        f"(number of seeds: {by_seeds}), {len(cells.languages())} languages on {cells.main}; {absent}."
    )


def _target(cells: Measurements, target: Target, system: str) -> str:
    aim = {"alone": target.alone, "fused": target.fused}[system]
    languages = target_languages(cells)
    known = f"{len(languages)} of the {len(target.languages)} target languages"
    candidates = [
        variant
        for variant in competitors(cells)
        if not cells.baseline(variant.regime) and gap_closed(cells, variant, system) is not None
    ]
    ranking = rank(cells, candidates, languages, system)
    if ranking is None:
        return (
            f"The quality target of students {SYSTEMS[system]} cannot be judged: nothing measured on {known}."
        )
    best = ranking.variants[0]
    share = gap_closed(cells, best, system) or 0.0
    reached = "reached" if share >= aim else "not reached"
    reached = reached if len(languages) == len(target.languages) else "not judged on fewer than all"
    chosen = (
        "chosen on development queries" if ranking.split == "development" else "chosen on test, so too good"
    )
    text = (
        f"Student {SYSTEMS[system]}: {best} ({chosen}) closes {share:.1%} of the gap between {cells.floor} "
        f"and English queries over {known}; the aim of {aim:.0%} is {reached}."
    )
    margins = beaten(cells, best, system)
    if margins:
        lost = [f"{name} ({margin:+.3f})" for name, margin in margins.items() if margin <= 0]
        where = f"not in {', '.join(lost)}" if lost else "in every one"
        text += f" It beats {cells.lexicon} in {len(margins) - len(lost)} of {len(margins)} of them, {where}."
    return text


def _winners(wins: Sequence[Win]) -> list[str]:
    single = [win for win in wins if len(win.languages) == 1 and win.name == win.languages[0]]
    lines = []
    for budget in dict.fromkeys(win.budget for win in wins):
        here = [win for win in single if win.budget == budget]
        counts = Counter(str(win.called(0)) for win in here)
        counted = ", ".join(f"{winner} in {count}" for winner, count in sorted(counts.items(), key=_by_count))
        ahead = sum(
            win.effect is not None and win.effect.difference > 0 and (win.p_holm or 0) < ALPHA for win in here
        )
        text = (
            f"Budget {budget}, alone, winners by language: {counted}; on test significantly ahead of the runner-up "
            f"in {ahead} of {len(here)}."
        )
        pooled = [win for win in wins if win.name == EVERYWHERE and win.budget == budget]
        lines.append(text + "".join(map(_lead, pooled)))
    return lines


def _by_count(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]


def _lead(win: Win) -> str:
    text = f" Over all of them {win.called(0)} leads on development queries"
    if win.effect is None or win.p_holm is None:
        return f"{text} ({win.means[0]:.3f} on test, no runner-up)."
    verdict = "not significant" if win.p_holm >= ALPHA else "significant"
    if win.effect.difference < 0:
        verdict += ", and behind"
    return (
        f"{text}; on test it has {win.means[0]:.3f}, {win.effect.difference:+.3f} "
        f"[{win.effect.low:+.3f}, {win.effect.high:+.3f}] over {win.called(1)} ({verdict} after Holm)."
    )
