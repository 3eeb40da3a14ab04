from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kivuko.codeswitch import Lexicon
from kivuko.collections.document import Document
from kivuko.languages import known, resolve
from kivuko.retrieval.lexical import LexicalIndex
from kivuko.retrieval.query_translation import QueryTranslator
from kivuko.text import fold, words


def folds(text: str, language: str | None) -> list[str]:
    return [fold(word, resolve(language) if language else None) for word in words(text)]


@pytest.mark.parametrize(
    ("language", "typed", "spelled"),
    [
        # Turkish and Azerbaijani: lower() of İ is i with U+0307, that of I is i (SpecialCasing.txt of Unicode)
        ("tr", "istanbul", "İstanbul"),
        ("tr", "IŞIK", "ışık"),
        ("az", "gözel", "gözəl"),
        ("az", "vә", "və"),
        # Lucene's PersianNormalizer: letters of Arabic keyboards; ZWNJ, tatweel, harakat
        ("fa", "كتاب", "کتاب"),
        ("fa", "علي", "علی"),
        ("fa", "علـى", "عَلِی"),
        ("fa", "میخواهم", "می‌خواهم"),
        ("fa", "خانه", "خانهٔ"),
        ("ur", "كيا", "کیا"),
        ("ur", "ہے", "هے"),
        ("ps", "كتاب", "کتاب"),
        ("ps", "گورم", "ګورم"),
        ("ps", "سړى", "سړی"),
        ("azb", "كي", "کی"),
        ("ar", "احمد", "أحمد"),
        ("ar", "مدرسه", "مدرسة"),
        ("ar", "ﻻ", "لا"),
        # Lucene's SoraniNormalizer
        ("ckb", "كوردستان", "کوردستان"),
        ("ckb", "هه‌ڵه", "هەڵە"),
        ("ckb", "مدرسة", "مدرسە"),
        ("sd", "كتاب", "ڪتاب"),
        # Unicode Standard 12.9, table of chillus: consonant, virama, ZWJ before version 5.1
        ("ml", "അവന്‍", "അവൻ"),
        ("ml", "അവന്", "അവൻ"),
        ("ml", "ണ്‍ ര്‍ ല്‍ ള്‍ ക്‍", "ൺ ർ ൽ ൾ ൿ"),
        ("ml", "എന്റെ", "എൻ്റെ"),
        ("ml", "എൻറെ", "എൻ്റെ"),
        ("ml", "അത്", "അതു്"),
        ("ml", "സൌഖ്യം", "സൗഖ്യം"),
        # other Indic scripts: nukta, joiners, anusvara for a nasal before its class
        ("hi", "फाइल", "फ़ाइल"),
        ("hi", "हिंदी", "हिन्दी"),
        ("hi", "कंप्यूटर", "कम्प्यूटर"),
        ("hi", "चांद", "चाँद"),
        ("hi", "महान", "महान्"),
        ("mr", "सुरत", "सुर‍त"),
        ("ne", "क्ष", "क्‍ष"),
        ("gu", "હિંદી", "હિન્દી"),
        ("te", "సంబంధం", "సమ్బన్ధం"),
        ("kn", "ಹಿಂದಿ", "ಹಿನ್ದಿ"),
        ("pa", "ਸਹਿਰ", "ਸ਼ਹਿਰ"),
        ("pa", "ਪਜਾਬ ਪਂਜ", "ਪੱਜਾਬ ਪੰਜ"),
        ("bn", "বাডি", "বাড়ি"),
        ("bn", "হঠাত্‍", "হঠাৎ"),
        ("as", "কৰ", "কর"),
        ("or", "ଓଡିଆ", "ଓଡ଼ିଆ"),
        ("ta", "ஸ்ரீ", "ஶ்ரீ"),
        ("si", "ශ්රී", "ශ්\u200dරී"),
        # Belay and others (2021): homophone letters of Amharic
        ("am", "ሠላም", "ሰላም"),
        ("am", "አለም", "ዓለም"),
        ("am", "ፀሀይ", "ጸሐይ"),
        ("am", "ሀገር ሀይል", "ሃገር ኃይል"),
        ("am", "ቁዋንቁዋ ሉዋ", "ቋንቋ ሏ"),
        ("ti", "ፀሓይ", "ጸሓይ"),
        ("ti", "አብ", "ኣብ"),
        # tones and dots that keyboards lack
        ("yo", "oko", "ọkọ̀"),
        ("yo", "o̩ko̩", "ọkọ"),
        ("yo", "Yoruba se", "Yorùbá ṣẹ́"),
        ("ig", "ulo", "ụlọ"),
        ("vi", "duong", "đường"),
        ("gn", "guarani ne'e", "guaraní ñe’ẽ"),
        ("ha", "daki bera kofa 'yan", "ɗaki ɓera ƙofa ƴan"),
        ("ff", "nde", "ŋde"),
        ("tw", "soro ne", "sɔrɔ nɛ"),
        ("ln", "ndako", "ndákɔ"),
        ("ve", "tshivenda dzina", "tshivenḓa dziṋa"),
        ("mi", "Maaori", "Māori"),
        ("kab", "aεrab tamaziγt", "aɛrab tamaziɣt"),
        ("mi", "maori", "māori"),
        ("om", "taee", "ta'ee"),
        ("uz", "ozbek", "o‘zbek"),
        ("eo", "cxiuj", "ĉiuj"),
        ("eo", "chiuj", "ĉiuj"),
        # Romanian: comma below since Unicode 3.0, cedilla before
        ("ro", "oraşul ţară", "orașul țară"),
        # Lucene's GermanNormalizationFilter and ScandinavianFoldingFilter
        ("de", "strasse", "Straße"),
        ("de", "ueber", "über"),
        ("da", "aeroe aarhus", "Ærø Århus"),
        ("hr", "djak", "đak"),
        # letters that a Russian keyboard lacks
        ("kk", "казак", "қазақ"),
        ("ky", "от", "өт"),
        ("mn", "єдєр", "өдөр"),
        ("tg", "хак", "ҳақ"),
        ("tt", "жир", "җир"),
        ("ru", "еще", "ещё"),
        ("el", "σισυφος", "Σίσυφος"),
        ("yi", "יידיש", "ייִדיש"),
        ("he", "שלום", "שָׁלוֹם"),
        ("km", "ខ្ដៅ", "ខ្តៅ"),
        ("km", "២០២០", "2020"),
        ("en", "ｅｘａｍｐｌｅ", "example"),
        ("en", "ﬁle", "file"),
    ],
)
def test_what_people_type_has_the_fold_of_what_is_spelled(language: str, typed: str, spelled: str) -> None:
    assert words(typed) != words(spelled)
    assert folds(typed, language) == folds(spelled, language)


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("ur", "بھ", "بہ"),  # aspirated
        ("sd", "ڪ", "ک"),
        ("ug", "ى", "ي"),
        ("ti", "ሐ", "ሀ"),
        ("ti", "ዐ", "አ"),
        ("ru", "мой", "мои"),
        ("uk", "її", "іі"),
        ("dv", "ދިވެހި", "ދވހ"),  # vowels are marks
        ("hi", "कि", "की"),
        ("ml", "അവൻ", "അവൾ"),
        ("fi", "saa", "sa"),
    ],
)
def test_what_a_language_tells_apart_stays_apart(language: str, one: str, other: str) -> None:
    assert folds(one, language) != folds(other, language)


