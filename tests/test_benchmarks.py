"""From a name to a folder: ir_datasets, the hub, the catalogue, and the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from kivuko.benchmarks import libraries
from kivuko.benchmarks.catalogue import DOCUMENTED, READ, benchmarks, choose, markdown
from kivuko.benchmarks.importing import import_collection
from kivuko.cli.main import app
from kivuko.cli.resources import read_collection_documents
from kivuko.collections.collection import Collection
from kivuko.errors import FetchError, InputError, UnknownNameError
from kivuko.languages import resolve
from kivuko.readers.documents import read_documents
from one_set import only_qrels, only_queries

ENGLISH, OROMO = resolve("en"), resolve("om")
DOCS = Path(__file__).parents[1] / "docs" / "test-collections.md"


def json_lines(path: Path, *rows: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), encoding="utf-8")
    return path


# ir_datasets, by its own classes on local files


class LocalFile:
    """What the library's formats want of a download."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def path(self, force: bool = True) -> Path:
        return self._path

    def stream(self) -> Any:
        return self._path.open("rb")


Registered = Callable[..., str]


@pytest.fixture
def registered(tmp_path: Path) -> Any:
    """Registers a data set of local files under a name of its own."""
    import ir_datasets

    names: list[str] = []

    def register(docs: Any, queries: Any, qrels: str, name: str = "kivuko-test/small") -> str:
        from ir_datasets.datasets.base import Dataset
        from ir_datasets.formats import TrecQrels

        (tmp_path / "qrels").write_text(qrels)
        ir_datasets.registry.register(
            name, Dataset(docs, queries, TrecQrels(LocalFile(tmp_path / "qrels"), {}))
        )
        names.append(name)
        return name

    yield register
    for name in names:
        del ir_datasets.registry._registered[name]


def test_jsonl_and_tsv_of_ir_datasets(registered: Registered, tmp_path: Path) -> None:
    from ir_datasets.datasets.miracl import MiraclDoc
    from ir_datasets.formats import JsonlDocs, TsvQueries

    json_lines(
        tmp_path / "docs.jsonl",
        {"docid": "1#0", "title": "Ziwa", "text": "Ni kubwa."},
        {"docid": "1#1", "title": "", "text": "Liko kaskazini."},
    )
    (tmp_path / "topics.tsv").write_text("q1\tZiwa lipi?\nq2\t \n")
    mapping = {"doc_id": "docid", "title": "title", "text": "text"}
    docs = JsonlDocs([LocalFile(tmp_path / "docs.jsonl")], doc_cls=MiraclDoc, mapping=mapping, lang="sw")
    name = registered(
        docs,
        TsvQueries(LocalFile(tmp_path / "topics.tsv"), lang="sw"),
        "q1 0 1#0 1\nq1 0 1#0 0\nq2 0 1#1 1\n",
    )
    opened = Collection.open(import_collection(f"irds:{name}", tmp_path / "out"))
    assert [(d.title, d.text) for d in opened.documents] == [("Ziwa", "Ni kubwa."), ("", "Liko kaskazini.")]
    assert opened.language == resolve("sw")
    assert only_qrels(opened) == {"q1": {"1#0": 1}}
    assert opened.manifest.meta["left_out"] == {
        "judgment of an unknown query": 1,
        "query without text": 1,
        "second judgment of a document": 1,
    }
    assert opened.manifest.meta["source"].startswith("ir_datasets ")


def test_topics_of_ir_datasets_with_several_fields(registered: Registered, tmp_path: Path) -> None:
    """The library's choice is the title; the catalogue chooses WikiCLIR's first sentence."""
    from ir_datasets.datasets.wikiclir import WikiClirDoc, WikiClirQuery
    from ir_datasets.formats import TsvDocs, TsvQueries

    from kivuko.benchmarks.libraries import read_ir_dataset

    (tmp_path / "docs.tsv").write_text("7\tZiwa\tNi kubwa.\n")
    (tmp_path / "queries.tsv").write_text("q1\tLake\tis a body of water\n")
    docs = TsvDocs(LocalFile(tmp_path / "docs.tsv"), doc_cls=WikiClirDoc, lang="sw")
    queries = TsvQueries(LocalFile(tmp_path / "queries.tsv"), query_cls=WikiClirQuery, lang="en")
    name = registered(docs, queries, "q1 0 7 2\n")
    assert read_ir_dataset(name)[0].queries == {"q1": "Lake"}
    parts, asked = read_ir_dataset(name, query_field=choose("wikiclir/sw").benchmark.query_field)
    assert parts.queries == {"q1": "is a body of water"}
    assert asked == ENGLISH
    (document,) = parts.documents
    assert (document.id, document.title, document.text) == ("7", "Ziwa", "Ni kubwa.")


