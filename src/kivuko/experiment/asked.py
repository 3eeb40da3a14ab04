"""What an experiment's file asks of the report: its question, comparisons, doses, targets, pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, field_validator, model_validator

from kivuko.languages import resolve
from kivuko.training.sources import Budget

Names = list[str]


class LanguageSet(BaseModel, extra="forbid", frozen=True):
    """Some of an experiment's languages, by a name: ``only`` these, or all ``without`` those."""

    only: Names | None = None
    without: Names | None = None

    @model_validator(mode="after")
    def _one_way(self) -> LanguageSet:
        if (self.only is None) == (self.without is None):
            raise ValueError("give either only or without")
        return self

    def holds(self, tag: str) -> bool:
        """Whether a language, by its tag, is among them; the language decides, not its script."""
        code = tag.split("-")[0]
        if self.only is not None:
            return code in _codes(self.only)
        return code not in _codes(self.without or ())


class Target(BaseModel, extra="forbid", frozen=True):
    """A quality aimed at: the share of the gap between the untrained encoder and English queries to be closed.

    Attributes:
        languages: averaged over these.
        alone: the share aimed at by students alone.
        fused: the share aimed at with lexicon BM25 beside them.
    """

    languages: Names = Field(min_length=1)
    alone: float
    fused: float

    @property
    def tags(self) -> list[str]:
        """The languages' tags."""
        return [resolve(name).tag for name in self.languages]


class Over(BaseModel, extra="forbid", frozen=True):
    """A line set against others at equal budgets; with ``says``, the summary says how far it is ahead."""

    line: str
    over: Names = Field(min_length=1)
    says: str | None = None


class Comparison(BaseModel, extra="forbid", frozen=True):
    """A section of the report in which lines are compared two by two."""

    title: str
    pairs: list[Over] = Field(min_length=1)


class Arm(BaseModel, extra="forbid", frozen=True):
    """What a line at one budget is called where the experiment's question is answered.

    Attributes:
        name: what it is called.
        line: which line.
        budget: at which budget.
        control: whether it is there to compare with alone, and is not recommended.
    """

    name: str
    line: str
    budget: Budget
    control: bool = False


class Group(BaseModel, extra="forbid", frozen=True):
    """Languages on collections, of which the answer says one thing.

    Attributes:
        name: what the answer calls them.
        languages: a language set.
        collections: names of those that count here; all by default.
    """

    name: str
    languages: str
    collections: Names = []


class Answer(BaseModel, extra="forbid", frozen=True):
    """The question that an experiment was made for, which the report answers first.

    Attributes:
        question: in words.
        arms: what is compared, in the order of the table.
        beside: the arm that the others are marked against.
        groups: what is told apart everywhere; the name of a language set stands for it on all collections.
        compare: arms, by name, that are set against each other.
        quoted: arms, by name, that the first paragraph is about; all by default.
    """

    question: str
    arms: list[Arm] = Field(min_length=2)
    beside: str
    groups: list[Group] = Field(min_length=1)
    compare: list[Over] = []
    quoted: Names = []

    @field_validator("groups", mode="before")
    @classmethod
    def _of_sets(cls, groups: Any) -> Any:
        if not isinstance(groups, list):
            return groups
        return [{"name": each, "languages": each} if isinstance(each, str) else each for each in groups]


class Dose(BaseModel, extra="forbid", frozen=True):
    """A section of the report on lines that differ in how much of one thing they do.

    Attributes:
        title: of the section.
        label: what is dosed, in a word.
        axis: the same as an axis of a picture names it.
        lines: line → dose, from least to most; the first is what the picture measures gains over.
        beside: the line that the others are tested against.
        fact: the name under which training reports the dose that was reached.
    """

    title: str
    label: str
    axis: str
    lines: dict[str, float] = Field(min_length=2)
    beside: str
    fact: str


class Picture(BaseModel, extra="forbid", frozen=True):
    """A picture of another experiment, shown among the report's own: title, and path from the report's folder."""

    title: str
    path: Path


def _codes(names: Sequence[str]) -> set[str]:
    return {resolve(name).tag.split("-")[0] for name in names}
