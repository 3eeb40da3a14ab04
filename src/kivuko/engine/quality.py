"""How good a language of an engine is, without judgments, and by what it is searched best.

Known-item search: a translation pair that training did not see asks with its foreign side for its English side. Two
sets of questions: held-out pairs, among other texts of the bitext; and pairs that translate a document's title, which
ask the engine's own index for that document. Half of each, by hash, chooses how the language is searched; the other
half says how good that is. Held-out pairs, which may be of another domain than the documents, choose which model
reads and whether words help it; how much they say in a fusion is chosen by titles alone.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kivuko.collections.bitext import Pair
from kivuko.collections.document import Document
from kivuko.engine import state as layout
from kivuko.engine.state import WEIGHT, Reader, Way
from kivuko.evaluation.measures import Summary, evaluate
from kivuko.evaluation.significance import compare
from kivuko.languages import Language
from kivuko.ranking import Qrels, Run
from kivuko.retrieval.build import build_index
from kivuko.retrieval.fusion import choose_weight, score_fusion
from kivuko.retrieval.gloss import GLOSS_WEIGHT
from kivuko.retrieval.index import Index
from kivuko.retrieval.search import Searcher
from kivuko.text import comparison_key

if TYPE_CHECKING:
    from rich.progress import Progress

    from kivuko.engine.engine import Engine

MEASURE = "nDCG@10"
TITLES = "titles"
#: Of fewer questions than these in either half nothing is chosen, and only what was measured is said.
FEWEST = 10
_DEPTH = 100
_STUDENT, _TEACHER = Way("late-interaction", "student"), Way("late-interaction", "teacher")
_LEXICON = Way("lexicon-bm25")


@dataclass(frozen=True)
class Row:
    """One system on one set of questions, on the half that chose nothing.

    Attributes:
        questions: ``"held-out pairs"`` or ``"titles"``.
        system: what searched, as in :attr:`Quality.systems`.
        summary: nDCG@10 over questions: mean, 95 % bootstrap interval, n.
    """

    questions: str
    system: str
    summary: Summary


@dataclass(frozen=True)
class Quality:
    """What was measured of a language.

    Attributes:
        way: how it is searched from now on: what did best on the half that chooses.
        rows: every system on every set of questions.
        warnings: where the student is worse than the untrained encoder or the lexicon, and what follows.
    """

    way: Way
    rows: tuple[Row, ...]
    warnings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As an engine's manifest keeps it."""
        return {
            "measure": MEASURE,
            "way": asdict(self.way),
            "used": _system(self.way),
            "rows": [{"questions": r.questions, "system": r.system, **asdict(r.summary)} for r in self.rows],
            "warnings": list(self.warnings),
        }

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Quality:
        """What :meth:`as_json` gave."""
        rows = [
            Row(r["questions"], r["system"], Summary(r["mean"], r["low"], r["high"], r["n"]))
            for r in facts["rows"]
        ]
        return cls(Way(**facts["way"]), tuple(rows), tuple(facts["warnings"]))


@dataclass(frozen=True)
class _Questions:
    """One set of questions: what is asked, what it should find, and what is searched."""

    name: str
    index: Index
    queries: Mapping[str, str]
    qrels: Qrels

    @property
    def of_documents(self) -> bool:
        """Whether the engine's own documents are asked for, and so what its users will ask for."""
        return self.name == TITLES

    def half(self, chooses: bool) -> Qrels:
        """The judgments of the half that chooses, or of the other."""
        return {query: grades for query, grades in self.qrels.items() if _chooses(query) == chooses}


def measure(
    engine: Engine, language: Language, folder: Path, *, progress: Progress | None = None
) -> Quality | None:
    """Measure a language of an engine.

    Args:
        engine: where its documents and models are.
        language: one that it has.
        folder: of the language's parts.
        progress: a rich display for the bars.

    Returns:
        None where no pairs were held out.
    """
    from kivuko.engine.languages import held_out_pairs

    pairs = held_out_pairs(folder)
    if not pairs:
        return None
    with tempfile.TemporaryDirectory(prefix="kivuko-check-") as temporary:
        asked = _held_out(engine, pairs, Path(temporary) / "index", progress)
        titles = _titles(engine, pairs)
        sets = [asked, titles] if titles.queries else [asked]
        alone = {questions.name: _search(engine, language, folder, questions, progress) for questions in sets}
        return _judge(sets, alone)


def _search(
    engine: Engine, language: Language, folder: Path, questions: _Questions, progress: Progress | None
) -> dict[Way, Run]:
    """Single systems → what they find. Encoders and lexicon are those that the engine holds open."""
    runs: dict[Way, Run] = {}
    lexicon = engine.lexicon(language)
    if engine.index.space is not None:
        has_student = (folder / layout.STUDENT).is_dir()
        readers: tuple[Reader, ...] = ("student", "teacher") if has_student else ("teacher",)
        for reader in readers:
            for gloss in (0.0,) if lexicon is None else (GLOSS_WEIGHT, 0.0):
                searcher = Searcher(
                    questions.index,
                    model=engine.encoder(language, reader),
                    lexicon=lexicon,
                    method="late-interaction",
                    gloss=gloss,
                )
                run = searcher.rank(questions.queries, depth=_DEPTH, progress=progress)
                runs[Way("late-interaction", reader, gloss=gloss)] = run
    if lexicon is not None:
        runs[_LEXICON] = Searcher(questions.index, lexicon=lexicon).rank(questions.queries, depth=_DEPTH)
    return runs


