"""What a budget allows to train on: the real Oromo and Amharic data in the user's cache, and a person's own files."""

from __future__ import annotations

import functools
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import get_args

import pytest

from kivuko.codeswitch import Lexicon
from kivuko.codeswitch.entries import PREFIX_MARK
from kivuko.collections.bitext import Pair
from kivuko.collections.counts import DropReport
from kivuko.collections.split import split_of
from kivuko.errors import InputError
from kivuko.languages import Language, resolve
from kivuko.public.collections import collections_for
from kivuko.public.help_pages import Page, english_pages, load_pages
from kivuko.public.leakage import held_out_terms, held_out_texts
from kivuko.public.lexicons import public_lexicon
from kivuko.readers.linked_documents import read_linked
from kivuko.text import comparison_key, words
from kivuko.training import materials as rooms
from kivuko.training.materials import Materials
from kivuko.training.resources import Need, Resources
from kivuko.training.sources import Budget, Draw, EnglishSources, HeldOut, Sources
from kivuko.training.teacher import help_pairs
from tiny import made_up_pairs

OROMO, AMHARIC = resolve("om"), resolve("am")
SIZES = {"1k": 40, "5k": 120}


@pytest.fixture(autouse=True, scope="module")
def _small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rooms, "PAIRS", SIZES)
        yield


PUBLIC = Materials()


def gathered(languages: list[Language], budget: Budget, seed: int, needs: frozenset[Need]) -> Resources:
    return PUBLIC.resources(Draw(tuple(languages), budget, seed), needs)


def pairs_of(language: Language, budget: Budget, seed: int) -> list[Pair]:
    return PUBLIC.pairs(language, Draw((language,), budget, seed))


def lexicon_of(language: Language, budget: Budget, seed: int) -> Lexicon | None:
    return PUBLIC.lexicon(language, Draw((language,), budget, seed))


# Budgets


@pytest.mark.network
def test_a_sample_has_its_size_and_follows_seed_and_language() -> None:
    everything = pairs_of(OROMO, "all", 0)
    assert len(everything) > 10_000
    for budget, size in SIZES.items():
        drawn = pairs_of(OROMO, budget, 3)  # type: ignore[arg-type]
        assert len({pair.id for pair in drawn}) == len(drawn) == size
        assert set(drawn) <= set(everything)
        assert drawn == pairs_of(OROMO, budget, 3)  # type: ignore[arg-type]
        assert set(drawn) != set(pairs_of(OROMO, budget, 4))  # type: ignore[arg-type]
    assert pairs_of(OROMO, "all", 7) == everything


@pytest.mark.network
def test_a_bitext_smaller_than_the_budget_is_taken_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "PAIRS", {"1k": 1_000_000})
    assert Materials().pairs(OROMO, Draw((OROMO,), "1k")) == pairs_of(OROMO, "all", 0)


@pytest.mark.network
def test_other_languages_change_nothing_in_a_language() -> None:
    needs = frozenset({Need.BITEXT, Need.LEXICON})
    both, alone = gathered([OROMO, AMHARIC], "1k", 1, needs), gathered([AMHARIC], "1k", 1, needs)
    assert [len(pairs) for pairs in both.bitext.values()] == [SIZES["1k"]] * 2
    assert both.bitext[AMHARIC] == alone.bitext[AMHARIC]
    assert both.tables[AMHARIC] == alone.tables[AMHARIC]


@pytest.mark.network
@pytest.mark.parametrize("budget", get_args(Budget))
def test_no_budget_gives_more_than_it_says(budget: Budget) -> None:
    if budget == "all":
        return  # everything is allowed, and inducing a lexicon from it takes long
    held = gathered([OROMO], budget, 0, frozenset({Need.BITEXT, Need.LEXICON}))
    assert bool(held.bitext) == (budget in SIZES)
    assert bool(held.tables) == (budget in {"lexicon", *SIZES})
    assert (lexicon_of(OROMO, budget, 0) is None) == (budget in {"none", "monolingual"})


@pytest.mark.network
def test_an_induced_lexicon_knows_only_the_pairs_drawn() -> None:
    for seed in (0, 1):
        lexicon = lexicon_of(OROMO, "1k", seed)
        assert lexicon is not None
        drawn = {word for pair in pairs_of(OROMO, "1k", seed) for word in words(pair.foreign)}
        beginnings = {word[:length] + PREFIX_MARK for word in drawn for length in range(1, len(word) + 1)}
        assert lexicon.entries
        assert {word for entry in lexicon.entries for word in entry.split()} <= drawn | beginnings
    assert lexicon_of(OROMO, "1k", 0) != lexicon_of(OROMO, "1k", 1)


