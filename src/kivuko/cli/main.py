"""``kivuko``: all verbs in one application."""

from __future__ import annotations

import os
import sys

import typer
from rich.console import Console
from rich.text import Text

from kivuko.cli import (
    compare,
    data,
    demo,
    evaluate,
    experiment,
    fairness,
    index,
    languages,
    lexicon,
    models,
    rank,
    recipe,
    search,
    train,
)
from kivuko.errors import KivukoError, names_missing_extra

app = typer.Typer(
    help="Carries search from English to languages with almost no data.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.command)
app.add_typer(data.app, name="data")
app.add_typer(languages.app, name="languages")
app.add_typer(models.app, name="models")
app.add_typer(lexicon.app, name="lexicon")
app.add_typer(train.app, name="train")
train.app.command("recipe")(recipe.command)
app.add_typer(index.app, name="index")
app.command("search")(search.command)
app.command("rank")(rank.command)
app.command("evaluate")(evaluate.command)
app.command("compare")(compare.command)
app.command("fairness")(fairness.command)
app.add_typer(experiment.app, name="experiment")


def run() -> None:
    """Run the command line; an error of ours is a message and exit code 2, not a traceback."""
    # Read by OpenMP when torch is loaded: threads that spin while they wait for one that a busy machine does not
    # schedule make two threads a hundred times slower than one.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        with names_missing_extra():
            app()
    except KivukoError as error:
        Console(stderr=True).print(Text(f"error: {error}"), soft_wrap=True)
        sys.exit(2)
