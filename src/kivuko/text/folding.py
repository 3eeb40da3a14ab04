"""Words as people type them: a coarser spelling, by which a word that nothing has exactly is looked up once more.

People type what their keyboard has: Yoruba without tones and dots, Hausa with b for ɓ, Persian with the letters of
an Arabic keyboard, Amharic with any of the letters that sound alike, Malayalam with what chillu letters were before
Unicode 5.1. Two spellings of a word have the same fold. So have some words that are not the same (òkò and ọkọ), which
is why the fold is never asked before the word itself.

What is folded, and who says so ("Unicode" is the Unicode Standard, version 15):

- **All scripts.** Compatibility forms, such as fullwidth letters and Arabic presentation forms (NFKC, Annex 15);
  case, so that ß is ss and ς is σ (full case folding, Unicode 3.13); invisible characters, ZWJ and ZWNJ among them;
  apostrophes; decimal digits, which become ASCII's.
- **Latin.** Letters lose their marks, and others become what CLDR's transform Latin-ASCII makes of them: ı = i,
  ɓ = b, đ = d, ŋ = n, æ = ae; ə and ɔ, which it leaves alone, are e and o. So İ (whose ``lower()`` is i with U+0307),
  I (in Turkish the capital of ı), i and ı are one. Greek ε and γ and Cyrillic ә, typed in Kabyle and Azerbaijani
  words for the Latin letters that look so, are those.
- **Greek and Cyrillic** lose accents and stress marks, but й, ї, ў, ѓ and ќ, which the keyboards of their languages
  have, stay. Letters that a Russian keyboard lacks are those that Unicode names them after (қ, "ka with descender",
  is к); ё is е.
- **Arabic.** No harakat, tatweel, or hamza on letters. The letters of Arabic keyboards are those of Persian, Urdu,
  Pashto and Central Kurdish ones (ي = ی, ك = ک, ة = ه), as in Lucene's ArabicNormalizer, PersianNormalizer and
  SoraniNormalizer. What a language tells apart stays apart in it: ھ and ہ in Urdu, ک and ڪ in Sindhi, ى and ي in
  Uyghur.
- **Ethiopic.** Letters that are read alike in Amharic are one (Belay, Ayele, Gelaye, Yimam, ICT4DA 2021,
  doi:10.1109/ICT4DA53266.2021.9672229), and ሉዋ is ሏ; Tigrinya reads fewer alike.
- **Indic scripts.** No nukta. Chillus are consonant and virama (Unicode 12.9), ৎ is ত and virama (12.2). Candrabindu,
  and a nasal before a consonant of its class, are anusvara (Central Hindi Directorate; Lucene's HindiNormalizer).
- **Hebrew** loses its points, and Yiddish ligatures are two letters. **Khmer, Thai, Lao:** what looks the same is the
  same (Unicode 16.1, 16.2, 16.4).
- **Some languages** have a spelling for keyboards that lack their letters, see :data:`_OWN_SEQUENCES`.

Where the language is not known, the coarsest rules of the word's script hold.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Mapping
from contextlib import suppress

from kivuko.languages import Language
from kivuko.text.scripts import character_script

#: A sequence of letters and what it becomes.
Rewriting = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]

_NUKTAS = "\u093c\u09bc\u0a3c\u0abc\u0b3c\u0cbc"
# Apostrophes, tatweel, nuktas and the inherent vowels of Khmer, which are not seen.
_IGNORED = frozenset(f"'‘’‛`´′‵＇｀՚׳״᾽᾿ʹʺʻʼʽʾʿˮꞌـ{_NUKTAS}\u17b4\u17b5")
# General combining marks, old Cyrillic ones, variation selectors.
_MARK = re.compile("[\u0300-\u036f\u0483-\u0487\u1ab0-\u1aff\u1dc0-\u1dff\u180b-\u180d\ufe00-\ufe0f]")
#: Scripts whose letters are the same letters without their marks.
_MARKED = frozenset({"Latn", "Grek", "Cyrl", "Arab", "Hebr"})
#: Letters that Unicode composes, and that are none the less letters of their own.
_WHOLE = frozenset("йїўѓќ")
_LETTERS = {
    "Latn": {
        "æ": "ae", "œ": "oe", "þ": "th", "ð": "d", "ı": "i", "ȷ": "j", "ŋ": "n", "ɛ": "e", "ɔ": "o", "ə": "e",
        "ǝ": "e", "ɣ": "g", "ɩ": "i", "ʊ": "u", "ʉ": "u", "ʒ": "z", "ɑ": "a", "ɡ": "g", "ĸ": "q",
    },
    "Cyrl": {"ү": "у", "ө": "о", "ѳ": "о", "ә": "а", "һ": "х"},
    "Arab": {
        "ي": "ی", "ى": "ی", "ێ": "ی", "ك": "ک", "ڪ": "ک", "ګ": "گ", "ڰ": "گ", "ٱ": "ا", "ۆ": "و", "ڕ": "ر",
        "ڒ": "ر", "ڵ": "ل", "ە": "ه", "ہ": "ه", "ھ": "ه", "ة": "ه", "ۃ": "ه",
    },
    "Hebr": {"װ": "וו", "ױ": "וי", "ײ": "יי"},
    "Deva": {"ँ": "ं"},
    "Gujr": {"ઁ": "ં"},
    "Telu": {"ఁ": "ం"},
    "Knda": {"ಁ": "ಂ"},
    "Guru": {"ੰ": "ਂ", "ੱ": ""},
    "Beng": {"ৎ": "ত্", "ৰ": "র"},
    "Taml": {"ஶ": "ஸ"},
    "Mlym": {
        "ൺ": "ണ്", "ൻ": "ന്", "ർ": "ര്", "ൽ": "ല്", "ൾ": "ള്", "ൿ": "ക്", "ൔ": "മ്", "ൕ": "യ്", "ൖ": "ഴ്", "ൎ": "ര്",
        "ൌ": "ൗ",
    },
}  # fmt: skip
#: Ethiopic series that are read alike, by their first letters; the vowels go along.
_AMHARIC = {"ሐ": "ሀ", "ኀ": "ሀ", "ኸ": "ሀ", "ሠ": "ሰ", "ዐ": "አ", "ፀ": "ጸ"}
_TIGRINYA = {"ኀ": "ሐ", "ሠ": "ሰ", "ፀ": "ጸ"}
# The first and the fourth vowel sound alike after these; Eritrea writes ኣ where Ethiopia writes አ.
_FIRST_VOWELS = {"ሃ": "ሀ", "ሓ": "ሐ", "ኣ": "አ", "ዓ": "ዐ"}


def _series(alike: Mapping[str, str]) -> dict[str, str]:
    """Each letter of a series, in seven vowels, as the one of another series."""
    letters = {
        chr(ord(series) + vowel): chr(ord(other) + vowel)
        for series, other in alike.items()
        for vowel in range(7)
    }
    return {letter: _FIRST_VOWELS.get(other, other) for letter, other in (_FIRST_VOWELS | letters).items()}


_LETTERS["Ethi"] = _series(_AMHARIC)
#: Letters by language, in place of those of the script: what it tells apart, and what is typed for its letters.
_OWN_LETTERS: dict[str, dict[str, str]] = {
    "ti": {letter: letter for letter in _LETTERS["Ethi"]} | _series(_TIGRINYA),
    # Central Kurdish has ه and the vowel ە; see _SORANI for what is typed for both.
    "ckb": {"ە": "ە", "ة": "ە"},
    "ur": {"ھ": "ھ"},
    "sd": {"ھ": "ھ", "ك": "ڪ", "ڪ": "ڪ"},
    "ug": {"ى": "ى", "ي": "ي", "ە": "ە", "ھ": "ھ", "ه": "ھ", "ۆ": "ۆ"},
    "kk": {"і": "и"},
    "tt": {"э": "а"},
    # Typed for ө and ү on keyboards that have Ukrainian letters.
    "mn": {"є": "о", "ї": "у"},
}
_GERMAN: list[Rewriting] = [(re.compile("(?<=[ao])e"), ""), (re.compile("(?<![aeiouqy])ue"), "u")]
_DANISH: list[Rewriting] = [(re.compile("aa|ae"), "a"), (re.compile("oo|oe"), "o")]
_CROATIAN: list[Rewriting] = [(re.compile("dj"), "d")]
#: Sequences by language, replaced in what the letters have become. German, Danish and Norwegian as in Lucene's
#: GermanNormalizationFilter and ScandinavianFoldingFilter; Esperanto's h is the Fundamento's (1905), its x what came
#: later; Māori writes long vowels with a macron or double.
_OWN_SEQUENCES: dict[str, list[Rewriting]] = {
    "de": _GERMAN,
    "lb": _GERMAN,
    "da": _DANISH,
    "nb": _DANISH,
    "nn": _DANISH,
    "hr": _CROATIAN,
    "bs": _CROATIAN,
    "sr-Latn": _CROATIAN,
    "eo": [(re.compile("(?<=[cghjsu])x|(?<=[cghjs])h"), "")],
    "mi": [(re.compile(r"([aeiou])\1"), r"\1")],
}
# Lucene's SoraniNormalizer: heh at the end of a word, or kept from joining, is the vowel.
_SORANI: list[Rewriting] = [(re.compile("ه(?:\u200c|$)"), "ە")]


def _nasals(block: int) -> Rewriting:
    """A nasal before another consonant of its class, in a script that may write anusvara for it.

    Blocks of Indic scripts are in the order of ISCII: five classes of five letters, the last of which is the nasal.
    """
    virama, anusvara = chr(block + 0x4D), chr(block + 0x02)
    classes = [
        f"{chr(block + first + 4)}{virama}[\u200c\u200d]?(?=[{chr(block + first)}-{chr(block + first + 3)}])"
        for first in (0x15, 0x1A, 0x1F, 0x24, 0x2A)
    ]
    return re.compile("|".join(classes)), anusvara


def _with_wa(match: re.Match[str]) -> str:
    """``ሉዋ`` as ``ሏ``: Unicode's LU and LWA, but QU and QWAA. Where there is no such letter, both stay."""
    series = unicodedata.name(match[1]).removesuffix("U")
    for ending in ("WAA", "WA"):
        with suppress(KeyError):
            return unicodedata.lookup(series + ending)
    return match[0]


