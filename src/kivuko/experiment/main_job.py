"""The main job: from a language's name to a trained, indexed and evaluated search engine.

Every step leaves an artefact in the cache and does nothing when its inputs have not changed, so a repeated run
takes seconds and a killed one goes on where it was. Everything that is chosen is chosen on development pages;
the test pages are only scored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.progress import Progress

from kivuko.artifact import cache_folder, hash_json, is_complete, read_manifest, write_artifact
from kivuko.codeswitch import Lexicon, induce
from kivuko.data import Bitext, Collection, build_bitext, build_collection
from kivuko.evaluation.measures import evaluate
from kivuko.evaluation.run import read_run, write_run
from kivuko.languages import Language
from kivuko.models import late_interaction
from kivuko.ranking import Qrels, Run
from kivuko.retrieval.fusion import choose_weight, reciprocal_rank_fusion
from kivuko.retrieval.index import Index, build_index
from kivuko.retrieval.late_interaction import search_late_interaction
from kivuko.retrieval.lexical import TITLE_WEIGHT, LexicalIndex
from kivuko.retrieval.translate import QueryTranslator
from kivuko.training.regimes.optical import OpticalSettings, train_optical
from kivuko.training.teacher import BASE, centred_encoder, default_teacher, untrained_teacher

DEPTH = 100
#: System name → what it is, in the order of the table.
SYSTEMS = {
    "english-title": "English title, late interaction (ceiling)",
    "untranslated-bm25": "BM25, query as it is",
    "lexicon-bm25": "BM25, query through the induced lexicon",
    "zero-shot": "encoder as it is, late interaction",
    "zero-shot-centred": "the same, centred (the starting line)",
    "optical": "OPTICAL student",
    "fusion": "OPTICAL student + lexicon BM25",
}
#: Query kinds that are evaluated; the first is the one everything is chosen on.
QUERY_KINDS = ("title", "paragraph")


@dataclass(frozen=True)
class MainJob:
    """What one language's main job left behind.

    Attributes:
        language: the language of the queries.
        collection: the test collection.
        teacher: model folder that encoded the documents for the student.
        student: model folder that encodes the queries.
        index: index folder in the teacher's space.
        lexicon: lexicon folder.
        runs: folder with a TREC run for each query kind, split and system.
        fusion_weight: the student's weight in the fusion.
        fusion_k: rank constant of the fusion.
    """

    language: Language
    collection: Collection
    teacher: Path
    student: Path
    index: Path
    lexicon: Path
    runs: Path
    fusion_weight: float
    fusion_k: int

    def run(self, system: str, kind: str = "title", split: str = "test") -> Run:
        """A system's ranking of one kind of queries, ``split`` being ``"development"`` or ``"test"``."""
        return read_run(self.runs / _run_name(kind, split, system))

    def qrels(self, kind: str = "title", split: str = "test") -> Qrels:
        """The judgments those rankings are scored with."""
        return self.collection.qrels(kind, split)


def run_main_job(
    language: Language, *, settings: OpticalSettings | None = None, progress: Progress | None = None
) -> MainJob:
    """Fetch, build, train, index and search, for one language.

    Args:
        language: one with a help collection (``kivuko data list``).
        settings: how to train the student.
        progress: a rich display for the bars.

    Raises:
        InputError: there is no collection in this language.
        FetchError: a package cannot be brought.
        StorageError: the disk is full; finished steps stay.
    """
    collection = Collection.open(_step(progress, "collection", lambda: build_collection(language)))
    bitext = Bitext.open(_step(progress, "bitext", lambda: build_bitext(language)))
    teacher, centred = default_teacher(progress), centred_encoder(progress)
    raw = untrained_teacher(BASE, [], centred=False)
    index = collection_index(collection, teacher, progress)
    home = cache_folder() / "main-job" / language.tag
    lexicon = _step(progress, "lexicon", lambda: _lexicon(bitext, home / "lexicon"))
    student = train_optical(
        bitext.pairs, language, teacher, home / "student", settings=settings, progress=progress
    )
    encoders = {
        "zero-shot": (raw, collection_index(collection, raw, progress)),
        "zero-shot-centred": (centred, collection_index(collection, centred, progress)),
        "optical": (student, index),
        "english-title": (teacher, index),
    }
    parents = {
        "collection": collection.manifest.hash,
        "lexicon": read_manifest(lexicon, "lexicon").hash,
        "lexical index": f"title weight {TITLE_WEIGHT}",
        **{system: _hashes(model, searched) for system, (model, searched) in encoders.items()},
    }
    runs = home / "runs"
    if not (is_complete(runs) and read_manifest(runs, "runs").parents == parents):
        _search(collection, runs, parents, encoders, lexicon, progress)
    chosen = read_manifest(runs, "runs").meta
    return MainJob(
        language,
        collection,
        teacher,
        student,
        index,
        lexicon,
        runs,
        chosen["fusion_weight"],
        chosen["fusion_k"],
    )


