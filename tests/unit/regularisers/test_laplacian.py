"""Neighbours should answer alike: the graph, the quadratic form, and its gradient."""

import itertools

import pytest
import torch
from torch import Tensor

from mtlcli.regularisers.base import Sight
from mtlcli.regularisers.laplacian import Laplacian, affinity, laplacian


def _by_hand(x: Tensor, neighbours: int) -> Tensor:
    """A, pair by pair."""
    count = len(x)
    distance = [[float((a - b).norm()) for b in x] for a in x]
    pairs = sorted(distance[i][j] for i, j in itertools.permutations(range(count), 2))
    width = pairs[(len(pairs) - 1) // 2]
    found = torch.zeros(count, count, dtype=x.dtype)
    for i in range(count):
        others = sorted((j for j in range(count) if j != i), key=lambda j: distance[i][j])
        for j in others[:neighbours]:
            value = torch.exp(torch.tensor(-(distance[i][j] ** 2) / (2 * width**2)))
            found[i, j] = found[j, i] = value
    return found


@pytest.mark.parametrize("neighbours", [1, 3, 50])
def test_the_graph_joins_each_image_with_its_nearest(neighbours: int) -> None:
    torch.manual_seed(0)
    x = torch.randn(9, 4, dtype=torch.float64)
    found = affinity(x, neighbours)
    torch.testing.assert_close(found, _by_hand(x, neighbours), atol=1e-6, rtol=1e-6)
    assert torch.equal(found, found.T) and not found.diagonal().any()


def test_twins_and_lone_images_make_no_nan() -> None:
    twins = torch.zeros(4, 3)
    assert torch.equal(affinity(twins, 3), 1 - torch.eye(4))
    for normalised in (False, True):
        assert not laplacian(torch.zeros(3, 3), normalised=normalised).any()
        assert not laplacian(affinity(twins[:1], 3), normalised=normalised).any()
    assert not affinity(torch.randn(5, 2), 0).any()


@pytest.mark.parametrize("normalised", [False, True])
def test_the_form_is_the_sum_over_pairs(normalised: bool) -> None:
    torch.manual_seed(0)
    x, p = torch.randn(8, 3, dtype=torch.float64), torch.randn(8, 2, dtype=torch.float64)
    a = affinity(x, 3)
    scale = a.sum(1).rsqrt() if normalised else torch.ones(8, dtype=torch.float64)
    scaled = p * scale[:, None]
    expected = sum(
        a[i, j] * (scaled[i] - scaled[j]).square().sum() / 2
        for i, j in itertools.product(range(8), repeat=2)
    )
    found = (p * (laplacian(a, normalised=normalised) @ p)).sum()
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("graph", ["features", "outputs"])
@pytest.mark.parametrize("smooth", ["probabilities", "outputs", "features"])
@pytest.mark.parametrize("per_task", [True, False])
@pytest.mark.parametrize("normalised", [True, False])
def test_the_gradient_through_p_is_that_of_finite_differences(
    graph: str, smooth: str, per_task: bool, normalised: bool, sight
) -> None:
    """The graph is a constant: it is held to the first look while P changes."""
    seen = sight(rows=5, hidden=2)
    part = Laplacian(
        ["a"], graph=graph, smooth=smooth, per_task=per_task, normalised=normalised, neighbours=2
    )
    held = part._laplacians(seen.features if graph == "features" else seen.outputs)
    part._laplacians = lambda _: held
    which = "features" if smooth == "features" else "outputs"
    values = {t: x.detach().clone().requires_grad_() for t, x in getattr(seen, which).items()}

    def run(*tensors: Tensor) -> Tensor:
        changed = dict(zip(values, tensors, strict=True))
        parts = {"features": seen.features, "outputs": seen.outputs, which: changed}
        return part.penalty(Sight(seen.heads, **parts))

    assert torch.autograd.gradcheck(run, tuple(values.values()))


def test_the_graph_itself_has_no_gradient(sight) -> None:
    seen = sight()
    features = {t: x.detach().requires_grad_() for t, x in seen.features.items()}
    Laplacian(["a"]).penalty(Sight(seen.heads, features, seen.outputs)).backward()
    assert all(x.grad is None for x in features.values())
    assert all(h.last.weight.grad is not None for h in seen.heads.values())


def test_the_order_of_images_does_not_count(sight) -> None:
    seen, order = sight(rows=9), torch.randperm(9)
    turned = Sight(
        seen.heads,
        {t: x[order] for t, x in seen.features.items()},
        {t: x[order] for t, x in seen.outputs.items()},
    )
    for per_task in (True, False):
        part = Laplacian(["a"], per_task=per_task, neighbours=3)
        torch.testing.assert_close(part(turned), part(seen))


def test_equal_answers_cost_nothing_and_near_images_more_than_far_ones() -> None:
    x = torch.tensor([[0.0], [0.1], [5.0], [5.1]])
    part = Laplacian(["a"], smooth="outputs", neighbours=3)

    def value(*answers: float) -> float:
        outputs = torch.tensor([[float(answer)] for answer in answers])
        return float(part.penalty(Sight({}, {"a": x}, {"a": outputs})))

    assert abs(value(2, 2, 2, 2)) < 1e-6
    assert value(0, 1, 0, 1) > value(0, 0, 1, 1) > 0


def test_one_picture_has_no_neighbours(sight) -> None:
    value = Laplacian(["a"])(sight(rows=1))
    assert value == 0 and value.requires_grad