@pytest.mark.network
def test_only_what_is_needed_is_gathered() -> None:
    held = gathered([OROMO], "lexicon", 0, frozenset({Need.TRANSLATED}))
    assert held.translated
    assert not any(
        [held.english_pairs, held.bitext, held.tables, held.monolingual, held.linked, held.documents,
         held.english_texts]
    )  # fmt: skip


# Leakage


def answers(language: Language) -> set[str]:
    """Keys of what the vocabulary probes ask for in development and test."""
    probes = [name for name in collections_for(language) if name in {"ict-terms", "cldr-probe"}]
    assert probes
    return {key for name in probes for key in held_out_terms(language, name)}


@pytest.mark.network
@pytest.mark.parametrize("language", [OROMO, AMHARIC], ids=lambda language: language.short)
def test_dictionaries_know_no_held_out_answer(language: Language) -> None:
    lexicon, public = lexicon_of(language, "lexicon", 0), public_lexicon(language)
    assert lexicon is not None
    assert public is not None
    asked = answers(language)
    # Dictionaries keep words alone: no hyphens, one apostrophe.
    spelled = {comparison_key(" ".join(words(answer))) for answer in asked} | asked
    known = {foreign for foreign in public.lexicon.entries if comparison_key(foreign) in spelled}
    assert len(known) > 1000, "the same lists are dictionaries and probes"
    assert not known & lexicon.entries.keys()
    assert len(lexicon.entries) > 0.9 * (len(public.lexicon.entries) - len(known))
    assert lexicon.meta["held_out"] == len(public.lexicon.entries) - len(lexicon.entries)


@functools.cache
def oromo_pages() -> dict[str, Page]:
    return load_pages(OROMO).pages


def leaking(texts: Iterable[str]) -> list[str]:
    """The texts that are a title or paragraph of a held-out page."""
    held_out = held_out_texts(OROMO)
    return [text for text in texts if held_out.reason(Pair("", "no page says this", text, ""))]


@pytest.mark.network
def test_monolingual_text_from_the_bitext_holds_nothing_held_out() -> None:
    texts = gathered([OROMO], "monolingual", 0, frozenset({Need.MONOLINGUAL})).monolingual[OROMO]
    pages = {"\n".join(page.values()) for page in PUBLIC._translated_pages(OROMO).values()}
    strings = [text for text in texts if text not in pages]
    assert len(strings) > 1000
    assert all(len(words(text)) >= rooms.FEWEST_WORDS for text in strings)
    assert leaking(strings) == []


@pytest.mark.network
def test_monolingual_pages_are_training_pages_in_translation() -> None:
    pages, english = oromo_pages(), english_pages(None).pages
    found = PUBLIC._translated_pages(OROMO)
    assert len(found) > 1000
    assert {split_of(name) for name in found} == {"train"}
    for name, translated in found.items():
        lines = translated.values()
        assert translated.items() <= pages[name].paragraphs.items()
        assert any(line not in english[name].paragraphs.values() for line in lines)


@pytest.mark.network
def test_monolingual_pages_hold_nothing_held_out() -> None:
    lines = {line for page in PUBLIC._translated_pages(OROMO).values() for line in page.values()}
    assert leaking(sorted(lines)) == []


# Derived pairs


def keys_of(page: Page, lines: set[str]) -> set[str]:
    """Keys of the lines that stand in the page once; one that stands there twice could be either."""
    texts = list(page.paragraphs.values())
    return {key for key, text in page.paragraphs.items() if text in lines and texts.count(text) == 1}


def linked_pages() -> Iterator[tuple[Page, Page, set[str], set[str]]]:
    """Oromo page, English page, and the lines of either in each linked pair."""
    pages, english = oromo_pages(), english_pages(None).pages
    having: dict[str, set[str]] = defaultdict(set)
    for name, page in pages.items():
        for line in page.paragraphs.values():
            having[line].add(name)
    for ours, theirs in gathered([OROMO], "monolingual", 0, frozenset({Need.LINKED})).linked[OROMO]:
        lines, other = set(ours.split("\n")), set(theirs.split("\n"))
        of_both = [
            name
            for name in sorted(set.intersection(*(having[line] for line in lines)))
            if name in english and other <= set(english[name].paragraphs.values())
        ]
        training = [name for name in of_both if split_of(name) == "train"]
        assert training, f"no training page is the source of {ours[:60]!r}"
        if len(of_both) == 1:
            yield pages[training[0]], english[training[0]], lines, other