def _judge(sets: Sequence[_Questions], alone: Mapping[str, Mapping[Way, Run]]) -> Quality:
    """Choose on one half, report on the other."""
    enough = [
        questions
        for questions in sets
        if min(len(questions.half(True)), len(questions.half(False))) >= FEWEST
    ]
    # Titles ask the engine's own documents, and so what its users will ask.
    choosing = enough[-1] if enough else sets[0]
    runs = alone[choosing.name]
    qrels = choosing.half(True)
    candidates: dict[Way, float] = {}

    def score(run: Run) -> float:
        return evaluate(run, qrels, [MEASURE]).mean(MEASURE) if qrels else 0.0

    fusions: dict[Way, Way] = {}
    for way, run in runs.items():
        if way.reader is not None and _LEXICON in runs:
            weight = _weight(run, runs[_LEXICON], score) if choosing.of_documents and enough else WEIGHT
            fusions[way] = replace(way, method="fusion", weight=weight)
            candidates[fusions[way]] = score(score_fusion(run, runs[_LEXICON], weight=weight, depth=_DEPTH))
        candidates[way] = score(run)
    # Among equals the first: what was trained, with all that helps it.
    way = max(candidates, key=lambda each: candidates[each]) if enough else next(iter(candidates))
    rows = []
    for questions in sets:
        qrels_left = questions.half(False) or questions.half(True)
        for name, run in _systems(alone[questions.name], fusions).items():
            summary = evaluate(run, qrels_left, [MEASURE]).summary(MEASURE)
            rows.append(Row(questions.name, name, summary))
    return Quality(way, tuple(rows), tuple(_warnings(sets, alone, way, bool(enough))))


def _weight(model: Run, lexicon: Run, score: Callable[[Run], float]) -> float:
    return choose_weight(
        lambda weight: score_fusion(model, lexicon, weight=weight, depth=_DEPTH), score
    ).weight


def _system(way: Way) -> str:
    """What a way of searching is called among the rows."""
    if way.reader is None:
        return "lexicon, BM25"
    name = {"student": "student", "teacher": "document encoder"}[way.reader]
    if way.method == "fusion":
        return f"{name}, gloss and lexicon, fused" if way.gloss else f"{name} and lexicon, fused"
    if way.gloss:
        return f"{name} with gloss"
    return f"{name}, untrained in the language" if way.reader == "teacher" else name


def _systems(runs: Mapping[Way, Run], fusions: Mapping[Way, Way]) -> dict[str, Run]:
    found = {_system(way): run for way, run in runs.items()}
    for way, fusion in fusions.items():
        found[_system(fusion)] = score_fusion(runs[way], runs[_LEXICON], weight=fusion.weight, depth=_DEPTH)
    return found


def _warnings(
    sets: Sequence[_Questions], alone: Mapping[str, Mapping[Way, Run]], way: Way, chose: bool
) -> list[str]:
    """Where the student is worse than what needs no training; and where there was too little to tell."""
    found = []
    for questions in sets:
        runs = alone[questions.name]
        if _STUDENT not in runs:
            continue
        for rival in (_TEACHER, _LEXICON):
            if rival not in runs:
                continue
            ours, theirs = (evaluate(runs[each], questions.qrels, [MEASURE]) for each in (_STUDENT, rival))
            result = compare(theirs.per_query[MEASURE], ours.per_query[MEASURE], seed=0)
            if result.difference > 0:
                sure = "" if result.p < 0.05 else f", which may be chance (p {result.p:.2f})"
                found.append(
                    f"on {questions.name} the student ({ours.mean(MEASURE):.3f}) is worse than the "
                    f"{_system(rival)} ({theirs.mean(MEASURE):.3f}){sure}"
                )
    if found:
        found.append(f"searches therefore use what did best: {way}")
    if not chose:
        found.append(
            f"too few held-out questions to choose by (fewer than {2 * FEWEST}): {way} is the default"
        )
    return found


def _held_out(engine: Engine, pairs: Sequence[Pair], output: Path, progress: Progress | None) -> _Questions:
    """Held-out pairs among each other: the English sides as documents, in the engine's vector space."""
    texts = {comparison_key(pair.english): pair for pair in pairs}
    documents = [Document(f"p{number}", "", pair.english) for number, pair in enumerate(texts.values())]
    model = None if engine.index.space is None else engine.encoder(engine.document_language, "teacher")
    kind = "lexical" if model is None else "exact"
    build_index(documents, model, output, kind=kind, progress=progress)  # type: ignore[arg-type]
    queries = {f"p{number}": pair.foreign for number, pair in enumerate(texts.values())}
    return _Questions("held-out pairs", Index.open(output), queries, {query: {query: 1} for query in queries})


def _titles(engine: Engine, pairs: Sequence[Pair]) -> _Questions:
    """Held-out pairs that translate a document's title, against the engine's own index."""
    owners: dict[str, list[str]] = {}
    for document in engine.index.documents:
        if document.title:
            owners.setdefault(comparison_key(document.title), []).append(document.id)
    asked = {
        f"t{number}": (pair.foreign, owners[comparison_key(pair.english)])
        for number, pair in enumerate(pairs)
        if comparison_key(pair.english) in owners
    }
    return _Questions(
        TITLES,
        engine.index,
        {query: text for query, (text, _) in asked.items()},
        {query: dict.fromkeys(documents, 1) for query, (_, documents) in asked.items()},
    )


def _chooses(query: str) -> bool:
    return hashlib.sha256(f"half {query}".encode()).digest()[0] % 2 == 0
