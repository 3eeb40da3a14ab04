"""``kivuko mcp``: an engine for assistants, over standard input and output."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kivuko.cli.display import ThreadsOption, set_threads


def command(
    engine: Annotated[Path, typer.Argument(help="Engine folder.")], threads: ThreadsOption = None
) -> None:
    """Let an assistant search an engine in any of its languages (Model Context Protocol, over stdin and stdout)."""
    import logging

    from kivuko.mcp import serve

    set_threads(threads)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)  # to stderr
    serve(engine)
