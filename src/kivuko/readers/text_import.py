"""Running text of one language as an artefact: filtered once, in shards, and resumed after any interruption.

Each source file is a part of :mod:`kivuko.files.resumable`: a killed import goes on with the one that it had come to,
and its result is the same to the byte as without the interruption.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from rich.progress import Progress

from kivuko.artifact import check_replaceable, write_artifact
from kivuko.collections.counts import DropReport
from kivuko.errors import InputError
from kivuko.files.resumable import Unfinished, json_line, unfinished
from kivuko.readers.running_text import (
    KIND,
    TextFilter,
    Unit,
    keep_usable,
    text_files,
    texts_of_file,
)

SHARD_SIZE = 100_000
NOTICE = "Texts as their sources have them: the licence of the sources holds."


def import_text(
    source: Path | str,
    output: Path | str,
    keep: TextFilter,
    *,
    unit: Unit = "document",
    shard_size: int = SHARD_SIZE,
    progress: Progress | None = None,
) -> DropReport:
    """Stream files of running text through the filters into a folder of shards.

    Memory does not grow with the sources, but for some 10 bytes for each text that is kept, by which copies are
    known. When it resumes, source files that were read are not opened. While it runs, the kept texts lie on the disk
    twice: by file, and in shards.

    Args:
        source: a file or folder; see :func:`kivuko.readers.running_text.read_monolingual`.
        output: folder of the artefact: ``texts-00000.jsonl`` and so on, a ``{"text": …}`` a line.
        keep: judges the texts; a fresh one, for it knows again what it has seen.
        unit: what a text is, see :func:`kivuko.readers.running_text.texts_of_file`.
        shard_size: texts a shard.
        progress: a rich display for a bar over the bytes of the file that is read.

    Returns:
        How many texts were kept, and the others by reason. The manifest has the same under ``counts``.

    Raises:
        InputError: a source is damaged (names ``file:line``), or no text is left.
        ArtifactError: something else stands at ``output``, another process imports there, or an interrupted import
            there had other settings or sources.
        StorageError: the disk is full or not writable; the texts of files that were read stay for the next try.
    """
    output = Path(output)
    check_replaceable(output, KIND)
    passed_over = DropReport()
    files = list(text_files(Path(source), passed_over))
    recipe: dict[str, Any] = {
        "version": 1,
        "language": keep.language.tag,
        "unit": unit,
        "fewest_words": keep.fewest_words,
        "lowest_script_share": keep.lowest_script_share,
        "language_identified": keep.in_language is not None,
        "shard_size": shard_size,
        "sources": [[_relative(file, Path(source)), file.stat().st_size] for file in files],
    }
    report = DropReport(reasons=passed_over.reasons)
    meta: dict[str, Any] = {"language": keep.language.tag, "recipe": recipe, "notice": NOTICE}
    with (
        unfinished(output, recipe, files, progress) as work,
        write_artifact(output, KIND, meta=meta) as building,
    ):
        _write_shards(building, _kept_texts(work, files, unit, keep, report, progress), shard_size)
        if not report.kept:
            raise InputError(
                f"no text in {keep.language.name} is left",
                where=source,
                got=f"{report.before:,} texts; dropped: {report.reasons_text}",
                remedy="check the language, and the fewest words and the script share that are asked for",
            )
        meta["counts"] = {"texts": report.as_json()}
    return report


def _kept_texts(
    work: Unfinished,
    files: list[Path],
    unit: Unit,
    keep: TextFilter,
    report: DropReport,
    progress: Progress | None,
) -> Iterator[str]:
    """The texts that are kept, of all files; the others are counted."""
    for number, file in enumerate(files):
        for item in work.part(f"texts-of-file-{number:05d}", partial(_judged, file, unit, keep, progress)):
            if isinstance(item, dict):
                report.reasons.update(item)
                continue
            # The texts of a finished part were kept by an earlier run; only now does this one's filter know them.
            keep.remember(item)
            report.kept += 1
            yield item


def _judged(
    file: Path, unit: Unit, keep: TextFilter, progress: Progress | None
) -> Iterator[str | dict[str, int]]:
    """The texts of one file that are kept, and at last how many were dropped, by reason."""
    dropped = DropReport()
    yield from keep_usable(texts_of_file(file, unit, progress), keep, dropped)
    yield dict(dropped.reasons)


def _write_shards(folder: Path, texts: Iterator[str], size: int) -> None:
    for number in itertools.count():
        first = next(texts, None)
        if first is None:
            return
        with (folder / f"texts-{number:05d}.jsonl").open("wb") as stream:
            for text in itertools.chain([first], itertools.islice(texts, size - 1)):
                stream.write(json_line({"text": text}))


def _relative(file: Path, source: Path) -> str:
    return file.name if file == source else file.relative_to(source).as_posix()
