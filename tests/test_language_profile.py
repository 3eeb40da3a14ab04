"""Language profiles: what a tokenizer makes of a text, what is within reach, and the page with all languages."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Any

import pytest

from kivuko.artifact import write_artifact
from kivuko.cli.languages import ENCODER, YARDSTICK
from kivuko.cli.main import run
from kivuko.errors import InputError, UnknownNameError
from kivuko.experiment import language_profile
from kivuko.experiment.language_profile import SAMPLE, SEEN, UNSEEN, is_seen, profile, resource_tier
from kivuko.experiment.language_table import counted, reach_row, share, writing_row
from kivuko.languages import known, resolve
from kivuko.models import get
from kivuko.models.catalogue import find
from kivuko.models.tokenizer import TokenizerProfile
from kivuko.public.reach import within_reach
from kivuko.public.recipe import RECIPE
from kivuko.training.teacher import BASE

PAGE = Path(__file__).parents[1] / "docs" / "languages.md"


def unigram(folder: Path, *, in_bytes: bool = False, more: tuple[str, ...] = ()) -> TokenizerProfile:
    """A tokenizer of XLM-R's build that knows one word, three letters and perhaps bytes."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    pieces = ["<unk>", "▁", "▁red", "r", "e", "d", *more]
    pieces += [f"<0x{byte:02X}>" for byte in range(256)] if in_bytes else []
    scored = [(piece, -float(i)) for i, piece in enumerate(pieces)]
    tokenizer = Tokenizer(models.Unigram(scored, unk_id=0, byte_fallback=in_bytes))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.save(str(folder / "tokenizer.json"))
    return TokenizerProfile("small", folder)


@functools.cache
def e5() -> TokenizerProfile:
    return TokenizerProfile(ENCODER, get(ENCODER))


def test_unknown_letters_are_counted_as_pieces_and_as_letters(tmp_path: Path) -> None:
    # ▁red | ▁ r e ž: five pieces for two words, one of them unknown; one of six letters lies under it.
    found = unigram(tmp_path).measure(["red rež"], "Latn")
    assert (found.pieces, found.pieces_per_word) == (5, 2.5)
    assert (found.unknown, found.lost) == (1 / 5, 1 / 6)
    assert (found.single, found.fallback) == (2 / 5, 0)
    assert (found.letters, found.lacking, found.writable) == (4, ("ž",), 3 / 4)


def test_a_run_of_unknown_letters_is_one_piece_but_all_are_lost(tmp_path: Path) -> None:
    found = unigram(tmp_path).measure(["žžžžžž red"], "Latn")
    # ▁ žžžžžž | ▁red
    assert found.unknown == 1 / 3
    assert found.lost == 6 / 9


def test_letters_of_other_scripts_and_digits_do_not_count(tmp_path: Path) -> None:
    found = unigram(tmp_path).measure(["red ж 12", "red"], "Latn")
    assert (found.lost, found.letters, found.lacking) == (0, 3, ())
    assert found.unknown > 0


def test_bytes_write_a_letter_that_has_no_piece(tmp_path: Path) -> None:
    found = unigram(tmp_path, in_bytes=True).measure(["red rež"], "Latn")
    # ▁red | ▁ r e <0xC5> <0xBE>
    assert (found.pieces, found.unknown, found.lost) == (6, 0, 0)
    assert found.fallback == 2 / 6
    assert found.lacking == ("ž",)


def test_continued_pieces_are_letters_too(tiny_encoder: Path) -> None:
    found = TokenizerProfile("tiny", tiny_encoder).measure(["open ox"], "Latn")
    # open | o ##x
    assert (found.pieces, found.single) == (3, 2 / 3)


def test_pieces_of_a_script_are_those_wholly_in_it(tmp_path: Path) -> None:
    vocabulary = unigram(tmp_path, more=("ж", "▁жж", "жr", "12", "日本", "日か", "か", "한", "དེ"))
    assert vocabulary.vocabulary_size == 15
    assert vocabulary.script_pieces("Cyrl") == 2
    # <unk> is among them.
    assert vocabulary.script_pieces("Latn") == 5
    assert [vocabulary.script_pieces(script) for script in ("Hans", "Jpan", "Kore")] == [1, 3, 2]
    assert [vocabulary.script_pieces(script) for script in ("Tibt", "Thaa")] == [1, 0]


def test_tokenizers_and_texts_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"tokenizer\.json"):
        TokenizerProfile("none", tmp_path)
    with pytest.raises(InputError, match="letter of this script"):
        unigram(tmp_path).measure(["ж", "12"], "Latn")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match="cannot be read"):
        TokenizerProfile("broken", tmp_path)


