"""Long texts as passages: covered, short enough, and cut where a reader would."""

from __future__ import annotations

import itertools
import unicodedata
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kivuko.collections.document import Document
from kivuko.errors import InputError
from kivuko.models import late_interaction
from kivuko.retrieval.passages import passage_spans
from kivuko.retrieval.search import snippet


@pytest.fixture
def encoder(tiny_teacher: Path) -> object:
    return late_interaction.load(tiny_teacher)


PARTS = st.lists(
    st.sampled_from(
        ["open", " ", "print ", "the file", "\n", ". ", "។", "ខ្មែរ", "ស្រី", "កា", "e\u0301", "xyz"]
    ),
    max_size=120,
).map("".join)


@given(texts=st.lists(PARTS, max_size=3), max_pieces=st.integers(8, 24), overlap=st.integers(0, 3))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_piece_is_in_a_passage_and_each_can_be_read_whole(
    encoder: object, texts: list[str], max_pieces: int, overlap: int
) -> None:
    found = passage_spans(encoder, texts, max_pieces=max_pieces, overlap=overlap)
    assert len(found) == len(texts)
    tokenizer = encoder.tokenizer
    for text, spans in zip(texts, found, strict=True):
        if not text.strip():
            assert spans == []
            continue
        assert spans == sorted(spans)
        covered = set()
        for begin, end in spans:
            assert 0 <= begin < end <= len(text)
            covered.update(range(begin, end))
            assert len(tokenizer(text[begin:end])["input_ids"]) <= max_pieces
        assert {place for place, letter in enumerate(text) if not letter.isspace()} <= covered
        for begin, end in spans:
            for place in (begin, end):
                if 0 < place < len(text):
                    assert not unicodedata.category(text[place]).startswith("M") or text[place - 1].isspace()


def test_passages_end_at_sentences_and_begin_at_words(encoder: object) -> None:
    sentence = "open the red file. "
    text = (sentence * 30).strip()
    spans = passage_spans(encoder, [text], max_pieces=40, overlap=6)[0]
    assert len(spans) > 3
    for begin, end in spans:
        assert text[begin:end].strip().endswith("file.")
        assert (
            begin == 0
            or text[begin - 1 : begin + 1].strip() in {text[begin].strip(), ""}
            or text[begin] == " "
        )
    # Neighbours share something, so that what stands at a border is whole in one of them.
    assert any(later < end for (_, end), (later, _) in itertools.pairwise(spans))


def test_short_and_empty_texts(encoder: object) -> None:
    assert passage_spans(encoder, ["open", "", " \n"], max_pieces=20, overlap=2) == [[(0, 4)], [], []]
    assert passage_spans(encoder, [], max_pieces=20, overlap=2) == []
    for max_pieces, overlap in ((7, 0), (20, 10), (20, -1)):
        with pytest.raises(InputError, match="cannot be made"):
            passage_spans(encoder, ["open"], max_pieces=max_pieces, overlap=overlap)


def test_snippets_show_the_passage_and_the_word() -> None:
    text = "first words of it " + "and so on " * 40 + "then the needle is here " + "and so forth " * 40
    document = Document("d", "A title", text)
    assert snippet(Document("d", "T", "short  text\nof two lines"), None, "q") == "short text of two lines"
    assert snippet(document, None, "unseen").startswith("first words of it and so on")
    assert snippet(document, None, "unseen").endswith("…")
    oromo = Document("d", "", f"{'jecha ' * 80}danda’a")
    assert snippet(oromo, None, "danda`a").endswith("danda’a")
    shown = snippet(document, None, "needle?")
    assert "needle is here" in shown
    assert shown.startswith("…")
    assert len(shown) <= 162
    begin = document.full_text.index("then the")
    assert snippet(document, (begin, len(document.full_text)), "zzz").startswith("then the needle")
    assert snippet(Document("d", "Only a title", ""), (0, 12), "only") == ""


@pytest.fixture(scope="module")
def characters() -> object:
    """An encoder whose tokenizer has a piece for every character."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    split = Tokenizer(models.WordLevel({"<unk>": 0}, unk_token="<unk>"))
    split.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    return SimpleNamespace(tokenizer=PreTrainedTokenizerFast(tokenizer_object=split, unk_token="<unk>"))


@pytest.mark.parametrize("letter", ["e" + "\u0301" * 9, "ស្ត្រី", "👩\u200d👩\u200d👧", "👍🏽", "🇰🇭", "क्ष"])
def test_a_letter_is_never_parted(characters: object, letter: str) -> None:
    for max_pieces in (10, 11, 13, 24):
        (spans,) = passage_spans(characters, [letter * 20], max_pieces=max_pieces, overlap=2)
        assert len(spans) > 1
        assert all(begin % len(letter) == 0 == end % len(letter) for begin, end in spans)


def test_lines_before_sentences_before_words(encoder: object, characters: object) -> None:
    def second(text: str) -> str:
        return text[passage_spans(encoder, [text], max_pieces=8, overlap=0)[0][1][0] :].strip()

    assert second("red file open page\ntable. big red") == "table. big red"
    assert second("red file open. page table big red") == "page table big red"
    assert second("red file open។page table big red") == "page table big red"
    assert second("red file open page table big red") == "red"
    khmer = "កខគឃងចឆ\u200bជឈញដឋឌឍណ"
    assert passage_spans(characters, [khmer], max_pieces=10, overlap=0) == [[(0, 8), (8, 16)]]
