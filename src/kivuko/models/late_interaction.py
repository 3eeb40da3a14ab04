"""Late-interaction encoders: one unit vector a content token, in a centred space.

The seam around sentence-transformers' ``MultiVectorEncoder``. An encoder is five standard modules, so its folder
opens in plain sentence-transformers without Kivuko:

    Transformer → Normalize → Dense(identity, −mean) → Normalize → MultiVectorMask(specials)

The Dense layer starts as the subtraction of the mean English token vector. Encoders such as multilingual-e5 are
anisotropic: all their token vectors share one large component, every cosine is high, and neither MaxSim nor a
transport cost has contrast until it is taken out. Training moves the layer too, as any late-interaction projection;
a student's space is its teacher's because its vectors are pulled there.

Checkpoints of others mark queries and documents by prompts (``"query: "``, ``[Q]``, ``[unused0]``), read so many
pieces of each, fill queries up with mask tokens, and leave punctuation of documents out. sentence-transformers does
all this in ``encode_query`` and ``encode_document``; whatever Kivuko encodes goes through :func:`features_of`, which
does it alike.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from kivuko.artifact import is_complete, write_artifact
from kivuko.errors import InputError
from kivuko.models.convert import KIND as KIND
from kivuko.models.identity import space_of as space_of
from kivuko.models.layout import check_folder, check_late_interaction, head_of, read_json, transformer_root
from kivuko.models.loading import load_transformer, most_pieces, quiet
from kivuko.models.token_vectors import Task, TokenEncoder

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder


#: Names of a side's prompt; the first one that the model has counts, and else its default prompt.
_PROMPTS: dict[Task, tuple[str, ...]] = {"query": ("query",), "document": ("document", "passage", "corpus")}
#: A tokenizer of transformers cannot be used by two threads at once: cutting and padding are its own state.
_tokenizing = threading.Lock()
#: Pieces read where neither the model nor its tokenizer says.
_UNLIMITED = 512


def assemble(
    base: Path,
    *,
    mean: Tensor | None,
    max_length: int,
    head: torch.nn.Module | None = None,
    layer: tuple[Tensor, Tensor] | None = None,
    left_out: Sequence[str] | None = None,
) -> MultiVectorEncoder:
    """A late-interaction encoder from a plain Hugging Face folder.

    Args:
        base: the encoder's folder, as ``kivuko.models.get`` returns it.
        mean: [dim], the mean of unit token vectors to subtract, or None to leave the space as it is.
        max_length: pieces a text may have, special ones included; longer texts are cut.
        head: a layer for token vectors that the base was trained with, right after the Transformer.
        layer: weight [dim, base's dim] and bias [dim] of the layer to take in place of one that subtracts the mean.
        left_out: tokens without a vector; special ones, but for the unknown piece, by default.

    Raises:
        InputError: the folder lacks something, or ``max_length`` is beyond the encoder's positions.
    """
    transformer = load_transformer(base, max_length).float()
    if not is_complete(base):
        _complete_weights(transformer.auto_model, transformer_root(base))
    with quiet():
        from sentence_transformers import MultiVectorEncoder
        from sentence_transformers.base.modules import Normalize
        from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask

        modules: list[torch.nn.Module] = [transformer]
        modules += [] if head is None else [head]
        modules.append(Normalize(module_input_name="token_embeddings"))
        if mean is not None:
            layer = torch.eye(len(mean)), -mean.float()
        if layer is not None:
            modules += [linear_layer(*layer), Normalize(module_input_name="token_embeddings")]
        tokenizer: Any = transformer.tokenizer
        if left_out is None:
            left_out = sorted(set(tokenizer.all_special_tokens) - {tokenizer.unk_token})
        modules.append(MultiVectorMask(skiplist_words=list(left_out), skiplist_tasks=["query", "document"]))
        return MultiVectorEncoder(modules=modules, device=device()).eval()


def linear_layer(weight: Tensor, bias: Tensor) -> torch.nn.Module:
    """A module that puts token vectors through weight [out, in] and bias [out]."""
    with quiet():
        from sentence_transformers.base.modules.dense import Dense

    return Dense(
        weight.shape[1],
        weight.shape[0],
        activation_function=torch.nn.Identity(),
        init_weight=weight,
        init_bias=bias,
        module_input_name="token_embeddings",
    )


def load(path: Path) -> MultiVectorEncoder:
    """Open a late-interaction encoder's folder, ours or another tool's, to train it; its weights become float32.

    To read texts with it, :func:`kivuko.models.encoding.open_encoder` is faster.

    Raises:
        InputError: the folder lacks tokenizer, weights or configuration, needs code of its own, or is no
            late-interaction model.
        ArtifactError: the folder is ours and damaged.
    """
    check_folder(path)
    check_late_interaction(path)
    if (head := head_of(path)) is not None:
        return _with_head(path, head)
    with quiet(warnings=False):
        from sentence_transformers import MultiVectorEncoder
        from sentence_transformers.base.modules import Transformer

        try:
            encoder = MultiVectorEncoder(str(path), device=device(), local_files_only=True)
        except Exception as error:  # of whatever reads one of its files
            raise InputError(
                "sentence-transformers cannot open this late-interaction model",
                where=path,
                got=(str(error).splitlines() or [type(error).__name__])[0],
                remedy="save the model again, or give another folder",
            ) from error
        if not isinstance(encoder[0], Transformer) or encoder[0].tokenizer is None:
            raise InputError(
                "this model does not read text alone",
                where=path,
                expected="a Transformer with a tokenizer",
                got=type(encoder[0]).__name__,
            )
    encoder = encoder.float().eval()
    if not is_complete(path):
        _complete_weights(encoder[0].auto_model, transformer_root(path))
    _check_lengths(encoder, path)
    return encoder


def _with_head(path: Path, head: Path) -> MultiVectorEncoder:
    """BGE-M3: what its own layer makes of every token but the first.

    Reference:
        Chen et al., "M3-Embedding", Findings of ACL 2024, arXiv 2402.03216.
    """
    from safetensors.torch import load_file

    try:
        if head.suffix == ".safetensors":
            weights = load_file(head)
        else:  # the restricted reading of pickles: numbers, no code
            weights = torch.load(head, map_location="cpu", weights_only=True)
        weight, bias = weights["weight"].float(), weights["bias"].float()
    except Exception as error:  # each library has its own
        raise InputError(
            "the layer for token vectors cannot be read",
            where=head,
            expected="weight [dim, width] and bias [dim]",
            got=(str(error).splitlines() or [type(error).__name__])[0],
            remedy="bring the file again",
        ) from error
    with quiet():
        from transformers import AutoTokenizer
    root = transformer_root(path)
    first = AutoTokenizer.from_pretrained(root, local_files_only=True).cls_token
    length = most_pieces(read_json(root / "config.json"))
    return assemble(path, mean=None, max_length=length, head=linear_layer(weight, bias), left_out=[first])


def _complete_weights(transformer: Any, root: Path) -> None:
    """Refuse a checkpoint whose Transformer lacks weights, which the library would draw at random at every load.

    Those of the pooler, which token vectors do not need, become 0.
    """
    with quiet(warnings=False):
        _, facts = type(transformer).from_pretrained(
            root, config=transformer.config, local_files_only=True, output_loading_info=True
        )
    missing = sorted(facts["missing_keys"])
    needed = [name for name in missing if "pooler" not in name]
    if needed:
        raise InputError(
            "this checkpoint lacks weights of its own architecture",
            where=root,
            expected=f"weights of {type(transformer).__name__}",
            got=f"none for {', '.join(needed[:3])}" + (f" and {len(needed) - 3} more" * (len(needed) > 3)),
            remedy="it may need code of its own, which Kivuko does not run; give another checkpoint",
        )
    with torch.no_grad():
        for name in missing:
            transformer.get_parameter(name).zero_()


def _check_lengths(encoder: MultiVectorEncoder, path: Path) -> None:
    """Refuse queries that are always expanded to more pieces than there are positions."""
    if _has_one_length(encoder, "query") and length_limit(encoder, "query") > _positions(encoder):
        raise InputError(
            "this model expands queries beyond its positions",
            where=path,
            expected=f"at most {_positions(encoder)} pieces",
            got=length_limit(encoder, "query"),
            remedy="save it with a shorter query expansion",
        )


def save(
    encoder: MultiVectorEncoder,
    path: Path,
    *,
    space: str | None,
    parents: dict[str, str],
    meta: dict[str, Any],
) -> Path:
    """Write an encoder as a complete model folder.

    Args:
        encoder: what to save.
        path: the folder to write.
        space: hash of the teacher whose vector space this encoder writes into; None for one that starts its
            own, whose manifest hash then names the space.
        parents: label → hash of what it was made from.
        meta: facts worth keeping (regime, languages, settings).
    """
    facts = {**meta, "space": space}
    with write_artifact(path, KIND, parents=parents, meta=facts) as folder, quiet():
        encoder.save_pretrained(str(folder), create_model_card=False)
    return path


def device() -> str:
    """Where encoders live: ``"cuda"`` where there is a GPU, else ``"cpu"``."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def dimension(encoder: TokenEncoder) -> int:
    """Numbers in one token vector."""
    return int(encoder.get_embedding_dimension() or 0)


def prompt_of(encoder: TokenEncoder, task: Task) -> str:
    """What is put before a text of this side; empty for most models."""
    for name in _PROMPTS[task]:
        if name in encoder.prompts:
            return encoder.prompts[name] or ""
    return encoder.prompts.get(str(encoder.default_prompt_name)) or ""


def length_limit(encoder: TokenEncoder, task: Task = "document", max_length: int | None = None) -> int:
    """Pieces that are read of a text of this side, special ones and those of the prompt included.

    Args:
        encoder: the model.
        task: the side.
        max_length: what a caller wants read instead; queries that are always expanded to one length keep that.
    """
    reader = encoder[0]
    if _has_one_length(encoder, task):
        return int(reader.query_expansion["length"])
    expansion = reader.query_expansion if task == "query" else None
    limit = reader.processing_kwargs.get("text", {}).get("max_length")
    if limit is None:
        own = reader.query_length if task == "query" else reader.document_length
        limit = own if max_length is None else max_length
        if limit is not None and expansion is not None:
            limit = max(limit, expansion["length"])
    return min(int(limit or reader.max_seq_length or _UNLIMITED), _positions(encoder))


def _positions(encoder: TokenEncoder) -> int:
    """Pieces that the Transformer has positions for."""
    return most_pieces(encoder[0].config.to_dict())


def features_of(
    encoder: TokenEncoder,
    texts: Sequence[str],
    task: Task,
    *,
    max_length: int | None = None,
    offsets: bool = False,
) -> dict[str, Any]:
    """Texts as the model's input: prompt before each, cut, and queries expanded where the model does that.

    Args:
        encoder: the model.
        texts: at least one.
        task: their side.
        max_length: see :func:`length_limit`.
        offsets: also say under ``"offset_mapping"`` where each piece stands in prompt and text.

    Returns:
        ``input_ids`` and ``attention_mask`` [batch, length] and what else the model needs; of an expanded query also
        ``query_expansion_positions`` [batch, length].
    """
    options: dict[str, Any] = (
        {"processing_kwargs": {"text": {"return_offsets_mapping": True}}} if offsets else {}
    )
    if not _has_one_length(encoder, task):
        options["max_length"] = length_limit(encoder, task, max_length)
    with _tokenizing:
        found: dict[str, Any] = encoder.preprocess(
            list(texts), prompt=prompt_of(encoder, task), task=task, **options
        )
    return found


def _has_one_length(encoder: TokenEncoder, task: Task) -> bool:
    """Whether all texts of this side are expanded or cut to the same number of pieces."""
    expansion = encoder[0].query_expansion if task == "query" else None
    return expansion is not None and expansion["strategy"] == "fixed"


def pieces_of(encoder: TokenEncoder, texts: Sequence[str], task: Task = "document") -> list[list[int]]:
    """Piece ids of each text with its prompt and special ones, nothing cut or expanded."""
    if not texts:
        return []
    before = prompt_of(encoder, task)
    with _tokenizing:
        ids = encoder.tokenizer(
            [before + text for text in texts], truncation=False, padding=False, verbose=False
        )["input_ids"]
    return [list(row) for row in ids]


def masks_of(encoder: TokenEncoder) -> list[Any]:
    """The modules that say which tokens count."""
    from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask

    return [module for module in encoder if isinstance(module, MultiVectorMask)]


def truncated(encoder: TokenEncoder, texts: Sequence[str], task: Task = "document") -> int:
    """How many texts are longer than the encoder reads of this side."""
    limit = length_limit(encoder, task)
    return sum(len(pieces) > limit for pieces in pieces_of(encoder, texts, task))
