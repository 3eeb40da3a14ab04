"""The question that an experiment was made for: a paragraph that can be quoted, and tables of what it rests on.

A *slice* is a language on one collection. Slices count alike, so a language counts by the collections that ask it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from kivuko.evaluation.effects import ALPHA, Effect, Trials, paired_effect
from kivuko.evaluation.significance import holm
from kivuko.experiment.asked import Answer, Group
from kivuko.experiment.report.cells import ENGLISH, MEASURE, Measurements, Row, Topic, Variant
from kivuko.languages import resolve

Slice = tuple[str, Topic]
Key = TypeVar("Key", bound=tuple[str, ...])
#: The chart of it, by the name of its file.
PICTURE = "answer"
#: Whether the cells know which queries are of one page → what the tests rest on.
_EVIDENCE = {
    True: "Tests are of the mean over seeds, and give all queries of one page, in whatever language, one sign.",
    False: "Tests are of the mean over seeds; signs are flipped query by query, for these cells do not say which "
    "queries are of one page in several languages, and these are not independent: p is too small.",
}


#: Budget → what a person has then, beside English documents.
_DATA = {
    "none": "nothing",
    "monolingual": "text in the language",
    "lexicon": "a dictionary",
    "1k": "1,000 translated pairs",
    "5k": "5,000 translated pairs",
    "all": "all translated pairs there are",
}


@dataclass(frozen=True)
class Gain:
    """What an arm gains over the one beside which all stand, in a group."""

    arm: str
    group: str
    effect: Effect


def gains_of_arms(cells: Measurements, asked: Answer, trials: Trials) -> list[Gain]:
    """Every arm's gain in every group of which both have been measured anywhere, arms in the order of the table."""
    arms, groups = _arms(asked), _groups(cells, asked)
    return [
        Gain(arm, group, effect)
        for arm, variant in arms.items()
        if arm != asked.beside
        for group, slices in groups.items()
        if (effect := _effect(cells, variant, arms[asked.beside], slices, trials)) is not None
    ]


def answered(cells: Measurements, asked: Answer, trials: Trials) -> list[Row | str]:
    """The section: a paragraph to quote, the arms by groups, what was set against each other, and every language.

    Args:
        cells: the measurements.
        asked: the question and its arms.
        trials: how often to sample.
    """
    arms, groups = _arms(asked), _groups(cells, asked)
    gains = gains_of_arms(cells, asked, trials)
    marks = _marks({(gain.arm, gain.group): gain.effect for gain in gains})
    pairs = {
        (group, pair.line, other): effect
        for group, slices in groups.items()
        for pair in asked.compare
        for other in pair.over
        if (effect := _effect(cells, arms[pair.line], arms[other], slices, trials)) is not None
    }
    parts: list[Row | str] = [
        _paragraph(cells, asked, groups, marks, pairs),
        _where(groups),
        f"**Every arm**, and what it gains over {asked.beside} with its 95 % interval, in the languages that both "
        "have; + and − after a score: above or below it, by Holm's p "
        f"< {ALPHA:g} over this table. {_EVIDENCE[cells.knows_pages]} Intervals draw languages on collections, then "
        "queries, and the seeds that both arms have.",
        *_by_group(cells, asked, groups, gains, marks),
    ]
    if pairs:
        parts += [
            "**Set against each other**; p by Holm over these.",
            *_set_against(pairs),
        ]
    parts += [
        "**Every language, alone**: the mean over the collections that ask in it; + and − by Holm over this table.",
        *_table(cells, arms, asked.beside, groups, trials, "alone"),
    ]
    fused = {arm: variant for arm, variant in arms.items() if _fused(cells, [variant], groups)}
    if fused:
        parts.append(
            "**Fused** with BM25 by the lexicon that an arm's data give, in the languages that one of them has a "
            f"lexicon of; marks are against {asked.beside} alone."
        )
        beside = {asked.beside: arms[asked.beside]}
        where = _fused(cells, [*fused.values()], groups)
        parts += _table(cells, beside | fused, asked.beside, where, trials, "fused")
    return [*parts, *_advice(cells, asked, groups)]


def _adjusted(effects: Mapping[Key, Effect]) -> dict[Key, float]:
    """Holm's p of each."""
    found = holm({str(key): effect.p for key, effect in effects.items()})
    return {key: found[str(key)] for key in effects}


def _marks(effects: Mapping[Key, Effect]) -> dict[Key, str]:
    """``+`` or ``−`` of each effect that is beyond chance, by Holm over all of them."""
    adjusted = _adjusted(effects)
    return {
        key: ("+" if effect.difference > 0 else "−") if adjusted[key] < ALPHA else ""
        for key, effect in effects.items()
    }


