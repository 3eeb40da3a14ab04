"""``kivuko train``: students and teachers, on a person's own data or public ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kivuko.cli.display import JsonOption, ThreadsOption, set_threads
from kivuko.cli.resources import BitextOption, LowestScoreOption

if TYPE_CHECKING:
    from kivuko.training.stages import Stage

app = typer.Typer(help="Train models.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Train models."""


@app.command("list")
def list_regimes(as_json: JsonOption = False) -> None:
    """Show the training regimes and what each needs."""
    from kivuko.cli.display import print_json, print_table
    from kivuko.training.regimes import all_regimes

    regimes = [
        {
            "name": regime.name,
            "slot": regime.slot,
            "needs": sorted(need.value for need in regime.needs),
            "summary": regime.summary,
        }
        for regime in all_regimes()
    ]
    if as_json:
        print_json(regimes)
        return
    rows = [(each["name"], each["slot"], ", ".join(each["needs"]), each["summary"]) for each in regimes]
    print_table(["regime", "slot", "needs", "what it does"], rows)


@app.command("optical")
def optical(
    language: Annotated[str, typer.Option(help="Language of the queries: om, orm, orm-Latn, Oromo …")],
    output: Annotated[Path, typer.Option(help="Model folder to write.")],
    bitext: BitextOption = None,
    lowest_score: LowestScoreOption = None,
    teacher: Annotated[
        str | None,
        typer.Option(
            help="Teacher: folder, catalogue name or hub id; by default one that is trained on English help pages."
        ),
    ] = None,
    student: Annotated[
        str | None,
        typer.Option(
            help="What the student starts from, of any architecture, tokenizer and dimension; the teacher by default."
        ),
    ] = None,
    teacher_side: Annotated[
        str | None,
        typer.Option(help="What the teacher reads the English side as: document (by default) or query."),
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Optimiser steps.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=2, help="Pairs a step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak learning rate.")] = None,
    solver: Annotated[str | None, typer.Option(help="sinkhorn, ipot, exact, partial or unbalanced.")] = None,
    epsilon: Annotated[
        float | None, typer.Option(help="Sinkhorn's ε, relative to the spread of the cost.")
    ] = None,
    contrast: Annotated[
        float | None, typer.Option(min=0, help="Weight of the in-batch contrast; 0 for none.")
    ] = None,
    word_learning_rate: Annotated[
        float | None,
        typer.Option(min=0, help="Peak learning rate of the embeddings of the pairs' pieces; 0 keeps all."),
    ] = None,
    lexical_start: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="How far pieces start towards the English ones that they translate."),
    ] = None,
    interpolation: Annotated[
        float | None,
        typer.Option(
            max=1,
            help="How far the weights end from the start towards the trained ones; 0.5 for other domains.",
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Order of the pairs.")] = None,
    threads: ThreadsOption = None,
) -> None:
    """Distil the English teacher into a student of LANGUAGE by optimal transport (OPTICAL, arXiv 2301.12566).

    A killed run goes on where it was when the same command is given again.
    """
    from kivuko.cli.display import bars, say
    from kivuko.cli.resources import chosen_pairs
    from kivuko.languages import resolve

    spoken = resolve(language)
    from kivuko.models.encoder import folder_of, late_interaction_folder
    from kivuko.training.optical import OpticalSettings, train_optical
    from kivuko.training.teacher import default_teacher

    set_threads(threads)
    given = {
        "steps": steps,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "solver": solver,
        "epsilon": epsilon,
        "contrast_weight": contrast,
        "word_learning_rate": word_learning_rate,
        "lexical_start": lexical_start,
        "interpolation": interpolation,
        "seed": seed,
        "teacher_side": teacher_side,
    }
    settings = OpticalSettings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    if teacher is not None:
        late_interaction_folder(teacher)
    if student is not None:
        folder_of(student)
    pairs = chosen_pairs(bitext, spoken, lowest_score)
    with bars() as progress:
        train_optical(
            pairs,
            spoken,
            teacher or default_teacher(progress),
            output,
            student=student,
            settings=settings,
            progress=progress,
        )
    encoder = f" --model {teacher}" if teacher else ""
    say(f"Student for {spoken.name}: {output}")
    say(
        f"Next:\n  kivuko index build DOCUMENTS.tsv --output indexes/mine{encoder}\n"
        f'  kivuko search indexes/mine "…" --model {output} --explain'
    )


@app.command("teacher")
def teacher(
    documents: Annotated[Path, typer.Argument(help="English documents: TSV (id, title, text) or JSONL.")],
    output: Annotated[Path, typer.Option(help="Model folder to write.")],
    steps: Annotated[int | None, typer.Option(min=1, help="Optimiser steps; 160 by default.")] = None,
    dimension: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Numbers in a token vector, all 384 by default: with 128, indexes are a third as large.",
        ),
    ] = None,
    threads: ThreadsOption = None,
) -> None:
    """Train an English teacher to find your documents by titles and sentences of theirs, for students with --teacher.

    Each of them has a hard negative: another of your documents that BM25 ranks high for it.
    """
    from dataclasses import replace

    from kivuko.cli.display import bars, say
    from kivuko.readers.documents import read_documents
    from kivuko.training.teacher import (
        SETTINGS,
        centred_encoder,
        title_and_sentence_pairs,
        train_teacher,
        with_hard_negatives,
    )

    set_threads(threads)
    read = read_documents(documents)
    pairs = title_and_sentence_pairs(read)
    triples = with_hard_negatives(pairs)
    settings = replace(SETTINGS, steps=steps) if steps else SETTINGS
    with bars() as progress:
        start = centred_encoder(progress, dimension=dimension)
        train_teacher(start, triples, output, settings=settings, progress=progress)
    unused = len(read) - len({document for _, document in pairs})
    say(
        f"{output}: teacher trained on {len(pairs):,} titles and sentences of {len(read) - unused:,} documents; "
        f"{unused:,} without either were left out"
    )