_U_FORMS = "".join(
    chr(code) for code in range(0x1200, 0x1358) if unicodedata.name(chr(code), "").endswith("U")
)
#: Sequences of letters by script, replaced before the letters.
_SEQUENCES: dict[str, list[Rewriting]] = {
    # Words that Hindi took from Sanskrit may lose their last virama (महान्, महान).
    "Deva": [_nasals(0x900), (re.compile("्$"), "")],
    "Gujr": [_nasals(0xA80)],
    "Telu": [_nasals(0xC00)],
    "Knda": [_nasals(0xC80)],
    "Ethi": [(re.compile(f"([{_U_FORMS}])[ዋአ]"), _with_wa)],
    # The half u of the old orthography is virama alone in the new one; ൻ്റ is ന്റ.
    "Mlym": [(re.compile("ു്"), "്"), (re.compile("([ൺ-ൿ])്"), r"\1")],
    # Coeng da looks like coeng ta, and vowels may be typed in parts.
    "Khmr": [(re.compile("្ដ"), "្ត"), (re.compile("េី"), "ើ"), (re.compile("េា"), "ោ")],
    # Sara e twice is sara ae.
    "Thai": [(re.compile("เเ"), "แ")],
    "Laoo": [(re.compile("ເເ"), "ແ")],
}
# Look-alikes of other scripts that are typed for letters of Latin words.
_LOOK_ALIKES = str.maketrans({"ε": "e", "γ": "g", "ә": "e"})
_ASCII_LETTER = re.compile("[a-z]")
_ALPHABETS_END = "\u0530"
"""Latin, Greek and Cyrillic stand before it."""


