"""The main job: from a language's name to a trained, indexed and evaluated search engine.

Every step leaves an artefact in the cache and does nothing when its inputs have not changed, so a repeated run
takes seconds and a killed one goes on where it was. Everything that is chosen is chosen on development pages;
the test pages are only scored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from rich.progress import Progress

from kivuko.artifact import cache_folder, hash_json, is_complete, read_manifest, write_artifact
from kivuko.codeswitch import Lexicon, induce
from kivuko.collections.bitext import Bitext
from kivuko.collections.collection import Collection
from kivuko.collections.split import HELD_OUT
from kivuko.evaluation.measures import evaluate
from kivuko.evaluation.run import read_run, write_run
from kivuko.experiment.scoring import DEPTH, collection_index
from kivuko.languages import Language
from kivuko.models.encoder import Encoder
from kivuko.models.identity import model_hash
from kivuko.public.bitext import build_bitext
from kivuko.public.collections import build_collection
from kivuko.ranking import Qrels, Run
from kivuko.retrieval.fusion import WeightChoice, choose_weight, score_fusion
from kivuko.retrieval.index import Index
from kivuko.retrieval.late_interaction import search_late_interaction
from kivuko.retrieval.lexical import TITLE_WEIGHT, LexicalIndex
from kivuko.retrieval.query_translation import WAY, QueryTranslator
from kivuko.training.optical import QUICK_SETTINGS, OpticalSettings, train_optical
from kivuko.training.teacher import BASE, centred_encoder, default_teacher, quick_teacher, untrained_teacher

CEILING = "english-title"
#: System name → what it is, in the order of the table.
SYSTEMS = {
    CEILING: "English (ceiling)",
    "untranslated-bm25": "BM25, untranslated",
    "lexicon-bm25": "BM25 by lexicon",
    "zero-shot": "zero-shot",
    "zero-shot-centred": "zero-shot, centred",
    "zero-shot-teacher": "teacher, zero-shot",
    "optical": "OPTICAL student",
    "fusion": "OPTICAL + lexicon",
}
QUERY_KINDS = ("title", "paragraph")
#: What the fusion joins, and all that the development split is searched with: its weight is chosen there.
PARTS = ("optical", "lexicon-bm25")
#: Only titles have an English original; two controls are left out for long queries, which take long to score.
TITLES_ONLY = {CEILING, "zero-shot", "zero-shot-teacher"}


@dataclass(frozen=True)
class Effort:
    """How much a main job works.

    Attributes:
        name: of the folder in the cache where it keeps what it makes.
        teacher: brings the teacher.
        student: how the student is trained.
        systems: what is compared, of :data:`SYSTEMS`.
        operations: floating-point operations of training and encoding, roughly, from the numbers of tokens in Oromo:
            6 a weight and token in training, 2 in encoding. What the time is estimated from.
    """

    name: str
    teacher: Callable[[Progress | None], Path]
    student: OpticalSettings
    systems: tuple[str, ...]
    operations: float


#: The best that is known, and every control.
FULL = Effort("main-job", default_teacher, OpticalSettings(), tuple(SYSTEMS), 3.2e14)
#: What shows the main thing within minutes (docs/results/demo): pages are encoded once.
QUICK = Effort(
    "demo",
    quick_teacher,
    QUICK_SETTINGS,
    tuple(system for system in SYSTEMS if system not in ("zero-shot", "zero-shot-centred")),
    6.5e13,
)


@dataclass(frozen=True)
class MainJob:
    """What one language's main job left behind.

    Attributes:
        language: the language of the queries.
        effort: what it was made with.
        collection: the test collection.
        teacher: model folder that encoded the documents for the student.
        student: model folder that encodes the queries.
        index: index folder in the teacher's space.
        lexicon: lexicon folder.
        runs: query kind → folder with a TREC run of each system but the fusion for the test split, and of
            :data:`PARTS` for the development split.
        fusions: query kind → folder with a TREC run of the fusion for each split.
    """

    language: Language
    effort: Effort
    collection: Collection
    teacher: Path
    student: Path
    index: Path
    lexicon: Path
    runs: dict[str, Path]
    fusions: dict[str, Path]

    def run(self, system: str, kind: str = "title", split: str = "test") -> Run:
        """A system's ranking of one kind of queries.

        Args:
            system: one of :meth:`systems`; of the development split, of :data:`PARTS` or the fusion.
            kind: of the queries.
            split: ``"development"`` or ``"test"``.
        """
        folder = (self.fusions if system == "fusion" else self.runs)[kind]
        return read_run(folder / _run_name(split, system))

    def fusion(self, kind: str = "title") -> WeightChoice:
        """The student's weight in the fusion, as chosen on development queries of this kind."""
        return WeightChoice(**read_manifest(self.fusions[kind], "runs").meta)

    def systems(self, kind: str = "title") -> list[str]:
        """The systems that ranked this kind of queries."""
        return [system for system in self.effort.systems if kind == "title" or system not in TITLES_ONLY]

    def qrels(self, kind: str = "title", split: str = "test") -> Qrels:
        """The judgments those rankings are scored with."""
        return self.collection.qrels(kind, split)