@app.command("recipe")
def recipe(
    stages: Annotated[list[str], typer.Argument(help="Regimes in order, such as: codeswitch optical.")],
    language: Annotated[str, typer.Option(help="Language to train for: om, orm, orm-Latn, Oromo …")],
    output: Annotated[Path, typer.Option(help="Model folder to write.")],
    bitext: BitextOption = None,
    lowest_score: LowestScoreOption = None,
    lexicon: Annotated[
        Path | None,
        typer.Option(help="Lexicon folder, or its table (.tsv); induced from the pairs by default."),
    ] = None,
    text: Annotated[
        Path | None,
        typer.Option(
            help="Text in the language: a folder of .txt files, or JSON lines as mC4 and OSCAR have; public text by "
            "default."
        ),
    ] = None,
    linked: Annotated[
        Path | None,
        typer.Option(
            help="Linked documents that need not be parallel, a pair a line: text, tab, English text, or JSON lines "
            'of {"foreign": …, "english": …}; halves of public help pages by default.'
        ),
    ] = None,
    documents: Annotated[
        Path | None,
        typer.Option(
            help="English documents (TSV: id, title, text, or JSONL); public help pages by default."
        ),
    ] = None,
    mmarco: Annotated[
        Path | None,
        typer.Option(
            help="mMARCO's data folder, for translate-train; English pairs translated word by word by default."
        ),
    ] = None,
    msmarco: Annotated[
        Path | None,
        typer.Option(
            help="Folder with MS MARCO's qrels.train.tsv, queries.train.tsv and collection.tsv: English pairs from "
            "there instead of help pages or --documents."
        ),
    ] = None,
    negatives: Annotated[
        int,
        typer.Option(
            min=0,
            help="Hard negatives for each pair, from --msmarco's msmarco-hard-negatives.jsonl, "
            "qidpidtriples.train.full.2.tsv or triples.train.small.tsv, or from --mmarco's triples.",
        ),
    ] = 0,
    negatives_by: Annotated[
        list[str] | None,
        typer.Option(help="System whose negatives of msmarco-hard-negatives.jsonl are taken, such as bm25."),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            help="Model to start from: folder, catalogue name or hub id; the English teacher by default."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of a stage: optical.steps=500.")
    ] = None,
    threads: ThreadsOption = None,
) -> None:
    """Train with one or several regimes; `kivuko train list` shows them and what each needs."""
    from kivuko.cli.display import bars, reading_bars, say
    from kivuko.languages import resolve
    from kivuko.models.encoder import late_interaction_folder
    from kivuko.training.materials import Materials, most_drawn, needs_of
    from kivuko.training.regimes import Models
    from kivuko.training.sources import Draw, EnglishSources, Sources
    from kivuko.training.stages import check_recipe, run_stages
    from kivuko.training.teacher import default_teacher

    spoken = resolve(language)
    set_threads(threads)
    begun = None if start is None else late_interaction_folder(start)
    chosen = _stages(stages, settings or [])
    _check_marco(chosen, mmarco, msmarco, negatives, negatives_by)
    given = Sources(
        bitext=bitext,
        lowest_score=lowest_score,
        lexicon=lexicon,
        text=text,
        linked=linked,
        mmarco=mmarco,
        negatives=negatives if mmarco else 0,
    )
    english = EnglishSources(
        documents=documents,
        msmarco=msmarco,
        negatives=negatives if msmarco else 0,
        negatives_by=tuple(negatives_by or ()),
    )
    with reading_bars() as progress:
        materials = Materials(
            {spoken: given},
            english,
            say=say,
            progress=progress,
        )
        materials.check()
        resources = materials.resources(
            Draw((spoken,), given_lexicon=True), needs_of(chosen), most_drawn(chosen)
        )
    check_recipe(chosen, resources)
    with bars() as progress:
        first = begun or default_teacher(progress)
        models = run_stages(chosen, Models(first, first), resources, output=output, progress=progress)
    say(f"Model for {spoken.name}: {output}")
    say(
        f"Next:\n  kivuko index build DOCUMENTS.tsv --output indexes/mine --model {models.teacher}\n"
        f'  kivuko search indexes/mine "…" --model {output} --explain'
    )


