"""Texts cut by a Unigram tokenizer of hundreds of thousands of pieces, without reading them all.

Parsing the ``tokenizer.json`` of XLM-R takes a second, and a query needs a few dozen of its 250,000 pieces. So the
pieces lie sorted in a table that is memory-mapped, and each text is cut by a tokenizer of those alone that it could
use. Nothing is lost by that, whatever the text: Unigram takes the best of the segmentations into pieces that are
there (Kudo, ACL 2018, arXiv 1804.10959), every one of them is made of substrings of the text's words, and all
substrings that are pieces are looked up. The search goes through the same pieces with the same scores in the same
order. What hangs on other pieces stands in every such tokenizer: the least probable piece, by which an unknown
character is scored, single bytes, and special tokens.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kivuko.errors import MissingExtraError

_FILE = "tokenizer.json"
_PIECES, _IDS, _SCORES, _KEPT = "pieces.npy", "piece-ids.npy", "piece-scores.npy", "kept-ids.npy"
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")


class Cutter:
    """The tokenizer of a folder that :func:`save` wrote. Threads may share one.

    Raises:
        MissingExtraError: the package tokenizers is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            raise MissingExtraError("tokenizers", "onnx") from error
        self._tokenizer: Any = Tokenizer.from_file(str(folder / _FILE))
        self._table = _Table(folder) if (folder / _PIECES).is_file() else None
        self._busy = threading.Lock()  # pieces and length are the tokenizer's own state

    def cut(self, texts: Sequence[str], length: int | None = None, side: str = "right") -> list[Cut]:
        """Pieces of texts, special ones included.

        Args:
            texts: any number.
            length: pieces that are kept of each, special ones included; all by default.
            side: where a longer one is cut, ``"right"`` or ``"left"``.
        """
        with self._busy:
            if length is None:
                self._tokenizer.no_truncation()
            else:
                self._tokenizer.enable_truncation(length, direction=side)
            if self._table is None:
                return [Cut(each.ids, each) for each in self._tokenizer.encode_batch(list(texts))]
            found = []
            for text in texts:
                numbers = self._table.serve(self._tokenizer, text)
                encoded = self._tokenizer.encode(text)
                found.append(Cut(numbers[encoded.ids].tolist(), encoded))
            return found


class Cut:
    """A text's pieces.

    Attributes:
        ids: of the pieces.
        names: what the tokenizer calls them.
        offsets: where each begins and ends in the text; (0, 0) of special ones.
    """

    def __init__(self, ids: list[int], encoded: Any) -> None:
        self.ids = ids
        self._encoded = encoded

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def names(self) -> list[str]:
        """See the class."""
        return list(self._encoded.tokens)

    @property
    def offsets(self) -> list[tuple[int, int]]:
        """See the class."""
        return list(self._encoded.offsets)


