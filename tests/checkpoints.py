"""Tiny late-interaction and dense checkpoints in the layouts of others, with random weights."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any, Literal

from tiny import ENGLISH, FOREIGN

Family = Literal["bert", "xlm-roberta", "modernbert", "xmod"]
FAMILIES: tuple[Family, ...] = ("bert", "xlm-roberta", "modernbert", "xmod")
WIDTH, DIM = 32, 16
WORDS = (*ENGLISH, *FOREIGN)
LETTERS = string.ascii_letters + string.digits
PUNCTUATION = ".,:;!?()[]/-'"


def build_base(folder: Path, family: Family, *, seed: int = 0, positions: int = 96) -> Path:
    """A plain encoder of two layers, with the tokenizer its family has: WordPiece, Unigram, or byte-level BPE."""
    import torch
    from transformers import AutoConfig, AutoModel

    tokenizer = _TOKENIZERS[family]()
    tokenizer.save_pretrained(folder)
    sizes: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": positions,
        "pad_token_id": tokenizer.pad_token_id,
        "initializer_range": 0.2,
    }
    if family == "xlm-roberta":
        sizes["max_position_embeddings"] += tokenizer.pad_token_id + 1
    if family == "xmod":
        sizes["max_position_embeddings"] += tokenizer.pad_token_id + 1
        sizes |= {"languages": ["en_XX", "sw_KE"], "default_language": "en_XX"}
    if family == "modernbert":
        ends = {"bos": tokenizer.cls_token_id, "eos": tokenizer.sep_token_id}
        sizes |= {f"{name}_token_id": number for name, number in ends.items()}
        sizes |= {"cls_token_id": ends["bos"], "sep_token_id": ends["eos"], "initializer_cutoff_factor": 2.0}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = AutoModel.from_config(AutoConfig.for_model(family, **sizes))
        for name, weight in model.named_parameters():  # its own start is so small that all vectors are alike
            if weight.ndim == 2:
                torch.nn.init.normal_(weight, std=0.3)
            elif name.endswith("bias"):
                torch.nn.init.normal_(weight, std=0.1)
        model.save_pretrained(folder)
    return folder


def build_stanford(folder: Path, *, seed: int = 0, **metadata: object) -> Path:
    """A ColBERT as Stanford's code saves it: markers in the vocabulary, settings in ``artifact.metadata``."""
    import torch
    from safetensors.torch import load_file, save_file

    build_base(folder, "bert", seed=seed)
    weights = {f"bert.{name}": each for name, each in load_file(folder / "model.safetensors").items()}
    weights["linear.weight"] = torch.randn(DIM, WIDTH, generator=torch.Generator().manual_seed(seed))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    _change(folder / "config.json", architectures=["HF_ColBERT"])
    settings = {
        "query_token_id": "[unused0]",
        "doc_token_id": "[unused1]",
        "query_maxlen": 16,
        "doc_maxlen": 24,
        "attend_to_mask_tokens": False,
        "mask_punctuation": True,
        "dim": DIM,
    }
    _write(folder / "artifact.metadata", settings | metadata)
    return folder


def build_pylate(folder: Path, family: Family = "bert", *, seed: int = 0, **settings: object) -> Path:
    """A ColBERT as PyLate saves it: marker tokens, lengths, expansion and skiplist in the settings of the folder.

    Args:
        folder: the folder to write.
        family: the encoder's.
        seed: of all weights.
        settings: those that shall be otherwise; ``...`` leaves one out.
    """
    import torch
    from safetensors.torch import save_file
    from transformers import AutoModel, AutoTokenizer

    build_base(folder, family, seed=seed)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["[Q] ", "[D] "])
    tokenizer.save_pretrained(folder)
    model = AutoModel.from_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model.resize_token_embeddings(len(tokenizer))
    model.save_pretrained(folder)
    _write(
        folder / "modules.json",
        [
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Dense", "type": "pylate.models.Dense.Dense"},
        ],
    )
    _write(folder / "sentence_bert_config.json", {"max_seq_length": 64, "do_lower_case": False})
    projection = {"linear.weight": torch.randn(DIM, WIDTH, generator=torch.Generator().manual_seed(seed))}
    (folder / "1_Dense").mkdir()
    save_file(projection, folder / "1_Dense" / "model.safetensors")
    identity = "torch.nn.modules.linear.Identity"
    sizes = {"in_features": WIDTH, "out_features": DIM, "bias": False, "activation_function": identity}
    _write(folder / "1_Dense" / "config.json", sizes | {"use_residual": False})
    own = {
        "model_type": "ColBERT",
        "prompts": {},
        "default_prompt_name": None,
        "similarity_fn_name": "MaxSim",
        "query_prefix": "[Q] ",
        "document_prefix": "[D] ",
        "query_length": 16,
        "document_length": 24,
        "attend_to_expansion_tokens": False,
        "skiplist_words": list(string.punctuation),
        "do_query_expansion": True,
    }
    kept = {name: value for name, value in (own | settings).items() if value is not ...}
    _write(folder / "config_sentence_transformers.json", kept)
    return folder