def run_main_job(
    language: Language,
    *,
    effort: Effort = FULL,
    kinds: Sequence[str] = ("title",),
    when_words: Callable[[Collection, QueryTranslator], None] | None = None,
    progress: Progress | None = None,
) -> MainJob:
    """Fetch, build, train, index and search, for one language.

    Args:
        language: one with a help collection (``kivuko data list``).
        effort: how much to work.
        kinds: query kinds to search.
        when_words: called when pages can be found by the lexicon, long before there is a student.
        progress: a rich display for the bars.

    Raises:
        InputError: there is no collection in this language.
        FetchError: a package cannot be brought.
        StorageError: the disk is full; finished steps stay.
    """
    collection = Collection.open(_step(progress, "collection", lambda: build_collection(language)))
    bitext = Bitext.open(_step(progress, "bitext", lambda: build_bitext(language)))
    home = cache_folder() / effort.name / language.tag
    lexicon = _step(progress, "lexicon", lambda: _lexicon(bitext, home / "lexicon"))
    translator = QueryTranslator(Lexicon.open(lexicon), LexicalIndex(collection.documents))
    if when_words:
        when_words(collection, translator)
    teacher = effort.teacher(progress)
    index = collection_index(collection, teacher, progress)
    student = train_optical(
        bitext.pairs, language, teacher, home / "student", settings=effort.student, progress=progress
    )
    encoders = {"zero-shot-teacher": (teacher, index), "optical": (student, index), CEILING: (teacher, index)}
    untrained: dict[str, Callable[[], Path]] = {
        "zero-shot": lambda: untrained_teacher(BASE, [], centred=False),
        "zero-shot-centred": lambda: centred_encoder(progress),
    }
    for system, encoder in untrained.items():
        if system in effort.systems:
            folder = encoder()
            encoders[system] = folder, collection_index(collection, folder, progress)
    parents = {
        "collection": collection.manifest.hash,
        "lexicon": read_manifest(lexicon, "lexicon").hash,
        "lexical index": f"title weight {TITLE_WEIGHT}, {WAY}",
        **{system: _hashes(model, searched) for system, (model, searched) in encoders.items()},
    }
    runs = {kind: home / "runs" / kind for kind in kinds}
    fusions = {kind: home / "fusions" / kind for kind in kinds}
    for kind, folder in runs.items():
        if not (is_complete(folder) and read_manifest(folder, "runs").parents == parents):
            found = _search(collection, kind, encoders, translator, progress)
            with write_artifact(folder, "runs", parents=parents, meta={}) as building:
                for split, split_runs in found.items():
                    for system, run in split_runs.items():
                        write_run(building / _run_name(split, system), run, tag=system)
        _fuse(collection, kind, folder, fusions[kind])
    return MainJob(language, effort, collection, teacher, student, index, lexicon, runs, fusions)


def _search(
    collection: Collection,
    kind: str,
    encoders: Mapping[str, tuple[Path, Path]],
    translator: QueryTranslator,
    progress: Progress | None,
) -> dict[str, dict[str, Run]]:
    """Split → system → its ranking of one kind of queries; of the development split, the fusion's parts alone.

    ``encoders`` names the model of each late-interaction system and the index it searches.
    """
    runs: dict[str, dict[str, Run]] = {split: {} for split in HELD_OUT}
    for system in ("untranslated-bm25", "lexicon-bm25", *encoders):
        if kind != "title" and system in TITLES_ONLY:
            continue
        rank = _ranker(system, encoders, translator, progress)
        for split in HELD_OUT if system in PARTS else ("test",):
            asked = collection.queries("english-title" if system == CEILING else kind, split)
            runs[split][system] = rank(asked)
    return runs


def _ranker(
    system: str,
    encoders: Mapping[str, tuple[Path, Path]],
    translator: QueryTranslator,
    progress: Progress | None,
) -> Callable[[Mapping[str, str]], Run]:
    """How a system ranks queries; its model is opened here, once for both splits."""
    if system == "untranslated-bm25":
        return lambda queries: {
            query: translator.index.search(text, DEPTH) for query, text in queries.items()
        }
    if system == "lexicon-bm25":
        return lambda queries: translator.run(queries, DEPTH)
    model, index = encoders[system]
    return partial(
        search_late_interaction, Index.open(index), Encoder.open(model), depth=DEPTH, progress=progress
    )


def _fuse(collection: Collection, kind: str, runs: Path, output: Path) -> None:
    """Fuse the student's and the lexicon's rankings, by the weight that is best on development queries."""
    parents = {"runs": read_manifest(runs, "runs").hash, "fusion": "heights of scores"}
    if is_complete(output) and read_manifest(output, "runs").parents == parents:
        return
    parts = {split: [read_run(runs / _run_name(split, part)) for part in PARTS] for split in HELD_OUT}
    qrels = collection.qrels(kind, "development")
    chosen = choose_weight(
        lambda weight: score_fusion(*parts["development"], weight=weight, depth=DEPTH),
        lambda run: evaluate(run, qrels, ["nDCG@10"]).mean("nDCG@10"),
    )
    with write_artifact(output, "runs", parents=parents, meta=asdict(chosen)) as building:
        for split, (student, lexicon) in parts.items():
            fused = score_fusion(student, lexicon, weight=chosen.weight, depth=DEPTH)
            write_run(building / _run_name(split, "fusion"), fused, tag="fusion")


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
    return hash_json([model_hash(model), read_manifest(index, "index").hash])


def _run_name(split: str, system: str) -> str:
    return f"{split}.{system}.run"
