from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kivuko.errors import InputError
from kivuko.evaluation.results import read_results, render_readme, write_results


def row(language: str, system: str, mean: float, low: float, high: float, n: int) -> dict[str, Any]:
    return {
        "language": language, "system": system, "measure": "nDCG@10",
        "mean": mean, "low": low, "high": high, "n": n, "seed": 1,
    }  # fmt: skip


ROWS = [
    row("om", "bm25", 0.25, 0.2, 0.3, 40),
    row("km", "bm25", 0.35, 0.3, 0.4, 50),
    row("om", "fusion", 0.5, 0.4, 0.6, 40),
]


def test_readme_is_a_function_of_results_json(tmp_path: Path) -> None:
    write_results(
        tmp_path / "r", "A title", ROWS, command="make bench", notes="Note.", extra={"More": "Text"}
    )
    recorded = json.loads((tmp_path / "r" / "results.json").read_text())
    assert (tmp_path / "r" / "README.md").read_text() == render_readme(recorded)
    recorded["rows"][0]["mean"] = 0.99
    assert "0.990" in render_readme(recorded)


def test_everything_needed_to_repeat_is_recorded(tmp_path: Path) -> None:
    write_results(tmp_path, "A title", ROWS, command="make bench")
    body = read_results(tmp_path)
    assert body["rows"] == ROWS
    assert body["command"] == "make bench"
    assert body["machine"]["cores"] >= 1
    assert body["versions"]["numpy"]
    assert body["date"].endswith("+00:00")
    assert body["commit"]
    page = (tmp_path / "README.md").read_text()
    for fact in (body["commit"], body["machine"]["cpu"], body["date"], "make bench"):
        assert fact in page


def test_pivot_puts_systems_down_and_languages_across(tmp_path: Path) -> None:
    write_results(tmp_path, "T", ROWS, command="c")
    page = (tmp_path / "README.md").read_text()
    assert "## nDCG@10\n\n| system | om (n 40) | km (n 50) | average |" in page
    assert "| bm25 | 0.250 [0.200, 0.300] | 0.350 [0.300, 0.400] | 0.300 |" in page
    assert "| fusion | 0.500 [0.400, 0.600] | – | – |" in page


def test_further_text_keys_make_sections_and_seeds_make_lines(tmp_path: Path) -> None:
    rows = [{**ROWS[0], "solver": solver, "seed": seed} for solver in ("exact", "ipot") for seed in (1, 2)]
    write_results(tmp_path, "T", rows, command="c")
    page = (tmp_path / "README.md").read_text()
    assert "## nDCG@10, solver: exact" in page
    assert "## nDCG@10, solver: ipot" in page
    assert "| bm25 (seed 2) | 0.250 [0.200, 0.300] |" in page


def test_other_rows_and_extra_lists_become_plain_tables(tmp_path: Path) -> None:
    comparisons = [{"pair": "a | b", "p": 0.001}]
    write_results(
        tmp_path, "T", [{"solver": "emd", "ms": 2.3}], command="c", extra={"Comparisons": comparisons}
    )
    page = (tmp_path / "README.md").read_text()
    assert "| solver | ms |\n| --- | --- |\n| emd | 2.3 |" in page
    assert "## Comparisons\n\n| pair | p |\n| --- | --- |\n| a \\| b | 0.001 |" in page


def test_rows_that_collide_are_all_shown(tmp_path: Path) -> None:
    write_results(
        tmp_path, "T", [{**ROWS[0], "steps": 1}, {**ROWS[0], "mean": 0.26, "steps": 2}], command="c"
    )
    page = (tmp_path / "README.md").read_text()
    assert "0.25 |" in page
    assert "0.26 |" in page


def test_nan_is_refused_and_former_results_stay(tmp_path: Path) -> None:
    write_results(tmp_path, "T", ROWS, command="c")
    before = (tmp_path / "results.json").read_bytes()
    with pytest.raises(InputError, match="JSON"):
        write_results(tmp_path, "T", [{"mean": float("nan")}], command="c")
    assert (tmp_path / "results.json").read_bytes() == before


@pytest.mark.parametrize("content", [None, "{", "[]", '{"rows": 1}'])
def test_unreadable_results_are_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "results.json").write_text(content)
    with pytest.raises(InputError):
        read_results(tmp_path)
