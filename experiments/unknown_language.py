"""A language that the encoder cuts into little pieces: what pairs make of it, with and without new subwords.

    python experiments/unknown_language.py PAIRS.tsv --language ti --documents FOLDER [--steps 250]

PAIRS are sentences (English <tab> the language). Some, drawn by a hash of their English, are held out and
ask, half for development and half for the test, for their English side among all of these and the documents
of FOLDER. Writes docs/results/unknown-language/.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from kivuko.artifact import cache_folder
from kivuko.cli.display import bars
from kivuko.codeswitch import induce, invert
from kivuko.collections.bitext import Pair
from kivuko.collections.document import Document
from kivuko.collections.split import HELD_OUT
from kivuko.engine.state import WEIGHT
from kivuko.evaluation.measures import Scores, evaluate
from kivuko.evaluation.results import write_results
from kivuko.evaluation.significance import compare
from kivuko.experiment.scoring import DEPTH
from kivuko.languages import resolve
from kivuko.models import late_interaction
from kivuko.models.identity import model_hash
from kivuko.readers.bitext import read_pairs
from kivuko.readers.documents import read_documents
from kivuko.retrieval.build import build_index
from kivuko.retrieval.fusion import score_fusion
from kivuko.retrieval.gloss import GLOSS_WEIGHT
from kivuko.retrieval.index import Index
from kivuko.retrieval.search import Searcher
from kivuko.text import comparison_key, words
from kivuko.training import extend_vocabulary, optical
from kivuko.training.optical import QUICK_SETTINGS
from kivuko.training.regimes import Models
from kivuko.training.resources import Resources
from kivuko.training.stages import run_stage
from kivuko.training.teacher import centring_texts, default_teacher

MEASURE = "nDCG@10"
OUTPUT = Path("docs/results/unknown-language")
NOTES = """Known-item search: a sentence of the language asks for its English side among {documents} English texts, of
which {held} are English sides of held-out pairs. Pairs: {pairs}, of {source}; those that share a side with a held-out
one are not trained on. Students read {steps} steps and stay as training left them, for pairs and questions are of one
domain; their words start from English. `new subwords` adds pieces of the language to the tokenizer first. `gloss` and
`lexicon` are by the lexicon of the training pairs, with the engine's default weights. One seed."""


