"""``kivuko models trim``: a smaller copy of a model for the languages that are searched."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
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
) -> None:
    """Keep the pieces of the vocabulary that texts use: a fraction of the size, the same results on those texts.

    New words of the same scripts can still be written, in smaller pieces where theirs are gone.
    """
    from kivuko.artifact import check_replaceable
    from kivuko.cli.display import console
    from kivuko.data import DropReport
    from kivuko.data.stored_texts import cached_artefacts, stored_texts
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
    console.print(
        f"{output}: {report.pieces_kept:,} of {report.pieces_before:,} pieces, {report.pieces_used:,} of them used "
        f"by {report.texts:,} different texts; {report.bytes_after / 1e6:.0f} of {report.bytes_before / 1e6:.0f} MB "
        f"({report.bytes_after / report.bytes_before:.0%})",
        soft_wrap=True,
    )
    console.print(
        f"Counted text is cut as before ({report.tokens_kept:.0%} of {report.tokens:,} tokens), its vectors differ "
        f"by at most {report.vectors_difference:.0e}; records passed over: {dropped.reasons_text}.",
        soft_wrap=True,
    )
    if report.held_out_changed is not None:
        console.print(
            f"New text from the same sources: had every {HELD_OUT_EVERY}th text not been counted, "
            f"{report.held_out_changed:.2%} of its pieces would have changed.",
            soft_wrap=True,
        )
    if report.left_out:
        console.print(f"Left out: {', '.join(report.left_out)}", soft_wrap=True)
