"""A person's file of translation pairs through a chain of filters, into a file of its own with a report beside."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rich.progress import Progress

from kivuko.artifact import write_atomically
from kivuko.cleaning.chain import Edit, FilterChain, StepCount
from kivuko.cleaning.filters import PairFilter
from kivuko.collections.bitext import Pair
from kivuko.collections.counts import DropReport
from kivuko.errors import InputError
from kivuko.files.tables import tsv_line
from kivuko.languages import Language
from kivuko.readers.bitext import SOURCE, read_bitext_file
from kivuko.readers.bitext_formats import ENGLISH, pair_in_name


def clean_file(
    source: Path,
    language: Language,
    output: Path,
    steps: Sequence[PairFilter | Edit],
    *,
    samples: int = 3,
    seed: int = 0,
    lowest_score: float | None = None,
    progress: Progress | None = None,
) -> tuple[DropReport, list[StepCount]]:
    """Write the pairs that every filter keeps to ``output``, and what was dropped beside it.

    ``output`` has lines of ``English<TAB>translation``, or the other way round where its name says so
    (``pairs.om-en.tsv``). :func:`report_path` has the counts and samples. Each file is complete or not there.

    Args:
        source: pairs in any format of :func:`kivuko.readers.bitext.stream_pairs`, as they are.
        language: of the side that is not English.
        output: a ``.tsv`` file; one that is there is replaced.
        steps: see :class:`kivuko.cleaning.chain.FilterChain`.
        samples, seed: see there.
        lowest_score: pairs with a lower score are dropped (:mod:`kivuko.readers.bitext_formats`).
        progress: a rich display for a bar over the bytes read.

    Returns:
        All drops by reason, those of the format's reader among them, and what each step did.

    Raises:
        InputError: ``source`` cannot be read, or ``output`` is no ``.tsv`` file, is ``source``, or is named after
            other languages.
        MissingExtraError: a step or the file's compression needs a package that is not installed.
        StorageError: the disk refused a write.
    """
    english_first = _english_first(output, language)
    if output.exists() and source.exists() and output.samefile(source):
        raise InputError(
            "the pairs would replace themselves",
            where=output,
            remedy="write to another file, so that you can clean the first one again in another way",
        )
    report = DropReport()
    chain = FilterChain(steps, samples=samples, seed=seed)
    rows = read_bitext_file(source, language, report, lowest_score, progress)
    pairs = (Pair(f"{source.name}:{row.number}", row.english, row.foreign, SOURCE) for row in rows)
    with write_atomically(output) as temporary:
        with temporary.open("w", encoding="utf-8", newline="\n") as stream:
            for pair in chain.apply(pairs, report):
                sides = (pair.english, pair.foreign)
                stream.write(tsv_line(sides if english_first else sides[::-1]))
        _write_report(source, output, language, lowest_score, seed, report, chain)
    return report, chain.counts


def _write_report(
    source: Path,
    output: Path,
    language: Language,
    lowest_score: float | None,
    seed: int,
    report: DropReport,
    chain: FilterChain,
) -> None:
    facts = {
        "source": str(source),
        "output": str(output),
        "language": language.tag,
        "lowest_score": lowest_score,
        "seed": seed,
        **report.as_json(),
        "steps": [count.as_json() for count in chain.counts],
    }
    with write_atomically(report_path(output)) as temporary:
        temporary.write_text(json.dumps(facts, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def report_path(output: Path) -> Path:
    """Where the report about ``output`` is written: ``pairs.report.json`` for ``pairs.tsv``."""
    return output.with_suffix(".report.json")


def _english_first(output: Path, language: Language) -> bool:
    """Which column a reader will take for English, by the output's name."""
    if output.suffix != ".tsv":
        raise InputError("the output is a TSV file", where=output, expected="a name that ends in .tsv")
    named = pair_in_name(output.name)
    if named is None:
        return True
    if set(named) != {ENGLISH, language}:
        raise InputError(
            "the output's name says that it is of other languages",
            where=output,
            expected=f"English and {language.name}",
            got=" and ".join(each.name for each in named),
            remedy="choose another name",
        )
    return named[0] == ENGLISH
