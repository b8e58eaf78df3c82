"""Margins equal the papers' formulas, have their gradients, and stay finite where angles end."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from mtlcli.io.column import Column
from mtlcli.tasks.identity import Identity
from mtlcli.tasks.margins import Margin, arcface, with_margin

WHO = Column("identity", classes=("ann", "bob", "cid", "dan"))
angles = st.floats(0.01, math.pi - 0.01)


def _loss(cosines: torch.Tensor, target: torch.Tensor, margin: Margin, m: float) -> torch.Tensor:
    task = Identity("who", WHO, margin=margin, m=m, scale=16.0, size=2)
    padded = torch.cat([torch.zeros(len(cosines), 2), cosines.float()], 1)
    return task.loss(padded, target, torch.ones(len(cosines)))


@given(angle=angles, m=st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_arcface_adds_to_the_angle_and_never_rises_with_it(angle: float, m: float) -> None:
    one, more = torch.tensor([angle, angle + 0.005], dtype=torch.float64).cos()
    moved = arcface(one, m)
    if angle + m < math.pi - 1e-6:
        assert float(moved) == pytest.approx(math.cos(angle + m), abs=1e-3)
    assert float(arcface(more, m)) < float(moved)
    assert float(moved) <= float(one) + 1e-9


@pytest.mark.parametrize(("margin", "m"), [("arcface", 0.5), ("cosface", 0.35), ("none", 0.7)])
def test_the_loss_is_the_papers_written_out(margin: Margin, m: float) -> None:
    theta = 0.2 + 2.2 * torch.rand(7, 4, dtype=torch.float64)
    target = torch.randint(0, 4, (7,))
    wanted = 0.0
    for row, y in zip(theta.tolist(), target.tolist(), strict=True):
        own = {"arcface": math.cos(row[y] + m), "cosface": math.cos(row[y]) - m}.get(
            margin, math.cos(row[y])
        )
        others = sum(math.exp(16 * math.cos(t)) for j, t in enumerate(row) if j != y)
        wanted -= math.log(math.exp(16 * own) / (math.exp(16 * own) + others))
    assert float(_loss(theta.cos(), target, margin, m)) == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize("margin", ["arcface", "cosface", "none"])
def test_a_margin_of_0_is_the_softmax_of_scaled_cosines(margin: Margin) -> None:
    cosines, target = torch.rand(9, 4) * 2 - 1, torch.randint(0, 4, (9,))
    plain = F.cross_entropy(16 * cosines, target, reduction="sum")
    torch.testing.assert_close(_loss(cosines, target, margin, 0.0), plain)


@pytest.mark.parametrize("easy", [False, True])
@pytest.mark.parametrize("margin", ["arcface", "cosface"])
def test_gradients_are_those_of_finite_differences(margin: Margin, easy: bool) -> None:
    cosines = torch.tensor([[-0.98, 0.3], [-0.5, 0.9], [0.4, -0.2], [0.97, 0.1]]).double()
    target = torch.tensor([0, 0, 0, 0])
    assert torch.autograd.gradcheck(
        lambda x: with_margin(x, target, margin, 0.4, easy=easy), cosines.requires_grad_()
    )


@pytest.mark.parametrize("margin", ["arcface", "cosface", "none"])
@pytest.mark.parametrize("value", [1.0, -1.0, 1.0 + 1e-6, -1.0 - 1e-6, 1 - 1e-7])
def test_ends_of_the_cosine_have_finite_losses_and_gradients(margin: Margin, value: float) -> None:
    cosines = torch.tensor([[value, 0.0, 0.1, 0.2]], requires_grad=True)
    loss = _loss(cosines, torch.tensor([0]), margin, 0.5)
    torch.autograd.backward(loss)
    assert loss.isfinite() and cosines.grad is not None and cosines.grad.isfinite().all()


def test_an_easy_margin_leaves_angles_above_a_quarter_turn_alone() -> None:
    cosine = torch.tensor([-0.5, -0.01, 0.01, 0.5])
    moved = arcface(cosine, 0.5, easy=True)
    assert moved[:2].equal(cosine[:2]) and bool((moved[2:] < cosine[2:]).all())


def test_only_the_right_class_has_a_margin() -> None:
    cosines = torch.rand(3, 4)
    moved = with_margin(cosines, torch.tensor([1, 0, 3]), "cosface", 0.35)
    assert (moved != cosines).nonzero().tolist() == [[0, 1], [1, 0], [2, 3]]
