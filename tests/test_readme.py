"""README and docs do as they say: their blocks run, their commands parse, the names they use are public.

A page's blocks run from top to bottom in one empty folder, each Python block by itself. A comment before a block says
what it needs (``network``, ``slow``, ``training``), or that it is not run (``shown``: its commands have to parse;
``output``).
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer

import kivuko
from kivuko.cli.main import app
from offline import offline, with_our_programs

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
#: What a block can need, each a marker of pytest.
NEEDS = {"network", "slow", "training"}
NOT_RUN = {"shown", "output"}
_BLOCK = re.compile(r"(?:^<!-- ([a-z ]+) -->\n)?^```(\w*)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: where it starts, what stands before it, its language and its text."""

    page: Path
    line: int
    marks: frozenset[str]
    language: str
    text: str

    @property
    def runs(self) -> bool:
        """Whether it is a program."""
        return self.language in ("bash", "python") and not self.marks & NOT_RUN


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _BLOCK.finditer(text):
        marks = frozenset((match[1] or "").split())
        assert marks <= NEEDS | NOT_RUN, f"{page.name}: unknown mark in {sorted(marks)}"
        line = text.count("\n", 0, match.start(3))
        found.append(Block(page, line, marks, match[2], match[3]))
    return found


def commands(block: Block) -> Iterator[str]:
    """The commands of ours in a shell block, without comments; lines that go on are joined."""
    for line in block.text.replace("\\\n", " ").splitlines():
        if line.startswith("kivuko "):
            yield " ".join(shlex.quote(part) for part in shlex.split(line.split(">")[0], comments=True))


BLOCKS = [block for page in PAGES for block in blocks(page)]
COMMANDS = sorted({line for block in BLOCKS if block.language == "bash" for line in commands(block)})


def runs_of_pages() -> Iterator[object]:
    """Each page for each set of needs that its blocks have, with all blocks that need no more."""
    for page in PAGES:
        for needs in sorted({block.marks for block in blocks(page) if block.runs}, key=sorted):
            name = f"{page.name}:{'+'.join(sorted(needs)) or 'plain'}"
            yield pytest.param(
                page, needs, id=name, marks=[getattr(pytest.mark, need) for need in sorted(needs)]
            )


@pytest.mark.parametrize(("page", "needs"), list(runs_of_pages()))
def test_the_blocks_of_a_page_run(page: Path, needs: frozenset[str], tmp_path: Path) -> None:
    folder = tmp_path / "reader"
    folder.mkdir()
    environment = with_our_programs() if "network" in needs else offline(tmp_path / "cache")
    for block in blocks(page):
        if not block.runs or not block.marks <= needs:
            continue
        program = ["bash", "-euo", "pipefail", "-c"] if block.language == "bash" else [sys.executable, "-c"]
        done = subprocess.run(
            [*program, block.text], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (
            f"{page.name}, the block from line {block.line}, ended with {done.returncode}:\n"
            f"{block.text}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        )


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_parses(line: str) -> None:
    command, (_, *rest) = typer.main.get_command(app), shlex.split(line)
    while subcommands := getattr(command, "commands", None):
        name, *rest = rest
        command = subcommands[name]
    assert command.make_context(name, rest).command is command


def test_python_blocks_import_kivuko_alone_and_public_names() -> None:
    seen = set()
    for block in BLOCKS:
        if block.language == "python":
            where = f"{block.page.name}:{block.line}"
            compile(block.text, where, "exec")
            assert not re.search(r"(?:from|import) kivuko\.", block.text), f"{where}: import kivuko alone"
            seen |= {(name, where) for name in re.findall(r"\bkivuko\.(\w+)", block.text)}
    assert len(seen) > 10
    assert not [(name, where) for name, where in seen if name not in kivuko.__all__]


def test_the_readme_is_short_and_its_links_lead_somewhere() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(readme.splitlines()) <= 100
    links = re.findall(r"\]\((?!https?:)([^)#]+)", readme)
    assert len(links) >= 10
    assert not [link for link in links if not (ROOT / link).exists()]


def test_the_table_of_regimes_is_the_registry() -> None:
    page = (ROOT / "docs" / "which-regime.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z-]+)` \| (adapt|supervise|align) \|", page, flags=re.MULTILINE)
    from kivuko.training.regimes import all_regimes

    assert rows == [(regime.name, str(regime.slot)) for regime in all_regimes()]


def test_rooms_and_modules_that_the_pages_name_are_there() -> None:
    source = ROOT / "src" / "kivuko"
    layout = (ROOT / "docs" / "layout.md").read_text(encoding="utf-8")
    shown = {
        room
        for row in re.findall(r"^\| (`.*?) \|", layout, flags=re.MULTILINE)
        for room in re.findall(r"`(\w+)/`", row)
    }
    assert shown == {folder.name for folder in source.iterdir() if any(folder.glob("*.py"))}
    named = {
        (page.name, path)
        for page in PAGES
        for path, room in re.findall(
            r"`(?:src/kivuko/)?((\w+)/[\w/]+\.(?:py|tsv))`", page.read_text(encoding="utf-8")
        )
        if room not in ("qrels", "queries")  # folders of a collection
    }
    homes = (ROOT, ROOT / "src", source)
    assert not sorted(
        (page, path) for page, path in named if not any((home / path).exists() for home in homes)
    )


def test_the_readme_says_what_was_measured() -> None:
    rows = json.loads((ROOT / "docs/results/main-job/results.json").read_text(encoding="utf-8"))["rows"]

    def means(system: str, queries: str) -> dict[str, float]:
        return {
            row["language"]: row["mean"]
            for row in rows
            if (row["system"], row["queries"], row["measure"]) == (system, queries, "nDCG@10")
        }

    shown = {
        "English queries (ceiling)": "english-title",
        "BM25, untranslated": "untranslated-bm25",
        "encoder as it is, centred": "zero-shot-centred",
        "BM25 by a lexicon of the same bitext": "lexicon-bm25",
        "OPTICAL student": "optical",
        "**both, scores added**": "fusion",
    }
    table = [
        line for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines() if line[:2] == "| "
    ]
    cells = {
        row[0]: row[1:] for row in ([cell.strip() for cell in line.strip("|").split("|")] for line in table)
    }
    for label, system in shown.items():
        titles, paragraphs = means(system, "title"), means(system, "paragraph")
        expected = [
            f"{sum(titles.values()) / len(titles):.3f}",
            f"{titles['orm-Latn']:.3f}",
            f"{sum(paragraphs.values()) / len(paragraphs):.3f}" if paragraphs else "–",
        ]
        assert [cell.strip("*") for cell in cells[label]] == [number.removeprefix("0") for number in expected]
