"""Hypotheses as an experiment's file declares them, and the rule that decides them.

Each is a list of parts; a part says what is compared on which languages and what was predicted. All parts are
tested on nDCG@10 of the experiment's main test queries, averaged over seeds and over the budgets at which both
sides were run, and all their p-values are one Holm family.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from kivuko.evaluation.effects import ALPHA, Effect
from kivuko.training.sources import Budget

EVERY_LANGUAGE = "every language"
ENGLISH_QUERIES = "English queries"

Prediction = Literal["greater", "equal", "not greater"]
Verdict = Literal["confirmed", "refuted", "undecided"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Contrast(_Strict):
    """One line of the comparison against another, students alone.

    Attributes:
        compare: the two lines; the difference is first − second.
        budget: of the first line; all at which both can be compared by default.
        where: ``every language``, ``English queries``, a tier or a named set of the experiment's languages.
        predicts: ``greater`` than 0, ``equal`` within the margin, or ``not greater`` than the margin.
        margin: what counts as no difference worth the name, in nDCG@10.
        baseline: a line; both sides are then gains over it, and the second is taken ``share`` times.
        share: see ``baseline``.
    """

    kind: Literal["difference"] = "difference"
    compare: tuple[str, str]
    budget: Budget | None = None
    where: str = EVERY_LANGUAGE
    predicts: Prediction = "greater"
    margin: float = Field(default=0.02, gt=0)
    baseline: str | None = None
    share: float = Field(default=1.0, gt=0)

    @model_validator(mode="after")
    def _share_of_something(self) -> Contrast:
        if self.share != 1 and self.baseline is None:
            raise ValueError("a share is of a gain over a baseline: give baseline too")
        return self

    def lines(self) -> Iterator[str]:
        """The lines it needs."""
        yield from self.compare
        if self.baseline is not None:
            yield self.baseline


class GainWithDistance(_Strict):
    """Spearman's correlation over languages of a gain with the distance of the language, which is to be positive.

    Attributes:
        compare: the two lines; the gain is first − second.
        distance: a line; a language's distance is 1 − what this line has in it.
    """

    kind: Literal["gain-with-distance"]
    compare: tuple[str, str]
    distance: str

    def lines(self) -> Iterator[str]:
        """The lines it needs."""
        yield from (*self.compare, self.distance)


class FusionInEveryLanguage(_Strict):
    """In each language, the student chosen on development queries at each budget: fused is to beat alone."""

    kind: Literal["fusion"]

    def lines(self) -> Iterator[str]:
        """None by name."""
        yield from ()


def _kind(part: Any) -> Any:
    return part.get("kind", "difference") if isinstance(part, dict) else getattr(part, "kind", None)


Part = Annotated[
    Annotated[Contrast, Tag("difference")]
    | Annotated[GainWithDistance, Tag("gain-with-distance")]
    | Annotated[FusionInEveryLanguage, Tag("fusion")],
    Discriminator(_kind),
]


class Hypothesis(_Strict):
    """A claim, written down before the numbers are known.

    Attributes:
        name: such as H1.
        claim: its words.
        reading: what it is read to say, so that it can be decided.
        parts: what decides it: refuted if one part is, confirmed if all are, else undecided.
    """

    name: str = Field(min_length=1)
    claim: str
    reading: str
    parts: list[Part] = Field(min_length=1)


def judge(
    effect: Effect, p: float, predicts: Prediction, *, margin: float = 0.02, by_p_alone: bool = False
) -> Verdict:
    """The rule for one effect.

    - ``greater``: confirmed if the corrected p is below .05 and the difference is positive; refuted if it is
      below .05 and the difference negative, or if the interval lies below 0.
    - ``equal``: confirmed if the interval lies within the margin, refuted if it lies beyond it.
    - ``not greater``: confirmed if the interval lies below the margin; else refuted if the difference is
      positive and the corrected p below .05.

    Args:
        effect: the effect.
        p: its corrected p.
        predicts: what was predicted.
        margin: what counts as no difference worth the name.
        by_p_alone: ignore the interval (of a correlation over few languages it is too narrow).
    """
    significant = p < ALPHA
    if predicts == "equal":
        inside = effect.low > -margin and effect.high < margin
        beyond = effect.low > margin or effect.high < -margin
        return "confirmed" if inside else "refuted" if beyond else "undecided"
    if predicts == "not greater":
        if effect.high < margin:
            return "confirmed"
        return "refuted" if significant and effect.difference > 0 else "undecided"
    if significant and effect.difference > 0:
        return "confirmed"
    excluded = effect.high < 0 and not by_p_alone
    return "refuted" if excluded or (significant and effect.difference < 0) else "undecided"


def together(verdicts: Sequence[Verdict]) -> Verdict:
    """A hypothesis is refuted by one refuted part, confirmed by all being confirmed, else undecided."""
    if "refuted" in verdicts:
        return "refuted"
    return "confirmed" if verdicts and set(verdicts) == {"confirmed"} else "undecided"
