"""Numbers of two texts held against each other, however each of them is written.

A number may have digits of any script, separators of any locale (1,000.5 and 1.000,5, 1 000 and 1,00,000), and a word
for its size: 2.5 million, milioni 2.5 and 25 लाख are 2,500,000. What is compared are values.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from kivuko.text import fold

_DIGITS = re.compile(r"\d+")
_LIST_MARKER = re.compile(r"^\W*\d{1,3}\s?[.):។]\s")
#: A run of digits with separators; spaces (CLDR: of several widths) only where three digits follow one to three.
_NUMBER = re.compile(r"(?<!\d)\d{1,3}(?:[ \u00a0\u2009\u202f]\d{3})+(?!\d)(?:[.,٫]\d+)?|\d+(?:[.,٫٬'’_]\d+)*")
_POINTS = ".,٫"

#: Words for powers of ten, or how they begin, folded (:func:`kivuko.text.fold`); names of CLDR's compact numbers.
_SIZES = {
    3: "thousand kuma elfu ሺ ሽሕ dubu puku egberun kun igihumbi ibihumbi inkulungwane zinkulungwane iwaka "
    "sekete dikete ziuru zviuru arivo हजार হাজার ਹਜਾਰ હજાર ହଜାର ஆயிர వేల వేయి ಸಾವಿರ ആയിര දහස هزار "
    "ہزار زر ألف آلاف ming мын мин мянга тыс тис хиляд hiljad tisic tisuc tuhat tuhan ezer mila mille "
    "mil mije tukst bin ribu libo ewu rebu nghin ngan พัน ພັນ ពាន់ ထောင် հազար ათას אלף χιλιαδ tusen "
    "tusind dusin tausend duizend",
    4: "만 หมื่น ម៉ឺន သောင်း",
    5: "lakh लाख লাখ লক্ষ ਲਖ લાખ ଲକ୍ଷ இலட்ச லட்ச లక్ష ಲಕ್ಷ ലക്ഷ ලක්ෂ لاکھ laki แสน ແສນ သိန်း សែន",
    6: "million milion milioi miljon miljoon millon milhao milhoes milijun milijon miliwn miliyoon "
    "miliyon miliyan miriyoni milyon milyun миллион мильон мильйон мильен милион милиён сая млн ሚሊዮን "
    "ሚልዮን मिलियन মিলিয়ন ਮਿਲੀਅਨ મિલિયન மில்லியன் మిలియన్ ಮಿಲಿಯನ್ മില്യ മില്ലി ദശലക്ഷ මිලියන ملین "
    "میلیون مليون ملايين ملیون juta trieu ล้าน ລ້ານ លាន သန်း მილიონ միլիոն εκατομμυρι מיליון izigidi "
    "isigidi tapitrisa mln mio",
    7: "crore करोड কোটি ਕਰੋੜ કરોડ କୋଟି கோடி కోట్ల కోటి ಕೋಟಿ കോടി කෝටි کروڑ",
    9: "billion bilion biliyoon biliyon biliyan milliard miliard miljard milijard milyar miliar миллиард "
    "мильярд милиард милярд тэрбум млрд ቢሊዮን ቢልዮን अरब বিলিয়ন ارب میلیارد مليار mrd mld ty พันล้าน "
    "ພັນລ້ານ",
    12: "trillion triliyoon triliyon trilion billon biljoen триллион трильйон ትሪሊዮን खरब",
}
_BY_BEGINNING = {fold(word): power for power, words in _SIZES.items() for word in words.split()}
# Right behind the digits.
_ABBREVIATED = {"k": 3, "m": 6, "mn": 6, "bn": 9, "b": 9, "tn": 12}
_LETTERS_AFTER = re.compile(r"[\s-]{0,2}([^\W\d_][^\s\d]*)")
_LETTERS_BEFORE = re.compile(r"([^\W\d_][^\s\d]*)\s{0,2}$")

#: Digits without zeros at either end, and the power of ten of the last of them.
Value = tuple[str, int]


@dataclass(frozen=True)
class Number:
    """A number of a text.

    Attributes:
        runs: its runs of digits, as ASCII.
        value: what it is by itself.
        meant: what it may be with the word beside it, which may name a power of ten; its value too.
    """

    runs: tuple[str, ...]
    value: Value
    meant: frozenset[Value]


def digit_runs(text: str) -> list[str]:
    """Every run of decimal digits, in any script, in ASCII digits: ``"٣,500.07"`` gives 3, 500 and 07.

    A list marker at the start (``1.``, ``2)``) is no number of the text.
    """
    return _runs(_LIST_MARKER.sub("", text))


def numbers_disagree(first: str, second: str) -> bool:
    """Whether one text has a number that the other cannot have meant.

    Numbers are compared without regard to their order and to separators (10,000 and 10000 agree). One that only one
    text has counts if it has two digits or more, for smaller ones are often written as words (``3 files``, ``three
    files``); two different small ones, one in each text, count too. Texts with numerals that are no decimal digits
    (፲, 十, Ⅻ, ²) are not compared.
    """
    runs = digit_runs(first), digit_runs(second)
    if "".join(runs[0]) == "".join(runs[1]) or not _disagree(*runs):
        return False
    if _has_other_numerals(first) or _has_other_numerals(second):
        return False
    first, second = sorted((first, second))  # so that the order makes no difference to what is taken for what
    here, there = (list(_numbers(_LIST_MARKER.sub("", text))) for text in (first, second))
    _leave_out_equal(here, there, lambda one, other: one.value == other.value)
    _leave_out_equal(here, there, lambda one, other: not one.meant.isdisjoint(other.meant))
    here = [number for number in here if not _is_in_words(number, second)]
    there = [number for number in there if not _is_in_words(number, first)]
    return _disagree(*([run for number in side for run in number.runs] for side in (here, there)))


def _disagree(here: list[str], there: list[str]) -> bool:
    """Whether runs of digits that only one side has count: see :func:`numbers_disagree`."""
    counts = [Counter(run.lstrip("0") for run in runs) for runs in (here, there)]
    only_here, only_there = counts[0] - counts[1], counts[1] - counts[0]
    return bool(only_here and only_there) or any(len(number) > 1 for number in only_here + only_there)


def _leave_out_equal(
    here: list[Number], there: list[Number], equal: Callable[[Number, Number], bool]
) -> None:
    """Take out of both lists, one for one, what is equal."""
    for number in list(here):
        same = next((other for other in there if equal(number, other)), None)
        if same is not None:
            here.remove(number)
            there.remove(same)


def _numbers(text: str) -> Iterator[Number]:
    """The numbers of a text, in order; what separators make no number of is taken run by run."""
    for match in _NUMBER.finditer(text):
        runs = tuple(_runs(match[0]))
        readings = list(_readings(match[0], runs))
        if not readings:
            yield from (Number((run,), _value(run), frozenset({_value(run)})) for run in runs)
            continue
        powers = _powers_beside(text, match.start(), match.end())
        sized = ((digits, power + size) for digits, power in readings for size in powers)
        yield Number(runs, readings[0], frozenset({readings[0], *sized}))


def _readings(written: str, runs: tuple[str, ...]) -> Iterator[Value]:
    """What digits with separators may mean, the likelier first: groups (thousands, lakhs), or a decimal at the end.

    1.500 is a thousand and a half, but one and a half before "million".
    """
    separators = _DIGITS.sub("", written)
    if not separators or (len(set(separators)) == 1 and _is_grouped(runs)):
        yield _value("".join(runs))
    last = separators[-1:]
    if last and last in _POINTS and separators.count(last) == 1 and _is_grouped(runs[:-1]):
        yield _value("".join(runs[:-1]), runs[-1])


def _is_grouped(runs: tuple[str, ...]) -> bool:
    """Whether runs are the groups of one number: the last of three digits, others of two (India) or three."""
    lengths = [len(run) for run in runs[1:]]
    return not lengths or (
        len(runs[0]) <= 3
        and not runs[0].startswith("0")
        and lengths[-1] == 3
        and (set(lengths[:-1]) <= {3} or set(lengths[:-1]) <= {2})
    )


def _value(whole: str, fraction: str = "") -> Value:
    digits = whole + fraction
    kept = digits.rstrip("0")
    power = len(digits) - len(kept) - len(fraction)
    return (kept.lstrip("0"), power) if kept.strip("0") else ("", 0)


def _powers_beside(text: str, start: int, end: int) -> set[int]:
    """The powers of ten that the word after a number, or the one before it, may name."""
    after, before = _LETTERS_AFTER.match(text, end), _LETTERS_BEFORE.search(text[max(0, start - 40) : start])
    powers = {power for found in (after, before) if found for power in _powers(found[1])}
    if after and after.start(1) == end and (short := after[1].casefold().strip(".,")) in _ABBREVIATED:
        powers.add(_ABBREVIATED[short])
    return powers


def _powers(word: str) -> set[int]:
    folded = fold(word)
    beginnings = (folded[: length + 1] for length in range(len(folded)))
    return {_BY_BEGINNING[beginning] for beginning in beginnings if beginning in _BY_BEGINNING}


def _is_in_words(number: Number, text: str) -> bool:
    """Whether a number is a power of ten that another text has a word for: 1,000,000 and "a million"."""
    digits, power = number.value
    return (
        digits == "1" and power > 1 and any(power in _powers(word) for word in text.split() if len(word) > 3)
    )


def _runs(text: str) -> list[str]:
    return ["".join(str(unicodedata.decimal(digit)) for digit in run) for run in _DIGITS.findall(text)]


def _has_other_numerals(text: str) -> bool:
    return any(
        not character.isdecimal() and unicodedata.numeric(character, None) is not None for character in text
    )
