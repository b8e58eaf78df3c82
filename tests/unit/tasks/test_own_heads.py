"""Heads that read one network per attribute: each output sees its own features and no others."""

import pytest
import torch

from mtlcli.errors import UsageError
from mtlcli.tasks.latent_head import LatentHead
from mtlcli.tasks.own_heads import OwnHead, OwnLatentHead, width_of_each

M, D, K = 3, 5, 2


def test_every_output_is_its_row_on_its_own_features() -> None:
    head, maps = OwnHead(D, M), torch.randn(4, M * D, 2, 2)
    means = maps.mean((2, 3)).view(4, M, D)
    wanted = [means[:, m] @ head.last.weight[m] + head.last.bias[m] for m in range(M)]
    torch.testing.assert_close(head(maps), torch.stack(wanted, 1))


def test_latent_tasks_are_one_for_all_outputs() -> None:
    """f_m = (L s_m)ᵀ X_m + b_m."""
    head, maps = OwnLatentHead(D, M, K), torch.randn(4, M * D, 2, 2)
    weights = (head.last.weight @ head.latent.weight).detach()
    means = maps.mean((2, 3)).view(4, M, D)
    wanted = [means[:, m] @ weights[m] + head.last.bias[m] for m in range(M)]
    torch.testing.assert_close(head(maps), torch.stack(wanted, 1))


def test_on_equal_features_they_are_the_shared_heads() -> None:
    own, shared = OwnLatentHead(D, M, K), LatentHead(D, M, K)
    shared.load_state_dict(own.state_dict())
    maps = torch.randn(4, D, 2, 2)
    torch.testing.assert_close(own(maps.repeat(1, M, 1, 1)), shared(maps))


@pytest.mark.parametrize("head", [OwnHead(D, M), OwnLatentHead(D, M, K)])
def test_an_output_has_no_gradient_at_the_features_of_others(head: torch.nn.Module) -> None:
    maps = torch.randn(2, M * D, 2, 2, requires_grad=True)
    head(maps)[:, 1].sum().backward()
    assert maps.grad is not None
    touched = maps.grad.view(2, M, -1).abs().sum((0, 2)) > 0
    assert touched.tolist() == [False, True, False]


@pytest.mark.parametrize("head", [OwnHead(D, M), OwnLatentHead(D, M, K)])
def test_what_the_last_layer_reads_gives_the_answer(head: OwnHead | OwnLatentHead) -> None:
    maps = torch.randn(4, M * D, 2, 2)
    embedding = head.eval().embed(maps)
    assert embedding.ndim == 2
    torch.testing.assert_close(head.answer(embedding), head(maps))


def test_features_that_cannot_be_divided_are_refused() -> None:
    with pytest.raises(UsageError, match="16 features cannot be divided among 3"):
        width_of_each(16, 3)
