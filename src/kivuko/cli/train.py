"""``kivuko train``: a student for a language, from translation pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kivuko.cli.display import JsonOption
from kivuko.cli.resources import BitextOption, LowestScoreOption

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
        Path | None,
        typer.Option(help="Teacher's model folder; by default one that is trained on English help pages."),
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Optimiser steps.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=2, help="Pairs a step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak learning rate.")] = None,
    solver: Annotated[str | None, typer.Option(help="sinkhorn, ipot or exact.")] = None,
    epsilon: Annotated[
        float | None, typer.Option(help="Sinkhorn's ε, relative to the spread of the cost.")
    ] = None,
    contrast: Annotated[
        float | None, typer.Option(min=0, help="Weight of the in-batch contrast; 0 for none.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Order of the pairs.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; all cores by default.")] = None,
) -> None:
    """Distil the English teacher into a student of LANGUAGE by optimal transport (OPTICAL, arXiv 2301.12566).

    A killed run goes on where it was when the same command is given again.
    """
    from kivuko.cli.display import bars, console
    from kivuko.cli.resources import chosen_pairs
    from kivuko.languages import resolve

    spoken = resolve(language)
    import torch

    from kivuko.training.optical import OpticalSettings, train_optical
    from kivuko.training.teacher import default_teacher

    if threads:
        torch.set_num_threads(threads)
    given = {
        "steps": steps,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "solver": solver,
        "epsilon": epsilon,
        "contrast_weight": contrast,
        "seed": seed,
    }
    settings = OpticalSettings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    pairs = chosen_pairs(bitext, spoken, lowest_score)
    with bars() as progress:
        train_optical(
            pairs, spoken, teacher or default_teacher(progress), output, settings=settings, progress=progress
        )
    encoder = f" --model {teacher}" if teacher else ""
    console.print(f"Student for {spoken.name}: {output}", soft_wrap=True)
    console.print(
        f"Next:\n  kivuko index build DOCUMENTS.tsv --output indexes/mine{encoder}\n"
        f'  kivuko search indexes/mine "…" --model {output} --explain',
        soft_wrap=True,
    )


@app.command("teacher")
def teacher(
    documents: Annotated[Path, typer.Argument(help="English documents: TSV (id, title, text) or JSONL.")],
    output: Annotated[Path, typer.Option(help="Model folder to write.")],
    steps: Annotated[int | None, typer.Option(min=1, help="Optimiser steps; 160 by default.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; all cores by default.")] = None,
) -> None:
    """Train an English teacher to find your documents by titles and sentences of theirs, for students with --teacher.

    Each of them has a hard negative: another of your documents that BM25 ranks high for it.
    """
    from dataclasses import replace

    import torch

    from kivuko.cli.display import bars, console
    from kivuko.readers.documents import read_documents
    from kivuko.training.teacher import (
        SETTINGS,
        centred_encoder,
        title_and_sentence_pairs,
        train_teacher,
        with_hard_negatives,
    )

    if threads:
        torch.set_num_threads(threads)
    read = read_documents(documents)
    pairs = title_and_sentence_pairs(read)
    triples = with_hard_negatives(pairs)
    settings = replace(SETTINGS, steps=steps) if steps else SETTINGS
    with bars() as progress:
        train_teacher(centred_encoder(progress), triples, output, settings=settings, progress=progress)
    unused = len(read) - len({document for _, document in pairs})
    console.print(
        f"{output}: teacher trained on {len(pairs):,} titles and sentences of {len(read) - unused:,} documents; "
        f"{unused:,} without either were left out",
        soft_wrap=True,
    )
