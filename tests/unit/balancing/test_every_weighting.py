"""What every weighting promises, and each against torchjd or its formula."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
import torchjd.scalarization as jd
from torch import Tensor

from mtlcli import catalog, registry
from mtlcli.balancing.base import Moment, Weighting
from mtlcli.balancing.go4align import grouped
from mtlcli.errors import UsageError
from mtlcli.io import state

NAMES = [*catalog.WEIGHTINGS]
FIVE = ["a", "b", "c", "d", "e"]


def made(
    name: str, tasks: list[str], factors: dict[str, float] | None = None, **options: Any
) -> Weighting:
    found: Weighting = registry.build("weighting", name, tasks, factors or {}, options=options)
    return found


def losses(tasks: list[str], seed: int = 0) -> dict[str, Tensor]:
    numbers = torch.rand(5, generator=torch.Generator().manual_seed(seed)) * 3 + 0.1
    return {task: numbers[FIVE.index(task)] for task in tasks}


def weights(
    method: Weighting, values: dict[str, Tensor], step: int = 0, epoch: int = 0
) -> list[float]:
    """∂F/∂L, then what the method learns from the update; parameters make a step."""
    method.begin(Moment(step, epoch, 7))
    leaves = {t: x.detach().clone().requires_grad_() for t, x in values.items()}
    total = method(leaves)
    total.backward()
    with torch.no_grad():
        for parameter in method.parameters():
            if parameter.grad is not None:
                parameter -= 0.1 * parameter.grad
                parameter.grad = None
    gram = torch.diag(torch.tensor([FIVE.index(task) + 1.0 for task in values])).double() + 0.3
    method.learn(values, gram if method.needs_gram else None)
    return [float(x.grad) if x.grad is not None else 0.0 for x in leaves.values()]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("count", [1, 2, 5])
def test_weights_are_finite_and_none_rewards_a_loss(name: str, count: int) -> None:
    method = made(name, FIVE)
    for step in range(3):
        found = weights(method, losses(FIVE[:count], step), step, step)
        assert all(math.isfinite(w) for w in found)
        if name != "ldc":  # its penalty pulls at the largest and pushes at the smallest
            assert all(w >= 0 for w in found) and sum(found) > 0


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("random", "ldc")])
def test_the_order_of_the_tasks_does_not_matter(name: str) -> None:
    order = [3, 0, 4, 1, 2]
    tasks = [FIVE[i] for i in order]
    one, two = made(name, FIVE), made(name, tasks)
    for step in range(4):
        values = losses(FIVE, step)
        first = dict(zip(FIVE, weights(one, values, step, step), strict=True))
        found = weights(two, {t: values[t] for t in tasks}, step, step)
        assert found == pytest.approx([first[t] for t in tasks], rel=1e-4), step


@pytest.mark.parametrize("name", NAMES)
def test_a_restart_in_the_middle_equals_the_straight_run(name: str, tmp_path: Path) -> None:
    straight, halves = made(name, FIVE), made(name, FIVE)
    for step in range(8):
        present = FIVE[: 5 - step % 2]  # one task is absent every other time
        if step == 5:
            state.save(tmp_path / "s", halves.state_dict())
            halves = made(name, FIVE)
            halves.load_state_dict(state.load(tmp_path / "s"))
        values = losses(present, step)
        assert weights(straight, values, step, step // 2) == weights(
            halves, values, step, step // 2
        )


@pytest.mark.parametrize(
    "name", ["uncertainty", "imtl_l", "dwa", "famo", "gradnorm", "go4align", "ldc"]
)
def test_an_absent_tasks_state_stays_as_it_was(name: str) -> None:
    method = made(name, FIVE)
    for step in range(3):
        weights(method, losses(FIVE, step), step, step)
    before = _of(method, "e")
    weights(method, losses(FIVE[:4], 9), 3, 2)
    assert _of(method, "e") == before and before != "{}"


def _of(method: Weighting, task: str) -> str:
    held = {n: float(p.detach()) for n, p in method.named_parameters() if n.endswith(f".{task}")}
    for key, value in method.memory.items():
        if isinstance(value, dict) and task in value:
            held[key] = value[task]
    return str(held)


@pytest.mark.parametrize("name", [n for n in NAMES if made(n, FIVE).linear])
def test_linear_ones_do_not_look_at_the_batch(name: str) -> None:
    """Its parts are weighted before the last of them is known."""
    one, two = made(name, FIVE), made(name, FIVE)
    assert weights(one, losses(FIVE)) == pytest.approx(
        weights(two, dict.fromkeys(FIVE, torch.ones(())))
    )


@pytest.mark.parametrize("name", ["scale_invariant", "geometric", "famo", "stch"])
def test_a_solved_task_gives_no_endless_weight(name: str) -> None:
    values = {"a": torch.tensor(0.0), "b": torch.tensor(1.0)}
    assert all(math.isfinite(w) for w in weights(made(name, FIVE), values))


@pytest.mark.parametrize("name", [n for n in NAMES if n != "equal"])
def test_a_factor_of_0_leaves_its_task_out(name: str) -> None:
    values = losses(["a", "b"])
    found = weights(made(name, FIVE, {"a": 0.0}), values)
    assert found[0] == 0 and math.isfinite(found[1])


@pytest.mark.parametrize("name", ["scale_invariant", "geometric", "famo", "stch"])
def test_the_unit_of_a_loss_does_not_matter(name: str) -> None:
    """The pull on a task, w L, is the same for 50 × its loss."""
    values = losses(FIVE)
    scaled = {t: x * (50 if t == "b" else 1) for t, x in values.items()}
    pulls = []
    for given in (values, scaled):
        found = weights(made(name, FIVE), given)
        pull = torch.tensor([w * float(x) for w, x in zip(found, given.values(), strict=True)])
        pulls.append(pull / pull.sum())
    assert torch.allclose(*pulls, rtol=1e-4)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("count", [2, 5])
def test_equal_to_torchjd(seed: int, count: int) -> None:
    tasks = FIVE[:count]
    values = losses(tasks, seed)
    stacked = torch.stack([*values.values()])
    pairs: dict[str, Tensor] = {
        "equal": jd.Mean()(stacked),
        "fixed": jd.Sum()(stacked),
        "geometric": jd.GeometricMean()(stacked),
        "uncertainty": jd.UW((count,))(stacked),
        "imtl_l": jd.IMTLL((count,))(stacked),
    }
    for name, expected in pairs.items():
        method = made(name, tasks)
        method.begin(Moment())
        assert float(method(values).detach()) == pytest.approx(
            float(expected.detach()), rel=1e-5
        ), name


def test_dwa_equals_torchjd_over_epochs() -> None:
    method, oracle = made("dwa", FIVE), jd.DWA()
    for epoch in range(5):
        for step in range(3):
            values = losses(FIVE, 10 * epoch + step)
            leaves = torch.stack([*values.values()]).requires_grad_()
            oracle(leaves).backward()
            assert leaves.grad is not None
            found = weights(method, values, 3 * epoch + step, epoch)
            assert found == pytest.approx(leaves.grad.tolist(), rel=1e-4)
        oracle.step()


def test_famo_equals_torchjd_on_the_same_batch() -> None:
    method, oracle = made("famo", FIVE, again=True), jd.FAMO((5,))
    for step in range(5):
        values = losses(FIVE, step)
        leaves = torch.stack([*values.values()]).requires_grad_()
        oracle(leaves).backward()
        assert leaves.grad is not None
        assert weights(method, values, step) == pytest.approx(leaves.grad.tolist(), rel=1e-3)
        after = losses(FIVE, step + 50)
        method.again(after)
        oracle.update(torch.stack([*after.values()]))


def test_famo_without_a_second_pass_measures_on_the_next_batch() -> None:
    free, exact = made("famo", FIVE), made("famo", FIVE, again=True)
    one, two = losses(FIVE, 1), losses(FIVE, 2)
    weights(free, one)
    weights(exact, one)
    exact.again(two)
    assert weights(free, two, 1) == pytest.approx(weights(exact, two, 1))


def test_stch_is_torchjds_of_the_relative_losses_after_the_warm_up() -> None:
    method = made("stch", FIVE, warmup=1, mu=0.7)
    first, second = losses(FIVE, 1), losses(FIVE, 2)
    weights(method, first, 0, 0)
    method.begin(Moment(1, 1))
    relative = torch.stack([(second[t] / first[t]).log() for t in FIVE])
    expected = 5 * 0.7 * torch.logsumexp(relative / 0.7, 0)
    assert float(method(second).detach()) == pytest.approx(float(expected), rel=1e-4)


def test_uw_so_is_the_softmax_of_inverse_losses() -> None:
    values = losses(FIVE)
    expected = torch.softmax(1 / torch.stack([*values.values()]) / 2, 0).tolist()
    assert weights(made("uw_so", FIVE, temperature=2.0), values) == pytest.approx(expected)


def test_imtl_l_ends_where_every_scaled_loss_is_1() -> None:
    method, values = made("imtl_l", FIVE), losses(FIVE)
    for step in range(400):
        found = weights(method, values, step)
    assert found == pytest.approx([1 / float(x) for x in values.values()], rel=1e-3)


def test_gradnorm_ends_with_gradients_of_one_norm_where_tasks_learn_alike() -> None:
    method = made("gradnorm", FIVE, alpha=0.0, lr=0.02)
    gram = torch.diag(torch.tensor([1.0, 9.0, 100.0])).double()
    values = losses(FIVE[:3])
    for _ in range(2000):
        method.learn(values, gram)
    method.begin(Moment())
    leaves = {t: x.clone().requires_grad_() for t, x in values.items()}
    method(leaves).backward()
    scaled = [float(x.grad) * n for x, n in zip(leaves.values(), (1, 3, 10), strict=True)]  # type: ignore[arg-type]
    assert max(scaled) / min(scaled) < 1.3
    assert sum(float(x.grad) for x in leaves.values()) == pytest.approx(3)  # type: ignore[arg-type]


def test_gradnorm_favours_the_task_that_lags() -> None:
    method = made("gradnorm", ["a", "b"])
    gram = torch.eye(2).double()
    method.learn({"a": torch.tensor(1.0), "b": torch.tensor(1.0)}, gram)
    method.learn({"a": torch.tensor(0.9), "b": torch.tensor(0.1)}, gram)
    assert method.memory["v"]["a"] > method.memory["v"]["b"]


def test_go4align_groups_by_least_squared_error() -> None:
    assert grouped([1.0, 5.0, 1.2, 5.2], 2) == pytest.approx([1.1, 5.1, 1.1, 5.1])
    assert grouped([1.0, 5.0, 3.0], 1) == pytest.approx([3.0, 3.0, 3.0])
    assert grouped([1.0, 5.0], 4) == pytest.approx([1.0, 5.0])
    values = losses(FIVE)
    stacked = torch.stack([*values.values()])
    p = torch.softmax(-1e-4 * stacked, 0)
    risks = (p * stacked.sum() / stacked).tolist()
    assert weights(made("go4align", FIVE), values) == pytest.approx(grouped(risks, 2), rel=1e-4)


def test_ldc_is_its_formula_and_its_weights_close_the_gap() -> None:
    method = made("ldc", FIVE[:3], penalty=10.0)
    values = losses(FIVE[:3])
    method.begin(Moment())
    known = torch.stack([*values.values()])
    expected = known.mean() + 10 * ((known[0] - known[1]).abs() + (known[1] - known[2]).abs())
    total = method(values)
    assert float(total.detach()) == pytest.approx(float(expected), rel=1e-5)
    total.backward()
    with torch.no_grad():
        for parameter in method.parameters():
            assert parameter.grad is not None
            parameter -= 0.001 * parameter.grad
    assert float(method(values).detach()) < float(total.detach())


def test_random_draws_are_those_of_seed_and_step() -> None:
    values = losses(FIVE)
    one = weights(made("random", FIVE), values, 3)
    torch.rand(9)
    assert one == weights(made("random", FIVE), values, 3)
    assert one != weights(made("random", FIVE), values, 4)
    assert sum(one) == pytest.approx(1)


def test_equal_weights_and_factors_exclude_each_other() -> None:
    with pytest.raises(UsageError, match="names factors"):
        made("equal", FIVE, {"a": 2.0})
