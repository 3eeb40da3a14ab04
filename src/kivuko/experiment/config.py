"""What an experiment's TOML file says: which regimes, at which budgets, with which seeds, over which languages."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from kivuko.errors import InputError, KivukoError
from kivuko.evaluation.measures import check_measures
from kivuko.experiment.asked import (
    Answer,
    Comparison,
    Dose,
    LanguageSet,
    Names,
    Picture,
    Target,
)
from kivuko.experiment.hypotheses import ENGLISH_QUERIES, EVERY_LANGUAGE, Contrast, Hypothesis
from kivuko.languages import Language, foreign_language, resolve
from kivuko.public.collections import collection_source
from kivuko.training.regimes import find_regime
from kivuko.training.sources import Budget, EnglishSources, GivenPath, Sources
from kivuko.training.stages import Stage, check_order, make_stage

Baseline = Literal["ceiling", "bm25-untranslated", "lexicon-bm25", "apertium-query", "apertium-document"]
#: How a student's ranking and the lexicon's are fused, see :func:`kivuko.experiment.scoring.fuse`.
Fusion = Literal["scores", "ranks"]


class RegimeConfig(BaseModel, extra="forbid", frozen=True):
    """One line of the comparison.

    Attributes:
        name: what the report calls it.
        stages: regimes in order, each a name or a table with ``use`` and that regime's settings; none for an
            encoder as it comes.
        baseline: what to do at search time instead of training a student.
        budgets: at which budgets.
        seeds: the experiment's own by default.
        languages: what the student is trained on; the experiment's own by default.
        without: languages left out of those.
        centred: start from the centred encoder; False leaves the space as it comes.
        similarity: how queries and documents are compared.
        keep: leave the trained model in the cache once it is scored, for use and for the report's pictures.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9+-]*$")
    stages: list[dict[str, Any]] = []
    baseline: Baseline | None = None
    budgets: list[Budget] = Field(min_length=1)
    seeds: list[int] | None = None
    languages: Names | None = None
    without: Names = []
    centred: bool = True
    similarity: Literal["maxsim", "single-vector"] = "maxsim"
    keep: bool = False

    @field_validator("stages", mode="before")
    @classmethod
    def _named(cls, stages: Any) -> Any:
        if not isinstance(stages, list):
            return stages
        return [{"use": stage} if isinstance(stage, str) else stage for stage in stages]

    @model_validator(mode="after")
    def _one_kind(self) -> RegimeConfig:
        if self.baseline and self.stages:
            raise ValueError("a baseline is not trained: give stages or baseline, not both")
        if self.baseline and self.similarity != "maxsim":
            raise ValueError("a baseline compares in its own way: leave similarity out")
        with _within(f"regime {self.name}"):
            _each_once(self.languages or ())
            _each_once(self.without)
        return self


