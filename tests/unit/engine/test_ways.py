"""The ways from a batch to gradients agree where their mathematics do."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from mtlcli.engine.descent import Found, Way
from mtlcli.engine.reach import reach
from mtlcli.engine.trainer import Trainer

Small = Callable[..., Any]
PRESENT: list[dict[str, list[int]]] = [{}, {"age": [0, 3]}, {"age": list(range(8))}]
NETS = {"shared": {}, "fused": {}, "mtan": {}}


def found(
    trainer: Trainer, way: Way, batch: Any, parts: int = 1
) -> tuple[Found, dict[str, Tensor]]:
    trainer.objective.zero_grad(set_to_none=True)
    trainer.objective.train()
    noted = way(batch.parts(parts), trainer._counts(batch))
    return noted, {
        n: p.grad.clone() for n, p in trainer.net.named_parameters() if p.grad is not None
    }


def close(one: dict[str, Tensor], two: dict[str, Tensor], tolerance: float = 1e-5) -> None:
    assert one.keys() == two.keys()
    for name, gradient in one.items():
        scale = max(1.0, float(two[name].abs().max()))
        assert (gradient - two[name]).abs().max() < tolerance * scale, name


@pytest.mark.parametrize("missing", PRESENT)
@pytest.mark.parametrize("architecture", NETS)
def test_the_sum_of_separate_gradients_is_that_of_one_backward_pass(
    small: Small, architecture: str, missing: dict[str, list[int]]
) -> None:
    objective, batch = small("objective")(architecture=architecture), small("batch")(**missing)
    trainer = small("trainer")(objective)
    one, joint = found(trainer, trainer.jointly, batch)
    two, separate = found(trainer, trainer.separately, batch)
    three, features = found(trainer, trainer.at_features, batch)
    close(separate, joint)
    close(features, joint)
    assert one.weights == two.weights == three.weights
    assert one.losses == two.losses == three.losses


@pytest.mark.parametrize("parts", [2, 3])
@pytest.mark.parametrize("weighting", ["fixed", "geometric", "scale_invariant", "uncertainty"])
def test_parts_of_a_batch_equal_the_whole_for_any_weighting(
    small: Small, weighting: str, parts: int
) -> None:
    """Also where the weights depend on the whole batch's losses, which no part knows."""
    made = []
    for accumulate in (1, parts):
        balancer = small("balancer")(weighting)
        objective = small("objective")(architecture="shared")
        trainer = small("trainer")(objective, balancer=balancer, accumulate=accumulate)
        for seed in range(2):
            step = trainer.train_step(small("batch")(8, seed=seed, age=[1, 2, 3]))
        made.append((dict(objective.state_dict()) | dict(balancer.state_dict()), step.losses))
    for name, value in made[0][0].items():
        if isinstance(value, Tensor):
            assert torch.allclose(value, made[1][0][name], atol=1e-6), name
    assert made[0][1] == pytest.approx(made[1][1], rel=1e-5)


def test_shared_parameters_are_those_that_two_tasks_reach(small: Small) -> None:
    net = small("objective")(architecture="shared").net
    found_ = reach(net, small("batch")(1).images)
    named = {id(p): n for n, p in net.named_parameters()}
    assert {named[id(p)].split(".")[0] for p in found_.shared} == {"backbones"}
    assert {named[id(p)].split(".")[1] for p in found_.own["age"]} == {"age"}
    total = len(found_.shared) + sum(len(own) for own in found_.own.values())
    assert total == len(list(net.parameters()))


def test_in_a_fused_network_backbones_and_fusions_are_shared(small: Small) -> None:
    net = small("objective")(architecture="fused").net
    found_ = reach(net, small("batch")(1).images)
    named = {id(p): n for n, p in net.named_parameters()}
    assert {named[id(p)].split(".")[0] for p in found_.shared} == {"backbones", "fusions"}
    for task, own in found_.own.items():  # its head, and nothing of another task
        assert {".".join(named[id(p)].split(".")[:2]) for p in own} == {f"heads.{task}"}


def test_finding_them_leaves_the_network_as_it_was(small: Small) -> None:
    net = small("objective")("shufflenet_v2_x0_5", architecture="shared").net
    before = {n: t.clone() for n, t in net.state_dict().items()}
    reach(net, small("batch")(1).images)
    assert net.training
    assert all(torch.equal(t, before[n]) for n, t in net.state_dict().items())
    assert all(p.grad is None for p in net.parameters())


@pytest.mark.parametrize("way", ["jointly", "separately", "at_features"])
def test_a_loss_that_is_no_number_is_named_and_nothing_is_updated(small: Small, way: str) -> None:
    aggregator = {"jointly": "sum", "separately": "pcgrad", "at_features": "pcgrad"}[way]
    level = "features" if way == "at_features" else "parameters"
    objective = small("objective")(architecture="shared")
    balancer = small("balancer")("fixed", aggregator, level)
    trainer = small("trainer")(objective, balancer=balancer)
    before = {n: p.clone() for n, p in objective.named_parameters()}
    batch = small("batch")()
    batch.targets["age"][2] = math.nan
    step = trainer.train_step(batch)
    assert step.faulty == ("age",)
    assert all(torch.equal(p, before[n]) for n, p in objective.named_parameters())
    assert trainer.train_step(small("batch")()).faulty == ()
    assert not all(torch.equal(p, before[n]) for n, p in objective.named_parameters())