class _Table:
    """The pieces of a vocabulary in the order of their bytes."""

    def __init__(self, folder: Path) -> None:
        self._pieces = np.load(folder / _PIECES, mmap_mode="r")
        self._ids = np.load(folder / _IDS, mmap_mode="r")
        self._scores = np.load(folder / _SCORES, mmap_mode="r")
        self._kept_ids = np.load(folder / _KEPT)
        body = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        self._kept = [(piece, score) for piece, score in body["model"]["vocab"]]
        self._settings = {name: body["model"][name] for name in ("unk_id", "byte_fallback")}
        apart = sorted((token["content"] for token in body["added_tokens"]), key=len, reverse=True)
        self._apart = re.compile("|".join(map(re.escape, apart))) if apart else None
        self._longest = self._pieces.dtype.itemsize

    def serve(self, tokenizer: Any, text: str) -> NDArray[np.int64]:
        """Give a tokenizer the pieces that a text could use.

        Returns:
            [pieces] what the whole vocabulary calls each of them.
        """
        from tokenizers import models

        wanted = np.array(sorted(self._candidates(tokenizer, text)), dtype=self._pieces.dtype)
        places = np.searchsorted(self._pieces, wanted)
        inside = places < len(self._pieces)
        places, wanted = places[inside], wanted[inside]
        # Numpy's bytes end where only NULs follow, so that two candidates can be one piece.
        places = np.array(sorted(set(places[self._pieces[places] == wanted].tolist())), dtype=np.int64)
        places = places[np.argsort(self._ids[places])]
        places = places[~np.isin(self._ids[places], self._kept_ids)]
        pieces = [piece.decode() for piece in self._pieces[places]]
        more = zip(pieces, self._scores[places].tolist(), strict=True)
        tokenizer.model = models.Unigram([*self._kept, *more], **self._settings)
        return np.concatenate([self._kept_ids, self._ids[places]]).astype(np.int64)

    def _candidates(self, tokenizer: Any, text: str) -> set[bytes]:
        """Every substring, no longer than a piece can be, of what a tokenizer makes of a text's words."""
        found: set[bytes] = set()
        for word in {word for part in self._parts(text) for word in _words(tokenizer, part)}:
            # No character takes less than a byte, so that no piece has more characters than the longest has bytes.
            for begin in range(len(word)):
                piece = b""
                for character in word[begin : begin + self._longest]:
                    piece += character.encode()
                    if len(piece) > self._longest:
                        break
                    found.add(piece)
        return found

    def _parts(self, text: str) -> Iterator[str]:
        """What is cut by itself: the text, and what stands between special tokens that are written in it."""
        yield text
        if self._apart is not None and self._apart.search(text):
            yield from self._apart.split(text)


def _words(tokenizer: Any, text: str) -> list[str]:
    normal = tokenizer.normalizer.normalize_str(text) if tokenizer.normalizer else text
    if tokenizer.pre_tokenizer is None:
        return [normal]
    return [word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normal)]


def save(tokenizer: Any, folder: Path) -> None:
    """Write a tokenizer for :class:`Cutter`: as a table of pieces where that is as exact, else as it is.

    Args:
        tokenizer: a ``tokenizers.Tokenizer``.
        folder: an existing one.
    """
    from kivuko.models.tokenizer import trim_tokenizer

    body = json.loads(tokenizer.to_str()) | {"truncation": None, "padding": None}
    if _can_be_looked_up(body):
        vocabulary = body["model"]["vocab"]
        scores = np.array([score for _, score in vocabulary], dtype=np.float64)
        kept = {token["id"] for token in body["added_tokens"]} | {
            body["model"]["unk_id"],
            int(scores.argmin()),
        }
        kept |= {number for number, (piece, _) in enumerate(vocabulary) if _BYTE.fullmatch(piece)}
        pieces = np.array([piece.encode() for piece, _ in vocabulary])
        order = np.argsort(pieces, kind="stable")
        np.save(folder / _PIECES, pieces[order])
        np.save(folder / _IDS, order.astype(np.int32))
        np.save(folder / _SCORES, scores[order])
        np.save(folder / _KEPT, np.array(sorted(kept), dtype=np.int32))
        body = trim_tokenizer(body, sorted(kept))
    (folder / _FILE).write_text(json.dumps(body, ensure_ascii=False), encoding="utf-8")


def _can_be_looked_up(body: dict[str, Any]) -> bool:
    """Whether a table does for a tokenizer: Unigram without chance, and special tokens that are pieces of it."""
    model = body["model"]
    if model["type"] != "Unigram" or model["unk_id"] is None or model.get("alpha") or model.get("nbest_size"):
        return False
    pieces = [piece for piece, _ in model["vocab"]]
    if len(set(pieces)) < len(pieces) or any(piece.endswith("\0") for piece in pieces):
        return False
    return all(
        token["id"] < len(pieces)
        and pieces[token["id"]] == token["content"]
        and not (token["normalized"] or token["single_word"])
        for token in body["added_tokens"]
    )
