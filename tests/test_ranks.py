"""Two processes that torchrun starts train as one alone does, and go on when one of them was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from kivuko.errors import InputError
from kivuko.languages import resolve
from kivuko.training import align_to_teacher, fit
from kivuko.training.regimes import Models, find_regime
from kivuko.training.resources import Resources
from kivuko.training.stages import make_stage, run_stage
from kivuko.training.teacher import untrained_teacher
from test_training import complete_checkpoints
from tiny import made_up_pairs

pytestmark = pytest.mark.slow

PAIRS = made_up_pairs(96)
SETTINGS = {"steps": 6, "batch_size": 8, "learning_rate": 1e-3, "max_length": 16, "checkpoint_every": 2}
REGIMES = ("optical", "bitext-contrastive", "english")
ALONE = "each process for itself"
PROGRAM = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
import test_ranks
for how in sys.argv[3:]:
    test_ranks.train(how, Path(sys.argv[1]), Path(sys.argv[2]) / how)
"""


def train(how: str, teacher: Path, output: Path) -> None:
    """What each process does."""
    name = "bitext-contrastive" if how == ALONE else "optical" if how == "long" else how
    with pytest.MonkeyPatch.context() as patch:
        if how == ALONE:
            patch.setattr(align_to_teacher, "labels_of_others", lambda _: [])
        settings = SETTINGS | ({"steps": 100} if how == "long" else {})
        settings |= {"checkpoint_every": 3} if how == ALONE else {}  # other inputs, another cache
        stage = make_stage(find_regime(name), settings)
        triples = [(p.english.split()[0], p.english, PAIRS[-1 - i].english) for i, p in enumerate(PAIRS)]
        resources = Resources(bitext={resolve("om"): PAIRS}, english_pairs=triples)
        run_stage(stage.regime, stage.settings, Models(teacher, teacher), resources, output=output)


@pytest.fixture(scope="module")
def teacher(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KIVUKO_CACHE", str(folder))
        return untrained_teacher(str(tiny_encoder), [pair.english for pair in PAIRS])


def start(folder: Path, teacher: Path, *hows: str) -> subprocess.Popen[bytes]:
    """Start two processes that train one model after the other into a folder."""
    folder.mkdir(exist_ok=True)
    (folder / "program.py").write_text(PROGRAM, encoding="utf-8")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    variables = {
        "KIVUKO_CACHE": str(folder / "cache"),
        "KIVUKO_PRECISION": "float32",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [*torchrun, str(folder / "program.py"), str(teacher), str(folder), *hows],
            env=os.environ | variables,
            stdout=log,
            stderr=log,
        )


def by_two(folder: Path, teacher: Path, *hows: str) -> Path:
    assert start(folder, teacher, *hows).wait(300) == 0, (folder / "log").read_text()
    return folder


@pytest.fixture(scope="module")
def two(teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of what two processes trained."""
    return by_two(tmp_path_factory.mktemp("two"), teacher, *REGIMES, ALONE)


def apart(first: Path, second: Path, start: Path) -> float:
    """How far two models are apart, in ways that the first has gone from its start."""
    one, two, begun = (load_file(each / "model.safetensors") for each in (first, second, start))
    moved = sum(float((one[name] - begun[name]).square().sum()) for name in one)
    return (sum(float((one[name] - two[name]).square().sum()) for name in one) / moved) ** 0.5


@pytest.mark.parametrize("name", REGIMES)
def test_two_processes_train_as_one(
    name: str, two: Path, teacher: Path, own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIVUKO_PRECISION", "float32")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    train(name, teacher, tmp_path / "one")
    torch.set_num_threads(before)
    assert apart(tmp_path / "one", two / name, teacher) < 0.02
    if name == "bitext-contrastive":  # without the others' pairs it is another training
        assert apart(tmp_path / "one", two / ALONE, teacher) > 0.1


def test_a_run_of_which_one_was_killed_goes_on(teacher: Path, tmp_path: Path) -> None:
    checkpoints = tmp_path / "run/cache/checkpoints"
    running = start(tmp_path / "run", teacher, "long")
    until = time.monotonic() + 200
    while time.monotonic() < until and running.poll() is None and not complete_checkpoints(checkpoints):
        time.sleep(0.02)
    children = subprocess.run(["pgrep", "-P", str(running.pid)], capture_output=True, text=True, check=True)
    os.kill(int(children.stdout.split()[-1]), signal.SIGKILL)
    assert running.wait(120) != 0
    assert not (tmp_path / "run/long").exists()
    assert complete_checkpoints(checkpoints)[-1] < 100
    again = by_two(tmp_path / "run", teacher, "long") / "long"
    whole = by_two(tmp_path / "whole", teacher, "long") / "long"
    assert apart(whole, again, teacher) < 0.02
    assert not list(checkpoints.iterdir())


def test_what_cannot_be_shared_is_refused(
    teacher: Path, own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit.ranks, "count", lambda: 3)
    monkeypatch.setattr(fit.ranks, "agreed", lambda said: said)
    with pytest.raises(InputError, match="batch_size that 3 divides"):
        train("optical", teacher, tmp_path / "model")
    stage = make_stage(find_regime("mlm"), {})
    texts = {resolve("om"): [pair.foreign for pair in PAIRS]}
    resources = Resources(monolingual=texts, english_texts=[pair.english for pair in PAIRS])
    with pytest.raises(InputError, match="trained by one process"):
        run_stage(stage.regime, stage.settings, Models(teacher, teacher), resources)