def build_multi_vector(
    folder: Path,
    family: Family = "bert",
    *,
    seed: int = 0,
    prompts: dict[str, str] | None = None,
    **reading: Any,
) -> Path:
    """One of sentence-transformers' own, its mask before its normalisation, as it makes them.

    Args:
        folder: the folder to write.
        family: the encoder's.
        seed: of all weights.
        prompts: what is put before texts.
        reading: ``query_length``, ``document_length``, ``query_expansion``.
    """
    import torch
    from sentence_transformers import MultiVectorEncoder
    from sentence_transformers.base.modules import Normalize, Transformer
    from sentence_transformers.base.modules.dense import Dense
    from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask

    base = build_base(folder.with_name(f"{folder.name}-base"), family, seed=seed)
    weight = torch.randn(DIM, WIDTH, generator=torch.Generator().manual_seed(seed))
    identity = torch.nn.Identity()
    dense = Dense(WIDTH, DIM, False, identity, init_weight=weight, module_input_name="token_embeddings")
    modules = [
        Transformer(str(base), **reading),
        dense,
        MultiVectorMask(skiplist_words=[".", ","]),
        Normalize(module_input_name="token_embeddings"),
    ]
    MultiVectorEncoder(modules=modules, prompts=prompts, device="cpu").save_pretrained(str(folder))
    return folder


def build_dense(
    folder: Path,
    family: Family = "bert",
    *,
    seed: int = 0,
    prompts: dict[str, str] | None = None,
    projected: bool = False,
) -> Path:
    """A dense model of sentence-transformers, whose token vectors are pooled, with prompts or a projection."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Normalize, Transformer
    from sentence_transformers.base.modules.dense import Dense
    from sentence_transformers.sentence_transformer.modules import Pooling

    base = build_base(folder.with_name(f"{folder.name}-base"), family, seed=seed)
    modules: list[torch.nn.Module] = [Transformer(str(base)), Pooling(WIDTH)]
    if projected:
        weight = torch.randn(DIM, WIDTH, generator=torch.Generator().manual_seed(seed))
        modules.append(Dense(WIDTH, DIM, init_weight=weight, init_bias=torch.zeros(DIM)))
    modules.append(Normalize())
    SentenceTransformer(modules=modules, prompts=prompts, device="cpu").save_pretrained(str(folder))
    return folder


def change_config(folder: Path, **values: object) -> None:
    """Set values in a folder's ``config.json``."""
    _change(folder / "config.json", **values)


def _word_piece() -> Any:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    specials = ["[PAD]", "[unused0]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = string.ascii_lowercase + string.digits
    pieces = [
        *specials,
        *WORDS,
        "query",
        "passage",
        *letters,
        *(f"##{letter}" for letter in letters),
        *PUNCTUATION,
    ]
    tokenizer = Tokenizer(models.WordPiece({each: i for i, each in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 4), ("[SEP]", 5)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )


def _unigram() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    specials = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces = [*(f"▁{word}" for word in WORDS), "▁query", "▁passage", "▁", *LETTERS, *PUNCTUATION]
    scored = [(piece, -2.0 - 0.01 * number) for number, piece in enumerate(pieces)]
    tokenizer = Tokenizer(models.Unigram([*specials, *scored, ("<mask>", 0.0)], unk_id=3))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        cls_token="<s>",
        sep_token="</s>",
        mask_token="<mask>",
    )


def _byte_pairs() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    specials = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=specials,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([f"{word} {word}" for word in WORDS] * 3, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_input_names=["input_ids", "attention_mask"],
    )


_TOKENIZERS: dict[Family, Any] = {
    "bert": _word_piece,
    "xlm-roberta": _unigram,
    "modernbert": _byte_pairs,
    "xmod": _unigram,
}


def _write(file: Path, content: object) -> None:
    file.write_text(json.dumps(content, indent=1), encoding="utf-8")


def _change(file: Path, **values: object) -> None:
    _write(file, json.loads(file.read_text(encoding="utf-8")) | values)
