"""Runs and qrels in TREC format, read strictly and written in rank order, and which files belong to which system.

``bm25.run`` is the run of the system bm25; ``student.seed1.run`` and ``student.seed2.run`` are two runs of the system
student that differ in their seed. Where there are several languages each run is a folder (``bm25``,
``student.seed1``) with a ``<language>.run`` each, and the qrels are a folder with a ``<language>.qrels`` each.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kivuko.artifact import write_atomically
from kivuko.errors import InputError, UnknownNameError
from kivuko.evaluation.measures import Scores, evaluate
from kivuko.languages import resolve
from kivuko.ranking import MAX_GRADE, Qrels, Run, ranked
from kivuko.trec_lines import RUN, add_once, fits, not_a_number, read_lines, read_qrels

__all__ = ["Qrels", "Run", "read_qrels", "read_run", "write_qrels", "write_run"]


def read_run(path: Path) -> Run:
    """Read a TREC run; ranks in the file are ignored in favour of the scores, as trec_eval does.

    A run may be empty: a system that found nothing scores 0 on every judged query.

    Raises:
        InputError: no such file, wrong encoding, a ragged line, a score that is no finite number, a
            document that occurs twice for a query, or a last line that is cut off; the message names file:line.
    """
    run: Run = {}
    tag: str | None = None
    for line, (query, _, document, _, score, ending) in read_lines(Path(path), RUN):
        try:
            value = float(score)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or "_" in score or not score.isascii():
            raise not_a_number("a score is not a finite number", line, RUN, score)
        if not line.ended and tag is not None and tag != ending and tag.startswith(ending):
            raise InputError(
                "the last line is cut off",
                where=line.where,
                expected=f"the tag {tag}, as on the line before, and an end of line",
                got=ending,
                remedy="copy or write the whole file again",
            )
        tag = ending
        add_once(run.setdefault(query, {}), query, document, value, line)
    return run


def write_run(path: Path, run: Run, *, tag: str) -> None:
    """Write a run, queries by id and documents by rank from 1 (score descending, then document id ascending).

    A query without documents has no line; it scores 0 when it is judged.

    Raises:
        InputError: an id or the tag is empty or holds white space or a control character, or a score is not finite.
        StorageError: the disk refused the write.
    """
    _check_name(tag, "tag", path)
    lines = []
    for query in sorted(run):
        _check_name(query, "query id", path)
        for rank, document in enumerate(ranked(run[query]), start=1):
            _check_name(document, "document id", path)
            score = float(run[query][document])
            if not math.isfinite(score):
                raise InputError("a score is not finite", where=f"{query} {document}", got=score)
            lines.append(f"{query} Q0 {document} {rank} {score!r} {tag}\n")
    with write_atomically(Path(path)) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8")
        temporary.chmod(0o644)


def write_qrels(path: Path, qrels: Qrels) -> None:
    """Write qrels, queries and documents by id.

    Raises:
        InputError: an id is empty or holds white space or a control character, or a grade is beyond ``MAX_GRADE``.
        StorageError: the disk refused the write.
    """
    lines = []
    for query in sorted(qrels):
        _check_name(query, "query id", path)
        for document in sorted(qrels[query]):
            _check_name(document, "document id", path)
            if abs(qrels[query][document]) > MAX_GRADE:
                raise InputError(
                    "a grade is out of range", where=f"{query} {document}", got=qrels[query][document]
                )
            lines.append(f"{query} 0 {document} {qrels[query][document]}\n")
    with write_atomically(Path(path)) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8")
        temporary.chmod(0o644)


def _check_name(name: str, kind: str, where: Path) -> None:
    if not fits(name):
        raise InputError(
            f"a {kind} cannot be written in TREC format",
            where=where,
            expected="no white space or control character",
            got=repr(name),
        )


#: What stands for the language where no folder tells languages apart.
ONE_LANGUAGE = "all queries"
_SUFFIXES = (".run", ".trec", ".txt")
_SEED = re.compile(r"(?P<system>.+)\.seed(?P<seed>\d+)")


@dataclass(frozen=True)
class ScoredRun:
    """One run on one language's queries.

    Attributes:
        system: its name.
        language: by tag, or ``ONE_LANGUAGE``.
        path: the file.
        retrieved: queries in it.
        scores: what it reached.
    """

    system: str
    language: str
    path: Path
    retrieved: int
    scores: Scores


def name_systems(paths: Sequence[Path]) -> dict[str, list[Path]]:
    """System → the paths of its runs, by seed; systems in the order given.

    Where two folders hold runs of one name, the folder becomes part of the system's name.

    Raises:
        InputError: two paths are the same run, or a system has runs with a seed and one without.
    """
    found: dict[tuple[Path, str], dict[int | None, Path]] = {}
    for path in paths:
        name = path.name
        if path.suffix in _SUFFIXES and not path.is_dir():
            name = path.stem
        match = _SEED.fullmatch(name)
        seed = int(match["seed"]) if match else None
        runs = found.setdefault((path.parent, match["system"] if match else name), {})
        if seed in runs:
            raise InputError(
                "two runs are one", where=path, expected="each run once", got=f"{runs[seed]} and {path}"
            )
        runs[seed] = path
    systems = {}
    for (parent, name), runs in found.items():
        seeds = sorted(seed for seed in runs if seed is not None)
        in_order = [runs[seed] for seed in seeds] or [runs[None]]
        if seeds and None in runs:
            raise InputError(
                "a system has runs with a seed and one without",
                where=runs[None],
                expected=f"{name}.seed0, {name}.seed1, … or one run {name}",
                got=f"{len(seeds)} with a seed beside it",
                remedy="give the run its seed in its name, or give one kind only",
            )
        alone = sum(other == name for _, other in found) == 1
        systems[name if alone else str(parent / name)] = in_order
    return systems


def read_qrels_by_language(path: Path) -> dict[str, Qrels]:
    """The qrels of a file, as those of ``ONE_LANGUAGE``, or of a folder's ``<language>.qrels``, by tag.

    Raises:
        InputError: the folder has none, one is not named after a language, or a file is no qrels.
    """
    return {language: read_qrels(file) for language, file in _by_language(path, ".qrels").items()}


def score_system(
    system: str, path: Path, qrels: dict[str, Qrels], measures: Sequence[str]
) -> tuple[dict[str, ScoredRun], list[str]]:
    """Score one run of a system in every language of the qrels.

    Returns:
        Language → the scored run, and the languages of the run that have no qrels.

    Raises:
        InputError: a language of the qrels has no run, one of the two is a folder and the other is not, or a file is
            no run or not named after a language.
        UnknownNameError: a measure is unknown.
    """
    folder = ONE_LANGUAGE not in qrels
    if path.exists() and path.is_dir() != folder:
        raise InputError(
            "runs and qrels must both be files or both be folders",
            where=path,
            expected="a folder of <language>.run" if folder else "a run file",
            got="a folder" if path.is_dir() else "a file",
        )
    files = _by_language(path, ".run")
    missing = sorted(set(qrels) - set(files))
    if missing:
        raise InputError(
            "a run has not all languages of the qrels",
            where=path,
            expected=f"a <language>.run for each of {len(qrels)} languages",
            got=f"none for {', '.join(missing)}",
            remedy="add the runs (an empty file found nothing), or choose languages with --language",
        )
    scored = {}
    for language, judged in qrels.items():
        run = read_run(files[language])
        scores = evaluate(run, judged, measures)
        scored[language] = ScoredRun(system, language, files[language], len(run), scores)
    return scored, sorted(set(files) - set(qrels))


def _by_language(path: Path, suffix: str) -> dict[str, Path]:
    if not path.is_dir():
        return {ONE_LANGUAGE: path}
    found: dict[str, Path] = {}
    for file in sorted(path.glob(f"*{suffix}")):
        try:
            language = resolve(file.stem).tag
        except UnknownNameError as error:
            raise InputError(
                "a file is not named after a language",
                where=file,
                expected=f"<language>{suffix}, such as om{suffix} or orm-Latn{suffix}",
                got=file.name,
                remedy="rename it, or move it elsewhere",
            ) from error
        if language in found:
            raise InputError(
                "two files are one language's", where=path, got=f"{found[language].name} and {file.name}"
            )
        found[language] = file
    if not found:
        raise InputError(
            "a folder without languages", where=path, expected=f"files named <language>{suffix}", got="none"
        )
    return found
