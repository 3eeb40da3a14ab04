"""Word alignment by eflomal, a program under the GNU GPL 3 that a person may install beside Kivuko.

Its command is run as a program of its own on files of numbers; none of its code is imported.
"""

from __future__ import annotations

import importlib.metadata
import itertools
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kivuko.artifact import storage_errors
from kivuko.codeswitch.alignment import Alignment, Integers, word_types
from kivuko.errors import InputError, KivukoError, MissingExtraError

#: eflomal's arrays hold texts of fewer than 1,024 words; it would align nothing in a longer one, and not say so.
LONGEST = 1023


def align(english: Sequence[Sequence[str]], foreign: Sequence[Sequence[str]]) -> Alignment:
    """Align pairs of word lists by eflomal with its own settings (IBM 1, then HMM, then fertilities).

    Both directions are sampled (Östling, Tiedemann, Prague Bulletin of Mathematical Linguistics 106, 2016) and
    intersected: a link counts 1 if both have it. eflomal takes its seed from the system and offers no other, so
    two calls differ a little; those of :func:`kivuko.codeswitch.alignment.align` do not.

    Args:
        english: words of each text, at most ``LONGEST``; no text may be empty.
        foreign: the words of its translation, as many texts.

    Returns:
        Only cells that are linked at least once; whole-number counts.

    Raises:
        MissingExtraError: eflomal is not installed.
        InputError: a text is too long.
        KivukoError: eflomal ran and failed.
        StorageError: the disk refused a write.
    """
    command = find_command()
    longest = max(map(len, itertools.chain(english, foreign)), default=0)
    if longest > LONGEST:
        raise InputError("a text is too long for eflomal", expected=f"at most {LONGEST} words", got=longest)
    english_words, english_types = word_types(english)
    foreign_words, foreign_types = word_types(foreign)
    sides = _apart(english_types, english), _apart(foreign_types, foreign)
    linked: Counter[tuple[int, int]] = Counter()
    for of_english, of_foreign, *directions in zip(*sides, *_links(command, *sides), strict=True):
        there, back = (set(links.split()) for links in directions)
        for link in there & back:
            i, j = link.split("-")
            linked[of_english[int(i)], of_foreign[int(j)]] += 1
    cells = sorted(linked)
    return Alignment(
        english_words,
        foreign_words,
        np.array([cell[0] for cell in cells], dtype=np.int32),
        np.array([cell[1] for cell in cells], dtype=np.int32),
        np.array([linked[cell] for cell in cells], dtype=np.float64),
    )


def find_command() -> Path:
    """The script ``eflomal-align`` of the eflomal that is installed beside Kivuko.

    Raises:
        MissingExtraError: there is none.
    """
    try:
        files = importlib.metadata.files("eflomal") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "eflomal-align":
            return Path(str(file.locate()))
    raise MissingExtraError("eflomal", "eflomal")


def version() -> str:
    """Version of the eflomal that is installed."""
    return importlib.metadata.version("eflomal")


def _apart(types: Integers, texts: Sequence[Sequence[str]]) -> list[list[int]]:
    """The types of all running words, text by text."""
    flat = iter(types.tolist())
    return [list(itertools.islice(flat, len(text))) for text in texts]


def _links(command: Path, english: list[list[int]], foreign: list[list[int]]) -> tuple[list[str], list[str]]:
    """For each pair "i-j i-j ...", the linked positions: forward, where each foreign word chooses, and reverse."""
    place = Path(tempfile.gettempdir())
    with storage_errors(place), tempfile.TemporaryDirectory(prefix="kivuko-eflomal-", dir=place) as name:
        folder = Path(name)
        # Numbers instead of words: eflomal lower-cases and splits at spaces by rules of its own.
        for side, texts in (("english", english), ("foreign", foreign)):
            lines = (" ".join(map(str, text)) + "\n" for text in texts)
            (folder / side).write_text("".join(lines), encoding="ascii")
        options = {"-s": "english", "-t": "foreign", "-f": "forward", "-r": "reverse"}
        arguments = [part for option, file in options.items() for part in (option, str(folder / file))]
        done = subprocess.run(
            [sys.executable, str(command), *arguments], capture_output=True, text=True, check=False
        )
        directions = [folder / "forward", folder / "reverse"]
        found = [
            file.read_text(encoding="ascii").splitlines() if file.is_file() else [] for file in directions
        ]
    if done.returncode != 0 or {len(lines) for lines in found} != {len(english)}:
        said = done.stderr.strip().splitlines()[-4:] or [f"links of {[len(lines) for lines in found]} pairs"]
        raise KivukoError(
            "eflomal failed",
            where=command,
            expected=f"links of {len(english)} pairs in each direction",
            got="\n       ".join(said),
            remedy="install eflomal anew on this machine (it is compiled for its processor), or use model-1",
        )
    return found[0], found[1]
