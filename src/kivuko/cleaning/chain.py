"""Filters one after the other over a stream of translation pairs, with counts and samples of each.

They are asked for by name; the order of the names is one that suits most bitext.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from kivuko.cleaning.filters import (
    Credits,
    Empty,
    Identical,
    LengthRatio,
    Mnemonics,
    MostlyEnglish,
    MostlyMarkup,
    NearDuplicate,
    NotEnglish,
    Numbers,
    OtherLanguage,
    PairFilter,
    Placeholders,
    RepeatedEnglish,
    TooLong,
    TooShort,
    WrongScript,
)
from kivuko.cleaning.pairs import clean_text
from kivuko.collections.bitext import Pair
from kivuko.collections.counts import DropReport
from kivuko.errors import InputError, UnknownNameError
from kivuko.languages import Language
from kivuko.text import normalise

Texts = tuple[str, str]
"""The English side and the foreign one."""


@dataclass(frozen=True)
class Edit:
    """A step that changes texts and drops no pair.

    Attributes:
        name: what the step is called.
        change: the new text for an old one, of either side.
    """

    name: str
    change: Callable[[str], str]


@dataclass(frozen=True)
class Sample:
    """A pair that a step changed or dropped.

    Attributes:
        id: the pair's.
        before: its texts as the step found them.
        after: its texts after the step; None if it was dropped.
    """

    id: str
    before: Texts
    after: Texts | None


@dataclass
class StepCount:
    """What one step did.

    Attributes:
        step: the filter or edit.
        seen: pairs that reached the step.
        touched: pairs that it dropped (a filter) or changed (an edit).
        samples: a uniform random sample of the touched pairs, in the order of the stream.
    """

    step: PairFilter | Edit
    seen: int = 0
    touched: int = 0
    samples: list[Sample] = field(default_factory=list)

    @property
    def edits(self) -> bool:
        """Whether the step changes pairs; else it drops them."""
        return isinstance(self.step, Edit)

    @property
    def outcome(self) -> str:
        """What became of the touched pairs: the reason they were dropped for, or ``"changed"``."""
        return "changed" if isinstance(self.step, Edit) else self.step.reason

    @property
    def not_checked(self) -> int:
        """Sides that a filter could say nothing about."""
        return 0 if isinstance(self.step, Edit) else self.step.not_checked

    def as_json(self) -> dict[str, object]:
        """For a report: name, kind, threshold and reason of a filter, counts and samples."""
        facts: dict[str, object] = {"name": self.step.name, "seen": self.seen}
        if isinstance(self.step, Edit):
            facts["changed"] = self.touched
        else:
            facts |= {
                "threshold": self.step.threshold,
                "reason": self.step.reason,
                "dropped": self.touched,
                "sides_not_checked": self.step.not_checked,
            }
        samples = [{"id": each.id, "before": each.before, "after": each.after} for each in self.samples]
        return facts | {"samples": samples}


class FilterChain:
    """Edits and filters applied in order; of several reasons to drop a pair the first counts.

    Works through a stream of any length: what stays in memory is the samples and what filters remember themselves.
    Put filters that remember last, for they count every pair that reaches them as one that came before. A chain
    counts one stream; make a new one, with new filters, for the next.

    Args:
        steps: filters and edits, in the order they are applied. White space and Unicode form are put right before
            the first of them (:func:`kivuko.text.normalise`), which is counted as an edit of its own.
        samples: how many pairs to keep of each step.
        seed: decides which; each step draws for itself.
    """

    def __init__(self, steps: Sequence[PairFilter | Edit], *, samples: int = 3, seed: int = 0) -> None:
        self.counts = [StepCount(step) for step in (Edit("normalise", normalise), *steps)]
        self._most = samples
        self._chances = [
            random.Random(f"{seed} samples {place} {count.step.name}")
            for place, count in enumerate(self.counts)
        ]

    def apply(self, pairs: Iterable[Pair], report: DropReport) -> Iterator[Pair]:
        """The pairs that stay, changed where a step changes them; ``report`` counts while they are read."""
        for pair in pairs:
            judged = self._judge(pair, report)
            if judged is not None:
                yield judged

    def _judge(self, pair: Pair, report: DropReport) -> Pair | None:
        """One pair through the steps, which count it; None if it is dropped."""
        texts = (pair.english, pair.foreign)
        for place, count in enumerate(self.counts):
            count.seen += 1
            step = count.step
            if isinstance(step, Edit):
                changed = step.change(texts[0]), step.change(texts[1])
                if changed != texts:
                    self._touch(place, Sample(pair.id, texts, changed))
                texts = changed
            elif step.drops(*texts):
                self._touch(place, Sample(pair.id, texts, None))
                report.drop(step.reason)
                return None
        report.kept += 1
        return Pair(pair.id, *texts, pair.source)

    def _touch(self, place: int, sample: Sample) -> None:
        """Count a pair, and keep it with the chance that every touched one has (Vitter's reservoir, 1985)."""
        count, chance = self.counts[place], self._chances[place]
        count.touched += 1
        if len(count.samples) < self._most:
            count.samples.append(sample)
        elif (replaced := chance.randrange(count.touched)) < self._most:
            # Taken out and put at the end: the samples stay in the order of the stream.
            del count.samples[replaced]
            count.samples.append(sample)


INTERFACE_TEXT = Edit("interface-text", clean_text)
"""Takes shortcuts, placeholders and markup out of interface texts. Not for prose: it would take ``$5`` out too."""

_CLASSES: tuple[type[PairFilter], ...] = (
    Empty,
    TooShort,
    TooLong,
    Identical,
    Credits,
    MostlyMarkup,
    Placeholders,
    Mnemonics,
    Numbers,
    LengthRatio,
    MostlyEnglish,
    WrongScript,
    NotEnglish,
    OtherLanguage,
    NearDuplicate,
    RepeatedEnglish,
)
_BY_NAME = {each.name: each for each in _CLASSES}
NAMES = (*_BY_NAME, INTERFACE_TEXT.name)
"""Every step there is."""
USUAL = tuple(name for name in _BY_NAME if name != Mnemonics.name)
"""The steps taken where none are named. Cheap ones come first, those that remember last."""


def named_steps(names: str | None, language: Language) -> list[PairFilter | Edit]:
    """Steps for :class:`kivuko.cleaning.chain.FilterChain`, made anew.

    Args:
        names: :data:`NAMES` with commas between them, in the order wanted, each with a threshold of its own if it
            takes one: ``"identical,length-ratio=3"``. None for the usual ones.
        language: of the side that is not English.

    Raises:
        UnknownNameError: there is no such step.
        InputError: a threshold is no number from 0 up, or given to a step without one; a name comes twice.
    """
    asked = list(USUAL) if names is None else [each.strip() for each in names.split(",")]
    steps: list[PairFilter | Edit] = []
    for name, separator, threshold in (each.partition("=") for each in asked):
        if name not in NAMES:
            raise UnknownNameError("filter", name, NAMES)
        if any(step.name == name for step in steps):
            raise InputError("a filter is named twice", where="--filters", got=name)
        if not separator:
            steps.append(INTERFACE_TEXT if name == INTERFACE_TEXT.name else _BY_NAME[name](language))
            continue
        if name == INTERFACE_TEXT.name or _BY_NAME[name](language).threshold is None:
            raise InputError(
                "this filter has no threshold", where="--filters", got=f"{name}={threshold}", expected=name
            )
        steps.append(_BY_NAME[name](language, _number(name, threshold)))
    return steps


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise InputError(
            "a filter's threshold is no number from 0 up",
            where="--filters",
            expected=f"such as {name}=3",
            got=f"{name}={text}",
        )
    return value
