"""The penalty of latent-task heads is that of the solver, and moves L and S as it should."""

import pytest
import torch
from torch import nn

from mtlcli.errors import UsageError
from mtlcli.regularisers.base import Sight
from mtlcli.regularisers.latent_task import LatentTask
from mtlcli.tasks.latent.groups import index_groups
from mtlcli.tasks.latent.objective import Penalties
from mtlcli.tasks.latent_head import LatentHead

GROUPS = ("age", "age", "race", "race", "race")


def penalty(heads: dict[str, nn.Module], **options: float) -> torch.Tensor:
    value: torch.Tensor = LatentTask(list(heads), **options)(Sight(heads, {}, {}))
    return value


def test_it_is_the_solvers_penalty() -> None:
    head = LatentHead(6, 5, 3, groups=GROUPS)
    p = Penalties(mu=0.3, gamma=0.02, lam=0.1)
    groups = index_groups(GROUPS, 5)[1]
    wanted = p.of_shares(head.last.weight.T, groups) + p.of_latents(head.latent.weight.T)
    found = penalty({"faces": head}, mu=0.3, gamma=0.02, lam=0.1)
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(
        penalty({"faces": head}, strength=2.0, mu=0.3, gamma=0.02, lam=0.1), 2 * wanted
    )


def test_without_groups_it_is_the_l1_norm_of_shares() -> None:
    head = LatentHead(6, 5, 3)
    found = penalty({"faces": head}, mu=1.0, gamma=0.0, lam=0.0)
    torch.testing.assert_close(found, head.last.weight.abs().sum())


def test_heads_of_other_kinds_are_left_alone() -> None:
    head, other = LatentHead(6, 5, 3, groups=GROUPS), nn.Linear(6, 2)
    both = penalty({"faces": head, "age": other})
    torch.testing.assert_close(both, penalty({"faces": head}))
    both.backward()
    assert other.weight.grad is None
    assert head.last.bias.grad is None


def test_a_latent_task_that_is_zero_has_a_finite_slope() -> None:
    head = LatentHead(6, 5, 3, groups=GROUPS)
    with torch.no_grad():
        head.last.weight[:, 1] = 0
    penalty({"faces": head}).backward()
    assert head.last.weight.grad is not None
    assert torch.isfinite(head.last.weight.grad).all()
    assert (head.last.weight.grad[:, 1] == 0).all()


def test_the_slope_is_that_of_finite_differences() -> None:
    head = LatentHead(4, 5, 2, groups=GROUPS).double()
    weights = (head.latent.weight, head.last.weight)

    def value(latents: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
        found = torch.func.functional_call(
            _Wrapped(head), {"head.latent.weight": latents, "head.last.weight": shares}, ()
        )
        assert isinstance(found, torch.Tensor)
        return found

    assert torch.autograd.gradcheck(value, weights)


class _Wrapped(nn.Module):
    def __init__(self, head: LatentHead) -> None:
        super().__init__()
        self.head = head

    def forward(self) -> torch.Tensor:
        return penalty({"faces": self.head}, mu=0.3, gamma=0.02, lam=0.1)


def test_without_a_latent_head_it_says_so() -> None:
    with pytest.raises(UsageError, match="no latent-task head"):
        penalty({"age": nn.Linear(6, 2)})
