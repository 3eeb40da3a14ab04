"""How good a language of an engine is, without judgments, and by what it is searched best.

Known-item search: a translation pair that training did not see asks with its foreign side for its English side. Two
sets of questions: held-out pairs, among other texts of the bitext; and pairs that translate a document's title, which
ask the engine's own index for that document. Half of each, by hash, chooses how the language is searched; the other
half says how good that is.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kivuko.collections.bitext import Pair
from kivuko.collections.document import Document
from kivuko.engine import state as layout
from kivuko.engine.state import Reader, Way
from kivuko.evaluation.measures import Summary, evaluate
from kivuko.evaluation.significance import compare
from kivuko.languages import Language
from kivuko.ranking import Qrels, Run
from kivuko.retrieval.build import build_index
from kivuko.retrieval.fusion import choose_weight, score_fusion
from kivuko.retrieval.index import Index
from kivuko.retrieval.search import Searcher
from kivuko.text import comparison_key

if TYPE_CHECKING:
    from rich.progress import Progress

    from kivuko.engine.engine import Engine

MEASURE = "nDCG@10"
#: Of fewer questions than these in either half nothing is chosen, and only what was measured is said.
FEWEST = 10
_DEPTH = 100


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
) -> dict[str, Run]:
    """Single systems → what they find. Encoders and lexicon are those that the engine holds open."""
    runs: dict[str, Run] = {}
    lexicon = engine.lexicon(language)
    if engine.index.space is not None:
        has_student = (folder / layout.STUDENT).is_dir()
        readers: tuple[Reader, ...] = ("teacher", "student") if has_student else ("teacher",)
        for reader in readers:
            searcher = Searcher(questions.index, model=engine.encoder(language, reader))
            runs[reader] = searcher.rank(questions.queries, depth=_DEPTH, progress=progress)
    if lexicon is not None:
        runs["lexicon"] = Searcher(questions.index, lexicon=lexicon).rank(questions.queries, depth=_DEPTH)
    return runs


def _judge(sets: Sequence[_Questions], alone: Mapping[str, Mapping[str, Run]]) -> Quality:
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

    weights: dict[Reader, float] = {}
    readers: tuple[Reader, ...] = ("student", "teacher")
    for reader in readers:
        if reader not in runs:
            continue
        if "lexicon" in runs:
            chosen = (
                choose_weight(
                    lambda weight, reader=reader: score_fusion(  # type: ignore[misc]
                        runs[reader], runs["lexicon"], weight=weight, depth=_DEPTH
                    ),
                    score,
                )
                if enough
                else None
            )
            weights[reader] = 0.5 if chosen is None else chosen.weight
            fused = score_fusion(runs[reader], runs["lexicon"], weight=weights[reader], depth=_DEPTH)
            candidates[Way("fusion", reader, weights[reader])] = score(fused)
        candidates[Way("late-interaction", reader)] = score(runs[reader])
    if "lexicon" in runs:
        candidates[Way("lexicon-bm25")] = score(runs["lexicon"])
    # Among equals the first: what was trained, fused.
    way = max(candidates, key=lambda each: candidates[each]) if enough else next(iter(candidates))
    rows = []
    for questions in sets:
        qrels_left = questions.half(False) or questions.half(True)
        for name, run in _systems(alone[questions.name], weights).items():
            summary = evaluate(run, qrels_left, [MEASURE]).summary(MEASURE)
            rows.append(Row(questions.name, name, summary))
    return Quality(way, tuple(rows), tuple(_warnings(sets, alone, way, bool(enough))))


def _system(way: Way) -> str:
    """What a way of searching is called among the rows."""
    if way.reader is None:
        return NAMES["lexicon"]
    name = NAMES[way.reader]
    return f"{name.split(',')[0]} and lexicon, fused" if way.method == "fusion" else name


NAMES = {
    "student": "student",
    "teacher": "document encoder, untrained in the language",
    "lexicon": "lexicon, BM25",
}


def _systems(runs: Mapping[str, Run], weights: Mapping[Reader, float]) -> dict[str, Run]:
    found = {NAMES[name]: run for name, run in runs.items()}
    for reader, weight in weights.items():
        fused = score_fusion(runs[reader], runs["lexicon"], weight=weight, depth=_DEPTH)
        found[_system(Way("fusion", reader, weight))] = fused
    return found


def _warnings(
    sets: Sequence[_Questions], alone: Mapping[str, Mapping[str, Run]], way: Way, chose: bool
) -> list[str]:
    """Where the student is worse than what needs no training; and where there was too little to tell."""
    found = []
    for questions in sets:
        runs = alone[questions.name]
        if "student" not in runs:
            continue
        for rival in ("teacher", "lexicon"):
            if rival not in runs:
                continue
            ours, theirs = (evaluate(runs[name], questions.qrels, [MEASURE]) for name in ("student", rival))
            result = compare(theirs.per_query[MEASURE], ours.per_query[MEASURE], seed=0)
            if result.difference > 0:
                sure = "" if result.p < 0.05 else f", which may be chance (p {result.p:.2f})"
                found.append(
                    f"on {questions.name} the student ({ours.mean(MEASURE):.3f}) is worse than the "
                    f"{NAMES[rival]} ({theirs.mean(MEASURE):.3f}){sure}"
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
        "titles",
        engine.index,
        {query: text for query, (text, _) in asked.items()},
        {query: dict.fromkeys(documents, 1) for query, (_, documents) in asked.items()},
    )


def _chooses(query: str) -> bool:
    return hashlib.sha256(f"half {query}".encode()).digest()[0] % 2 == 0
