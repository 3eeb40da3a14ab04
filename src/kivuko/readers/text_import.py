"""Running text of one language as an artefact: filtered once, in shards, and resumed after any interruption.

Complete shards stand in the folder of :mod:`kivuko.files.resumable` until all are there. A killed import goes on
after the last of them, in the source file that it had come to; its result is the same to the byte as without the
interruption.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.progress import Progress

from kivuko.artifact import check_replaceable, write_artifact
from kivuko.collections.counts import DropReport
from kivuko.errors import ArtifactError, InputError
from kivuko.files.resumable import Unfinished, json_line, unfinished
from kivuko.files.streams import lines
from kivuko.languages import Language, resolve
from kivuko.readers.running_text import (
    FEWEST_WORDS,
    KIND,
    LOWEST_SCRIPT_SHARE,
    Place,
    TextFilter,
    Unit,
    text_files,
    texts_of_file,
)

SHARD_SIZE = 100_000
PART = "texts"
NOTICE = "Texts as their sources have them: the licence of the sources holds."


@dataclass
class _State:
    """How far an import has come: up to the last text of its last complete shard.

    Attributes:
        shards: how many are complete.
        file: index of the source file that is being read.
        place: of the last text that was looked at in it.
        kept: texts in the shards.
        dropped: reason → count.
        ended: whether all sources were read.
    """

    shards: int = 0
    file: int = 0
    place: Place = field(default_factory=Place)
    kept: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    ended: bool = False


def import_text(
    source: Path | str,
    output: Path | str,
    language: Language | str,
    *,
    unit: Unit = "document",
    fewest_words: int = FEWEST_WORDS,
    lowest_script_share: float = LOWEST_SCRIPT_SHARE,
    in_language: Callable[[str], bool] | None = None,
    shard_size: int = SHARD_SIZE,
    progress: Progress | None = None,
) -> DropReport:
    """Stream files of running text through the filters into a folder of shards.

    Memory does not grow with the sources, but for some 10 bytes for each text that is kept, by which copies are
    known. When it resumes, source files that were read are not opened, and lines that were read are skipped
    unparsed.

    Args:
        source: a file or folder; see :func:`kivuko.readers.running_text.read_monolingual`.
        output: folder of the artefact: ``texts-00000.jsonl`` and so on, a ``{"text": …}`` a line.
        language: what the texts should be in.
        unit: documents, paragraphs or lines.
        fewest_words, lowest_script_share, in_language: see :class:`kivuko.readers.running_text.TextFilter`.
        shard_size: texts a shard.
        progress: a rich display for a bar over the bytes of the file that is read.

    Returns:
        How many texts were kept, and the others by reason. The manifest has the same under ``counts``.

    Raises:
        InputError: a source is damaged (names ``file:line``), or no text is left.
        ArtifactError: something else stands at ``output``, another process imports there, or an interrupted import
            there had other settings or sources.
        UnknownNameError: the language is unknown.
        StorageError: the disk is full or not writable; complete shards stay for the next try.
    """
    output = Path(output)
    found = resolve(language) if isinstance(language, str) else language
    check_replaceable(output, KIND)
    passed_over = DropReport()
    files = list(text_files(Path(source), passed_over))
    recipe: dict[str, Any] = {
        "version": 1,
        "language": found.tag,
        "unit": unit,
        "fewest_words": fewest_words,
        "lowest_script_share": lowest_script_share,
        "language_identified": in_language is not None,
        "shard_size": shard_size,
        "sources": [[_relative(file, Path(source)), file.stat().st_size] for file in files],
    }
    keep = TextFilter(found, fewest_words, lowest_script_share, in_language)
    with unfinished(output, recipe, files, progress) as work:
        state = _resumed(work, _State(dropped=dict(passed_over.reasons)), keep, progress)
        if not state.ended:
            _write_shards(work, state, files, recipe, keep, progress)
        report = DropReport(state.kept, Counter(state.dropped))
        if not report.kept:
            raise InputError(
                f"no text in {found.name} is left",
                where=source,
                got=f"{report.before:,} texts; dropped: {report.reasons_text}",
                remedy="check the language, and the fewest words and the script share that are asked for",
            )
        meta = {
            "language": found.tag,
            "recipe": recipe,
            "counts": {"texts": report.as_json()},
            "notice": NOTICE,
        }
        with write_artifact(output, KIND, meta=meta) as building:
            for number in range(state.shards):
                work.place(_shard(number), building / _shard(number))
    return report


def _write_shards(
    work: Unfinished,
    state: _State,
    files: list[Path],
    recipe: dict[str, Any],
    keep: TextFilter,
    progress: Progress | None,
) -> None:
    """Read on from ``state``, which is saved after each shard and at the end."""
    size = recipe["shard_size"]
    report = DropReport(state.kept, Counter(state.dropped))
    texts = _kept_texts(state, files, recipe["unit"], keep, report, progress)
    first = next(texts, None)
    while first is not None:
        partial = work.folder / "partial"
        with partial.open("wb") as stream:
            (state.file, state.place), text = first
            stream.write(json_line({"text": text}))
            # One more than a shard is never drawn: what follows it is not judged before the state is saved.
            while report.kept < (state.shards + 1) * size and (following := next(texts, None)) is not None:
                (state.file, state.place), text = following
                stream.write(json_line({"text": text}))
        full = report.kept == (state.shards + 1) * size
        os.replace(partial, work.folder / _shard(state.shards))
        state.shards += 1
        state.kept, state.dropped = report.kept, dict(report.reasons)
        state.ended = not full
        _save(work, state)
        first = next(texts, None) if full else None
    if not state.ended:
        state.dropped, state.ended = dict(report.reasons), True
        _save(work, state)


def _kept_texts(
    state: _State,
    files: list[Path],
    unit: Unit,
    keep: TextFilter,
    report: DropReport,
    progress: Progress | None,
) -> Iterator[tuple[tuple[int, Place], str]]:
    """File index, place and text of each text that is kept after ``state``; the others are counted."""
    start = state.file
    after: Place | None = state.place
    for index in range(start, len(files)):
        for place, raw in texts_of_file(files[index], unit, after=after, progress=progress):
            text, reason = keep.judge(raw)
            if reason:
                report.drop(reason)
                continue
            report.kept += 1
            yield (index, place), text
        after = None


def _resumed(work: Unfinished, fresh: _State, keep: TextFilter, progress: Progress | None) -> _State:
    """The saved state, with the texts of its shards known to ``keep``; or the fresh one.

    Raises:
        ArtifactError: the shards are not those that it was saved with.
    """
    saved = work.part(PART).facts
    if not saved:
        return fresh
    state = _State(**{**saved, "place": Place(**saved["place"])})
    work.goes_on(PART, "texts")
    known = 0
    for number in range(state.shards):
        for _, line in lines(work.folder / _shard(number), progress):
            known += keep.remember(json.loads(line)["text"])
    if known != state.kept:
        raise ArtifactError(
            "the shards of an interrupted import are damaged",
            where=work.folder,
            expected=f"{state.kept:,} texts",
            got=f"{known:,}",
            remedy=f"remove {work.folder} to start anew",
        )
    return state


def _save(work: Unfinished, state: _State) -> None:
    work.save(PART, state.kept + sum(state.dropped.values()), asdict(state), ended=state.ended)


def _shard(number: int) -> str:
    return f"texts-{number:05d}.jsonl"


def _relative(file: Path, source: Path) -> str:
    return file.name if file == source else file.relative_to(source).as_posix()
