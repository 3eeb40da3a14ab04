"""Adaptation of the tokenizer: new subwords for what it cannot write."""

from __future__ import annotations

from dataclasses import dataclass

from kivuko.models import late_interaction
from kivuko.models.vocabulary import extend_vocabulary
from kivuko.training.fit import Job
from kivuko.training.regimes import Models, Regime, Slot, Trained
from kivuko.training.resources import Need, Resources


@dataclass(frozen=True)
class VocabularySettings:
    """How far to extend.

    Attributes:
        pieces: new pieces at most, over all languages.
        seed: of what is random about the new embeddings.
    """

    pieces: int = 2000
    seed: int = 0


def train(start: Models, resources: Resources, settings: VocabularySettings, job: Job) -> Trained:
    """Add pieces and their embeddings; text that the tokenizer could write before is encoded as before."""
    encoder = late_interaction.load(start.student)
    languages = sorted({*resources.monolingual, *resources.tables}, key=lambda language: language.tag)
    texts = [text for language in languages for text in resources.monolingual.get(language, ())]
    translations: dict[str, dict[str, float]] = {}
    for language in languages:
        if language in resources.tables:
            for english, senses in resources.tables[language].senses.items():
                for foreign, probability in senses:
                    translations.setdefault(foreign, {}).setdefault(english, probability)
    report = extend_vocabulary(
        encoder,
        texts,
        pieces=settings.pieces,
        lexicon=translations,
        unchanged=resources.english_texts,
        seed=settings.seed,
    )
    facts = {
        "pieces_added": len(report.added),
        "pieces_withheld": report.withheld,
        "initialised": dict(report.initialised),
        "unknown_before": report.before.unknown,
        "unknown_after": report.after.unknown,
        "pieces_per_word_before": report.before.pieces_per_word,
        "pieces_per_word_after": report.after.pieces_per_word,
    }
    return Trained(encoder, facts)


REGIME = Regime(
    name="extend-vocabulary",
    slot=Slot.ADAPT,
    needs=frozenset({Need.MONOLINGUAL, Need.LEXICON, Need.ENGLISH_TEXT}),
    settings=VocabularySettings,
    train=train,
    summary="new subwords for text that the tokenizer cannot write",
    reference="Minixhofer et al., WECHSEL, NAACL 2022, arXiv 2112.06598 (initial embeddings)",
)
