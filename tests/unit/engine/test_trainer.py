"""The training step: parts, clipping, number formats, averages, restarts."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mtlcli.engine.distributed import World
from mtlcli.engine.optim import Rates, Schedule, groups, optimizer
from mtlcli.engine.trainer import Trainer

Small = Callable[..., Any]


def weights(trainer: Trainer) -> dict[str, Tensor]:
    return {n: t.detach().clone() for n, t in trainer.objective.state_dict().items()}


def distance(one: dict[str, Tensor], two: dict[str, Tensor]) -> float:
    return max(float((one[n].double() - two[n].double()).abs().max()) for n in one)


@pytest.mark.parametrize("missing", [{}, {"age": [0, 1, 2, 3, 5]}, {"age": [4, 5, 6, 7]}])
@pytest.mark.parametrize("accumulate", [2, 3])
def test_parts_of_a_batch_equal_the_whole(
    small: Small, accumulate: int, missing: dict[str, list[int]]
) -> None:
    """Also where the labels are unequally many in the parts, or absent from one."""
    made = []
    for parts in (1, accumulate):
        trainer = small("trainer")(small("objective")(architecture="shared"), accumulate=parts)
        for seed in range(2):
            step = trainer.train_step(small("batch")(8, seed=seed, **missing))
        made.append((weights(trainer), step.losses))
    assert distance(made[0][0], made[1][0]) < 1e-6
    for task, loss in made[0][1].items():
        assert loss == pytest.approx(made[1][1][task], rel=1e-5)


def test_more_parts_than_pictures_is_one_picture_each(small: Small) -> None:
    trainer = small("trainer")(small("objective")(architecture="shared"), accumulate=9)
    assert trainer.train_step(small("batch")(2)).images == 2


@pytest.mark.parametrize("max_norm", [0.01, 1e9])
def test_gradients_are_clipped_to_the_norm(small: Small, max_norm: float) -> None:
    objective, batch = small("objective")(), small("batch")()
    free = small("gradients")(objective, batch)
    norm = torch.stack([g.norm() for g in free.values()]).norm()
    trainer = small("trainer")(objective, max_norm=max_norm, lr=1.0)
    balancer = small("balancer")()
    made = optimizer("sgd", groups(objective.net, balancer, Rates(1.0)), momentum=0.0)
    trainer = Trainer(objective, balancer, made, trainer.schedule, trainer.world, max_norm=max_norm)
    before = weights(trainer)
    step = trainer.train_step(batch)
    assert step.norm is not None and torch.isclose(step.norm, norm, rtol=1e-4)
    moved = torch.stack([(weights(trainer)[n] - before[n]).norm() for n in free]).norm()
    assert torch.isclose(moved, norm.clamp(max=max_norm), rtol=1e-3)


def test_without_clipping_no_norm_is_computed(small: Small) -> None:
    assert small("trainer")(small("objective")()).train_step(small("batch")()).norm is None


def test_the_average_is_that_of_the_weights(small: Small) -> None:
    decay = 0.75
    trainer = small("trainer")(small("objective")("shufflenet_v2_x0_5"), ema=decay)
    expected: dict[str, Tensor] = {}
    for seed in range(3):
        trainer.train_step(small("batch")(seed=seed))
        for name, now in trainer.objective.net.named_parameters():
            old = expected.get(name, now)
            expected[name] = (decay * old + (1 - decay) * now).detach()
    for name, value in trainer.net.named_parameters():
        assert torch.allclose(value, expected[name], atol=1e-6), name
    for name, value in trainer.net.named_buffers():
        assert torch.equal(value, trainer.objective.net.get_buffer(name)), name
    assert trainer.net is not trainer.objective.net


def test_without_an_average_the_network_itself_is_scored(small: Small) -> None:
    trainer = small("trainer")(small("objective")())
    assert trainer.net is trainer.objective.net


def test_a_step_depends_on_seed_step_and_rank_alone(small: Small) -> None:
    """Whatever else draws random numbers in between."""
    made = []
    for draws in (0, 5):
        trainer = small("trainer")(small("objective")(), seed=3)
        torch.rand(draws)
        trainer.train_step(small("batch")())
        made.append(torch.rand(3))
    assert torch.equal(*made)
    objective = small("objective")()
    drawn = set()
    for seed, rank in ((3, 0), (3, 1), (4, 0)):
        trainer = small("trainer")(objective, seed=seed, world=World(torch.device("cpu"), rank, 1))
        trainer.train_step(small("batch")())
        drawn.add(float(torch.rand(1)))
    assert len(drawn) == 3


@pytest.mark.parametrize("options", [{}, {"ema": 0.9}, {"max_norm": 1.0, "accumulate": 2}])
def test_a_restored_trainer_goes_on_bit_for_bit(small: Small, options: dict[str, Any]) -> None:
    whole = small("trainer")(small("objective")("shufflenet_v2_x0_5"), **options)
    whole.train_step(small("batch")(seed=1))
    saved = copy.deepcopy(whole.state_dict())
    other = small("trainer")(small("objective")("shufflenet_v2_x0_5"), **options)
    other.load_state_dict(saved)
    for trainer in (whole, other):
        trainer.train_step(small("batch")(seed=2))
    assert whole.step == other.step == 2
    assert distance(weights(whole), weights(other)) == 0
    assert all(
        torch.equal(a, b)
        for a, b in zip(whole.net.parameters(), other.net.parameters(), strict=True)
    )


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_restored_momenta_lie_in_memory_as_their_parameters(small: Small, kind: Any) -> None:
    """The fused optimisers of torch walk memory and do not look at strides."""
    trainers = []
    for _ in range(2):
        objective = small("objective")("shufflenet_v2_x0_5").to(memory_format=torch.channels_last)
        balancer = small("balancer")()
        made = optimizer(kind, groups(objective.net, balancer, Rates(0.001)))
        world = small("trainer")(objective).world
        trainers.append(Trainer(objective, balancer, made, Schedule("constant", total=9), world))
    whole, other = trainers
    whole.train_step(small("batch")(seed=1))
    state = copy.deepcopy(whole.state_dict())
    for held in state["optimizer"]["state"].values():
        held.update({k: v.contiguous() for k, v in held.items() if isinstance(v, Tensor)})
    other.load_state_dict(state)
    for trainer in trainers:
        trainer.train_step(small("batch")(seed=2))
    assert distance(weights(whole), weights(other)) == 0


def test_a_restored_trainer_takes_the_rates_of_its_recipe(small: Small) -> None:
    old = small("trainer")(small("objective")(), lr=0.01)
    old.train_step(small("batch")())
    new = small("trainer")(small("objective")(), lr=0.5)
    new.load_state_dict(old.state_dict())
    assert new.train_step(small("batch")()).lr == 0.5


def test_bf16_runs_and_stays_near_fp32(small: Small) -> None:
    losses = {}
    for precision in ("fp32", "bf16"):
        trainer = small("trainer")(small("objective")(), precision=precision)
        losses[precision] = trainer.train_step(small("batch")()).losses
        assert all(p.dtype == torch.float32 for p in trainer.objective.parameters())
    for task, loss in losses["fp32"].items():
        assert loss == pytest.approx(losses["bf16"][task], rel=0.05)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("max_norm", [0.0, 1.0])
def test_fp16_scales_its_gradients_and_survives_an_overflow(small: Small, max_norm: float) -> None:
    world = World(torch.device("cuda", 0))
    objective = small("objective")("shufflenet_v2_x0_5").to(world.device)
    trainer = small("trainer")(objective, world=world, precision="fp16", max_norm=max_norm)
    trainer.train_step(small("batch")())
    scale = trainer.scaler.get_scale()
    before = weights(trainer)
    objective.net.heads["age"].last.weight.register_hook(lambda g: g * torch.inf)
    trainer.train_step(small("batch")())
    assert trainer.scaler.get_scale() < scale
    parameters = dict(objective.named_parameters())
    after = weights(trainer)
    assert all(torch.equal(after[n], before[n]) for n in parameters)


def test_run_makes_a_step_of_every_batch_and_notes_its_place(small: Small) -> None:
    batches = [small("batch")(4, seed=i) for i in range(3)]
    for index, batch in enumerate(batches):
        batch.step = index + 5
    batches[1].bad = [(7, "broken")]
    steps = list(small("trainer")(small("objective")()).run(batches))
    assert [(s.step, s.batch, s.images) for s in steps] == [(1, 6, 4), (2, 7, 4), (3, 8, 4)]
    assert steps[1].bad == [(7, "broken")]
    assert all(s.waited >= 0 for s in steps)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(
    kind=st.sampled_from(["constant", "cosine", "poly", "step"]),
    total=st.integers(1, 200), warmup=st.integers(0, 50), every=st.integers(1, 50),
)  # fmt: skip
def test_the_rate_rises_in_warm_up_then_never_rises(
    kind: Any, total: int, warmup: int, every: int
) -> None:
    schedule = Schedule(kind, total=total, warmup=warmup, drop_every=every)
    factors = [schedule.factor(step) for step in range(total)]
    assert all(0 <= factor <= 1 for factor in factors)
    start = factors[:warmup]
    assert start == sorted(start)
    rest = factors[warmup:]
    assert rest == sorted(rest, reverse=True)
    if rest and (kind != "step" or warmup < every):
        assert rest[0] == 1