def stand_in(**changes: Any) -> SimpleNamespace:
    """A data set with ir_datasets' interface."""
    rows = {
        "docs_iter": lambda: iter(
            [SimpleNamespace(doc_id="d", title="T", default_text=lambda: "T. All of it.")]
        ),
        "queries_iter": lambda: iter([SimpleNamespace(query_id="q", title="lake", description="Which?")]),
        "qrels_iter": lambda: iter([SimpleNamespace(query_id="q", doc_id="d", relevance=1)]),
        "docs_lang": lambda: None,
        "queries_lang": lambda: None,
    }
    asked = {f"has_{part}": lambda: True for part in ("docs", "queries", "qrels")}
    return SimpleNamespace(**(rows | asked | changes))


def test_languages_that_ir_datasets_does_not_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import ir_datasets

    monkeypatch.setattr(ir_datasets, "load", lambda name: stand_in())
    with pytest.raises(InputError, match="--document-language"):
        import_collection("irds:small", tmp_path / "out")
    with pytest.raises(InputError, match="--query-language"):
        import_collection("irds:small", tmp_path / "out", document_language=ENGLISH)
    out = import_collection("irds:small", tmp_path / "out", document_language=ENGLISH, query_language=OROMO)
    (document,) = Collection.open(out).documents
    assert (document.title, document.text) == ("", "T. All of it.")


def test_ids_that_ir_datasets_does_not_have() -> None:
    with pytest.raises(UnknownNameError, match="ir_datasets"):
        import_collection("irds:no/such/thing", Path("out"))
    with pytest.raises(UnknownNameError) as told:
        import_collection("irds:beir/scifact", Path("out"))
    assert "beir/scifact/test" in str(told.value)


def unreachable(*_: Any, **__: Any) -> Any:
    raise OSError("no route to host")


