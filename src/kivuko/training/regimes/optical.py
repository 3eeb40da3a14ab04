"""OPTICAL: a multilingual student learns a frozen English teacher's token space from bitext alone."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

from datasets import Dataset
from rich.progress import Progress

from kivuko.artifact import cache_folder, check_replaceable, hash_json, is_complete, read_manifest
from kivuko.data import Pair
from kivuko.errors import InputError, UnknownNameError
from kivuko.languages import Language
from kivuko.models import late_interaction
from kivuko.training.fit import FitSettings, fit
from kivuko.training.optical import OpticalLoss
from kivuko.training.teacher_cache import teacher_cache
from kivuko.transport import Solver


@dataclass(frozen=True)
class OpticalSettings(FitSettings):
    """What to train with; the defaults were chosen on development pages (docs/results/development).

    Attributes:
        solver: transport solver, see :class:`kivuko.training.optical.OpticalLoss`.
        epsilon: Sinkhorn's entropy, relative to the spread of each pair's cost.
        contrast_weight: weight of the in-batch contrast beside the transport loss; 0 is OPTICAL as published.
        contrast_scale: inverse temperature in the contrast.
    """

    steps: int = 1000
    learning_rate: float = 3e-4
    solver: Solver = "exact"
    epsilon: float = 0.3
    contrast_weight: float = 0.5
    contrast_scale: float = 20.0

    def __post_init__(self) -> None:
        if self.solver not in get_args(Solver):
            raise UnknownNameError("transport solver", self.solver, get_args(Solver))
        if self.epsilon <= 0:
            raise InputError("epsilon is out of range", expected="a number above 0", got=self.epsilon)


def train_optical(
    pairs: Sequence[Pair],
    language: Language,
    teacher: Path,
    output: Path,
    *,
    settings: OpticalSettings | None = None,
    progress: Progress | None = None,
) -> Path:
    """Train a student for one language and write its model folder.

    The student starts as a copy of the teacher; for queries it replaces it, while documents stay as the teacher
    encoded them, so no index is rebuilt when a language is added.

    Args:
        pairs: translation pairs, English and the language.
        language: the language of the foreign sides.
        teacher: a late-interaction model folder of ours.
        output: the model folder to write; checkpoints lie in the cache until training ends.
        settings: see :class:`OpticalSettings`.
        progress: a rich display for the bars.

    Returns:
        ``output``, which is kept as it is when it was trained from the same inputs. Its manifest counts the pairs
        used, cut and dropped.

    Raises:
        InputError: too few pairs.
        ArtifactError: ``teacher`` is not one of ours, or ``output`` holds something else.
        StorageError: the disk is full; what was complete stays.

    Reference:
        Huang, Yu, Allan, WSDM 2023, arXiv 2301.12566.
    """
    settings = settings or OpticalSettings()
    teacher_hash = read_manifest(teacher, late_interaction.KIND).hash
    data_hash = hash_json([[pair.english, pair.foreign] for pair in pairs])
    inputs = {"regime": "optical", "teacher": teacher_hash, "pairs": data_hash, "settings": asdict(settings)}
    if is_complete(output) and read_manifest(output, late_interaction.KIND).meta.get("inputs") == hash_json(
        inputs
    ):
        return output
    check_replaceable(output, late_interaction.KIND)
    checkpoints = cache_folder() / "checkpoints" / hash_json(inputs)[:16]
    student = late_interaction.load(teacher)
    cache = teacher_cache(
        teacher, [pair.english for pair in pairs], max_length=settings.max_length, progress=progress
    )
    pieces = [len(ids) for ids in late_interaction.pieces_of(student, [pair.foreign for pair in pairs])]
    specials = student.tokenizer.num_special_tokens_to_add()
    usable = [i for i, length in enumerate(cache.lengths) if length > 0 and pieces[i] > specials]
    texts = sorted({pair.english for pair in pairs})
    number = {text: i for i, text in enumerate(texts)}
    loss = OpticalLoss(
        student,
        cache,
        solver=settings.solver,
        epsilon=settings.epsilon,
        contrast_weight=settings.contrast_weight,
        contrast_scale=settings.contrast_scale,
        english=[number[pair.english] for pair in pairs],
    )
    fit(
        student,
        Dataset.from_dict({"foreign": [pairs[i].foreign for i in usable], "label": usable}),
        loss,
        [min(pieces[i], settings.max_length) for i in usable],
        settings,
        checkpoints,
        inputs=inputs,
        progress=progress,
        label=f"OPTICAL, {language.name}",
    )
    meta = {
        "regime": "optical",
        "inputs": hash_json(inputs),
        "languages": [language.tag],
        "settings": asdict(settings),
        "pairs": len(usable),
        "pairs_without_content": len(pairs) - len(usable),
        "pairs_truncated": sum(pieces[i] > settings.max_length for i in usable),
    }
    late_interaction.save(
        student,
        output,
        space=late_interaction.space_of(teacher),
        parents={"teacher": teacher_hash, "pairs": data_hash},
        meta=meta,
    )
    shutil.rmtree(checkpoints, ignore_errors=True)
    return output
