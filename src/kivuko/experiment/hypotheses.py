"""The hypotheses registered before the runs (method notes, H1–H8), as data, and the rule that decides them.

Each is a list of parts; a part says what is compared on which languages and what was predicted. All parts are
tested on nDCG@10 of test help titles, averaged over seeds and over the budgets at which both sides were run, and
all their p-values are one Holm family.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kivuko.experiment.config import UNSEEN
from kivuko.experiment.report_cells import CENTRED
from kivuko.experiment.report_statistics import ALPHA, Effect

#: What counts as no difference worth the name, in nDCG@10.
MARGIN = 0.02
#: What counts as a large part of a gain (H8).
LARGE_PART = 1 / 3
#: The fourteen languages of mMARCO (Bonifacio et al., 2021, arXiv 2108.13897), ISO 639-3.
MMARCO = frozenset(
    {"ara", "deu", "eng", "fra", "hin", "ind", "ita", "jpn", "nld", "por", "rus", "spa", "vie", "zho"}
)

Prediction = Literal["greater", "equal", "not greater"]
Where = Literal["every language", "unseen by the encoder", "outside mMARCO", "English queries"]
Verdict = Literal["confirmed", "refuted", "undecided"]


@dataclass(frozen=True)
class Contrast:
    """One regime against another, students alone.

    With ``baseline`` both sides are gains over it, and the second is taken ``share`` times.
    """

    first: str
    second: str
    where: Where = "every language"
    predicts: Prediction = "greater"
    baseline: str | None = None
    share: float = 1.0


@dataclass(frozen=True)
class GainWithDistance:
    """Spearman's correlation over languages of a regime's gain with 1 − the centred zero-shot score."""

    first: str
    second: str


@dataclass(frozen=True)
class FusionInEveryLanguage:
    """In each language, the regime chosen on development queries at each budget: fused against alone."""


Part = Contrast | GainWithDistance | FusionInEveryLanguage


@dataclass(frozen=True)
class Hypothesis:
    """A registered claim: its number, its words, what it is read to say, and the parts that decide it."""

    name: str
    claim: str
    reading: str
    parts: tuple[Part, ...]


HYPOTHESES = (
    Hypothesis(
        "H1",
        "code-switching beats zero-shot in CLIR and changes MoIR little",
        "beats its English-only control and centred zero-shot; on English queries it stays within "
        f"{MARGIN} of the control",
        (
            Contrast("codeswitch", "english"),
            Contrast("codeswitch", CENTRED),
            Contrast("codeswitch", "english", where="English queries", predicts="equal"),
        ),
    ),
    Hypothesis(
        "H2",
        "the gain of code-switching is larger for distant languages",
        "rank correlation over languages of the gain over English-only training with distance, taken as 1 − the "
        "centred zero-shot nDCG@10 (neither script nor family enter)",
        (GainWithDistance("codeswitch", "english"),),
    ),
    Hypothesis(
        "H3",
        "transport ≥ greedy ≥ no alignment, at equal bitext",
        "exact transport beats greedy alignment, and greedy beats sentence vectors (mse)",
        (Contrast("optical", "greedy"), Contrast("greedy", "mse")),
    ),
    Hypothesis(
        "H4",
        "where the encoder hardly knows the language, MLM adaptation gives most",
        "in languages unseen by the encoder, mlm then English beats English alone, and also code-switching and "
        "transport with contrast, whatever those need",
        tuple(
            Contrast("mlm", other, where=UNSEEN) for other in ("english", "codeswitch", "optical-contrast")
        ),
    ),
    Hypothesis(
        "H5",
        "fusion with lexicon BM25 adds on top everywhere",
        "in each single language the student chosen on development queries is better fused than alone",
        (FusionInEveryLanguage(),),
    ),
    Hypothesis(
        "H6",
        "training on translated MS MARCO does not help languages outside it",
        f"in languages outside mMARCO it gains less than {MARGIN} over English-only training",
        (Contrast("translate-train-mmarco", "english", where="outside mMARCO", predicts="not greater"),),
    ),
    Hypothesis(
        "H7",
        "transport with in-batch contrast beats either alone",
        "beats exact transport alone, and bitext contrast alone",
        (Contrast("optical-contrast", "optical"), Contrast("optical-contrast", "bitext-contrastive")),
    ),
    Hypothesis(
        "H8",
        "centring explains a large part of what earlier work attributed to training",
        "centring the untouched encoder gains more than a third of what training gains over it: transport with "
        "late interaction, and English supervision with one vector",
        (
            Contrast(CENTRED, "optical", baseline="zero-shot", share=LARGE_PART),
            Contrast(
                "zero-shot-centred-single-vector",
                "english-single-vector",
                baseline="zero-shot-single-vector",
                share=LARGE_PART,
            ),
        ),
    ),
)


def judge(effect: Effect, p: float, predicts: Prediction, *, by_p_alone: bool = False) -> Verdict:
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
        by_p_alone: ignore the interval (of a correlation over few languages it is too narrow).
    """
    significant = p < ALPHA
    if predicts == "equal":
        inside = effect.low > -MARGIN and effect.high < MARGIN
        beyond = effect.low > MARGIN or effect.high < -MARGIN
        return "confirmed" if inside else "refuted" if beyond else "undecided"
    if predicts == "not greater":
        if effect.high < MARGIN:
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