@given(st.text(), st.sampled_from([None, *known()]))
def test_no_word_is_folded_to_nothing(text: str, language: object) -> None:
    for word in words(text):
        assert fold(word, language)  # type: ignore[arg-type]


def test_a_phrase_is_folded_word_by_word() -> None:
    assert fold("ọkọ̀ òfurufú") == f"{fold('ọkọ̀')} {fold('òfurufú')}" == "oko ofurufu"


DOCUMENTS = [
    Document("car", "ọkọ̀ tuntun", "ọkọ̀ kan"),
    Document("husband", "ọkọ rere", "ilé"),
    Document("plain", "ile oko", ""),
]


def test_a_word_that_documents_have_is_found_exactly_and_scores_as_before() -> None:
    index = LexicalIndex(DOCUMENTS)
    alone = LexicalIndex(
        [Document(d.id, d.title.replace("ọ", "x"), d.text.replace("ọ", "x")) for d in DOCUMENTS]
    )
    assert index.search("oko") == alone.search("oko")
    assert set(index.search("oko")) == {"plain"}
    assert set(index.search("ọkọ̀")) == {"car"}


def test_a_word_that_no_document_has_scores_as_if_documents_spelled_it_alike() -> None:
    index = LexicalIndex(DOCUMENTS)
    alike = LexicalIndex(
        [Document(d.id, *(" ".join(map(fold, words(part))) for part in (d.title, d.text))) for d in DOCUMENTS]
    )
    assert index.search("òkò") == pytest.approx(alike.search("oko"))
    assert set(index.search("òkò rere")) == {"car", "husband", "plain"}


