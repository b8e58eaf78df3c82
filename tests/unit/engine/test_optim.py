"""Each parameter learns once, at its group's rate, and the rate falls as the schedule says."""

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from mtlcli.engine.optim import Rates, Schedule, groups, optimizer
from mtlcli.models.backbones.base import Backbone
from mtlcli.models.fused import Fused
from mtlcli.models.fusions.nddr import NDDR
from mtlcli.tasks.heads import ImageHead


def _backbone() -> Backbone:
    stages: list[nn.Module] = [
        nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()),
        nn.Sequential(nn.Conv2d(4, 4, 3, 2, padding=1), nn.ReLU()),
    ]
    return Backbone(stages, [4, 4], [1, 2], [False, False])


def _net(tasks: Iterable[str] = ("a", "b"), hidden: int = 3) -> Fused:
    return Fused(
        list(tasks),
        {task: _backbone() for task in tasks},
        lambda task, channels: ImageHead(channels, 2, hidden=hidden),
        lambda channels, signed: NDDR(channels, signed),
        (0.5, 0.5, 0.5),
        (0.2, 0.2, 0.2),
        shortcut=True,
    )


class Others(nn.Module):
    """Stands for a weighting that learns."""

    def __init__(self) -> None:
        super().__init__()
        self.log_variance = nn.Parameter(torch.zeros(2))
        self.matrix = nn.Parameter(torch.zeros(2, 2))


RATES = Rates(lr=0.1, weight_decay=0.01, fusion=100.0, last=10.0, last_bias=20.0)


def _expected(name: str, parameter: nn.Parameter, rates: Rates) -> tuple[float, float]:
    """The learning rate and decay of a parameter of ``Objective``-like names, by hand."""
    factor = 1.0
    if name.startswith(("net.fusions.", "net.shortcuts.")):
        factor = rates.fusion
    elif ".last." in name:
        factor = rates.last_bias if name.endswith("bias") else rates.last
    decays = (rates.decay_all or parameter.ndim > 1) and not name.startswith("others.")
    return rates.lr * factor, rates.weight_decay if decays else 0.0


@pytest.mark.parametrize("decay_all", [False, True])
def test_each_parameter_is_in_one_group_with_its_own_rate_and_decay(decay_all: bool) -> None:
    rates = Rates(0.1, 0.01, fusion=100.0, last=10.0, last_bias=20.0, decay_all=decay_all)
    whole = nn.ModuleDict({"net": _net(), "others": Others()})
    made = groups(_net_of(whole), whole["others"], rates)
    held = [id(p) for group in made for p in group["params"]]
    assert sorted(held) == sorted(map(id, whole.parameters()))
    found = {id(p): (g["lr"], g["weight_decay"]) for g in made for p in g["params"]}
    assert {n: found[id(p)] for n, p in whole.named_parameters()} == {
        n: _expected(n, p, rates) for n, p in whole.named_parameters()
    }
    assert all(group["initial_lr"] == group["lr"] and group["params"] for group in made)
    assert len({group["name"] for group in made}) == len(made)


def _net_of(whole: nn.ModuleDict) -> Fused:
    net = whole["net"]
    assert isinstance(net, Fused)
    return net


def test_a_single_network_has_no_fusions_to_hurry() -> None:
    made = groups(_net(["a"]), nn.Module(), RATES)
    assert {group["name"].partition(",")[0] for group in made} == {"trunk", "last", "last bias"}


def test_what_is_frozen_is_in_no_group() -> None:
    net = _net()
    for parameter in net.backbones.parameters():
        parameter.requires_grad_(False)
    held = {id(p) for group in groups(net, nn.Module(), RATES) for p in group["params"]}
    assert held == {id(p) for p in net.parameters() if p.requires_grad}


def _sgd_by_hand(
    values: dict[str, Tensor], gradients: dict[str, Tensor], speed: dict[str, Tensor],
    whole: nn.Module,
) -> None:  # fmt: skip
    """v ← μ v + g + λ w, w ← w - η v."""
    for name, parameter in whole.named_parameters():
        lr, decay = _expected(name, parameter, RATES)
        step = gradients[name] + decay * values[name]
        speed[name] = 0.9 * speed[name] + step if name in speed else step
        values[name] = values[name] - lr * speed[name]


def test_two_steps_equal_sgd_written_by_hand() -> None:
    whole = nn.ModuleDict({"net": _net(), "others": Others()})
    made = optimizer("sgd", groups(_net_of(whole), whole["others"], RATES), momentum=0.9)
    values = {n: p.detach().clone() for n, p in whole.named_parameters()}
    speed: dict[str, Tensor] = {}
    for _ in range(2):
        gradients = {}
        for name, parameter in whole.named_parameters():
            gradients[name] = torch.randn_like(parameter)
            parameter.grad = gradients[name].clone()
        made.step()
        _sgd_by_hand(values, gradients, speed, whole)
    for name, parameter in whole.named_parameters():
        torch.testing.assert_close(parameter.detach(), values[name])


