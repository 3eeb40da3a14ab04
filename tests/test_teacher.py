"""The teacher cache (encoded once, shared, memory-mapped) and the teachers' own folders."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from kivuko.artifact import read_manifest
from kivuko.errors import ArtifactError, InputError
from kivuko.languages import resolve
from kivuko.models import centring, encoding, late_interaction
from kivuko.models.precision import VARIABLE
from kivuko.training import teacher_vectors as module
from kivuko.training.optical import OpticalSettings, train_optical
from kivuko.training.teacher import projected_teacher, untrained_teacher
from kivuko.training.teacher_vectors import teacher_vectors
from tiny import made_up_pairs

TEXTS = [pair.english for pair in made_up_pairs(20)]


def shards(cache: Path) -> dict[Path, list[str]]:
    """Complete shards and the keys of their texts."""
    found = sorted((cache / "teacher-cache").glob("*/*/manifest.json"))
    return {path.parent: json.loads((path.parent / "texts.json").read_text()) for path in found}


def test_vectors_equal_direct_encoding_in_the_order_asked_for(own_cache: Path, tiny_teacher: Path) -> None:
    asked = [TEXTS[3], TEXTS[0], "", TEXTS[3]]
    cache = teacher_vectors(tiny_teacher, asked, max_length=16)
    encoder = encoding.open_encoder(tiny_teacher)
    encoder.max_seq_length = 16
    direct = encoding.encode(encoder, asked, task="document")
    assert len(cache) == 4
    np.testing.assert_array_equal(cache.lengths, direct.lengths)
    assert cache.lengths[2] == 0
    batch, mask = cache.padded(range(4))
    for i in range(4):
        np.testing.assert_allclose(batch[i][mask[i]].numpy(), direct[i].astype(np.float32), atol=0.02)
    assert not batch[~mask].any()
    np.testing.assert_array_equal(batch[0].numpy(), batch[3].numpy())


def test_texts_are_encoded_once(own_cache: Path, tiny_teacher: Path) -> None:
    teacher_vectors(tiny_teacher, TEXTS[:10] * 2, max_length=16)
    first = shards(own_cache)
    assert [len(keys) for keys in first.values()] == [10]
    stamps = {path: (path / "vectors.npy").stat().st_mtime_ns for path in first}
    again = teacher_vectors(tiny_teacher, TEXTS[:10], max_length=16)
    assert shards(own_cache) == first
    wider = teacher_vectors(tiny_teacher, TEXTS, max_length=16)
    added = {path: keys for path, keys in shards(own_cache).items() if path not in first}
    assert [len(keys) for keys in added.values()] == [10]
    assert {path: (path / "vectors.npy").stat().st_mtime_ns for path in first} == stamps
    np.testing.assert_array_equal(wider.padded(range(10))[0], again.padded(range(10))[0])
    assert all(isinstance(shard.vectors, np.memmap) for shard in wider.shards)


def test_large_text_lists_fill_several_shards(
    own_cache: Path, tiny_teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = teacher_vectors(tiny_teacher, TEXTS, max_length=16)
    shutil.rmtree(own_cache / "teacher-cache")
    monkeypatch.setattr(module, "TEXTS_PER_SHARD", 6)
    parts = teacher_vectors(tiny_teacher, TEXTS, max_length=16)
    assert sorted(len(keys) for keys in shards(own_cache).values()) == [2, 6, 6, 6]
    np.testing.assert_array_equal(parts.lengths, whole.lengths)
    np.testing.assert_allclose(parts.padded(range(20))[0], whole.padded(range(20))[0], atol=0.02)


def test_killed_encoding_goes_on_after_its_complete_shards(
    own_cache: Path, tiny_teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TEXTS_PER_SHARD", 5)
    plain, calls = encoding.encode, []

    def failing(*arguments: object, **options: object) -> object:
        calls.append(len(arguments[1]))  # type: ignore[arg-type]
        if len(calls) == 3:
            raise KeyboardInterrupt
        return plain(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(encoding, "encode", failing)
    with pytest.raises(KeyboardInterrupt):
        teacher_vectors(tiny_teacher, TEXTS, max_length=16)
    assert len(shards(own_cache)) == 2
    # What a harder kill would leave: a shard without manifest, and one under its building name.
    (folder,) = (own_cache / "teacher-cache").iterdir()
    half = next(iter(shards(own_cache)))
    for name in ("0123456789abcdef", ".0123456789abcdef.building-x"):
        shutil.copytree(half, folder / name)
        (folder / name / "vectors.npy").write_bytes(b"half")
        (folder / name / "manifest.json").unlink()
    found = teacher_vectors(tiny_teacher, TEXTS, max_length=16)
    assert calls == [5] * 5
    assert found.lengths.min() > 0


def test_damaged_shard_is_told(own_cache: Path, tiny_teacher: Path) -> None:
    teacher_vectors(tiny_teacher, TEXTS, max_length=16)
    (shard,) = shards(own_cache)
    (shard / "vectors.npy").write_bytes((shard / "vectors.npy").read_bytes()[:-4])
    with pytest.raises(ArtifactError, match=r"damaged[\s\S]*vectors\.npy"):
        teacher_vectors(tiny_teacher, TEXTS, max_length=16)


def test_teachers_and_lengths_do_not_mix(
    own_cache: Path, tiny_teacher: Path, other_tiny_encoder: Path
) -> None:
    other = untrained_teacher(str(other_tiny_encoder), TEXTS)
    first = teacher_vectors(tiny_teacher, TEXTS, max_length=16)
    second = teacher_vectors(other, TEXTS, max_length=16)
    short = teacher_vectors(tiny_teacher, TEXTS, max_length=4)
    assert len(shards(own_cache)) == 3
    assert short.lengths.max() == 2 < first.lengths.max()
    assert (first.padded([0])[0] - second.padded([0])[0]).abs().max() > 0.1


def test_languages_share_the_teacher_s_vectors(own_cache: Path, tiny_teacher: Path, tmp_path: Path) -> None:
    settings = OpticalSettings(steps=5, batch_size=4)  # all 20 pairs, once
    pairs = made_up_pairs(20)
    for language in ("om", "so"):
        train_optical(pairs, resolve(language), tiny_teacher, tmp_path / language, settings=settings)
    assert [len(keys) for keys in shards(own_cache).values()] == [20]


def test_untrained_teacher_says_how_it_was_made(own_cache: Path, tiny_encoder: Path) -> None:
    teacher = untrained_teacher(str(tiny_encoder), TEXTS)
    manifest = read_manifest(teacher, "model", verify=True)
    assert (manifest.meta["centred"], manifest.meta["centred_on_texts"]) == (True, 20)
    encoder = late_interaction.load(teacher)
    mean = centring.mean_token_vector(
        encoding.encode(
            late_interaction.load(untrained_teacher(str(tiny_encoder), [], centred=False)),
            TEXTS,
            task="document",
        )
    )
    np.testing.assert_allclose(-encoder[2].linear.bias.detach(), mean, atol=1e-6)


def test_nothing_to_centre_on_is_refused(own_cache: Path, tiny_encoder: Path) -> None:
    with pytest.raises(InputError, match="mean token vector"):
        untrained_teacher(str(tiny_encoder), ["", " "])
    assert not (own_cache / "teachers").exists()


def test_a_projected_teacher_keeps_the_directions_that_differ_most(
    own_cache: Path, tiny_teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sentence_transformers import MultiVectorEncoder

    monkeypatch.setenv(VARIABLE, "float32")  # bfloat16, where the processor multiplies that, rounds
    small = projected_teacher(tiny_teacher, TEXTS, 8)
    whole = encoding.encode(late_interaction.load(tiny_teacher), TEXTS, task="document").vectors
    found = encoding.encode(late_interaction.load(small), TEXTS, task="document").vectors.astype(np.float32)
    assert found.shape == (len(whole), 8)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-3)
    # The eight principal components, at unit length: their products are those of the vectors' best eight numbers.
    left, values, _ = np.linalg.svd(whole.astype(np.float64), full_matrices=False)
    best = left[:, :8] * values[:8]
    best /= np.linalg.norm(best, axis=1, keepdims=True)
    np.testing.assert_allclose(found @ found.T, best @ best.T, atol=0.02)
    theirs = MultiVectorEncoder(str(small), local_files_only=True).encode_document(TEXTS[:1])[0]
    np.testing.assert_allclose(np.asarray(theirs), found[: len(theirs)], atol=0.01)
    assert late_interaction.space_of(small) != late_interaction.space_of(tiny_teacher)
    student = train_optical(
        made_up_pairs(20),
        resolve("om"),
        small,
        tmp_path / "om",
        settings=OpticalSettings(steps=2, batch_size=4),
    )
    assert late_interaction.dimension(late_interaction.load(student)) == 8


@pytest.mark.parametrize("dimension", [0, 32, 384])
def test_token_vectors_get_shorter_or_not_at_all(own_cache: Path, tiny_teacher: Path, dimension: int) -> None:
    with pytest.raises(InputError, match="1 to 31 numbers"):
        projected_teacher(tiny_teacher, TEXTS, dimension)
