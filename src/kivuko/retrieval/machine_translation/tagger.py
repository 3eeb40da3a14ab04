"""Run Apertium's statistical tagger so that no text changes another's analysis.

The tagger (seen in 3.8.3) forgets everything at the null character between texts but one thing: on a word
with a set of readings that its training did not see, it overwrites the readings it assumes for unknown words, for
good (``find_similar_ambiguity_class`` assigns through a reference to them). Every later text is then tagged
differently: in Galician, 12 of 60 help paragraphs. So the texts with such a word, which the tagger names
when asked for warnings, are tagged by a process of their own each, and all others together.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence

from kivuko.retrieval.machine_translation.pipeline import run_pipeline

_NEW_READINGS = re.compile(r"A new ambiguity class was found.*\n.*\nWord '(.*)'\.$", re.MULTILINE)
_SURFACE = re.compile(r"\^((?:[^/\\]|\\.)*)/")


def tag_apart(
    command: Sequence[str], data: bytes, *, environment: Mapping[str, str], seconds: float
) -> bytes:
    """What the tagger makes of each text when it reads that text alone.

    Args:
        command: the tagger and its arguments; its last one is a file.
        data: analysed texts, each ended by a null character.
        environment: of the program.
        seconds: how long all of it may take.

    Raises:
        InputError: the program fails, or the time is over.
    """
    end = time.monotonic() + seconds

    def run(texts: Sequence[bytes], *options: str) -> tuple[list[bytes], str]:
        given = b"".join(text + b"\0" for text in texts)
        done = run_pipeline(
            [[command[0], *options, *command[1:]]],
            given,
            environment=environment,
            seconds=end - time.monotonic(),
        )
        return done.output.split(b"\0")[: len(texts)], done.complaints

    texts = data.split(b"\0")[: data.count(b"\0")]
    tagged, complaints = run(texts, "-d")
    spoiling = set(_NEW_READINGS.findall(complaints))
    if not spoiling:
        return b"".join(text + b"\0" for text in tagged)
    apart = [i for i, text in enumerate(texts) if not spoiling.isdisjoint(_SURFACE.findall(text.decode()))]
    alone = {i: run([texts[i]])[0][0] for i in apart}
    together = [i for i in range(len(texts)) if i not in alone]
    alone.update(zip(together, run([texts[i] for i in together])[0], strict=True))
    return b"".join(alone[i] + b"\0" for i in range(len(texts)))
