"""What holds of every penalty of the catalog, and of the baselines made of several."""

import math

import pytest
import torch
from torch import Tensor

from mtlcli import catalog, registry
from mtlcli.errors import UsageError
from mtlcli.regularisers.base import Regulariser, Sight, first_layers
from mtlcli.tasks.dense_heads import LFOV
from mtlcli.tasks.heads import ImageHead

TASKS = ["a", "b", "c"]
NAMES = [name for name in catalog.REGULARISERS if name != "latent_task"]  # it has its own head
OF_WEIGHTS = ["l21", "nuclear", "low_rank"]
OPTIONS = {"low_rank": {"rank": 2}, "laplacian": {"neighbours": 2}}


def make(name: str, **options: object) -> Regulariser:
    given = {**OPTIONS.get(name, {}), **options}
    made: Regulariser = registry.build("regulariser", name, TASKS, options=given)
    return made


@pytest.mark.parametrize("name", NAMES)
def test_it_is_a_number_above_zero_and_grows_with_its_strength(name: str, sight) -> None:
    seen = sight()
    one, two = make(name, strength=0.5)(seen), make(name, strength=1.5)(seen)
    assert one.shape == () and one > 0 and one.requires_grad
    torch.testing.assert_close(two, 3 * one)
    assert make(name, strength=0)(seen) == 0


@pytest.mark.parametrize("name", OF_WEIGHTS)
@pytest.mark.parametrize("hidden", [0, 4])
def test_the_gradient_is_that_of_finite_differences(name: str, hidden: int, sight) -> None:
    seen, part = sight(hidden=hidden), make(name, strength=1)
    weights = [head.first.weight for head in seen.heads.values()]
    found = torch.autograd.grad(part.penalty(seen), weights)
    for weight, gradient in zip(weights, found, strict=True):
        torch.testing.assert_close(gradient, differences(part, seen, weight), atol=1e-6, rtol=1e-6)


@torch.no_grad()
def differences(part: Regulariser, seen: Sight, weight: Tensor, step: float = 1e-5) -> Tensor:
    """Central ones, entry by entry."""
    found = torch.empty_like(weight)
    for place in range(weight.numel()):
        values = []
        for change in (step, -step):
            weight.view(-1)[place] += change
            values.append(part.penalty(seen))
            weight.view(-1)[place] -= change
        found.view(-1)[place] = (values[0] - values[1]) / (2 * step)
    return found


@pytest.mark.parametrize("name", OF_WEIGHTS)
def test_neither_the_order_of_features_nor_of_tasks_counts(name: str, sight) -> None:
    seen, part = sight(), make(name)
    before = part(seen)
    order = torch.randperm(6)
    with torch.no_grad():
        for head in seen.heads.values():
            head.first.weight.copy_(head.first.weight[:, order])
    turned = {task: seen.heads[task] for task in ("c", "a", "b")}
    torch.testing.assert_close(part(Sight(turned, {}, {})), before)


@pytest.mark.parametrize(("name", "same"), [("nuclear", True), ("low_rank", True), ("l21", False)])
def test_a_rotation_of_the_features_counts_for_l21_alone(name: str, same: bool, sight) -> None:
    seen, part = sight(), make(name)
    before = part.penalty(seen)
    rotation = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64)).Q
    with torch.no_grad():
        for head in seen.heads.values():
            head.first.weight.copy_(head.first.weight @ rotation)
    assert torch.isclose(part.penalty(seen), before) == same


@pytest.mark.parametrize("name", OF_WEIGHTS)
@pytest.mark.parametrize("case", ["zero", "rank one", "equal singular values", "zero rows"])
def test_where_singular_values_vanish_or_repeat_gradients_are_finite(
    name: str, case: str, sight
) -> None:
    seen = sight(hidden=2)
    whole = first_layers(seen.heads).detach().clone()
    if case == "zero":
        whole.zero_()
    elif case == "rank one":
        whole.copy_(whole[:, :1] * whole[:1])
    elif case == "equal singular values":
        whole.copy_(3 * torch.linalg.qr(whole).Q)
    else:
        whole[1:4] = 0
    with torch.no_grad():
        for head, columns in zip(seen.heads.values(), whole.split(2, 1), strict=True):
            head.first.weight.copy_(columns.T)
    weights = [head.first.weight for head in seen.heads.values()]
    value = make(name).penalty(seen)
    found = torch.cat([g.T for g in torch.autograd.grad(value, weights)], 1)
    assert torch.isfinite(found).all()
    # a subgradient: ⟨G, W⟩ is the penalty (twice it for squares), as both are homogeneous
    degree = 2 if name == "low_rank" else 1
    torch.testing.assert_close((found * whole).sum(), degree * value.detach())
    if case == "zero":
        assert not found.any()


def test_heads_without_a_first_layer_are_refused_in_words(sight) -> None:
    heads = {"a": ImageHead(4, 2), "map": LFOV(4, 2, width=3)}
    with pytest.raises(UsageError, match="head of map has no first linear layer"):
        first_layers(heads)
    with pytest.raises(UsageError, match="a reads 4, b reads 5"):
        first_layers({"a": ImageHead(4, 2), "b": ImageHead(5, 2)})


@pytest.mark.parametrize(
    "names", [("nuclear", "laplacian"), ("l21", "nuclear", "laplacian")], ids=["SLRM", "SFSMR"]
)
def test_the_baselines_penalty_falls_as_it_is_descended(names: tuple[str, ...], sight) -> None:
    torch.manual_seed(0)
    heads = sight().heads
    parts = [make(name, strength=1) for name in names]
    maps = torch.randn(12, 6, 1, 1, dtype=torch.float64)

    def value() -> Tensor:
        features = {task: head.embed(maps) for task, head in heads.items()}
        outputs = {task: head.answer(features[task]) for task, head in heads.items()}
        seen = Sight(heads, features, outputs)
        return torch.stack([part(seen) for part in parts]).sum()

    parameters = [p for head in heads.values() for p in head.parameters()]
    optimizer = torch.optim.SGD(parameters, 0.02)
    values = []
    for _ in range(30):
        optimizer.zero_grad()
        now = value()
        now.backward()
        optimizer.step()
        values.append(float(now.detach()))
    assert values[-1] < 0.5 * values[0] and not math.isnan(values[-1])
