"""The engine folder: its whole life, what is opened how often, kills, two writers, readers meanwhile."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import kivuko.models.encoding
import kivuko.models.query_encoder
from kivuko.artifact import try_exclusive
from kivuko.cli.main import app
from kivuko.codeswitch import Lexicon
from kivuko.collections.document import Document
from kivuko.engine import Engine
from kivuko.engine import state as layout
from kivuko.engine.guess import guess
from kivuko.engine.languages import LanguageParts, hold_out, interpolation_for
from kivuko.engine.state import EngineState, Way
from kivuko.errors import ArtifactError, InputError, UnknownNameError
from kivuko.languages import resolve
from kivuko.retrieval.index import Index
from kivuko.text import comparison_key
from kivuko.training.optical import OpticalSettings
from tiny import ENGLISH, FOREIGN, made_up_pairs

OROMO, SWAHILI, ENGLISH_LANGUAGE = resolve("om"), resolve("sw"), resolve("en")
SETTINGS = OpticalSettings(steps=2, batch_size=8)


def documents() -> list[Document]:
    texts = {pair.english for pair in made_up_pairs(60)}
    titled = [
        Document(f"d{number}", text, f"{text} and more", {"year": 2000 + number % 2})
        for number, text in enumerate(sorted(texts))
    ]
    return [*titled, Document("printer", "The printer", "Print a page on the printer", {"year": 2020})]


def dictionary(language: str = "om") -> Lexicon:
    entries = {foreign: {english: 1.0} for foreign, english in zip(FOREIGN, ENGLISH, strict=True)}
    return Lexicon(resolve(language), entries)


@pytest.fixture
def lexical(tmp_path: Path) -> Engine:
    return Engine.create(tmp_path / "engine", documents(), kind="lexical")


@pytest.fixture
def taught(tmp_path: Path, tiny_teacher: Path) -> Engine:
    engine = Engine.create(tmp_path / "engine", documents(), model=tiny_teacher)
    engine.add_language("om", LanguageParts(pairs=made_up_pairs(240), settings=SETTINGS))
    return engine


def test_an_engine_of_words_answers_in_its_own_language_and_by_a_dictionary(lexical: Engine) -> None:
    assert [hit.id for hit in lexical.search("printer")] == ["printer"]
    lexical.add_language("om", LanguageParts(lexicon=dictionary()))
    found = lexical.search("maxxi fuula", explain=True)  # print page
    assert (found.language, found.guessed, found.way) == (OROMO, True, Way("lexicon-bm25"))
    assert {(match.query_word, match.document_word) for match in found[0].matches} == {
        ("maxxi", "print"), ("fuula", "page"),
    }  # fmt: skip
    assert found[0].score >= found[-1].score
    assert lexical.search("printer").language == ENGLISH_LANGUAGE


def test_a_student_stays_half_way_unless_its_pairs_translate_titles() -> None:
    pairs = made_up_pairs(240)
    keys = sorted({comparison_key(pair.english) for pair in pairs})
    assert interpolation_for(pairs, frozenset(keys[:20])) == 1
    assert interpolation_for(pairs, frozenset(keys[:19])) == 0.5
    assert interpolation_for(pairs, frozenset()) == 0.5


def test_how_far_a_student_goes_is_as_asked_else_said(
    tmp_path: Path, tiny_teacher: Path, own_cache: Path
) -> None:
    from kivuko.cli.engine import app

    engine = Engine.create(tmp_path / "engine", documents()[-1:], model=tiny_teacher)
    settings = OpticalSettings(steps=1, batch_size=8, interpolation=0.7)
    engine.add_language("sw", LanguageParts(pairs=made_up_pairs(60), settings=settings))
    assert engine.info()["languages"]["swa-Latn"]["made_from"]["interpolation"] == 0.7
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("".join(f"{p.english}\t{p.foreign}\n" for p in made_up_pairs(60)), encoding="utf-8")
    for asked, share in ((["--set", "interpolation=0.8"], 0.8), ([], 0.5)):
        arguments = ["add-language", str(engine.path), "om", "--bitext", str(pairs), "--set", "steps=1"]
        done = CliRunner().invoke(app, [*arguments, "--set", "batch_size=8", *asked])
        assert done.exit_code == 0, done.output
        made_from = Engine.open(engine.path).info()["languages"]["orm-Latn"]["made_from"]
        assert made_from["interpolation"] == share
        assert ("half-way between teacher and bitext" in " ".join(done.output.split())) is not bool(asked)


def test_a_language_learnt_from_pairs_is_searched_checked_and_described(taught: Engine) -> None:
    found = taught.search("bani kuusa", language="om", top=3, explain=True)
    assert len(found) == 3
    assert not found.guessed
    info = taught.info()["languages"]["orm-Latn"]
    assert info["student"]
    assert info["lexicon"]
    assert info["made_from"]["held_out"] + info["made_from"]["trained_on"] <= 240
    assert info["made_from"]["interpolation"] == 1  # the pairs translate the documents' titles
    quality = taught.check("om")
    assert quality is not None
    assert {row.questions for row in quality.rows} == {"held-out pairs", "titles"}
    systems = {row.system for row in quality.rows}
    assert {"student", "lexicon, BM25", "document encoder, untrained in the language"} < systems
    assert all(0 <= row.summary.low <= row.summary.mean <= row.summary.high <= 1 for row in quality.rows)
    assert taught.languages[OROMO].way == quality.way
    # Words translate one by one here and two steps teach nothing: the lexicon does better, and search knows it.
    assert any("worse than the lexicon" in warning for warning in quality.warnings)
    assert quality.way.method in ("lexicon-bm25", "fusion")


def test_what_the_engine_holds_is_opened_once(taught: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    real = kivuko.models.query_encoder.open_session

    def counted(graph: Path, **options: bool) -> object:
        opened.append(str(graph))
        return real(graph, **options)

    monkeypatch.setattr(kivuko.models.query_encoder, "open_session", counted)
    monkeypatch.setattr(kivuko.models.encoding, "open_encoder", pytest.fail)  # no model is needed for queries
    engine = Engine.open(taught.path)
    way = Way("fusion", "student", 0.5)
    for query in ("bani kuusa", "guda fuula", "bani kuusa"):
        assert engine.search(query, language="om", explain=True, way=way)[0].matches
    engine.search("open file", language="en", explain=True)
    assert (
        len(opened) == len(set(opened)) == 2
    )  # the student's, and that of the documents' encoder for English


@pytest.mark.parametrize("method", ["late-interaction", "fusion"])
def test_a_query_is_encoded_once_however_many_hits_are_explained(
    method: str, taught: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[tuple[int, ...]] = []
    real = kivuko.models.query_encoder.run

    def counted(session: object, inputs: dict[str, np.ndarray]) -> object:
        encoded.append(inputs["input_ids"].shape)
        return real(session, inputs)

    monkeypatch.setattr(kivuko.models.query_encoder, "run", counted)
    found = taught.search("bani kuusa", language="om", top=5, explain=True, way=Way(method, "student"))
    assert [len(hit.matches) > 0 for hit in found] == [True] * 5
    assert [texts for texts, _ in encoded] == [1]


def test_a_query_longer_than_the_model_reads_is_said(taught: Engine) -> None:
    model, long = Way("late-interaction", "student"), "bani kuusa " * 160
    length = taught.encoder(OROMO, "student").length
    for words, truncated in ((length - 2, False), (length - 1, True)):  # of two special pieces
        text = " ".join(["9"] * words)
        assert taught.search(text, language="om", way=model).truncated == truncated
    found = taught.searcher("om", model).find({"short": "bani", "long": long, "longer": f"{long} guda"})
    assert found.truncated == ("long", "longer")
    assert not taught.search(long, language="om", way=Way("bm25")).truncated  # words have no limit


def test_where_and_changes_of_documents(taught: Engine) -> None:
    assert {hit.document.metadata["year"] for hit in taught.search("open", where={"year": 2001})} == {2001}
    with pytest.raises(UnknownNameError, match="metadata field"):
        taught.search("open", where={"colour": "red"})
    other = Engine.open(taught.path)
    before = other.generation
    taught.add([Document("new", "Zebra crossing", "zebra zebra")])
    assert [hit.id for hit in other.search("zebra", language="en", way=Way("bm25"))] == ["new"]
    assert other.generation != before
    taught.delete(["new"])
    assert not other.search("zebra", language="en", way=Way("bm25"))
    taught.verify()


def test_adding_a_language_never_touches_the_index(tmp_path: Path, tiny_teacher: Path) -> None:
    engine = Engine.create(tmp_path / "engine", documents(), model=tiny_teacher)
    files = {
        path: path.stat().st_mtime_ns for path in (engine.path / layout.INDEX).rglob("*") if path.is_file()
    }
    engine.add_language("om", LanguageParts(pairs=made_up_pairs(240), settings=SETTINGS))
    assert files == {
        path: path.stat().st_mtime_ns for path in (engine.path / layout.INDEX).rglob("*") if path.is_file()
    }


def test_a_repeated_command_does_nothing_and_another_engine_is_not_replaced(taught: Engine) -> None:
    names = sorted(path.name for path in (taught.path / layout.LANGUAGES).glob("orm*"))
    taught.add_language("om", LanguageParts(pairs=made_up_pairs(240), settings=SETTINGS))
    assert sorted(path.name for path in (taught.path / layout.LANGUAGES).glob("orm*")) == names
    assert Engine.create(taught.path, documents()).path == taught.path
    with pytest.raises(ArtifactError, match="there is an engine here already"):
        Engine.create(taught.path, documents()[:3])


def test_a_new_version_of_a_language_takes_the_old_ones_place(taught: Engine) -> None:
    reader = Engine.open(taught.path)
    reader.search("bani", language="om")
    taught.add_language("om", LanguageParts(lexicon=dictionary(), source="dictionary"))
    assert sorted(path.name for path in (taught.path / layout.LANGUAGES).glob("orm*")) == ["orm-Latn.2"]
    assert reader.search("bani", language="om").way.reader == "teacher"
    assert reader.info()["languages"]["orm-Latn"]["made_from"]["source"] == "dictionary"


def test_what_cannot_be_is_refused(lexical: Engine, tiny_teacher: Path, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="does not know Oromo"):
        lexical.search("bani", language="om")
    with pytest.raises(InputError, match="is there already"):
        lexical.add_language("en", LanguageParts(lexicon=dictionary()))
    with pytest.raises(InputError, match="nothing to learn Oromo from"):
        lexical.add_language("om", LanguageParts())
    with pytest.raises(InputError, match="no use for a model"):
        Engine.create(tmp_path / "other", documents(), kind="lexical", model=tiny_teacher)
    with pytest.raises(ArtifactError, match="no complete engine here"):
        Engine.open(tmp_path / "nowhere")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("mine")
    with pytest.raises(ArtifactError, match="will not replace"):
        Engine.create(tmp_path / "mine", documents(), kind="lexical")


def test_a_student_of_another_space_is_refused(taught: Engine, other_tiny_encoder: Path) -> None:
    from kivuko.training.teacher import untrained_teacher

    stranger = untrained_teacher(str(other_tiny_encoder), [pair.english for pair in made_up_pairs(40)])
    with pytest.raises(ArtifactError, match="another model's vector space"):
        taught.add_language("sw", LanguageParts(student=stranger))
    assert SWAHILI not in taught.languages


def test_the_second_writer_of_a_language_is_refused(lexical: Engine) -> None:
    home = lexical.path / layout.LANGUAGES
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from kivuko.codeswitch import Lexicon
        from kivuko.engine import Engine
        from kivuko.engine.languages import LanguageParts
        from kivuko.errors import ArtifactError
        try:
            Engine.open(sys.argv[1]).add_language("om", LanguageParts(lexicon=Lexicon.open(sys.argv[2])))
        except ArtifactError as error:
            print(error.what)
        """
    )
    dictionary().save(lexical.path.with_name("lexicon"))
    command = [sys.executable, "-c", script, str(lexical.path), str(lexical.path.with_name("lexicon"))]
    with try_exclusive(home / OROMO.tag) as free:
        assert free
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "another process is adding Oromo" in done.stdout
    assert OROMO not in lexical.languages
    subprocess.run(command, check=True)
    assert OROMO in lexical.languages


