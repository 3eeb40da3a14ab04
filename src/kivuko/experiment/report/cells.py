"""An experiment's finished cells as one body of measurements in which only comparable rows stand together."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from kivuko.errors import InputError
from kivuko.experiment.config import Experiment, RegimeConfig
from kivuko.languages import resolve
from kivuko.training.sources import Budget

Cell = Mapping[str, Any]
#: A row of a table as it is written: column → what stands there.
Value = str | int | float | list[int] | None
Row = dict[str, Value]
Values = NDArray[np.float64]

MEASURE = "nDCG@10"
ENGLISH = "eng-Latn"
#: From least to most resources.
BUDGETS: tuple[str, ...] = get_args(Budget)
#: Budgets of bitext, from the smallest.
BITEXT = ("1k", "5k", "all")
_SIZELESS = ("none", "monolingual")
SYSTEMS = {"alone": "alone", "fused": "fused with lexicon BM25"}


class Topic(NamedTuple):
    """A collection and the kind of queries asked of it."""

    collection: str
    queries: str

    def __str__(self) -> str:
        return f"{self.collection}, queries: {self.queries}"


class Variant(NamedTuple):
    """A regime with a budget."""

    regime: str
    budget: str

    def __str__(self) -> str:
        return f"{self.regime} ({self.budget})"


class _Slot(NamedTuple):
    variant: Variant
    language: str
    topic: Topic
    system: str
    split: str


@dataclass
class Measurements:
    """Per-query scores by regime, budget, language, topic, system and split, seed by seed.

    Attributes:
        experiment: what was to be measured; its lines say which is the ceiling, which a baseline, and so on.
        main: the collection and queries that winners, target and hypotheses are about.
        cells: the cells as they were read, by regime, budget and seed.
        set_aside: rows whose queries are not the ones that most rows of their slice have; they are compared
            with nothing.
    """

    experiment: Experiment
    main: Topic
    cells: dict[tuple[Variant, int], Cell] = field(default_factory=dict)
    set_aside: list[Row] = field(default_factory=list)
    _ids: dict[tuple[str, ...], str] = field(default_factory=dict)
    _pages: dict[str, list[str]] = field(default_factory=dict)
    _scores: dict[_Slot, dict[int, dict[str, Values]]] = field(default_factory=lambda: defaultdict(dict))

    @cached_property
    def lines(self) -> dict[str, RegimeConfig]:
        """The experiment's lines by name, in the order of the tables."""
        return {line.name: line for line in self.experiment.regimes}

    @cached_property
    def floor(self) -> str | None:
        """The line of the encoder as it comes, centred where there is one: what training starts from."""
        bare = [
            x for x in self.experiment.regimes if not x.stages and not x.baseline and x.similarity == "maxsim"
        ]
        return next((line.name for line in sorted(bare, key=lambda line: not line.centred)), None)

    @property
    def knows_pages(self) -> bool:
        """Whether the cells say what each query is about."""
        return bool(self._pages)

    @cached_property
    def ceiling(self) -> str | None:
        """The line of English queries."""
        return self._baseline("ceiling")

    @cached_property
    def lexicon(self) -> str | None:
        """The line of BM25 by a lexicon."""
        return self._baseline("lexicon-bm25")

    def _baseline(self, kind: str) -> str | None:
        return next((line.name for line in self.experiment.regimes if line.baseline == kind), None)

    def baseline(self, regime: str) -> bool:
        """Whether a line is done at search time, and not an encoder."""
        return regime in self.lines and self.lines[regime].baseline is not None

    def competes(self, regime: str) -> bool:
        """Whether a line is chosen among: the ceiling knows English queries, engines belong to no budget."""
        out = ("ceiling", "apertium-query", "apertium-document")
        return not self.without(regime) and not (regime in self.lines and self.lines[regime].baseline in out)

    def without(self, regime: str) -> list[str]:
        """The languages that a line leaves out of training."""
        return [resolve(name).tag for name in self.lines[regime].without] if regime in self.lines else []

    def whole(self, regime: str) -> str | None:
        """The line that does the same as this one, and leaves no language out."""
        ours = self.lines[regime].model_copy(update={"without": []})
        compared = {"stages", "languages", "similarity", "centred", "without"}
        same = ours.model_dump(include=compared)
        return next((n for n, line in self.lines.items() if line.model_dump(include=compared) == same), None)

    def order(self, variant: Variant) -> tuple[int, str, int, str]:
        """Where a variant stands in the tables: as the experiment's file has it, then the alphabet."""
        regime, budget = variant
        names = list(self.lines)
        return (
            names.index(regime) if regime in names else len(names),
            regime,
            BUDGETS.index(budget) if budget in BUDGETS else len(BUDGETS),
            budget,
        )

    def variants(self) -> list[Variant]:
        """Every regime with every budget it was run with, in the order of the tables."""
        return sorted({variant for variant, _ in self.cells}, key=self.order)

    def budgets(self, regime: str | None = None) -> list[str]:
        """The budgets that a regime, or any regime, was run with, from least to most."""
        variants = [variant for variant in self.variants() if regime in (None, variant.regime)]
        return list(
            dict.fromkeys(variant.budget for variant in sorted(variants, key=lambda v: self.order(v)[2:]))
        )

    def seeds(self, variant: Variant) -> list[int]:
        """The seeds a variant was run with."""
        return sorted(seed for other, seed in self.cells if other == variant)

    def cells_of(self, variant: Variant) -> list[Cell]:
        """A variant's cells, by seed."""
        return [self.cells[variant, seed] for seed in self.seeds(variant)]

    def trained_languages(self, variant: Variant) -> set[str]:
        """The languages that any seed of this variant was trained on."""
        return {language for cell in self.cells_of(variant) for language in cell["languages"]}

    def topics(self) -> list[Topic]:
        """Every collection and query kind with test rows, the main one first."""
        found = {slot.topic for slot in self._scores if slot.split == "test"}
        return sorted(found, key=lambda topic: (topic != self.main, topic))

    def languages(self, topic: Topic | None = None) -> list[str]:
        """The languages with test rows in a topic (the main one by default), without English."""
        rows = {
            slot.language
            for slot in self._scores
            if slot.topic == (topic or self.main) and slot.split == "test"
        }
        return sorted(rows - {ENGLISH})

    def by_seed(
        self,
        variant: Variant,
        language: str,
        topic: Topic | None = None,
        *,
        system: str = "alone",
        split: str = "test",
        measure: str = MEASURE,
    ) -> dict[int, Values]:
        """Seed → one score a query; empty where nothing was measured."""
        rows = self._scores.get(_Slot(variant, language, topic or self.main, system, split), {})
        return {seed: rows[seed][measure] for seed in sorted(rows) if measure in rows[seed]}

    def values(
        self,
        variant: Variant,
        language: str,
        topic: Topic | None = None,
        *,
        system: str = "alone",
        split: str = "test",
    ) -> Values | None:
        """nDCG@10 of each query, averaged over seeds; None where nothing was measured."""
        seeds = self.by_seed(variant, language, topic, system=system, split=split)
        return np.mean(list(seeds.values()), axis=0) if seeds else None

    def ids(self, language: str, topic: Topic | None = None) -> str | None:
        """Hash of the ids of a language's test queries, in whose order scores stand; None without any."""
        return self._ids.get((*(topic or self.main), language, "test"))

    def sides(
        self,
        first: Variant,
        second: Variant,
        language: str,
        topic: Topic | None = None,
        *,
        systems: tuple[str, str] = ("alone", "alone"),
    ) -> tuple[Values, Values] | None:
        """[queries, seeds] nDCG@10 of two variants, seed by seed where both have the same ones, else their means.

        A variant of one seed stands beside every seed of the other. None where one of them was not measured.
        """
        ours, theirs = (
            self.by_seed(variant, language, topic, system=system)
            for variant, system in zip((first, second), systems, strict=True)
        )
        if not ours or not theirs:
            return None
        if ours.keys() != theirs.keys() and min(len(ours), len(theirs)) > 1:
            ours, theirs = ({0: np.mean(list(side.values()), axis=0)} for side in (ours, theirs))
        first_side, second_side = (np.stack(list(side.values()), axis=1) for side in (ours, theirs))
        shape = np.broadcast_shapes(first_side.shape, second_side.shape)
        return np.broadcast_to(first_side, shape), np.broadcast_to(second_side, shape)

    def pages(self, language: str, topic: Topic | None = None) -> list[str]:
        """What each of a language's test queries is about, in the order of the scores.

        Cells that were measured before this was kept know nothing of it: there every query is its own page.
        """
        known = self._pages.get(f"{(topic or self.main).collection} {self.ids(language, topic)}")
        if known is not None:
            return known
        count = next(
            len(next(iter(measures.values())))
            for slot, seeds in self._scores.items()
            if (slot.language, slot.topic, slot.split) == (language, topic or self.main, "test")
            for measures in seeds.values()
        )
        return [f"{language} {topic or self.main} {number}" for number in range(count)]

    def mean(self, variant: Variant, language: str, system: str = "alone") -> float | None:
        """Mean nDCG@10 on the main test queries over queries and seeds."""
        values = self.values(variant, language, system=system)
        return None if values is None else float(values.mean())

    def reference(self, regime: str | None, language: str, budget: str | None = None) -> float | None:
        """Mean of a baseline regime alone; of several budgets the one asked for, or else the first.

        The ceiling (English queries) is looked up under the language's own queries, then under those it has in
        English (``english-title``), then under English.
        """
        if regime is None:
            return None
        places = [(language, self.main)]
        if regime == self.ceiling:
            english = Topic(self.main.collection, f"english-{self.main.queries}")
            places += [(language, english), (ENGLISH, self.main)]
        budgets = self.budgets(regime)
        for known in sorted(budgets, key=lambda known: (known != budget, budgets.index(known))):
            for place in places:
                values = self.values(Variant(regime, known), *place)
                if values is not None:
                    return float(values.mean())
        return None

    def matched_budgets(self, first: str, second: str) -> list[tuple[Variant, Variant]]:
        """Which variants of two regimes to compare: at equal budgets.

        A regime whose one budget holds no bitext and no lexicon (``none``, ``monolingual``) is compared with
        every budget of the other; different sizes of bitext are never compared.
        """
        ours, theirs = self.budgets(first), self.budgets(second)
        pairs = [(budget, budget) for budget in ours if budget in theirs]
        if not pairs and any(len(known) == 1 and known[0] in _SIZELESS for known in (ours, theirs)):
            pairs = [(our, their) for our in ours for their in theirs]
        return [(Variant(first, our), Variant(second, their)) for our, their in pairs]

    def rows(self) -> list[tuple[Variant, int, str, Topic, str, str, Values]]:
        """Every test score: variant, seed, language, topic, system, measure, one value a query."""
        found = [
            (slot.variant, seed, slot.language, slot.topic, slot.system, measure, values)
            for slot, seeds in self._scores.items()
            if slot.split == "test"
            for seed, measures in seeds.items()
            for measure, values in measures.items()
        ]
        return sorted(found, key=lambda row: (row[3] != self.main, row[3], self.order(row[0]), *row[1:6]))


