"""The OPTICAL loss on tensors worked by hand, and through sentence-transformers' trainer."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from kivuko import transport
from kivuko.errors import UnknownNameError
from kivuko.models import encoding, late_interaction
from kivuko.models.token_vectors import TokenVectors
from kivuko.training.align_to_teacher import AlignedBatch
from kivuko.training.optical import OpticalLoss, PlanSettings
from kivuko.training.similarity import in_batch_contrast
from kivuko.training.teacher_vectors import TeacherVectors
from kivuko.training.units import pieces


def cache_of(*texts: Tensor) -> TeacherVectors:
    """A teacher cache in memory that holds these [tokens, dim] vectors."""
    arrays = [text.numpy().astype(np.float16) for text in texts]
    place = np.array([[0, i] for i in range(len(arrays))], dtype=np.int64)
    dim = texts[0].shape[1]
    return TeacherVectors([TokenVectors.stack(arrays, dim)], place, dim)


def unit(*shape: int, seed: int = 0) -> Tensor:
    """Random unit vectors that float16 holds almost exactly."""
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(*shape, generator=generator), dim=-1).half().float()


def loss_on(teacher: TeacherVectors, **settings: object) -> OpticalLoss:
    """A loss for calling :meth:`OpticalLoss.transport` alone, which needs no student."""
    return OpticalLoss(torch.nn.Identity(), teacher, plans=PlanSettings(**settings))  # type: ignore[arg-type]


def transported(
    loss: OpticalLoss, student: Tensor, student_mask: Tensor, target: Tensor, target_mask: Tensor
) -> Tensor:
    """The loss with pieces as units, every English side its own."""
    pairs = torch.arange(len(student))
    return loss.transport(
        pieces(AlignedBatch(student, student_mask, target, target_mask, pairs, pairs)), pairs
    )


def whole(vectors: Tensor) -> Tensor:
    return torch.ones(vectors.shape[:2], dtype=torch.bool)


def test_two_by_two_worked_by_hand() -> None:
    # Student tokens (1, 0) and (0, 1); teacher tokens (.6, .8) and (1, 0):
    # C = [[.4, 0], [.2, 1]]. Swapping costs (0 + .2) / 2 = .1, keeping costs (.4 + 1) / 2 = .7.
    student = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    target = torch.tensor([[[0.6, 0.8], [1.0, 0.0]]])
    loss = loss_on(cache_of(target[0]), solver="exact")
    found = transported(loss, student, whole(student), target, whole(target))
    assert found.item() == pytest.approx(0.1, abs=1e-6)
    assert loss.diagnostics == pytest.approx(
        {"largest_entry": 0.5, "plan_entropy": math.log(2), "transport_cost": 0.1}, abs=1e-6
    )
    # With an ε that blurs everything the plan is uniform: (.4 + 0 + .2 + 1) / 4 = .4.
    blurred = loss_on(cache_of(target[0]), solver="sinkhorn", epsilon=1e4)
    assert transported(blurred, student, whole(student), target, whole(target)).item() == pytest.approx(
        0.4, abs=1e-3
    )


def test_gradient_flows_through_the_cost_alone() -> None:
    student = unit(2, 3, 4).requires_grad_()
    target = unit(2, 5, 4, seed=1)
    loss = loss_on(cache_of(*target), solver="sinkhorn", epsilon=0.5)
    (found,) = torch.autograd.grad(transported(loss, student, whole(student), target, whole(target)), student)
    cost = transport.cosine_cost(student.detach(), target, normalised=True)
    plan = transport.solve(
        cost,
        transport.uniform_marginal(whole(student)),
        transport.uniform_marginal(whole(target)),
        epsilon=0.5,
    ).plan
    # ∂⟨T, 1 − S Hᵀ⟩/∂S = −T H with T held fixed; averaged over the two pairs.
    torch.testing.assert_close(found, -(plan @ target) / 2)


@pytest.mark.parametrize("solver", ["sinkhorn", "ipot", "exact"])
def test_equals_a_loop_over_unpadded_pairs(solver: transport.Solver) -> None:
    lengths = [(2, 5), (4, 1), (3, 3)]
    pairs = [(unit(m, 8, seed=m), unit(n, 8, seed=10 + n)) for m, n in lengths]
    costs = []
    for student, target in pairs:
        cost = transport.cosine_cost(student[None], target[None], normalised=True)
        solved = transport.solve(
            cost,
            torch.full((1, len(student)), 1 / len(student)),
            torch.full((1, len(target)), 1 / len(target)),
            solver=solver,
            epsilon=0.3,
        )
        costs.append(solved.cost.item())
    students, student_mask = cache_of(*(student for student, _ in pairs)).padded([0, 1, 2])
    teacher = cache_of(*(target for _, target in pairs))
    targets, target_mask = teacher.padded([0, 1, 2])
    # What stands on a pad must not count.
    students[~student_mask] = 7.0
    targets[~target_mask] = -7.0
    found = transported(loss_on(teacher, solver=solver), students, student_mask, targets, target_mask)
    assert found.item() == pytest.approx(np.mean(costs), abs=2e-4)


def test_order_of_the_batch_does_not_matter() -> None:
    student, target = unit(4, 3, 8), unit(4, 5, 8, seed=1)
    student_mask, target_mask = whole(student), whole(target)
    student_mask[1, 2], target_mask[2, 3:] = False, False
    english = torch.tensor([0, 1, 1, 2])
    turned = torch.tensor([2, 0, 3, 1])
    loss = loss_on(cache_of(*target))
    torch.testing.assert_close(
        transported(loss, student, student_mask, target, target_mask),
        transported(loss, student[turned], student_mask[turned], target[turned], target_mask[turned]),
    )
    torch.testing.assert_close(
        in_batch_contrast(student, student_mask, target, target_mask, english, scale=20),
        in_batch_contrast(
            *(student[turned], student_mask[turned], target[turned], target_mask[turned], english[turned]),
            scale=20,
        ),
    )


def test_perfect_student_costs_almost_nothing() -> None:
    target = unit(3, 4, 64)
    order = torch.tensor([2, 0, 3, 1])
    loss = loss_on(cache_of(*target), solver="exact")
    assert transported(loss, target[:, order], whole(target), target, whole(target)).item() < 1e-3
    stranger = unit(3, 4, 64, seed=5)
    assert transported(loss, stranger, whole(stranger), target, whole(target)).item() > 0.5


def test_contrast_worked_by_hand() -> None:
    # Mean MaxSim of the two students with the two English sides: [[1, .6], [.8, 0]] times scale 2.
    student = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])
    target = torch.tensor([[[1.0, 0.0], [0.0, -1.0]], [[0.6, 0.8], [0.6, 0.8]]])
    found = in_batch_contrast(student, whole(student), target, whole(target), torch.tensor([0, 1]), scale=2)
    own_first, other_first = 2 * 1.0, 2 * 0.6
    own_second, other_second = 2 * 0.8, 2 * 0.0
    expected = [
        -own_first + math.log(math.exp(own_first) + math.exp(other_first)),
        -own_second + math.log(math.exp(own_second) + math.exp(other_second)),
    ]
    assert found.item() == pytest.approx(np.mean(expected), abs=1e-6)


def test_contrast_ignores_pads_also_where_all_similarities_are_negative() -> None:
    # Students near one pole and English sides near the other: a pad's similarity of 0 would be the best.
    pole = torch.tensor([3.0, 0, 0, 0])
    student = torch.nn.functional.normalize(unit(2, 2, 4) + pole, dim=-1)
    target = torch.nn.functional.normalize(unit(2, 2, 4, seed=1) - pole, dim=-1)
    english = torch.arange(2)
    plain = in_batch_contrast(student, whole(student), target, whole(target), english, scale=5)
    padded_student = torch.cat([student, torch.full((2, 1, 4), 9.0)], dim=1)
    padded_target = torch.cat([target, torch.zeros(2, 2, 4)], dim=1)
    keep_student = torch.tensor([[True, True, False]] * 2)
    keep_target = torch.tensor([[True, True, False, False]] * 2)
    padded = in_batch_contrast(padded_student, keep_student, padded_target, keep_target, english, scale=5)
    torch.testing.assert_close(plain, padded)


def test_equal_english_sides_are_no_negatives() -> None:
    student, target = unit(2, 3, 8), unit(1, 3, 8, seed=1).expand(2, -1, -1)
    same = in_batch_contrast(student, whole(student), target, whole(target), torch.tensor([4, 4]), scale=20)
    other = in_batch_contrast(student, whole(student), target, whole(target), torch.tensor([4, 5]), scale=20)
    assert same.item() == pytest.approx(0, abs=1e-6)
    assert other.item() == pytest.approx(math.log(2), abs=1e-6)


def test_loss_takes_tokenised_texts_and_names_its_parts(tiny_teacher: Path) -> None:
    student = late_interaction.load(tiny_teacher)
    texts = ["open the file", "save", "a big red table"]
    vectors = encoding.encode(student, texts, task="document")
    teacher = cache_of(*(torch.from_numpy(vectors[i].astype(np.float32)) for i in range(3)))
    features = student.preprocess(texts, task="query")
    labels = torch.tensor([0, 1, 2])
    plain = OpticalLoss(student, teacher)([features], labels)
    assert list(plain) == ["transport"]
    # A student that gives the teacher's own vectors, up to the rounding to half precision.
    assert plain["transport"].item() < 0.01
    loss = OpticalLoss(student, teacher, plans=PlanSettings("sinkhorn"), contrast_weight=0.5)
    both = loss([features], labels)
    assert list(both) == ["transport", "contrast"]
    whole_weight = OpticalLoss(student, teacher, contrast_weight=1.0)([features], labels)
    assert whole_weight["contrast"].item() == pytest.approx(2 * both["contrast"].item(), rel=1e-5)
    assert set(loss.diagnostics) == {"marginal_error", "largest_entry", "plan_entropy", "transport_cost"}
    # The exact solver leaves no error, and so none is shown, but the cost.
    exact = OpticalLoss(student, teacher)
    exact([features], labels)
    assert set(exact.diagnostics) == {"largest_entry", "plan_entropy", "transport_cost"}
    assert loss.tokens == vectors.lengths.sum()
    # The wrong English sides cost more.
    assert loss([features], labels.roll(1))["transport"] > 0.1


def test_unknown_solver_is_named() -> None:
    with pytest.raises(UnknownNameError, match="sinkhorn"):
        PlanSettings("sinkhron")  # type: ignore[arg-type]