class GivenCollection(BaseModel, extra="forbid", frozen=True):
    """A collection that a person gives, beside the public ones.

    Attributes:
        folder: a collection artefact, such as ``kivuko data import-collection`` and ``kivuko data link`` write, or
            plain files (:mod:`kivuko.experiment.other_domains`), which are halved by what their queries are about.
        name: what the report calls it; the folder's name by default.
        queries: kind of its queries that is asked.
        development: which of them a fusion's weight is chosen on: the ``"split"`` that the collection has, one half
            of all that are held out (``"halve"``, by a hash of their ids; the test is then on the other half), or
            ``"none"``, and nothing is fused.
        documents: how many of plain files' documents are searched, see
            :func:`kivuko.experiment.other_domains.as_collection`; all by default.
    """

    folder: GivenPath
    name: str = Field("", pattern=r"^[a-z0-9][a-z0-9+-]*$")
    queries: str = "title"
    development: Literal["split", "halve", "none"] = "split"
    documents: int | None = Field(None, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _called(cls, given: Any) -> Any:
        if isinstance(given, dict) and "folder" in given and "name" not in given:
            return {**given, "name": Path(given["folder"]).name.lower()}
        return given

    def __str__(self) -> str:
        return self.name


class Experiment(BaseModel, extra="forbid", frozen=True):
    """A whole comparison.

    Attributes:
        name: of the experiment and its folder of results.
        title: heading of its report.
        notes: what the report's reader must know before the numbers.
        seeds: every cell is run with each; a seed draws the pairs of a budget and orders the examples.
        languages: a student is trained on all of these together.
        further_languages: asked too, but never trained on.
        collections: test collections to search: public ones by name, a person's own by folder.
        data: language → what a person gives to train on; public data stand in for the rest.
        english: the same for English (``[data.en]`` in the file).
        fusion: how a student and the lexicon are fused.
        test_queries: most test queries of a language in a collection; which, a hash of their ids decides.
        development_queries: the same for development queries.
        measures: what is measured beside nDCG@10 and R@100, as ``kivuko evaluate`` spells it: ``["AP(rel=2)"]``.
        defaults: regime → settings that differ from its defaults.
        regimes: the lines of the comparison, in the order of the report's tables.
        hypotheses: what was claimed beforehand.
        answer: the question that it was made for.
        target: the quality aimed at.
        comparisons: sections of the report that compare lines two by two.
        doses: sections of the report on how much of one thing is best.
        tiers: tier → languages, for winners by tier.
        language_sets: name → languages, for hypotheses.
        about: collection → what it is, in words.
        section_notes: section of the report → what its reader must know.
        pictures: pictures of other experiments to show.
    """

    name: str = Field(pattern=r"^[a-z0-9-]+$")
    title: str
    notes: str = ""
    seeds: list[int] = Field(min_length=1)
    languages: Names = Field(min_length=1)
    further_languages: Names = []
    collections: list[str | GivenCollection] = Field(["libreoffice-help"], min_length=1)
    data: dict[str, Sources] = {}
    english: EnglishSources = Field(EnglishSources(), alias="data.en")
    fusion: Fusion = "scores"
    test_queries: int = Field(200, ge=1)
    development_queries: int = Field(60, ge=1)
    measures: list[str] = []
    defaults: dict[str, dict[str, Any]] = {}
    regimes: list[RegimeConfig] = Field(min_length=1, alias="regime")
    hypotheses: list[Hypothesis] = []
    answer: Answer | None = None
    target: Target | None = None
    comparisons: list[Comparison] = []
    doses: list[Dose] = []
    tiers: dict[str, Names] = {}
    language_sets: dict[str, LanguageSet] = {}
    about: dict[str, str] = {}
    section_notes: dict[str, str] = {}
    pictures: list[Picture] = []

    @model_validator(mode="before")
    @classmethod
    def _english_apart(cls, content: Any) -> Any:
        if not isinstance(content, dict) or not isinstance(content.get("data"), dict):
            return content
        data = {"data.en" if name == "en" else name: given for name, given in content["data"].items()}
        english = {"data.en": data.pop("data.en")} if "data.en" in data else {}
        return {**content, "data": data, **english}

    @model_validator(mode="after")
    def _consistent(self) -> Experiment:
        names = [line.name for line in self.regimes]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"regime names stand twice: {', '.join(repeated)}")
        with _within("languages and further_languages"):
            _each_once([*self.languages, *self.further_languages])
        with _within("measures"):
            check_measures(self.measures)
        with _within("collections"):
            for name in self.collections:
                if isinstance(name, str):
                    collection_source(name)
        searched = [str(name) for name in self.collections]
        twice = sorted({name for name in searched if searched.count(name) > 1})
        if twice:
            raise ValueError(f"collections stand twice: {', '.join(twice)}; give one of them another name")
        for name, values in self.defaults.items():
            with _within(f"defaults, {name}"):
                make_stage(find_regime(name), values)
        for line in self.regimes:
            self._check_languages(line)
            for seed in line.seeds or self.seeds:
                self.stages_of(line, seed)
        with _within("data"):
            _each_once(list(self.data))
        trained = {language for line in self.regimes for language in self.languages_of(line)}
        idle = [name for name in self.data if resolve(name) not in trained]
        if idle:
            raise ValueError(f"data are given for {', '.join(idle)}, which no line is trained on")
        problems = [*self._strangers(), *self._repeated_names(), *self._unknown_places()]
        if problems:
            raise ValueError("; ".join(problems))
        named = [self.target.languages] if self.target else []
        for place in [
            *named,
            *self.tiers.values(),
            *(s.only or s.without or [] for s in self.language_sets.values()),
        ]:
            for name in place:
                resolve(name)
        return self

    def _strangers(self) -> Iterator[str]:
        """What the report's tables ask of lines that there are not."""
        known = {line.name for line in self.regimes}
        asked = [
            *((f"hypothesis {h.name}", name) for h in self.hypotheses for part in h.parts for name in part.lines()),
            *((f"comparison {c.title}", name) for c in self.comparisons for pair in c.pairs
              for name in (pair.line, *pair.over)),
            *((f"dose {dose.title}", name) for dose in self.doses for name in (*dose.lines, dose.beside)),
            *(("answer", arm.line) for arm in (self.answer.arms if self.answer else [])),
        ]  # fmt: skip
        for place, name in asked:
            if name not in known:
                near = difflib.get_close_matches(name, sorted(known), n=1)
                yield f"{place}: no regime {name!r}" + (f", did you mean {near[0]}?" if near else "")
        if self.answer:
            arms = {arm.name for arm in self.answer.arms}
            paired = [name for pair in self.answer.compare for name in (pair.line, *pair.over)]
            for name in (self.answer.beside, *self.answer.quoted, *paired):
                if name not in arms:
                    yield f"answer: no arm {name!r}, expected one of {', '.join(sorted(arms))}"
            searched = {str(name) for name in self.collections}
            for group in self.answer.groups:
                if group.languages not in self.language_sets:
                    yield f"answer: no language set {group.languages!r}"
                for name in group.collections:
                    if name not in searched:
                        yield f"answer, {group.name}: no collection {name!r}"
        for dose in self.doses:
            if dose.beside not in dose.lines:
                yield f"dose {dose.title}: beside is {dose.beside!r}, which is none of its lines"

    def _repeated_names(self) -> Iterator[str]:
        for what, names in (
            ("hypotheses", [hypothesis.name for hypothesis in self.hypotheses]),
            (
                "titles of comparisons and doses",
                [*(c.title for c in self.comparisons), *(dose.title for dose in self.doses)],
            ),
            ("arms of the answer", [arm.name for arm in (self.answer.arms if self.answer else [])]),
        ):
            repeated = sorted({name for name in names if names.count(name) > 1})
            if repeated:
                yield f"{what} stand twice: {', '.join(repeated)}"

    def _asked(self) -> list[Comparison | Dose]:
        return [*self.comparisons, *self.doses]

    def _unknown_places(self) -> Iterator[str]:
        known = [EVERY_LANGUAGE, ENGLISH_QUERIES, *self.tiers, *self.language_sets]
        for hypothesis in self.hypotheses:
            for part in hypothesis.parts:
                if isinstance(part, Contrast) and part.where not in known:
                    yield f"hypothesis {hypothesis.name}: where is {part.where!r}, expected one of {', '.join(known)}"
        both = self.tiers.keys() & self.language_sets
        if both:
            yield f"both a tier and a language set: {', '.join(sorted(both))}"

    def tier_of(self) -> dict[str, str]:
        """Language tag → its tier."""
        return {resolve(name).tag: tier for tier, names in self.tiers.items() for name in names}

    def _check_languages(self, line: RegimeConfig) -> None:
        given = [resolve(name) for name in line.languages or self.languages]
        strangers = [name for name in line.without if resolve(name) not in given]
        if strangers:
            raise ValueError(
                f"regime {line.name} is not trained on {', '.join(strangers)}, so it cannot go without"
            )
        if not self.languages_of(line):
            raise ValueError(f"regime {line.name} has no language left")

    def languages_of(self, line: RegimeConfig) -> list[Language]:
        """What the students of a line are trained on."""
        left_out = {resolve(name) for name in line.without}
        chosen = [resolve(name) for name in line.languages or self.languages]
        return [language for language in chosen if language not in left_out]

    def stages_of(self, line: RegimeConfig, seed: int) -> list[Stage]:
        """The stages of a line with their settings, for one seed.

        Raises:
            InputError: unknown regime, setting or order of stages; the message names the line and the stage.
        """
        stages = []
        for number, given in enumerate(line.stages, start=1):
            with _within(f"regime {line.name}, stage {number}"):
                chosen = find_regime(str(given.get("use", "")))
                # The seed is a stage's own only where the stage says so: stages that all seeds share are trained
                # once.
                own = {key: value for key, value in given.items() if key != "use"}
                values = {"seed": seed} | self.defaults.get(chosen.name, {}) | own
                stages.append(make_stage(chosen, values))
        with _within(f"regime {line.name}"):
            check_order(stages)
        return stages


