"""``import kivuko``: the names that are public, what a type checker sees of them, and how long it takes to say so."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import kivuko

SOURCE = Path(kivuko.__file__)
ROOT = Path(__file__).parents[1]


def type_checked() -> dict[str, tuple[str, str]]:
    """Public name → module and name there, from the imports under ``TYPE_CHECKING``."""
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    return {
        alias.asname or alias.name: (str(node.module), alias.name)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_what_a_type_checker_sees_is_what_is_loaded() -> None:
    loaded = {
        name: (home.partition(":")[0], home.partition(":")[2] or name) for name, home in kivuko._HOMES.items()
    }
    assert type_checked() == loaded
    assert sorted([*loaded, "__version__"]) == sorted(kivuko.__all__) == sorted(dir(kivuko))


def test_every_public_name_is_there_and_documented() -> None:
    for name in kivuko._HOMES:
        assert getattr(kivuko, name).__doc__, name


def test_a_type_checker_knows_them(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import kivuko\n"
        'engine = kivuko.Engine.open("my-engine")\n'
        'reveal_type(engine.search("faayilii banuu", language="om")[0].score)\n'
        'kivuko.Engine.open("my-engine").serach("typo")\n',
        encoding="utf-8",
    )
    # With the settings and the cache of `make lint`, so that it takes seconds.
    command = [sys.executable, "-m", "mypy", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert 'Revealed type is "float"' in done.stdout, done.stdout + done.stderr
    assert '"Engine" has no attribute "serach"' in done.stdout


def test_importing_loads_nothing_heavy() -> None:
    heavy = "{'torch', 'numpy', 'transformers', 'pydantic', 'rich'}"
    code = f"import sys, kivuko; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_module_for_another_library_says_which_extra_it_needs() -> None:
    program = """
import importlib, sys
from kivuko.errors import MissingExtraError

sys.modules["fastapi"] = sys.modules["prometheus_client"] = None  # of [serve], which [mcp] does without
importlib.import_module("kivuko.mcp")
del sys.modules["kivuko.mcp"]
for name in [name for name in sys.modules if name.partition(".")[0] == "mcp"]:
    del sys.modules[name]

packages = {"pyterrier": "pyterrier", "mteb": "mteb", "langchain": "langchain_core", "mcp": "mcp"}
for name, package in {**packages, "llama_index": "llama_index"}.items():
    sys.modules[package] = None  # as if it were not installed
    try:
        importlib.import_module(f"kivuko.{name}")
    except MissingExtraError as error:
        assert f"pip install 'kivuko[{name.replace('_', '-')}]'" in str(error), error
    else:
        raise AssertionError(name)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
