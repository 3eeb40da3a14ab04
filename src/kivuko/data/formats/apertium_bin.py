"""Apertium's bilingual dictionaries as packages have them: compiled, ``eu-en.autobil.bin``.

A path through the transducer spells a lemma with its tags and, at the same time, its translation with its own. Read
from the eight packages of pairs with English that Debian 12 has: every path tried is one that ``lt-proc -b`` takes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from rich.progress import Progress

from kivuko.data.formats.apertium_dix import english_first
from kivuko.data.formats.lttoolbox import Arc, Transducer, read_sections
from kivuko.files.streams import open_bytes
from kivuko.languages import Language
from kivuko.readers.dictionaries import Reading, Translation, untranslated
from kivuko.text import normalise

# So many letters that map to themselves between two states are a class of characters, not words.
_CLASS = 10


def read_apertium_bin(path: Path, language: Language, progress: Progress | None = None) -> Reading:
    """Pairs of lemmas of one compiled direction; its name says which side is English.

    Args:
        path: a file such as ``eu-en.autobil.bin``, plain or compressed.
        language: the one beside English.
        progress: a rich display for a bar over the file's bytes.

    Raises:
        InputError: the name is of no dictionary of English and this language, or see :func:`read_lemmas`.
    """
    left_is_english = english_first(path, language)
    reading = Reading()
    with open_bytes(path, progress) as stream:
        data = stream.read()
    for left, right in read_lemmas(data, path, reading.drops.reasons):
        english, foreign = map(normalise, (left, right) if left_is_english else (right, left))
        reason = untranslated(english, foreign, language)
        if reason:
            reading.drops.drop(reason)
        else:
            reading.rows.append(Translation(english, foreign))
    return reading.finished(path, f"entries in English and {language.name}")


def read_lemmas(data: bytes, where: object, dropped: Counter[str]) -> Iterator[tuple[str, str]]:
    """Each pair of an input and an output lemma once, in the order of the sections and their arcs.

    What is no list of words is left out: patterns, which come as sections that are called so, as loops or as
    classes of characters; numbers; and entries with a second word behind the tags of the first.

    Args:
        data: the compiled dictionary.
        where: its name, for errors.
        dropped: takes the counts of arcs left out, by reason.

    Raises:
        InputError: the bytes are no compiled dictionary, or end early.
    """
    seen: set[tuple[str, str]] = set()
    for transducer in read_sections(data, where):
        if "regex" in transducer.name:
            dropped["patterns"] += 1
            continue
        for pair in _lemmas(transducer, dropped):
            if pair not in seen:
                seen.add(pair)
                yield pair


def _lemmas(transducer: Transducer, dropped: Counter[str]) -> Iterator[tuple[str, str]]:
    """Walk from the first state; a path is a pair once tags have been met on both sides, or at its end."""
    loops = _looping(transducer.arcs)
    spells_on = _spelling_on(transducer)
    usable = [_without_classes(arcs, transducer.pairs, dropped) for arcs in transducer.arcs]
    walks = [(transducer.initial, "", "", False, False)]
    while walks:
        state, left, right, left_tagged, right_tagged = walks.pop()
        if state in loops:
            dropped["patterns"] += 1
            continue
        if left_tagged and right_tagged:
            if spells_on[state]:
                dropped["joined forms"] += 1
            else:
                yield _plain(left), _plain(right)
            continue
        if state in transducer.finals:
            yield _plain(left), _plain(right)
        for number, target in reversed(usable[state]):
            taken, given = transducer.pairs[number]
            if any(symbol > 0 and chr(symbol).isdigit() for symbol in (taken, given)):
                dropped["numbers"] += 1
                continue
            if (left_tagged and taken > 0) or (right_tagged and given > 0):
                dropped["joined forms"] += 1
                continue
            walks.append((
                target,
                left + chr(taken) if taken > 0 else left,
                right + chr(given) if given > 0 else right,
                left_tagged or taken < 0,
                right_tagged or given < 0,
            ))  # fmt: skip


def _plain(lemma: str) -> str:
    """``take# out`` has its uninflected part marked."""
    return lemma.replace("#", "")


def _without_classes(arcs: list[Arc], pairs: list[tuple[int, int]], dropped: Counter[str]) -> list[Arc]:
    """Arcs without those of classes of characters, such as ``[A-Z]``."""
    same = Counter(target for symbol, target in arcs if pairs[symbol][0] == pairs[symbol][1] > 0)
    classes = {target for target, count in same.items() if count >= _CLASS}
    if not classes:
        return arcs
    dropped["patterns"] += len(classes)
    return [arc for arc in arcs if arc[1] not in classes or pairs[arc[0]][0] != pairs[arc[0]][1]]


def _spelling_on(transducer: Transducer) -> list[bool]:
    """Whether a letter is still to come behind each state, on either side."""
    before: list[list[int]] = [[] for _ in transducer.arcs]
    reached = []
    for state, arcs in enumerate(transducer.arcs):
        for symbol, target in arcs:
            before[target].append(state)
            if max(transducer.pairs[symbol]) > 0:
                reached.append(state)
    found = [False] * len(transducer.arcs)
    while reached:
        state = reached.pop()
        if not found[state]:
            found[state] = True
            reached += before[state]
    return found


def _looping(arcs: list[list[Arc]]) -> set[int]:
    """States that a path can come back to: peel off, from both ends, those that none leads to or from."""
    inside = set(range(len(arcs)))
    after = [[target for _, target in leaving] for leaving in arcs]
    before: list[list[int]] = [[] for _ in arcs]
    for state, targets in enumerate(after):
        for target in targets:
            before[target].append(state)
    for forward, backward in ((after, before), (before, after)):
        left = [sum(target in inside for target in forward[state]) for state in range(len(arcs))]
        ends = [state for state in inside if not left[state]]
        while ends:
            state = ends.pop()
            inside.discard(state)
            for each in backward[state]:
                left[each] -= 1
                if not left[each] and each in inside:
                    ends.append(each)
    return inside
