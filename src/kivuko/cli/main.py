"""``kivuko``: all verbs in one application."""

from __future__ import annotations

import sys
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from kivuko import __version__
from kivuko.cli import (
    compare,
    data,
    demo,
    engine,
    evaluate,
    experiment,
    index,
    languages,
    lexicon,
    mcp,
    models,
    search,
    serve,
    train,
)
from kivuko.cli.display import plain_console
from kivuko.errors import Interrupted, KivukoError, names_missing_extra

_INTERRUPTED = 130
"""What a shell expects of a program that Ctrl-C ended."""


class _Commands(TyperGroup):
    """The verbs; Ctrl-C in any of them says what is kept and how to go on."""

    def invoke(self, ctx: Any) -> Any:
        """See ``click.Group.invoke``."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            _say(
                "interrupted: what was finished is kept; give the same command again, and it goes on from there",
                _INTERRUPTED,
            )


app = typer.Typer(
    cls=_Commands,
    help="Carries search from English to languages with almost no data.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(engine.app, name="engine")
app.command("search")(search.search)
app.command("rank")(search.rank)
app.command("serve")(serve.command)
app.command("mcp")(mcp.command)
app.command("demo")(demo.command)
app.add_typer(data.app, name="data")
app.add_typer(languages.app, name="languages")
app.add_typer(models.app, name="models")
app.add_typer(lexicon.app, name="lexicon")
app.add_typer(train.app, name="train")
app.add_typer(index.app, name="index")
app.command("evaluate")(evaluate.evaluate)
app.command("compare")(compare.command)
app.command("fairness")(evaluate.fairness)
app.add_typer(experiment.app, name="experiment")


@app.callback(invoke_without_command=True)
def _global_options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="With --version: what this machine is, and computes in.")
    ] = False,
) -> None:
    """Carries search from English to languages with almost no data."""
    if version:
        print(f"kivuko {__version__}")
        if verbose:
            _say_machine()
        raise typer.Exit
    if verbose:
        raise typer.BadParameter("goes with --version", param_hint="--verbose")
    if context.invoked_subcommand is None:
        context.fail("which command? 'kivuko --help' lists them")


def _say_machine() -> None:
    """What decides how fast things are here; measured now where it never was."""
    from kivuko.artifact import cache_folder
    from kivuko.evaluation.results import machine, package_versions

    facts = {**machine(), "cache": str(cache_folder()), **package_versions()}
    try:
        from kivuko.models.precision import described
    except ModuleNotFoundError:
        facts["precision"] = "nothing is multiplied here: there is no torch (pip install 'kivuko[train]')"
    else:
        facts["precision"] = described()
    for name, value in facts.items():
        print(f"{name.replace('_', ' ')}: {value}")


def run() -> None:
    """Run the command line; an error of ours is a message and exit code 2, not a traceback."""
    try:
        with names_missing_extra():
            app()
    except Interrupted as interrupted:
        _say(str(interrupted), _INTERRUPTED)
    except KivukoError as error:
        _say(f"error: {error}", 2)


def _say(message: str, code: int) -> NoReturn:
    plain_console(stderr=True).print(message, soft_wrap=True)
    sys.exit(code)
