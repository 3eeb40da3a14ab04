"""An engine from Python: made of documents and a few translated words, held open, asked, changed.

    python examples/engine_from_python.py [FOLDER]    # where to write; a temporary folder by default

Without torch: kind "lexical" searches by words. Any other kind trains a student of the pairs as well.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import kivuko

DOCUMENTS = [
    kivuko.Document("open", "Opening a file", "Choose File - Open and pick the file.", {"year": 2020}),
    kivuko.Document("print", "Printing a page", "Choose File - Print: one page or all.", {"year": 2021}),
    kivuko.Document("table", "Tables", "Insert a table, then type into its cells.", {"year": 2021}),
]
WORDS = {"file": "faayilii", "open": "banuu", "page": "fuula", "print": "maxxansuu", "table": "gabatee"}


def main(folder: Path) -> None:
    """Make the engine and ask it."""
    pairs = [kivuko.Pair(f"words:{english}", english, oromo, "words") for english, oromo in WORDS.items()]
    kivuko.Engine.create(folder / "help", DOCUMENTS, kind="lexical")
    engine = kivuko.Engine.open(folder / "help")
    engine.add_language("om", kivuko.LanguageParts(pairs=pairs))

    for question in ("faayilii banuu", "fuula maxxansuu"):
        print(question)
        for hit in engine.search(question, language="om", top=2, explain=True):
            print(f"  {hit.score:.2f}  {hit.title}: {hit.snippet}  (by {hit.matches})")
    print("only of 2021:", [hit.id for hit in engine.search("fuula", language="om", where={"year": 2021})])


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()))
