"""Measured results as a folder: ``results.json`` is the record, ``README.md`` is rendered from it.

A record says under what it was measured: commit, machine, date and library versions.
"""

from __future__ import annotations

import itertools
import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from kivuko.artifact import write_atomically
from kivuko.errors import InputError
from kivuko.processor import instruction_sets, processor
from kivuko.text.tables import markdown_table

PACKAGES = (
    "kivuko", "numpy", "scipy", "ir_measures", "pytrec-eval-terrier", "torch", "transformers",
    "sentence-transformers", "tokenizers", "onnxruntime", "POT",
)  # fmt: skip


def package_versions() -> dict[str, str]:
    """Python's and the relevant libraries' versions; one that is not installed is left out."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, str | int | float]:
    """CPU model, its instruction sets for matrices, cores this process may use, and memory in GiB."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0
    facts: dict[str, str | int | float] = {
        "cpu": processor(),
        "instruction_sets": " ".join(instruction_sets()),
        "cores": cores,
        "system": platform.platform(),
    }
    if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
        facts["memory_gib"] = round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
    return facts


def commit() -> str:
    """The checkout's commit, with ``-dirty`` where a tracked or new file differs from it.

    Files below ``docs/results`` do not count: writing one result must not make the next one look dirty.
    """
    root = Path(__file__).resolve().parents[3]
    if not (root / ".git").exists():
        return "not a git checkout"

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        dirty = git("status", "--porcelain", "--", ".", ":(exclude)docs/results")
        return git("rev-parse", "HEAD") + ("-dirty" if dirty else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown (git could not be asked)"


def now() -> str:
    """The date and time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


RESULTS = "results.json"
README = "README.md"
PIVOT_KEYS = ("language", "system", "measure", "mean")
ROW_KEYS = (*PIVOT_KEYS, "low", "high", "n", "seed")

Row = Mapping[str, Any]


def write_results(
    folder: Path,
    title: str,
    rows: Sequence[Row],
    *,
    command: str,
    notes: str = "",
    extra: Mapping[str, Any] | None = None,
    show_rows: bool = True,
) -> None:
    """Record measured rows with everything needed to repeat them, and render them for people.

    Args:
        folder: where ``results.json`` and ``README.md`` go; made when missing, both replaced atomically.
        title: heading of the page.
        rows: JSON-serialisable rows. Those with ``language, system, measure, mean`` (``low, high, n, seed``)
            become tables of systems by languages, one per measure and per value of any further text key
            (such as ``solver`` or ``queries``); rows with other keys become a plain table.
        command: the command line that measures this again.
        notes: Markdown placed before the tables.
        extra: further sections in order, heading → Markdown text, a row, a list of rows, or a list in which
            texts and rows alternate (each run of rows becomes a table).
        show_rows: whether the page has the rows; without them it has the sections of ``extra`` alone, for
            rows too many to read, which stand in ``results.json``.

    Raises:
        InputError: a value cannot be written as JSON (NaN and infinities included).
        StorageError: the disk refused the write; former files are untouched.
    """
    folder = Path(folder)
    body = described(title, command, notes)
    body |= {"rows": [dict(row) for row in rows], "extra": dict(extra or {})}
    if not show_rows:
        body["show_rows"] = False
    try:
        text = json.dumps(body, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise InputError(
            "these results cannot be written as JSON",
            where=folder / RESULTS,
            expected="text, finite numbers, lists and objects",
            got=error,
            remedy="convert arrays and NaN before writing; leave out what was not measured",
        ) from error
    for name, content in ((RESULTS, text), (README, render_readme(json.loads(text)))):
        with write_atomically(folder / name) as temporary:
            temporary.write_text(content, encoding="utf-8")
            temporary.chmod(0o644)


def described(title: str, command: str, notes: str) -> dict[str, Any]:
    """The head of a page of results: its words, and under what it was made."""
    return {
        "title": title,
        "command": command,
        "commit": commit(),
        "machine": machine(),
        "date": now(),
        "versions": package_versions(),
        "notes": notes,
    }


def read_results(folder: Path) -> dict[str, Any]:
    """What :func:`write_results` recorded.

    Raises:
        InputError: there is no ``results.json``, or it is not one.
    """
    path = Path(folder) / RESULTS
    remedy = "measure again with the command that writes this folder"
    if not path.is_file():
        raise InputError("no results here", where=path, got="no such file", remedy=remedy)
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError("the results cannot be read", where=path, got=error, remedy=remedy) from error
    if not isinstance(body, dict) or not isinstance(body.get("rows"), list):
        raise InputError(
            "the results cannot be read", where=path, expected="an object with rows", remedy=remedy
        )
    return body


def render_readme(results: Mapping[str, Any]) -> str:
    """The page for people: a function of ``results.json`` alone, or of the ``record`` that is named instead."""
    rows = results["rows"] if results.get("show_rows", True) else []
    scored = [row for row in rows if all(key in row for key in PIVOT_KEYS)]
    plain = [row for row in rows if not all(key in row for key in PIVOT_KEYS)]
    parts = [
        f"# {results['title']}",
        f"Generated from `{results.get('record', RESULTS)}`; do not edit by hand.",
    ]
    if results["notes"]:
        parts.append(results["notes"].strip())
    parts += _score_sections(scored)
    if plain:
        parts.append(_table(plain))
    for heading, content in results["extra"].items():
        parts += [f"## {heading}", _section(content)]
    facts = results["machine"]
    memory = f", {facts['memory_gib']} GiB memory" if "memory_gib" in facts else ""
    sets = f" ({facts['instruction_sets']})" if facts.get("instruction_sets") else ""
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    parts += [
        "## How this was measured",
        f"```sh\n{results['command']}\n```",
        f"- commit: `{results['commit']}`\n"
        f"- machine: {facts['cpu']}{sets}, {facts['cores']} cores{memory}; {facts['system']}\n"
        f"- date: {results['date']}\n"
        f"- versions: {versions}",
    ]
    return "\n\n".join(parts) + "\n"


def _score_sections(rows: list[Row]) -> list[str]:
    """One heading and table of systems by languages for each measure and each value of the text keys."""
    further = list(dict.fromkeys(key for row in rows for key in row if key not in ROW_KEYS))
    naming = [key for key in further if all(isinstance(row.get(key, ""), str) for row in rows)]
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        name = (row["measure"], *(f"{key}: {row[key]}" for key in naming if row.get(key)))
        groups.setdefault(name, []).append(row)
    parts = []
    for name, group in groups.items():
        parts += [f"## {', '.join(name)}", _pivot(group)]
    if any(key not in naming for key in further):
        parts += ["## All rows", _table(rows)]
    return parts


def _pivot(rows: list[Row]) -> str:
    """Systems down, languages across, ``mean [low, high]`` in the cells, in the rows' own order."""
    seeds = {row.get("seed") for row in rows}
    several = len(seeds) > 1
    languages = list(dict.fromkeys(row["language"] for row in rows))
    cells: dict[str, dict[str, Row]] = {}
    for row in rows:
        system = f"{row['system']} (seed {row['seed']})" if several and "seed" in row else row["system"]
        line = cells.setdefault(system, {})
        if row["language"] in line:
            return _table(rows)
        line[row["language"]] = row
    heading = {}
    for language in languages:
        counts = sorted({row["n"] for row in rows if row["language"] == language and "n" in row})
        heading[language] = f"{language} (n {'–'.join(map(str, counts))})" if counts else language
    table = []
    for system, line in cells.items():
        shown = {"system": system} | {heading[name]: _cell(line[name]) for name in languages if name in line}
        if len(languages) > 1 and len(line) == len(languages):
            shown["average"] = f"{sum(row['mean'] for row in line.values()) / len(line):.3f}"
        table.append(shown)
    return _table(table)


def _cell(row: Row) -> str:
    interval = f" [{row['low']:.3f}, {row['high']:.3f}]" if "low" in row and "high" in row else ""
    return f"{row['mean']:.3f}{interval}"


def _section(content: Any) -> str:
    if isinstance(content, str):
        return content.strip()
    rows = content if isinstance(content, list) else [content]
    if rows and not any(isinstance(row, dict) for row in rows):
        return "\n".join(f"- {_plain(item)}" for item in rows)
    runs = itertools.groupby(rows, key=lambda item: isinstance(item, dict))
    parts = [_table(list(run)) if tabular else "\n\n".join(map(str, run)) for tabular, run in runs]
    return "\n\n".join(parts) or "none"


def _table(rows: Sequence[Row]) -> str:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    return markdown_table(columns, [[_plain(row.get(key)) for key in columns] for row in rows])


def _plain(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) else json.dumps(value, ensure_ascii=False)
