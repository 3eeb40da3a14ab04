"""Code-switch English text with a dictionary: training data for a language that has nothing else.

Litschko, Artemova, Plank, Findings of ACL 2023, arXiv 2305.05295. No torch.

    python examples/code_switching.py [LEXICON]    # a folder of `kivuko lexicon import`; five words by default
"""

from __future__ import annotations

import sys

import kivuko

TEXTS = [
    "Open the file and print every page.",
    "Insert a table into the page, then print the file.",
    "File names may be long.",
]
#: Oromo word -> its English translations with probabilities.
WORDS = {
    "faayilii": {"file": 1.0},
    "banuu": {"open": 1.0},
    "fuula": {"page": 1.0},
    "maxxansuu": {"print": 1.0},
    "gabatee": {"table": 0.8, "chart": 0.2},
}


def main(lexicon: kivuko.Lexicon) -> None:
    """Show texts at several rates; a higher rate replaces a superset of what a lower one replaces."""
    table = kivuko.invert_lexicon(lexicon)
    for rate in (0.25, 0.5, 1.0):
        switcher = kivuko.Switcher({lexicon.language: table}, rate=rate)
        switched = [switcher.switch(text, seed=0, key=f"text {i}") for i, text in enumerate(TEXTS)]
        replaced, words = sum(each.switched for each in switched), sum(each.words for each in switched)
        print(f"rate {rate}: {replaced} of {words} words replaced")
        for each in switched:
            print(f"  {each.text}")


if __name__ == "__main__":
    oromo = kivuko.resolve_language("om")
    main(kivuko.Lexicon.open(sys.argv[1]) if len(sys.argv) > 1 else kivuko.Lexicon(oromo, WORDS))
