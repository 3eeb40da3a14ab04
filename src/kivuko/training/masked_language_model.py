"""Masked language modelling: an encoder adapts to a language from running text, before it learns to search.

Devlin et al., "BERT", NAACL 2019, arXiv 1810.04805: of each text's content pieces 15 % are to be predicted; of those
80 % are shown as the mask, 10 % as a random piece, 10 % as they are.

Encoders for search, multilingual-e5 among them, come without the head that predicts. A fresh one would have to be
trained and kept in checkpoints, which hold the model alone; and a head that compares last-layer vectors with word
embeddings as they are would turn the whole space until they match. So the head is computed once, in closed form, from
the encoder as it comes: the ridge regression from a piece's vector to its word embedding. It stays frozen.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as functional
from datasets import Dataset
from torch import Tensor, nn

from kivuko.errors import InputError
from kivuko.models import centring, late_interaction
from kivuko.training import ranks
from kivuko.training.examples import distinct, draw
from kivuko.training.fit import FitSettings, Job
from kivuko.training.interpolation import move_back
from kivuko.training.regimes import Models, Regime, Slot, Trained
from kivuko.training.resources import Need, Resources

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder

MASKED_SHARE = 0.15
AS_MASK, AS_RANDOM = 0.8, 0.1
RIDGE = 0.01
"""Ridge penalty, as a share of the mean variance of the vectors' dimensions."""
HEAD_TEXTS, HEAD_BATCH = 512, 32


