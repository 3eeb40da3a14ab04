"""One index with documents in many languages: who is found, and which document languages stand first?

    kivuko experiment run experiments/best.toml    # trains the student, and keeps it
    python experiments/multilingual_index.py

Every test page of the help collection that is translated into all the student's languages is put into one index in
each of them and in English, and its title is asked in each of them; all versions of the page are relevant. One
student, trained to read queries, reads queries and documents alike. Writes docs/results/multilingual-index/.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean, median
from typing import Any

import torch

from kivuko.artifact import cache_folder, hash_json, read_manifest
from kivuko.cli.display import bars
from kivuko.collections.collection import Collection
from kivuko.collections.document import Document
from kivuko.errors import InputError
from kivuko.evaluation.fairness import language_shares, rank_shifts
from kivuko.evaluation.measures import evaluate
from kivuko.evaluation.results import write_results
from kivuko.experiment.cell_files import finished_cells
from kivuko.experiment.config import read_experiment
from kivuko.experiment.report.cells import read_cells
from kivuko.experiment.report.drawing import INK, Chart, finished, panels
from kivuko.experiment.report.page import save_charts
from kivuko.experiment.report.plans import own_students
from kivuko.languages import Language, resolve
from kivuko.models import late_interaction
from kivuko.public.collections import build_collection
from kivuko.public.help_pages import load_pages
from kivuko.ranking import Run, ranked
from kivuko.retrieval.build import build_index
from kivuko.retrieval.index import Index
from kivuko.retrieval.late_interaction import search_late_interaction
from kivuko.retrieval.lexical import LexicalIndex
from kivuko.training.teacher import centred_encoder

LANGUAGES = ("om", "km", "eu", "hi", "et")
BEST = Path("docs/results/best")
OUTPUT = Path("docs/results/multilingual-index")
ENGLISH = resolve("en")
TABLE = "Modes and ranks by document language"
RANK = "median rank in the one list"
MEASURES = ("nDCG@10", "R@10")
K = 10
NOTES = """One index holds the test pages of LibreOffice help that are translated into all the languages, in each;
queries are the pages' titles in each of them, and all versions of a page are relevant. Documents are the translated
paragraphs without the title, so that no query stands in a document. An ideal system returns the versions of the page
first, whatever their language. PEER is left out: with one relevant document a language it is the same constant for
every ranking (see kivuko.evaluation.fairness). The bitext that the student learned from is software help and
interface text, as the pages are: expect less elsewhere. One seed."""

Row = dict[str, Any]


def main() -> None:
    """Index, search, and count by document language."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, help="CPU threads; all cores by default")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    languages = [ENGLISH, *map(resolve, LANGUAGES)]
    student, teacher = trained()
    collections = {language: Collection.open(build_collection(language)) for language in languages[1:]}
    documents, titles = held_out_pages(collections)
    runs = {"bm25-untranslated": lexical_runs(documents, titles)}
    models = {"zero-shot-centred": centred_encoder(), "teacher": teacher, "student": student}
    for system, model in models.items():
        with bars() as progress:
            runs[system] = late_interaction_runs(documents, titles, model, progress)
    report(languages, documents, runs)


def trained() -> tuple[Path, Path]:
    """The student of all the languages that experiments/best.toml keeps, and its teacher.

    Raises:
        InputError: it is not in this machine's cache.
    """
    tags = [resolve(name).tag for name in LANGUAGES]
    found = own_students(read_cells(finished_cells(BEST), read_experiment(Path("experiments/best.toml"))))
    for student, teacher, learned in found:
        if set(tags) <= set(learned):
            return student, teacher
    raise InputError(
        "the student is not in this machine's cache",
        where=BEST,
        expected=f"one student of {', '.join(tags)}",
        remedy="remove its cell there, and run: kivuko experiment run experiments/best.toml",
    )


def held_out_pages(
    collections: Mapping[Language, Collection],
) -> tuple[dict[Language, list[Document]], dict[Language, dict[str, str]]]:
    """Documents and titles, by language, of the test pages that are translated into all of the languages.

    A document holds the paragraphs that are translated, without the title, which is the query; its id names its
    language and its page.
    """
    titles = {language: c.queries("title", "test") for language, c in collections.items()}
    originals = next(iter(collections.values())).queries("english-title", "test")
    english = load_pages(ENGLISH).pages
    texts: dict[Language, dict[str, str]] = {ENGLISH: {}} | {language: {} for language in titles}
    for language, found in texts.items():
        for page in load_pages(language).pages.values():
            if page.id in english:
                same = set(english[page.id].paragraphs.values()) if language != ENGLISH else {page.title}
                kept = [part for part in page.paragraphs.values() if part not in {*same, page.title}]
                if kept:
                    found[page.id] = "\n".join(kept)
    chosen = sorted(set.intersection(*map(set, titles.values()), *map(set, texts.values())))
    documents = {
        language: [Document(f"{language.tag}:{page}", "", found[page]) for page in chosen]
        for language, found in texts.items()
    }
    asked = {ENGLISH: originals} | titles
    return documents, {language: {page: found[page] for page in chosen} for language, found in asked.items()}


def late_interaction_runs(
    documents: Mapping[Language, list[Document]],
    titles: Mapping[Language, Mapping[str, str]],
    model: Path,
    progress: Any,
) -> dict[Language, Run]:
    """The full ranking of all documents, for the queries of each language."""
    everything = [document for held in documents.values() for document in held]
    key = hash_json([read_manifest(model, late_interaction.KIND).hash, [vars(d) for d in everything]])
    index = build_index(everything, model, cache_folder() / "indexes" / key[:16], progress=progress)
    return {
        asking: search_late_interaction(Index.open(index), model, queries, depth=len(everything))
        for asking, queries in titles.items()
    }


