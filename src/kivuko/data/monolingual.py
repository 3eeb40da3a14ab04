"""Running text of one language, streamed: mC4 and OSCAR files, folders of plain text, and the data hub.

Such text carries no relevance labels; it serves to adapt an encoder to a language (masked language modelling, new
subwords). Corpora: mC4 (Xue et al., NAACL 2021, arXiv 2010.11934), OSCAR 23.01 (Abadji et al., LREC 2022,
arXiv 2201.06642).
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

from kivuko.data.drops import DropReport
from kivuko.data.formats.running_text import Unit, split_text, text_files, text_of, texts_of_file
from kivuko.errors import FetchError, MissingExtraError
from kivuko.languages import Language, resolve
from kivuko.text import comparison_key, normalise, script_share, words


def read_monolingual(
    path: Path | str,
    language: Language | str,
    report: DropReport,
    *,
    unit: Unit = "document",
    fewest_words: int = 5,
    lowest_script_share: float = 0.5,
) -> Iterator[str]:
    """Texts of one language from a file or a folder, one at a time.

    Args:
        path: JSON lines (``.jsonl`` or ``.json``, also with ``.gz``; the text in ``text`` or ``content``), a
            plain-text file (``.txt``), or a folder of such files at any depth, read in the order of their paths.
            Files with other endings are counted as dropped.
        language: what the texts should be in.
        report: counts what is kept and dropped while the texts are read.
        unit: whole documents (records, plain-text files), or their paragraphs, which blank lines part.
        fewest_words: shorter texts are dropped.
        lowest_script_share: texts with a smaller share of their letters in the language's script are dropped.

    Raises:
        InputError: a line is damaged (names ``file:line``), a file is not in UTF-8, or there is nothing to read.
        UnknownNameError: the language is unknown.
    """
    path = Path(path)
    found = resolve(language) if isinstance(language, str) else language
    texts = itertools.chain.from_iterable(texts_of_file(file, unit) for file in text_files(path, report))
    return keep_usable(
        texts, found, report, fewest_words=fewest_words, lowest_script_share=lowest_script_share
    )


def stream_from_hub(
    dataset: str,
    configuration: str,
    language: Language | str,
    report: DropReport,
    *,
    split: str = "train",
    unit: Unit = "document",
    fewest_words: int = 5,
    lowest_script_share: float = 0.5,
) -> Iterator[str]:
    """Texts of one language from the Hugging Face hub, streamed; nothing is stored.

    Tested with a stand-in only: the machines this was written on reach no hub.

    Args:
        dataset: hub id, such as ``"allenai/c4"`` or ``"oscar-corpus/OSCAR-2301"`` (which asks for a login).
        configuration: the language's name there, such as ``"om"``.
        language: what the texts should be in.
        report: counts what is kept and dropped while the texts are read.
        split: the part of the data set.
        unit, fewest_words, lowest_script_share: see :func:`read_monolingual`.

    Raises:
        MissingExtraError: ``datasets`` is not installed.
        FetchError: the data set cannot be reached or read.
        InputError: a record has no text field.
        UnknownNameError: the language is unknown.
    """
    if find_spec("datasets") is None:
        raise MissingExtraError("datasets", "train")
    found = resolve(language) if isinstance(language, str) else language
    return keep_usable(
        _texts_of_hub(dataset, configuration, split, unit),
        found,
        report,
        fewest_words=fewest_words,
        lowest_script_share=lowest_script_share,
    )


def keep_usable(
    texts: Iterable[str],
    language: Language,
    report: DropReport,
    *,
    fewest_words: int,
    lowest_script_share: float,
) -> Iterator[str]:
    """Normalised texts without the empty, short, foreign and repeated ones, which are counted.

    Two texts are the same if their ``comparison_key`` is. Of each kept text a 64-bit hash stays in memory (some 100
    bytes in all), nothing else.
    """
    seen: set[int] = set()
    for raw in texts:
        text = normalise(raw)
        reason = None
        if not text:
            reason = "empty"
        elif len(words(text)) < fewest_words:
            reason = f"fewer than {fewest_words} words"
        elif script_share(text, language.script) < lowest_script_share:
            reason = f"mostly not in the script {language.script}"
        else:
            digest = hashlib.blake2b(comparison_key(text).encode(), digest_size=8).digest()
            key = int.from_bytes(digest)
            if key in seen:
                reason = "duplicate"
            seen.add(key)
        if reason:
            report.drop(reason)
            continue
        report.kept += 1
        yield text


def _texts_of_hub(dataset: str, configuration: str, split: str, unit: Unit) -> Iterator[str]:
    records = _records_of_hub(dataset, configuration, split)
    for number, record in enumerate(records, start=1):
        yield from split_text(text_of(record, f"{dataset}, {configuration}, {split}, record {number}"), unit)


def _records_of_hub(dataset: str, configuration: str, split: str) -> Iterator[object]:
    import datasets
    from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]

    try:
        yield from datasets.load_dataset(dataset, configuration, split=split, streaming=True)
    except (OSError, ValueError, RuntimeError, HTTPError, datasets.exceptions.DatasetsError) as error:
        raise FetchError(
            "this data set cannot be streamed from the hub",
            where=f"{dataset}, {configuration}, {split}",
            got=(str(error).splitlines() or [type(error).__name__])[0],
            remedy="check the three names and the login, or download the files and read them by path",
        ) from error
