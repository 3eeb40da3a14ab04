"""``kivuko train recipe``: any regimes one after the other, on a person's own data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kivuko.cli.resources import BitextOption, LowestScoreOption
from kivuko.errors import InputError

if TYPE_CHECKING:
    from rich.progress import Progress

    from kivuko.collections.counts import DropReport
    from kivuko.languages import Language
    from kivuko.training.resources import Need
    from kivuko.training.stages import Stage


def command(
    stages: Annotated[list[str], typer.Argument(help="Regimes in order, such as: codeswitch optical.")],
    language: Annotated[str, typer.Option(help="Language to train for: om, orm, orm-Latn, Oromo …")],
    output: Annotated[Path, typer.Option(help="Model folder to write.")],
    bitext: BitextOption = None,
    lowest_score: LowestScoreOption = None,
    lexicon: Annotated[
        Path | None, typer.Option(help="Lexicon folder; induced from the pairs by default.")
    ] = None,
    text: Annotated[
        Path | None,
        typer.Option(
            help="Text in the language: a folder of .txt files, or JSON lines as mC4 and OSCAR have."
        ),
    ] = None,
    documents: Annotated[
        Path | None,
        typer.Option(
            help="English documents (TSV: id, title, text, or JSONL); public help pages by default."
        ),
    ] = None,
    mmarco: Annotated[Path | None, typer.Option(help="mMARCO's data folder, for translate-train.")] = None,
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
        Path | None, typer.Option(help="Model folder to start from; the English teacher by default.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of a stage: optical.steps=500.")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; all cores by default.")] = None,
) -> None:
    """Train with one or several regimes; `kivuko train list` shows them and what each needs."""
    from collections import Counter
    from itertools import islice

    import torch

    from kivuko.cli.display import bars, console, reading_bars
    from kivuko.cli.resources import chosen_pairs
    from kivuko.codeswitch import Lexicon, induce, invert
    from kivuko.collections.counts import DropReport
    from kivuko.languages import resolve
    from kivuko.readers.documents import read_documents
    from kivuko.readers.msmarco import read_msmarco_examples, read_pairs
    from kivuko.readers.running_text import read_monolingual
    from kivuko.text import words
    from kivuko.training.regimes import Models, find_regime
    from kivuko.training.resources import Need, Resources
    from kivuko.training.stages import check_recipe, make_stage, run_stages
    from kivuko.training.teacher import centring_texts, default_teacher, help_pairs

    spoken = resolve(language)
    if threads:
        torch.set_num_threads(threads)
    chosen = _settings_by_stage(settings or [], stages)
    recipe = [make_stage(find_regime(name), chosen.get(name, {}), where=f"--set {name}.…") for name in stages]
    needs = frozenset().union(*(stage.regime.needs for stage in recipe))
    missing = (Need.BITEXT in needs) or (Need.LEXICON in needs and not lexicon)
    pairs = chosen_pairs(bitext, spoken, lowest_score) if bitext or missing else []
    tables = {}
    if Need.LEXICON in needs:
        opened = Lexicon.open(lexicon) if lexicon else induce(pairs, spoken)
        counts = Counter(word for pair in pairs for word in words(pair.foreign))
        tables = {spoken: invert(opened, counts=counts or None)}
    monolingual: list[str] = []
    translated: list[tuple[str, ...]] = []
    english_pairs: list[tuple[str, ...]] = []
    report = DropReport()
    if text:
        monolingual = list(read_monolingual(text, spoken, report))
    if mmarco and Need.TRANSLATED in needs:
        with reading_bars() as progress:
            examples = _translated(mmarco, spoken, negatives, report, progress)
            # mMARCO has forty million; no more are drawn than there are steps for.
            translated = list(islice(examples, _most_drawn(recipe, Need.TRANSLATED)))
    if (negatives and not (msmarco or mmarco)) or (negatives_by and not (negatives and msmarco)):
        raise InputError(
            "there is nothing to take hard negatives from",
            where="--negatives",
            expected="--msmarco FOLDER or --mmarco FOLDER; --negatives-by goes with --negatives and --msmarco",
        )
    if msmarco:
        if Need.ENGLISH_PAIRS not in needs:
            raise InputError(
                "no stage of this recipe trains on English pairs",
                where=f"--msmarco {msmarco}",
                got=", ".join(stages),
                remedy="leave the option out, or choose a regime that needs them (`kivuko train list`)",
            )
        with reading_bars() as progress:
            judged: Iterator[tuple[str, ...]] = (
                read_msmarco_examples(
                    msmarco, negatives, report=report, systems=negatives_by or (), progress=progress
                )
                if negatives
                else read_pairs(msmarco, report=report, progress=progress)
            )
            english_pairs = list(islice(judged, _most_drawn(recipe, Need.ENGLISH_PAIRS)))
        if not english_pairs:
            raise InputError(
                "no pair of MS MARCO is left", where=msmarco, got=f"dropped: {report.reasons_text}"
            )
    if text or mmarco or msmarco:
        console.print(f"{report.kept:,} of {report.before:,} texts kept; dropped: {report.reasons_text}")
    found = read_documents(documents) if documents else []
    resources = Resources(
        english_pairs=english_pairs
        or [(each.title, each.full_text) for each in found if each.title and each.text]
        or (help_pairs() if Need.ENGLISH_PAIRS in needs else []),
        bitext={spoken: pairs} if pairs else {},
        tables=tables,
        monolingual={spoken: monolingual} if monolingual else {},
        translated={spoken: translated} if translated else {},
        documents=[each.full_text for each in found]
        or ([page for _, page in help_pairs(paragraphs=False)] if Need.DOCUMENTS in needs else []),
        english_texts=centring_texts() if Need.ENGLISH_TEXT in needs else (),
    )
    check_recipe(recipe, resources)
    with bars() as progress:
        first = start or default_teacher(progress)
        models = run_stages(recipe, Models(first, first), resources, output=output, progress=progress)
    console.print(f"Model for {spoken.name}: {output}", soft_wrap=True)
    console.print(
        f"Next:\n  kivuko index build DOCUMENTS.tsv --output indexes/mine --model {models.teacher}\n"
        f'  kivuko search indexes/mine "…" --model {output} --explain',
        soft_wrap=True,
    )


def _translated(
    folder: Path, language: Language, negatives: int, report: DropReport, progress: Progress
) -> Iterator[tuple[str, ...]]:
    """mMARCO's queries in the language with English passages; each with so many hard negatives."""
    from kivuko.readers.msmarco import read_triples, with_negatives, without_count

    if not negatives:
        triples = read_triples(folder, "en", query_language=language, report=report, progress=progress)
        return ((triple.query, triple.positive) for triple in triples)
    left_out = without_count(report)
    triples = read_triples(folder, "en", query_language=language, report=left_out, progress=progress)
    return with_negatives(triples, negatives, report)


def _most_drawn(recipe: Sequence[Stage], need: Need) -> int:
    """The most texts of a kind that one stage draws."""
    drawing = (stage.settings for stage in recipe if need in stage.regime.needs)
    return max(int(settings.steps * settings.batch_size) for settings in drawing)


def _settings_by_stage(given: list[str], stages: list[str]) -> dict[str, dict[str, str]]:
    """``optical.steps=500`` → {"optical": {"steps": "500"}}."""
    chosen: dict[str, dict[str, str]] = {}
    for setting in given:
        name, equals, value = setting.partition("=")
        stage, dot, key = name.partition(".")
        if not (equals and dot and key) or stage not in stages:
            raise InputError(
                "a setting cannot be used",
                where=f"--set {setting}",
                expected=f"STAGE.NAME=VALUE with a stage of {', '.join(stages)}",
            )
        chosen.setdefault(stage, {})[key] = value
    return chosen
