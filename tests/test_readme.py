"""The README's commands exist with the options it shows, and its Python names are public."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

import kivuko
from kivuko.cli.main import app

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
COMMANDS = sorted({line.split("#")[0].strip() for line in README.splitlines() if line.startswith("kivuko ")})


def test_readme_shows_the_main_commands() -> None:
    assert len(COMMANDS) >= 6
    for command in ("make demo", "make test"):
        assert command in README


@pytest.mark.parametrize("line", COMMANDS)
def test_readme_command_parses(line: str) -> None:
    command, (_, *rest) = typer.main.get_command(app), shlex.split(line)
    while subcommands := getattr(command, "commands", None):
        name, *rest = rest
        command = subcommands[name]
    assert command.make_context(name, rest).params


def test_readme_python_names_are_public() -> None:
    for block in re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL):
        compile(block, "README.md", "exec")
        for name in re.findall(r"kivuko\.(\w+)", block):
            assert hasattr(kivuko, name)