@pytest.mark.network
def test_linked_documents_come_from_training_pages_and_are_not_parallel() -> None:
    shared = [bool(keys_of(a, ours) & keys_of(b, theirs)) for a, b, ours, theirs in linked_pages()]
    assert len(shared) > 500
    assert not any(shared)


@pytest.mark.network
def test_translated_pairs_are_shared_out() -> None:
    held = gathered([OROMO, AMHARIC], "lexicon", 0, frozenset({Need.TRANSLATED, Need.ENGLISH_PAIRS}))
    english = help_pairs()
    assert list(held.english_pairs) == english
    first, second = held.translated[AMHARIC], held.translated[OROMO]
    assert len(first) + len(second) == len(english)
    assert [document for _, document in first] == [document for _, document in english[0::2]]
    assert [document for _, document in second] == [document for _, document in english[1::2]]
    for ours, theirs in ((first, english[0::2]), (second, english[1::2])):
        assert (
            sum(query == asked for (query, _), (asked, _) in zip(ours, theirs, strict=True)) < len(ours) / 2
        )
    assert sum("\u1200" <= letter <= "\u137f" for query, _ in first for letter in query) > 1000


# A person's own


NEEDS = frozenset(Need) - {Need.TEACHER}


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files of everything, where asking for public data is an error."""
    for name in (
        "build_bitext",
        "load_pages",
        "english_pages",
        "public_lexicon",
        "held_out_texts",
        "held_out_terms",
    ):
        monkeypatch.setattr(rooms, name, lambda *_, name=name: pytest.fail(f"{name} was asked"))
    for name in ("help_pairs", "centring_texts"):
        monkeypatch.setattr(rooms.teacher, name, lambda *_, name=name, **__: pytest.fail(f"{name} was asked"))
    files = {
        "pairs.tsv": [f"{pair.english}\t{pair.foreign}" for pair in made_up_pairs(60)],
        "lexicon.tsv": ["dima\tred\t1", "kuusa\tfile\t0.75"],
        "text.jsonl": [json.dumps({"text": f"kuusa dima magari bani {i}"}) for i in range(5)],
        "linked.tsv": [f"fuula dima {i}\tthe red page {i}" for i in range(4)] + ["guda\t"],
        "documents.tsv": [
            f"d{i}\ttitle {i}\t{pair.english} and more" for i, pair in enumerate(made_up_pairs(9))
        ],
    }
    for name, lines in files.items():
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path


def given(folder: Path) -> tuple[dict[Language, Sources], EnglishSources]:
    sources = Sources(
        bitext=folder / "pairs.tsv",
        lexicon=folder / "lexicon.tsv",
        text=folder / "text.jsonl",
        linked=folder / "linked.tsv",
    )
    return {OROMO: sources}, EnglishSources(documents=folder / "documents.tsv")


def test_own_files_stand_in_for_public_data_throughout(own: Path) -> None:
    said: list[str] = []
    materials = Materials(*given(own), say=said.append)
    materials.check()
    held = materials.resources(Draw((OROMO,), "all"), NEEDS)
    assert len(held.bitext[OROMO]) == len(made_up_pairs(60))
    assert held.monolingual[OROMO][0] == "kuusa dima magari bani 0"
    assert held.linked[OROMO][0] == ("fuula dima 0", "the red page 0")
    assert len(held.linked[OROMO]) == 4
    assert len(held.translated[OROMO]) == len(held.english_pairs) == 9
    assert held.english_pairs[0][0] == "title 0"
    assert list(held.documents) == list(held.english_texts)
    assert any("linked.tsv: 4 of 5 texts kept; dropped: 1 empty side" in line for line in said), said
    # What the pairs say goes before the lexicon where a budget has pairs; without pairs it is the lexicon's turn.
    assert "cufi" in materials.lexicon(OROMO, Draw((OROMO,), "all")).entries  # type: ignore[union-attr]
    for draw in (Draw((OROMO,), "lexicon"), Draw((OROMO,), "all", given_lexicon=True)):
        assert materials.lexicon(OROMO, draw).entries == {  # type: ignore[union-attr]
            "dima": {"red": 1.0}, "kuusa": {"file": 0.75},
        }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "need"),
    [
        ("pairs.tsv", Need.BITEXT),
        ("pairs.tsv", Need.LEXICON),
        ("text.jsonl", Need.MONOLINGUAL),
        ("linked.tsv", Need.LINKED),
        ("documents.tsv", Need.ENGLISH_PAIRS),
        ("documents.tsv", Need.TRANSLATED),
    ],
)
def test_what_a_file_holds_enters_the_hash(
    own: Path, name: str, need: Need, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIVUKO_CACHE", str(own / "cache"))
    draw = Draw((OROMO,), "all")
    before = Materials(*given(own)).digest(need, draw)
    assert Materials(*given(own)).digest(need, draw) == before
    lines = (own / name).read_text(encoding="utf-8").splitlines()
    (own / name).write_text("\n".join(lines[2:]) + "\n", encoding="utf-8")
    assert Materials(*given(own)).digest(need, draw) != before


def test_hashes_of_induced_lexicons_are_not_induced_twice(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIVUKO_CACHE", str(own / "cache"))
    draw = Draw((OROMO,), "all")
    before = Materials(*given(own)).lexicons_hash(draw)
    monkeypatch.setattr(rooms, "induce", lambda *_: pytest.fail("induced to be hashed"))
    assert Materials(*given(own)).lexicons_hash(draw) == before


def test_what_a_test_asks_for_is_kept_out_of_own_files(own: Path) -> None:
    pair = made_up_pairs(60)[7]
    asked = {
        OROMO: frozenset(
            map(comparison_key, [pair.foreign.upper(), "fuula dima 2", "kuusa dima magari bani 3"])
        ),
        resolve("en"): frozenset({comparison_key("Title 4")}),
    }
    said: list[str] = []
    materials = Materials(*given(own), held_out=HeldOut(of_all=asked), say=said.append)
    held = materials.resources(Draw((OROMO,), "all"), NEEDS)
    assert pair.foreign not in {each.foreign for each in held.bitext[OROMO]}
    assert len(held.bitext[OROMO]) == len(made_up_pairs(60)) - 1
    assert [ours for ours, _ in held.linked[OROMO]] == ["fuula dima 0", "fuula dima 1", "fuula dima 3"]
    assert len(held.monolingual[OROMO]) == 4
    assert "title 4" not in [query for query, *_ in held.english_pairs]
    assert any("pairs.tsv: 1 of 60 left out" in line for line in said), said


def test_all_files_that_are_not_there_are_named_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        Materials(*given(tmp_path)).check()
    for name in ("pairs.tsv", "lexicon.tsv", "text.jsonl", "linked.tsv", "documents.tsv"):
        assert name in str(caught.value)


def test_linked_documents_that_are_none(tmp_path: Path) -> None:
    file = tmp_path / "linked.tsv"
    file.write_text("oromo\tenglish\nfuula dima\tthe red page\nfuu\x07la\tthe page\n", encoding="utf-8")
    report = DropReport()
    assert list(read_linked(file, report, resolve("om"))) == [("fuula dima", "the red page")]
    assert report.reasons == {"line that names the columns": 1, "control character": 1}


def test_linked_documents_in_json_lines(tmp_path: Path) -> None:
    file = tmp_path / "linked.jsonl"
    file.write_text('{"foreign": "fuula  dima", "english": "the red page"}\n', encoding="utf-8")
    assert list(read_linked(file, DropReport())) == [("fuula dima", "the red page")]
    file.write_text('{"foreign": "fuula"}\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"linked\.jsonl:1"):
        list(read_linked(file, DropReport()))


def test_english_pairs_with_mined_negatives_and_without_their_queries(own: Path) -> None:
    english = EnglishSources(documents=own / "documents.tsv", mined_negatives=True, without_queries=True)
    pairs = Materials({}, english).resources(Draw(()), frozenset({Need.ENGLISH_PAIRS})).english_pairs
    assert len(pairs) == 9
    for query, document, negative in pairs:
        assert query not in document
        assert not negative.startswith("title")
        assert document != negative


def test_of_msmarco_no_query_is_taken_out(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="msmarco"):
        EnglishSources(msmarco=tmp_path, without_queries=True)