def read_experiment(path: Path) -> Experiment:
    """Read an experiment's TOML file.

    Raises:
        InputError: no such file, no TOML, or keys and values that mean nothing; all problems at once.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        with _within(path):
            return Experiment.model_validate(content, context={"folder": path.parent})
    except OSError as error:
        raise InputError(
            "no such experiment", where=path, expected="a TOML file", got=error.strerror
        ) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(
            "the experiment's file cannot be read", where=path, expected="TOML in UTF-8", got=error
        ) from error
    except ValidationError as error:
        raise InputError(
            "the experiment's file does not make sense", where=path, got=_problems(error.errors())
        ) from error


@contextmanager
def _within(place: object) -> Iterator[None]:
    """Put ``place`` before where an error inside the block says it is."""
    try:
        yield
    except KivukoError as error:
        where = place if error.where is None else f"{place}: {error.where}"
        raise InputError(
            error.what, where=where, expected=error.expected, got=error.got, remedy=error.remedy
        ) from error


def _each_once(names: Sequence[str]) -> None:
    """Refuse English and a language that is named twice, by whatever names."""
    seen: dict[str, str] = {}
    for name in names:
        tag = foreign_language(name).tag
        if tag in seen:
            raise InputError("a language stands twice", expected="each once", got=f"{seen[tag]} and {name}")
        seen[tag] = name


def _problems(errors: Sequence[Any]) -> str:
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in errors)
