"""Which reader reads what: a chosen collection, fetched or from files, and folders in one of two layouts."""

from __future__ import annotations

from pathlib import Path

from kivuko.benchmarks.beir import read_beir
from kivuko.benchmarks.belebele import flores_code, read_belebele
from kivuko.benchmarks.catalogue import Chosen
from kivuko.benchmarks.folders import find
from kivuko.benchmarks.hugging_face import hub_records
from kivuko.benchmarks.irds import read_ir_dataset
from kivuko.benchmarks.jsonl_records import records
from kivuko.benchmarks.trec import read_trec
from kivuko.benchmarks.xnli import hub_pairs, read_xnli, xnli_pairs
from kivuko.benchmarks.xquad import read_xquad, squad_records
from kivuko.collections.judged import Parts
from kivuko.errors import FetchError
from kivuko.languages import Language


def read_fetched(chosen: Chosen) -> Parts:
    """Through a library that fetches the data itself."""
    entry, held = chosen.benchmark, chosen.document_language
    codes = chosen.query_code, chosen.document_code
    if entry.loader == "ir_datasets":
        return read_ir_dataset(chosen.fill(entry.id), held, query_field=entry.query_field)[0]
    if entry.loader == "belebele":
        queries, passages = (
            hub_records(entry.id, flores_code(each), chosen.split) for each in (chosen.query_language, held)
        )
        return read_belebele(queries, passages, held)
    if entry.loader == "xquad":
        queries, passages = (hub_records(entry.id, f"xquad.{code}", chosen.split) for code in codes)
        return read_xquad(queries, passages, held)
    if entry.loader == "xnli":
        premises, hypotheses = (hub_pairs(hub_records(entry.id, code, chosen.split)) for code in codes)
        return read_xnli(premises, hypotheses, held)
    raise FetchError("no library fetches this collection", where=chosen.name)


def read_files(chosen: Chosen, folder: Path, encoding: str) -> Parts:
    """From files that a person has brought."""
    loader, held = chosen.benchmark.loader, chosen.document_language
    codes = chosen.query_code, chosen.document_code
    if loader == "belebele":
        queries, passages = (
            records(find(folder, f"**/{flores_code(each)}.jsonl")) for each in (chosen.query_language, held)
        )
        return read_belebele(queries, passages, held)
    if loader == "xquad":
        queries, passages = (squad_records(find(folder, f"**/xquad.{code}.json")) for code in codes)
        return read_xquad(queries, passages, held)
    if loader == "xnli":
        # The hub calls XNLI's development file its validation split.
        split = "dev" if chosen.split == "validation" else chosen.split
        path = find(folder, *(f"**/xnli.{split}.{ending}" for ending in ("tsv", "jsonl")))
        premises, hypotheses = (xnli_pairs(path, code) for code in codes)
        return read_xnli(premises, hypotheses, held)
    if _is_beir(folder):
        return read_beir(folder, chosen.split or "test", held)
    patterns = {
        kind: [chosen.fill(pattern) for pattern in patterns]
        for kind, patterns in chosen.benchmark.files.items()
    }
    return read_trec(folder, held, encoding=encoding, published=patterns)


def read_folder(folder: Path, split: str, document_language: Language, encoding: str) -> Parts:
    """A folder in one of two layouts, told by what is in it."""
    if _is_beir(folder):
        return read_beir(folder, split, document_language)
    return read_trec(folder, document_language, encoding=encoding)


def _is_beir(folder: Path) -> bool:
    return any(folder.glob("queries.jsonl*"))
