"""Late-interaction encoders: one unit vector a content token, in a centred space.

The seam around sentence-transformers' ``MultiVectorEncoder``. An encoder is five standard modules, so its folder
opens in plain sentence-transformers without Kivuko:

    Transformer → Normalize → Dense(identity, −mean) → Normalize → MultiVectorMask(specials)

The Dense layer starts as the subtraction of the mean English token vector. Encoders such as multilingual-e5 are
anisotropic: all their token vectors share one large component, every cosine is high, and neither MaxSim nor a
transport cost has contrast until it is taken out. Training moves the layer too, as any late-interaction projection;
a student's space is its teacher's because its vectors are pulled there.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from kivuko.artifact import is_complete, read_manifest, write_artifact
from kivuko.errors import ArtifactError, InputError
from kivuko.models.convert import KIND as KIND
from kivuko.models.loading import check_folder, load_transformer, quiet
from kivuko.models.token_vectors import TokenEncoder

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder


def assemble(base: Path, *, mean: Tensor | None, max_length: int) -> MultiVectorEncoder:
    """A late-interaction encoder from a plain Hugging Face folder.

    Args:
        base: the encoder's folder, as ``kivuko.models.get`` returns it.
        mean: [dim], the mean of unit token vectors to subtract, or None to leave the space as it is.
        max_length: pieces a text may have, special ones included; longer texts are cut.

    Raises:
        InputError: the folder lacks something, or ``max_length`` is beyond the encoder's positions.
    """
    transformer = load_transformer(base, max_length)
    with quiet():
        from sentence_transformers import MultiVectorEncoder
        from sentence_transformers.base.modules import Normalize
        from sentence_transformers.base.modules.dense import Dense
        from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask

        modules: list[torch.nn.Module] = [transformer, Normalize(module_input_name="token_embeddings")]
        if mean is not None:
            centre = Dense(
                len(mean),
                len(mean),
                activation_function=torch.nn.Identity(),
                init_weight=torch.eye(len(mean)),
                init_bias=-mean.float(),
                module_input_name="token_embeddings",
            )
            modules += [centre, Normalize(module_input_name="token_embeddings")]
        tokenizer: Any = transformer.tokenizer
        specials = sorted(set(tokenizer.all_special_tokens) - {tokenizer.unk_token})
        modules.append(MultiVectorMask(skiplist_words=specials, skiplist_tasks=["query", "document"]))
        return MultiVectorEncoder(modules=modules, device=device()).eval()


def load(path: Path) -> MultiVectorEncoder:
    """Open a late-interaction encoder's folder, ours or another tool's, to train it.

    To read texts with it, :func:`kivuko.models.encoding.open_encoder` is faster.

    Raises:
        InputError: the folder lacks tokenizer, weights or configuration, or is no late-interaction model.
        ArtifactError: the folder is ours and damaged.
    """
    check_folder(path)
    if not (path / "modules.json").is_file():
        raise InputError(
            "this folder is a plain encoder, not a late-interaction model",
            where=path,
            expected="a sentence-transformers folder with modules.json",
            remedy="train one with 'kivuko train optical', or name the encoder itself as --model",
        )
    with quiet():
        from sentence_transformers import MultiVectorEncoder

        return MultiVectorEncoder(str(path), device=device(), local_files_only=True).eval()


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


def space_of(path: Path) -> str:
    """The vector space a model folder writes into: queries and documents must come from one space.

    Raises:
        ArtifactError: the folder has no manifest, so its space is unknown.
    """
    if not is_complete(path):
        raise ArtifactError(
            "this model does not say which vector space it writes into",
            where=path,
            expected="a model folder trained or assembled by Kivuko (with manifest.json)",
            remedy="index and search with one and the same model folder of ours",
        )
    manifest = read_manifest(path, KIND)
    return str(manifest.meta.get("space") or manifest.hash)


def device() -> str:
    """Where encoders live: ``"cuda"`` where there is a GPU, else ``"cpu"``."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def uses_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 matrices in hardware; elsewhere float32 is faster."""
    # Not part of torch's public interface; without it float32 is the safe answer.
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return torch.cuda.is_available() or bool(supported and supported())


def dimension(encoder: TokenEncoder) -> int:
    """Numbers in one token vector."""
    return int(encoder.get_embedding_dimension() or 0)


def length_limit(encoder: TokenEncoder) -> int:
    """Pieces of a text that the encoder reads, special ones included."""
    return int(encoder.max_seq_length or 512)


def truncated(encoder: TokenEncoder, texts: Sequence[str]) -> int:
    """How many texts are longer than the encoder reads."""
    limit = length_limit(encoder)
    return sum(len(pieces) > limit for pieces in pieces_of(encoder, texts))


def pieces_of(encoder: TokenEncoder, texts: Sequence[str]) -> list[list[int]]:
    """Piece ids of each text, special ones included and nothing cut."""
    if not texts:
        return []
    ids = encoder.tokenizer(list(texts), truncation=False, padding=False, verbose=False)["input_ids"]
    return [list(row) for row in ids]


def words_of_tokens(encoder: TokenEncoder, text: str, max_length: int | None = None) -> list[str]:
    """For each content token of a text, the word around it, see :func:`word_around`.

    Args:
        encoder: the encoder whose tokens :func:`kivuko.models.encoding.encode` gives vectors for.
        text: the text as it was encoded.
        max_length: pieces read of the text; the encoder's own limit by default.
    """
    return [text[slice(*word_around(text, *span))] for span in spans_of_tokens(encoder, text, max_length)]


def pieces_of_tokens(encoder: TokenEncoder, text: str) -> list[str]:
    """For each content token of a text, as :func:`kivuko.models.encoding.encode` gives vectors for, its characters.

    A piece of white space alone, as before a word or between Khmer phrases, is shown as ``▁``.
    """
    return [text[start:end].strip(" \u200b") or "▁" for start, end in spans_of_tokens(encoder, text, None)]


def spans_of_tokens(encoder: TokenEncoder, text: str, max_length: int | None) -> list[tuple[int, int]]:
    """Where each content token begins and ends in a text."""
    limit = max_length or length_limit(encoder)
    encoded = encoder.tokenizer(text, truncation=True, max_length=limit, return_offsets_mapping=True)
    dropped = set(encoder.tokenizer.all_special_ids) - {encoder.tokenizer.unk_token_id}
    return [
        span
        for piece, span in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)
        if piece not in dropped
    ]


def word_around(text: str, start: int, end: int) -> tuple[int, int]:
    """Where the word around a token begins and ends: what white space delimits, as a reader would see it."""
    while start < end and text[start].isspace():
        start += 1
    while start > 0 and not text[start - 1].isspace():
        start -= 1
    while end < len(text) and not text[end].isspace():
        end += 1
    return start, end