class Killed(BaseException):
    """Stands for a process that ends here and now."""


def test_killed_at_any_step_adding_a_language_goes_on(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every rename: readers see the old state or the new one, and the same call again ends well."""
    import os

    whole = Engine.create(tmp_path / "whole", documents(), kind="lexical")
    whole.add_language("om", LanguageParts(pairs=made_up_pairs(240)))
    expected = [(hit.id, hit.score) for hit in whole.search("bani kuusa", language="om")]
    real, step = os.replace, 0
    while True:
        step += 1
        path = tmp_path / f"killed-{step}"
        shutil.copytree(whole.path, path)
        (path / "manifest.json").unlink()
        shutil.rmtree(path / layout.LANGUAGES)
        EngineState("", ENGLISH_LANGUAGE, {"eng-Latn": whole.languages[ENGLISH_LANGUAGE]}).write(path)
        left = step

        def replace(*arguments: str) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise Killed
            real(*arguments)

        engine = Engine.open(path)
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", replace)
            try:
                engine.add_language("om", LanguageParts(pairs=made_up_pairs(240)))
                ended = True
            except Killed:
                ended = False
        seen = Engine.open(path)
        assert seen.search("printer", language="en")
        if OROMO in seen.languages:
            assert [(hit.id, hit.score) for hit in seen.search("bani kuusa", language="om")]
        if ended:
            break
        seen.add_language("om", LanguageParts(pairs=made_up_pairs(240)))
        assert [(hit.id, hit.score) for hit in seen.search("bani kuusa", language="om")] == expected
        assert len(list((path / layout.LANGUAGES).glob("orm-Latn.*"))) == 1
    assert step > 4


def test_a_killed_creation_goes_on(
    tmp_path: Path, tiny_teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(self: EngineState, path: Path) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(EngineState, "write", killed)
        with pytest.raises(Killed):
            Engine.create(tmp_path / "engine", documents(), model=tiny_teacher)
    assert not (tmp_path / "engine").exists()
    encoded: list[int] = []
    real = kivuko.models.encoding.encode

    def counted(*arguments: object, **options: object) -> object:
        encoded.append(1)
        return real(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(kivuko.models.encoding, "encode", counted)
    engine = Engine.create(tmp_path / "engine", documents(), model=tiny_teacher)
    assert not encoded  # the index was complete
    assert engine.search("printer")


def test_an_engine_is_brought_to_what_documents_are_now(
    tiny_teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine.create(tmp_path / "engine", documents(), model=tiny_teacher)
    first, *others = documents()
    changed = replace(first, text="a printer that prints in green")
    new = Document("new", "Blue window", "a window in blue", {"year": 2026})
    now = [changed, *others[:-1], new]
    read: list[str] = []
    real = kivuko.models.encoding.encode

    def counted(encoder: object, texts: Sequence[str], **options: object) -> object:
        read.extend(texts)
        return real(encoder, texts, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(kivuko.models.encoding, "encode", counted)
    facts = engine.sync(now)
    assert read == [changed.full_text, new.full_text]
    count = {"added": 1, "replaced": 1, "unchanged": len(others) - 1, "missing": 1}
    assert facts == count | {"documents_without_content": 0, "documents_truncated": 0}
    assert engine.document(first.id) == changed
    assert engine.document(others[-1].id) == others[-1]
    read.clear()
    facts = engine.sync(now, delete=True)
    assert (facts["unchanged"], facts["missing"]) == (len(now), 1)
    assert sorted(engine.index.ids) == sorted(document.id for document in now)
    assert engine.sync([replace(new, title="", text=" "), *now[:-1]])["replaced"] == 1
    assert not engine.index.has("new")
    with pytest.raises(InputError, match="same id"):
        engine.sync([new, new])
    file = tmp_path / "now.jsonl"
    file.write_text('{"id": "only", "title": "Only", "text": "one"}\n', encoding="utf-8")
    done = CliRunner().invoke(app, ["engine", "sync", str(engine.path), str(file)], catch_exceptions=False)
    assert "1 documents added, 0 replaced, 0 unchanged" in done.output
    assert f"{len(now) - 1} that are not among these stay (--delete" in done.output
    CliRunner().invoke(
        app, ["engine", "sync", str(engine.path), str(file), "--delete"], catch_exceptions=False
    )
    assert list(engine.index.ids) == ["only"]


def test_held_out_pairs_share_no_text_with_training() -> None:
    pairs = made_up_pairs(300)
    titles = frozenset(comparison_key(pair.english) for pair in pairs[:50])
    held, training = hold_out(pairs, titles)
    assert 40 <= len(held) <= 60
    assert sum(comparison_key(pair.english) in titles for pair in held) >= 20
    for side in ("english", "foreign"):
        assert not {getattr(pair, side) for pair in held} & {getattr(pair, side) for pair in training}
    assert hold_out(pairs[::-1], titles)[0] == held  # whatever order they come in


@pytest.mark.parametrize(
    ("query", "language"),
    [
        ("bani kuusa", "om"),
        ("open the file", "en"),
        ("ፋይል ክፈት", "am"),
        ("zzz", "en"),
        ("", "en"),
        ("fungua faili", "sw"),
        ("oko", "yo"),  # ọkọ̀ typed without tone and dots
        ("cafe oko", "en"),
    ],
)
def test_the_language_of_a_query_is_guessed(query: str, language: str) -> None:
    lexicons = {
        resolve("om"): dictionary(),
        resolve("am"): Lexicon(resolve("am"), {"ፋይል": {"file": 1.0}}),
        resolve("sw"): Lexicon(resolve("sw"), {"fungua": {"open": 1.0}, "faili": {"file": 1.0}}),
        resolve("yo"): Lexicon(resolve("yo"), {"ọkọ̀": {"vehicle": 1.0}}),
    }
    found = guess(
        query, lexicons, ENGLISH_LANGUAGE, {*ENGLISH, "the"}, is_typed_for_one=lambda word: word == "cafe"
    )
    assert found == resolve(language)


def test_an_engine_around_a_ready_index(tmp_path: Path, tiny_teacher: Path, other_tiny_encoder: Path) -> None:
    from kivuko.retrieval.build import build_index
    from kivuko.training.teacher import untrained_teacher

    index = build_index(documents(), tiny_teacher, tmp_path / "index")
    stranger = untrained_teacher(str(other_tiny_encoder), [pair.english for pair in made_up_pairs(40)])
    with pytest.raises(ArtifactError, match="another model's vector space"):
        Engine.of_index(tmp_path / "engine", index, stranger)
    engine = Engine.of_index(tmp_path / "engine", index, tiny_teacher)
    assert [hit.id for hit in engine.search("printer", way=Way("bm25"))] == ["printer"]
    engine.delete(["printer"])
    assert not engine.search("printer", way=Way("bm25"))
    untouched = Index.open(index)
    untouched.verify()
    assert untouched.document("printer")  # the engine's changes are its own
