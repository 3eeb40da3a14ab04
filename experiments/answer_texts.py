"""Text of general kinds for experiments/answer.toml, which stands in for mC4 and OSCAR.

    python experiments/answer_texts.py --shared FOLDER

Writes experiments/texts/LANGUAGE.txt: the foreign sides of FOLDER/bitext's news, encyclopaedia, talks, medicine and
scripture, a sentence a line, in an order that says nothing about whose translation is what. They are kinder than web
text. A language without any goes on with what is public.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

from kivuko.artifact import write_atomically
from kivuko.languages import resolve
from kivuko.readers.bitext import read_pairs

#: Language → kinds of bitext whose foreign sides are running text.
KINDS = {
    "om": ("tico19",),
    "km": ("floresv1", "tico19"),
    "sw": ("mafand",),
    "ur": ("tico19",),
    "hi": ("tico19",),
    "am": ("mafand", "tico19"),
    "yo": ("mafand", "menyo-tedtalks"),
    "ha": ("mafand", "tico19"),
    "et": ("bible",),
}
MOST = 20_000
OUTPUT = Path(__file__).parent / "texts"


def main() -> None:
    """Write a file for each language."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True)
    shared = parser.parse_args().shared
    for name, kinds in KINDS.items():
        language = resolve(name)
        found = dict.fromkeys(
            pair.foreign
            for kind in kinds
            for pair in read_pairs(shared / "bitext" / f"{kind}.{name}.tsv", language)[0]
        )
        texts = list(found)
        random.Random(f"texts {name}").shuffle(texts)
        with write_atomically(OUTPUT / f"{name}.txt") as temporary:
            temporary.write_text("\n".join(texts[:MOST]) + "\n", encoding="utf-8")
        print(f"{language.name}: {min(len(texts), MOST):,} sentences", flush=True)


if __name__ == "__main__":
    main()