def test_the_gradient_of_a_real_loss_reaches_every_group() -> None:
    net = _net()
    made = optimizer("adamw", groups(net, nn.Module(), RATES))
    outputs = net(torch.randint(0, 256, (4, 3, 8, 8), dtype=torch.uint8))
    torch.autograd.backward(sum(o.square().sum() for o in outputs.values()))
    assert all(p.grad is not None for g in made.param_groups for p in g["params"])
    made.step()


@pytest.mark.parametrize(("kind", "cls"), [("sgd", torch.optim.SGD), ("adamw", torch.optim.AdamW)])
@pytest.mark.parametrize("nesterov", [False, True])
def test_the_optimizer_is_the_one_that_was_asked_for(
    kind: Literal["sgd", "adamw"], cls: type, nesterov: bool
) -> None:
    made = optimizer(kind, groups(_net(), nn.Module(), RATES), momentum=0.8, nesterov=nesterov)
    assert type(made) is cls and all(group["fused"] for group in made.param_groups)
    if kind == "sgd":
        assert {(g["momentum"], g["nesterov"]) for g in made.param_groups} == {(0.8, nesterov)}


KINDS: list[Literal["constant", "cosine", "poly", "step"]] = ["constant", "cosine", "poly", "step"]
_schedules = st.builds(
    Schedule,
    st.sampled_from(KINDS),
    total=st.integers(1, 200),
    warmup=st.integers(0, 60),
    power=st.floats(0, 3),
    drop_every=st.integers(1, 50),
    drop=st.floats(0, 1),
)
_seeded = settings(derandomize=True, deadline=None, max_examples=200)


@_seeded
@given(_schedules)
def test_the_rate_rises_in_warmup_and_never_after(schedule: Schedule) -> None:
    factors = [schedule.factor(step) for step in range(schedule.total + schedule.warmup + 5)]
    rise, fall = factors[: schedule.warmup], factors[schedule.warmup :]
    assert all(0 <= f <= 1 for f in factors)
    assert all(a < b for a, b in pairwise(rise)) and all(f < 1 for f in rise)
    assert all(f > 0 for f in rise)
    assert all(a >= b - 1e-12 for a, b in pairwise(fall))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("warmup", [0, 10])
def test_the_first_step_after_warmup_is_at_full_rate(kind: Any, warmup: int) -> None:
    schedule = Schedule(kind, total=100, warmup=warmup, drop_every=50)
    assert schedule.factor(warmup) == 1


@pytest.mark.parametrize("kind", ["cosine", "poly"])
def test_the_last_step_is_almost_none_and_the_next_is_none(kind: Any) -> None:
    schedule = Schedule(kind, total=1000)
    assert 0 < schedule.factor(999) < 0.01
    assert schedule.factor(1000) == pytest.approx(0, abs=1e-12)
    assert schedule.factor(5000) == pytest.approx(0, abs=1e-12)


@_seeded
@given(_schedules, st.integers(1, 200), st.integers(0, 400))
def test_a_longer_training_is_never_slower_at_the_same_step(
    schedule: Schedule, more: int, step: int
) -> None:
    longer = Schedule(**{**schedule.__dict__, "total": schedule.total + more})
    assert longer.factor(step) >= schedule.factor(step) - 1e-12
    if schedule.kind in ("constant", "step") or step < schedule.warmup:
        assert longer.factor(step) == schedule.factor(step)


def test_poly_is_that_of_the_nddr_paper() -> None:
    schedule = Schedule("poly", total=20001, power=0.9)
    for step in (0, 1, 5000, 10000, 20000):
        assert 1e-3 * schedule.factor(step) == pytest.approx(1e-3 * (1 - step / 20001) ** 0.9)


def test_cosine_is_half_a_wave() -> None:
    schedule = Schedule("cosine", total=110, warmup=10)
    for step in (10, 35, 60, 85, 110):
        wanted = (1 + math.cos(math.pi * (step - 10) / 100)) / 2
        assert schedule.factor(step) == pytest.approx(wanted)


def test_step_drops_by_its_factor() -> None:
    schedule = Schedule("step", total=100, drop_every=10, drop=0.5)
    assert [schedule.factor(s) for s in (0, 9, 10, 19, 20, 99)] == [1, 1, 0.5, 0.5, 0.25, 0.5**9]
