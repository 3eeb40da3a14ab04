"""A tiny encoder and made-up pairs, so that training takes seconds."""

from __future__ import annotations

import string
from pathlib import Path

from kivuko.collections.bitext import Pair

ENGLISH = (
    "red",
    "green",
    "open",
    "close",
    "save",
    "print",
    "big",
    "small",
    "file",
    "page",
    "table",
    "window",
)
FOREIGN = (
    *("dima", "magari", "bani", "cufi", "olkai", "maxxi"),
    *("guda", "xiqqa", "kuusa", "fuula", "gabate", "foddaa"),
)


def made_up_pairs(number: int) -> list[Pair]:
    """Pairs of two to seven words in a made-up language that translates word by word; no two are equal."""
    words = len(ENGLISH)
    pairs = []
    for i in range(number):
        picks = [(i * 7 + 5 * j + i // words) % words for j in range(1 + i % 5)] + [i // words % words]
        english = " ".join([*(ENGLISH[pick] for pick in picks), str(i)])
        foreign = " ".join([*(FOREIGN[pick] for pick in picks), str(i)])
        pairs.append(Pair(f"made-up:{i}", english, foreign, "made-up"))
    return pairs


def build_tiny_encoder(folder: Path, *, seed: int) -> Path:
    """Write a plain Hugging Face folder: BERT of 2 layers and width 32 with seeded random weights.

    Its WordPiece tokenizer knows single characters and the English words above.
    """
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    specials = ["<s>", "<pad>", "</s>", "<unk>"]
    characters = string.ascii_lowercase + string.digits
    pieces = [*specials, *ENGLISH, *characters, *(f"##{letter}" for letter in characters), *".,:;!?()[]/-"]
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = {"cls_token": "<s>", "sep_token": "</s>", "bos_token": "<s>", "eos_token": "</s>"}
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", **names
    ).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=192,
        pad_token_id=1,
        initializer_range=0.2,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        BertModel(config).save_pretrained(folder)
    return folder


def build_cross_encoder(folder: Path, *, labels: int = 1) -> Path:
    """A BERT of two layers with a random layer for pairs."""
    import torch
    from transformers import AutoConfig, BertForSequenceClassification

    build_tiny_encoder(folder, seed=0)
    config = AutoConfig.from_pretrained(folder)
    config.num_labels = labels
    with torch.random.fork_rng():
        torch.manual_seed(1)
        BertForSequenceClassification(config).save_pretrained(folder)
    return folder
