"""What every translator has in common, and what stands in a table where one cannot be had."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from kivuko.errors import FetchError, InputError, MissingExtraError
from kivuko.languages import Language


class Translator(Protocol):
    """Translates from one language into one other.

    Attributes:
        name: what stands in results, such as ``"Apertium eu-en"``.
        source: the language of what comes in.
        target: the language of what goes out.
    """

    @property
    def name(self) -> str:
        """What stands in results."""

    @property
    def source(self) -> Language:
        """The language of what comes in."""

    @property
    def target(self) -> Language:
        """The language of what goes out."""

    def translate(self, texts: Sequence[str]) -> list[str]:
        """One translation a text, in their order; how texts are grouped changes nothing.

        Raises:
            InputError: the translator failed on these texts.
        """


@dataclass(frozen=True)
class Skipped:
    """A translator that cannot be had here; as text, ``"skipped: <reason>"``."""

    reason: str

    def __str__(self) -> str:
        return f"skipped: {self.reason}"


def open_or_skip(open_translator: Callable[[], Translator]) -> Translator | Skipped:
    """The translator that a call opens, or the reason why this machine has none, for an experiment's table.

    Only what belongs to the machine or to the pair is caught: no such pair, no package, no network, a missing
    extra. A full disk or an unknown model name still stops the experiment.

    Args:
        open_translator: such as ``lambda: ApertiumTranslator(basque, english)``.
    """
    try:
        return open_translator()
    except (FetchError, InputError, MissingExtraError) as error:
        return Skipped(error.what if error.got is None else f"{error.what} ({error.got})")
