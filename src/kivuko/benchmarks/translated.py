"""Translations as retrieval: a sentence finds its English source, a headline its article.

TICO-19 (Anastasopoulos et al., NLP for COVID-19 workshop at EMNLP 2020, arXiv 2007.01788): ``all.en-om.tmx.zip``, one
translation memory a language, whose units are called ``DOCUMENT:NUMBER``.

NTREX-128 (Federmann, Kocmi, Xin, SUMEval 2022, 2022.sumeval-1.4): ``newstest2019-ref.orm.txt`` translates
``newstest2019-src.eng.txt`` line by line; line n of ``DOCUMENT_IDS.tsv`` says which article line n is of.

MAFAND-MT (Adelani et al., NAACL 2022, arXiv 2205.02022): ``text_files/en-swa/test.en`` with ``test.swa``,
``json_files/en-swa/test.json`` or ``tsv_files/en-swa/test.tsv``. Its layout was looked up, no file of it read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path

from kivuko.benchmarks.catalogue import Chosen
from kivuko.benchmarks.layouts import Parts, find
from kivuko.collections.counts import DropReport
from kivuko.collections.document import Document
from kivuko.errors import InputError
from kivuko.files.streams import lines
from kivuko.languages import Language, resolve
from kivuko.readers.bitext import read_bitext_file
from kivuko.readers.bitext_formats import ENGLISH, MosesFiles, Row, read_moses
from kivuko.readers.tmx import read_units
from kivuko.text import normalise

#: Documents of TICO-19 that are bitext to train on; all others are the test.
WIKIPEDIA = ("wiki_", "Wikipedia_")
# TICO-19 has Amharic beside Oromo and not beside English.
_BESIDE = {"am": "om"}
SENTENCES_A_PASSAGE = 4


@dataclass(frozen=True)
class _Sentence:
    """A sentence in English and in another language."""

    id: str
    english: str
    foreign: str


def read_tico19(chosen: Chosen, folder: Path) -> Parts:
    """Sentences and their English sources, of the documents of one split.

    The test are the documents that are not of Wikipedia, ``train`` those that are. Relevant is every English sentence
    that reads as the source.

    Raises:
        InputError: a translation memory is not there, or damaged, or has not the languages.
    """
    report = DropReport()
    code = chosen.benchmark.codes.get(chosen.query_code, chosen.query_code)
    language = chosen.query_language
    if (beside := _BESIDE.get(code)) is None:
        pairs = _units(folder, "en", code, (ENGLISH, language), report)
    else:
        sources = _units(folder, "en", beside, (ENGLISH, resolve(beside)), report)
        foreign = _units(folder, code, beside, (resolve(beside), language), report)
        pairs = {name: (source, foreign[name][1]) for name, (source, _) in sources.items() if name in foreign}
    return _parts(
        [
            _Sentence(name, *texts)
            for name, texts in pairs.items()
            if name.startswith(WIKIPEDIA) == (chosen.split == "train")
        ],
        chosen,
        report,
    )


def _units(
    folder: Path, first: str, second: str, languages: tuple[Language, Language], report: DropReport
) -> dict[str, tuple[str, str]]:
    """Name of a unit → its two sides."""
    path = find(folder, f"**/all.{first}-{second}.tmx")
    found: dict[str, tuple[str, str]] = {}
    for unit in read_units(path, languages, report):
        if not unit.name or unit.name in found:
            raise InputError(
                "a unit of this translation memory has no name of its own",
                where=f"{path}, unit {unit.number}",
                expected='<tu tuid="DOCUMENT:NUMBER">, each once',
                got=repr(unit.name),
                remedy="give the file as TICO-19 publishes it",
            )
        found[unit.name] = unit.texts
    return found


def read_ntrex(chosen: Chosen, folder: Path) -> Parts:
    """News sentences and their English sources. Relevant is every English sentence that reads as the source.

    Raises:
        InputError: a file is not there, or the two have different numbers of lines.
    """
    report = DropReport()
    rows = _ntrex_rows(chosen, folder, report)
    return _parts([_Sentence(f"line-{row.number}", row.english, row.foreign) for row in rows], chosen, report)


def read_ntrex_headlines(chosen: Chosen, folder: Path) -> Parts:
    """First lines of articles, and what follows them in passages of about four lines.

    An article's first line is the query, and all passages of its rest are relevant; no headline is in a passage.
    Articles of one line are left out and counted.

    Raises:
        InputError: a file is not there, the files have different numbers of lines, or an article comes twice.
    """
    report = DropReport()
    rows = list(_ntrex_rows(chosen, folder, report))
    path = find(folder, "**/DOCUMENT_IDS.tsv")
    names = [line.strip() for _, line in lines(path)]
    if len(names) != len(rows):
        raise InputError(
            "the articles' names and their lines differ in number",
            where=path,
            expected=f"{len(rows):,} lines, as the source has",
            got=f"{len(names):,}",
            remedy="give the files of one version",
        )
    seen: set[str] = set()
    documents: list[Document] = []
    queries: dict[str, str] = {}
    english: dict[str, str] = {}
    qrels: dict[str, dict[str, int]] = {}
    for name, group in groupby(zip(names, rows, strict=True), key=lambda line: line[0]):
        headline, *rest = (row for _, row in group)
        if name in seen:
            raise InputError(
                "an article comes twice",
                where=f"{path}:{headline.number}",
                expected="all lines of an article one after the other",
                got=name,
            )
        seen.add(name)
        if not rest:
            report.drop("article of one line")
            continue
        queries[name], english[name], qrels[name] = headline.foreign, headline.english, {}
        for number, passage in enumerate(_passages([row.english for row in rest]), start=1):
            found = Document(f"{name}-{number}", "", passage, {"language": chosen.document_language.tag})
            documents.append(found)
            qrels[name][found.id] = 1
    return Parts(documents, queries, qrels, report, english)


def _passages(sentences: Sequence[str]) -> Iterator[str]:
    """Text in passages of as equal a number of lines as can be, four or nearly so each."""
    count = max(1, round(len(sentences) / SENTENCES_A_PASSAGE))
    borders = [place * len(sentences) // count for place in range(count + 1)]
    for start, end in pairwise(borders):
        yield " ".join(sentences[start:end])


def _ntrex_rows(chosen: Chosen, folder: Path, report: DropReport) -> Iterator[Row]:
    code = chosen.benchmark.codes.get(chosen.query_code, chosen.query_language.iso639_3)
    files = MosesFiles(
        find(folder, "**/newstest2019-src.eng.txt"), find(folder, f"**/newstest2019-ref.{code}.txt"), None
    )
    return read_moses(files, report)


def read_mafand(chosen: Chosen, folder: Path) -> Parts:
    """Sentences of a split and their English sources. Relevant is every English sentence that reads as the source.

    Raises:
        InputError: a file is not there, or a line does not fit.
    """
    report = DropReport()
    code, split = chosen.query_language.iso639_3, chosen.split
    path = find(
        folder,
        *(f"**/en-{code}/{split}.{ending}" for ending in ("en", "json", "tsv")),
        f"**/eng-{code}/{split}.tsv",
    )
    rows = read_bitext_file(path, chosen.query_language, report)
    return _parts(
        [_Sentence(f"{split}-{row.number}", row.english, row.foreign) for row in rows], chosen, report
    )


def _parts(sentences: Iterable[_Sentence], chosen: Chosen, report: DropReport) -> Parts:
    """Foreign sentences as queries, English ones as documents and as the queries in English."""
    sentences = list(sentences)
    alike: dict[str, list[str]] = {}
    for each in sentences:
        alike.setdefault(normalise(each.english), []).append(each.id)
    tag = chosen.document_language.tag
    return Parts(
        [Document(each.id, "", each.english, {"language": tag}) for each in sentences],
        {each.id: each.foreign for each in sentences},
        {each.id: dict.fromkeys(alike[normalise(each.english)], 1) for each in sentences},
        report,
        {each.id: each.english for each in sentences},
    )
