"""Run regimes one after the other: each stage starts from the models that the one before it left.

A stage's model lies in the cache under the hash of all that determined it, so recipes that begin alike train their
common beginning once, a repeated recipe does nothing, and two processes that need the same stage train it once.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from rich.progress import Progress

from kivuko.artifact import (
    cache_folder,
    check_replaceable,
    exclusive,
    hash_json,
    is_complete,
    read_manifest,
    write_atomically,
)
from kivuko.errors import InputError, Interrupted
from kivuko.models import late_interaction
from kivuko.models.identity import model_hash
from kivuko.training import ranks
from kivuko.training.fit import Job, newest_checkpoint
from kivuko.training.regimes import Models, Regime, Slot, Trained, without_later_defaults
from kivuko.training.resources import Resources

ORDER = (Slot.ADAPT, Slot.SUPERVISE, Slot.ALIGN)


@dataclass(frozen=True)
class Stage:
    """A regime with its settings."""

    regime: Regime
    settings: Any


@dataclass(frozen=True)
class Cost:
    """What a recipe's training took; of stages that were already there, what it took then.

    Attributes:
        tokens: pieces trained on, both sides.
        steps: optimiser steps.
        cpu_minutes: processor time, all threads.
        minutes: wall-clock time.
    """

    tokens: int = 0
    steps: int = 0
    cpu_minutes: float = 0.0
    minutes: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.tokens + other.tokens,
            self.steps + other.steps,
            self.cpu_minutes + other.cpu_minutes,
            self.minutes + other.minutes,
        )


#: Regime → what it called "maxsim" before sums and means had names of their own; "sum-maxsim" for all others.
_CALLED_MAXSIM = {"bitext-contrastive": "mean-maxsim"}


def hashed_settings(stage: Stage) -> dict[str, Any]:
    """A stage's settings as hashes have them: spelled as they first were, so that what was made then counts."""
    values = without_later_defaults(asdict(stage.settings))
    if values.get("similarity") == _CALLED_MAXSIM.get(stage.regime.name, "sum-maxsim"):
        values["similarity"] = "maxsim"
    return values