@pytest.mark.parametrize("broken", ["load", "queries_iter", "qrels_iter", "docs_iter"])
def test_a_shortcut_that_cannot_be_fetched_says_where_its_files_are_had(
    broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ir_datasets

    load = unreachable if broken == "load" else lambda name: stand_in(**{broken: unreachable})
    monkeypatch.setattr(ir_datasets, "load", load)
    with pytest.raises(FetchError, match="no route to host") as told:
        import_collection("miracl/sw", tmp_path / "out")
    assert "miracl/miracl-corpus on the Hugging Face hub" in str(told.value)
    assert "--from FOLDER" in str(told.value)
    assert not (tmp_path / "out").exists()


# The hub, by local files


@pytest.mark.parametrize(
    ("splits", "judged"), [(("corpus", "queries"), "default"), (("test", "test"), "qrels")]
)
def test_the_layout_of_the_hub(tmp_path: Path, splits: tuple[str, str], judged: str) -> None:
    folder = tmp_path / "set"
    json_lines(
        folder / "corpus.jsonl",
        {"_id": "d1", "title": "Files", "text": "Open them."},
        {"_id": "d2", "title": None, "text": "Close them."},
    )
    json_lines(folder / "queries.jsonl", {"_id": "q1", "text": "banuu"})
    json_lines(
        folder / "qrels.jsonl",
        {"query-id": "q1", "corpus-id": "d1", "score": 2.0},
        {"query-id": "q1", "corpus-id": "d1", "score": 1.0},
        {"query-id": "q1", "corpus-id": "d2", "score": 0.0},
    )
    json_lines(folder / "dev.jsonl", {"query-id": "q1", "corpus-id": "d2", "score": 1.5})
    (folder / "README.md").write_text(
        "---\nconfigs:\n"
        f"- config_name: corpus\n  data_files: [{{split: {splits[0]}, path: corpus.jsonl}}]\n"
        f"- config_name: queries\n  data_files: [{{split: {splits[1]}, path: queries.jsonl}}]\n"
        f"- config_name: {judged}\n  data_files:\n  - {{split: test, path: qrels.jsonl}}\n"
        "  - {split: dev, path: dev.jsonl}\n---\n"
    )
    languages = {"query_language": OROMO, "document_language": ENGLISH}
    opened = Collection.open(import_collection(f"hf:{folder}", tmp_path / "out", **languages))
    assert only_qrels(opened) == {"q1": {"d1": 2, "d2": 0}}
    assert [document.title for document in opened.documents] == ["Files", ""]
    assert opened.manifest.meta["left_out"] == {"second judgment of a document": 1}
    with pytest.raises(InputError, match="no whole number"):
        import_collection(f"hf:{folder}", tmp_path / "dev", split="dev", **languages)
    with pytest.raises(FetchError):
        import_collection(f"hf:{folder}", tmp_path / "train", split="train", **languages)


def test_a_language_of_a_data_set_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    rows = {
        "sw-corpus": [{"_id": "d", "title": "", "text": "Ziwa"}],
        "sw-queries": [{"_id": "q", "text": "ziwa"}],
        "sw-qrels": [{"query-id": "q", "corpus-id": "d", "score": 1}],
    }
    monkeypatch.setattr(datasets, "get_dataset_config_names", lambda name: [*rows, "yo-qrels"])
    monkeypatch.setattr(datasets, "get_dataset_split_names", lambda name, subset: ["dev"])
    monkeypatch.setattr(datasets, "load_dataset", lambda name, subset, **_: rows[subset])
    parts = libraries.read_hugging_face("mteb/MIRACLRetrieval/sw", "test", resolve("sw"))
    assert parts.qrels == {"q": {"d": 1}}
    assert [document.text for document in parts.documents] == ["Ziwa"]


def test_a_shortcut_of_the_hub_goes_through_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    rows = {
        "gaz_Latn": [{"link": "u", "question_number": 1, "flores_passage": "Haroo", "question": "Eessa?"}],
        "eng_Latn": [{"link": "u", "question_number": 1, "flores_passage": "Lake", "question": "Where?"}],
    }
    monkeypatch.setattr(datasets, "get_dataset_split_names", lambda name, subset: ["test"])
    monkeypatch.setattr(datasets, "load_dataset", lambda name, subset, **_: rows[subset])
    opened = Collection.open(import_collection("belebele/om-en", tmp_path / "out"))
    assert list(only_queries(opened).values()) == ["Eessa?"]
    assert opened.manifest.meta["source"] == "facebook/belebele"
    monkeypatch.setattr(datasets, "get_dataset_split_names", unreachable)
    for name in ("belebele/om-en", "xquad/hi-en", "xnli/sw-en"):
        with pytest.raises(FetchError, match=r"from its authors|deepmind/xquad"):
            import_collection(name, tmp_path / "other")


# The catalogue


def test_every_shortcut_of_ir_datasets_is_one() -> None:
    import ir_datasets

    for entry in benchmarks():
        for code in entry.languages if entry.loader == "ir_datasets" else ():
            name = entry.pattern.replace("{x}", code).replace("{d}", code)
            for split in entry.splits[:1] or ("",):
                chosen = choose(name, split)
                if entry.name.startswith("clirmatrix"):  # known by patterns, and only with a network
                    patterns = [each for each, _ in ir_datasets.registry._patterns]
                    assert any(each.match(chosen.fill(entry.id)) for each in patterns), name
                else:
                    assert chosen.fill(entry.id) in ir_datasets.registry, name


def test_the_sizes_are_those_of_ir_datasets() -> None:
    import ir_datasets

    for entry in benchmarks():
        for code, size in entry.sizes.items() if entry.loader == "ir_datasets" else ():
            chosen = choose(entry.pattern.replace("{x}", code).replace("{d}", code))
            facts = ir_datasets.load(chosen.fill(entry.id)).metadata()
            assert [facts[part]["count"] for part in ("docs", "queries")] == list(size), chosen.name


def test_names_say_languages() -> None:
    def languages(name: str) -> tuple[str, str]:
        chosen = choose(name)
        return chosen.query_language.tag, chosen.document_language.tag

    assert languages("belebele/om-en") == ("orm-Latn", "eng-Latn")
    assert languages("belebele/zh-Hant-zh") == ("zho-Hant", "zho-Hans")
    assert languages("ciral/yo") == languages("africlirmatrix/yo") == ("eng-Latn", "yor-Latn")
    assert languages("miracl/sw") == ("swa-Latn", "swa-Latn")
    assert languages("afriqa/sw") == languages("tico-19/sw") == ("swa-Latn", "eng-Latn")
    assert languages("xquad/hi") == languages("xquad/hi-en") == ("hin-Deva", "eng-Latn")
    assert [choose(f"xquad/{each}").ceiling for each in ("hi", "hi-en", "en")] == [True, False, False]
    assert [choose("afriqa/sw", split).split for split in (None, "dev")] == ["", "dev"]
    assert languages("wikiclir/tl") == ("eng-Latn", "tgl-Latn")
    assert choose("mmarco/nl").fill(choose("mmarco/nl").benchmark.id) == "mmarco/v2/dt/dev/small"
    for entry in benchmarks():
        tags = [resolve(code).tag for code in entry.languages]
        assert len(tags) == len(set(tags)), entry.name


@pytest.mark.parametrize(
    "name", ["miracle/sw", "miracl", "miracl/om", "belebele/om", "miracl/sw/dev", "nothing"]
)
def test_names_that_are_none_say_what_there_is(name: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError):
        import_collection(name, tmp_path / "out")


def test_options_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="split of miracl") as told:
        import_collection("miracl/sw", tmp_path / "out", split="test-a")
    assert "dev" in str(told.value)
    with pytest.raises(InputError, match="the name says"):
        import_collection("miracl/sw", tmp_path / "out", query_language=ENGLISH)
    with pytest.raises(InputError, match="two sources"):
        import_collection("irds:miracl/sw/dev", tmp_path / "out", folder=tmp_path)
    with pytest.raises(InputError, match="--document-language"):
        import_collection(str(tmp_path), tmp_path / "out")


