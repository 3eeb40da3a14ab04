"""What neural translators call a language: NLLB by code and script, MADLAD by short tag, Marian by model."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from kivuko.languages import Language

# NLLB names the individual language where our tag names the macrolanguage (FLORES-200 codes: NLLB team, 2022,
# arXiv 2207.04672); every other tag only changes its hyphen.
_NLLB: Mapping[str, str] = MappingProxyType(
    {
        "ara-Arab": "arb_Arab",
        "aze-Latn": "azj_Latn",
        "fas-Arab": "pes_Arab",
        "ful-Latn": "fuv_Latn",
        "kor-Kore": "kor_Hang",
        "lav-Latn": "lvs_Latn",
        "mlg-Latn": "plt_Latn",
        "mon-Cyrl": "khk_Cyrl",
        "msa-Latn": "zsm_Latn",
        "nep-Deva": "npi_Deva",
        "ori-Orya": "ory_Orya",
        "orm-Latn": "gaz_Latn",
        "pus-Arab": "pbt_Arab",
        "que-Latn": "quy_Latn",
        "sqi-Latn": "als_Latn",
        "swa-Latn": "swh_Latn",
        "uzb-Latn": "uzn_Latn",
        "yid-Hebr": "ydd_Hebr",
    }
)
# MADLAD's tags (Kudugunta et al., NeurIPS 2023, arXiv 2309.04662) that are not the usual short ones.
_MADLAD: Mapping[str, str] = MappingProxyType({"nob-Latn": "no", "tgl-Latn": "fil"})


def nllb_code(language: Language) -> str:
    """Such as ``"eus_Latn"``, or ``"gaz_Latn"`` for Oromo; the model may not know it."""
    return _NLLB.get(language.tag, language.tag.replace("-", "_"))


def madlad_token(language: Language) -> str:
    """The token that asks for a target language, such as ``"<2eu>"`` or ``"<2zh_Hant>"``."""
    return f"<2{_MADLAD.get(language.tag, language.short.replace('-', '_'))}>"


def marian_token(language: Language) -> str:
    """The token that asks a Marian model of many targets for one of them, such as ``">>eus<<"``."""
    return f">>{language.iso639_3}<<"


def marian_model_id(source: Language, target: Language) -> str:
    """Hub id of the OPUS-MT model of a pair (Tiedemann, Thottingal, EAMT 2020); not every pair has one."""
    return f"Helsinki-NLP/opus-mt-{source.short}-{target.short}"