def make_stage(regime: Regime, values: Mapping[str, Any], *, where: object = None) -> Stage:
    """A stage from plain values, as a configuration file or the command line gives them.

    Args:
        regime: what to do.
        values: names of its settings → numbers, words or their spelling; those not named keep their defaults.
        where: what the message points at.

    Raises:
        InputError: a setting that the regime does not have, or a value that does not fit; all problems at once.
    """
    known = [setting.name for setting in fields(regime.settings)]
    problems = [f"{name}: no such setting" for name in values if name not in known]
    settings = None
    try:
        own = {name: value for name, value in values.items() if name in known}
        settings = TypeAdapter(regime.settings).validate_python(own)
    except ValidationError as error:
        problems += [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
    if problems:
        raise InputError(
            f"these settings of {regime.name!r} do not make sense",
            where=where,
            expected=", ".join(known),
            got="; ".join(problems),
        )
    return Stage(regime, settings)


def check_order(stages: Sequence[Stage]) -> None:
    """Refuse stages in an order that cannot mean anything: adapt, then supervise, then align.

    Raises:
        InputError: a stage stands after one of a later slot.
    """
    places = [ORDER.index(stage.regime.slot) for stage in stages]
    if places != sorted(places):
        raise InputError(
            "these stages stand in the wrong order",
            expected="adapt, then supervise, then align",
            got=", ".join(f"{stage.regime.name} ({stage.regime.slot})" for stage in stages),
        )


def check_recipe(stages: Sequence[Stage], resources: Resources) -> None:
    """Refuse, before anything is trained, stages in a wrong order or without their data.

    Raises:
        InputError: see :func:`check_order` and ``Resources.require``.
    """
    check_order(stages)
    for stage in stages:
        resources.require(stage.regime.needs, stage.regime.name)


def run_stages(
    stages: Sequence[Stage],
    start: Models,
    resources: Resources,
    *,
    output: Path | None = None,
    progress: Progress | None = None,
) -> Models:
    """Train all stages in order; the last one's model goes to ``output``. See :func:`run_stage`.

    What any of them lacks is told before the first one trains.
    """
    check_recipe(stages, resources)
    if output is not None:
        check_replaceable(output, late_interaction.KIND)
    models = start
    for number, stage in enumerate(stages, start=1):
        last = output if number == len(stages) else None
        models = run_stage(stage.regime, stage.settings, models, resources, output=last, progress=progress)
    return models


def run_stage(
    regime: Regime,
    settings: Any,
    start: Models,
    resources: Resources,
    *,
    output: Path | None = None,
    progress: Progress | None = None,
    label: str | None = None,
) -> Models:
    """Train one stage, unless it was trained before from the same inputs.

    Args:
        regime: what to do.
        settings: an instance of ``regime.settings``.
        start: the models to start from.
        resources: training data; what the regime needs must be among it.
        output: the model folder to write; one in the cache, named by its inputs, by default.
        progress: a rich display for the bars.
        label: what the bar says; the regime's name by default.

    Returns:
        The new student. After ``align`` documents stay with ``start.teacher``; else the new model encodes both.

    Raises:
        InputError: training data is missing or too little.
        ArtifactError: a start model is damaged, or ``output`` holds something else.
        StorageError: the disk is full; what was complete stays.
        Interrupted: Ctrl-C; the same call goes on from the newest checkpoint.
    """
    resources.require(regime.needs, regime.name)
    parents = {
        "start": model_hash(start.student),
        "teacher": model_hash(start.teacher),
        **resources.digest(regime.needs),
    }
    inputs = {"regime": regime.name, "settings": hashed_settings(Stage(regime, settings)), **parents}
    path = output or stage_folder(inputs)
    # Of several processes that train together the first holds the lock, decides and writes.
    with exclusive(stage_folder(inputs)) if ranks.is_first() else nullcontext():
        if not ranks.agreed(_is_made_from(inputs, path)):
            check_replaceable(path, late_interaction.KIND)
            checkpoints = cache_folder() / "checkpoints" / hash_json(inputs)[:16]
            job = Job(checkpoints, inputs, label or regime.name, progress)
            trained = _train(Stage(regime, settings), start, resources, job)
            meta = {
                "regime": regime.name,
                "inputs": hash_json(inputs),
                "settings": asdict(settings),
                **trained.facts,
            }
            space = late_interaction.space_of(start.teacher) if regime.slot == Slot.ALIGN else None
            if ranks.is_first():
                late_interaction.save(trained.encoder, path, space=space, parents=parents, meta=meta)
                shutil.rmtree(checkpoints, ignore_errors=True)
            ranks.agreed("written")
    return Models(path, start.teacher if regime.slot == Slot.ALIGN else path)


def stage_folder(inputs: dict[str, Any]) -> Path:
    """Where the cache keeps the model with these inputs."""
    return cache_folder() / "stages" / hash_json(inputs)[:16]


def cost_of(model: Path) -> Cost:
    """What training a stage's model took; nothing is known, and 0 said, of a model that was trained elsewhere."""
    file = _cost_file(str(read_manifest(model, late_interaction.KIND).meta.get("inputs")))
    return Cost(**json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else Cost()


def _is_made_from(inputs: dict[str, Any], path: Path) -> bool:
    if not is_complete(path):
        return False
    return read_manifest(path, late_interaction.KIND).meta.get("inputs") == hash_json(inputs)


def _train(stage: Stage, start: Models, resources: Resources, job: Job) -> Trained:
    """Train, and write down what it took."""
    cpu, wall = time.process_time(), time.monotonic()
    try:
        trained = stage.regime.train(start, resources, stage.settings, job)
    except KeyboardInterrupt as error:
        raise _interrupted(job) from error
    cost = Cost(
        job.tokens,
        getattr(stage.settings, "steps", 0),
        round((time.process_time() - cpu) / 60, 2),
        round((time.monotonic() - wall) / 60, 2),
    )
    if not ranks.is_first():
        return trained
    # Times differ from run to run and the model's hash must not, so they are kept apart.
    with write_atomically(_cost_file(hash_json(job.inputs))) as temporary:
        temporary.write_text(json.dumps(asdict(cost)), encoding="utf-8")
    return trained


def _interrupted(job: Job) -> Interrupted:
    newest = newest_checkpoint(job.checkpoints)
    kept = f"all steps up to {newest.name.partition('-')[2]} are kept" if newest else "no step is kept yet"
    return Interrupted(
        f"training was interrupted; {kept}",
        where=job.label,
        remedy="give the same command again: it goes on from there, and what was finished before is not done again",
    )


def _cost_file(inputs: str) -> Path:
    return cache_folder() / "stages" / f"{inputs[:16]}.cost.json"
