"""The encoder seam: which tokens get vectors, the centred space, folders that open elsewhere."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from kivuko.data import Collection, build_collection
from kivuko.errors import ArtifactError, InputError
from kivuko.models import get, late_interaction
from kivuko.models.token_vectors import TokenVectors
from kivuko.ranking import best
from kivuko.retrieval.late_interaction import maxsim
from kivuko.training.teacher import untrained_teacher

TEXTS = ["open the file", "", "  \t ", "ក", "?!", "print a big red table"]


def test_specials_get_no_vector_and_the_unknown_piece_does(tiny_encoder: Path) -> None:
    encoder = late_interaction.assemble(tiny_encoder, mean=None, max_length=16)
    pieces = late_interaction.pieces_of(encoder, TEXTS)
    assert encoder.tokenizer.unk_token_id in pieces[3]
    found = late_interaction.encode(encoder, TEXTS, task="query")
    assert found.lengths.tolist() == [len(ids) - 2 for ids in pieces]
    assert found.lengths.tolist()[1:4] == [0, 0, 1]


def test_document_and_query_side_give_the_same_vectors(tiny_encoder: Path) -> None:
    encoder = late_interaction.assemble(tiny_encoder, mean=None, max_length=16)
    query = late_interaction.encode(encoder, TEXTS, task="query")
    document = late_interaction.encode(encoder, TEXTS, task="document")
    np.testing.assert_array_equal(query.vectors, document.vectors)


def test_vectors_have_unit_length_and_are_centred(tiny_encoder: Path) -> None:
    raw = late_interaction.assemble(tiny_encoder, mean=None, max_length=16)
    plain = late_interaction.encode(raw, TEXTS, task="document").vectors.astype(np.float64)
    mean = late_interaction.mean_token_vector(late_interaction.encode(raw, TEXTS, task="document"))
    np.testing.assert_allclose(mean.numpy(), plain.mean(axis=0), atol=1e-6)
    centred = late_interaction.assemble(tiny_encoder, mean=mean, max_length=16)
    found = late_interaction.encode(centred, TEXTS, task="document").vectors.astype(np.float64)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=5e-3)
    expected = plain - plain.mean(axis=0)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=0.03)


def test_batching_and_order_change_nothing(tiny_encoder: Path) -> None:
    encoder = late_interaction.assemble(tiny_encoder, mean=None, max_length=16)
    together = late_interaction.encode(encoder, TEXTS, task="document")
    alone = late_interaction.encode(encoder, TEXTS, task="document", batch_size=1)
    turned = late_interaction.encode(encoder, TEXTS[::-1], task="document")
    for i in range(len(TEXTS)):
        np.testing.assert_allclose(together[i].astype(float), alone[i].astype(float), atol=0.02)
        np.testing.assert_array_equal(together[i], turned[len(TEXTS) - 1 - i])


def test_no_texts_give_no_vectors(tiny_encoder: Path) -> None:
    encoder = late_interaction.assemble(tiny_encoder, mean=None, max_length=16)
    found = late_interaction.encode(encoder, [], task="query")
    assert (len(found), found.vectors.shape) == (0, (0, 32))
    with pytest.raises(InputError, match="mean token vector"):
        late_interaction.mean_token_vector(found)


def test_long_texts_are_cut_and_counted(tiny_encoder: Path) -> None:
    encoder = late_interaction.assemble(tiny_encoder, mean=None, max_length=6)
    texts = ["open close save print", "open close save print big", "open"]
    assert late_interaction.encode(encoder, texts, task="document").lengths.tolist() == [4, 4, 1]
    assert late_interaction.truncated(encoder, texts) == 1


def test_each_vector_has_its_word_of_the_text(tiny_encoder: Path) -> None:
    encoder = late_interaction.assemble(tiny_encoder, mean=None, max_length=12)
    text = "  Open   (xyz) ក, 7"
    words = late_interaction.words_of_tokens(encoder, text)
    assert words == ["Open", "(xyz)", "(xyz)", "(xyz)", "(xyz)", "(xyz)", "ក,", "ក,", "7"]
    assert len(words) == late_interaction.encode(encoder, [text], task="query").lengths[0]
    assert late_interaction.words_of_tokens(encoder, "") == []


def test_length_beyond_the_encoder_is_refused(tiny_encoder: Path) -> None:
    with pytest.raises(InputError, match="3 to 192 pieces"):
        late_interaction.assemble(tiny_encoder, mean=None, max_length=193)


def test_plain_encoder_is_no_late_interaction_model(tiny_encoder: Path) -> None:
    with pytest.raises(InputError, match="not a late-interaction model"):
        late_interaction.load(tiny_encoder)


def test_folder_without_tokenizer_is_refused(tiny_teacher: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "model"
    shutil.copytree(tiny_teacher, foreign)
    (foreign / "manifest.json").unlink()
    (foreign / "tokenizer.json").unlink()
    with pytest.raises(InputError, match="without tokenizer"):
        late_interaction.load(foreign)


def test_folder_of_ours_with_a_cut_file_is_refused(tiny_teacher: Path) -> None:
    weights = tiny_teacher / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ArtifactError, match=r"damaged[\s\S]*model.safetensors"):
        late_interaction.load(tiny_teacher)


def test_a_model_without_manifest_has_no_known_space(tiny_encoder: Path) -> None:
    with pytest.raises(ArtifactError, match="which vector space"):
        late_interaction.space_of(tiny_encoder)


def test_saved_model_gives_the_same_vectors_and_a_space_of_its_own(
    tiny_encoder: Path, other_tiny_encoder: Path, own_cache: Path
) -> None:
    path = untrained_teacher(str(tiny_encoder), ["open the file"])
    raw = late_interaction.assemble(tiny_encoder, mean=None, max_length=160)
    mean = late_interaction.mean_token_vector(
        late_interaction.encode(raw, ["open the file"], task="document")
    )
    encoder = late_interaction.assemble(tiny_encoder, mean=mean, max_length=160)
    np.testing.assert_array_equal(
        late_interaction.encode(late_interaction.load(path), TEXTS, task="query").vectors,
        late_interaction.encode(encoder, TEXTS, task="query").vectors,
    )
    raw_space = untrained_teacher(str(tiny_encoder), [], centred=False)
    other = untrained_teacher(str(other_tiny_encoder), ["open the file"])
    assert len({late_interaction.space_of(folder) for folder in (path, raw_space, other)}) == 3
    assert untrained_teacher(str(tiny_encoder), ["open the file"]) == path


def test_real_model_opens_in_plain_sentence_transformers(tmp_path: Path) -> None:
    from sentence_transformers import MultiVectorEncoder

    mean = torch.linspace(-0.1, 0.1, 384)
    ours = late_interaction.assemble(get("multilingual-e5-small"), mean=mean, max_length=32)
    late_interaction.save(ours, tmp_path / "model", space=None, parents={}, meta={})
    plain = MultiVectorEncoder(str(tmp_path / "model"), device="cpu")
    texts = ["Faayilii haaraa bani", "បើក​ឯកសារ"]
    with torch.inference_mode():
        for found, expected in zip(
            plain.encode_query(texts, show_progress_bar=False),
            ours.encode_query(texts, show_progress_bar=False),
            strict=True,
        ):
            assert found.shape == expected.shape
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_centred_real_model_finds_the_page_of_an_english_title() -> None:
    collection = Collection.open(build_collection("om"))
    training = [d for d in collection.documents if collection.split_of(d.id) == "train" and d.text]
    texts = [document.full_text[:400] for document in training[:60]]
    base = get("multilingual-e5-small")
    raw = late_interaction.assemble(base, mean=None, max_length=64)
    mean = late_interaction.mean_token_vector(late_interaction.encode(raw, texts, task="document"))
    encoder = late_interaction.assemble(base, mean=mean, max_length=64)
    # The title is not part of the page here, so the words alone do not give it away.
    pages = [document.text[:400] for document in training[:60]]
    queries = [document.title for document in training[:60:6]]
    scores = maxsim(
        late_interaction.encode(encoder, queries, task="query"),
        late_interaction.encode(encoder, pages, task="document"),
    )
    ids = [document.id for document in training[:60]]
    hits = sum(training[6 * i].id in best(scores[i], ids, 3) for i in range(len(queries)))
    assert hits >= 7, f"{hits} of {len(queries)} titles found their page among the first 3 of 60"
    assert isinstance(late_interaction.encode(encoder, [], task="query"), TokenVectors)
