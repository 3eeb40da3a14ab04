"""The command line: from a person's own pairs and documents to results, and what goes wrong on the way."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from kivuko import __version__
from kivuko.artifact import read_manifest, write_artifact
from kivuko.cli.main import run
from kivuko.errors import Interrupted
from kivuko.training.teacher import untrained_teacher
from tiny import build_cross_encoder, made_up_pairs


@dataclass(frozen=True)
class Done:
    code: object
    out: str
    err: str


Kivuko = Callable[..., Done]


@pytest.fixture
def kivuko(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Kivuko:
    """Calls the command line as a shell would, in this process."""

    def call(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["kivuko", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            run()
        captured = capsys.readouterr()
        return Done(ended.value.code, captured.out, captured.err)

    return call


@pytest.fixture
def pairs_file(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.tsv"
    path.write_text("".join(f"{p.english}\t{p.foreign}\n" for p in made_up_pairs(30)), encoding="utf-8")
    return path


@pytest.fixture
def documents_file(tmp_path: Path) -> Path:
    path = tmp_path / "documents.tsv"
    rows = [
        ("doc1", "Open a file", "Press [/b] to open the file."),
        ("doc2", "Print [red]pages[/red]", "Print a page of the table."),
        ("doc3", "Colours", "Red and green."),
    ]
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    return path


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def test_python_runs_the_package() -> None:
    command = [sys.executable, "-m", "kivuko", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout.split()[-1]) == (0, __version__)


@pytest.mark.parametrize("own", [None, "2"])
def test_libraries_find_their_threads_settings_when_they_are_loaded(
    own: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENBLAS_NUM_THREADS", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    if own:
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", own)
    told = "os.environ['OPENBLAS_NUM_THREADS'], os.environ['OMP_WAIT_POLICY']"
    done = python(f"import os, sys, kivuko.cli; print({told}, {{'numpy', 'torch'}} & set(sys.modules))")
    assert done.stdout.split() == [own or "1", "PASSIVE", "set()"]


@pytest.mark.parametrize("module", ["kivuko", "kivuko.cli.main"])
def test_import_loads_no_heavy_library(module: str) -> None:
    code = f"import {module}, sys, json; print(json.dumps(sorted(sys.modules)))"
    done = python(code)
    assert done.returncode == 0, done.stderr
    heavy = {
        "torch",
        "transformers",
        "sentence_transformers",
        "datasets",
        "ot",
        "bm25s",
        "scipy",
        "ir_measures",
    }
    assert heavy & set(json.loads(done.stdout)) == set()


def test_help_names_every_verb_and_loads_no_torch() -> None:
    code = """
