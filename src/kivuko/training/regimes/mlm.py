"""Adaptation by continued masked-language modelling on running text."""

from __future__ import annotations

from dataclasses import dataclass

from datasets import Dataset

from kivuko.models import centring, late_interaction
from kivuko.training.examples import distinct, draw
from kivuko.training.fit import FitSettings
from kivuko.training.masked_language_model import MaskedLanguageModelLoss
from kivuko.training.regimes.regime import Job, Models, Regime, Slot, Trained
from kivuko.training.resources import Need, Resources


@dataclass(frozen=True)
class MlmSettings(FitSettings):
    """Defaults of continued pre-training at small scale."""

    steps: int = 300
    learning_rate: float = 5e-5
    max_length: int = 64


def train(start: Models, resources: Resources, settings: MlmSettings, job: Job) -> Trained:
    """Predict masked pieces of each language's text, then centre the changed space anew on English text."""
    encoder = late_interaction.load(start.student)
    centring.centring_layer(encoder)  # refused here what could not be centred after training
    drawn = draw(resources.monolingual, settings.steps * settings.batch_size, settings.seed)
    texts = [example.item for example in drawn]
    lengths = [min(len(ids), settings.max_length) for ids in late_interaction.pieces_of(encoder, texts)]
    loss = MaskedLanguageModelLoss(encoder, resources.english_texts)
    job.fit(
        encoder,
        Dataset.from_dict({"text": texts}),
        loss,
        lengths,
        settings,
        distinct=distinct(resources.monolingual),
    )
    centring.recentre(encoder, resources.english_texts)
    facts = {"texts": {language.tag: len(found) for language, found in resources.monolingual.items()}}
    return Trained(encoder, {"examples": len(texts), **facts})


REGIME = Regime(
    name="mlm",
    slot=Slot.ADAPT,
    needs=frozenset({Need.MONOLINGUAL, Need.ENGLISH_TEXT}),
    settings=MlmSettings,
    train=train,
    summary="continued masked-language modelling on monolingual text",
    reference="Gururangan et al., ACL 2020, arXiv 2004.10964",
)
