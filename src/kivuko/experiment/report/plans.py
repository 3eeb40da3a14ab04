"""Transport plans of real sentence pairs: which English token each foreign token was moved to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from kivuko import transport
from kivuko.artifact import cache_folder, is_complete, read_manifest
from kivuko.experiment.report.cells import Measurements, Row, Values
from kivuko.experiment.report.drawing import INK, Chart, rendered
from kivuko.experiment.test_bed import TestBed
from kivuko.models import encoding, late_interaction
from kivuko.models.reading import ReadText
from kivuko.models.token_vectors import TokenEncoder

#: Pairs of fewer tokens show little, of more cannot be read.
FEWEST, MOST = 4, 10


@dataclass(frozen=True)
class Plan:
    """A pair of texts with the plan that a student and its teacher give them.

    Attributes:
        language: tag of the foreign side.
        foreign: pieces of the foreign side.
        english: pieces of the English side.
        plan: [foreign pieces, English pieces], mass moved; sums to 1.
        cost: the transport cost, 0 to 2.
    """

    language: str
    foreign: tuple[str, ...]
    english: tuple[str, ...]
    plan: Values
    cost: float


def students(cells: Measurements) -> dict[str, tuple[Path, Path]]:
    """Language tag → a student of transport and its teacher, where this machine's cache still has both.

    Few students are kept once they are scored: those of lines that say ``keep``.
    """
    found: dict[str, tuple[Path, Path]] = {}
    for student, teacher, learned in own_students(cells):
        for language in learned:
            found.setdefault(language, (student, teacher))
    return found


def own_students(cells: Measurements) -> list[tuple[Path, Path, Sequence[str]]]:
    """Each student of transport that is left of an experiment, its teacher, and the languages it learned."""
    return [
        kept
        for variant in cells.variants()
        for cell in cells.cells_of(variant)
        for stage in cell["facts"].values()
        if isinstance(stage, dict) and stage.get("regime") == "optical"
        for kept in _with_teacher(cache_folder() / "stages" / stage["inputs"][:16], list(stage["pairs"]))
    ]


def _with_teacher(student: Path, learned: Sequence[str]) -> list[tuple[Path, Path, Sequence[str]]]:
    """One student with its teacher, or nothing where either is not there."""
    teacher = _model(late_interaction.space_of(student)) if is_complete(student) else None
    return [] if teacher is None else [(student, teacher, learned)]


def _model(hash_: str) -> Path | None:
    """The model folder in the cache whose content has this hash."""
    folders = [path for room in ("stages", "teachers") for path in (cache_folder() / room).glob("*")]
    complete = [path for path in sorted(folders) if is_complete(path)]
    return next((p for p in complete if read_manifest(p, late_interaction.KIND).hash == hash_), None)


def plans(models: Mapping[str, tuple[Path, Path]], bed: TestBed, collection: str) -> list[Plan]:
    """The exact plan of one development title in each language: the longest that can still be read.

    Args:
        models: language tag → the student, which reads the foreign side, and the teacher, which reads the English.
        bed: where the titles come from.
        collection: the one whose titles are taken.
    """
    asked = [t for t in bed.topics if t.collection == collection and t.language.tag in models]
    found = []
    for topics in asked:
        readers = [encoding.open_encoder(folder) for folder in models[topics.language.tag]]
        pairs = [
            (text, topics.english["development"][name])
            for name, text in topics.queries["development"].items()
            if name in topics.english["development"]
        ]
        plan = _longest(topics.language.tag, readers, pairs)
        if plan is not None:
            found.append(plan)
    return found


def _longest(language: str, readers: Sequence[TokenEncoder], pairs: Sequence[tuple[str, str]]) -> Plan | None:
    """The plan of the longest pair whose sides have between FEWEST and MOST tokens; None without one."""
    best: list[ReadText] | None = None
    for pair in pairs:
        sides = [encoding.read(reader, text, "query") for reader, text in zip(readers, pair, strict=True)]
        length = sum(len(side.tokens) for side in sides)
        longer = best is None or length > sum(len(side.tokens) for side in best)
        if longer and all(FEWEST <= len(side.tokens) <= MOST for side in sides):
            best = sides
    if best is None:
        return None
    vectors = [torch.from_numpy(side.vectors.astype(np.float32))[None] for side in best]
    foreign, english = (tuple(token.piece for token in side.tokens) for side in best)
    cost = transport.cosine_cost(*vectors)
    everything = [torch.ones(side.shape[:2], dtype=torch.bool) for side in vectors]
    solved = transport.solve(cost, *map(transport.uniform_marginal, everything), solver="exact")
    return Plan(language, foreign, english, solved.plan[0].double().numpy(), float(solved.cost[0]))


def plan_chart(plan: Plan, fonts: Sequence[str]) -> Chart:
    """A plan as a picture: foreign pieces down, English pieces across, darker where more mass was moved.

    Args:
        plan: what to draw.
        fonts: families for the pieces, as matplotlib knows them.
    """
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

    rows, columns = plan.plan.shape
    figure = Figure(figsize=(1.3 + 0.4 * columns, 0.9 + 0.4 * rows), layout="constrained")
    axes = figure.add_subplot()
    axes.set_facecolor("none")
    shades = LinearSegmentedColormap.from_list("mass", ["#f4f4f1", "#0072B2"])
    axes.pcolormesh(plan.plan[::-1], cmap=shades, edgecolors="white", linewidth=1, vmin=0)
    axes.set_xticks(
        np.arange(columns) + 0.5, plan.english, rotation=45, ha="left", color=INK, fontfamily=fonts
    )
    axes.set_yticks(np.arange(rows) + 0.5, plan.foreign[::-1], color=INK, fontfamily=fonts)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_aspect("equal")
    name = f"plan-{plan.language}"
    svg, png = rendered(figure, name)
    moved: list[Row] = [
        {"foreign": plan.foreign[i], "English": plan.english[j], "mass": round(float(plan.plan[i, j]), 4)}
        for i, j in np.argwhere(plan.plan > 1e-9)
    ]
    caption = f"Transport cost {plan.cost:.2f} (0: all tokens meet, 1: none is alike)."
    return Chart(name, plan.language, caption, svg, png, moved)