import atexit, sys
atexit.register(lambda: print("torch" in sys.modules))
from kivuko.cli.main import run
run()
"""
    done = python(code, "--help")
    assert done.returncode == 0
    assert done.stdout.rstrip().endswith("False")
    for verb in ("demo", "data", "models", "train", "index", "search", "evaluate", "fairness", "compare"):
        assert f" {verb} " in done.stdout


def test_error_is_a_message_and_exit_code_2_without_traceback() -> None:
    code = "from kivuko.cli.main import run; run()"
    done = python(code, "train", "optical", "--language", "Oromoo", "--output", "nowhere")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "error: unknown language 'Oromoo'" in done.stderr
    assert "Oromo" in done.stderr.split("did you mean")[1]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("verb", [["demo", "--language"], ["data", "build"], ["data", "info"]])
def test_every_verb_refuses_an_unknown_language_alike(
    verb: list[str], kivuko: Kivuko, own_cache: Path
) -> None:
    done = kivuko(*verb, "Kmer")
    assert done.code == 2
    assert "unknown language 'Kmer'" in done.err
    assert "Khmer" in done.err
    assert not own_cache.exists()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"only english\n", "2 fields|two fields|tab"),
        (b"one\ttwo\tthree\n", "2 fields|two fields|tab"),
        (b"coffee\tcaf\xe9\n", "UTF-8"),
    ],
)
def test_bad_line_of_pairs_is_named(
    line: bytes, expected: str, kivuko: Kivuko, pairs_file: Path, tiny_teacher: Path, tmp_path: Path
) -> None:
    import re

    pairs_file.write_bytes(pairs_file.read_bytes() + line)
    done = kivuko(
        *("train", "optical", "--language", "om", "--bitext", pairs_file, "--teacher", tiny_teacher),
        *("--output", tmp_path / "om"),
    )
    assert done.code == 2
    assert f"{pairs_file}:31" in done.err
    assert re.search(expected, done.err)
    assert not (tmp_path / "om").exists()


def test_from_own_pairs_and_documents_to_an_explained_search(
    kivuko: Kivuko, pairs_file: Path, documents_file: Path, tiny_teacher: Path, tmp_path: Path
) -> None:
    with pairs_file.open("a", encoding="utf-8") as stream:
        stream.write("same on both sides\tsame on both sides\n\n")
    student, index = tmp_path / "models" / "om", tmp_path / "indexes" / "mine"
    train = (
        *("train", "optical", "--language", "Oromo", "--bitext", pairs_file, "--teacher", tiny_teacher),
        *("--output", student, "--steps", 4, "--batch-size", 8, "--solver", "exact"),
    )
    done = kivuko(*train)
    assert done.code == 0, done.err
    assert "30 pairs of 32 lines" in done.err
    assert "1 empty line" in done.err
    facts = read_manifest(student, "model").meta
    assert facts["pairs"] == {"orm-Latn": 30}
    # The command to go on with names the teacher that was given, and can be copied whole.
    assert f"kivuko index build DOCUMENTS.tsv --output indexes/mine --model {tiny_teacher}\n" in done.out
    assert (facts["settings"]["steps"], facts["settings"]["solver"]) == (4, "exact")

    done = kivuko("index", "build", documents_file, "--output", index, "--model", tiny_teacher)
    assert done.code == 0, done.err
    assert "3 documents" in done.out

    done = kivuko("search", index, "bani kuusa", "--model", student, "--explain", "--top", 2)
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert [line[:2] for line in lines if line[:2] in {"1.", "2.", "3."}] == ["1.", "2."]
    assert "bani" in done.out
    assert "kuusa" in done.out

    # What looks like markup is a document's own text.
    done = kivuko("search", index, "[/b] open print", "--model", tiny_teacher, "--explain", "--top", 3)
    assert done.code == 0, done.err
    assert "Print [red]pages[/red]" in done.out
    assert "[/b]" in done.out


def test_search_and_rank_put_a_cross_encoder_behind(
    kivuko: Kivuko, documents_file: Path, tiny_teacher: Path, tmp_path: Path
) -> None:
    index, run, queries = tmp_path / "index", tmp_path / "run", tmp_path / "queries.tsv"
    model = build_cross_encoder(tmp_path / "cross-encoder")
    kivuko("index", "build", documents_file, "--output", index, "--model", tiny_teacher)
    queries.write_text("q\topen pages\n", encoding="utf-8")
    done = kivuko("search", index, "open pages", "--model", tiny_teacher, "--rerank", model, "--top", 3)
    assert done.code == 0, done.err
    assert "re-ranked 3 documents" in done.err
    shown = {
        line.split()[-1]: float(line.split()[-2]) for line in done.out.splitlines() if line[:1].isdigit()
    }
    done = kivuko("rank", index, queries, "--output", run, "--model", tiny_teacher, "--rerank", model)
    assert done.code == 0, done.err
    written = {line.split()[2]: float(line.split()[4]) for line in run.read_text().splitlines()}
    assert list(written) == list(shown)
    assert written == pytest.approx(shown, abs=1e-3)


def test_search_refuses_what_it_cannot_answer(
    kivuko: Kivuko,
    documents_file: Path,
    tiny_teacher: Path,
    other_tiny_encoder: Path,
    tiny_encoder: Path,
    tmp_path: Path,
) -> None:
    index = tmp_path / "index"
    kivuko("index", "build", documents_file, "--output", index, "--model", tiny_teacher)
    stranger = untrained_teacher(str(other_tiny_encoder), ["open"])
    refused = {
        ("search", index, "open", "--model", stranger): "another model's vector space",
        ("search", index, "open", "--model", tiny_encoder): "not a late-interaction model",
        ("search", index, "open", "--method", "lexicon-bm25", "--model", tiny_teacher): "needs a lexicon",
        ("search", index, "open", "--method", "late-interaction"): "needs a model",
        ("search", index, "open", "--method", "bm26"): "bm25",
        ("search", index, "  ", "--model", tiny_teacher): "the query is empty",
        ("search", tmp_path / "no-index", "open", "--model", tiny_teacher): "no complete index",
        ("search", tiny_teacher, "open", "--model", tiny_teacher): "something else",
    }
    for arguments, message in refused.items():
        done = kivuko(*arguments)
        assert (done.code, done.out) == (2, "")
        assert message in done.err
    assert "the query is empty" in kivuko("search", index, "\u200b", "--model", tiny_teacher).err
    for odd in ("ភាសាខ្មែរ", "?!", "the of and"):
        assert kivuko("search", index, odd, "--model", tiny_teacher, "--explain").code == 0


def test_bad_documents_are_refused_by_line(
    kivuko: Kivuko, documents_file: Path, tiny_teacher: Path, tmp_path: Path
) -> None:
    good = documents_file.read_text()
    for line, message in (
        ("doc1\tAgain\ttext\n", "same document id"),
        ("doc9\t\t\n", "neither title nor text"),
    ):
        documents_file.write_text(good + line)
        done = kivuko(
            "index", "build", documents_file, "--output", tmp_path / "index", "--model", tiny_teacher
        )
        assert done.code == 2
        assert f"{documents_file}:4" in done.err
        assert message in done.err
    assert not (tmp_path / "index").exists()


def test_bad_settings_are_refused(
    kivuko: Kivuko, pairs_file: Path, tiny_teacher: Path, tmp_path: Path
) -> None:
    output = tmp_path / "om"
    base = (
        *("train", "optical", "--language", "om", "--bitext", pairs_file, "--teacher", tiny_teacher),
        *("--output", output, "--steps", 2, "--batch-size", 8),
    )
    refused = {
        ("--solver", "sinkhron"): "sinkhorn",
        ("--batch-size", "64"): "at least one batch of 64",
        ("--epsilon", "-1"): "epsilon",
    }
    for option, message in refused.items():
        done = kivuko(*base, *option)
        assert done.code == 2, option
        assert message in done.err
    assert not output.exists()
    output.mkdir()
    (output / "chapter.txt").write_text("years of work")
    done = kivuko(*base)
    assert done.code == 2
    assert "will not replace" in done.err
    assert (output / "chapter.txt").read_text() == "years of work"


def test_a_filter_that_leaves_nothing_is_blamed_and_not_the_query(kivuko: Kivuko, tmp_path: Path) -> None:
    index, queries = tmp_path / "index", tmp_path / "queries.tsv"
    (tmp_path / "documents.jsonl").write_text(
        '{"id": "a", "title": "frames", "text": "", "year": 2020.0}\n'
        '{"id": "b", "title": "frames", "text": "", "year": 2020}\n',
        encoding="utf-8",
    )
    queries.write_text("q1\tframes\n")
    kivuko("index", "build", tmp_path / "documents.jsonl", "--output", index, "--kind", "lexical")
    assert "2. frames" in kivuko("search", index, "frames", "--where", "year=2020").out
    blamed = "Nothing found: no document has year=2021; year is 2020 (2)."
    done = kivuko("search", index, "frames", "--where", "year=2021")
    assert (done.code, done.out) == (0, f"{blamed}\n")
    done = kivuko("search", index, "frames", "--where", "year=2021", "--json")
    assert json.loads(done.out)["hits"] == []
    assert blamed in done.err
    done = kivuko("rank", index, queries, "--output", tmp_path / "run", "--where", "year=2021")
    assert blamed in done.err
    done = kivuko("search", index, "zzz", "--where", "year=2020")
    assert done.out == "Nothing found: no word of the query leads to a document that fits the filter.\n"
    assert kivuko("search", index, "zzz").out == "Nothing found: no word of the query leads to a document.\n"


def test_ranked_queries_can_be_evaluated(
    kivuko: Kivuko, documents_file: Path, tiny_teacher: Path, tmp_path: Path
) -> None:
    index, queries, qrels = tmp_path / "index", tmp_path / "queries.tsv", tmp_path / "test.qrels"
    kivuko("index", "build", documents_file, "--output", index, "--model", tiny_teacher)
    queries.write_text("q1\topen a file\nq2\tcolours\nq3\tzzz\n")
    qrels.write_text("q1 0 doc1 1\nq2 0 doc3 1\nq3 0 doc2 1\n")
    done = kivuko("rank", index, queries, "--output", tmp_path / "bm25.run")
    assert done.code == 0, done.err
    assert "3 queries by bm25; 1 found nothing" in done.out
    done = kivuko("rank", index, queries, "--output", tmp_path / "li.run", "--model", tiny_teacher)
    assert done.code == 0, done.err
    assert "3 queries by late-interaction; 0 found nothing" in done.out
    assert "longer than" not in done.err
    long = "open a file " * 160
    queries.write_text(f"q1\t{long}\nq2\tcolours\nq3\t{long} zzz\n")
    done = kivuko("rank", index, queries, "--output", tmp_path / "long.run", "--model", tiny_teacher)
    assert "2 of 3 queries are longer than the model reads (160 pieces)" in done.err
    assert "(q1, q3)" in done.err
    done = kivuko("search", index, long, "--model", tiny_teacher, "--json")
    assert json.loads(done.out)["truncated"] is True
    assert "the query is longer than the model reads (160 pieces)" in done.err
    done = kivuko("evaluate", tmp_path / "bm25.run", qrels, "--measure", "RR@10")
    assert done.code == 0, done.err
    # Two queries find their document first; the one without results counts as 0.
    assert "0.667" in done.out


def test_teacher_is_trained_on_own_documents(
    kivuko: Kivuko, tiny_teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"{i}\ttitle {pair.english}\t{pair.english} and more" for i, pair in enumerate(made_up_pairs(20))]
    documents = tmp_path / "documents.tsv"
    documents.write_text("\n".join([*rows, "last\t\ttoo short"]) + "\n", encoding="utf-8")
    asked: list[int | None] = []

    def encoder(_progress: object, *, dimension: int | None) -> Path:
        asked.append(dimension)
        return tiny_teacher

    monkeypatch.setattr("kivuko.training.teacher.centred_encoder", encoder)
    command = ("train", "teacher", documents, "--output", tmp_path / "teacher", "--steps", "2")
    done = kivuko(*command, "--dimension", "16")
    assert asked == [16]
    assert done.code == 0
    assert "40 titles and sentences of 20 documents; 1 without" in " ".join(done.out.split())
    trained, start = (read_manifest(path, "model") for path in (tmp_path / "teacher", tiny_teacher))
    assert trained.parents["start"] == start.hash
    assert trained.hash != start.hash


def test_recipe_of_regimes_on_own_data(
    kivuko: Kivuko, pairs_file: Path, tiny_teacher: Path, tmp_path: Path
) -> None:
    documents = tmp_path / "english.tsv"
    documents.write_text(
        "".join(f"d{i}\t{p.english.split()[0]}\t{p.english}\n" for i, p in enumerate(made_up_pairs(30))),
        encoding="utf-8",
    )
    recipe = (
        *("train", "recipe", "codeswitch", "greedy", "--language", "om", "--bitext", pairs_file),
        *("--documents", documents, "--start", tiny_teacher, "--output", tmp_path / "om"),
        *("--set", "codeswitch.steps=2", "--set", "codeswitch.batch_size=8", "--set", "codeswitch.rate=1.0"),
        *("--set", "greedy.steps=3", "--set", "greedy.batch_size=8"),
    )
    done = kivuko(*recipe)
    assert done.code == 0, done.err
    student = read_manifest(tmp_path / "om", "model").meta
    assert (student["regime"], student["settings"]["steps"]) == ("greedy", 3)
    # Documents stay with the code-switched stage's model, which the message names.
    teacher = Path(done.out.replace("\n", "").split("--model ")[1].split()[0])
    switched = read_manifest(teacher, "model").meta
    assert (switched["regime"], student["space"]) == ("codeswitch", read_manifest(teacher, "model").hash)
    assert switched["switched_query"]["realised rate"] > 0.5


def test_recipe_on_linked_documents(kivuko: Kivuko, tiny_teacher: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked.tsv"
    linked.write_text(
        "".join(f"{pair.foreign}\t{pair.english}\n" for pair in made_up_pairs(30)), encoding="utf-8"
    )
    done = kivuko(
        *("train", "recipe", "comparable", "--language", "om", "--linked", linked, "--start", tiny_teacher),
        *("--output", tmp_path / "om", "--set", "comparable.steps=2", "--set", "comparable.batch_size=8"),
    )
    assert done.code == 0, done.err
    assert "linked.tsv: 30 of 30 texts kept" in done.out.replace("\n", "")
    assert read_manifest(tmp_path / "om", "model").meta["regime"] == "comparable"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("optics",), "unknown regime"),
        (("optical", "codeswitch"), "wrong order"),
        (("optical", "--set", "optical.stepz=5"), "stepz"),
        (("optical", "--set", "steps=5"), "STAGE.NAME=VALUE"),
        (("comparable", "--linked", "nowhere.tsv"), "data to train on are not there"),
        (("optical", "--negatives", "2"), "nothing to take hard negatives from"),
    ],
)
def test_recipe_that_cannot_be_run_is_refused(
    arguments: tuple[str, ...],
    expected: str,
    kivuko: Kivuko,
    pairs_file: Path,
    tiny_teacher: Path,
    tmp_path: Path,
) -> None:
    done = kivuko(
        *("train", "recipe", *arguments, "--language", "om", "--bitext", pairs_file),
        *("--start", tiny_teacher, "--output", tmp_path / "om"),
    )
    assert (done.code, (tmp_path / "om").exists()) == (2, False)
    assert expected in done.err


def test_regimes_are_listed_with_what_they_need(kivuko: Kivuko) -> None:
    done = kivuko("train", "list")
    assert done.code == 0
    for name in ("extend-vocabulary", "codeswitch", "optical", "score-distillation"):
        assert name in done.out


def test_version_is_printed(kivuko: Kivuko) -> None:
    done = kivuko("--version")
    assert (done.code, done.out) == (0, f"kivuko {__version__}\n")
    machine = kivuko("--version", "--verbose")
    assert machine.code == 0
    for fact in ("instruction sets: ", "torch: ", "precision: training in "):
        assert fact in machine.out
    assert kivuko("--verbose").code == 2


def test_ctrl_c_in_a_command_is_a_message_and_exit_code_130(tmp_path: Path) -> None:
    code = """
