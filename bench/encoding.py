"""Encoding help pages on a CPU: sentence-transformers' defaults, our batches in torch, and ONNX Runtime.

    OMP_NUM_THREADS=1 python bench/encoding.py [TEACHER STUDENT] [--folder docs/results/encoding]

TEACHER encodes the pages and STUDENT, of the same space, the titles that ask for them; both are model folders of
Kivuko's cache; by default the English teacher is both. About 25 CPU-minutes.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from kivuko.collections.collection import Collection
from kivuko.collections.document import Document
from kivuko.evaluation.measures import evaluate
from kivuko.evaluation.results import write_results
from kivuko.languages import resolve
from kivuko.models import encoding, late_interaction
from kivuko.models.onnx import GRAPH, OnnxEncoder, export, quantise, write_graph
from kivuko.models.token_vectors import TokenEncoder, TokenVectors
from kivuko.public.collections import build_collection
from kivuko.ranking import best
from kivuko.training.teacher import default_teacher

LANGUAGES = ("om", "km", "eu", "hi", "et")
PEER = "encode_document, its defaults"
TORCH, FP32, INT8 = "ours, torch", "ours, ONNX fp32", "ours, ONNX int8"
INT8_MIXED = "ours, ONNX int8, down projections fp32"
TIMED_PAGES, REPEATS, THREADS = 200, 3, (1, 2)
POOLING = (2.0, 3.0, 4.0)
MEASURE = "nDCG@10"
ASKED_SPEED, ASKED_QUALITY = 3.0, 0.99
QUERIES_AT_ONCE = 24

Systems = dict[str, Callable[[Sequence[str]], TokenVectors]]


def systems(teacher: Path, folders: dict[str, Path]) -> Systems:
    """What is compared, opened with torch's present number of threads."""
    library = late_interaction.load(teacher)

    def by_library(texts: Sequence[str]) -> TokenVectors:
        found = library.encode_document(list(texts), convert_to_numpy=True, show_progress_bar=False)
        return TokenVectors.stack(
            [own.astype(np.float16) for own in found], late_interaction.dimension(library)
        )

    def ours(encoder: TokenEncoder) -> Callable[[Sequence[str]], TokenVectors]:
        return lambda texts: encoding.encode(encoder, texts, task="document")

    limit = late_interaction.length_limit(library)
    opened = {name: OnnxEncoder(folder, limit) for name, folder in folders.items()}
    readers: dict[str, TokenEncoder] = {TORCH: encoding.open_encoder(teacher), **opened}
    return {PEER: by_library, **{name: ours(encoder) for name, encoder in readers.items()}}


def speeds(teacher: Path, folders: dict[str, Path], texts: Sequence[str]) -> list[dict[str, Any]]:
    """CPU and wall seconds of each system with each number of threads; medians of interleaved repeats."""
    rows = []
    for threads in THREADS:
        torch.set_num_threads(threads)
        timed = {name: run for name, run in systems(teacher, folders).items() if name != INT8_MIXED}
        seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in timed}
        for run in timed.values():
            run(texts[:32])
        for _ in range(REPEATS):
            for name, run in timed.items():
                cpu, wall = time.process_time(), time.perf_counter()
                run(texts)
                seconds[name].append((time.process_time() - cpu, time.perf_counter() - wall))
        medians = {name: [median(side) for side in zip(*each, strict=True)] for name, each in seconds.items()}
        for name, (cpu, wall) in medians.items():
            folder = folders.get(name, teacher)
            rows.append({
                "system": name,
                "threads": threads,
                "passages a CPU s": len(texts) / cpu,
                "of encode_document": medians[PEER][0] / cpu,
                "passages a s": len(texts) / wall,
                "of it by wall": medians[PEER][1] / wall,
                "folder, MB": sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6,
            })  # fmt: skip
            print(rows[-1], flush=True)
    torch.set_num_threads(1)
    return rows


def floors(teacher: Path, texts: Sequence[str]) -> list[dict[str, Any]]:
    """CPU seconds to multiply the layers' weights alone with as many tokens as the texts have, without a pad."""
    encoder = late_interaction.load(teacher)
    layers: Any = encoder[0].auto_model.encoder
    shapes = [weight.shape for weight in layers.parameters() if weight.ndim == 2]
    limit = late_interaction.length_limit(encoder)
    tokens = sum(min(len(ids), limit) for ids in late_interaction.pieces_of(encoder, texts))
    rows = []
    for dtype in (torch.float32, torch.bfloat16):
        weights = [torch.randn(shape, dtype=dtype) for shape in shapes]
        inputs = {size: torch.randn(encoding.TOKENS_A_BATCH, size, dtype=dtype) for _, size in shapes}
        best_seconds = float("inf")
        for _ in range(REPEATS):
            start = time.process_time()
            for weight in weights:
                inputs[weight.shape[1]] @ weight.T
            best_seconds = min(best_seconds, time.process_time() - start)
        rows.append({
            "numbers": str(dtype).removeprefix("torch."),
            "MFLOP a token": 2 * sum(shape.numel() for shape in shapes) / 1e6,
            "tokens": tokens,
            "CPU s": best_seconds * tokens / encoding.TOKENS_A_BATCH,
            "passages a CPU s": len(texts) / (best_seconds * tokens / encoding.TOKENS_A_BATCH),
        })  # fmt: skip
        print(rows[-1], flush=True)
    return rows


