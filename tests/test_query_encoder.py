"""A model's query encoder: its own vectors and tokens of any query, without torch; and an engine's use of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from checkpoints import build_multi_vector, build_pylate, build_stanford
from kivuko.artifact import is_complete, read_manifest
from kivuko.cli.main import app
from kivuko.collections.document import Document
from kivuko.engine import Engine, queries
from kivuko.engine import state as layout
from kivuko.engine.languages import LanguageParts, place_model
from kivuko.engine.state import Way
from kivuko.errors import ArtifactError, InputError, MissingExtraError
from kivuko.languages import resolve
from kivuko.models import query_encoder, query_export, unigram
from kivuko.models.adding import add_model
from kivuko.models.encoder import Encoder
from kivuko.models.query_encoder import QueryEncoder, folder_of_queries
from kivuko.models.query_export import TOLERANCE, write_query_encoder
from kivuko.models.token_vectors import Task
from tiny import made_up_pairs

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

OROMO = resolve("om")
TASKS: tuple[Task, ...] = ("query", "document")
PROMPTS = {"query": "query: ", "document": "passage: "}
LAYOUTS: dict[str, Callable[[Path], Path]] = {
    "bert": build_multi_vector,
    "xlm-roberta": lambda path: build_multi_vector(path, "xlm-roberta", prompts=PROMPTS),
    "modernbert": lambda path: build_multi_vector(path, "modernbert", query_length=9, document_length=30),
    "xmod": lambda path: build_multi_vector(path, "xmod"),
    "filled up to at least": lambda path: build_multi_vector(
        path, "xlm-roberta", query_expansion={"strategy": "min", "length": 8, "attend": True, "token": None}
    ),
    "filled up to": lambda path: build_multi_vector(
        path, query_expansion={"strategy": "fixed", "length": 8, "attend": False, "token": None}
    ),
    "Stanford": build_stanford,
    "PyLate": lambda path: build_pylate(path, "modernbert"),
}
#: Nothing, white space, unknown pieces, emoji, special pieces, marks and prompts as text, long, from right to left,
#: without spaces, and letters typed in parts.
TEXTS = (
    "", " ", "\t\n", "open the file", "zzz qqq ꙮꙮ", "😀 👩‍👩‍👧 🏳️‍🌈", "<s> <pad> </s> [MASK] <mask>",
    "[Q] query: open", "file " * 200, "x" * 500,
    "שלום مرحبا‏ open", "ខ្ញុំចង់បើកឯកសារ", "e\u0301 ﬁle ½ ﷺ \u200b", "open. the, file!",
)  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_any_text_gets_the_vectors_and_tokens_of_the_model(name: str, tmp_path: Path) -> None:
    add_model(LAYOUTS[name](tmp_path / "theirs"), tmp_path / "model")
    assert write_query_encoder(tmp_path / "model") is None
    model, made = Encoder.open(tmp_path / "model"), QueryEncoder.beside(tmp_path / "model")
    assert made is not None
    together = made.encode(TEXTS, task="query")
    expected = model.encode(TEXTS, task="query")
    assert together.offsets.tolist() == expected.offsets.tolist()
    assert np.abs(together.vectors.astype(float) - expected.vectors.astype(float)).max() <= TOLERANCE
    for task in TASKS:
        for text in TEXTS:
            assert made.truncated([text], task=task) == model.truncated([text], task=task)
            for length in (None, 7, 1000):
                assert made.tokens(text, task=task, length=length) == model.tokens(
                    text, task=task, length=length
                )
            own, other = made.read(text, task=task), model.read(text, task=task)
            assert own.tokens == other.tokens
            assert np.allclose(own.vectors, other.vectors, rtol=0, atol=TOLERANCE)
    assert (made.dimension, made.length, made.space) == (model.dimension, model.length, model.space)
    assert not made.encode([], task="query").vectors.size
    with pytest.raises(InputError, match="not pooled"):
        made.encode(["open"], task="query", pooling=2.0)


def many_pieces(*, byte_fallback: bool = False) -> object:
    """Unigram over overlapping pieces of several scripts, with the spaces that XLM-R's kin make of texts."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    syllables = [first + second for first in "bdfgk" for second in ("a", "ee", "i", "o", "uu")]
    pieces = (
        {f"▁{each}" for each in syllables}
        | set(syllables)
        | {one + two for one in syllables for two in syllables}
    )
    pieces |= set("abdefgiko") | {
        "▁",
        "▁▁",
        "ខ",
        "្ញ",
        "ខ្ញុំ",
        "مر",
        "مرحبا",
        "😀",
        "😀😀",
        "e\u0301",
        "1",
        "12",
        "123",
    }
    scored = [(piece, -1.0 - 0.37 * (hash_of(piece) % 23)) for piece in sorted(pieces)]
    octets = [(f"<0x{number:02X}>", -30.0) for number in range(256)] if byte_fallback else []
    vocabulary = [
        ("<s>", 0.0),
        ("<pad>", 0.0),
        ("</s>", 0.0),
        ("<unk>", 0.0),
        *octets,
        *scored,
        ("<mask>", 0.0),
    ]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=3, byte_fallback=byte_fallback))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace("  ", " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer


def hash_of(piece: str) -> int:
    return sum(place * ord(character) for place, character in enumerate(piece, start=1))


@pytest.fixture(scope="module", params=[False, True], ids=["unknown characters", "bytes"])
def cutters(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[object, unigram.Cutter]:
    whole = many_pieces(byte_fallback=request.param)
    folder = tmp_path_factory.mktemp("table")
    unigram.save(whole, folder)
    # What is parsed at every start has none of the pieces that texts are made of.
    assert "bada" not in (folder / "tokenizer.json").read_text(encoding="utf-8")
    return whole, unigram.Cutter(folder)


@given(
    text=st.lists(
        st.sampled_from([*"abdefgiko 12▁\0½éꙮ", "ba", "dee", "  ", "<mask>", "<s>", "</", "ខ្ញុំ", "مرحبا", "😀"])
        | st.text(max_size=3),
        max_size=25,
    ).map("".join),
    length=st.none() | st.integers(3, 12),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_a_tokenizer_of_looked_up_pieces_cuts_every_text_as_the_whole_one(
    cutters: tuple[object, unigram.Cutter], text: str, length: int | None
) -> None:
    """Kudo, ACL 2018: the best segmentation is among those into substrings, and all of these are looked up."""
    whole, looked_up = cutters
    if length is None:
        whole.no_truncation()  # type: ignore[attr-defined]
    else:
        whole.enable_truncation(length)  # type: ignore[attr-defined]
    expected = whole.encode(text)  # type: ignore[attr-defined]
    (found,) = looked_up.cut([text], length)
    assert (found.ids, found.names, found.offsets) == (expected.ids, expected.tokens, expected.offsets)


def test_a_tokenizer_that_no_table_does_for_is_kept_whole(tmp_path: Path) -> None:
    whole = many_pieces()
    whole.add_special_tokens(["<new>"])  # type: ignore[attr-defined] # no piece of the model itself
    unigram.save(whole, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["tokenizer.json"]
    text = "bada <new> keeguu"
    assert unigram.Cutter(tmp_path).cut([text])[0].ids == whole.encode(text).ids  # type: ignore[attr-defined]


DOCUMENTS = [
    Document(f"d{number}", text, f"{text} and more")
    for number, text in enumerate(sorted({pair.english for pair in made_up_pairs(30)}))
]


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Path:
    from kivuko.training.teacher import untrained_teacher

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KIVUKO_CACHE", str(tmp_path_factory.mktemp("cache")))
        return untrained_teacher(str(tiny_encoder), [pair.english for pair in made_up_pairs(40)])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, teacher: Path) -> Path:
    """An engine whose two languages are read by its documents' encoder, and by a student of its own."""
    engine = Engine.create(tmp_path_factory.mktemp("engine") / "engine", DOCUMENTS, model=teacher)
    engine.add_language("om", LanguageParts(student=teacher))
    return engine.path


@pytest.fixture(autouse=True)
def in_float32(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers as every processor has them."""
    monkeypatch.setenv("KIVUKO_PRECISION", "float32")


@pytest.fixture
def engine(made: Path, tmp_path: Path) -> Engine:
    shutil.copytree(made, tmp_path / "engine")
    return Engine.open(tmp_path / "engine")


def as_before(path: Path) -> Path:
    """The engine as an earlier Kivuko left it."""
    for folder in path.rglob("*-queries"):
        shutil.rmtree(folder)
    return path


def found_by(engine: Engine, query: str = "open file") -> list[tuple[str, float]]:
    return [(hit.id, round(hit.score, 2)) for hit in engine.search(query, language="om", explain=True)]


def test_an_engine_reads_queries_as_its_models_do_and_says_what_it_keeps(engine: Engine) -> None:
    info = engine.info()["languages"]
    for tag, folder in (
        ("eng-Latn", "teacher-queries"),
        ("orm-Latn", "languages/orm-Latn.1/student-queries"),
    ):
        sizes = sum(
            file.stat().st_size for file in (engine.path / folder).iterdir() if file.name != "manifest.json"
        )
        assert info[tag]["query_encoder"] == {"bytes": sizes}
    assert isinstance(engine.encoder(OROMO, "student"), QueryEncoder)
    matched = [
        [(m.query_word, m.document_word) for m in hit.matches]
        for hit in engine.search("open file", language="om", explain=True)
    ]
    by_query_encoder = found_by(engine)
    before = Engine.open(as_before(engine.path))
    assert not isinstance(before.encoder(OROMO, "student"), QueryEncoder)
    assert found_by(before) == by_query_encoder
    assert [
        [(m.query_word, m.document_word) for m in hit.matches]
        for hit in before.search("open file", language="om", explain=True)
    ] == matched
    assert before.info()["languages"]["orm-Latn"]["query_encoder"] is None


def test_documents_are_encoded_by_the_model_itself(engine: Engine) -> None:
    one = Document("new", "a new page", "print the page")
    engine.add([one])
    other = Engine.open(as_before(engine.path))
    other.add([Document("same", one.title, one.text)])
    ((_, own),), ((_, plain),) = (other.index.vectors_of(name) for name in ("new", "same"))
    assert np.array_equal(own, plain)


SEARCH = """
import sys
from kivuko.cli.main import run
try:
    run()
except SystemExit as ended:
    assert not ended.code, ended.code
loaded = {"torch", "transformers", "sentence_transformers", "scipy", "pandas", "sklearn"} & set(sys.modules)
assert not loaded, loaded
"""


@pytest.mark.parametrize(
    "more", [[], ["--explain"], ["--method", "lexicon-bm25"], ["--language", "en"]], ids=" ".join
)
def test_a_search_of_an_engine_loads_no_torch(engine: Engine, more: list[str]) -> None:
    from kivuko.codeswitch import Lexicon

    engine.add_language(
        "om",
        LanguageParts(student=engine.path / layout.TEACHER, lexicon=Lexicon(OROMO, {"bani": {"open": 1.0}})),
    )
    command = [sys.executable, "-c", SEARCH, "search", str(engine.path), "bani", "--json", *more]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["hits"]
    assert not done.stderr


def test_the_service_reads_queries_so(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from kivuko.service import searching
    from kivuko.service.answers import SearchBody

    monkeypatch.setattr("kivuko.models.encoding.open_encoder", pytest.fail)
    assert searching.search(engine, SearchBody(query="open file", language="om", explain=True))["hits"]


def test_one_of_another_model_is_refused_and_made_again(engine: Engine, tmp_path: Path) -> None:
    place_model(build_multi_vector(tmp_path / "other", seed=1), engine.path / layout.TEACHER)
    for use in (
        lambda: Engine.open(engine.path).encoder(resolve("en"), "teacher"),
        engine.verify,
        engine.info,
    ):
        with pytest.raises(ArtifactError, match=r"made from another model[\s\S]*kivuko engine optimize"):
            use()
    assert set(engine.optimize().values()) == {None}
    engine.verify()
    assert engine.encoder(resolve("en"), "teacher").space == Encoder.open(engine.path / layout.TEACHER).space


@pytest.mark.parametrize("file", ["queries.weights", "queries.onnx", "tokenizer.json", "manifest.json"])
def test_a_damaged_one_is_found_and_made_again(engine: Engine, file: str) -> None:
    place = next(engine.path.rglob(f"student-queries/{file}"))
    content = bytearray(place.read_bytes())
    content[len(content) // 2] ^= 1
    place.write_bytes(content)
    with pytest.raises(ArtifactError):
        Engine.open(engine.path).verify()
    engine.optimize()
    engine.verify()
    assert place.read_bytes() != bytes(content)


def test_one_of_another_version_is_refused(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_encoder, "FORMAT", 2)
    with pytest.raises(ArtifactError, match="another version"):
        engine.encoder(OROMO, "student")


def test_without_the_packages_the_model_reads_and_one_line_says_what_helps(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, teacher: Path
) -> None:
    way, expected = Way("late-interaction", "student"), found_by(engine)
    assert engine.advice(OROMO, way) is None
    monkeypatch.setattr(queries, "lacking_package", lambda: "onnxruntime")
    monkeypatch.setattr(query_export, "lacking_package", lambda: "onnxruntime")
    opened = Engine.open(engine.path)
    assert found_by(opened) == expected
    assert not isinstance(opened.encoder(OROMO, "student"), QueryEncoder)
    assert str(opened.advice(OROMO, way)).endswith("pip install 'kivuko[onnx]'")
    created = Engine.create(tmp_path / "created", DOCUMENTS, model=teacher)
    assert created.search("open file", language="en")
    assert not list(created.path.glob("*-queries"))
    asked = CliRunner().invoke(app, ["search", str(created.path), "open file"])
    assert asked.exit_code == 0
    assert len(asked.stderr.splitlines()) == 1
    assert f"pip install 'kivuko[onnx]', then kivuko engine optimize {created.path}" in asked.stderr
    said = CliRunner().invoke(app, ["engine", "optimize", str(created.path)])
    assert "no query encoder: onnxruntime is not installed" in said.output
    with pytest.raises(MissingExtraError):
        write_query_encoder(created.path / layout.TEACHER)


def test_an_earlier_engine_gets_one_by_command_or_by_adding_a_language_again(
    engine: Engine, teacher: Path
) -> None:
    earlier = Engine.open(as_before(engine.path))
    expected = found_by(earlier)
    assert "kivuko engine optimize" in str(earlier.advice(OROMO, Way("fusion", "student")))
    earlier.add_language("om", LanguageParts(student=teacher))
    assert isinstance(Engine.open(engine.path).encoder(OROMO, "student"), QueryEncoder)
    for _ in range(2):
        done = CliRunner().invoke(app, ["engine", "optimize", str(engine.path)])
        assert done.output.count("its query encoder is there") == 2
    assert found_by(earlier) == expected
    assert isinstance(earlier.encoder(OROMO, "teacher"), Encoder)
    assert "MB" in CliRunner().invoke(app, ["engine", "info", str(engine.path)]).output
    assert CliRunner().invoke(app, ["engine", "verify", str(engine.path)]).exit_code == 0


def test_a_model_that_cannot_have_one_says_why_and_is_not_tried_again(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_before(engine.path)
    with monkeypatch.context() as patch:
        patch.setattr(query_export, "TOLERANCE", -1.0)  # no vector is so near
        assert set(engine.optimize().values()) == {
            "a query encoder of this model would give other vectors than the model"
        }
    monkeypatch.setattr(query_export, "_facts", pytest.fail)
    assert None not in engine.optimize().values()
    opened = Engine.open(engine.path)
    assert "other vectors" in opened.info()["languages"]["orm-Latn"]["query_encoder"]["refused"]
    assert found_by(opened)
    assert opened.advice(OROMO, Way("fusion", "student")) is None
    opened.verify()


def test_killed_at_any_step_making_one_leaves_an_engine_that_searches(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every rename: readers find none or a whole one, and the same call again ends well and tidies up."""

    class Killed(BaseException):
        """Stands for a process that ends here and now."""

    as_before(engine.path)
    real, step, done = os.replace, 0, False
    while not done:
        step += 1
        left = step

        def replace(*arguments: str) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise Killed
            real(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", replace)
            patch.setattr(shutil, "rmtree", lambda *_, **__: None)  # nobody tidies up after a kill
            with suppress(Killed):
                done = set(Engine.open(engine.path).optimize().values()) == {None}
        assert found_by(Engine.open(engine.path))
        for folder in engine.path.rglob("*-queries"):
            assert folder.name.startswith(".") or is_complete(folder)
    assert step > 2
    as_before(engine.path)
    engine.optimize()
    left_over = [each.name for each in engine.path.rglob(".*-queries.*") if not each.name.endswith(".lock")]
    assert not left_over
    read_manifest(folder_of_queries(engine.path / layout.TEACHER), query_encoder.KIND, verify=True)