def fold(word: str, language: Language | None = None) -> str:
    """The coarser spelling of a word, which other ways of typing it share.

    Args:
        word: as :func:`kivuko.text.words` has it; several with spaces between them are folded one by one.
        language: of the word, if it is known.

    Returns:
        What is compared and never shown; not empty where ``word`` is not.
    """
    if " " in word:
        return " ".join(fold(each, language) for each in word.split(" "))
    own = "" if language is None else language.short
    folded = word.casefold()
    if folded.isascii():
        folded = folded.replace("'", "")
    else:
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", word).casefold())
        if max(folded) >= _ALPHABETS_END:
            scripts = set(map(character_script, folded))
            for script, sequences in _SEQUENCES.items():
                if script in scripts:
                    folded = _replace(folded, sequences)
            if own == "ckb":
                folded = _replace(folded, _SORANI)
        elif _ASCII_LETTER.search(folded):
            folded = folded.translate(_LOOK_ALIKES)
        folded = folded.translate(_letters(own))
    return _replace(folded, _OWN_SEQUENCES.get(own, ())) or word


def _replace(text: str, sequences: list[Rewriting] | tuple[()]) -> str:
    for pattern, replacement in sequences:
        text = pattern.sub(replacement, text)
    return text


@functools.cache
def _letters(language: str) -> _Letters:
    return _Letters(_OWN_LETTERS.get(language, {}))


class _Letters(dict[int, str]):
    """What each letter becomes in words of a language, worked out when it is first met; for ``str.translate``."""

    def __init__(self, own: Mapping[str, str]) -> None:
        super().__init__()
        self._own = own

    def __missing__(self, code: int) -> str:
        self[code] = found = self._fold(chr(code))
        return found

    def _fold(self, letter: str) -> str:
        script, category = character_script(letter), unicodedata.category(letter)
        known = self._own.get(letter, _LETTERS.get(script, {}).get(letter))
        if known is not None:
            return known
        if letter in _IGNORED or category == "Cf" or (category == "Mn" and _is_left_out(letter, script)):
            return ""
        if category == "Nd":
            return str(unicodedata.decimal(letter))
        base = _base(letter, script)
        return letter if base is None else self[ord(base)]


def _is_left_out(mark: str, script: str) -> bool:
    """Whether a mark is typed or not without making another letter: vowel signs of Indic scripts do make one."""
    return script in ("Arab", "Hebr", "Ethi", "Nkoo") or _MARK.fullmatch(mark) is not None


def _base(letter: str, script: str) -> str | None:
    """The letter that another was made from by a mark, by canonical decomposition or else by its name."""
    decomposed = unicodedata.normalize("NFD", letter)
    if len(decomposed) > 1:
        marked = script in _MARKED and letter not in _WHOLE
        return decomposed[0] if marked or decomposed[1] in _NUKTAS else None
    name, _, addition = unicodedata.name(letter, "").partition(" WITH ")
    if not addition or script not in ("Latn", "Cyrl"):
        return None
    try:
        return unicodedata.lookup(name)
    except KeyError:
        return None