@pytest.mark.parametrize(
    ("name", "seen"),
    [("om", True), ("yo", False), ("zh-Hant", True), ("sr-Latn", True), ("nb", True), ("nn", False)],
)
def test_what_the_encoder_has_seen_is_the_catalogues_list(name: str, seen: bool) -> None:
    assert is_seen(resolve(name), find(ENCODER)) is seen
    assert is_seen(resolve(name), find("all-minilm-l6-v2")) is None
    assert is_seen(resolve(name), find("a folder")) is None


def test_tiers_are_those_of_experiments() -> None:
    high, middle, low = SEEN
    assert ENCODER == BASE
    for pairs, tier in ((0, low), (4_999, low), (5_000, middle), (20_000, middle), (20_001, high)):
        assert resource_tier(True, pairs) == tier
    assert [resource_tier(False, pairs) for pairs in (None, 50_000)] == [UNSEEN, UNSEEN]
    assert [resource_tier(True, None), resource_tier(None, 50_000)] == [None, None]


def test_reach_shows_what_is_built_and_only_that(own_cache: Path) -> None:
    oromo = resolve("om")
    before = within_reach(oromo)
    assert (before.pairs, set(before.bitext.values()), before.is_built) == (None, {None}, False)
    assert list(before.dictionaries) == ["cldr", "cldr-names", "ict-terms"]
    assert list(before.collections) == ["libreoffice-help", "ict-terms", "cldr-probe"]
    folder = own_cache / "data" / "orm-Latn"
    meta: dict[str, Any] = {"language": "orm-Latn", "recipe": RECIPE, "counts": {"udhr": {"after": 7}}}
    with write_artifact(folder / "bitext", "bitext", meta=meta):
        pass
    dictionaries = {"sources": {"cldr": {"entries": 3}}}
    with write_artifact(folder / "dictionaries" / "cldr", "lexicon", meta=dictionaries):
        pass
    asked = {"language": "orm-Latn", "kind": "title", "split": "test", "queries": 5}
    collection = {"language": "orm-Latn", "recipe": RECIPE, "query_sets": [asked]}
    with write_artifact(folder / "collection", "collection", meta=collection):
        pass
    after = within_reach(oromo)
    assert (after.pairs, after.bitext["udhr"], after.bitext["mediawiki"]) == (7, 7, 0)
    assert after.dictionaries == {"cldr": 3, "cldr-names": None, "ict-terms": None}
    assert after.collections == {"libreoffice-help": 5, "ict-terms": None, "cldr-probe": None}
    with write_artifact(folder / "bitext", "bitext", meta=meta | {"recipe": RECIPE - 1}):
        pass
    assert within_reach(oromo).pairs is None, "a bitext of older rules is not what would be trained on"


def test_apertium_is_named_by_direction(own_cache: Path) -> None:
    assert within_reach(resolve("eu")).apertium == ("eu-en",)
    assert within_reach(resolve("gl")).apertium == ("gl-en", "en-gl")
    assert within_reach(resolve("yo")).apertium == ()