def test_a_structured_query_is_looked_up_again_only_where_all_of_a_word_is_unknown() -> None:
    index = LexicalIndex(DOCUMENTS)
    assert index.as_spelled({"ile": 0.5, "òkò": 0.5}) == {"ile": 0.5, "òkò": 0.5}
    assert index.as_spelled({"ilè": 0.25, "òkò": 0.75}) == pytest.approx(
        {"ilé": 0.25, "ile": 0.25, "ọkọ̀": 0.75, "ọkọ": 0.75, "oko": 0.75}
    )
    assert index.as_spelled({"zzz": 1.0}) == index.as_spelled({}) == {}


def test_documents_of_a_known_language_are_looked_up_as_that_language_is_typed() -> None:
    index = LexicalIndex([Document("d", "über", "")])
    assert index.as_spelled({"ueber": 1.0}) == {}
    assert index.as_spelled({"ueber": 1.0}, resolve("de")) == {"über": 1.0}


def test_a_lexicon_is_looked_up_as_people_type_where_it_has_no_entry() -> None:
    entries = {"ọkọ̀": {"car": 1.0}, "ọkọ": {"husband": 0.8, "car": 0.2}, "rà*": {"buy": 1.0}}
    lexicon = Lexicon(resolve("yo"), entries)
    assert lexicon.translations("oko") == {}
    assert lexicon.translations_as_typed("oko") == pytest.approx({"car": 0.6, "husband": 0.4})
    assert lexicon.translations_as_typed("rara") == {"buy": 1.0}
    assert lexicon.translations_as_typed("zzz") == {}


def test_phrases_of_words_that_have_no_entry_are_found_as_people_type_them() -> None:
    entries = {"ọkọ̀": {"car": 1.0}, "ọkọ̀ òfurufú": {"airplane": 1.0}}
    lexicon = Lexicon(resolve("yo"), entries)
    index = LexicalIndex([Document("d", "airplane car", "")])
    translator = QueryTranslator(lexicon, index, stem_weight=0.0)
    assert translator.look_up("tuntun oko ofurufu") == [("oko ofurufu", {"airplane": 1.0})]
    assert translator.look_up("ọkọ̀ ofurufu") == [("ọkọ̀", {"car": 1.0})]  # what is found exactly stays
    nothing_of_it = QueryTranslator(lexicon, LexicalIndex([Document("d", "car", "")]), stem_weight=0.0)
    assert nothing_of_it.look_up("oko ofurufu")[0] == ("oko", {"car": 1.0})
    thai = Lexicon(resolve("th"), {"แมว": {"cat": 1.0}})
    assert [found.text for found in thai.look_up_as_typed(thai.look_up("กข คง"))] == ["กข", "คง"]


def test_a_translation_that_documents_spell_otherwise_is_found() -> None:
    index = LexicalIndex([Document("d", "café", ""), Document("e", "ice cream", "")])
    assert set(index.search_structured([{"cafe": 0.5, "unseen": 0.5}])) == {"d"}
    assert set(index.search_structured([{"cafe": 0.5, "ice cream": 0.5}])) == {"e"}


def test_a_query_is_translated_exactly_first_then_passed_through_then_as_typed() -> None:
    index = LexicalIndex([Document("d", "car lagos", "Zürich oko")])
    entries = {"ọkọ̀": {"car": 1.0}, "làgos": {"husband": 1.0}, "ọkọ": {"lagos": 1.0}}
    translator = QueryTranslator(Lexicon(resolve("yo"), entries), index, stem_weight=0.0)
    assert translator.translate("ọkọ̀") == [{"car": 1.0}]
    assert translator.translate("lagos oko") == [
        {"lagos": 1.0},
        {"oko": 1.0},
    ]  # as before: the index has them
    assert translator.translate("ókó") == [{"car": 0.5, "lagos": 0.5}]
    assert translator.translate("Zurich") == [{"zürich": 1.0}]
    assert translator.translate("wallaalamaa") == []