def _paragraph(
    cells: Measurements,
    asked: Answer,
    groups: dict[str, list[Slice]],
    marks: dict[tuple[str, str], str],
    pairs: dict[tuple[str, str, str], Effect],
) -> str:
    """What the quoted arms reach in each group, and how they stand against each other."""
    arms, tested = _arms(asked), _marks(pairs)
    quoted = [arm for arm in asked.quoted or list(arms) if arm != asked.beside]
    reached = []
    for arm in (asked.beside, *quoted):
        means = [_mean(cells, arms[arm], slices) for slices in groups.values()]
        if any(mean is not None for mean in means):
            shown = [
                "–" if mean is None else f"{mean:.3f}{marks.get((arm, group), '')}"
                for group, mean in zip(groups, means, strict=True)
            ]
            reached.append(f"{arm} {' / '.join(shown)}")
    against = []
    for first, other in dict.fromkeys((first, other) for _, first, other in pairs):
        if {first, other} <= {asked.beside, *quoted}:
            keys = [(group, first, other) for group in groups]
            shown = [
                f"{pairs[key].difference:+.3f}{'†' * bool(tested[key])}" if key in pairs else "–"
                for key in keys
            ]
            against.append(f"{first} against {other} {' / '.join(shown)}")
    text = f"**In short.** {MEASURE} in {' / '.join(groups)}: {'; '.join(reached)}."
    if against:
        text += f" Set against each other: {'; '.join(against)}."
    return f"{text} (+ and −: a score beyond chance above or below {asked.beside}; †: a difference beyond chance.)"


def _where(groups: dict[str, list[Slice]]) -> str:
    said = []
    for group, slices in groups.items():
        names = sorted({resolve(language).name for language, _ in slices})
        said.append(f"{group}: {', '.join(names)}; languages by collections: {len(slices)}.")
    return " ".join(said)


def _by_group(
    cells: Measurements,
    asked: Answer,
    groups: dict[str, list[Slice]],
    gains: Sequence[Gain],
    marks: dict[tuple[str, str], str],
) -> list[Row]:
    """A row an arm."""
    effects = {(gain.arm, gain.group): gain.effect for gain in gains}
    rows: list[Row] = []
    for arm, variant in _arms(asked).items():
        row: Row = {"arm": arm, "seeds": len(cells.seeds(variant)) or None}
        for group, slices in groups.items():
            mean, effect = _mean(cells, variant, slices), effects.get((arm, group))
            row[group] = None if mean is None else f"{mean:.3f}{marks.get((arm, group), '')}"
            shared = sum(cells.values(variant, *place) is not None for place in slices)
            row[f"gain, {group}"] = (
                None
                if effect is None
                else _shown(effect) + (f", {shared} of {len(slices)}" if shared < len(slices) else "")
            )
        rows.append(row)
    return rows


def _set_against(pairs: Mapping[tuple[str, str, str], Effect]) -> list[Row]:
    adjusted, verdicts = _adjusted(pairs), {"+": "ahead", "−": "behind", "": "undecided"}
    marks = _marks(pairs)
    return [
        {
            "arm": first,
            "against": other,
            "where": group,
            "difference": _shown(effect),
            "p (Holm)": f"{adjusted[group, first, other]:.2g}",
            "so": verdicts[marks[group, first, other]],
        }
        for (group, first, other), effect in pairs.items()
    ]


def _shown(effect: Effect) -> str:
    return f"{effect.difference:+.3f} [{effect.low:+.3f}, {effect.high:+.3f}]"


def _advice(cells: Measurements, asked: Answer, groups: dict[str, list[Slice]]) -> list[Row | str]:
    """What to use with which data: of each kind of data and group the arm that is best on development queries.

    Only where an arm was measured in all of a group's slices it is chosen among; fused, in those that were fused.
    """
    beside = _arms(asked)[asked.beside]
    rows: list[Row] = []
    for budget, data in _DATA.items():
        able = {
            arm.name: Variant(arm.line, arm.budget)
            for arm in asked.arms
            if arm.budget in ("none", budget) and not arm.control
        }
        for group, slices in groups.items():
            places = {
                "alone": slices,
                "fused": _fused(cells, [*able.values()], {group: slices}).get(group, []),
            }
            for system, where in places.items():
                known = {
                    arm: mean
                    for arm, variant in able.items()
                    if where and (mean := _mean(cells, variant, where, system, "development")) is not None
                }
                if not any(able[arm].budget == budget for arm in known):
                    continue
                best = max(known, key=lambda arm: known[arm])
                reached, floor = _mean(cells, able[best], where, system), _mean(cells, beside, where)
                rows.append(
                    {
                        "with": data,
                        "where": group,
                        "use": f"{best}, {system}",
                        "languages by collections": len(where),
                        MEASURE: None if reached is None else f"{reached:.3f}",
                        asked.beside: None if floor is None else f"{floor:.3f}",
                    }
                )
    if not rows:
        return []
    said = "**What to use with which data**: chosen on development queries, reported on test queries."
    return [said, *rows]