def read_cells(cells: Sequence[Cell], experiment: Experiment) -> Measurements:
    """Put cells together.

    Within a language, topic and split all rows but the ceiling's must have the same queries (equal ``ids``);
    the ids that most rows have are kept, and rows with others are set aside and listed.

    Args:
        cells: finished cells, see ``kivuko.experiment.cell_files``.
        experiment: what they are cells of.

    Raises:
        InputError: there is no cell, one lacks a field or has scores that are not finite, two have the same
            regime, budget and seed, or rows of the same ids have different numbers of queries.
    """
    if not cells:
        raise InputError(
            "no finished cells to report on", remedy="run the experiment first: kivuko experiment run"
        )
    ceilings = {line.name for line in experiment.regimes if line.baseline == "ceiling"}
    usual = _usual_ids(cells, ceilings)
    found = Measurements(experiment, _main(cells, experiment), _ids=usual)
    lengths: dict[tuple[str, ...], int] = {}
    for cell in cells:
        variant, seed = Variant(cell["regime"], cell["budget"]), cell["seed"]
        if (variant, seed) in found.cells:
            raise InputError(
                "two cells are of the same regime, budget and seed",
                where=f"cells {found.cells[variant, seed]['key']} and {cell['key']}: {variant}, seed {seed}",
                remedy="report on one experiment's cells, each finished once",
            )
        found.cells[variant, seed] = cell
        found._pages |= cell.get("pages", {})
        for row in cell["scores"]:
            topic = Topic(row["collection"], row["queries"])
            place = (*topic, row["language"], row["split"])
            slot = _Slot(variant, row["language"], topic, row["system"], row["split"])
            if variant.regime not in ceilings and row["ids"] != usual[place]:
                aside: Row = {"regime": variant.regime, "budget": variant.budget, "seed": seed}
                found.set_aside.append(
                    aside | dict(zip(("collection", "queries", "language", "split"), place, strict=True))
                )
                continue
            where = f"cell {cell['key']}: {variant}, seed {seed}, {slot.language}, {' '.join(topic)}"
            scores = {name: _checked(values, where) for name, values in row["per_query"].items()}
            for name, values in scores.items():
                if len(values) != lengths.setdefault((*place, row["ids"]), len(values)):
                    raise InputError(
                        "rows of the same queries differ in length",
                        where=f"{where}, {name}",
                        expected=f"{lengths[(*place, row['ids'])]} values",
                        got=len(values),
                    )
            if seed in found._scores[slot]:
                raise InputError("a cell measures the same thing twice", where=where, got=slot.system)
            found._scores[slot][seed] = scores
    return found


