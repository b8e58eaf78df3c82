"""What an aggregator adds to the losses at the shared features is descended like them."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from mtlcli import catalog, registry
from mtlcli.balancing.base import PenalisingAggregator
from mtlcli.balancing.rep_mtl import RepMtl
from mtlcli.engine.balancer import Balancer
from mtlcli.engine.trainer import Trainer

Small = Callable[..., Any]
TASKS = ["gender", "age"]
FACTORS = {"gender": 1.0, "age": 0.5}
PENALISING = [
    name for name in catalog.AGGREGATORS
    if issubclass(registry.load("aggregator", name), PenalisingAggregator)
]  # fmt: skip


def trainer_of(small: Small, aggregator: Any, **model: Any) -> Trainer:
    objective = small("objective")(**{"architecture": "shared", **model})
    for module in objective.modules():  # the direct computation would draw other numbers
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    fixed = registry.build("weighting", "fixed", TASKS, FACTORS, options={})
    trainer: Trainer = small("trainer")(objective, balancer=Balancer(fixed, aggregator))
    return trainer


def gradients(trainer: Trainer, batch: Any) -> dict[str, Tensor]:
    trainer.objective.train()
    noted = trainer.at_features([batch], trainer._counts(batch))
    assert not noted.faulty
    named = trainer.net.named_parameters()
    return {n: p.grad.clone() for n, p in named if p.grad is not None}


def directly(trainer: Trainer, batch: Any, method: RepMtl) -> dict[str, Tensor]:
    """Σ L_i + penalty(∂L_i/∂Z) as one scalar, and torch's own derivative of it."""
    net, counts = trainer.net, trainer._counts(batch)
    features = net.features(batch.images)
    shared = features["gender"]
    losses = []
    for name, task in trainer.objective.tasks.items():
        output = net.heads[name](features[name])
        loss = task.loss(output, batch.targets[name], batch.weights[name]) / counts[name].labels
        losses.append(FACTORS[name] * loss)
    saliencies = [torch.autograd.grad(x, shared, create_graph=True)[0] for x in losses]
    total = torch.stack(losses).sum() + method.penalty(torch.stack(saliencies).flatten(3))
    found = torch.autograd.grad(total, [*net.parameters()])
    return dict(zip((n for n, _ in net.named_parameters()), found, strict=True))


@pytest.mark.parametrize("missing", [{}, {"age": [0, 3]}])
def test_rep_mtl_descends_what_a_direct_second_derivative_gives(
    small: Small, missing: dict[str, list[int]]
) -> None:
    batch = small("batch")(**missing)
    plain = gradients(trainer_of(small, RepMtl(TASKS, regulation=0.0, alignment=0.0)), batch)
    method = RepMtl(TASKS, regulation=10.0, alignment=3.0)
    trainer = trainer_of(small, method)
    found = gradients(trainer, batch)
    expected = directly(trainer, batch, method)
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        scale = max(1.0, float(gradient.abs().max()))
        assert (found[name] - gradient).abs().max() < 1e-4 * scale, name
    heads = [name for name in found if name.startswith("heads.") and name.endswith("weight")]
    assert heads and all((found[n] - plain[n]).abs().max() > 1e-3 for n in heads)


@pytest.mark.parametrize("architecture", ["shared", "fused", "mtan"])
@pytest.mark.parametrize("name", PENALISING)
def test_every_aggregator_that_penalises_has_its_penalty_descended(
    small: Small, name: str, architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = registry.build("aggregator", name, TASKS, options={})
    trainer = trainer_of(small, method, architecture=architecture)
    with monkeypatch.context() as patch:
        patch.setattr(method, "penalty", lambda saliencies: 0 * saliencies.sum())
        without = gradients(trainer, small("batch")())
    shapes: list[tuple[int, ...]] = []
    monkeypatch.setattr(method, "penalty", lambda s: shapes.append(s.shape) or s.square().sum())
    found = gradients(trainer, small("batch")())
    assert shapes and all(len(shape) == 4 and shape[:2] == (2, 8) for shape in shapes)
    for part in ("heads.", "backbones."):
        changed = [n for n in found if n.startswith(part) and not found[n].equal(without[n])]
        assert changed, part


def test_there_is_an_aggregator_that_penalises() -> None:
    assert "rep_mtl" in PENALISING


def test_a_task_without_labels_in_a_picture_leaves_the_penalty_a_derivative() -> None:
    saliencies = torch.randn(2, 4, 3, 5, generator=torch.Generator().manual_seed(0))
    saliencies[0, 1] = 0
    saliencies[:, 2] = 0
    for given in (saliencies, torch.zeros_like(saliencies)):
        given = given.clone().requires_grad_()
        method = RepMtl(TASKS)
        (slope,) = torch.autograd.grad(method.penalty(given), given)
        assert torch.isfinite(slope).all()


def test_rep_mtls_penalty_does_not_depend_on_the_size_of_all_saliencies() -> None:
    saliencies = torch.randn(2, 4, 3, 5, generator=torch.Generator().manual_seed(0))
    method = RepMtl(TASKS)
    assert float(method.penalty(1e-9 * saliencies)) == pytest.approx(
        float(method.penalty(saliencies)), rel=1e-4
    )
