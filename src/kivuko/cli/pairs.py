"""Which translation pairs a verb works on: a person's file, a bitext folder, or the public ones."""

from __future__ import annotations

from pathlib import Path

from kivuko.data import Bitext, Pair, build_bitext, read_pairs_tsv
from kivuko.errors import InputError
from kivuko.languages import Language


def chosen_pairs(bitext: Path | None, language: Language) -> list[Pair]:
    """Pairs of English and ``language``; what was dropped from a person's file is printed.

    Args:
        bitext: TSV file (English, tab, translation), bitext folder, or None for the public sources.
        language: what the foreign sides must be in.

    Raises:
        InputError: the file cannot be used, or the folder is of another language.
        ArtifactError: the folder is no complete bitext.
    """
    from kivuko.cli.display import console

    if bitext is not None and bitext.is_file():
        pairs, drops = read_pairs_tsv(bitext, language)
        console.print(
            f"{bitext}: {drops.kept:,} pairs of {drops.before:,} lines; dropped: {drops.reasons_text}",
            soft_wrap=True,
        )
        return pairs
    opened = Bitext.open(bitext if bitext is not None else build_bitext(language))
    if opened.language != language:
        raise InputError(
            "this bitext is of another language",
            where=opened.path,
            expected=language.tag,
            got=opened.language.tag,
            remedy="name that language, or give another bitext",
        )
    return opened.pairs