def _main(cells: Sequence[Cell], experiment: Experiment) -> Topic:
    """The first of the experiment's collections that was measured, and of its queries titles where there are."""
    topics = {Topic(row["collection"], row["queries"]) for cell in cells for row in cell.get("scores", ())}
    named = [str(name) for name in experiment.collections]

    def place(topic: Topic) -> tuple[int, bool, Topic]:
        known = topic.collection in named
        return named.index(topic.collection) if known else len(named), topic.queries != "title", topic

    # Topics of other collections alone say nothing of the main one: it was not measured then.
    found = sorted(topics, key=place)
    return found[0] if found and found[0].collection == named[0] else Topic(named[0], "title")


def _usual_ids(cells: Sequence[Cell], ceilings: Container[str]) -> dict[tuple[str, ...], str]:
    counts: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for cell in cells:
        lacking = {"key", "regime", "budget", "seed", "languages", "cost", "scores", "provenance"} - set(cell)
        if lacking:
            raise InputError(
                "not a finished cell", where=cell.get("key"), expected=", ".join(sorted(lacking))
            )
        for row in cell["scores"]:
            if cell["regime"] not in ceilings:
                place = (row["collection"], row["queries"], row["language"], row["split"])
                counts[place][row["ids"]] += 1
    return {place: min(found, key=lambda ids: (-found[ids], ids)) for place, found in counts.items()}


def _checked(values: Sequence[float], where: str) -> Values:
    if not values or not all(math.isfinite(value) for value in values):
        got = "none" if not values else "NaN or infinity"
        raise InputError("scores of a cell cannot be used", where=where, expected="finite numbers", got=got)
    return np.asarray(values, dtype=np.float64)
