"""New subwords: what is learned, what stays as it was, where new rows start."""

from __future__ import annotations

import string
import unicodedata
from pathlib import Path
from typing import Any

import pytest
import torch

from kivuko.errors import InputError
from kivuko.models import encoding, late_interaction
from kivuko.models.vocabulary import extend_vocabulary
from tiny import ENGLISH, FOREIGN, made_up_pairs

SPARE_ROWS = 5
LATIN = [pair.foreign for pair in made_up_pairs(40)]
ENGLISH_TEXTS = [pair.english for pair in made_up_pairs(40)]
# The made-up language in Tibetan script: a letter for a letter, a tsheg after each word.
CODES = map(chr, range(0x0F40, 0x0F6D))
TIBETAN = [c for c in CODES if unicodedata.category(c) == "Lo" and unicodedata.normalize("NFC", c) == c]
LETTERS = str.maketrans(string.ascii_lowercase, "".join(TIBETAN[:26]))


def tibetan(text: str) -> str:
    return "".join(word.translate(LETTERS) + "་" for word in text.split() if word.isalpha()) + "།"


TEXTS = [tibetan(text) for text in LATIN]
LEXICON = {
    foreign.translate(LETTERS): {english: 1.0} for english, foreign in zip(ENGLISH, FOREIGN, strict=True)
}


