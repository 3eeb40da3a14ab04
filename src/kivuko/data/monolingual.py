"""Running text of one language, streamed: mC4 and OSCAR files and folders of plain text.

Such text carries no relevance labels; it serves to adapt an encoder to a language (masked language modelling, new
subwords). Corpora: mC4 (Xue et al., NAACL 2021, arXiv 2010.11934), OSCAR 23.01 (Abadji et al., LREC 2022,
arXiv 2201.06642).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from rich.progress import Progress

from kivuko.data.drops import DropReport
from kivuko.data.formats.running_text import Unit, text_files, texts_of_file
from kivuko.data.text_filter import FEWEST_WORDS, LOWEST_SCRIPT_SHARE, TextFilter
from kivuko.languages import Language, resolve


def read_monolingual(
    path: Path | str,
    language: Language | str,
    report: DropReport,
    *,
    unit: Unit = "document",
    fewest_words: int = FEWEST_WORDS,
    lowest_script_share: float = LOWEST_SCRIPT_SHARE,
    in_language: Callable[[str], bool] | None = None,
    progress: Progress | None = None,
) -> Iterator[str]:
    """Texts of one language from a file or a folder, one at a time.

    Args:
        path: JSON lines (``.jsonl`` or ``.json``; the text in ``text`` or ``content``), a plain-text file
            (``.txt``), either also with ``.gz``, ``.bz2``, ``.xz`` or ``.zst``, or a folder of such files at any
            depth, read in the order of their paths. Files with other endings are counted as dropped. A folder of
            ``kivuko data import-text`` is read too.
        language: what the texts should be in.
        report: counts what is kept and dropped while the texts are read.
        unit: whole documents (records, plain-text files), their paragraphs, which blank lines part, or lines.
        fewest_words, lowest_script_share, in_language: see :class:`kivuko.data.text_filter.TextFilter`.
        progress: a rich display for a bar over the bytes of the file that is read.

    Raises:
        InputError: a line is damaged (names ``file:line``), a file is not in UTF-8, or there is nothing to read.
        ArtifactError: imported text that is damaged, or another artefact.
        UnknownNameError: the language is unknown.
    """
    path = Path(path)
    found = resolve(language) if isinstance(language, str) else language
    texts = (
        text for file in text_files(path, report) for _, text in texts_of_file(file, unit, progress=progress)
    )
    return keep_usable(texts, TextFilter(found, fewest_words, lowest_script_share, in_language), report)


def keep_usable(texts: Iterable[str], keep: TextFilter, report: DropReport) -> Iterator[str]:
    """Normalised texts without those that the filter drops, which are counted."""
    for raw in texts:
        text, reason = keep.judge(raw)
        if reason:
            report.drop(reason)
            continue
        report.kept += 1
        yield text
