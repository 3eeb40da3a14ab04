"""OPTICAL without bitext: the teacher reads sentences of English documents, the student the same ones code-switched.

Code-switching (Litschko, Artemova, Plank, Findings of ACL 2023, arXiv 2305.05295) makes the pairs that OPTICAL
(Huang, Yu, Allan, WSDM 2023, arXiv 2301.12566) aligns. That takes a lexicon, which a dictionary is, and documents,
which are of the domain that will be searched where they are one's own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from kivuko.codeswitch import Switcher, SwitchReport
from kivuko.collections.bitext import Pair
from kivuko.errors import InputError
from kivuko.languages import Language
from kivuko.text import words
from kivuko.text.segmentation import english_sentences
from kivuko.training import optical
from kivuko.training.fit import Job
from kivuko.training.optical import OpticalSettings
from kivuko.training.regimes import Models, Regime, Slot, Trained
from kivuko.training.resources import Need, Resources

#: Words of a sentence: shorter ones say too little, longer ones are lists and tables.
FEWEST_WORDS, MOST_WORDS = 2, 40


@dataclass(frozen=True)
class OpticalCodeswitchSettings(OpticalSettings):
    """How to switch, and how to align.

    Attributes:
        rate: probability of replacing a word that has a translation, above 0 to 1; 1 translates word by word.
    """

    rate: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.rate <= 1:
            raise InputError("rate is out of range", expected="above 0 and at most 1", got=self.rate)


def train(start: Models, resources: Resources, settings: OpticalCodeswitchSettings, job: Job) -> Trained:
    """Distil the teacher's token vectors of English sentences into the student's of the switched ones."""
    sentences = _sentences(resources.documents)
    report = SwitchReport()
    bitext = {
        language: switched_pairs(sentences, language, resources, settings, report)
        for language in resources.tables
    }
    trained = optical.train(start, replace(resources, bitext=bitext), settings, job)
    facts = {"sentences": len(sentences), "requested_rate": settings.rate, "switched": report.as_json()}
    return replace(trained, facts=trained.facts | facts)


def switched_pairs(
    sentences: Sequence[str],
    language: Language,
    resources: Resources,
    settings: OpticalCodeswitchSettings,
    report: SwitchReport,
) -> list[Pair]:
    """The sentences in which a word was replaced, beside what they were, as many as training reads at most.

    Args:
        sentences: English, in the order in which they are taken.
        language: into which is switched.
        resources: its table.
        settings: rate, seed and steps.
        report: told what was switched.
    """
    switcher = Switcher({language: resources.tables[language]}, rate=settings.rate)
    most, found = settings.steps * settings.batch_size, []
    for number, sentence in enumerate(sentences):
        switched = switcher.switch(sentence, seed=settings.seed, key=f"sentence {number}", language=language)
        if switched.text == sentence:
            continue
        report.add(switched)
        found.append(Pair(f"sentence {number}", sentence, switched.text, "code-switched"))
        if len(found) == most:
            break
    return found


def _sentences(documents: Sequence[str]) -> list[str]:
    """Each different sentence once, in an order that mixes the documents."""
    found = {
        sentence
        for document in documents
        for sentence in english_sentences(document)
        if FEWEST_WORDS <= len(words(sentence)) <= MOST_WORDS
    }
    return sorted(found, key=lambda sentence: hashlib.sha256(sentence.encode()).hexdigest())


REGIME = Regime(
    name="optical-codeswitch",
    slot=Slot.ALIGN,
    needs=frozenset({Need.DOCUMENTS, Need.LEXICON, Need.TEACHER}),
    settings=OpticalCodeswitchSettings,
    train=train,
    summary="OPTICAL on English sentences and the same ones code-switched: a lexicon, no bitext",
    reference="Huang, Yu, Allan, WSDM 2023, arXiv 2301.12566; Litschko, Artemova, Plank, ACL Findings 2023",
)