def lexical_runs(
    documents: Mapping[Language, list[Document]], titles: Mapping[Language, Mapping[str, str]]
) -> dict[Language, Run]:
    """BM25 with the queries as they are."""
    everything = [document for held in documents.values() for document in held]
    index = LexicalIndex(everything)
    return {
        asking: {query: index.search(text, len(everything)) for query, text in queries.items()}
        for asking, queries in titles.items()
    }


def mode(asking: Language, answering: Language) -> str:
    """What is measured where a language asks and one language answers."""
    if asking == answering:
        return "MoIR"
    if ENGLISH in (asking, answering):
        return "CLIR X→English" if answering == ENGLISH else "CLIR English→X"
    return "CLIR X→Y"


def report(
    languages: list[Language],
    documents: Mapping[Language, list[Document]],
    runs: Mapping[str, Mapping[Language, Run]],
) -> None:
    """Scores of the one list, ranks of each document language, and shares of the top."""
    pages = [document.id.split(":", 1)[1] for document in documents[ENGLISH]]
    of = {document.id: language.tag for language, held in documents.items() for document in held}
    qrels = {page: {f"{language.tag}:{page}": 1 for language in languages} for page in pages}
    rows: list[Row] = []
    ranks: list[Row] = []
    shares: list[Row] = []
    for system, by_asking in runs.items():
        for asking, run in by_asking.items():
            scores = evaluate(run, qrels, MEASURES)
            rows += [
                {"language": asking.tag, "system": system, "measure": m, **vars(scores.summary(m))}
                for m in MEASURES
            ]
            found = language_shares(run, qrels, of, k=K)
            shifts = rank_shifts(run, qrels, of, k=len(of))
            places = {page: {d: i for i, d in enumerate(ranked(run[page]), start=1)} for page in pages}
            for answering in languages:
                own = [
                    places[page].get(f"{answering.tag}:{page}", len(of)) for page in pages
                ]  # what BM25 does not find stands last
                alone = {page: {f"{answering.tag}:{page}": 1} for page in pages}
                within = {
                    page: {d: s for d, s in run[page].items() if of[d] == answering.tag} for page in pages
                }
                named: Row = {"system": system, "queries": asking.tag, "documents": answering.tag}
                ranks.append(
                    named
                    | {
                        "mode": mode(asking, answering),
                        "nDCG@10 among these documents": round(
                            evaluate(within, alone, ["nDCG@10"]).mean("nDCG@10"), 4
                        ),
                        RANK: median(own),
                        "mean rank shift": round(shifts.mean[answering.tag], 1),
                    }
                )
                share = found.mean[answering.tag]
                shares.append(
                    named
                    | {
                        f"share of top {K}": round(share.in_top, 4),
                        "share of relevant": round(share.in_relevant, 4),
                    }
                )
    write_results(
        OUTPUT,
        "One index in many languages",
        rows,
        command="python experiments/multilingual_index.py",
        notes=NOTES,
        extra={
            "What there is": f"{len(pages)} pages in {len(languages)} languages: {len(of):,} documents.",
            TABLE: ranks,
            f"Shares of the top {K}": shares,
            "Evenness": evenness(shares, runs, languages),
        },
    )
    save_charts([ranks_chart(ranks)], OUTPUT, figures=".")


def ranks_chart(rows: list[Row]) -> Chart:
    """Each system as a square, languages that ask by languages that answer."""
    from matplotlib.colors import LogNorm

    systems = list(dict.fromkeys(row["system"] for row in rows))
    languages = list(dict.fromkeys(row["queries"] for row in rows))
    names = [resolve(tag).name for tag in languages]
    figure, axes = panels(len(systems), columns=2, width=9.0, height=3.4)
    worst = max(row[RANK] for row in rows)
    for panel, system in zip(axes, systems, strict=True):
        table = {(row["queries"], row["documents"]): row[RANK] for row in rows if row["system"] == system}
        values = [[table[asking, answering] for answering in languages] for asking in languages]
        panel.imshow(values, cmap="Blues_r", norm=LogNorm(1, worst), aspect="auto")
        panel.grid(visible=False)
        panel.spines[:].set_visible(False)
        panel.set_xticks(range(len(names)), names, rotation=30, ha="right")
        panel.set_yticks(range(len(names)), names)
        panel.set_title(system, fontsize=10)
        for i, line in enumerate(values):
            for j, value in enumerate(line):
                colour = "white" if value**2 < worst else "black"
                panel.text(j, i, f"{value:,.0f}", ha="center", va="center", fontsize=8.5, color=colour)
    for panel in axes[::2]:
        panel.set_ylabel("queries in", color=INK)
    return finished(
        figure,
        "rank-by-document-language",
        "Rank by document language",
        "One index holds every page in all these languages; each number is the median rank, in that one list, of the "
        "page's version in the language below, asked in the language at the left. A perfect list has all "
        "versions of the page first, whatever their language. Darker is better.",
        rows,
    )


def evenness(
    shares: list[Row], runs: Mapping[str, Mapping[Language, Run]], languages: list[Language]
) -> list[Row]:
    """How far a system's shares are from even, averaged over the languages that ask (0: even; 1: one language)."""
    table = []
    for system in runs:
        distances = []
        for asking in languages:
            own = [r for r in shares if r["system"] == system and r["queries"] == asking.tag]
            distances.append(sum(abs(r[f"share of top {K}"] - r["share of relevant"]) for r in own) / 2)
        table.append({"system": system, "share in the wrong language": round(fmean(distances), 4)})
    return table


if __name__ == "__main__":
    main()
