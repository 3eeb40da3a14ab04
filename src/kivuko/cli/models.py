"""``kivuko models``: which encoders are known by name, and bringing one into the cache."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from kivuko.artifact import folder_bytes
from kivuko.cli import export, trim
from kivuko.models import CatalogueEntry, catalogue, get
from kivuko.models.convert import cached_folder, is_converted
from kivuko.models.hub import find_in_hub_cache

app = typer.Typer(help="Encoders: list the known ones, fetch one.", no_args_is_help=True)
app.command("export")(export.command)
app.command("trim")(trim.command)


@app.command("list")
def list_models() -> None:
    """Show the catalogue: licence, source, number of weights, and size in the cache if it is there."""
    table = Table()
    table.add_column("name", no_wrap=True)
    table.add_column("licence", no_wrap=True)
    table.add_column("source", no_wrap=True)
    table.add_column("weights", justify="right", no_wrap=True)
    table.add_column("in cache", justify="right", no_wrap=True)
    for entry in catalogue():
        cached = _cached_folder(entry)
        table.add_row(
            entry.name,
            entry.licence,
            "model hub" if entry.needs_hub else "Python index",
            f"{entry.parameters / 1e6:.0f} M",
            "no" if cached is None else f"{round(folder_bytes(cached) / 1e6)} MB",
        )
    console = Console()
    console.print(table)
    for entry in catalogue():
        console.print(
            f"[bold]{entry.name}[/] ({entry.hub_id}): {entry.role}. {entry.description}", highlight=False
        )
    console.print("A local folder or any hub id (organisation/name) can be given in place of a name.")


@app.command("get")
def get_model(name: str = typer.Argument(help="Catalogue name, local folder, or hub id.")) -> None:
    """Bring a model into the cache as an ordinary Hugging Face folder and print where it lies."""
    typer.echo(get(name))


def _cached_folder(entry: CatalogueEntry) -> Path | None:
    if entry.needs_hub:
        return find_in_hub_cache(entry.hub_id)
    return cached_folder(entry) if is_converted(entry) else None
