"""Neural translators through transformers: NLLB, MADLAD and Marian models.

NLLB: NLLB team, "No Language Left Behind", 2022, arXiv 2207.04672. MADLAD: Kudugunta et al., NeurIPS 2023,
arXiv 2309.04662. Marian (OPUS-MT): Tiedemann, Thottingal, EAMT 2020. Only safetensors weights are opened. The
project could run this on tiny random models alone, for its own machines reach no model hub.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from kivuko.errors import InputError, MissingExtraError
from kivuko.languages import Language
from kivuko.models.late_interaction import device
from kivuko.models.loading import get, quiet
from kivuko.retrieval.machine_translation.neural_codes import madlad_token, marian_token, nllb_code

BATCH_TEXTS = 16
MAX_PIECES = 256
#: Model type in ``config.json`` → what we call it.
_FAMILIES = MappingProxyType({"m2m_100": "NLLB", "t5": "MADLAD", "marian": "Marian"})
#: First character of the piece we miss → how such pieces look: ``<2om>``, ``>>orm<<``, else ``gaz_Latn``.
_LANGUAGE_PIECE: defaultdict[str, re.Pattern[str]] = defaultdict(
    lambda: re.compile(r"[a-z]{3}_[A-Z][a-z]{3}"),
    {"<": re.compile(r"<2\w+>"), ">": re.compile(r">>\w+<<")},
)


@dataclass(frozen=True)
class _Frame:
    """What a family puts around a text's pieces and at the start of the output."""

    first_id: int | None = None
    prefix: str = ""
    output_start_id: int | None = None


class NeuralTranslator:
    """A sequence-to-sequence model for one direction.

    Args:
        model: local folder, or hub id such as ``"facebook/nllb-200-distilled-600M"``.
        source: language of the texts.
        target: language of the translations.
        beams: 1 is greedy decoding; more is beam search of that width.
        max_pieces: longest input, and longest output, in pieces with their special ones; longer texts are cut
            and counted in ``texts_cut``, longer outputs end there and are counted in ``outputs_cut``.
        batch_texts: texts decoded together; changes the speed only.

    Raises:
        InputError: the model is of another family, lacks a part or does not know a language.
        UnknownNameError: no such model.
        FetchError: the hub cannot be reached.
        MissingExtraError: transformers, or sentencepiece for a Marian model, is not installed.
    """

    def __init__(
        self,
        model: str | Path,
        source: Language,
        target: Language,
        *,
        beams: int = 1,
        max_pieces: int = MAX_PIECES,
        batch_texts: int = BATCH_TEXTS,
    ) -> None:
        if beams < 1 or max_pieces < 4 or batch_texts < 1:
            raise InputError(
                "these translation settings make no sense",
                expected="at least 1 beam, 4 pieces, 1 text a batch",
                got=f"{beams}, {max_pieces}, {batch_texts}",
            )
        self.source, self.target = source, target
        self.name = f"{Path(model).name} {source.short}-{target.short}"
        #: Texts so far that were longer than ``max_pieces``, and outputs that ended there.
        self.texts_cut = self.outputs_cut = 0
        folder = get(model)
        family = _family(folder)
        self._tokenizer, self._model = _load(folder)
        self._frame = _frame(family, folder, self._tokenizer, source, target)
        self._beams, self._max_pieces, self._batch_texts = beams, max_pieces, batch_texts

    def translate(self, texts: Sequence[str]) -> list[str]:
        """One translation a text. Texts of similar length are decoded together, the longest first."""
        translations = [""] * len(texts)
        encoded = {i: self._encode(text) for i, text in enumerate(texts) if text.strip()}
        order = sorted(encoded, key=lambda i: (-len(encoded[i]), i))
        for start in range(0, len(order), self._batch_texts):
            batch = order[start : start + self._batch_texts]
            for i, translation in zip(batch, self._decode([encoded[i] for i in batch]), strict=True):
                translations[i] = translation
        return translations

    def _encode(self, text: str) -> list[int]:
        first = [] if self._frame.first_id is None else [self._frame.first_id]
        body = self._tokenizer(self._frame.prefix + " ".join(text.split()), add_special_tokens=False)
        pieces = [*first, *body["input_ids"]]
        if len(pieces) >= self._max_pieces:
            self.texts_cut += 1
        return [*pieces[: self._max_pieces - 1], self._tokenizer.eos_token_id]

    def _decode(self, batch: Sequence[Sequence[int]]) -> list[str]:
        import torch

        width, pad = max(map(len, batch)), self._tokenizer.pad_token_id
        ids = torch.tensor([[*pieces, *[pad] * (width - len(pieces))] for pieces in batch])
        mask = torch.tensor([[1] * len(pieces) + [0] * (width - len(pieces)) for pieces in batch])
        where = self._model.device
        with torch.inference_mode():
            output = self._model.generate(
                input_ids=ids.to(where),
                attention_mask=mask.to(where),
                num_beams=self._beams,
                do_sample=False,
                max_new_tokens=self._max_pieces,
                forced_bos_token_id=self._frame.output_start_id,
            )
        # Column 0 is the decoder's own start, which for some models is the end token.
        self.outputs_cut += int((output[:, 1:] != self._tokenizer.eos_token_id).all(dim=1).sum())
        decoded: list[str] = self._tokenizer.batch_decode(output, skip_special_tokens=True)
        return [" ".join(text.split()) for text in decoded]


