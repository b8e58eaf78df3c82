"""Penalties are descended once and unbalanced, whatever the way to the gradients."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from mtlcli import registry
from mtlcli.engine.objective import Count, Objective
from mtlcli.engine.trainer import Trainer
from mtlcli.regularisers.base import Regulariser, Sight

Small = Callable[..., Any]
TASKS = ["gender", "age"]
SLRM = ("nuclear", "laplacian")
SFSMR = ("l21", "nuclear", "laplacian")


def regularised(objective: Objective, names: Sequence[str], strength: float = 0.1) -> Objective:
    for name in names:
        objective.regularisers.append(
            registry.build("regulariser", name, TASKS, options={"strength": strength})
        )
    return objective


def penalty(objective: Objective, images: Tensor) -> Tensor:
    """Of one pass, formed apart from the engine."""
    features = objective.net.embed(images)
    sight = Sight(dict(objective.net.heads), features, objective.net.answer(features))
    return torch.stack([part(sight) for part in objective.regularisers]).sum()


def gradients(trainer: Trainer, way: str, batch: Any, parts: int = 1) -> dict[str, Tensor]:
    trainer.objective.zero_grad(set_to_none=True)
    trainer.objective.train()
    getattr(trainer, way)(batch.parts(parts), trainer._counts(batch))
    named = trainer.net.named_parameters()
    return {n: p.grad.clone() for n, p in named if p.grad is not None}


def close(one: dict[str, Tensor], two: dict[str, Tensor], tolerance: float = 1e-5) -> None:
    assert one.keys() == two.keys()
    for name, gradient in one.items():
        scale = max(1.0, float(two[name].abs().max()))
        assert (gradient - two[name]).abs().max() < tolerance * scale, name


@pytest.mark.parametrize("missing", [{}, {"age": [0, 3]}, {"age": list(range(8))}])
@pytest.mark.parametrize("architecture", ["shared", "fused", "mtan"])
@pytest.mark.parametrize("way", ["jointly", "separately", "at_features"])
def test_each_way_adds_the_penalties_own_gradient(
    small: Small, architecture: str, way: str, missing: dict[str, list[int]]
) -> None:
    """Also of tasks without a label in the batch."""
    batch = small("batch")(**missing)
    trainer = small("trainer")(small("objective")(architecture=architecture))
    plain = gradients(trainer, way, batch)
    regularised(trainer.objective, SFSMR)
    both = gradients(trainer, way, batch)
    parameters = dict(trainer.net.named_parameters())
    value = penalty(trainer.objective, batch.images)
    alone = torch.autograd.grad(value, [*parameters.values()], allow_unused=True)
    expected = {
        name: plain[name] if found is None else plain[name] + found
        for name, found in zip(parameters, alone, strict=True)
        if name in plain
    }
    assert any(found is not None and found.any() for found in alone)
    close(both, expected)


@pytest.mark.parametrize("way", ["jointly", "separately", "at_features"])
def test_neither_weights_nor_aggregators_balance_penalties(small: Small, way: str) -> None:
    """With losses that count nothing the update is that of the penalties."""
    level = "features" if way == "at_features" else "parameters"
    balancer = small("balancer")("fixed", "mgda", level)
    balancer.weighting.factors = dict.fromkeys(TASKS, 0.0)
    objective = regularised(small("objective")(architecture="shared"), SFSMR)
    trainer, batch = small("trainer")(objective, balancer=balancer), small("batch")()
    found = gradients(trainer, way, batch)
    value = penalty(objective, batch.images)
    parameters = dict(trainer.net.named_parameters())
    alone = torch.autograd.grad(value, [*parameters.values()])
    close(found, dict(zip(parameters, alone, strict=True)))


@pytest.mark.parametrize("way", ["jointly", "separately"])
@pytest.mark.parametrize("parts", [2, 3])
def test_penalties_on_weights_are_the_same_in_parts(small: Small, way: str, parts: int) -> None:
    objective = regularised(small("objective")(architecture="shared"), ("l21", "low_rank"), 1.0)
    trainer, batch = small("trainer")(objective), small("batch")(age=[1, 2])
    close(gradients(trainer, way, batch, parts), gradients(trainer, way, batch))


@pytest.mark.parametrize("way", ["jointly", "separately"])
def test_penalties_on_pictures_are_averaged_over_the_parts(small: Small, way: str) -> None:
    objective, batch = small("objective")(architecture="shared"), small("batch")()
    trainer = small("trainer")(objective)
    plain = gradients(trainer, way, batch)
    regularised(objective, ["laplacian"], 10.0)
    both = gradients(trainer, way, batch, parts=2)
    values = [penalty(objective, part.images) for part in batch.parts(2)]
    parameters = dict(trainer.net.named_parameters())
    alone = torch.autograd.grad(torch.stack(values).mean(), [*parameters.values()])
    named = zip(parameters, alone, strict=True)
    close(both, {name: plain[name] + gradient for name, gradient in named})


def test_without_regularisers_nothing_is_computed_for_them(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    objective, batch = small("objective")(), small("batch")()
    monkeypatch.setattr(objective.net, "embed", None)
    counts = {"gender": Count(8.0), "age": Count(8.0)}
    _, idle = objective(batch.images, batch.targets, batch.weights, counts, {})
    assert idle == 0 and not idle.requires_grad


class Broken(Regulariser):
    """A penalty that is no number."""

    def penalty(self, sight: Sight) -> Tensor:
        return torch.stack([x.sum() for x in sight.outputs.values()]).sum() * torch.nan


@pytest.mark.parametrize(
    ("aggregator", "level"),
    [("sum", "parameters"), ("pcgrad", "parameters"), ("pcgrad", "features")],
)
def test_a_penalty_that_is_no_number_is_named_and_nothing_is_updated(
    small: Small, aggregator: str, level: str
) -> None:
    objective = small("objective")(architecture="shared")
    objective.regularisers.append(Broken(TASKS, 1.0))
    balancer = small("balancer")("fixed", aggregator, level)
    trainer = small("trainer")(objective, balancer=balancer)
    before = {n: p.clone() for n, p in objective.named_parameters()}
    assert trainer.train_step(small("batch")()).faulty == ("the regularisers",)
    assert all(torch.equal(p, before[n]) for n, p in objective.named_parameters())


@pytest.mark.parametrize("names", [SLRM, SFSMR], ids=["SLRM", "SFSMR"])
@pytest.mark.parametrize(("aggregator", "level"), [("sum", "parameters"), ("pcgrad", "features")])
def test_the_baselines_train_and_their_penalty_falls(
    small: Small, names: Sequence[str], aggregator: str, level: str
) -> None:
    balancer = small("balancer")("fixed", aggregator, level)
    objective = regularised(small("objective")(architecture="shared"), names, 0.3)
    trainer, batch = small("trainer")(objective, balancer=balancer, lr=0.01), small("batch")()
    before = float(penalty(objective, batch.images).detach())
    steps = [trainer.train_step(batch) for _ in range(20)]
    assert not any(step.faulty for step in steps)
    assert float(penalty(objective, batch.images).detach()) < 0.9 * before
    assert sum(steps[-1].losses.values()) < sum(steps[0].losses.values())


def test_bf16_forms_penalties_in_fp32(small: Small) -> None:
    seen: list[Sight] = []

    class Looking(Regulariser):
        """Keeps what it is shown."""

        def penalty(self, sight: Sight) -> Tensor:
            seen.append(sight)
            return torch.zeros(())

    objective = small("objective")(architecture="shared")
    objective.regularisers.append(Looking(TASKS, 1.0))
    small("trainer")(objective, precision="bf16").train_step(small("batch")())
    tensors = [*seen[0].features.values(), *seen[0].outputs.values()]
    assert len(tensors) == 4 and {x.dtype for x in tensors} == {torch.float32}
