"""What the base install does alone: the wheel and its dependencies in a fresh environment, without torch."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kivuko.collections.document import Document
from kivuko.models.token_vectors import TokenVectors
from kivuko.retrieval.changes import build
from kivuko.retrieval.segment import EncodedDocuments

pytestmark = [pytest.mark.network, pytest.mark.slow]

ROOT = Path(__file__).parent.parent
INSTALL = "pip install 'kivuko[train]'"
FILES = {
    "documents.tsv": "d1\tOpen a file\tThe menu shows every file that can be opened.\n"
    "d2\tPrint a page\tThe printer prints one page or all of them.\n"
    "d3\tChange the colour\tThe background takes the colour of the theme.\n",
    "more.tsv": "d4\tClose the window\tA window that is closed keeps its place.\n",
    "om.tsv": "file\tfaayilii\t0.9\nopen\tbanuu\t1\nprint\tmaxxansuu\t1\n",
    "om-second.tsv": "file\tfaayilii\t1\npage\tfuula\t1\n",
    "km.tsv": "print\tបោះពុម្ព\t1\n",
    "eu.tsv": "colour\tkolorea\t1\n",
    "om-queries.tsv": "q1\tfaayilii banuu\nq2\tmaxxansuu\nq3\twaan hin jirre\n",
    "qrels.txt": "q1 0 d1 1\nq2 0 d2 1\nq3 0 d3 1\n",
    "document-languages.tsv": "d1\ten\nd2\ten\nd3\tsw\n",
}
#: Every public name either comes, or says which extra it is in.
PUBLIC_NAMES = """
import kivuko
from kivuko.errors import MissingExtraError

for name in kivuko.__all__:
    try:
        getattr(kivuko, name)
    except MissingExtraError as error:
        assert "pip install 'kivuko[" in str(error), error
        print(name)
"""
#: What needs a model, called from Python over the index of vectors that was made elsewhere.
CALLS = """
from pathlib import Path

import numpy as np

import kivuko
from kivuko.errors import MissingExtraError

documents = [kivuko.Document("d1", "Open a file", "")]
index = kivuko.Index.open(Path("vectors"))
print(kivuko.Searcher(index).rank({"q": "file"}))
# Vectors are searched without torch; it takes a model to make them.
assert [hit.id for hit in index.search([np.eye(1, 8, dtype=np.float32)], depth=1)[0]] == ["d1"]
assert len(index.vectors_of("d1")) == 1
for call in (
    lambda: kivuko.train_optical,
    lambda: kivuko.OpticalLoss,
    lambda: kivuko.build_index(documents, Path("model"), Path("i")),
    lambda: kivuko.Searcher(index, model=Path("model")).search("file"),
    lambda: index.require_space(Path("model")),
):
    try:
        call()
    except MissingExtraError as error:
        assert "pip install 'kivuko[train]'" in str(error), error
    else:
        raise AssertionError(call)
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its ``bin`` folder, with the wheel and what it depends on alone."""
    folder = tmp_path_factory.mktemp("base-install")
    source = (
        folder / "source"
    )  # a copy, for building leaves files behind and takes up what an earlier one left
    shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    python = folder / "venv/bin/python"
    # What is on this run's own path would count as installed.
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def call(*command: object) -> None:
        done = subprocess.run([sys.executable, "-m", *map(str, command)], env=variables, timeout=600)
        assert done.returncode == 0, command

    pip = ("pip", "--quiet", "--disable-pip-version-check")
    call(*pip, "wheel", "--no-deps", "--wheel-dir", folder, source)
    call("venv", "--without-pip", python.parent.parent)
    (wheel,) = folder.glob("kivuko-*.whl")
    constraints = ("--constraint", ROOT / "constraints.txt")
    call(*pip, "--python", python, "install", "--no-compile", *constraints, wheel)
    return python.parent


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands run: a few files, and an index of vectors that another machine made."""
    path = tmp_path_factory.mktemp("work")
    for name, text in FILES.items():
        (path / name).write_text(text, encoding="utf-8")
    documents = EncodedDocuments(
        [Document("d1", "Open a file", "")],
        np.array([[0, 0, 11]], dtype=np.int32),
        TokenVectors(np.eye(2, 8, dtype=np.float16), np.array([0, 2])),
    )
    build(path / "vectors", [documents], kind="exact", space="s", parents={}, facts={"pooling": 1.0})
    return path


