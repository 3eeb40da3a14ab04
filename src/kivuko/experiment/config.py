"""What an experiment's TOML file says: which regimes, at which budgets, with which seeds, over which languages."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from kivuko.errors import InputError
from kivuko.languages import Language, resolve
from kivuko.training.regimes import regime
from kivuko.training.stages import Stage, check_order

#: What may be trained on beside English pairs and English text, from nothing to all pairs of the bitext.
Budget = Literal["none", "lexicon", "monolingual", "1k", "5k", "all"]
Baseline = Literal["ceiling", "bm25-untranslated", "lexicon-bm25", "apertium-query", "apertium-document"]
Names = list[str]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RegimeConfig(_Strict):
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
        for name in (*(self.languages or ()), *self.without):
            resolve(name)
        return self


class Experiment(_Strict):
    """A whole comparison.

    Attributes:
        name: of the experiment and its folder of results.
        title: heading of its report.
        seeds: every cell is run with each; a seed draws the pairs of a budget and orders the examples.
        languages: a student is trained on all of these together.
        further_languages: asked too, but never trained on.
        collections: test collections to search, by name.
        test_queries: most test queries of a language in a collection; which, a hash of their ids decides.
        development_queries: the same for development queries.
        defaults: regime → settings that differ from its defaults.
        regimes: the lines of the comparison.
    """

    name: str = Field(pattern=r"^[a-z0-9-]+$")
    title: str
    seeds: list[int] = Field(min_length=1)
    languages: Names = Field(min_length=1)
    further_languages: Names = []
    collections: Names = ["libreoffice-help"]
    test_queries: int = Field(200, ge=1)
    development_queries: int = Field(60, ge=1)
    defaults: dict[str, dict[str, Any]] = {}
    regimes: list[RegimeConfig] = Field(min_length=1, alias="regime")

    @model_validator(mode="after")
    def _consistent(self) -> Experiment:
        names = [line.name for line in self.regimes]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"regime names stand twice: {', '.join(repeated)}")
        for name in (*self.languages, *self.further_languages):
            resolve(name)
        for name in self.defaults:
            regime(name)
        for line in self.regimes:
            for seed in line.seeds or self.seeds:
                self.stages_of(line, seed)
        return self

    def languages_of(self, line: RegimeConfig) -> list[Language]:
        """What the students of a line are trained on."""
        left_out = {resolve(name) for name in line.without}
        chosen = [resolve(name) for name in line.languages or self.languages]
        return [language for language in chosen if language not in left_out]

    def stages_of(self, line: RegimeConfig, seed: int) -> list[Stage]:
        """The stages of a line with their settings, for one seed.

        Raises:
            InputError: unknown regime, setting or order of stages.
        """
        stages = []
        for number, given in enumerate(line.stages, start=1):
            chosen = regime(str(given.get("use", "")))
            # The seed is a stage's own only where the stage says so: stages that all seeds share are trained once.
            own = {key: value for key, value in given.items() if key != "use"}
            values = {"seed": seed} | self.defaults.get(chosen.name, {}) | own
            stages.append(Stage(chosen, _settings(chosen.settings, values, f"{line.name}, stage {number}")))
        check_order(stages)
        return stages


def read_experiment(path: Path) -> Experiment:
    """Read an experiment's TOML file.

    Raises:
        InputError: no such file, no TOML, or keys and values that mean nothing; all problems at once.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        return Experiment.model_validate(content)
    except FileNotFoundError as error:
        raise InputError("no such experiment", where=path, expected="a TOML file") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(
            "the experiment's file cannot be read", where=path, expected="TOML in UTF-8", got=error
        ) from error
    except ValidationError as error:
        raise InputError(
            "the experiment's file does not make sense", where=path, got=_problems(error.errors())
        ) from error


def _settings(kind: type[Any], values: Mapping[str, Any], where: str) -> Any:
    """A regime's settings from plain values; a key it does not have is refused."""
    adapter = TypeAdapter(_forbidding(kind))
    try:
        return adapter.validate_python(dict(values), strict=False)
    except ValidationError as error:
        raise InputError(
            "a stage's settings do not make sense", where=where, got=_problems(error.errors())
        ) from error


def _forbidding(kind: type[Any]) -> type[Any]:
    if is_dataclass(kind) and "__pydantic_config__" not in vars(kind):
        kind.__pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[attr-defined]
    return kind


def _problems(errors: Sequence[Any]) -> str:
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in errors)
