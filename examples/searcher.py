"""A researcher's own comparison: several searchers over one index, ranked, scored and written as TREC runs.

    python examples/searcher.py [MODEL [FOLDER]]

Without MODEL by words alone (no torch): BM25 as is, and by a lexicon. With the folder of a late-interaction model
its search and the fusion of both stand beside them.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import kivuko

DOCUMENTS = [
    kivuko.Document("open", "Opening a file", "Choose File - Open and pick the file."),
    kivuko.Document("print", "Printing a page", "Choose File - Print: one page or all."),
    kivuko.Document("table", "Tables", "Insert a table, then type into its cells."),
    kivuko.Document("save", "Saving a file", "Choose File - Save."),
]
QUERIES = {"q1": "faayilii banuu", "q2": "fuula maxxansuu", "q3": "gabatee"}
QRELS = {"q1": {"open": 2, "save": 1}, "q2": {"print": 1}, "q3": {"table": 1}}
WORDS = {
    "faayilii": {"file": 1.0},
    "banuu": {"open": 1.0},
    "fuula": {"page": 1.0},
    "maxxansuu": {"print": 1.0},
    "gabatee": {"table": 1.0},
}


def main(folder: Path, model: Path | None) -> None:
    """Rank the queries by every searcher, write the runs, print their scores."""
    kivuko.build_index(DOCUMENTS, model, folder / "index", kind="exact" if model else "lexical")
    index = kivuko.Index.open(folder / "index")
    lexicon = kivuko.Lexicon(kivuko.resolve_language("om"), WORDS)
    searchers = {
        "bm25": kivuko.Searcher(index),
        "lexicon-bm25": kivuko.Searcher(index, lexicon=lexicon),
    }
    if model:
        encoder = kivuko.Encoder.open(model)  # opened once, for both
        searchers["model"] = kivuko.Searcher(index, model=encoder)
        searchers["fusion"] = kivuko.Searcher(index, model=encoder, lexicon=lexicon)
    for name, searcher in searchers.items():
        run = searcher.rank(QUERIES)
        kivuko.write_run(folder / f"{name}.run", run, tag=name)
        # BM25 without translations finds nothing here, and a query without documents scores 0.
        reached = kivuko.evaluate(run, QRELS, ["nDCG@10"]).mean("nDCG@10") if any(run.values()) else 0.0
        print(f"{name}: nDCG@10 {reached:.3f}")


if __name__ == "__main__":
    given = sys.argv[1:]
    main(Path(given[1]) if len(given) > 1 else Path(tempfile.mkdtemp()), Path(given[0]) if given else None)