class Asked:
    """Title queries in five languages by the student, and their exact rankings over all pages."""

    def __init__(self, student: Path, documents: Sequence[Document]) -> None:
        self._ids = [document.id for document in documents]
        self._collections = {name: Collection.open(build_collection(resolve(name))) for name in LANGUAGES}
        reader = encoding.open_encoder(student)
        self._queries = {
            (name, split): encoding.encode(reader, list(own.queries("title", split).values()), task="query")
            for name, own in self._collections.items()
            for split in ("development", "test")
        }

    def scores(self, pages: TokenVectors, split: str, system: str) -> list[dict[str, Any]]:
        """A row of nDCG@10 for each language."""
        vectors = pages.vectors.astype(np.float32)
        rows = []
        for name, own in self._collections.items():
            encoded = self._queries[name, split]
            ranked: list[dict[str, float]] = []
            for first in range(0, len(encoded), QUERIES_AT_ONCE):
                some = range(first, min(first + QUERIES_AT_ONCE, len(encoded)))
                similarity = vectors @ np.concatenate([encoded[n].astype(np.float32) for n in some]).T
                nearest = np.maximum.reduceat(similarity, pages.offsets[:-1], axis=0)
                edges = np.cumsum([0, *(len(encoded[n]) for n in some)])
                ranked += [
                    best(nearest[:, begin:end].sum(axis=1), self._ids, 100)
                    for begin, end in itertools.pairwise(edges)
                ]
            run = dict(zip(own.queries("title", split), ranked, strict=True))
            summary = evaluate(run, own.qrels("title", split), [MEASURE]).summary(MEASURE)
            facts = {"language": own.language.tag, "queries": split, "system": system, "measure": MEASURE}
            rows.append({**facts, **vars(summary)})
        print(system, split, mean(rows, system, split), flush=True)
        return rows


def mean(rows: Sequence[dict[str, Any]], system: str, split: str) -> float:
    """Over the languages."""
    own = [row["mean"] for row in rows if (row["system"], row["queries"]) == (system, split)]
    return float(np.mean(own))