def main() -> None:
    """Train the students, ask, write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--language", required=True)
    parser.add_argument("--documents", type=Path, required=True)
    parser.add_argument("--held-out", type=int, default=300, help="pairs that ask")
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    given = parser.parse_args()
    torch.set_num_threads(1)
    language = resolve(given.language)
    held, training = _split(read_pairs(given.pairs, language)[0], given.held_out)
    documents = [Document(f"held-{number}", "", pair.english) for number, pair in enumerate(held)]
    documents += read_documents(given.documents / "documents.tsv")
    lexicon = induce(training, language)
    with bars() as progress:
        teacher = default_teacher(progress)
        place = cache_folder() / "unknown-language" / f"{language.tag}-{model_hash(teacher)[:16]}"
        index = Index.open(build_index(documents, teacher, place / "index", progress=progress))
        counts = Counter(word for pair in training for word in words(pair.foreign))
        resources = Resources(
            bitext={language: training},
            monolingual={language: [pair.foreign for pair in training]},
            tables={language: invert(lexicon, counts=counts)},
            english_texts=centring_texts(),
        )
        extended = run_stage(
            extend_vocabulary.REGIME,
            extend_vocabulary.VocabularySettings(),
            Models(teacher, teacher),
            resources,
            progress=progress,
        ).student
        models = {"document encoder": teacher}
        for name, start in {"student": teacher, "student, new subwords": extended}.items():
            models[name] = run_stage(
                optical.REGIME,
                replace(QUICK_SETTINGS, steps=given.steps),
                Models(start, teacher),
                resources,
                progress=progress,
                label=name,
            ).student
        facts = _pieces(models, [pair.foreign for pair in held])
        queries = {f"held-{number}": pair.foreign for number, pair in enumerate(held)}
        runs = {"untranslated-bm25": Searcher(index).rank(queries, depth=DEPTH)}
        runs["lexicon-bm25"] = Searcher(index, lexicon=lexicon).rank(queries, depth=DEPTH)
        for name, model in models.items():
            for what, gloss in ((name, 0.0), (f"{name}, gloss", GLOSS_WEIGHT)):
                searcher = Searcher(
                    index, model=model, lexicon=lexicon, method="late-interaction", gloss=gloss
                )
                runs[what] = searcher.rank(queries, depth=DEPTH, progress=progress)
            runs[f"{name}, gloss and lexicon"] = score_fusion(
                runs[f"{name}, gloss"], runs["lexicon-bm25"], weight=WEIGHT, depth=DEPTH
            )
    rows: list[dict[str, Any]] = []
    tests: list[dict[str, Any]] = []
    for split in HELD_OUT:
        qrels = {query: {query: 1} for number, query in enumerate(queries) if HELD_OUT[number % 2] == split}
        scores = {name: evaluate(run, qrels, [MEASURE]) for name, run in runs.items()}
        rows += [
            {"language": language.tag, "split": split, "system": name, "measure": MEASURE}
            | vars(score.summary(MEASURE))
            | {"seed": 0}
            for name, score in scores.items()
        ]
        tests += [{"split": split} | _test(scores, *both) for both in _COMPARED if both[0] in scores]
    write_results(
        given.output,
        f"{language.name}: what pairs and new subwords add to an encoder",
        rows,
        command=" ".join(["python experiments/unknown_language.py", *sys.argv[1:]]),
        notes=NOTES.format(
            documents=f"{len(documents):,}",
            held=len(held),
            pairs=f"{len(training):,}",
            source=given.pairs.name,
            steps=given.steps,
        ),
        extra={"How the held-out sentences are cut": facts, "Tests": tests},
    )


_COMPARED = (
    ("student", "document encoder"),
    ("student, new subwords", "student"),
    ("student, gloss and lexicon", "lexicon-bm25"),
    ("student, new subwords, gloss and lexicon", "lexicon-bm25"),
)


def _test(scores: dict[str, Scores], system: str, rival: str) -> dict[str, Any]:
    result = compare(scores[system].per_query[MEASURE], scores[rival].per_query[MEASURE], seed=0)
    numbers = {"difference": result.difference, "low": result.low, "high": result.high, "p": result.p}
    return {"system": system, "rival": rival} | {name: round(value, 3) for name, value in numbers.items()}


def _split(pairs: list[Pair], held_out: int) -> tuple[list[Pair], list[Pair]]:
    """Pairs that ask, no two with the same English, and pairs to train on that share no side with them."""
    by_text = {comparison_key(pair.english): pair for pair in pairs}
    order = sorted(by_text, key=lambda text: hashlib.sha256(text.encode()).hexdigest())
    asking = set(order[:held_out])
    foreign = {comparison_key(by_text[text].foreign) for text in asking}
    left = [
        pair
        for pair in pairs
        if comparison_key(pair.english) not in asking and comparison_key(pair.foreign) not in foreign
    ]
    return [by_text[text] for text in order[:held_out]], left


def _pieces(models: dict[str, Path], texts: list[str]) -> list[dict[str, Any]]:
    """How each model's tokenizer writes the texts."""
    spoken = sum(len(words(text)) for text in texts)
    rows = []
    for name, folder in models.items():
        encoder = late_interaction.load(folder)
        ids = late_interaction.pieces_of(encoder, texts, "query")
        special = set(encoder.tokenizer.all_special_ids)
        content = [piece for row in ids for piece in row if piece not in special]
        unknown = sum(row.count(encoder.tokenizer.unk_token_id) for row in ids)
        rows.append(
            {"model": name, "pieces a word": round(len(content) / spoken, 2), "unknown pieces": unknown}
        )
    return rows


if __name__ == "__main__":
    main()
