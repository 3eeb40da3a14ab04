"""New subwords for text that an encoder's tokenizer cannot write, or writes in crumbs.

XLM-R's vocabulary has three pieces of Tibetan script: nearly all of a Dzongkha sentence is one unknown piece. New
pieces go into the tokenizer's Unigram model with probabilities of their own, not beside it as "added tokens",
which would be cut out of the middle of words before the model sees them. So a text whose best segmentation has no
new piece keeps its segmentation and its vectors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kivuko.errors import InputError
from kivuko.models.learn_pieces import candidate_pieces, encode_content, unigram, with_pieces
from kivuko.models.new_pieces import Lexicon, add_rows
from kivuko.text import words

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder


@dataclass(frozen=True)
class Writing:
    """How well a tokenizer writes some texts.

    Attributes:
        unknown: share (0 to 1) of the content pieces that are the unknown piece; a run of unknown characters is one
            piece, however long, so this understates.
        pieces_per_word: content pieces for each word of ``kivuko.text.words`` (a syllable in Tibetan script).
    """

    unknown: float
    pieces_per_word: float


@dataclass(frozen=True)
class ExtensionReport:
    """What :func:`extend_vocabulary` did.

    Attributes:
        added: the new pieces, in the order of their rows.
        first_row: row of the first new piece in the word embeddings.
        before, after: how the texts were and are written.
        initialised: how many new rows came from a ``"lexicon"``, from ``"overlap"`` with old pieces, or from the
            ``"mean"`` of all old rows.
        withheld: candidates left out because a text of ``unchanged`` would have used them.
    """

    added: tuple[str, ...]
    first_row: int
    before: Writing
    after: Writing
    initialised: Mapping[str, int]
    withheld: int


def extend_vocabulary(
    encoder: MultiVectorEncoder,
    texts: Sequence[str],
    *,
    pieces: int,
    lexicon: Lexicon | None = None,
    unchanged: Sequence[str] = (),
    seed: int = 0,
) -> ExtensionReport:
    """Teach an encoder's tokenizer new pieces, in place; the word embeddings get a row for each.

    Characters that the tokenizer lacks come first, by frequency; then the byte-pair merges of the texts that
    save most old pieces. Each gets the probability it has in the texts, times a hundredth, a language's share.

    Args:
        encoder: a late-interaction encoder with a Unigram tokenizer (XLM-R, multilingual-e5).
        texts: text of the new language, the more the better; what is not in it is not learned.
        pieces: new pieces at most.
        lexicon: word of the new language → English word → probability. A new piece that is a word, or several,
            starts as the mean of its translations' word embeddings.
        unchanged: texts (English ones, say) whose segmentation must stay; pieces that any of them would use are left
            out. Needed where the new language shares its script with others.
        seed: of the noise that tells rows without lexicon or overlap apart.

    Raises:
        InputError: the tokenizer is no Unigram model, there is no text with a word, or ``pieces`` is below 1.

    References:
        Minixhofer et al., "WECHSEL", NAACL 2022, arXiv 2112.06598 (initial rows from a bilingual lexicon);
        Kudo, ACL 2018, arXiv 1804.10959 (the Unigram model).
    """
    if pieces < 1:
        raise InputError("the number of new pieces is out of range", expected="at least 1", got=pieces)
    if not any(words(text) for text in texts):
        raise InputError(
            "no text to learn pieces from", expected="texts with words", got=f"{len(texts)} texts"
        )
    tokenizer = encoder.tokenizer
    old: Any = tokenizer.backend_tokenizer
    model = unigram(old)
    before = _writing(old, texts, model["unk_id"])
    candidates = candidate_pieces(old, model, texts, pieces)
    extended, added, withheld = _without_changes(old, model, candidates, unchanged)
    first = len(model["vocab"])
    initialised = add_rows(
        encoder, old, added, first_row=first, unknown=model["unk_id"], lexicon=lexicon, seed=seed
    )
    tokenizer._tokenizer = extended
    after = _writing(extended, texts, model["unk_id"])
    return ExtensionReport(tuple(added), first, before, after, initialised, withheld)


def _writing(tokenizer: Any, texts: Sequence[str], unknown: int) -> Writing:
    ids = [piece for encoded in encode_content(tokenizer, texts) for piece in encoded.ids]
    return Writing(
        ids.count(unknown) / max(1, len(ids)), len(ids) / max(1, sum(len(words(text)) for text in texts))
    )


def _without_changes(
    tokenizer: Any, model: dict[str, Any], candidates: list[tuple[str, float]], unchanged: Sequence[str]
) -> tuple[Any, list[str], int]:
    """The extended tokenizer, its new pieces, and how many candidates the unchanged texts forbade."""
    wanted = candidates
    while True:
        extended = with_pieces(tokenizer, model, wanted)
        first = len(model["vocab"])
        used = {
            piece - first
            for encoded in encode_content(extended, unchanged)
            for piece in encoded.ids
            if piece >= first
        }
        if not used:
            return extended, [piece for piece, _ in wanted], len(candidates) - len(wanted)
        wanted = [candidate for i, candidate in enumerate(wanted) if i not in used]
