"""The engine benchmark's own logic: the exact ranking, recall with ties, and what stops a run."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "bench" / "engine"))

import itertools

from exact_ranking import BLOCK_TOKENS, exact_scores, recall


def test_recall_counts_a_document_tied_with_the_last_as_right() -> None:
    exact = np.array([3.0, 2.0, 2.0, 2.0, 1.0], np.float32)
    assert recall(exact, [0, 3], 2) == 1.0  # 1, 2 and 3 are equally second
    assert recall(exact, [0, 4], 2) == 0.5
    assert recall(exact, [3, 2], 2) == 1.0  # the order within the cutoff is not its business


def test_recall_counts_a_repeated_document_once_and_a_missing_one_not() -> None:
    exact = np.array([3.0, 2.0, 1.0], np.float32)
    assert recall(exact, [0, 0], 2) == 0.5
    assert recall(exact, [0], 2) == 0.5
    assert recall(exact, [], 2) == 0.0


def test_recall_looks_no_further_than_the_cutoff_and_the_collection() -> None:
    exact = np.array([3.0, 2.0, 1.0], np.float32)
    assert recall(exact, [2, 0, 1], 1) == 0.0
    assert recall(exact, [2, 0, 1], 100) == 1.0


@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.integers(1, 40))
def test_any_order_by_score_has_full_recall(scores: list[int], cutoff: int) -> None:
    exact = np.array(scores, np.float32)
    assert recall(exact, np.argsort(-exact, kind="stable").tolist(), cutoff) == 1.0
    assert recall(exact, np.lexsort((-np.arange(len(exact)), -exact)).tolist(), cutoff) == 1.0


def test_exact_scores_are_sums_of_maxima() -> None:
    rows = np.array([[1, 0], [0, 1], [0.5, 0.5], [-1, 0]], np.float16)
    scores = exact_scores(rows, np.array([0, 2, 3, 4]), [rows[:2], rows[3:]])
    np.testing.assert_allclose(scores, [[2.0, 1.0, -1.0], [0.0, -0.5, 1.0]])


@pytest.mark.parametrize("long", [1, BLOCK_TOKENS + 5])
def test_exact_scores_do_not_depend_on_the_blocks(long: int) -> None:
    rng = np.random.default_rng(0)
    lengths = np.array([3, long, 1, BLOCK_TOKENS - 1, 2])
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    rows = rng.standard_normal((offsets[-1], 4)).astype(np.float16)
    query = rng.standard_normal((2, 4)).astype(np.float16)
    one_by_one = [
        (query.astype(np.float32) @ rows[begin:end].astype(np.float32).T).max(axis=1).sum()
        for begin, end in itertools.pairwise(offsets)
    ]
    np.testing.assert_allclose(exact_scores(rows, offsets, [query])[0], one_by_one, rtol=1e-5)


def test_ways_of_proposing_are_measured_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import first_stage
    from vector_sets import KIND, QUERY_KIND, VectorSet

    from kivuko.artifact import write_artifact

    monkeypatch.setenv("KIVUKO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(first_stage, "CANDIDATES", (10, 700))
    monkeypatch.setattr(first_stage, "DEPTH", 10)
    monkeypatch.setattr(first_stage, "by_graph", lambda *_: {})
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((900, 16)).astype(np.float32)
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)
    with write_artifact(tmp_path / "documents", KIND) as folder:
        np.save(folder / "vectors.npy", rows)
        np.save(folder / "offsets.npy", np.arange(0, 901, 3))
    with write_artifact(tmp_path / "queries", QUERY_KIND) as folder:
        np.save(folder / "queries.npy", rows[:40])
        np.save(folder / "query_offsets.npy", np.arange(0, 41, 4))
    source = VectorSet("debian", tmp_path / "documents", tmp_path / "queries", "key", "note")
    queries = [query.astype(np.float32) for query in source.query_vectors()]
    measured = first_stage.of_size(source, 700, queries)
    assert len(measured.arrays) == 700
    assert measured.exact.shape == (10, 700)
    found = {row["way"]: row for row in first_stage.ways(measured, queries)}
    assert found["all means, 10"]["recall"] < found["all means, 700"]["recall"]
    assert found["all means, 700"]["recall"] > 0.99
    again = first_stage.of_size(source, 700, queries)
    np.testing.assert_array_equal(again.exact, measured.exact)
    page = [{"passages": size} | found["all means, 10"] for size in (300, 700)]
    first_stage.write(tmp_path / "page", page, source, "--sizes 300 700")
    assert "exponent" in (tmp_path / "page" / "README.md").read_text(encoding="utf-8")