@pytest.fixture(scope="module")
def unigram_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny encoder with a Unigram tokenizer of XLM-R's build, and some rows more than it has pieces."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("unigram")
    pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -3.0)]
    pieces += [(f"▁{word}", -5.0 - i / 10) for i, word in enumerate(ENGLISH)]
    pieces += [
        (character, -8.0 - i / 100) for i, character in enumerate(string.ascii_lowercase + "0123456789.")
    ]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = {"cls_token": "<s>", "sep_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = BertConfig(
        vocab_size=len(pieces) + SPARE_ROWS, max_position_embeddings=192, pad_token_id=1, **shape
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture
def encoder(unigram_folder: Path) -> Any:
    return late_interaction.assemble(unigram_folder, mean=None, max_length=64)


def table(encoder: Any) -> torch.Tensor:
    weight: torch.Tensor = encoder[0].auto_model.get_input_embeddings().weight.detach().clone()
    return weight


def vectors(encoder: Any, texts: list[str]) -> torch.Tensor:
    return torch.from_numpy(encoding.encode(encoder, texts, task="query").vectors)


def row_of(encoder: Any, piece: str) -> torch.Tensor:
    return table(encoder)[encoder.tokenizer.convert_tokens_to_ids(piece)]


def test_unwritable_script_becomes_writable(encoder: Any) -> None:
    report = extend_vocabulary(encoder, TEXTS, pieces=80)
    assert report.before.unknown > 0.3
    assert report.after.unknown == 0
    assert report.after.pieces_per_word < 1.6
    assert 20 < len(report.added) <= 80
    letters = {letter for text in TEXTS for letter in text}
    assert letters <= set(report.added)
    # Every new piece is in the tokenizer at its row, and a frequent word is one piece.
    assert encoder.tokenizer.convert_tokens_to_ids(list(report.added)) == list(
        range(report.first_row, report.first_row + len(report.added))
    )
    frequent = FOREIGN[0].translate(LETTERS) + "་"
    assert any(frequent in piece for piece in encoder.tokenizer.tokenize(f"{TEXTS[0]} {frequent}{frequent}"))


def test_other_texts_keep_pieces_and_vectors_bit_for_bit(encoder: Any) -> None:
    # Unknown characters among them: what those cost must not move either.
    others = [*ENGLISH_TEXTS, *LATIN, "save ж file жж", "ж", "10.5 페이지"]
    pieces, before = late_interaction.pieces_of(encoder, others), vectors(encoder, others)
    extend_vocabulary(encoder, TEXTS, pieces=80)
    assert late_interaction.pieces_of(encoder, others) == pieces
    assert torch.equal(vectors(encoder, others), before)


@pytest.mark.parametrize("pieces", [SPARE_ROWS, 80])
def test_saved_folder_opens_in_plain_sentence_transformers(encoder: Any, tmp_path: Path, pieces: int) -> None:
    from sentence_transformers import MultiVectorEncoder

    rows = len(table(encoder))
    report = extend_vocabulary(encoder, TEXTS, pieces=pieces, lexicon=LEXICON)
    # Spare rows are used first.
    assert len(table(encoder)) == max(rows, report.first_row + len(report.added))
    path = late_interaction.save(encoder, tmp_path / "model", space=None, parents={}, meta={})
    again = MultiVectorEncoder(str(path), device="cpu")
    texts = [*TEXTS, *ENGLISH_TEXTS]
    assert late_interaction.pieces_of(again, texts) == late_interaction.pieces_of(encoder, texts)
    assert torch.equal(table(again), table(encoder))
    assert torch.equal(vectors(late_interaction.load(path), texts), vectors(encoder, texts))


def test_rows_start_from_the_lexicon_else_old_pieces_else_the_mean(encoder: Any) -> None:
    old = table(encoder)
    word, two = FOREIGN[0].translate(LETTERS), FOREIGN[1].translate(LETTERS)
    lexicon = {word: {ENGLISH[0]: 0.2, ENGLISH[1]: 0.6, "ж": 0.2}, two: {f"{ENGLISH[2]} {ENGLISH[3]}": 0.5}}
    mixed = [f"{word} {two} {word}{two} olkai olkai ཨོཾ ཨོཾ"] * 3
    report = extend_vocabulary(encoder, mixed, pieces=60, lexicon=lexicon)
    first = len(old) - SPARE_ROWS
    assert report.first_row == first
    assert sum(report.initialised.values()) == len(report.added)
    assert min(report.initialised.values()) > 0
    ids = encoder.tokenizer.convert_tokens_to_ids
    english = [old[ids(f"▁{name}")] for name in ENGLISH[:4]]
    # An English word that the encoder cannot write has no say; the others' probabilities are made to sum to 1.
    torch.testing.assert_close(row_of(encoder, f"▁{word}"), 0.25 * english[0] + 0.75 * english[1])
    torch.testing.assert_close(row_of(encoder, f"▁{two}"), (english[2] + english[3]) / 2)
    torch.testing.assert_close(
        row_of(encoder, "▁olkai"), torch.stack([old[ids(c)] for c in "olkai"]).mean(dim=0)
    )
    near_mean = row_of(encoder, "ཨ") - old[:first].mean(dim=0)
    assert 0 < near_mean.abs().max() < old[:first].std()
    assert torch.equal(table(encoder)[:first], old[:first])


def test_pieces_that_unchanged_texts_would_use_are_withheld(unigram_folder: Path) -> None:
    def extended(unchanged: list[str]) -> tuple[Any, Any]:
        encoder = late_interaction.assemble(unigram_folder, mean=None, max_length=64)
        before = late_interaction.pieces_of(encoder, ["magnify cuffs", *ENGLISH_TEXTS])
        report = extend_vocabulary(encoder, LATIN, pieces=40, unchanged=unchanged)
        return report, late_interaction.pieces_of(encoder, ["magnify cuffs", *ENGLISH_TEXTS]) == before

    careless, same = extended([])
    assert (careless.withheld, same) == (0, False)
    careful, same = extended(["magnify cuffs", *ENGLISH_TEXTS])
    assert same
    assert 0 < careful.withheld == len(careless.added) - len(careful.added)
    assert set(careful.added) < set(careless.added)
    assert careful.after.pieces_per_word < 0.6 * careful.before.pieces_per_word


def test_same_texts_and_seed_give_the_same_encoder(unigram_folder: Path) -> None:
    results = []
    for seed in (0, 0, 1):
        encoder = late_interaction.assemble(unigram_folder, mean=None, max_length=64)
        report = extend_vocabulary(encoder, TEXTS, pieces=80, seed=seed)
        results.append((report, encoder.tokenizer.backend_tokenizer.to_str(), table(encoder)))
    assert results[0][:2] == results[1][:2] == results[2][:2]
    assert torch.equal(results[0][2], results[1][2])
    assert not torch.equal(results[0][2], results[2][2])


def test_what_cannot_be_extended_is_refused(encoder: Any, tiny_encoder: Path) -> None:
    wordpiece = late_interaction.assemble(tiny_encoder, mean=None, max_length=64)
    with pytest.raises(InputError, match=r"Unigram[\s\S]*WordPiece"):
        extend_vocabulary(wordpiece, TEXTS, pieces=10)
    with pytest.raises(InputError, match="at least 1"):
        extend_vocabulary(encoder, TEXTS, pieces=0)
    for texts in ([], ["", " … "]):
        with pytest.raises(InputError, match="no text"):
            extend_vocabulary(encoder, texts, pieces=10)
    encoder.tokenizer.add_tokens(["[brand]"])
    with pytest.raises(InputError, match=r"added tokens[\s\S]*\[brand\]"):
        extend_vocabulary(encoder, TEXTS, pieces=10)