def test_collections_that_no_library_fetches_say_where_they_are_had(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="CIRAL/ciral-corpus") as told:
        import_collection("ciral/yo", tmp_path / "out")
    assert "kivuko data import-collection ciral/yo --from FOLDER" in str(told.value)


# As published: file names of the publishers, with texts of our own


def publish(folder: Path, documents: str, topics: str, qrels: str, row: dict[str, str]) -> None:
    json_lines(folder / documents, row)
    for name, text in ((topics, "1\tWhich lake is deep?\n"), (qrels, f"1 Q0 {next(iter(row.values()))} 1\n")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def test_files_are_found_under_the_names_they_are_published_with(tmp_path: Path) -> None:
    publish(
        tmp_path / "ciral",
        "ciral-corpus/passages-v1.0/yoruba_passages.jsonl",
        "ciral/ciral-yoruba/topics/topics.ciral-v1.0-yo-test-b.tsv",
        "ciral/ciral-yoruba/qrels/qrels.ciral-v1.0-yo-test-b.tsv",
        {"docid": "iroyin#1", "title": "Adagun", "text": "O jin.", "url": "-"},
    )
    json_lines(
        tmp_path / "ciral/ciral-corpus/translated-passages-v1.0/yoruba_passages.jsonl", {"docid": "no"}
    )
    (tmp_path / "ciral/ciral/ciral-yoruba/qrels/qrels.ciral-v1.0-yo-test-a-pools.tsv").write_text("")
    publish(
        tmp_path / "africlirmatrix",
        "africlirmatrix-v1.0-yoruba/corpus.jsonl",
        "test/queries/topics.africlirmatrix-v1.0.en.yor.tsv",
        "test/qrels/qrels.africlirmatrix-v1.0.en.yor.txt",
        {"id": "62", "contents": "Adagun"},
    )
    publish(
        tmp_path / "miracl",
        "miracl-corpus-v1.0-yo/docs-0.jsonl",
        "miracl-v1.0-yo/topics/topics.miracl-v1.0-yo-dev.tsv",
        "miracl-v1.0-yo/qrels/qrels.miracl-v1.0-yo-dev.tsv",
        {"docid": "3#0", "title": "Adagun", "text": "O jin."},
    )
    publish(
        tmp_path / "mr-tydi",
        "mrtydi-v1.0-swahili/collection/docs.jsonl",
        "mrtydi-v1.0-swahili/topic.test.tsv",
        "mrtydi-v1.0-swahili/qrels.test.txt",
        {"id": "9#1", "contents": "Ziwa"},
    )
    for name, language in (("ciral", "yo"), ("africlirmatrix", "yo"), ("miracl", "yo"), ("mr-tydi", "sw")):
        out = import_collection(f"{name}/{language}", tmp_path / "out" / name, folder=tmp_path / name)
        meta = Collection.open(out).manifest.meta
        assert (meta["documents"], meta["queries"]) == (1, 1), name
        assert meta["document_languages"] == {resolve(language).tag: 1}
        assert meta["source"] == str(tmp_path / name)
    json_lines(tmp_path / "mr-tydi/old/mrtydi-v1.0-swahili/topic.test.tsv")
    with pytest.raises(InputError, match="more than one file"):
        import_collection("mr-tydi/sw", tmp_path / "twice", folder=tmp_path / "mr-tydi")


# The command line


def call(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.output


def test_the_folder_works_as_it_is(tmp_path: Path) -> None:
    """Imported, ranked by BM25 and evaluated: q1's document comes first, q2's second."""
    source, out = tmp_path / "source", tmp_path / "out"
    json_lines(
        source / "corpus.jsonl",
        {"_id": "d1", "title": "Files", "text": "How to open a file."},
        {"_id": "d2", "title": "Pages", "text": "Pages and pages."},
        {"_id": "d3", "title": "", "text": "Printing on paper, with the pages of a book."},
    )
    json_lines(source / "queries.jsonl", {"_id": "q1", "text": "open"}, {"_id": "q2", "text": "pages"})
    (source / "qrels").mkdir()
    (source / "qrels/test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td3\t1\nq2\td9\t1\n")
    languages = ("--query-language", "om", "--document-language", "en")
    shown = call("data", "import-collection", source, "--output", out, *languages)
    assert "3 documents (eng-Latn 3), 2 queries (orm-Latn)" in shown
    assert "left out: 1 × judgment of an unknown document" in shown

    index, run = tmp_path / "index", tmp_path / "bm25.run"
    call("index", "build", out, "--output", index, "--kind", "lexical")
    call("rank", index, out, "--output", run)
    assert "0.750" in call("evaluate", run, out, "--measure", "RR@10")
    # The files themselves are as good: for other tools, and for an index of the documents alone.
    call("rank", index, out / "queries" / "orm-Latn.query.test.tsv", "--output", tmp_path / "files.run")
    assert (tmp_path / "files.run").read_text() == run.read_text()
    assert "0.750" in call("evaluate", run, out / "qrels.txt", "--measure", "RR@10")
    assert read_collection_documents(out) == read_documents(out / "documents.jsonl")
    shown = call("data", "info", out)
    for part in ("query queries, orm-Latn", "3 documents", "1 × judgment of an unknown document"):
        assert part in shown


def test_the_command_line_reads_markup_in_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "topics.txt").write_bytes("<top>\n<num>1\n<title>été\n</top>\n".encode("latin-1"))
    (tmp_path / "documents.trec").write_bytes("<DOC>\n<DOCNO>a</DOCNO>\nÉté\n</DOC>\n".encode("latin-1"))
    (tmp_path / "qrels.txt").write_text("1 0 a 1\n")
    languages = ("--query-language", "fr", "--document-language", "fr")
    call(
        "data",
        "import-collection",
        tmp_path,
        "--output",
        tmp_path / "out",
        "--encoding",
        "latin-1",
        *languages,
    )
    assert only_queries(Collection.open(tmp_path / "out")) == {"1": "été"}


def test_the_catalogue_is_shown_and_documented() -> None:
    shown = call("data", "benchmarks")
    assert all(entry.name in shown for entry in benchmarks())
    read = {entry.name for entry in benchmarks() if entry.layout == READ}
    assert read == {"afriqa", "ntrex", "ntrex-headlines", "tico-19", "xquad"}
    assert {entry.layout for entry in benchmarks()} == {READ, DOCUMENTED}
    assert shown.count(READ) == len(read)
    assert shown.count(DOCUMENTED) == len(benchmarks()) - len(read)
    assert markdown() in call("data", "benchmarks", "--markdown")
    assert markdown() in DOCS.read_text(encoding="utf-8"), "run: kivuko data benchmarks --markdown"