class MaskedLanguageModelLoss(nn.Module):
    """Masked language modelling with sentence-transformers' loss interface, for ``MultiVectorEncoder`` models.

    A masked piece must be told by cosine from the other pieces of its batch and from random ones (a sampled softmax:
    over all 250,000 pieces of XLM-R a step costs a second more). The word embeddings are compared with, not
    trained, unless ``FitSettings.train_word_embeddings`` trains them as input.

    What is masked depends on the text and on one number a step, drawn from torch's generator, which the trainer
    seeds and restores: a resumed run masks as the uninterrupted one, and a text's masks do not depend on its
    neighbours in the batch.

    Args:
        model: the encoder, a ``MultiVectorEncoder``; it must be as it comes, before any step of this training.
        texts: texts that the encoder already understands (English) to fit the head on; of more than 512, an even
            sample.
        negatives: random pieces beside those of the batch.
        scale: inverse temperature of the cosines.

    Requirements:
        One text column. Labels are not used.

    Inputs:
        +-------+--------+
        | Texts | Labels |
        +=======+========+
        | text  | none   |
        +-------+--------+

    Raises:
        InputError: the tokenizer has no mask, or ``texts`` have no content.

    References:
        Devlin et al., NAACL 2019, arXiv 1810.04805.
    """

    head: Tensor
    head_bias: Tensor
    words_mean: Tensor
    allowed: Tensor

    def __init__(
        self,
        model: MultiVectorEncoder,
        texts: Sequence[str],
        *,
        negatives: int = 2048,
        scale: float = 20.0,
    ) -> None:
        super().__init__()
        tokenizer: Any = model.tokenizer
        if tokenizer.mask_token_id is None:
            raise InputError(
                "this encoder cannot be trained by masking",
                expected="a tokenizer with a mask token",
                got=f"special tokens {', '.join(tokenizer.all_special_tokens)}",
                remedy="start from a BERT-like encoder such as multilingual-e5-small",
            )
        self.model = model
        self.negatives, self.scale = negatives, scale
        self.mask = int(tokenizer.mask_token_id)
        specials = set(tokenizer.all_special_ids)
        pieces = [piece for piece in range(len(tokenizer)) if piece not in specials]
        self.register_buffer("allowed", torch.tensor(pieces))
        # Mean and head are those of the encoder as it comes, so that they are the same after a resume.
        self.register_buffer("words_mean", self._words()[pieces].mean(dim=0))
        head, bias = self._fitted_head(texts)
        self.register_buffer("head", head)
        self.register_buffer("head_bias", bias)
        self.diagnostics: dict[str, float] = {}
        self.tokens = 0

    def forward(
        self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor | None = None
    ) -> dict[str, Tensor]:
        """The loss by name; 0 for a batch without content.

        Args:
            sentence_features: one batch of tokenised texts.
            labels: ignored.
        """
        (features,) = sentence_features
        ids = features["input_ids"]
        step = int(torch.randint(2**62, (1,)))
        shown, masked = self.masking(ids, step)
        self.tokens += int(features["attention_mask"].sum())
        vectors = self.model[0]({**features, "input_ids": shown})["token_embeddings"]
        if not masked.any():
            return {"masked": vectors.float().sum() * 0}
        targets = ids[masked]
        generator = torch.Generator().manual_seed(step)
        drawn = torch.randint(len(self.allowed), (self.negatives,), generator=generator).to(ids.device)
        others = ids[torch.isin(ids, self.allowed)]
        candidates, position = torch.unique(
            torch.cat([targets, others, self.allowed[drawn]]), return_inverse=True
        )
        with torch.autocast(ids.device.type, enabled=False):
            scores = self.scale * self._cosines(vectors[masked].float(), candidates)
            loss = functional.cross_entropy(scores, position[: len(targets)])
        hits = scores.argmax(dim=1) == position[: len(targets)]
        self.diagnostics = {"masked_pieces": float(len(targets)), "accuracy": float(hits.float().mean())}
        return {"masked": loss}

    def masking(self, ids: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """What the encoder is shown, and where it must predict; at least one piece of each text with content.

        Args:
            ids: [batch, pieces].
            step: any number; another one masks otherwise.

        Returns:
            [batch, pieces] ids, and [batch, pieces] True where the piece is to be predicted.
        """
        content = torch.isin(ids, self.allowed).cpu()
        shown, masked = ids.cpu().clone(), torch.zeros(ids.shape, dtype=torch.bool)
        for row, (text, kept) in enumerate(zip(ids.cpu(), content, strict=True)):
            places = kept.nonzero()[:, 0].tolist()
            chance = random.Random(f"{step} mask {text[kept].tolist()}")
            for place in chance.sample(places, min(len(places), max(1, round(MASKED_SHARE * len(places))))):
                masked[row, place] = True
                draw = chance.random()
                if draw < AS_MASK:
                    shown[row, place] = self.mask
                elif draw < AS_MASK + AS_RANDOM:
                    shown[row, place] = self.allowed[chance.randrange(len(self.allowed))].cpu()
        return shown.to(ids.device), masked.to(ids.device)

    def _words(self) -> Tensor:
        """[pieces, dim], the word embeddings; no gradient passes."""
        transformer: Any = self.model[0].auto_model
        weight: Tensor = transformer.get_input_embeddings().weight
        return weight.detach().float()

    def _cosines(self, vectors: Tensor, candidates: Tensor) -> Tensor:
        """[vectors, candidates]: how well each vector predicts each piece."""
        predicted = vectors @ self.head + self.head_bias
        words = self._words()[candidates] - self.words_mean
        return functional.normalize(predicted, dim=1) @ functional.normalize(words, dim=1).T

    @torch.no_grad()
    def _fitted_head(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Ridge regression [dim, dim] and its bias [dim], from a piece's vector to its centred word embedding."""
        self.model.eval()
        chosen = texts[:: -(-len(texts) // HEAD_TEXTS) or 1]
        dim = len(self.words_mean)
        # Sums over all pieces of the products of (1, vector) with (1, vector, word embedding).
        moments = torch.zeros(1 + dim, 1 + 2 * dim, dtype=torch.float64, device=self.words_mean.device)
        for start in range(0, len(chosen), HEAD_BATCH):
            features = late_interaction.features_of(self.model, chosen[start : start + HEAD_BATCH], "query")
            features = {
                name: value.to(moments.device)
                for name, value in features.items()
                if isinstance(value, Tensor)
            }
            content = torch.isin(features["input_ids"], self.allowed)
            vectors = self.model[0](dict(features))["token_embeddings"][content].double()
            words = (self._words()[features["input_ids"][content]] - self.words_mean).double()
            row = torch.cat([torch.ones_like(vectors[:, :1]), vectors, words], dim=1)
            moments += row[:, : 1 + dim].T @ row
        if not moments[0, 0]:
            raise InputError("no text to fit the head on", expected="texts with content", got=f"{len(texts)}")
        moments /= moments[0, 0].clone()
        middle, target = moments[0, 1 : 1 + dim], moments[0, 1 + dim :]
        covariance = moments[1:, 1 : 1 + dim] - torch.outer(middle, middle)
        covariance += RIDGE * covariance.diagonal().mean() * torch.eye(dim).to(covariance)
        head = torch.linalg.solve(covariance, moments[1:, 1 + dim :] - torch.outer(middle, target))
        return head.float(), (target - middle @ head).float()


@dataclass(frozen=True)
class MlmSettings(FitSettings):
    """Defaults of continued pre-training at small scale.

    Masking alone lets go of what aligns an encoder's languages; ``interpolation`` adds a share of what it taught to
    what was there (Ilharco et al., "Editing models with task arithmetic", ICLR 2023, arXiv 2212.04089).
    """

    steps: int = 300
    learning_rate: float = 5e-5
    max_length: int = 64


def train(start: Models, resources: Resources, settings: MlmSettings, job: Job) -> Trained:
    """Predict masked pieces of each language's text, then centre the changed space anew on English text."""
    if ranks.count() > 1:
        raise InputError(
            "this regime is trained by one process",
            where="mlm",
            got=f"{ranks.count()}, of torchrun",
            remedy="adapt the model in one process, and give it as --start to several",
        )
    encoder = late_interaction.load(start.student)
    centring.centring_layer(encoder)  # refused here what could not be centred after training
    drawn = draw(resources.monolingual, settings.steps * settings.batch_size, settings.seed)
    texts = [example.item for example in drawn]
    lengths = [
        min(len(ids), settings.max_length) for ids in late_interaction.pieces_of(encoder, texts, "query")
    ]
    loss = MaskedLanguageModelLoss(encoder, resources.english_texts)
    job.fit(
        encoder,
        Dataset.from_dict({"text": texts}),
        loss,
        lengths,
        settings,
        distinct=distinct(resources.monolingual),
    )
    move_back(encoder, start.student, settings.interpolation)
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
