"""Long texts split into passages that an encoder reads whole."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kivuko.errors import InputError
from kivuko.models import late_interaction
from kivuko.text.normal import WORD_BORDER

if TYPE_CHECKING:
    from kivuko.models.token_vectors import TokenEncoder

Span = tuple[int, int]
#: Share of a passage at its end in which a good place to cut is looked for.
_LOOK_BACK = 1 / 3
#: What ends a sentence when white space follows, in the scripts of our languages; and what does without.
_STOPS = frozenset(".!?…։؟។៕៖।॥።፧")
_STOPS_ALONE = frozenset("។៕。！？།༎")
_CLOSING = frozenset("'\"’”»)]」』）")
_JOINER = "\u200d"
_FEWEST_PIECES = 8
#: How good a place is for a cut.
_NEVER, _LETTER, _WORD, _SENTENCE, _LINE = range(5)


def passage_spans(
    encoder: TokenEncoder, texts: Sequence[str], *, max_pieces: int, overlap: int
) -> list[list[Span]]:
    """Where the passages of each text begin and end.

    A passage ends at the end of a line, else of a sentence, else of a word, where there is one in its last third;
    else between two letters (Khmer, Thai). It never ends between a letter and what is written on it, unless they are
    all that fits.

    Args:
        encoder: whose tokenizer counts pieces.
        texts: any number.
        max_pieces: pieces that a passage may have when it stands alone, special ones and the model's prompt included;
            at least 8.
        overlap: pieces that a passage repeats of the one before, at most; below half of ``max_pieces``.

    Returns:
        For each text its passages in order: (begin, end) in characters. A text without content has none, a text of at
        most ``max_pieces`` pieces one that covers it; every piece of a longer one is in one of its passages.

    Raises:
        InputError: the lengths are out of range.
    """
    if max_pieces < _FEWEST_PIECES or not 0 <= overlap < max_pieces / 2:
        raise InputError(
            "passages of this length cannot be made",
            expected=f"at least {_FEWEST_PIECES} pieces, and an overlap of less than half of them",
            got=f"{max_pieces} pieces, overlap {overlap}",
        )
    if not texts:
        return []
    options = {"add_special_tokens": False, "truncation": False, "padding": False, "verbose": False}
    encoded: Any = encoder.tokenizer(list(texts), return_offsets_mapping=True, **options)
    # What is read beside a text: special pieces, and those of the model's prompt.
    room = max_pieces - len(late_interaction.pieces_of(encoder, [""], "document")[0])
    whole = [len(offsets) + max_pieces - room for offsets in encoded["offset_mapping"]]
    if late_interaction.prompt_of(encoder, "document"):  # the pieces at its border can be others
        whole = list(map(len, late_interaction.pieces_of(encoder, texts, "document")))
    found: list[list[Span]] = [[] for _ in texts]
    budgets: dict[int, int] = {}
    for number, offsets in enumerate(encoded["offset_mapping"]):
        if whole[number] > max_pieces:
            budgets[number] = max(1, room)
        elif any(end > begin for begin, end in offsets):
            found[number] = [(0, len(texts[number]))]
    # A passage that begins or ends inside a word can have other pieces when it stands alone: then it gets fewer.
    while budgets:
        for number, budget in budgets.items():
            pieces = [(begin, end) for begin, end in encoded["offset_mapping"][number] if end > begin]
            found[number] = _cut(texts[number], pieces, budget, min(overlap, (budget - 1) // 2))
        owners = [number for number in budgets for _ in found[number]]
        alone = [texts[number][begin:end] for number in budgets for begin, end in found[number]]
        longest = dict.fromkeys(budgets, 0)
        for number, ids in zip(owners, late_interaction.pieces_of(encoder, alone, "document"), strict=True):
            longest[number] = max(longest[number], len(ids))
        budgets = {
            number: max(1, budgets[number] - (length - max_pieces))
            for number, length in longest.items()
            if length > max_pieces and budgets[number] > 1
        }
    return found


def _cut(text: str, pieces: list[Span], budget: int, overlap: int) -> list[Span]:
    """Spans of at most ``budget`` pieces each."""
    if not pieces:
        return []
    spans, first = [], 0
    while True:
        last = first + budget
        if last >= len(pieces):
            spans.append((pieces[first][0], pieces[-1][1]))
            return spans
        last = _best_end(text, pieces, first, last)
        spans.append((pieces[first][0], pieces[last - 1][1]))
        again = range(max(first + 1, last - overlap), last)
        first = next((piece for piece in again if _quality(text, pieces[piece][0]) >= _WORD), last)


def _best_end(text: str, pieces: list[Span], first: int, last: int) -> int:
    """The piece before which the passage that begins at ``first`` ends best, at most ``last``."""
    earliest = max(first + 1, last - int((last - first) * _LOOK_BACK))
    # Of equally good places the last; but further back than a third only to keep a letter whole.
    quality, best = max((_quality(text, pieces[piece][0]), piece) for piece in range(earliest, last + 1))
    if quality > _NEVER:
        return best
    further = range(earliest - 1, first, -1)
    return next((piece for piece in further if _quality(text, pieces[piece][0]) > _NEVER), last)


def _quality(text: str, place: int) -> int:
    """How good it is to cut before the character at ``place``, which is neither the first nor beyond the last."""
    begin = end = place  # of the white space here; pieces may begin with that before their word
    while begin > 0 and _is_space(text[begin - 1]):
        begin -= 1
    while end < len(text) and _is_space(text[end]):
        end += 1
    if "\n" in text[begin:end]:
        return _LINE
    stop = begin
    while stop > 0 and text[stop - 1] in _CLOSING:
        stop -= 1
    if stop > 0 and text[stop - 1] in (_STOPS if end > begin else _STOPS_ALONE):
        return _SENTENCE
    if end > begin:
        return _WORD
    return _LETTER if _begins_letter(text, place) else _NEVER


def _is_space(character: str) -> bool:
    return character.isspace() or character == WORD_BORDER


def _begins_letter(text: str, place: int) -> bool:
    """Whether what is written here stands for itself, and is not a part of what is before it.

    Parts are combining marks, what a virama (Khmer coeng …) or a joiner ties to it, and colours and halves of emoji.
    """
    here, before = text[place], text[place - 1]
    if unicodedata.category(here).startswith("M") or here == _JOINER or "\U0001f3fb" <= here <= "\U0001f3ff":
        return False
    if before == _JOINER or unicodedata.combining(before) == 9:
        return False
    flags = 0  # a flag is two regional letters
    while flags < place and "\U0001f1e6" <= text[place - 1 - flags] <= "\U0001f1ff":
        flags += 1
    return not ("\U0001f1e6" <= here <= "\U0001f1ff" and flags % 2)
