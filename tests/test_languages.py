from __future__ import annotations

import re

import pytest

from kivuko.errors import UnknownNameError
from kivuko.languages import known, resolve


@pytest.mark.parametrize(
    "name", ["om", "orm", "orm-Latn", "Oromo", "OM", "oromo", "ORM-LATN", "orm_latn", " om "]
)
def test_oromo_is_one_language_under_all_its_names(name: str) -> None:
    assert resolve(name).tag == "orm-Latn"


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("pt-BR", "por-Latn"), ("zh-CN", "zho-Hans"), ("zh-TW", "zho-Hant"), ("zh-Hant", "zho-Hant"),
        ("zh-Hant-HK", "zho-Hant"), ("zh", "zho-Hans"), ("sr", "srp-Cyrl"), ("sr-Latn", "srp-Latn"),
        ("sw", "swa-Latn"),
        ("swh", "swa-Latn"), ("ger", "deu-Latn"), ("no", "nob-Latn"), ("km", "khm-Khmr"), ("fil", "tgl-Latn"),
    ],
)  # fmt: skip
def test_regions_scripts_and_old_codes(name: str, tag: str) -> None:
    assert resolve(name).tag == tag


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        # NLLB Team, No Language Left Behind, 2022, arXiv 2207.04672, table 1: an individual language of each
        # macrolanguage of ISO 639-3, and Korean's alphabet alone.
        ("fuv_Latn", "ful-Latn"), ("ydd_Hebr", "yid-Hebr"), ("aka_Latn", "twi-Latn"), ("twi_Latn", "twi-Latn"),
        ("quy_Latn", "que-Latn"), ("kor_Hang", "kor-Kore"), ("gaz_Latn", "orm-Latn"), ("zho_Hant", "zho-Hant"),
        # IANA language subtag registry (BCP 47): Deprecated, with a Preferred-Value.
        ("iw", "heb-Hebr"), ("in", "ind-Latn"), ("ji", "yid-Hebr"), ("jw", "jav-Latn"), ("mo", "ron-Latn"),
        ("iw-IL", "heb-Hebr"), ("in_ID", "ind-Latn"), ("i-lux", "ltz-Latn"), ("no-bok", "nob-Latn"),
        ("zh-cmn-Hant", "zho-Hant"),
        # Unicode CLDR, languageAlias: sh is sr-Latn, scr hr, scc sr; ISO 639-3's hbs is sh.
        ("sh", "srp-Latn"), ("hbs", "srp-Latn"), ("sh-Cyrl", "srp-Cyrl"), ("scr", "hrv-Latn"), ("scc", "srp-Cyrl"),
        ("tl", "tgl-Latn"), ("fil_Latn", "tgl-Latn"), ("mol", "ron-Latn"),
    ],
)  # fmt: skip
def test_codes_of_flores_and_withdrawn_ones(name: str, tag: str) -> None:
    assert resolve(name).tag == tag


@pytest.mark.parametrize(
    "name", ["prs_Arab", "yue_Hant", "ltg_Latn", "min_Latn", "cnr", "arb_Latn", "jpn_Hang", "mo-Cyrl"]
)
def test_relatives_and_other_scripts_are_not_taken_for_a_known_language(name: str) -> None:
    with pytest.raises(UnknownNameError):
        resolve(name)


def test_every_language_answers_to_all_its_names() -> None:
    for language in known():
        assert resolve(language.tag) == resolve(language.short) == resolve(language.name) == language


def test_table_is_well_formed() -> None:
    languages = known()
    assert len({language.tag for language in languages}) == len(languages) > 120
    for language in languages:
        assert re.fullmatch(r"[a-z]{3}-[A-Z][a-z]{3}", language.tag)
        assert language.tag == f"{language.iso639_3}-{language.script}"
        assert language.direction in {"ltr", "rtl"}


def test_direction_and_spacing_follow_the_script() -> None:
    assert {language.short for language in known() if language.direction == "rtl"} >= {
        "ar",
        "fa",
        "he",
        "ur",
        "dv",
    }
    assert {language.short for language in known() if language.spaceless} == {
        "bo", "dz", "ja", "km", "lo", "my", "th", "zh", "zh-Hant"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "nearest"), [("Oromoo", "Oromo"), ("swahilli", "Swahili"), ("khmr-Khmr", "khm-Khmr")]
)
def test_unknown_language_is_refused_with_the_nearest_names(name: str, nearest: str) -> None:
    with pytest.raises(UnknownNameError, match=name) as caught:
        resolve(name)
    assert nearest in caught.value.nearest


@pytest.mark.parametrize("name", ["orm-Ethi", "khm-Latn", "om-Ethi"])
def test_a_language_in_another_script_is_refused(name: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        resolve(name)
    assert "is known as" in (caught.value.remedy or "")


@pytest.mark.parametrize("name", ["", "-", "x", "zz", "om-Latn-XX-YY", "om Latn"])
def test_nonsense_is_refused(name: str) -> None:
    with pytest.raises(UnknownNameError):
        resolve(name)
