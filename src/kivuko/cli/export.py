"""``kivuko models export``: a model for ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def command(
    model: Annotated[Path, typer.Argument(help="Model folder: a student, or the teacher.")],
    output: Annotated[Path, typer.Option(help="Folder to write.")],
    precision: Annotated[
        Literal["fp32", "int8"],
        typer.Option(help="int8: a quarter of the size, vectors a little different; fp32: the same vectors."),
    ] = "int8",
) -> None:
    """Write a model that indexes and searches in ONNX Runtime, for processors without bfloat16.

    It cannot be trained. It shares the original's vector space, and is named as --model like any other.
    """
    from kivuko.cli.display import console
    from kivuko.models.onnx_export import export

    report = export(model, output, precision)
    console.print(
        f"{output}: {report.bytes_after / 1e6:,.0f} of {report.bytes_before / 1e6:,.0f} MB; token vectors of some "
        f"texts have a cosine of {report.cosine_mean:.4f} on average to the original's, {report.cosine_min:.4f} "
        "at least",
        soft_wrap=True,
    )
    if report.left_out:
        console.print(f"Left out: {', '.join(report.left_out)}", soft_wrap=True)
