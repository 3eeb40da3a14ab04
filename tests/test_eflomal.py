"""eflomal as an optional aligner: what its absence says, how links are counted, and the real engine."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

import pytest

from kivuko.cli.main import run
from kivuko.codeswitch import Lexicon, eflomal, induce
from kivuko.errors import InputError, KivukoError, MissingExtraError, UnknownNameError
from kivuko.languages import resolve
from tiny import ENGLISH, FOREIGN, made_up_pairs

OROMO = resolve("om")
ENGLISH_TEXTS = [["a", "b", "a"], ["b"], ["a", "c"]]
FOREIGN_TEXTS = [["x", "y"], ["y"], ["z", "x"]]


def installed() -> bool:
    try:
        eflomal.find_command()
    except MissingExtraError:
        return False
    return True


real_engine = pytest.mark.skipif(
    not installed(), reason="eflomal is not installed (pip install 'kivuko[eflomal]')"
)


@pytest.fixture
def no_eflomal(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "files", absent)


def stand_in(
    monkeypatch: pytest.MonkeyPatch, folder: Path, forward: str, reverse: str, code: int = 0
) -> Path:
    """A command that keeps what it is given and answers with these links."""
    script = folder / "eflomal-align"
    script.write_text(
        "import pathlib, sys\n"
        "given = dict(zip(sys.argv[1::2], sys.argv[2::2]))\n"
        f"kept = pathlib.Path({str(folder)!r})\n"
        "for side in ('-s', '-t'): (kept / side).write_text(pathlib.Path(given[side]).read_text())\n"
        f"pathlib.Path(given['-f']).write_text({forward!r})\n"
        f"pathlib.Path(given['-r']).write_text({reverse!r})\n"
        "sys.stderr.write('Illegal instruction\\n')\n"
        f"sys.exit({code})\n"
    )
    monkeypatch.setattr(eflomal, "find_command", lambda: script)
    return folder


def test_links_of_both_directions_are_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = stand_in(monkeypatch, tmp_path, "0-0 1-1 2-1\n0-0\n0-1\n", "2-0 1-1 0-0\n0-0\n0-1 1-0\n")
    found = eflomal.align(ENGLISH_TEXTS, FOREIGN_TEXTS)
    counts = {
        (found.english_words[e], found.foreign_words[f]): count
        for e, f, count in zip(found.english, found.foreign, found.count, strict=True)
    }
    # Not 2-1 (a-y), not 2-0 (a-x) and not 1-0 (c-z), which one direction alone has.
    assert counts == {("a", "x"): 2.0, ("b", "y"): 2.0}
    assert (found.english_words, found.foreign_words) == (["a", "b", "c"], ["x", "y", "z"])
    assert (folder / "-s").read_text() == "0 1 0\n1\n0 2\n"
    assert (folder / "-t").read_text() == "0 1\n1\n2 0\n"


@pytest.mark.parametrize(("backoff", "expected"), [(0.0, None), (0.5, {"green": 1.0})])
def test_a_word_that_is_never_linked_has_its_class_or_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, backoff: float, expected: dict[str, float] | None
) -> None:
    # Of twelve pairs the first words are linked, but for the last one's, "maxxi"; its class has "magari", green.
    stand_in(monkeypatch, tmp_path, "0-0\n" * 11 + "\n", "0-0\n" * 11 + "\n")
    monkeypatch.setattr(eflomal, "version", lambda: "0")
    lexicon = induce(made_up_pairs(12), OROMO, aligner="eflomal", backoff=backoff, prefix=2)
    assert lexicon.entries.get("maxxi") == expected
    assert lexicon.translations("maxxi") == {"green": 1.0}
    assert lexicon.meta["settings"] == {
        "aligner": "eflomal 0", "prefix": 2, "backoff": backoff, "least": 0.01, "most": 20
    }  # fmt: skip


@pytest.mark.parametrize(
    ("forward", "code", "got"),
    [("0-0\n0-0\n0-0\n", 1, "Illegal instruction"), ("0-0\n0-0\n", 0, "Illegal")],
)
def test_an_engine_that_fails_is_quoted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, forward: str, code: int, got: str
) -> None:
    stand_in(monkeypatch, tmp_path, forward, "0-0\n0-0\n0-0\n", code)
    with pytest.raises(KivukoError, match="eflomal failed") as caught:
        eflomal.align(ENGLISH_TEXTS, FOREIGN_TEXTS)
    assert got in str(caught.value.got)


def test_texts_that_it_would_not_align_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stand_in(monkeypatch, tmp_path, "", "")
    with pytest.raises(InputError, match="too long for eflomal"):
        eflomal.align([["a"]], [["x"] * 1024])


@pytest.mark.usefixtures("no_eflomal")
def test_without_it_the_command_line_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = [
        "lexicon",
        "induce",
        "--language",
        "om",
        "--aligner",
        "eflomal",
        "--output",
        str(tmp_path / "l"),
    ]
    monkeypatch.setattr(sys, "argv", ["kivuko", *arguments])
    monkeypatch.setattr("kivuko.cli.resources.chosen_pairs", lambda *_: pytest.fail("pairs are read first"))
    with pytest.raises(SystemExit, match="2"):
        run()
    assert capsys.readouterr().err == (
        "error: eflomal is not installed\n  remedy: install it with: pip install 'kivuko[eflomal]'\n"
    )


@pytest.mark.usefixtures("no_eflomal")
def test_without_it_the_default_works() -> None:
    assert induce(made_up_pairs(40), OROMO).meta["settings"]["iterations"] == 2
    with pytest.raises(MissingExtraError):
        induce(made_up_pairs(40), OROMO, aligner="eflomal")


def test_unknown_aligners_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="unknown aligner 'eflomel'"):
        induce(made_up_pairs(40), OROMO, aligner="eflomel")  # type: ignore[arg-type]


@real_engine
def test_the_real_engine_gives_the_dictionary_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pairs = "".join(f"{pair.english}\t{pair.foreign}\n" for pair in made_up_pairs(400))
    (tmp_path / "pairs.tsv").write_text(pairs, encoding="utf-8")
    arguments = ["--language", "om", "--bitext", tmp_path / "pairs.tsv", "--output", tmp_path / "lexicon"]
    monkeypatch.setattr(
        sys, "argv", ["kivuko", "lexicon", "induce", "--aligner", "eflomal", *map(str, arguments)]
    )
    with pytest.raises(SystemExit) as ended:
        run()
    assert ended.value.code == 0, capsys.readouterr().err
    lexicon = Lexicon.open(tmp_path / "lexicon")
    assert lexicon.meta["settings"]["aligner"] == f"eflomal {importlib.metadata.version('eflomal')}"
    best = {word: max(found, key=found.__getitem__) for word, found in lexicon.entries.items()}
    right = [word for english, word in zip(ENGLISH, FOREIGN, strict=True) if best.get(word) == english]
    assert len(right) >= 11, best  # it samples without a seed; one word may go wrong
