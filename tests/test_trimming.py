"""Trimmed vocabularies: counted text keeps its pieces and vectors, new words can be written, folders open."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from kivuko.artifact import read_manifest
from kivuko.cli.models import app
from kivuko.collections.counts import DropReport
from kivuko.collections.stored_texts import stored_texts
from kivuko.errors import InputError
from kivuko.models import late_interaction
from kivuko.models.tokenizer import kept_pieces, piece_ids, pieces_changed, trim_tokenizer
from kivuko.models.trimming import trim_vocabulary
from tiny import ENGLISH, build_tiny_encoder, made_up_pairs

TEXTS = ["open the red table 7", "close the red window!", "Ωμέγα red", "[SEP] gabate"]
SPECIALS = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]


def unigram(pieces: list[tuple[str, float]]) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.Unigram([*SPECIALS, *pieces], unk_id=3))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return tokenizer


def word_piece(pieces: list[str]) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(
        models.WordPiece(vocab={p: i for i, p in enumerate(["<unk>", *pieces])}, unk_token="<unk>")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


def trimmed(tokenizer: Any, texts: list[str]) -> Any:
    from tokenizers import Tokenizer

    body = json.loads(tokenizer.to_str())
    ids = [int(piece) for some in piece_ids(tokenizer, texts) for piece in some]
    used = {piece: ids.count(piece) for piece in ids}
    return Tokenizer.from_str(json.dumps(trim_tokenizer(body, kept_pieces(tokenizer, body, used, texts))))


def cut(tokenizer: Any, texts: list[str]) -> list[list[str]]:
    return [each.tokens for each in tokenizer.encode_batch(texts, add_special_tokens=False)]


WORDS = st.text("abcdΩ", min_size=1, max_size=7)
SENTENCES = st.lists(st.lists(WORDS, min_size=1, max_size=3).map(" ".join), min_size=1, max_size=4)


@settings(max_examples=150)
@given(
    st.dictionaries(st.text("▁abcd", min_size=1, max_size=4), st.integers(-9, -1), min_size=1, max_size=25),
    SENTENCES,
)
def test_unigram_cuts_counted_text_as_before(pieces: dict[str, int], texts: list[str]) -> None:
    """Few different scores make many ties; letters without a piece of their own and Ω are unknown."""
    tokenizer = unigram([(piece, float(score)) for piece, score in pieces.items()])
    assert cut(trimmed(tokenizer, texts), texts) == cut(tokenizer, texts)


@settings(max_examples=150)
@given(
    st.sets(
        st.text("abcd", min_size=1, max_size=4).flatmap(lambda piece: st.sampled_from([piece, "##" + piece])),
        min_size=1,
        max_size=25,
    ),
    SENTENCES,
)
def test_word_piece_cuts_counted_text_as_before(pieces: set[str], texts: list[str]) -> None:
    tokenizer = word_piece(sorted(pieces))
    assert cut(trimmed(tokenizer, texts), texts) == cut(tokenizer, texts)


def test_unknown_characters_cost_what_they_did() -> None:
    """The cost of Ω hangs on the rarest piece, which no text uses: at −2 − 10 for it the pieces a|Ω|b would win."""
    rarest = ("zzz", -30.0)
    tokenizer = unigram([("▁a", -5.0), ("a", -5.0), ("b", -5.0), ("Ωb", -25.0), ("▁", -2.0), rarest])
    smaller = trimmed(tokenizer, ["aΩb"])
    assert cut(tokenizer, ["aΩb"]) == [["▁a", "Ωb"]] == cut(smaller, ["aΩb"])
    assert smaller.token_to_id("zzz") is not None


def test_a_word_that_could_not_be_written_still_cannot() -> None:
    """Greedy "ab" leaves "c" without a piece; without "ab", "a" and "##bc" would write the word."""
    tokenizer = word_piece(["ab", "a", "##bc", "x"])
    texts = ["abc", "a xbc"]
    assert cut(tokenizer, ["abc"]) == [["<unk>"]] == cut(trimmed(tokenizer, texts), ["abc"])


def test_new_words_are_written_in_smaller_pieces() -> None:
    pieces = [("▁", -3.0), *((letter, -8.0) for letter in "abcdefgд字1"), ("▁bad", -5.0), ("▁cafe", -5.0)]
    tokenizer = unigram(pieces)
    smaller = trimmed(tokenizer, ["bad"])
    assert cut(smaller, ["bad cafe"]) == [["▁bad", "▁", "c", "a", "f", "e"]]
    assert smaller.token_to_id("字") is smaller.token_to_id("д") is None
    assert smaller.token_to_id("1") is not None
    assert pieces_changed(tokenizer, smaller, ["bad cafe"]) == 0.5
    assert pieces_changed(tokenizer, smaller, [""]) is None


@pytest.fixture
def trimmed_teacher(tiny_teacher: Path, tmp_path: Path) -> Path:
    trim_vocabulary(tiny_teacher, tmp_path / "trimmed", [*TEXTS, *(p.foreign for p in made_up_pairs(20))])
    return tmp_path / "trimmed"


def test_trimmed_teacher_gives_the_same_vectors_in_the_same_space(
    tiny_teacher: Path, trimmed_teacher: Path
) -> None:
    from sentence_transformers import MultiVectorEncoder

    before = MultiVectorEncoder(str(tiny_teacher), device="cpu").encode_document(TEXTS)
    after = MultiVectorEncoder(str(trimmed_teacher), device="cpu").encode_document(TEXTS)
    for old, new in zip(before, after, strict=True):
        assert torch.equal(torch.as_tensor(old), torch.as_tensor(new))
    assert late_interaction.space_of(trimmed_teacher) == late_interaction.space_of(tiny_teacher)
    former = read_manifest(tiny_teacher, "model")
    manifest = read_manifest(trimmed_teacher, "model", verify=True)
    assert manifest.parents == {"model": former.hash}
    facts = manifest.meta["trimming"]
    vocabulary = json.loads((trimmed_teacher / "tokenizer.json").read_text())["model"]["vocab"]
    assert facts["pieces_kept"] == len(vocabulary) < facts["pieces_before"]
    assert facts["tokens_kept"] == 1.0
    assert sorted(vocabulary.values()) == list(range(len(vocabulary)))
    assert json.loads((trimmed_teacher / "config.json").read_text())["vocab_size"] == len(vocabulary)
    assert facts["bytes_after"] < facts["bytes_before"]


def test_words_that_no_text_has_lose_their_piece_and_can_be_written(trimmed_teacher: Path) -> None:
    encoder = late_interaction.load(trimmed_teacher)
    unused = next(word for word in ENGLISH if encoder.tokenizer.tokenize(word) != [word])
    pieces = encoder.tokenizer.tokenize(unused)
    assert "".join(piece.removeprefix("##") for piece in pieces) == unused
    assert encoder.tokenizer.tokenize("window") == ["window"]


def test_special_pieces_move_everywhere(tmp_path: Path) -> None:
    """Specials at the end of the vocabulary, unused pieces before them: all numbers change."""
    from tokenizers import Tokenizer, models, processors
    from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel, PreTrainedTokenizerFast

    pieces = [*(f"unused{i}" for i in range(9)), "red", "blue", "[UNK]", "[CLS]", "[SEP]", "[PAD]"]
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 13), ("[CLS]", 12))
    names = {name: f"[{name[:3].upper()}]" for name in ("unk_token", "cls_token", "sep_token", "pad_token")}
    folder = tmp_path / "model"
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    shape = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 12}
    BertModel(BertConfig(vocab_size=20, pad_token_id=14, **shape)).save_pretrained(folder)
    (folder / "pytorch_model.bin").write_bytes(b"stale")
    report = trim_vocabulary(folder, tmp_path / "trimmed", ["red", "red [PAD]"])
    assert report.left_out == ("pytorch_model.bin",)
    assert report.pieces_kept == 5
    opened = AutoTokenizer.from_pretrained(tmp_path / "trimmed", local_files_only=True)
    assert opened(["red", "red red"], padding=True)["input_ids"] == [[2, 0, 3], [2, 1, 3]]
    assert opened.pad_token_id == 4
    model = AutoModel.from_pretrained(tmp_path / "trimmed", local_files_only=True)
    assert model.config.pad_token_id == 4
    assert model.get_input_embeddings().num_embeddings == 5
    old = AutoModel.from_pretrained(folder, local_files_only=True).get_input_embeddings().weight
    assert torch.equal(model.get_input_embeddings().weight, old[[9, 11, 12, 13, 14]])


def test_a_dense_folder_stays_one(tiny_encoder: Path, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    from kivuko.models import load_transformer

    transformer = load_transformer(tiny_encoder, 64)
    SentenceTransformer(
        modules=[transformer, Pooling(32)], device="cpu", prompts={"query": "ask: "}
    ).save_pretrained(str(tmp_path / "dense"), create_model_card=False)
    report = trim_vocabulary(tmp_path / "dense", tmp_path / "trimmed", TEXTS)
    assert report.texts == len(TEXTS) + 1  # the prompt
    before, after = (
        SentenceTransformer(str(tmp_path / name), device="cpu").encode(TEXTS) for name in ("dense", "trimmed")
    )
    np.testing.assert_array_equal(before, after)


def test_refusals(tiny_encoder: Path, tmp_path: Path) -> None:
    def altered(name: str, file: str, **changes: object) -> Path:
        folder = shutil.copytree(tiny_encoder, tmp_path / name)
        body = json.loads((folder / file).read_text())
        body.update(changes)
        (folder / file).write_text(json.dumps(body))
        return folder

    def refuse(folder: Path, texts: list[str], message: str) -> None:
        with pytest.raises(InputError, match=message):
            trim_vocabulary(folder, tmp_path / "output", texts)
        assert not (tmp_path / "output").exists()

    refuse(tiny_encoder, ["", " "], "no text to count pieces on")
    size = json.loads((tiny_encoder / "config.json").read_text())["vocab_size"]
    refuse(altered("same", "config.json", hidden_size=size), TEXTS, "unclear which weights")
    refuse(altered("few", "config.json", vocab_size=size + 1), TEXTS, "no weights have a row for each piece")
    byte_pairs = {"type": "BPE", "vocab": {"<unk>": 3, "a": 0}, "merges": [], "unk_token": "<unk>"}
    refuse(
        altered("bpe", "tokenizer.json", model=byte_pairs, post_processor=None), TEXTS, "cannot be trimmed"
    )
    modules = [{"idx": 0, "name": "0", "path": "", "type": "some.where.SpladePooling"}]
    folder = altered("sparse", "config.json")
    (folder / "modules.json").write_text(json.dumps(modules))
    refuse(folder, TEXTS, "may depend on the vocabulary")


def test_stored_texts_of_files(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(
        '{"title": "One ", "more": ["two"], "n": 3}\n\n{"n": 1}\n["\\ud83d"]\n', encoding="utf-8"
    )
    (tmp_path / "b.tsv").write_text("q1\twhat\n", encoding="utf-8")
    report = DropReport()
    assert list(stored_texts(tmp_path / "a.jsonl", report)) == ["One \ntwo", "One\ntwo"]
    assert list(stored_texts(tmp_path / "b.tsv", report)) == ["q1\twhat", "q1 what"]
    assert (report.kept, dict(report.reasons)) == (2, {"no text": 2, "half a character": 1})
    for nothing in (tmp_path, tmp_path / "c.txt", tmp_path / "d.pdf"):
        with pytest.raises(InputError, match="no text here that can be counted"):
            list(stored_texts(nothing, report))
    (tmp_path / "e.json").write_text("{\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"e\.json:1"):
        list(stored_texts(tmp_path / "e.json", report))


def test_command(own_cache: Path, tmp_path: Path) -> None:
    folder = build_tiny_encoder(tmp_path / "tiny", seed=0)
    (tmp_path / "texts.txt").write_text("\n".join(p.english for p in made_up_pairs(20)), encoding="utf-8")
    output = tmp_path / "trimmed"
    arguments = ["trim", str(folder), "--output", str(output)]
    done = CliRunner().invoke(app, [*arguments, "--text", str(tmp_path / "texts.txt")])
    assert done.exit_code == 0, done.output
    assert "Counted text is cut as before (100%" in " ".join(done.output.split())
    assert (output / "manifest.json").is_file()
    assert isinstance(CliRunner().invoke(app, arguments).exception, InputError)
    missing = CliRunner().invoke(app, [*arguments, "--language", "om"]).exception
    assert "kivuko data build om" in str(missing)