def _load(folder: Path) -> tuple[Any, Any]:
    """Tokenizer and model, without touching a network or running code of the folder."""
    with quiet():
        from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

        try:
            tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        except ImportError as error:  # Marian's own tokenizer; the others need it no more
            if "sentencepiece" not in str(error).lower():
                raise
            raise MissingExtraError("sentencepiece", "train") from error
        model = AutoModelForSeq2SeqLM.from_pretrained(
            str(folder), local_files_only=True, use_safetensors=True
        )
    # Left alone, a forced end would hide that an output was cut, and a length of the folder's rule beside ours.
    model.generation_config.forced_eos_token_id = model.generation_config.max_length = None
    return tokenizer, model.to(device()).eval()


def _family(folder: Path) -> str:
    family = str(json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type"))
    if family not in _FAMILIES:
        raise InputError(
            "this model is of no known family of translators",
            where=folder,
            expected=f"one of {', '.join(f'{kind} ({name})' for kind, name in _FAMILIES.items())}",
            got=family,
            remedy="choose an NLLB, MADLAD or Marian model",
        )
    return family


def _frame(family: str, folder: Path, tokenizer: Any, source: Language, target: Language) -> _Frame:
    """How this model is told the languages."""
    vocabulary = tokenizer.get_vocab()
    if family == "m2m_100":
        first, last = (_known(vocabulary, nllb_code(each), each, folder) for each in (source, target))
        return _Frame(first_id=first, output_start_id=last)
    if family == "t5":
        _known(vocabulary, madlad_token(target), target, folder)
        return _Frame(prefix=f"{madlad_token(target)} ")
    if not any(piece.startswith(">>") and piece.endswith("<<") for piece in vocabulary):
        return _Frame()  # a Marian model of one pair: nothing in it says which
    _known(vocabulary, marian_token(target), target, folder)
    return _Frame(prefix=f"{marian_token(target)} ")


def _known(vocabulary: dict[str, int], token: str, language: Language, folder: Path) -> int:
    if token in vocabulary:
        return vocabulary[token]
    shape = _LANGUAGE_PIECE[token[0]]
    like = sorted(piece for piece in vocabulary if shape.fullmatch(piece))
    raise InputError(
        f"this translator does not know {language.name}",
        where=folder,
        expected=f"the piece {token} in its vocabulary",
        got=f"{len(like)} other languages: {', '.join(like[:12])}{' …' if len(like) > 12 else ''}",
        remedy="choose another model, or another language",
    )
