"""Supervision on artificially code-switched text: English pairs in which words are replaced by translations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from kivuko.codeswitch import Switcher, SwitchReport
from kivuko.errors import UnknownNameError
from kivuko.training.english import drawn_pairs
from kivuko.training.fit import Job
from kivuko.training.rank_in_batch import RankingSettings, train_to_rank
from kivuko.training.regimes import Models, Regime, Slot, Trained
from kivuko.training.resources import Need, Resources

Side = Literal["query", "document", "both"]


@dataclass(frozen=True)
class CodeswitchSettings(RankingSettings):
    """How to switch.

    Attributes:
        rate: probability of replacing a word that has a translation.
        side: which texts are switched: queries, documents (hard negatives too) or both.
        multilingual: draw a language for every word instead of one for every pair.
        phrases: look for phrases of up to three words before single words.
    """

    rate: float = 0.5
    side: Side = "query"
    multilingual: bool = False
    phrases: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.side not in get_args(Side):
            raise UnknownNameError("side to switch", self.side, get_args(Side))


def train(start: Models, resources: Resources, settings: CodeswitchSettings, job: Job) -> Trained:
    """Learn to find documents by queries, words of either switched anew whenever a pair comes up again.

    The pairs and their order are those of the ``english`` regime with the same steps, its control. Bilingual pairs
    take the languages in turn; all texts of a pair get the same language.
    """
    switcher = Switcher(
        resources.tables, rate=settings.rate, multilingual=settings.multilingual, phrases=settings.phrases
    )
    languages = sorted(resources.tables, key=lambda language: language.tag)
    reports = {side: SwitchReport() for side in ("query", "document") if settings.side in (side, "both")}
    drawn, pairs = drawn_pairs(resources, settings), []
    for number, texts in enumerate(drawn):
        language = None if settings.multilingual else languages[number % len(languages)]
        switched_texts = []
        for place, text in enumerate(texts):
            report = reports.get("query" if place == 0 else "document")
            if report is not None:
                name = "query" if place == 0 else "document" if place == 1 else f"negative {place - 1}"
                switched = switcher.switch(
                    text, seed=settings.seed, key=f"{name} {number}", language=language
                )
                report.add(switched)
                text = switched.text
            switched_texts.append(text)
        pairs.append(tuple(switched_texts))
    facts = {"requested_rate": settings.rate} | {
        f"switched_{side}": report.as_json() for side, report in reports.items()
    }
    return train_to_rank(
        start,
        pairs,
        settings,
        job,
        distinct=len(resources.english_pairs),
        originals=[documents for _, *documents in drawn],
        facts=facts,
    )


REGIME = Regime(
    name="codeswitch",
    slot=Slot.SUPERVISE,
    needs=frozenset({Need.ENGLISH_PAIRS, Need.LEXICON}),
    settings=CodeswitchSettings,
    train=train,
    summary="English pairs with words replaced by translations from a lexicon",
    reference="Litschko, Artemova, Plank, Findings of ACL 2023, arXiv 2305.05295",
)
