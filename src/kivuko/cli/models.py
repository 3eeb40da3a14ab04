"""``kivuko models``: which encoders are known by name, bringing one into the cache, smaller copies of them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from kivuko.artifact import folder_bytes
from kivuko.cli.display import JsonOption, print_json, print_table, say
from kivuko.models import CatalogueEntry, catalogue, get
from kivuko.models.convert import cached_folder, is_converted
from kivuko.models.loading import find_in_hub_cache


def export_model(
    model: Annotated[Path, typer.Argument(help="Model folder: a student, or the teacher.")],
    output: Annotated[Path, typer.Option(help="Folder to write.")],
    precision: Annotated[
        Literal["fp32", "int8"],
        typer.Option(help="int8: a quarter of the size, vectors a little different; fp32: the same vectors."),
    ] = "int8",
    as_json: JsonOption = False,
) -> None:
    """Write a model that indexes and searches in ONNX Runtime, for processors without bfloat16.

    It cannot be trained. It shares the original's vector space, and is named as --model like any other.
    """
    from kivuko.models.onnx import export

    report = export(model, output, precision)
    if as_json:
        print_json({"model": output, **asdict(report)})
        return
    say(
        f"{output}: {report.bytes_after / 1e6:,.0f} of {report.bytes_before / 1e6:,.0f} MB; token vectors of some "
        f"texts have a cosine of {report.cosine_mean:.4f} on average to the original's, {report.cosine_min:.4f} "
        "at least"
    )
    if report.left_out:
        say(f"Left out: {', '.join(report.left_out)}")


def trim_model(
    model: Annotated[str, typer.Argument(help="Model folder, catalogue name, or hub id.")],
    output: Annotated[Path, typer.Option(help="Folder to write.")],
    text: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE_OR_COLLECTION",
            help="Text whose pieces are kept: a collection, bitext or imported text, or a file (.txt, .tsv, .jsonl). "
            "May be given several times.",
        ),
    ] = None,
    language: Annotated[
        list[str] | None,
        typer.Option(help="Count all that the cache has in this language too. May be given several times."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Keep the pieces of the vocabulary that texts use: a fraction of the size, the same results on those texts.

    New words of the same scripts can still be written, in smaller pieces where theirs are gone.
    """
    from kivuko.artifact import check_replaceable
    from kivuko.collections.counts import DropReport
    from kivuko.collections.stored_texts import cached_artefacts, stored_texts
    from kivuko.errors import InputError
    from kivuko.languages import resolve
    from kivuko.models import get
    from kivuko.models.convert import KIND
    from kivuko.models.trimming import HELD_OUT_EVERY, trim_vocabulary

    cached = [path for name in language or [] for path in cached_artefacts(resolve(name))]
    sources = [*(text or []), *cached]
    if not sources:
        raise InputError(
            "there is no text to count pieces on",
            expected="at least one --text or --language",
            remedy="give the documents to be searched and queries like those to come",
        )
    check_replaceable(output, KIND)
    folder = get(model)
    dropped = DropReport()
    texts = [found for source in sources for found in stored_texts(source, dropped)]
    report = trim_vocabulary(folder, output, texts)
    if as_json:
        print_json({"model": output, **asdict(report), "passed_over": dropped.as_json()})
        return
    say(
        f"{output}: {report.pieces_kept:,} of {report.pieces_before:,} pieces, {report.pieces_used:,} of them used "
        f"by {report.texts:,} different texts; {report.bytes_after / 1e6:.0f} of {report.bytes_before / 1e6:.0f} MB "
        f"({report.bytes_after / report.bytes_before:.0%})"
    )
    say(
        f"Counted text is cut as before ({report.tokens_kept:.0%} of {report.tokens:,} tokens), its vectors differ "
        f"by at most {report.vectors_difference:.0e}; records passed over: {dropped.reasons_text}."
    )
    if report.held_out_changed is not None:
        say(
            f"New text from the same sources: had every {HELD_OUT_EVERY}th text not been counted, "
            f"{report.held_out_changed:.2%} of its pieces would have changed."
        )
    if report.left_out:
        say(f"Left out: {', '.join(report.left_out)}")


app = typer.Typer(help="Encoders: list the known ones, fetch one.", no_args_is_help=True)
app.command("export")(export_model)
app.command("trim")(trim_model)


@app.command("list")
def list_models(as_json: JsonOption = False) -> None:
    """Show the catalogue: licence, source, number of weights, and size in the cache if it is there."""
    in_cache = {entry: _cached_bytes(entry) for entry in catalogue()}
    if as_json:
        print_json([{**asdict(entry), "bytes_in_cache": size} for entry, size in in_cache.items()])
        return
    rows = [
        (
            entry.name,
            entry.licence,
            "model hub" if entry.needs_hub else "Python index",
            f"{entry.parameters / 1e6:.0f} M",
            "no" if size is None else f"{round(size / 1e6)} MB",
        )
        for entry, size in in_cache.items()
    ]
    print_table(["name", "licence", "source", "weights", "in cache"], rows)
    for entry in in_cache:
        say(f"{entry.name} ({entry.hub_id}): {entry.role}. {entry.description}")
    say("A local folder or any hub id (organisation/name) can be given in place of a name.")


@app.command("get")
def get_model(name: str = typer.Argument(help="Catalogue name, local folder, or hub id.")) -> None:
    """Bring a model into the cache as an ordinary Hugging Face folder and print where it lies."""
    typer.echo(get(name))


def _cached_bytes(entry: CatalogueEntry) -> int | None:
    if entry.needs_hub:
        cached = find_in_hub_cache(entry.hub_id)
    else:
        cached = cached_folder(entry) if is_converted(entry) else None
    return None if cached is None else folder_bytes(cached)