import signal, time
from kivuko.cli.main import run

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what it runs behind
from kivuko.public import lexicons

def slow(*_):
    print("reading", flush=True)
    time.sleep(60)

lexicons.read_lexicon = slow
run()
"""
    command = ("lexicon", "import", "words.tsv", "--language", "om", "--output", str(tmp_path / "lexicon"))
    with subprocess.Popen(
        [sys.executable, "-c", code, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "reading\n"
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
        finally:
            process.kill()
    assert (process.returncode, out) == (130, "")
    assert "interrupted: what was finished is kept" in err
    assert "Traceback" not in err
    assert not (tmp_path / "lexicon").exists()


def test_long_work_says_itself_what_is_kept(kivuko: Kivuko, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise Interrupted("training was interrupted", remedy="give the same command again")

    monkeypatch.setattr("kivuko.cli.resources.chosen_pairs", stopped)
    done = kivuko("lexicon", "induce", "--language", "om", "--output", "nowhere")
    assert (done.code, done.out) == (130, "")
    assert done.err.startswith("training was interrupted\n")
    assert "error" not in done.err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("data", "list"), "pairs"),
        (("data", "benchmarks"), "judged"),
        (("models", "list"), "bytes_in_cache"),
        (("train", "list"), "needs"),
    ],
)
def test_lists_are_json_for_programs(
    arguments: tuple[str, ...], expected: str, kivuko: Kivuko, own_cache: Path
) -> None:
    done = kivuko(*arguments, "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert len(found) > 1
    assert all(expected in each for each in found)


def test_languages_are_json_for_programs(kivuko: Kivuko, own_cache: Path, tiny_encoder: Path) -> None:
    encoder = ("--encoder", tiny_encoder, "--json")
    listed = json.loads(kivuko("languages", "list", *encoder).out)["languages"]
    oromo = next(each for each in listed if each["language"]["tag"] == "orm-Latn")
    assert (oromo["reach"]["pairs"], "cldr" in oromo["reach"]["dictionaries"]) == (None, True)


def test_a_lexicon_s_life_is_json_for_programs(kivuko: Kivuko, pairs_file: Path, tmp_path: Path) -> None:
    first, second, both = (tmp_path / name for name in ("first", "second", "both"))
    table = tmp_path / "words.tsv"
    table.write_text("house\tmana\nwater\tbishaan\n", encoding="utf-8")
    om = ("--language", "om", "--json")
    facts = {
        "induce": kivuko("lexicon", "induce", *om, "--bitext", pairs_file, "--output", first),
        "import": kivuko("lexicon", "import", table, "--format", "tsv", *om, "--output", second),
        "merge": kivuko("lexicon", "merge", first, second, "--output", both, "--json"),
    }
    made = {verb: json.loads(done.out) for verb, done in facts.items()}
    assert "30 pairs of 30 lines" in facts["induce"].err
    assert made["import"]["entries"] == 2
    assert made["merge"]["entries"] >= made["induce"]["entries"]
    assert [each["lexicon"] for each in made.values()] == [str(first), str(second), str(both)]
    size = json.loads(kivuko("lexicon", "info", both, "--json").out)["size"]
    assert size["words"] + size["phrases"] + size["beginnings"] == made["merge"]["entries"]


def test_an_index_is_json_for_programs(kivuko: Kivuko, documents_file: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    kivuko("index", "build", documents_file, "--output", index, "--kind", "lexical")
    facts = json.loads(kivuko("index", "info", index, "--json").out)
    assert (facts["index"], facts["kind"], facts["documents"]) == (str(index), "lexical", 3)


def test_brackets_in_paths_stay(kivuko: Kivuko, documents_file: Path, tmp_path: Path) -> None:
    index = tmp_path / "[red]index [" / "b]"
    done = kivuko("index", "build", documents_file, "--output", index, "--kind", "lexical")
    assert (done.code, done.out) == (0, f"{index}: 3 documents\n")
    table, lexicon = tmp_path / "[b]words.tsv", tmp_path / "[" / "b]"
    table.write_text("house\tmana\n", encoding="utf-8")
    done = kivuko("lexicon", "import", table, "--format", "tsv", "--language", "om", "--output", lexicon)
    assert done.code == 0, done.err
    assert "[b]words.tsv (the file's own): 1 entries" in done.out
    assert f"{lexicon}: 1 entries" in done.out


def test_brackets_in_documents_runs_and_names_stay(kivuko: Kivuko, tmp_path: Path) -> None:
    documents = tmp_path / "documents.jsonl"
    row = {"id": "[a]", "title": "red [/b] file :smile: \\", "text": "green [/i] :+1:", "[x]": "[/y]"}
    documents.write_text(json.dumps(row), encoding="utf-8")
    index = tmp_path / "i[red]"
    assert kivuko("index", "build", documents, "--output", index, "--kind", "lexical").code == 0
    found = kivuko("search", index, "green [/i]", "--where", "[x]=[/y]")
    assert found.code == 0, found.err
    assert "1. red [/b] file :smile: \\  " in found.out
    assert "  [a]\n   green [/i] :+1:\n" in found.out
    assert kivuko("search", index, "green", "--where", "[/z]=1").err.startswith(
        "error: unknown metadata field '[/z]'"
    )
    qrels = tmp_path / "[q].qrels"
    qrels.write_text("q 0 [a] 1\n", encoding="utf-8")
    runs = [tmp_path / "run[1].run", tmp_path / "run[red].run"]
    for each in runs:
        each.write_text("q Q0 [a] 1 1.0 t\n", encoding="utf-8")
    scored = kivuko("evaluate", runs[0], qrels, "--against", runs[1])
    assert scored.code == 0, scored.err
    assert {line.split()[0] for line in scored.out.splitlines()} >= {"run[1].run", "run[red].run"}
    # What is being done is said with what was asked for, before that is found to be wrong.
    built = kivuko("data", "build", "om", "--collection", "[/b]")
    assert (built.code, built.err.splitlines()[-2]) == (2, "error: unknown collection '[/b]'")


def test_an_emptied_index_and_engine_find_nothing_say_so_and_take_new_documents(
    kivuko: Kivuko, documents_file: Path, tmp_path: Path
) -> None:
    index, engine, run = tmp_path / "index", tmp_path / "engine", tmp_path / "run"
    kivuko("index", "build", documents_file, "--output", index, "--kind", "lexical")
    kivuko("engine", "create", engine, "--documents", documents_file, "--kind", "lexical")
    queries = tmp_path / "queries.tsv"
    queries.write_text("q1\topen\nq2\tred\n", encoding="utf-8")
    for kind, place in (("index", index), ("engine", engine)):
        assert kivuko(kind, "delete", place, "doc1", "doc2", "doc3").code == 0
        found = kivuko("search", place, "open", "--where", "year=2020")
        assert (found.code, found.out.splitlines()[-1]) == (0, "Nothing found: there are no documents here.")
        language = ["--language", "en"] if kind == "engine" else []
        ranked = kivuko("rank", place, queries, "--output", run, *language)
        assert (ranked.code, run.read_text()) == (0, "")
        assert "2 found nothing" in ranked.out
        assert "Nothing found: there are no documents here." in ranked.err
        assert kivuko(kind, "add", place, documents_file).code == 0
        assert "1. Open a file" in kivuko("search", place, "open").out


@pytest.mark.parametrize(
    ("verb", "where", "expected"),
    [
        (("index", "info"), "nowhere", "no complete index"),
        (("index", "delete"), "nowhere", "no complete index"),
        (("index", "info"), "words.tsv", "index"),
        (("lexicon", "info"), "nowhere", "no complete lexicon"),
        (("lexicon", "info"), "index", "lexicon"),
        (("data", "info"), "nowhere", "unknown language"),
        (("data", "info"), "empty", "nothing is built here"),
    ],
)
def test_a_wrong_path_is_a_message_that_teaches(
    verb: tuple[str, ...], where: str, expected: str, kivuko: Kivuko, documents_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "words.tsv").write_text("house\tmana\n", encoding="utf-8")
    kivuko("index", "build", documents_file, "--output", tmp_path / "index", "--kind", "lexical")
    done = kivuko(*verb, tmp_path / where)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert expected in done.err
    assert where in done.err
    assert "  expected: " in done.err or "  remedy: " in done.err
    assert "Traceback" not in done.err


def test_what_an_earlier_version_built_is_named_beside_what_can_be_read(
    kivuko: Kivuko, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KIVUKO_CACHE", str(tmp_path / "cache"))
    built = tmp_path / "cache" / "data" / "swa-Latn"
    with write_artifact(built / "collection", "collection", meta={"language": "swa-Latn"}):
        pass
    alone = kivuko("data", "info", "sw")
    assert (alone.code, alone.out) == (2, "")
    assert "earlier version" in alone.err
    with write_artifact(built / "bitext", "bitext", meta={"language": "swa-Latn"}):
        pass
    both = kivuko("data", "info", "sw", "--json")
    assert both.code == 0, both.err
    assert [row["kind"] for row in json.loads(both.out)] == ["bitext"]
    assert "earlier version" in both.err
    assert str(built / "collection") in both.err


def test_a_wrong_model_is_a_message_that_teaches(
    kivuko: Kivuko, documents_file: Path, tmp_path: Path
) -> None:
    for model in (tmp_path / "no-model", tmp_path):
        output = tmp_path / "index"
        done = kivuko("index", "build", documents_file, "--output", output, "--model", model)
        assert (done.code, done.out, output.exists()) == (2, "", False)
        assert done.err.lstrip().startswith("error: ")  # below bars that did not begin
        assert str(model) in done.err
