"""Steps for one task: equal tasks help as themselves, opposed ones hurt, nothing stays changed."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from mtlcli.engine.affinity_steps import look_ahead, relative


def bowls(*centres: list[float]) -> tuple[Callable[[], Tensor], nn.Parameter]:
    """L_k(θ) = ½ ‖θ - c_k‖², seen from (1, 1)."""
    place = nn.Parameter(torch.ones(2))
    ends = [torch.tensor(c) for c in centres]
    return (lambda: torch.stack([(place - c).square().sum() / 2 for c in ends])), place


def test_equal_tasks_are_worth_a_step_of_their_own() -> None:
    losses, place = bowls([4.0, 0.0], [4.0, 0.0])
    found = look_ahead(losses, [place])
    assert torch.allclose(relative(found.gains), torch.ones(2, 2).double())
    assert torch.allclose(found.cosines, torch.ones(2, 2).double())


def test_opposed_tasks_hurt_each_other() -> None:
    losses, place = bowls([3.0, 1.0], [-1.0, 1.0], [1.0, 5.0])
    found = look_ahead(losses, [place])
    affinity = relative(found.gains)
    assert affinity[0, 1] == pytest.approx(-1, abs=0.01)
    assert affinity[1, 0] == pytest.approx(-1, abs=0.01)
    assert affinity[0, 2] == pytest.approx(0, abs=0.01)
    assert found.cosines[0, 1] == pytest.approx(-1) and abs(found.cosines[0, 2]) < 1e-6


def test_affinity_has_a_direction() -> None:
    """A long step for a far goal overshoots a near one; a step for the near one suits the far."""
    losses, place = bowls([4.0, 1.0], [1.3, 1.2])
    found = look_ahead(losses, [place], length=0.3)
    affinity = relative(found.gains)
    assert affinity[0, 1] < affinity[1, 0] - 0.1
    assert affinity[1, 0] == pytest.approx(float(found.cosines[0, 1]), abs=0.03)


@pytest.mark.parametrize("factor", [1e-3, 1.0, 1e3])
def test_a_losses_unit_does_not_count(factor: float) -> None:
    losses, place = bowls([4.0, 0.0], [0.0, 3.0])
    units = torch.tensor([factor, 1.0])
    one = look_ahead(losses, [place])
    two = look_ahead(lambda: losses() * units, [place])
    assert torch.allclose(one.gains, two.gains, rtol=1e-3, atol=1e-6)


def test_gains_are_the_gradients_inner_products_where_steps_are_short() -> None:
    losses, place = bowls([4.0, 0.0], [0.0, 3.0])
    length = 1e-3
    found = look_ahead(losses, [place], length=length)
    value = losses().detach().double()
    rows = torch.stack([place.detach() - torch.tensor(c) for c in ([4.0, 0.0], [0.0, 3.0])])
    step = length * float(place.detach().norm()) * rows / rows.norm(dim=1, keepdim=True)
    expected = step.double() @ rows.double().T / value
    assert torch.allclose(found.gains, expected, rtol=0.02)


def test_the_parameters_are_afterwards_what_they_were() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2))
    x, unused = torch.randn(6, 4), nn.Parameter(torch.ones(3))
    parameters = [*net.parameters(), unused]
    before = [p.detach().clone() for p in parameters]
    look_ahead(lambda: net(x).square().mean(0), parameters)
    assert all(torch.equal(p, q) for p, q in zip(parameters, before, strict=True))
    assert all(p.grad is None for p in parameters)


def test_a_task_without_labels_has_no_number_and_disturbs_no_other() -> None:
    losses, place = bowls([4.0, 0.0], [0.0, 3.0])

    def some() -> Tensor:
        return torch.stack([*losses(), torch.tensor(torch.nan)])

    found, plain = look_ahead(some, [place]), look_ahead(losses, [place])
    assert torch.equal(found.gains[:2, :2], plain.gains)
    assert found.gains[2].isnan().all() and found.gains[:, 2].isnan().all()
    assert found.cosines[2].isnan().all() and found.cosines[:2, :2].isfinite().all()


def test_no_ratio_where_a_step_does_not_help_its_own_task() -> None:
    gains = torch.tensor([[0.2, 0.1], [0.1, -0.1]]).double()
    found = relative(gains)
    assert found[0, 0] == 1 and found[1, 0] == 0.5
    assert found[:, 1].isnan().all()
