"""61,000 English package descriptions of Debian, and German and Danish queries that name one of them.

    python bench/engine/debian_descriptions.py

A document is a synopsis and its long description, one for each ``Description-md5`` of the machine's main archive.
A query is a synopsis that Debian's translators (DDTP) wrote in German or Danish; the document with the same md5 is
the one it was made from. apt brings the lists with its own state in the user's cache; nothing of them is committed.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from kivuko.artifact import cache_folder, is_complete, read_manifest, write_artifact
from kivuko.collections.document import Document
from kivuko.errors import FetchError
from kivuko.files.json_lines import read_jsonl
from kivuko.files.tables import write_jsonl

KIND = "debian-descriptions"
DOCUMENTS, QUERIES = "documents.jsonl", "queries.jsonl"
QUERY_LANGUAGES = ("de", "da")
SPLITS = ("development", "test")
QUERIES_EACH = 100  # a language and split
APT_HELPER = Path("/usr/lib/apt/apt-helper")
_RECORD = re.compile(
    r"Package: (\S+)\nDescription-md5: (\S+)\nDescription-\w+: (.*)\n?((?: .*\n?)*)", re.MULTILINE
)


@dataclass(frozen=True)
class Description:
    """One package's description in one language."""

    package: str
    md5: str
    synopsis: str
    text: str


@dataclass(frozen=True)
class TranslatedQuery:
    """A translated synopsis and the md5 of the description it belongs to."""

    language: str
    split: str
    document_id: str
    text: str


def descriptions() -> Path:
    """The collection's folder, made on first use and then kept: ``documents.jsonl`` and ``queries.jsonl``.

    Raises:
        FetchError: this machine has no apt, or its archive no German and Danish translations.
    """
    home = cache_folder() / "engine-bench"
    folder = home / "debian-descriptions"
    if is_complete(folder):
        read_manifest(folder, KIND)
        return folder
    lists = _bring_lists(home / "apt")
    english: dict[str, Description] = {}
    for one in _records(lists["en"]):
        english.setdefault(one.md5, one)
    queries = [query for code in QUERY_LANGUAGES for query in _choose(code, lists[code], english)]
    meta = {"list": lists["en"].name, "documents": len(english), "queries": len(queries)}
    with write_artifact(folder, KIND, meta=meta) as building:
        rows = ({"id": one.md5, "title": one.synopsis, "text": one.text} for one in english.values())
        write_jsonl(building / DOCUMENTS, rows)
        write_jsonl(
            building / QUERIES,
            (
                {"id": f"{q.language}:{q.split}:{q.document_id}", "document": q.document_id, "text": q.text}
                for q in queries
            ),
        )
    return folder


def read_documents(folder: Path) -> list[Document]:
    """The descriptions, in the order of Debian's list."""
    rows = read_jsonl(folder / DOCUMENTS, ("id", "title", "text"))
    return [Document(*fields) for _, fields in rows if fields is not None]


def read_queries(folder: Path, split: str) -> list[TranslatedQuery]:
    """The queries of ``"development"`` or ``"test"``, German and Danish in turns."""
    found = []
    for _, fields in read_jsonl(folder / QUERIES, ("id", "document", "text")):
        if fields is not None:
            language, of_split, _ = fields[0].split(":")
            found.append(TranslatedQuery(language, of_split, fields[1], fields[2]))
    by_language = [
        [query for query in found if (query.language, query.split) == (code, split)]
        for code in QUERY_LANGUAGES
    ]
    return [query for together in zip(*by_language, strict=True) for query in together]


def _bring_lists(home: Path) -> dict[str, Path]:
    """Language → its file of descriptions in the archive's main part, brought by apt without root."""
    for part in ("lists/partial", "cache/archives/partial"):
        (home / part).mkdir(parents=True, exist_ok=True)
    settings = {
        "Dir::State::lists": home / "lists",
        "Dir::Cache": home / "cache",
        "APT::Sandbox::User": "root",  # another could not write here
        "Acquire::Languages": ",".join(("en", *QUERY_LANGUAGES)),
        "Acquire::Retries": "3",
    }
    remedy = "run it on Debian, or measure the other collections (--collection help)"
    command = ["apt-get", *(f"-o{key}={value}" for key, value in settings.items()), "update"]
    try:
        subprocess.run(command, capture_output=True, text=True, check=True)
    except FileNotFoundError as error:
        raise FetchError("apt-get is not on this machine", remedy=remedy) from error
    except subprocess.CalledProcessError as error:
        got = "\n".join(error.stderr.strip().splitlines()[-4:])
        raise FetchError("cannot bring apt's lists", where=home, got=got, remedy=remedy) from error
    of_english = sorted((home / "lists").glob("*_main_i18n_Translation-en*"), key=_size)
    if not of_english:
        raise FetchError("apt brought no descriptions", where=home / "lists", remedy=remedy)
    largest = of_english[-1]  # the archive itself; its updates repeat few packages
    lists = {"en": largest}
    for code in QUERY_LANGUAGES:
        lists[code] = largest.with_name(largest.name.replace("Translation-en", f"Translation-{code}"))
        if not lists[code].is_file():
            raise FetchError(
                f"apt brought no descriptions in {code}", where=lists[code], got="no file", remedy=remedy
            )
    return lists


def _size(file: Path) -> tuple[int, str]:
    return file.stat().st_size, file.name


def _records(file: Path) -> Iterator[Description]:
    """A list's records; ``apt-helper`` unpacks whatever apt packed it with."""
    command = [str(APT_HELPER), "cat-file", str(file)]
    text = subprocess.run(command, capture_output=True, check=True).stdout.decode("utf-8")
    for block in text.split("\n\n"):
        found = _RECORD.match(block)
        if found is not None:
            lines = (line[1:] for line in found[4].splitlines() if line.strip() != ".")
            yield Description(found[1], found[2], found[3], " ".join(" ".join(lines).split()))


def _choose(code: str, file: Path, english: dict[str, Description]) -> list[TranslatedQuery]:
    """``QUERIES_EACH`` translated synopses of each split by hash; a description is in one split in all languages."""
    candidates = {
        one.md5: one.synopsis
        for one in _records(file)
        if one.md5 in english and one.synopsis != english[one.md5].synopsis
    }
    ordered = sorted(candidates, key=lambda md5: _hash(f"{code}:{md5}"))
    chosen = []
    for number, split in enumerate(SPLITS):
        of_split = [md5 for md5 in ordered if int(_hash(md5), 16) % len(SPLITS) == number][:QUERIES_EACH]
        if len(of_split) < QUERIES_EACH:
            raise FetchError(
                f"too few descriptions are translated into {code}",
                where=file,
                expected=f"{QUERIES_EACH} for {split}",
                got=len(of_split),
            )
        chosen += [TranslatedQuery(code, split, md5, candidates[md5]) for md5 in of_split]
    return chosen


def _hash(text: str) -> str:
    return sha256(f"kivuko-engine-bench:{text}".encode()).hexdigest()


if __name__ == "__main__":
    folder = descriptions()
    print(folder)
    print(f"{len(read_documents(folder)):,} descriptions")
    for split in SPLITS:
        queries = read_queries(folder, split)
        print(f"{len(queries)} {split} queries, such as {queries[0].text!r} and {queries[1].text!r}")
