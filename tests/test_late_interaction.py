"""The encoder seam: which tokens get vectors, the centred space, folders that open elsewhere."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from kivuko.collections.collection import Collection
from kivuko.collections.document import Document
from kivuko.collections.split import split_of
from kivuko.errors import ArtifactError, InputError
from kivuko.models import centring, encoding, get, late_interaction
from kivuko.models.encoder import Encoder
from kivuko.models.token_vectors import Task, TokenVectors
from kivuko.public.collections import build_collection
from kivuko.ranking import best
from kivuko.retrieval.build import build_index
from kivuko.retrieval.changes import build
from kivuko.retrieval.index import Index
from kivuko.retrieval.late_interaction import search_late_interaction, search_single_vector
from kivuko.retrieval.segment import EncodedDocuments
from kivuko.training.teacher import untrained_teacher

TEXTS = ["open the file", "", "  \t ", "ក", "?!", "print a big red table"]


def test_specials_get_no_vector_and_the_unknown_piece_does(tiny_encoder: Path) -> None:
    encoder = late_interaction.assemble(tiny_encoder, mean=None, max_length=16)
    pieces = late_interaction.pieces_of(encoder, TEXTS)
    assert encoder.tokenizer.unk_token_id in pieces[3]
    found = encoding.encode(encoder, TEXTS, task="query")
    assert found.lengths.tolist() == [len(ids) - 2 for ids in pieces]
    assert found.lengths.tolist()[1:4] == [0, 0, 1]


def test_document_and_query_side_give_the_same_vectors(tiny_encoder: Path) -> None:
    encoder = late_interaction.assemble(tiny_encoder, mean=None, max_length=16)
    query = encoding.encode(encoder, TEXTS, task="query")
    document = encoding.encode(encoder, TEXTS, task="document")
    np.testing.assert_array_equal(query.vectors, document.vectors)


def test_vectors_have_unit_length_and_are_centred(tiny_encoder: Path) -> None:
    raw = late_interaction.assemble(tiny_encoder, mean=None, max_length=16)
    plain = encoding.encode(raw, TEXTS, task="document").vectors.astype(np.float64)
    mean = centring.mean_token_vector(encoding.encode(raw, TEXTS, task="document"))
    np.testing.assert_allclose(mean.numpy(), plain.mean(axis=0), atol=1e-6)
    centred = late_interaction.assemble(tiny_encoder, mean=mean, max_length=16)
    found = encoding.encode(centred, TEXTS, task="document").vectors.astype(np.float64)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=5e-3)
    expected = plain - plain.mean(axis=0)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=0.03)


def test_batching_and_order_change_nothing(tiny_encoder: Path) -> None:
    encoder = late_interaction.assemble(tiny_encoder, mean=None, max_length=16)
    together = encoding.encode(encoder, TEXTS, task="document")
    alone = encoding.encode(encoder, TEXTS, task="document", tokens_a_batch=1)
    turned = encoding.encode(encoder, TEXTS[::-1], task="document")
    for i in range(len(TEXTS)):
        np.testing.assert_allclose(together[i].astype(float), alone[i].astype(float), atol=0.02)
        np.testing.assert_array_equal(together[i], turned[len(TEXTS) - 1 - i])


def test_no_texts_give_no_vectors(tiny_encoder: Path) -> None:
    encoder = late_interaction.assemble(tiny_encoder, mean=None, max_length=16)
    found = encoding.encode(encoder, [], task="query")
    assert (len(found), found.vectors.shape) == (0, (0, 32))
    with pytest.raises(InputError, match="mean token vector"):
        centring.mean_token_vector(found)


def test_long_texts_are_cut_and_counted(tiny_encoder: Path) -> None:
    encoder = late_interaction.assemble(tiny_encoder, mean=None, max_length=6)
    texts = ["open close save print", "open close save print big", "open"]
    assert encoding.encode(encoder, texts, task="document").lengths.tolist() == [4, 4, 1]
    assert late_interaction.truncated(encoder, texts) == 1


def test_each_vector_has_its_word_of_the_text(tiny_encoder: Path) -> None:
    encoder = late_interaction.assemble(tiny_encoder, mean=None, max_length=12)
    text = "  Open   (xyz) ក, 7"
    words = [token.word for token in encoding.read(encoder, text, "query").tokens]
    assert words == ["Open", "(xyz)", "(xyz)", "(xyz)", "(xyz)", "(xyz)", "ក,", "ក,", "7"]
    assert len(words) == encoding.encode(encoder, [text], task="query").lengths[0]
    assert encoding.read(encoder, "", "query").tokens == []


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


def test_saved_model_gives_the_same_vectors_and_a_space_of_its_own(
    tiny_encoder: Path, other_tiny_encoder: Path, own_cache: Path
) -> None:
    path = untrained_teacher(str(tiny_encoder), ["open the file"])
    raw = late_interaction.assemble(tiny_encoder, mean=None, max_length=160)
    mean = centring.mean_token_vector(encoding.encode(raw, ["open the file"], task="document"))
    encoder = late_interaction.assemble(tiny_encoder, mean=mean, max_length=160)
    np.testing.assert_array_equal(
        encoding.encode(late_interaction.load(path), TEXTS, task="query").vectors,
        encoding.encode(encoder, TEXTS, task="query").vectors,
    )
    raw_space = untrained_teacher(str(tiny_encoder), [], centred=False)
    other = untrained_teacher(str(other_tiny_encoder), ["open the file"])
    assert len({late_interaction.space_of(folder) for folder in (path, raw_space, other)}) == 3
    assert untrained_teacher(str(tiny_encoder), ["open the file"]) == path


def test_recentring_takes_out_the_mean_that_training_moved(tiny_teacher: Path, tiny_encoder: Path) -> None:
    texts = ["open the file", "print a big red table", "save 12 pages", "close small windows"]
    encoder = late_interaction.load(tiny_teacher)
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():  # as if trained since: all vectors pushed one way, the projection turned
        transformer = encoder[0].auto_model
        final = transformer.encoder.layer[-1].output.LayerNorm
        final.bias.add_(torch.randn(final.bias.shape, generator=random))
        encoder[2].linear.weight.add_(0.1 * torch.randn(32, 32, generator=random))

    def length_of_the_mean() -> float:
        return float(centring.mean_token_vector(encoding.encode(encoder, texts, task="document")).norm())

    before = length_of_the_mean()
    centring.recentre(encoder, texts)
    assert before > 0.4
    assert length_of_the_mean() < 0.15 * before
    # The same as assembling the moved transformer anew with its own mean.
    assert torch.equal(encoder[2].linear.weight, torch.eye(32))
    raw = late_interaction.assemble(tiny_encoder, mean=None, max_length=160)
    raw[0].auto_model.load_state_dict(transformer.state_dict())
    own = encoding.encode(raw, texts, task="document").vectors.astype(np.float64)
    np.testing.assert_allclose(encoder[2].linear.bias.detach(), -own.mean(axis=0), atol=2e-3)
    # The subtraction is exact; only the normalisation after it moves the mean off 0.
    centred = own + encoder[2].linear.bias.detach().numpy()
    np.testing.assert_allclose(centred.mean(axis=0), 0, atol=2e-3)


def test_recentring_twice_changes_nothing(tiny_teacher: Path) -> None:
    encoder = late_interaction.load(tiny_teacher)
    centring.recentre(encoder, TEXTS)
    first = encoder[2].linear.bias.detach().clone()
    centring.recentre(encoder, TEXTS)
    assert torch.equal(encoder[2].linear.bias, first)


def test_what_cannot_be_centred_is_refused(tiny_encoder: Path, tiny_teacher: Path) -> None:
    uncentred = late_interaction.assemble(tiny_encoder, mean=None, max_length=16)
    with pytest.raises(InputError, match=r"cannot be centred[\s\S]*MultiVectorMask"):
        centring.recentre(uncentred, TEXTS)
    with pytest.raises(InputError, match="mean token vector"):
        centring.recentre(late_interaction.load(tiny_teacher), ["", " "])


def stacked(texts: list[list[list[float]]]) -> TokenVectors:
    return TokenVectors.stack([np.array(text, dtype=np.float16).reshape(-1, 2) for text in texts], 2)


def test_one_vector_a_text_by_hand(tmp_path: Path) -> None:
    x, y = [1.0, 0.0], [0.0, 1.0]
    documents = {"x": [x], "x-thrice": [x, x, x], "xy": [x, y], "-x": [[-1.0, 0.0]]}
    queries = {"of x": [x], "of xxy": [x, x, y], "nothing": []}
    shard = EncodedDocuments(
        [Document(name, "", name) for name in documents],
        np.array([(number, 0, 1) for number in range(4)], dtype=np.int32),
        stacked(list(documents.values())),
    )
    build(tmp_path / "index", [shard], kind="exact", space="space", parents={}, facts={})
    index = Index.open(tmp_path / "index")

    class ByHand(Encoder):
        space = "space"  # type: ignore[assignment]

        def encode(self, texts: Sequence[str], **_: Any) -> TokenVectors:
            return stacked([queries[text] for text in texts])

    model = ByHand(tmp_path, cast(Any, None))
    asked = {name: name for name in queries}
    run = search_single_vector(index, model, asked, depth=3)
    half, five = 0.5**0.5, 5**0.5
    # Comparing mappings leaves the order of ties out; that is kivuko.ranking's matter.
    assert run["of x"] == pytest.approx({"x": 1, "x-thrice": 1, "xy": half}, abs=1e-6)
    # (2, 1)/√5 with (1, 0) and with (1, 1)/√2
    assert run["of xxy"] == pytest.approx(
        {"xy": 3 * half / five, "x": 2 / five, "x-thrice": 2 / five}, abs=1e-6
    )
    assert next(iter(run["of xxy"])) == "xy"
    assert run["nothing"] == {}
    # MaxSim sums over the query's tokens instead.
    by_tokens = search_late_interaction(index, model, asked, depth=4)
    assert by_tokens["of xxy"] == pytest.approx({"xy": 3, "x": 2, "x-thrice": 2, "-x": -2}, abs=1e-6)


def test_one_vector_search_is_the_cosine_of_means_in_the_index_of_maxsim(
    tiny_teacher: Path, other_tiny_encoder: Path, tmp_path: Path
) -> None:
    texts = {"a": "open the red file", "b": "print a table", "c": "close", "d": "page " * 300}
    documents = [Document(name, "", text) for name, text in texts.items()]
    index = Index.open(build_index(documents, tiny_teacher, tmp_path / "index"))
    queries = {"1": "print the red file", "2": " ", "3": "table"}
    run = search_single_vector(index, tiny_teacher, queries)
    encoder = encoding.open_encoder(tiny_teacher)
    encoder.max_seq_length = int(index.manifest.meta["max_length"])

    def mean(text: str, task: Task) -> np.ndarray:  # type: ignore[type-arg]
        found = encoding.encode(encoder, [text], task=task).vectors.astype(np.float64).mean(axis=0)
        return found / np.linalg.norm(found)

    assert list(run) == ["1", "2", "3"]
    assert run["2"] == {}
    for query in ("1", "3"):
        expected = {
            name: mean(queries[query], "query") @ mean(text, "document") for name, text in texts.items()
        }
        assert run[query] == pytest.approx(expected, abs=0.02)
        assert list(run[query].values()) == sorted(run[query].values(), reverse=True)
    stranger = untrained_teacher(str(other_tiny_encoder), ["open"])
    with pytest.raises(ArtifactError, match="space"):
        search_single_vector(index, stranger, queries)


@pytest.mark.network
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


@pytest.mark.network
def test_centred_real_model_finds_the_page_of_an_english_title() -> None:
    collection = Collection.open(build_collection("om"))
    training = [d for d in collection.documents if split_of(d.id) == "train" and d.text]
    texts = [document.full_text[:400] for document in training[:60]]
    base = get("multilingual-e5-small")
    raw = late_interaction.assemble(base, mean=None, max_length=64)
    mean = centring.mean_token_vector(encoding.encode(raw, texts, task="document"))
    encoder = late_interaction.assemble(base, mean=mean, max_length=64)
    # The title is not part of the page here, so the words alone do not give it away.
    pages = [document.text[:400] for document in training[:60]]
    queries = [document.title for document in training[:60:6]]
    asked = encoding.encode(encoder, queries, task="query")
    held = encoding.encode(encoder, pages, task="document")
    scores = np.array(
        [
            [(q @ held[d].astype(np.float32).T).max(axis=1).sum() for d in range(60)]
            for q in (asked[i].astype(np.float32) for i in range(10))
        ]
    )
    ids = [document.id for document in training[:60]]
    hits = sum(training[6 * i].id in best(scores[i], ids, 3) for i in range(len(queries)))
    assert hits >= 7, f"{hits} of {len(queries)} titles found their page among the first 3 of 60"
    assert isinstance(encoding.encode(encoder, [], task="query"), TokenVectors)