@pytest.mark.parametrize("level", ["parameters", "features"])
def test_bf16_gives_nearly_the_direction_of_fp32(small: Small, level: str) -> None:
    made = {}
    for precision in ("fp32", "bf16"):
        objective = small("objective")(architecture="shared")
        balancer = small("balancer")("fixed", "mgda", level)
        trainer = small("trainer")(objective, balancer=balancer, precision=precision, lr=1.0)
        way = trainer.at_features if level == "features" else trainer.separately
        noted, gradients = found(trainer, way, small("batch")())
        made[precision] = torch.cat([g.flatten() for g in gradients.values()])
        assert noted.used and not noted.faulty
    assert torch.cosine_similarity(made["fp32"], made["bf16"], dim=0) > 0.98


def test_gradients_in_channels_last_lie_as_their_parameters(small: Small) -> None:
    """Fused optimisers walk memory."""
    objective = small("objective")(architecture="shared").to(memory_format=torch.channels_last)
    trainer = small("trainer")(objective, balancer=small("balancer")("fixed", "mgda"))
    found(trainer, trainer.separately, small("batch")())
    for name, parameter in objective.named_parameters():
        assert parameter.grad is not None and parameter.grad.stride() == parameter.stride(), name


def test_looking_at_gradients_changes_no_update(small: Small) -> None:
    after = []
    for every in (0, 1):
        objective, balancer = small("objective")(architecture="shared"), small("balancer")()
        balancer.look_every = every
        step = small("trainer")(objective, balancer=balancer).train_step(small("batch")())
        assert (step.look is not None) == bool(every)
        after.append({n: p.detach().clone() for n, p in objective.named_parameters()})
    close(*after, tolerance=1e-6)
    assert step.look is not None and step.look.gram is not None
    assert step.look.gram.shape == (2, 2)


def test_with_db_mtl_heads_descend_the_logarithm_of_their_loss(small: Small) -> None:
    balancer, batch = small("balancer")("scale_invariant", "db_mtl"), small("batch")()
    trainer = small("trainer")(small("objective")(architecture="shared"), balancer=balancer)
    _, gradients = found(trainer, trainer.separately, batch)
    counts = trainer._counts(batch)
    trainer.objective.zero_grad(set_to_none=True)
    losses, _ = trainer.objective(batch.images, batch.targets, batch.weights, counts, batch.more)
    torch.stack([loss.log() for loss in losses.values()]).sum().backward()
    for name, parameter in trainer.net.heads.named_parameters():
        assert parameter.grad is not None
        assert torch.allclose(gradients[f"heads.{name}"], parameter.grad, atol=1e-5), name


WAYS = [("sum", "parameters"), ("pcgrad", "parameters"), ("pcgrad", "features")]


@pytest.mark.parametrize("max_norm", [0.0, 1.0])
@pytest.mark.parametrize(("aggregator", "level"), WAYS)
def test_a_gradient_that_is_no_number_is_named_though_its_loss_is_one(
    small: Small, aggregator: str, level: str, max_norm: float
) -> None:
    objective = small("objective")(architecture="shared")
    balancer = small("balancer")("fixed", aggregator, level)
    trainer = small("trainer")(objective, balancer=balancer, max_norm=max_norm)
    before = {n: p.clone() for n, p in objective.named_parameters()}
    handle = objective.net.heads["age"].last.bias.register_hook(lambda slope: slope * math.nan)
    step = trainer.train_step(small("batch")())
    assert all(math.isfinite(loss) for loss in step.losses.values())
    assert step.faulty == ("age",)
    assert all(torch.equal(p, before[n]) for n, p in objective.named_parameters())
    handle.remove()
    shared = next(objective.net.backbones.parameters())
    handle = shared.register_hook(lambda slope: slope * math.nan)
    named = {"parameters": ("gender", "age") if aggregator == "pcgrad" else None}
    assert trainer.train_step(small("batch")()).faulty == (
        named.get(level) or ("all tasks together",)
    )
    handle.remove()
    assert all(torch.equal(p, before[n]) for n, p in objective.named_parameters())
    assert trainer.train_step(small("batch")()).faulty == ()


def test_weights_that_are_no_numbers_are_named_and_nothing_is_updated(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    balancer = small("balancer")("equal")
    monkeypatch.setattr(balancer, "weights", lambda *given: torch.tensor([1.0, math.nan]))
    objective = small("objective")(architecture="shared")
    before = {n: p.clone() for n, p in objective.named_parameters()}
    assert small("trainer")(objective, balancer=balancer).train_step(
        small("batch")()
    ).faulty == ("age",)  # fmt: skip
    assert all(torch.equal(p, before[n]) for n, p in objective.named_parameters())


def test_steps_that_look_at_gradients_keep_to_the_parts(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the features the whole batch would be in memory at once."""
    balancer = small("balancer")("fixed", "sum", "features")
    balancer.look_every = 1
    objective = small("objective")(architecture="shared")
    trainer = small("trainer")(objective, balancer=balancer, accumulate=2)
    sizes: list[int] = []
    objective.register_forward_pre_hook(lambda module, given: sizes.append(len(given[0])))
    step = trainer.train_step(small("batch")(8))
    assert step.look is not None and sizes == [4, 4]