def run(environment: Path, folder: Path, *command: str, code: int = 0) -> str:
    """What a command prints; it must end with ``code``."""
    variables = {"KIVUKO_CACHE": str(folder / "cache"), "COLUMNS": "200", "PATH": str(environment)}
    done = subprocess.run(
        [environment / command[0], *command[1:]],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == code, (command, done.stdout, done.stderr)
    return done.stdout + done.stderr


def test_searching_by_words_and_judging_it_need_no_torch(environment: Path, folder: Path) -> None:
    def kivuko(words: str, *more: str, code: int = 0) -> str:
        return run(environment, folder, "kivuko", *words.split(), *more, code=code)

    assert "No module named 'torch'" in run(environment, folder, "python", "-c", "import torch", code=1)

    assert "3 documents" in kivuko("index build documents.tsv --kind lexical --output index")
    assert "4 in all" in kivuko("index add index more.tsv")
    assert "3 documents left" in kivuko("index delete index d4")
    kivuko("index compact index")
    kivuko("index verify index")
    assert "lexical" in kivuko("index info index")
    assert kivuko("search index", "print a page").startswith("1. Print a page")
    assert "Nothing found" in kivuko("search index faayilii")

    for name in ("om", "om-second", "km", "eu"):
        language = name.partition("-")[0]
        kivuko(f"lexicon import {name}.tsv --format tsv --language {language} --output lexicon-{name}")
    kivuko("lexicon merge lexicon-om lexicon-om-second --output lexicon-both")
    assert "Oromo lexicon" in kivuko("lexicon info lexicon-both --against lexicon-om")
    for query, lexicon, found in (
        ("faayilii banuu", "both", "Open a file"),
        ("fuula", "both", "Print a page"),
        ("បោះពុម្ព", "km", "Print a page"),
        ("kolorea", "eu", "Change the colour"),
    ):
        assert kivuko(f"search index --lexicon lexicon-{lexicon}", query).startswith(f"1. {found}"), query

    kivuko("rank index om-queries.tsv --lexicon lexicon-both --output lexicon.run")
    assert "3 queries by bm25; 3 found nothing" in kivuko("rank index om-queries.tsv --output bm25.run")
    assert "0.667" in kivuko("evaluate lexicon.run qrels.txt --measure nDCG@10")
    assert "0.000" in kivuko("evaluate bm25.run qrels.txt --measure nDCG@10 --against lexicon.run")
    assert "lexicon" in kivuko(
        "compare lexicon.run bm25.run --qrels qrels.txt --permutations 99 --resamples 99"
    )
    assert "PEER" in kivuko("fairness lexicon.run qrels.txt --document-languages document-languages.tsv")
    assert "Oromo" in kivuko("languages list")

    kivuko("index delete index d1 d2 d3")
    assert "Nothing found" in kivuko("search index file")
    kivuko("rank index om-queries.tsv --output none.run")
    assert (folder / "none.run").read_text() == ""


def test_what_needs_an_extra_says_which(environment: Path, folder: Path) -> None:
    for words in (
        "index build documents.tsv --output vectors-here",
        "search vectors file --model model",
        "search index file --rerank model",
    ):
        assert INSTALL in run(environment, folder, "kivuko", *words.split(), code=2), words
    assert "pip install 'kivuko[mcp]'" in run(environment, folder, "kivuko", "mcp", "index", code=2)
    assert "pip install 'kivuko[serve]'" in run(environment, folder, "kivuko", "serve", "index", code=2)
    assert "train_optical" in run(environment, folder, "python", "-c", PUBLIC_NAMES).split()
    assert "d1" in run(environment, folder, "python", "-c", CALLS)
