"""The one training loop: sentence-transformers' trainer with buckets, a bar, and checkpoints that resume.

A killed run goes on from its newest complete checkpoint and ends with the same weights as an uninterrupted one:
the batches depend on seed and epoch alone, dropout is off, and the trainer restores optimiser, schedule and
random state.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from rich.progress import Progress
from safetensors.torch import load_file, save_file
from sentence_transformers import MultiVectorEncoderTrainer, MultiVectorEncoderTrainingArguments
from sentence_transformers.base.sampler import DefaultBatchSampler
from transformers import TrainerCallback

from kivuko.artifact import hash_json, storage_errors, write_atomically
from kivuko.errors import InputError
from kivuko.models.late_interaction import device, prompt_of
from kivuko.models.loading import quiet
from kivuko.models.precision import uses_bfloat16
from kivuko.models.token_vectors import Task
from kivuko.training import ranks
from kivuko.training.words import trained_rows

if TYPE_CHECKING:
    from datasets import Dataset
    from sentence_transformers import MultiVectorEncoder

BATCHES_PER_POOL = 32
#: A checkpoint's file of weights.
TRAINED = "trained.safetensors"
#: Seconds of work that a kill may cost; checkpoints come often enough for that, but no oftener than the second
#: number, so that writing them stays cheap.
LOST_AT_MOST, SELDOM = 60.0, 30.0
#: Characters of a bar's description: what an 80-column terminal leaves beside bar, steps and times.
DESCRIPTION_WIDTH = 40
#: What a bar shows of the last batch's transport plans, the first that there is: diagnostic → its short name.
_OF_PLANS = {"marginal_error": "error", "transport_cost": "cost"}


@dataclass(frozen=True)
class FitSettings:
    """How to run the optimiser.

    Attributes:
        steps: optimiser steps; the learning rate rises over the first 6 % and falls linearly to 0.
        batch_size: examples a step.
        learning_rate: peak of AdamW's learning rate.
        max_length: pieces read of each text, special ones included.
        seed: which examples are drawn, and their order.
        checkpoint_every: steps between checkpoints; more are written where these come less than once a minute.
        train_word_embeddings: train the word embeddings too, most of a multilingual encoder's parameters.
        interpolation: how far the weights end from the start towards the trained ones, above 0 to 1; see
            :mod:`kivuko.training.interpolation`.
    """

    steps: int
    batch_size: int = 32
    learning_rate: float = 2e-4
    max_length: int = 48
    seed: int = 0
    checkpoint_every: int = 250
    train_word_embeddings: bool = False
    interpolation: float = 1.0

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "max_length", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is out of range", expected="at least 1", got=getattr(self, name))
        if not self.learning_rate > 0:
            raise InputError(
                "learning_rate is out of range", expected="a number above 0", got=self.learning_rate
            )
        if not 0 < self.interpolation <= 1:
            raise InputError(
                "interpolation is out of range", expected="above 0 and at most 1", got=self.interpolation
            )


@dataclass(frozen=True)
class Words:
    """Word embeddings that are trained with the layers.

    Attributes:
        pieces: all that the texts have.
        learning_rate: its peak.
    """

    pieces: Collection[int]
    learning_rate: float


@dataclass
class Job:
    """One training run, apart from its settings: where it keeps its state, what it shows, and how it is run.

    Attributes:
        checkpoints: a folder for this run alone; a run with the same inputs goes on from what is in it. The last
            checkpoint stays, so that nothing is lost when the model cannot be written; remove it once the model is.
        inputs: what determines the result (parents' hashes, settings); a folder with other inputs is started anew.
        label: what the bar says.
        progress: a rich display for the bar.
        tokens: pieces trained on so far.
    """

    checkpoints: Path
    inputs: dict[str, Any]
    label: str
    progress: Progress | None = None
    tokens: int = field(default=0, init=False)

    def fit(
        self,
        encoder: MultiVectorEncoder,
        dataset: Dataset,
        loss: torch.nn.Module,
        lengths: Sequence[int],
        settings: FitSettings,
        *,
        distinct: int | None = None,
        words: Words | None = None,
    ) -> None:
        """Train ``encoder`` in place.

        Args:
            encoder: the model whose parameters are trained.
            dataset: columns as the loss wants them, rows in the order of training.
            loss: returns named parts, which are summed.
            lengths: [examples], pieces of each example, for bucketing.
            settings: see :class:`FitSettings`.
            distinct: rows that follow each other without repetition; all, by default.
            words: word embeddings to train with it; none, by default.

        Raises:
            InputError: fewer examples, or distinct ones, than one batch.
            StorageError: no room for a checkpoint; the former one stays.
        """
        different = len(lengths) if distinct is None else min(distinct, len(lengths))
        if different < settings.batch_size:
            raise InputError(
                "too little to train on",
                expected=f"at least one batch of {settings.batch_size} examples",
                got=f"{different} examples",
                remedy="bring more pairs, or choose a smaller batch size",
            )
        together = ranks.count()
        if settings.batch_size % together:
            raise InputError(
                "a batch cannot be shared by so many processes",
                expected=f"a batch_size that {together} divides",
                got=settings.batch_size,
            )
        freeze(encoder, train_word_embeddings=settings.train_word_embeddings)
        if ranks.is_first():
            _claim(self.checkpoints, self.inputs)
        arguments = MultiVectorEncoderTrainingArguments(
            output_dir=str(self.checkpoints),
            max_steps=settings.steps,
            per_device_train_batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            warmup_steps=round(0.06 * settings.steps),
            lr_scheduler_type="linear",
            weight_decay=0.01,
            max_length=settings.max_length,
            prompts=_prompts(encoder, [name for name in dataset.column_names if name != "label"]),
            seed=settings.seed,
            optim="adamw_torch_fused",
            bf16=uses_bfloat16("training"),
            use_cpu=device() == "cpu",
            # Each of several processes takes its share of the batches that one alone would have.
            accelerator_config={"split_batches": True} if together > 1 else None,
            save_steps=settings.checkpoint_every,
            save_total_limit=2,
            logging_steps=25,
            dataloader_drop_last=True,
            disable_tqdm=True,
            report_to=[],
        )
        with ExitStack() as stack:
            if words is not None:
                rows = stack.enter_context(trained_rows(encoder, words.pieces))
                arguments.learning_rate_mapping = _only(encoder, rows.weight, words.learning_rate)
            stack.enter_context(quiet(warnings=False))
            stack.enter_context(storage_errors(self.checkpoints))
            stack.enter_context(_flushed_denormals())
            bar = _Bar(loss, settings.steps, self.progress if ranks.is_first() else None, self.label)
            trainer = _BucketedTrainer(
                model=encoder,
                args=arguments,
                train_dataset=dataset,
                loss=loss,
                callbacks=[bar, _TimelyCheckpoints()],
                lengths=lengths,
                distinct=different,
            )
            _silence(trainer)
            newest = ranks.agreed(newest_checkpoint(self.checkpoints) if ranks.is_first() else None)
            trainer.train(resume_from_checkpoint=str(newest) if newest else None)
        encoder.eval()
        self.tokens += round(sum(lengths) / len(lengths) * settings.steps * settings.batch_size)


class LengthBuckets(DefaultBatchSampler):
    """Takes examples in their order by pools of 32 batches, sorts each pool by length, and shuffles its batches.

    A pool never holds more than ``distinct`` examples: copies of one text have one length, would meet in one batch
    and be each other's negatives. The order depends on seed and epoch alone, so a resumed run sees the batches it
    would have seen. Incomplete batches are left out.

    Args:
        dataset: ignored but for its size; the trainer passes it.
        lengths: [examples], pieces of each text, in the order of training.
        batch_size: examples a batch.
        seed: any integer.
        distinct: examples in a row that surely have no repetition; all, by default.
    """

    def __init__(
        self, dataset: Any, *, lengths: Sequence[int], batch_size: int, seed: int, distinct: int | None = None
    ) -> None:
        super().__init__(range(len(lengths)), batch_size=batch_size, drop_last=True)
        self.lengths, self.seed, self.epoch = list(lengths), seed, 0
        in_pool = min(BATCHES_PER_POOL, (distinct or len(lengths)) // batch_size)
        self.pool = batch_size * max(1, in_pool)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order the next iteration gives."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths) // self.batch_size

    def __iter__(self) -> Iterator[list[int]]:
        shuffled = random.Random(f"{self.seed} batches {self.epoch}")
        for start in range(0, len(self.lengths), self.pool):
            pool = list(range(start, min(start + self.pool, len(self.lengths))))
            pool.sort(key=lambda example: (self.lengths[example], example))
            batches = [pool[i : i + self.batch_size] for i in range(0, len(pool), self.batch_size)]
            batches = [batch for batch in batches if len(batch) == self.batch_size]
            shuffled.shuffle(batches)
            yield from batches


class _BucketedTrainer(MultiVectorEncoderTrainer):
    """The library's trainer with batches of like length, and checkpoints of what is trained alone.

    A multilingual encoder is word embeddings for the most part, which are not trained, and which the model that is
    started from has.
    """

    def __init__(self, *, lengths: Sequence[int], distinct: int, **arguments: Any) -> None:
        self.lengths, self.distinct = lengths, distinct
        super().__init__(**arguments)

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """None: it would print bars and describe the data in a card that a manifest replaces."""

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        folder = Path(output_dir or str(self.args.output_dir))
        folder.mkdir(parents=True, exist_ok=True)
        save_file({name: value.detach().contiguous() for name, value in self._trained()}, folder / TRAINED)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        kept = load_file(Path(resume_from_checkpoint) / TRAINED)
        with torch.no_grad():
            for name, value in self._trained():
                value.copy_(kept[name])

    def _load_rng_state(self, checkpoint: str | None) -> None:
        # Each of several processes writes its own at its own time, so that a kill may cut one short in a checkpoint
        # that is whole but for it. What they train draws nothing at random.
        if ranks.count() == 1:
            super()._load_rng_state(checkpoint)

    def _trained(self) -> Iterator[tuple[str, torch.nn.Parameter]]:
        return ((name, value) for name, value in self.model.named_parameters() if value.requires_grad)

    def get_batch_sampler(
        self, dataset: Any, batch_size: int, *_: Any, seed: int = 0, **__: Any
    ) -> LengthBuckets:
        return LengthBuckets(
            dataset, lengths=self.lengths, batch_size=batch_size, seed=seed, distinct=self.distinct
        )


class _Bar(TrainerCallback):
    """Shows steps, loss, of transport plans the marginal error or, of exact ones, the cost, and tokens a second."""

    def __init__(self, loss: torch.nn.Module, steps: int, progress: Progress | None, label: str) -> None:
        self.loss, self.steps, self.progress, self.label = loss, steps, progress, label
        self.bar = progress.add_task(label, total=steps) if progress else None
        self.started = time.monotonic()
        self.training_loss: float | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.started = time.monotonic()

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any
    ) -> None:
        self.training_loss = (logs or {}).get("loss", self.training_loss)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self.progress is None or self.bar is None:
            return
        seconds = max(1e-9, time.monotonic() - self.started)
        tokens = getattr(self.loss, "tokens", 0)
        known = getattr(self.loss, "diagnostics", {})
        facts = [] if self.training_loss is None else [f"loss {self.training_loss:.3f}"]
        facts += [f"{short} {known[name]:.3f}" for name, short in _OF_PLANS.items() if name in known][:1]
        facts += [f"{tokens / seconds:,.0f} tok/s"] if tokens else []
        self.progress.update(self.bar, completed=state.global_step, description=described(self.label, facts))


def described(label: str, facts: Sequence[str]) -> str:
    """A bar's description: the label, cut where it is long, and of the facts the first that fit."""
    shown = label if len(label) <= DESCRIPTION_WIDTH // 2 else f"{label[: DESCRIPTION_WIDTH // 2 - 1]}…"
    for fact in facts:
        if len(shown) + len(fact) + 2 > DESCRIPTION_WIDTH:
            break
        shown += f", {fact}"
    return shown


class _TimelyCheckpoints(TrainerCallback):
    """Asks for a checkpoint so early that it is complete before a minute of work could be lost."""

    def __init__(self) -> None:
        self.kept = self.step_ended = time.monotonic()
        self.step = self.writing = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.kept = self.step_ended = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        now = time.monotonic()
        # Steps differ by their batches' lengths. A much slower one, of a machine that slept, is forgotten again.
        self.step, self.step_ended = max(now - self.step_ended, 0.9 * self.step), now
        if ranks.agreed(now - self.kept >= max(SELDOM, LOST_AT_MOST - self.step - self.writing)):
            control.should_save = True

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        now = time.monotonic()
        # The writing is no work that a kill would cost, nor part of the next step.
        self.writing, self.kept, self.step_ended = now - self.step_ended, now, now


@contextmanager
def _flushed_denormals() -> Iterator[None]:
    """Round denormal numbers to 0 inside the block: plans are full of them, and they make solvers far slower.

    It is a switch of the whole process, so it is put back.
    """
    kept = bool(torch.tensor(1e-310, dtype=torch.float64) * 1.0 != 0)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(not kept)


def _prompts(encoder: MultiVectorEncoder, columns: Sequence[str]) -> dict[str, str] | None:
    """What the model puts before the texts of each column, of which the trainer takes the first for queries."""
    tasks: list[Task] = ["query" if number == 0 else "document" for number in range(len(columns))]
    found = {name: prompt_of(encoder, task) for name, task in zip(columns, tasks, strict=True)}
    return found if any(found.values()) else None


def freeze(encoder: MultiVectorEncoder, *, train_word_embeddings: bool) -> None:
    """Train the transformer's layers; keep its embeddings unless asked; switch dropout off."""
    transformer: Any = encoder[0].auto_model
    transformer.requires_grad_(True)
    # Most have a module of embeddings and their normalisation; others, word embeddings alone.
    embeddings = getattr(transformer, "embeddings", None) or transformer.get_input_embeddings()
    embeddings.requires_grad_(train_word_embeddings)
    # On CPUs scaled-dot-product attention has a slow bfloat16 backward pass; the plain form halves a step's time.
    transformer.set_attn_implementation("eager")
    for module in encoder.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0


def _only(encoder: MultiVectorEncoder, weight: torch.nn.Parameter, rate: float) -> dict[str, float]:
    """A learning rate for one parameter, as the trainer wants it: by a pattern of its name."""
    (name,) = (name for name, value in encoder.named_parameters() if value is weight)
    return {rf"{re.escape(name)}$": rate}


def _claim(checkpoints: Path, inputs: dict[str, Any]) -> None:
    """Make the folder this run's own: checkpoints of other inputs are removed."""
    owner = checkpoints / "inputs.json"
    facts = {"hash": hash_json(inputs), "inputs": inputs, "weights": TRAINED}
    text = json.dumps(facts, indent=1, sort_keys=True)
    if owner.is_file() and owner.read_text(encoding="utf-8") == text:
        return
    shutil.rmtree(checkpoints, ignore_errors=True)
    with write_atomically(owner) as temporary:
        temporary.write_text(text, encoding="utf-8")


def newest_checkpoint(checkpoints: Path) -> Path | None:
    """The newest checkpoint whose state file, written last, can be read; unreadable newer ones are removed."""
    found = sorted(
        checkpoints.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]), reverse=True
    )
    for path in found:
        try:
            json.loads((path / "trainer_state.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            shutil.rmtree(path, ignore_errors=True)
            continue
        return path
    return None


def _silence(trainer: MultiVectorEncoderTrainer) -> None:
    """Our bar says it all: no printed log dictionaries beside it."""
    from transformers.trainer_callback import PrinterCallback

    trainer.remove_callback(PrinterCallback)