def qualities(
    asked: Asked, teacher: Path, folders: dict[str, Path], texts: Sequence[str]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """nDCG@10 by every system's vectors and by pooled ones, and what pooling keeps and costs."""
    rows: list[dict[str, Any]] = []
    pooling: list[dict[str, Any]] = []
    for name, run in systems(teacher, folders).items():
        pages = run(texts)
        if not (pages.lengths > 0).all():
            raise SystemExit("a page without tokens")
        splits = ("development",) if name == INT8_MIXED else ("development", "test")
        rows += [row for split in splits for row in asked.scores(pages, split, name)]
        if name != TORCH:
            continue
        for factor in POOLING:
            start = time.process_time()
            own = [
                encoding.pooled(torch.from_numpy(pages[n].astype(np.float32)), factor)
                for n in range(len(pages))
            ]
            seconds = time.process_time() - start
            smaller = TokenVectors.stack(
                [each.numpy().astype(np.float16) for each in own], pages.vectors.shape[1]
            )
            system = f"{TORCH}, pooling {factor:g}"
            rows += asked.scores(smaller, "test", system)
            pooling.append({
                "factor": factor,
                "tokens kept": len(smaller.vectors) / len(pages.vectors),
                "mean nDCG@10, test": mean(rows, system, "test"),
                "of unpooled": mean(rows, system, "test") / mean(rows, TORCH, "test"),
                "CPU ms a page": 1000 * seconds / len(pages),
            })  # fmt: skip
    return rows, pooling


def targets(speed: Sequence[dict[str, Any]], rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What was asked of the encoders that are not in float32."""
    found = []
    for name in (TORCH, INT8):
        ratios = {r["threads"]: r["of encode_document"] for r in speed if r["system"] == name}
        kept = mean(rows, name, "test") / mean(rows, PEER, "test")
        for target, measured, asked in (
            *(
                (f"passages a CPU s, of encode_document, threads: {threads}", ratio, ASKED_SPEED)
                for threads, ratio in ratios.items()
            ),
            ("mean nDCG@10 on test titles, of fp32", kept, ASKED_QUALITY),
        ):
            met = "yes" if measured >= asked else "no"
            found.append(
                {"system": name, "target": target, "asked": f"≥ {asked:g}", "measured": measured, "met": met}
            )
    return found


NOTES = f"""
English help pages (all of the collection's for nDCG@10, {TIMED_PAGES} evenly spaced ones for time), encoded by a
12-layer teacher made from multilingual-e5-small that reads 160 pieces; title queries in {", ".join(LANGUAGES)},
encoded in torch by STUDENT, or without one by the teacher itself, and searched exactly.
`{PEER}`: `MultiVectorEncoder.encode_document`, float32, 32
texts a batch. `{TORCH}`: `kivuko.models.encoding`, batches of at most {encoding.TOKENS_A_BATCH} tokens with pads, the
Transformer's weights in bfloat16 where the processor multiplies these; of several threads each encodes batches of
its own. ONNX: `kivuko models export`, the same batches. Systems take turns; each figure is the median of
{REPEATS}. Ratios are of CPU time, or of wall time where it says so: other programs run on this machine, so that wall
time, above all with two threads, says less.

The floor is the multiplication of the layers' weights with the pages' tokens and nothing else: no attention between
tokens, no normalisation, no activation, no tokenizer, no pads. What the processor multiplies
is named with the machine below: with AMX bfloat16 is several times as fast as float32, with `avx512_bf16` twice; with
neither torch stays at float32, and int8 in ONNX Runtime should be the fastest of ours.

int8 has a scale for each column of a weight and one for the inputs of each multiplication, and leaves the centring
layer in float32: it subtracts numbers of like size, so that it would magnify rounding. The down projections of the
feed-forward layers could stay in float32 too: vectors are nearer to the original's, but that costs time, and the
development titles do not rank better by it. So they do not. On the test titles int8 loses more than on those of
development: it is for processors on which torch would stay at float32, or where 138 MB fit and 488 do not.

Pooling is Ward's method by sentence-transformers on the vectors as stored (float16). Its time comes on top of
encoding, once for each page.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("teacher", type=Path, nargs="?")
    parser.add_argument("student", type=Path, nargs="?")
    parser.add_argument("--folder", type=Path, default=Path("docs/results/encoding"))
    options = parser.parse_args()
    given = " TEACHER STUDENT" if options.teacher else ""
    options.teacher = options.teacher or default_teacher()
    options.student = options.student or options.teacher
    torch.set_num_threads(1)
    documents = Collection.open(build_collection(resolve(LANGUAGES[0]))).documents
    texts = [document.full_text for document in documents]
    sample = [texts[int(n * len(texts) / TIMED_PAGES)] for n in range(TIMED_PAGES)]
    floor = floors(options.teacher, sample)
    with tempfile.TemporaryDirectory() as name:
        folders = {FP32: Path(name) / "fp32", INT8: Path(name) / "int8", INT8_MIXED: Path(name) / "mixed"}
        cosines = []
        for system, precision in ((FP32, "fp32"), (INT8, "int8"), (INT8_MIXED, "int8")):
            report = export(options.teacher, folders[system], precision)  # type: ignore[arg-type]
            if system != INT8_MIXED:
                facts = {"mean cosine to the original": report.cosine_mean, "least": report.cosine_min}
                cosines.append({"system": system, **facts, "MB": report.bytes_after / 1e6})
        keep_down_projections(options.teacher, folders[INT8_MIXED] / GRAPH)
        speed = speeds(options.teacher, folders, sample)
        rows, pooling = qualities(Asked(options.student, documents), options.teacher, folders, texts)
    met = targets(speed, rows)
    names = list(dict.fromkeys(row["system"] for row in rows))
    means = [
        {
            "system": name,
            **{
                f"mean nDCG@10, {split}": mean(rows, name, split)
                for split in ("development", "test")
                if any((row["system"], row["queries"]) == (name, split) for row in rows)
            },
        }
        for name in names
        if "pooling" not in name
    ]
    write_results(
        options.folder,
        "Encoding on a CPU",
        rows,
        command=f"OMP_NUM_THREADS=1 python bench/encoding.py{given} --folder {options.folder}",
        notes=NOTES,
        extra={
            "Targets": met,
            "Floor": floor,
            "Speed": speed,
            "Means over the languages": means,
            "Token pooling": pooling,
            "Exported graphs": cosines,
        },
    )
    for row in met:
        print(row)


def keep_down_projections(teacher: Path, file: Path) -> None:
    """Replace an int8 graph by one whose down projections are float32."""
    encoder = late_interaction.load(teacher)
    config: Any = encoder[0].auto_model.config
    with tempfile.TemporaryDirectory() as name:
        dense = write_graph(encoder, Path(name) / GRAPH, rounded_embeddings=True)
        down = frozenset({(config.intermediate_size, config.hidden_size)})
        quantise(Path(name) / GRAPH, file, last_kept=dense, kept_shapes=down)


if __name__ == "__main__":
    main()
