"""``kivuko models``: the known ones, fetching one, making a checkpoint ours, smaller copies, models between two."""

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


def add_model(
    model: Annotated[str, typer.Argument(help="Model folder, catalogue name, or hub id.")],
    output: Annotated[Path, typer.Option(help="Folder to write.")],
    assemble: Annotated[
        bool,
        typer.Option(
            "--assemble",
            help="Make token vectors of a model that gives one vector a text: those of content tokens, centred.",
        ),
    ] = False,
    projection: Annotated[
        str | None,
        typer.Option(
            help="With --assemble: Dense module of the model to put token vectors through: 2_Dense."
        ),
    ] = None,
    centre: Annotated[
        bool, typer.Option(help="With --assemble: subtract the mean token vector of English text.")
    ] = True,
    text: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE_OR_COLLECTION",
            help="With --assemble: English text to centre on (.txt, .tsv, .jsonl, a collection); public help pages "
            "by default. May be given several times.",
        ),
    ] = None,
    adapter: Annotated[
        str | None,
        typer.Option(help="Of an X-MOD encoder: language whose adapter reads texts, such as sw_KE."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a checkpoint one of Kivuko's models: saved in sentence-transformers' layout, the same vectors, a manifest.

    Any late-interaction checkpoint: of sentence-transformers, of PyLate, Stanford's ColBERT, BGE-M3. No code of a
    checkpoint is run. A model that gives one vector a text is refused without --assemble.
    """
    from kivuko.collections.counts import DropReport
    from kivuko.collections.stored_texts import stored_texts
    from kivuko.errors import InputError
    from kivuko.models import adding
    from kivuko.training.teacher import centring_texts

    if not assemble and (projection or text or not centre):
        raise InputError(
            "a late-interaction model keeps the token vectors that it has",
            where="--projection, --text and --no-centre",
            expected="--assemble with any of them",
        )
    if text and not centre:
        raise InputError("there is nothing to centre on text", where="--no-centre", remedy="leave out --text")
    folder = get(model)
    assembly = None
    if assemble:
        texts: list[str] = []
        if text:
            texts = [found for source in text for found in stored_texts(source, DropReport())]
        elif centre:
            texts = centring_texts()
        assembly = adding.Assembly(texts, projection)
    name = None if Path(model).is_dir() else model
    report = adding.add_model(folder, output, name=name, assembly=assembly, adapter=adapter)
    if as_json:
        print_json({"model": output, **asdict(report)})
        return
    say(
        f"{output}: {report.layout}, {report.dimension} numbers a token, reads {report.query_length} pieces of a "
        f"query and {report.document_length} of a document; its vectors differ from the original's by at most "
        f"{report.difference:.0e}"
    )
    say(f"Next:\n  kivuko index build DOCUMENTS.tsv --output indexes/mine --model {output}")


def export_model(
    model: Annotated[str, typer.Argument(help="Model folder (a student, or the teacher), or hub id.")],
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
    from kivuko.models.encoder import folder_of
    from kivuko.models.onnx import export

    report = export(folder_of(model), output, precision)
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


def interpolate_models(
    start: Annotated[
        str, typer.Argument(help="What the student was started from: for most, its teacher. Folder or name.")
    ],
    student: Annotated[str, typer.Argument(help="The trained student: folder, catalogue name or hub id.")],
    output: Annotated[Path, typer.Option(help="Folder to write.")],
    share: Annotated[
        float, typer.Option(min=0.01, max=1, help="How far from START towards STUDENT the weights are.")
    ] = 0.5,
) -> None:
    """Write a model between a student and what it was started from: better on text unlike the student's pairs."""
    from kivuko.models.encoder import folder_of
    from kivuko.training.interpolation import interpolated

    interpolated(folder_of(start), folder_of(student), output, share)
    say(f"{output}: {share:.0%} of the way from {start} to {student}")
    say(f'Next:\n  kivuko search INDEX "…" --model {output} --explain')


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


app = typer.Typer(
    help="Models: list the known ones, fetch one, make a checkpoint Kivuko's.", no_args_is_help=True
)
app.command("add")(add_model)
app.command("export")(export_model)
app.command("interpolate")(interpolate_models)
app.command("trim")(trim_model)


@app.command("list")
def list_models(as_json: JsonOption = False) -> None:
    """Show the catalogue: licence, source, weights, numbers a vector, and size in the cache if it is there."""
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
            str(entry.dimension),
            "yes" if entry.tried else "no",
            "no" if size is None else f"{round(size / 1e6)} MB",
        )
        for entry, size in in_cache.items()
    ]
    print_table(["name", "licence", "source", "weights", "dimension", "tried here", "in cache"], rows)
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