def _stages(names: Sequence[str], settings: Sequence[str]) -> list[Stage]:
    """The recipe's stages, in an order that means something, with settings as ``optical.steps=500`` gives them."""
    from kivuko.errors import InputError
    from kivuko.training.regimes import find_regime
    from kivuko.training.stages import check_order, make_stage

    chosen: dict[str, dict[str, str]] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        stage, dot, key = name.partition(".")
        if not (equals and dot and key) or stage not in names:
            raise InputError(
                "a setting cannot be used",
                where=f"--set {setting}",
                expected=f"STAGE.NAME=VALUE with a stage of {', '.join(names)}",
            )
        chosen.setdefault(stage, {})[key] = value
    stages = [make_stage(find_regime(name), chosen.get(name, {}), where=f"--set {name}.…") for name in names]
    check_order(stages)
    return stages


def _check_marco(
    stages: Sequence[Stage],
    mmarco: Path | None,
    msmarco: Path | None,
    negatives: int,
    negatives_by: Sequence[str] | None,
) -> None:
    """Refuse options for MS MARCO and mMARCO that nothing would come of."""
    from kivuko.errors import InputError
    from kivuko.training.materials import needs_of
    from kivuko.training.resources import Need

    if (negatives and not (msmarco or mmarco)) or (negatives_by and not (negatives and msmarco)):
        raise InputError(
            "there is nothing to take hard negatives from",
            where="--negatives",
            expected="--msmarco FOLDER or --mmarco FOLDER; --negatives-by goes with --negatives and --msmarco",
        )
    if msmarco and Need.ENGLISH_PAIRS not in needs_of(stages):
        raise InputError(
            "no stage of this recipe trains on English pairs",
            where=f"--msmarco {msmarco}",
            got=", ".join(stage.regime.name for stage in stages),
            remedy="leave the option out, or choose a regime that needs them (`kivuko train list`)",
        )