def test_sample_is_bounded_seeded_and_in_order(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = [("red", f"red {'r' * (1 + i)}") for i in range(SAMPLE + 500)]
    texts = {"bitext": lambda language: [], "udhr": lambda language: pairs}
    monkeypatch.setattr(language_profile, "TEXTS", texts)
    small = unigram(tmp_path)
    first, again, other = (profile(resolve("om"), small, texts=tuple(texts), seed=seed) for seed in (0, 0, 1))
    assert (first.text, first.pairs) == ("udhr", SAMPLE)
    assert first == again
    assert first.foreign != other.foreign
    assert first.parity == first.foreign.pieces / SAMPLE  # type: ignore[union-attr]
    with pytest.raises(UnknownNameError, match="bitext, udhr"):
        profile(resolve("om"), small, texts=("wikipedia",))
    with pytest.raises(InputError, match="English is the source language"):
        profile(resolve("en"), small)


def test_composed_and_decomposed_text_measure_alike(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = unigram(tmp_path, more=("é",))
    found = []
    for letter in ("é", "e\u0301"):
        texts = {"udhr": lambda language, letter=letter: [("red", f"r{letter}d")]}
        monkeypatch.setattr(language_profile, "TEXTS", texts)
        found.append(profile(resolve("om"), small, texts=("udhr",)).foreign)
    assert found[0] == found[1]
    assert found[0] is not None
    assert found[0].unknown == 0


@pytest.mark.network
def test_page_in_another_script_is_not_measured() -> None:
    # The Declaration is there in Central Kurdish, but in Latin letters.
    assert profile(resolve("ckb"), e5(), texts=YARDSTICK).text == "cldr-names"


@pytest.mark.network
def test_scripts_that_the_encoder_cannot_write_show() -> None:
    dzongkha, english_like = (profile(resolve(name), e5(), texts=YARDSTICK).foreign for name in ("dz", "de"))
    assert dzongkha is not None
    assert english_like is not None
    assert 0.4 < dzongkha.unknown < 0.6
    assert dzongkha.lost > 0.9
    assert dzongkha.writable < 0.1
    assert (english_like.unknown, english_like.lost, english_like.writable) == (0, 0, 1)
    assert e5().script_pieces("Thaa") == 0


@functools.cache
def page_rows() -> tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]]:
    """The page's two large tables: code → column → cell."""
    tables: list[list[dict[str, str]]] = []
    header: list[str] = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            header = []
        elif not header:
            header = cells
            tables.append([])
        elif set(cells) != {"---"}:
            tables[-1].append(dict(zip(header, cells, strict=True)))
    assert len(tables) == 3
    first, last = ({row["code"]: row for row in tables[i]} for i in (0, 2))
    return first, last


def test_page_has_every_language() -> None:
    codes = [language.short for language in known() if language.short != "en"]
    assert [list(rows) for rows in page_rows()] == [codes, codes]


@pytest.mark.network
@pytest.mark.parametrize("code", ["om", "dz", "ckb", "ve", "azb"])
def test_row_of_the_page_agrees_with_the_profile(code: str) -> None:
    writing, reach = page_rows()
    found = profile(resolve(code), e5(), texts=YARDSTICK)
    assert writing[code] == writing_row(found)
    # Counts depend on what is built where the page is written; what there is does not.
    for column in ("bitext sources", "Apertium"):
        assert reach[code][column] == reach_row(found)[column]


def test_small_shares_do_not_look_like_none() -> None:
    assert [share(value) for value in (0.0, 0.0004, 0.0014, 1.0)] == ["0 %", "< 0.1 %", "0.1 %", "100.0 %"]
    assert counted({"cldr": 1374, "freedict": None}) == "cldr 1,374, freedict"
    assert counted({}) == "–"


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (("info", "om"), ["orm-Latn for", "not built", "--build", "udhr, 2 pairs"]),
        (("info", "azb"), ["no text within reach"]),
        (("list",), ["Oromo", "dzo-Tibt", "Seen and tier"]),
    ],
)
def test_verbs_show_a_language_and_all(
    arguments: tuple[str, ...],
    shown: list[str],
    own_cache: Path,
    tiny_encoder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    texts = {"bitext": [], "udhr": [("open file", "bani kuusa"), ("save", "olkai")], "cldr-names": []}
    had = {
        name: lambda language, pairs=pairs: pairs if language.short == "om" else []
        for name, pairs in texts.items()
    }
    monkeypatch.setattr(language_profile, "TEXTS", had)
    monkeypatch.setattr(sys, "argv", ["kivuko", "languages", *arguments, "--encoder", str(tiny_encoder)])
    with pytest.raises(SystemExit) as ended:
        run()
    printed = capsys.readouterr()
    assert ended.value.code == 0, printed.err
    for text in shown:
        assert text in printed.out


def test_table_verb_writes_the_page_with_its_origin(
    own_cache: Path,
    tiny_encoder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    texts = dict.fromkeys(YARDSTICK, lambda language: [("open", "bani")] if language.short == "om" else [])
    monkeypatch.setattr(language_profile, "TEXTS", texts)
    output = tmp_path / "page.md"
    monkeypatch.setattr(
        sys,
        "argv",
        ["kivuko", "languages", "table", "--output", str(output), "--encoder", str(tiny_encoder)],
    )
    with pytest.raises(SystemExit) as ended:
        run()
    assert ended.value.code == 0, capsys.readouterr().err
    page = output.read_text(encoding="utf-8")
    assert f"kivuko languages table --output {output} --encoder {tiny_encoder}" in page
    assert "(commit " in page
    row = next(line for line in page.splitlines() if line.startswith("| Oromo |"))
    # open is one piece; bani is b ##a ##n ##i.
    assert row.split(" | ")[4:8] == ["udhr", "4.00", "4.00", "4.00"]
