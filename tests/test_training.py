"""The training loop: batches, what is trained, and runs that are killed, repeated or refused."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain, pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.progress import Progress

from kivuko.artifact import read_manifest, storage_errors, write_artifact
from kivuko.cli.display import bars
from kivuko.collections.bitext import Pair
from kivuko.errors import ArtifactError, InputError, Interrupted, StorageError
from kivuko.languages import resolve
from kivuko.models import late_interaction
from kivuko.training import fit as fit_module
from kivuko.training.fit import LengthBuckets
from kivuko.training.optical import OpticalLoss, OpticalSettings, train_optical
from kivuko.training.rank_in_batch import RankingLoss, RankingSettings
from kivuko.training.teacher import train_teacher, untrained_teacher
from tiny import made_up_pairs

OROMO = resolve("om")
PAIRS = made_up_pairs(60)
SHORT = OpticalSettings(steps=12, batch_size=8, learning_rate=3e-3, checkpoint_every=5)
# 60 pairs make 7 batches, so these checkpoints lie in the middle of an epoch.
KILLED = OpticalSettings(
    steps=150,
    batch_size=8,
    learning_rate=3e-3,
    checkpoint_every=10,
    word_learning_rate=3e-3,
    lexical_start=0.5,
)


@given(
    lengths=st.lists(st.integers(1, 40), max_size=300),
    batch_size=st.integers(1, 9),
    seed=st.integers(0, 5),
    epoch=st.integers(0, 5),
)
def test_buckets_hold_each_example_at_most_once(
    lengths: list[int], batch_size: int, seed: int, epoch: int
) -> None:
    buckets = LengthBuckets(None, lengths=lengths, batch_size=batch_size, seed=seed)
    buckets.set_epoch(epoch)
    batches = list(buckets)
    assert len(batches) == len(buckets) == len(lengths) // batch_size
    assert all(len(batch) == batch_size for batch in batches)
    seen = [example for batch in batches for example in batch]
    assert len(set(seen)) == len(seen)
    assert set(seen) <= set(range(len(lengths)))
    again = LengthBuckets(None, lengths=lengths, batch_size=batch_size, seed=seed)
    again.set_epoch(epoch)
    assert list(again) == batches


def test_buckets_differ_by_epoch_and_seed_and_hold_like_lengths() -> None:
    lengths = np.random.default_rng(0).integers(1, 100, 512).tolist()

    def batches(seed: int, epoch: int) -> list[list[int]]:
        buckets = LengthBuckets(None, lengths=lengths, batch_size=16, seed=seed)
        buckets.set_epoch(epoch)
        return list(buckets)

    first = batches(0, 0)
    assert first != batches(0, 1)
    assert first != batches(1, 0)
    spread = [max(lengths[i] for i in batch) - min(lengths[i] for i in batch) for batch in first]
    assert np.mean(spread) < 10
    # Batches themselves come in no order of length.
    shortest = [min(lengths[i] for i in batch) for batch in first]
    assert shortest != sorted(shortest)


@pytest.fixture
def batches_seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[int]]]:
    """Labels and transport loss of every training step that is executed."""
    seen: list[list[int]] = []
    plain = OpticalLoss.forward

    def watched(self: OpticalLoss, features: object, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        seen.append(labels.tolist())
        return plain(self, features, labels)  # type: ignore[arg-type]

    monkeypatch.setattr(OpticalLoss, "forward", watched)
    return seen


def weights(model: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(model / "model.safetensors")


def transport_cost(student: Path, teacher: Path, pairs: list[Pair]) -> float:
    """The exact loss of a model on pairs."""
    from kivuko.training.teacher_vectors import teacher_vectors

    encoder = late_interaction.load(student)
    loss = OpticalLoss(encoder, teacher_vectors(teacher, [p.english for p in pairs], max_length=48))
    features = encoder.preprocess([pair.foreign for pair in pairs], task="query")
    with torch.no_grad():
        return loss([features], torch.arange(len(pairs)))["transport"].item()


@pytest.mark.parametrize("solver", ["sinkhorn", "ipot", "exact", "partial", "unbalanced"])
def test_training_lowers_the_loss_with_every_solver(solver: str, tiny_teacher: Path, tmp_path: Path) -> None:
    settings = OpticalSettings(steps=80, batch_size=8, learning_rate=3e-3, solver=solver)  # type: ignore[arg-type]
    before = transport_cost(tiny_teacher, tiny_teacher, PAIRS)
    model = train_optical(PAIRS, OROMO, tiny_teacher, tmp_path / "om", settings=settings)
    after = transport_cost(model, tiny_teacher, PAIRS)
    assert after < 0.8 * before


def test_teacher_stays_and_the_student_keeps_its_space(
    tiny_teacher: Path, tmp_path: Path, batches_seen: list[list[int]]
) -> None:
    teacher_before = {f: f.read_bytes() for f in sorted(tiny_teacher.rglob("*")) if f.is_file()}
    model = train_optical(PAIRS, OROMO, tiny_teacher, tmp_path / "om", settings=SHORT)
    assert {f: f.read_bytes() for f in sorted(tiny_teacher.rglob("*")) if f.is_file()} == teacher_before
    before, after = weights(tiny_teacher), weights(model)
    assert before.keys() == after.keys()
    for name in before:
        changed = not torch.equal(before[name], after[name])
        trained = "encoder.layer" in name
        assert changed == trained or "key.bias" in name, name
    assert late_interaction.space_of(model) == late_interaction.space_of(tiny_teacher)
    assert late_interaction.length_limit(late_interaction.load(model)) == 160
    # Each epoch has 7 batches and other ones; none repeats an example.
    epochs = [list(chain(*batches_seen[:7])), list(chain(*batches_seen[7:]))]
    assert len(batches_seen) == SHORT.steps
    assert all(len(set(epoch)) == len(epoch) for epoch in epochs)
    assert epochs[0][:40] != epochs[1]


def test_word_embeddings_are_trained_when_asked(tiny_teacher: Path, tmp_path: Path) -> None:
    settings = OpticalSettings(steps=4, batch_size=8, learning_rate=3e-3, train_word_embeddings=True)
    model = train_optical(PAIRS, OROMO, tiny_teacher, tmp_path / "om", settings=settings)
    name = next(name for name in weights(model) if name.endswith("word_embeddings.weight"))
    assert not torch.equal(weights(tiny_teacher)[name], weights(model)[name])


def test_same_seed_gives_the_same_bytes_and_another_seed_others(tiny_teacher: Path, tmp_path: Path) -> None:
    first = train_optical(PAIRS, OROMO, tiny_teacher, tmp_path / "first", settings=SHORT)
    second = train_optical(PAIRS, OROMO, tiny_teacher, tmp_path / "second", settings=SHORT)
    other = OpticalSettings(**{**vars(SHORT), "seed": 1})
    third = train_optical(PAIRS, OROMO, tiny_teacher, tmp_path / "third", settings=other)
    name = "model.safetensors"
    assert (first / name).read_bytes() == (second / name).read_bytes()
    assert read_manifest(first, "model").hash == read_manifest(second, "model").hash
    assert (first / name).read_bytes() != (third / name).read_bytes()


def test_second_call_works_only_when_something_changed(
    tiny_teacher: Path, tmp_path: Path, batches_seen: list[list[int]]
) -> None:
    output = tmp_path / "om"
    train_optical(PAIRS, OROMO, tiny_teacher, output, settings=SHORT)
    stamp, steps = (output / "manifest.json").stat().st_mtime_ns, len(batches_seen)
    train_optical(PAIRS, OROMO, tiny_teacher, output, settings=SHORT)
    assert ((output / "manifest.json").stat().st_mtime_ns, len(batches_seen)) == (stamp, steps)
    changed = OpticalSettings(**{**vars(SHORT), "contrast_weight": 0.0})
    train_optical(PAIRS, OROMO, tiny_teacher, output, settings=changed)
    assert len(batches_seen) == 2 * steps
    train_optical(PAIRS[:-1], OROMO, tiny_teacher, output, settings=changed)
    assert len(batches_seen) == 3 * steps
    assert read_manifest(output, "model").meta["settings"]["contrast_weight"] == 0


def test_pairs_without_content_and_cut_ones_are_counted(tiny_teacher: Path, tmp_path: Path) -> None:
    odd = [
        Pair("empty-english", " ", "bani", "made-up"),
        Pair("empty-foreign", "open", "\t", "made-up"),
        Pair("long", "open", "z" * 90, "made-up"),
    ]
    # 63 pairs are gone through once: 7 batches of 9.
    settings = OpticalSettings(steps=7, batch_size=9)
    model = train_optical([*PAIRS, *odd], OROMO, tiny_teacher, tmp_path / "om", settings=settings)
    facts = read_manifest(model, "model").meta
    assert facts["pairs"] == {"orm-Latn": 63}
    counts = facts["examples"], facts["examples_without_content"], facts["examples_truncated"]
    assert counts == (61, 2, 1)


def test_too_few_pairs_are_refused(tiny_teacher: Path, tmp_path: Path) -> None:
    for pairs in (PAIRS[:7], []):
        with pytest.raises(InputError, match=f"batch of 8 examples[\\s\\S]*{len(pairs)} examples"):
            train_optical(pairs, OROMO, tiny_teacher, tmp_path / "om", settings=SHORT)
    assert not (tmp_path / "om").exists()


def test_folder_of_somebody_else_is_refused_before_training(
    tiny_teacher: Path, tmp_path: Path, batches_seen: list[list[int]]
) -> None:
    output = tmp_path / "thesis"
    output.mkdir()
    (output / "chapter.txt").write_text("years of work")
    with pytest.raises(ArtifactError, match="will not replace"):
        train_optical(PAIRS, OROMO, tiny_teacher, output, settings=SHORT)
    with write_artifact(tmp_path / "index", "index"):
        pass
    with pytest.raises(ArtifactError, match="something else"):
        train_optical(PAIRS, OROMO, tiny_teacher, tmp_path / "index", settings=SHORT)
    assert [file.read_text() for file in output.iterdir()] == ["years of work"]
    assert batches_seen == []


def test_teacher_without_token_vectors_is_refused(
    own_cache: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="not a late-interaction model"):
        train_optical(PAIRS, OROMO, tiny_encoder, tmp_path / "om", settings=SHORT)


def test_model_that_could_not_be_written_costs_no_second_training(
    tiny_teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batches_seen: list[list[int]]
) -> None:
    expected = train_optical(PAIRS, OROMO, tiny_teacher, tmp_path / "expected", settings=SHORT)
    batches_seen.clear()

    def full_disk(*_: object, **__: object) -> Path:
        with storage_errors(tmp_path):
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(late_interaction, "save", full_disk)
        with pytest.raises(StorageError, match="free some space"):
            train_optical(PAIRS, OROMO, tiny_teacher, tmp_path / "om", settings=SHORT)
    assert len(batches_seen) == SHORT.steps
    model = train_optical(PAIRS, OROMO, tiny_teacher, tmp_path / "om", settings=SHORT)
    # The library takes a step before it looks whether the last one was taken; its learning rate is 0.
    assert len(batches_seen) <= SHORT.steps + 1
    assert (model / "model.safetensors").read_bytes() == (expected / "model.safetensors").read_bytes()
    assert not any((tmp_path / "cache" / "checkpoints").iterdir())


def test_full_disk_is_told_whatever_library_was_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors import SafetensorError

    # The two errors that a full disk gave in the middle of a checkpoint.
    with pytest.raises(StorageError, match="No space left on device"), storage_errors(tmp_path):
        raise SafetensorError("No space left on device (os error 28)")
    with pytest.raises(RuntimeError, match="iostream"), storage_errors(tmp_path):
        raise RuntimeError("basic_ios::clear: iostream error")
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=0))
    with (
        pytest.raises(StorageError, match="No space left on device"),
        storage_errors(tmp_path / "new" / "one"),
    ):
        raise RuntimeError("basic_ios::clear: iostream error")
    with pytest.raises(InputError), storage_errors(tmp_path):
        raise InputError("unrelated")


SCRIPT = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from test_training import KILLED, OROMO, PAIRS, train_optical
train_optical(PAIRS, OROMO, Path(sys.argv[1]), Path(sys.argv[2]), settings=KILLED)
"""