def _search(
    collection: Collection,
    output: Path,
    parents: dict[str, str],
    encoders: dict[str, tuple[Path, Path]],
    lexicon: Path,
    progress: Progress | None,
) -> None:
    """Rank development and test queries with every system; the fusion is chosen on development titles.

    ``encoders`` names the model of each late-interaction system and the index it searches.
    """
    lexical = LexicalIndex(collection.documents)
    translator = QueryTranslator(Lexicon.open(lexicon), lexical)
    runs: dict[tuple[str, str, str], Run] = {}
    for kind in QUERY_KINDS:
        for split in ("development", "test"):
            queries = collection.queries(kind, split)
            runs[kind, split, "untranslated-bm25"] = {
                query: lexical.search(text, DEPTH) for query, text in queries.items()
            }
            runs[kind, split, "lexicon-bm25"] = translator.run(queries, DEPTH)
            for system, (model, index) in encoders.items():
                if system == "english-title":
                    if kind != "title":
                        continue
                    queries = collection.queries("english-title", split)
                runs[kind, split, system] = search_late_interaction(
                    Index.open(index), model, queries, depth=DEPTH, progress=progress
                )
    qrels = collection.qrels("title", "development")
    chosen = choose_weight(
        runs["title", "development", "optical"],
        runs["title", "development", "lexicon-bm25"],
        lambda run: evaluate(run, qrels, ["nDCG@10"]).mean("nDCG@10"),
    )
    for kind in QUERY_KINDS:
        for split in ("development", "test"):
            runs[kind, split, "fusion"] = reciprocal_rank_fusion(
                runs[kind, split, "optical"],
                runs[kind, split, "lexicon-bm25"],
                k=chosen.k,
                weight=chosen.weight,
                depth=DEPTH,
            )
    meta = {"fusion_weight": chosen.weight, "fusion_k": chosen.k, "fusion_development": chosen.score}
    with write_artifact(output, "runs", parents=parents, meta=meta) as folder:
        for (kind, split, system), run in runs.items():
            write_run(folder / _run_name(kind, split, system), run, tag=system)


def collection_index(collection: Collection, model: Path, progress: Progress | None) -> Path:
    """The English documents in a model's space; all languages share it."""
    key = hash_json(
        [read_manifest(model, late_interaction.KIND).hash, [asdict(d) for d in collection.documents]]
    )
    return build_index(collection.documents, model, cache_folder() / "indexes" / key[:16], progress=progress)


def _lexicon(bitext: Bitext, path: Path) -> Path:
    parents = {"bitext": bitext.manifest.hash}
    if not (is_complete(path) and read_manifest(path, "lexicon").parents == parents):
        induce(bitext.pairs, bitext.language).save(path, parents=parents)
    return path


def _step(progress: Progress | None, label: str, work: Callable[[], Path]) -> Path:
    """Run a step that cannot say how far it is, under a bar that shows it is alive."""
    if progress is None:
        return work()
    bar = progress.add_task(label, total=None)
    path = work()
    progress.update(bar, total=1, completed=1)
    return path


def _hashes(model: Path, index: Path) -> str:
    return hash_json([read_manifest(model, late_interaction.KIND).hash, read_manifest(index, "index").hash])


def _run_name(kind: str, split: str, system: str) -> str:
    return f"{kind}.{split}.{system}.run"