def _fused(
    cells: Measurements, variants: Sequence[Variant], groups: dict[str, list[Slice]]
) -> dict[str, list[Slice]]:
    """The slices of each group where one of the variants was fused with a lexicon; groups without any left out."""
    found = {
        group: [
            place
            for place in slices
            if any(cells.values(v, *place, system="fused") is not None for v in variants)
        ]
        for group, slices in groups.items()
    }
    return {group: slices for group, slices in found.items() if slices}


def _arms(asked: Answer) -> dict[str, Variant]:
    return {arm.name: Variant(arm.line, arm.budget) for arm in asked.arms}


def _groups(cells: Measurements, asked: Answer) -> dict[str, list[Slice]]:
    """Where each group is asked; groups in which nothing was measured left out."""
    found = {group.name: _slices(cells, _arms(asked), group) for group in asked.groups}
    return {name: slices for name, slices in found.items() if slices}


def _slices(cells: Measurements, arms: dict[str, Variant], group: Group) -> list[Slice]:
    """Where a group's languages are asked and anything of the arms was measured."""
    languages = cells.experiment.language_sets[group.languages]
    return [
        (language, topic)
        for topic in cells.topics()
        if not group.collections or topic.collection in group.collections
        for language in cells.languages(topic)
        if languages.holds(language)
        and any(cells.values(variant, language, topic) is not None for variant in arms.values())
    ]


def _mean(
    cells: Measurements,
    variant: Variant,
    slices: Sequence[Slice],
    system: str = "alone",
    split: str = "test",
) -> float | None:
    """Of an arm, over slices; None where it lacks one."""
    values = [
        cells.values(variant, language, topic, system=system, split=split) for language, topic in slices
    ]
    found = [float(value.mean()) for value in values if value is not None]
    return float(np.mean(found)) if found and len(found) == len(values) else None


def _effect(
    cells: Measurements,
    first: Variant,
    second: Variant,
    slices: Sequence[Slice],
    trials: Trials,
    system: str = "alone",
) -> Effect | None:
    pairs, pages = {}, {}
    for language, topic in slices:
        if (sides := cells.sides(first, second, language, topic, systems=(system, "alone"))) is not None:
            pairs[f"{language} {topic}"] = sides
            pages[f"{language} {topic}"] = cells.pages(language, topic)
    return paired_effect(pairs, trials, pages=pages) if pairs else None


def _table(
    cells: Measurements,
    arms: dict[str, Variant],
    beside: str,
    groups: dict[str, list[Slice]],
    trials: Trials,
    system: str,
) -> list[Row]:
    """A row a language; ``beside`` alone, the others as ``system`` says."""
    systems = {arm: "alone" if arm == beside else system for arm in arms}
    by_language: dict[tuple[str, str], list[Slice]] = {}
    for group, slices in groups.items():
        for language, topic in slices:
            by_language.setdefault((group, language), []).append((language, topic))
    p_values = {
        f"{language} {arm}": effect.p
        for (_, language), slices in by_language.items()
        for arm, variant in arms.items()
        if arm != beside
        and (effect := _effect(cells, variant, arms[beside], slices, trials, systems[arm])) is not None
    }
    adjusted = holm(p_values)
    rows: list[Row] = []
    for (group, language), slices in sorted(
        by_language.items(), key=lambda item: (list(groups).index(item[0][0]), resolve(item[0][1]).name)
    ):
        row: Row = {"": group, "language": resolve(language).name, "collections": len(slices)}
        floor = _mean(cells, arms[beside], slices)
        for arm, variant in arms.items():
            mean = _mean(cells, variant, slices, systems[arm])
            mark = ""
            if mean is not None and floor is not None and adjusted.get(f"{language} {arm}", 1.0) < ALPHA:
                mark = "+" if mean > floor else "−"
            row[arm] = None if mean is None else f"{mean:.3f}{mark}"
        rows.append(row)
    english = [(ENGLISH, topic) for topic in cells.topics()]
    asked = [place for place in english if cells.values(arms[beside], *place) is not None]
    if asked and system == "alone":
        last: Row = {"": "control", "language": "English queries", "collections": len(asked)}
        for arm, variant in arms.items():
            mean = _mean(cells, variant, asked)
            last[arm] = None if mean is None else f"{mean:.3f}"
        rows.append(last)
    return rows