def complete_checkpoints(folder: Path) -> list[int]:
    """Steps after which a checkpoint of the run below a folder has its state, written last, as a whole."""
    found = []
    for state in folder.glob("*/checkpoint-*/trainer_state.json"):
        with suppress(ValueError):
            json.loads(state.read_bytes())
            found.append(int(state.parent.name.split("-")[1]))
    return sorted(found)


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> tuple[Path, Path, bytes]:
    """A cache that a killed training left, the teacher's path in it, and the weights of a whole training."""
    root = tmp_path_factory.mktemp("killed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KIVUKO_CACHE", str(root / "cache"))
        teacher = untrained_teacher(str(tiny_encoder), [pair.english for pair in PAIRS])
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        whole = train_optical(PAIRS, OROMO, teacher, root / "whole", settings=KILLED)
        torch.set_num_threads(threads)
        with (root / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", SCRIPT, str(teacher), str(root / "om")],
                env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
                stdout=log,
                stderr=log,
            )
            while process.poll() is None and 20 not in complete_checkpoints(root / "cache/checkpoints"):
                time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, (root / "log").read_text()
    assert not (root / "om").exists()
    return root / "cache", teacher.relative_to(root / "cache"), (whole / "model.safetensors").read_bytes()


@pytest.mark.parametrize("damage", ["none", "newest without state", "newest with half a state", "all"])
def test_killed_run_resumes_to_the_same_result(
    damage: str,
    killed: tuple[Path, Path, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    batches_seen: list[list[int]],
) -> None:
    left, teacher, whole = killed
    shutil.copytree(left, tmp_path / "cache")
    monkeypatch.setenv("KIVUKO_CACHE", str(tmp_path / "cache"))
    (run,) = (tmp_path / "cache/checkpoints").iterdir()
    complete = complete_checkpoints(run.parent)
    assert len(complete) >= 2
    if damage != "none":
        for step in complete if damage == "all" else complete[-1:]:
            state = run / f"checkpoint-{step}" / "trainer_state.json"
            if damage == "newest with half a state":
                state.write_bytes(state.read_bytes()[:100])
            else:
                state.unlink()
    from_step = {"none": complete[-1], "all": 0}.get(damage, complete[-2])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    model = train_optical(PAIRS, OROMO, tmp_path / "cache" / teacher, tmp_path / "om", settings=KILLED)
    torch.set_num_threads(threads)
    assert len(batches_seen) == KILLED.steps - from_step
    assert (model / "model.safetensors").read_bytes() == whole
    assert not any((tmp_path / "cache/checkpoints").iterdir())


def test_teacher_can_be_trained_on_english(tiny_teacher: Path, own_cache: Path) -> None:
    pairs = [(p.english.split()[0], p.english) for p in PAIRS]
    settings = RankingSettings(steps=4, batch_size=8, learning_rate=1e-3, max_length=32)
    trained = train_teacher(tiny_teacher, pairs, settings=settings)
    stamp = (trained / "manifest.json").stat().st_mtime_ns
    assert late_interaction.space_of(trained) != late_interaction.space_of(tiny_teacher)
    assert train_teacher(tiny_teacher, pairs, settings=settings) == trained
    assert (trained / "manifest.json").stat().st_mtime_ns == stamp
    assert not any((own_cache / "checkpoints").iterdir())


class Clock:
    """Time that passes when it is told to."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


def test_teacher_that_was_stopped_lost_a_minute_at_most_and_ends_like_one_that_was_not(
    tiny_teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its steps are fewer than those between two checkpoints: they are made by time alone.
    clock, ends, limit, seconds = Clock(), [0.0], 99, 11.0
    plain = RankingLoss.forward

    def timed(self: RankingLoss, features: object, labels: torch.Tensor) -> torch.Tensor:
        if len(ends) > limit:
            raise KeyboardInterrupt
        clock.now += seconds
        ends.append(clock.now)
        return plain(self, features, labels)  # type: ignore[arg-type]

    monkeypatch.setattr(fit_module, "time", clock)
    monkeypatch.setattr(RankingLoss, "forward", timed)
    pairs = [(p.english.split()[0], p.english) for p in PAIRS]
    settings = RankingSettings(steps=20, batch_size=8, learning_rate=1e-3, max_length=32)
    assert settings.steps < settings.checkpoint_every
    whole = train_teacher(tiny_teacher, pairs, tmp_path / "whole", settings=settings)
    assert len(ends) == 1 + settings.steps
    ends, limit = [clock.now], 13
    with pytest.raises(Interrupted, match=r"steps up to 10 are kept[\s\S]*same command again"):
        train_teacher(tiny_teacher, pairs, tmp_path / "stopped", settings=settings)
    (run,) = (tmp_path / "cache/checkpoints").iterdir()
    kept = sorted(int(path.name.partition("-")[2]) for path in run.glob("checkpoint-*"))
    # Of steps that take 11 s five are over in a minute, and six are not.
    assert kept == [5, 10]
    limit = 99
    ends = [clock.now]
    resumed = train_teacher(tiny_teacher, pairs, tmp_path / "stopped", settings=settings)
    assert len(ends) == 1 + settings.steps - 10
    assert weights_of(resumed) == weights_of(whole)
    assert read_manifest(resumed, "model").hash == read_manifest(whole, "model").hash


def weights_of(model: Path) -> bytes:
    return (model / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("step", "writing", "steps_between"),
    [(1.0, 0.0, 59), (1.0, 5.0, 54), (11.0, 0.0, 5), (11.0, 2.0, 5), (40.0, 0.0, 1), (1.0, 45.0, 30)],
)
def test_checkpoints_are_complete_within_a_minute_and_not_much_more_often(
    step: float, writing: float, steps_between: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(fit_module, "time", clock)
    timely, control, saves = fit_module._TimelyCheckpoints(), SimpleNamespace(should_save=False), []
    timely.on_train_begin(None, None, control)
    for number in range(1, 400):
        clock.now += step
        timely.on_step_end(None, None, control)
        if control.should_save:
            clock.now += writing
            timely.on_save(None, None, control)
            saves.append(number)
            control.should_save = False
    assert {after - before for before, after in pairwise(saves[1:])} == {steps_between}


def test_a_training_s_line_fits_a_terminal_of_80_columns_with_its_times() -> None:
    label = "codeswitch+optical-oromo-alone.all.0, codeswitch"
    described = fit_module.described(label, ["loss 12.345", "error 0.012", "12,345 tok/s"])
    assert described.startswith("codeswitch+optical-")
    assert "loss 12.345" in described
    assert fit_module.described("mlm", ["loss 1.234", "987 tok/s"]) == "mlm, loss 1.234, 987 tok/s"
    stream = io.StringIO()
    with bars() as shown:
        columns = shown.columns
    with Progress(*columns, console=Console(file=stream, width=80, force_terminal=True)) as progress:
        progress.add_task(described, total=2000, completed=1999)
    (line,) = {
        line for line in re.sub(r"\x1b\[[^A-Za-z]*[A-Za-z]", "", stream.getvalue()).split("\n") if line
    }
    assert re.search(r"1999/2000 \S+ \S+\s*$", line)
    assert "loss 12.345" in line


@pytest.mark.parametrize(
    ("diagnostics", "shown"),
    [
        ({"transport_cost": 0.3141}, "OPTICAL, Oromo, cost 0.314"),
        ({"transport_cost": 0.3141, "marginal_error": 0.0123}, "OPTICAL, Oromo, error 0.012"),
        ({}, "OPTICAL, Oromo"),
    ],
)
def test_a_bar_shows_of_plans_what_their_solver_leaves_to_see(
    diagnostics: dict[str, float], shown: str
) -> None:
    with Progress(disable=True) as progress:
        bar = fit_module._Bar(SimpleNamespace(diagnostics=diagnostics), 9, progress, "OPTICAL, Oromo")  # type: ignore[arg-type]
        bar.on_step_end(None, SimpleNamespace(global_step=1), None)
        assert progress.tasks[0].description == shown


def test_training_leaves_the_process_s_arithmetic_as_it_was(tiny_teacher: Path, tmp_path: Path) -> None:
    train_optical(PAIRS, OROMO, tiny_teacher, tmp_path / "om", settings=SHORT)
    assert torch.tensor(1e-310, dtype=torch.float64) * 1.0 != 0
