from __future__ import annotations

from pathlib import Path

import pytest

from kivuko.errors import InputError, UnknownNameError
from kivuko.languages import known, resolve
from kivuko.retrieval.machine_translation.neural import NeuralTranslator
from kivuko.retrieval.machine_translation.neural_codes import madlad_token, marian_model_id, nllb_code

BASQUE, ENGLISH, OROMO = map(resolve, ("eu", "en", "om"))
SPECIALS = ["<pad>", "</s>", "<unk>"]
WORDS = ["lau", "etxe", "gorri", "handi", "house", "red", "four", "big", "door", "open"]
LANGUAGE_PIECES = {
    "m2m_100": ["eus_Latn", "eng_Latn", "gaz_Latn"],
    "t5": ["<2en>", "<2om>"],
    "marian": [],
    "marian-many": [">>eng<<", ">>orm<<"],
}
TEXTS = ["etxe gorri", "lau", "", "lau etxe handi gorri lau etxe", "handi handi", "  ", "gorri lau etxe"]


def build_tiny_translator(folder: Path, family: str) -> Path:
    """A seeded random model of one layer and width 16, over the words above; language pieces show in its output."""
    import torch
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers

    pieces = [*SPECIALS, *LANGUAGE_PIECES[family], *WORDS]
    tokenizer = Tokenizer(models.WordLevel({piece: i for i, piece in enumerate(pieces)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)
    common = {"vocab_size": len(pieces), "pad_token_id": 0, "eos_token_id": 1}
    sizes = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "max_position_embeddings": 64}
    sizes |= {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "init_std": 0.7}
    sizes |= {"encoder_ffn_dim": 32, "decoder_ffn_dim": 32}
    with torch.random.fork_rng():
        torch.manual_seed(3)
        if family == "m2m_100":
            config = transformers.M2M100Config(**common, **sizes, decoder_start_token_id=1)
            model = transformers.M2M100ForConditionalGeneration(config)
        elif family == "t5":
            t5 = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}
            config = transformers.T5Config(**common, **t5, decoder_start_token_id=0, initializer_factor=3.0)
            model = transformers.T5ForConditionalGeneration(config)
        else:
            config = transformers.MarianConfig(
                **common, **sizes, decoder_start_token_id=0, forced_eos_token_id=1
            )
            model = transformers.MarianMTModel(config)
        with torch.no_grad():
            for name, weights in model.named_parameters():
                if weights.dim() == 2:  # as initialised, a tiny model repeats one word whatever it reads
                    weights.normal_(0, 1.5 if "encoder_attn" in name or "EncDec" in name else 0.4)
        model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: build_tiny_translator(tmp_path_factory.mktemp(name), name) for name in LANGUAGE_PIECES}


def inputs_of(translator: NeuralTranslator, text: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The pieces the model is given for a text."""
    seen = {}
    generate = translator._model.generate

    def spy(**options: object) -> object:
        seen.update(options)
        return generate(**options)

    monkeypatch.setattr(translator._model, "generate", spy)
    translator.translate([text])
    return translator._tokenizer.convert_ids_to_tokens(seen["input_ids"][0].tolist())


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("family", LANGUAGE_PIECES)
def test_batches_equal_singles(folders: dict[str, Path], family: str, beams: int) -> None:
    options = {"max_pieces": 12, "beams": beams}
    together = NeuralTranslator(folders[family], BASQUE, ENGLISH, **options).translate(TEXTS)
    one_by_one = NeuralTranslator(folders[family], BASQUE, ENGLISH, batch_texts=1, **options)
    assert together == [one_by_one.translate([text])[0] for text in TEXTS]
    assert together[2] == together[5] == ""
    assert len({*together} - {""}) > 1, "a model that says the same of everything shows nothing"


def test_nllb_is_told_both_languages(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    translator = NeuralTranslator(folders["m2m_100"], OROMO, ENGLISH, max_pieces=12)
    assert inputs_of(translator, "lau etxe", monkeypatch) == ["gaz_Latn", "lau", "etxe", "</s>"]
    assert [text.split()[0] for text in translator.translate(["lau etxe", "gorri"])] == ["eng_Latn"] * 2
    back = NeuralTranslator(folders["m2m_100"], ENGLISH, BASQUE, max_pieces=12)
    assert back.translate(["red"])[0].split()[0] == "eus_Latn"


@pytest.mark.parametrize(
    ("family", "mark"), [("t5", ["<2om>"]), ("marian", []), ("marian-many", [">>orm<<"])]
)
def test_madlad_and_marian_are_told_the_target(
    folders: dict[str, Path], family: str, mark: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    translator = NeuralTranslator(folders[family], ENGLISH, OROMO, max_pieces=12)
    assert inputs_of(translator, "red\n house", monkeypatch) == [*mark, "red", "house", "</s>"]


def test_long_texts_and_outputs_are_cut_and_counted(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    translator = NeuralTranslator(folders["m2m_100"], BASQUE, ENGLISH, max_pieces=6)
    assert len(inputs_of(translator, "lau etxe gorri handi", monkeypatch)) == 6
    assert translator.texts_cut == 0
    assert inputs_of(translator, "lau etxe gorri handi lau etxe", monkeypatch) == [
        *("eus_Latn", "lau", "etxe", "gorri", "handi"),
        "</s>",
    ]
    assert translator.texts_cut == 1


@pytest.mark.parametrize(("bias", "cut"), [(1e6, 0), (-1e6, 5)])
def test_outputs_without_an_end_are_counted(folders: dict[str, Path], bias: float, cut: int) -> None:
    translator = NeuralTranslator(folders["marian"], BASQUE, ENGLISH, max_pieces=8)
    translator._model.final_logits_bias[0, translator._tokenizer.eos_token_id] = bias
    translations = translator.translate(TEXTS)
    assert translator.outputs_cut == cut
    assert any(translations) == bool(cut)


@pytest.mark.parametrize(
    ("family", "piece", "has"),
    [("m2m_100", "dzo_Tibt", "eng_Latn"), ("t5", "<2dz>", "<2en>"), ("marian-many", ">>dzo<<", ">>eng<<")],
)
def test_an_unknown_language_is_refused(folders: dict[str, Path], family: str, piece: str, has: str) -> None:
    with pytest.raises(InputError, match="does not know Dzongkha") as caught:
        NeuralTranslator(folders[family], ENGLISH, resolve("dz"))
    assert piece in str(caught.value)
    assert has in str(caught.value)


def test_other_models_and_names_are_refused(tiny_encoder: Path) -> None:
    with pytest.raises(InputError, match="no known family") as caught:
        NeuralTranslator(tiny_encoder, BASQUE, ENGLISH)
    assert "bert" in str(caught.value)
    with pytest.raises(UnknownNameError):
        NeuralTranslator("no-such-model", BASQUE, ENGLISH)


def test_our_languages_have_the_codes_of_the_real_models() -> None:
    from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES

    lacking = {each.tag for each in known() if nllb_code(each) not in FAIRSEQ_LANGUAGE_CODES}
    assert lacking == {
        *("bre-Latn", "div-Thaa", "fry-Latn", "nbl-Latn", "roh-Latn", "srp-Latn", "ven-Latn"),
    }
    assert [madlad_token(resolve(code)) for code in ("om", "tl", "nb", "zh-Hant")] == [
        *("<2om>", "<2fil>", "<2no>", "<2zh_Hant>"),
    ]
    assert marian_model_id(BASQUE, ENGLISH) == "Helsinki-NLP/opus-mt-eu-en"
