"""What every aggregator promises, and each against torchjd or its formula."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchjd.aggregation as jd
from scipy.optimize import minimize
from torch import Tensor

from mtlcli import catalog, registry
from mtlcli.balancing.base import Aggregator, Moment, gramian
from mtlcli.balancing.simplex import least_norm
from mtlcli.io import state

NAMES = [*catalog.AGGREGATORS]
AT_PARAMETERS = [n for n in NAMES if n not in ("ntkmtl_sr", "rep_mtl")]
#: those whose direction does not depend on the order in which numbers are drawn.
SYMMETRIC = [n for n in AT_PARAMETERS if n not in ("pcgrad", "gradvac", "graddrop")]
#: those that keep something between updates.
STATEFUL = ["gradvac", "db_mtl", "moco", "sdmgrad", "excess_mtl", "nash_mtl"]
FIVE = ["a", "b", "c", "d", "e"]


def made(name: str, tasks: list[str], **options: Any) -> Aggregator:
    found: Aggregator = registry.build("aggregator", name, tasks, options=options)
    return found


def rows(count: int, seed: int = 0, width: int = 24) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, width, generator=generator) + 0.2


def losses(tasks: list[str], seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed + 100)
    return {task: torch.rand((), generator=generator) + 0.5 for task in tasks}


def direction(
    method: Aggregator, gradients: Tensor, values: dict[str, Tensor], step: int = 0
) -> Tensor:
    method.begin(Moment(step, 0, 7))
    method.features = torch.zeros(8, gradients.shape[-1] // 8)
    given = gradients.expand(method.estimates, *gradients.shape)
    return method(given if method.estimates > 1 else gradients, values)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_direction_is_finite_and_goes_downhill(name: str, count: int) -> None:
    found = direction(made(name, FIVE), rows(count), losses(FIVE[:count]))
    assert found.shape == (24,) and torch.isfinite(found).all()
    assert rows(count).sum(0) @ found > 0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dead", [[0], [0, 1, 2]])
def test_gradients_that_vanish_never_give_nan(name: str, dead: list[int]) -> None:
    gradients = rows(3)
    gradients[dead] = 0
    found = direction(made(name, FIVE), gradients, losses(FIVE[:3]))
    assert torch.isfinite(found).all()
    if len(dead) == 3:
        assert not found.any()


@pytest.mark.parametrize("name", NAMES)
def test_opposite_gradients_never_give_nan(name: str) -> None:
    gradients = rows(1).repeat(2, 1) * torch.tensor([[1.0], [-1.0]])
    assert torch.isfinite(direction(made(name, FIVE), gradients, losses(FIVE[:2]))).all()


@pytest.mark.parametrize("name", SYMMETRIC)
def test_the_order_of_the_tasks_does_not_matter(name: str) -> None:
    order = [3, 0, 4, 1, 2]
    gradients, values = rows(5), losses(FIVE)
    first = direction(made(name, FIVE), gradients, values)
    tasks = [FIVE[i] for i in order]
    second = direction(made(name, tasks), gradients[order], {t: values[t] for t in tasks})
    assert torch.allclose(first, second, atol=1e-4 * float(first.abs().max()))


@pytest.mark.parametrize("name", ["imtl_g", "imtl", "nash_mtl", "config", "db_mtl", "moco"])
def test_scaling_one_loss_changes_no_direction_where_that_is_promised(name: str) -> None:
    gradients, values = rows(3), losses(FIVE[:3])
    first = direction(made(name, FIVE), gradients, values)
    scale = torch.tensor([1.0, 50.0, 1.0]).view(3, 1)
    scaled = {**values, "b": values["b"] * (1 if name == "moco" else 50)}
    second = direction(made(name, FIVE), gradients * scale, scaled)
    assert torch.cosine_similarity(first, second, dim=0) > 1 - 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_a_restart_in_the_middle_equals_the_straight_run(name: str, tmp_path: Path) -> None:
    straight, halves = made(name, FIVE), made(name, FIVE)
    for step in range(6):
        present = FIVE[: 5 - step % 2]  # one task is absent every other time
        if step == 3:
            state.save(tmp_path / "s", halves.state_dict())
            halves = made(name, FIVE)
            halves.load_state_dict(state.load(tmp_path / "s"))
        given = rows(len(present), seed=step), losses(present, seed=step)
        one, two = direction(straight, *given, step), direction(halves, *given, step)
        assert torch.equal(one, two)


@pytest.mark.parametrize("name", STATEFUL)
def test_an_absent_tasks_state_stays_as_it_was(name: str) -> None:
    method = made(name, FIVE)
    direction(method, rows(5), losses(FIVE))
    before = {k: _of_task(v, "e") for k, v in method.memory.items()}
    direction(method, rows(4, seed=1), losses(FIVE[:4]), 1)
    after = {k: _of_task(v, "e") for k, v in method.memory.items()}
    assert str(before) == str(after) and any(x != {} for x in before.values())


def _of_task(held: dict[str, Any], task: str) -> dict[str, Any]:
    return {key: value for key, value in held.items() if task in key.split("|")}


@pytest.mark.parametrize("name", NAMES)
def test_numbers_drawn_elsewhere_change_nothing(name: str) -> None:
    one = direction(made(name, FIVE), rows(5), losses(FIVE), 3)
    torch.rand(5)
    assert torch.equal(one, direction(made(name, FIVE), rows(5), losses(FIVE), 3))


#: name → torchjd's aggregator, ours · constant = theirs, and our options.
ORACLES: dict[str, tuple[Callable[[int], Any], Callable[[int], float], dict[str, Any]]] = {
    "sum": (lambda m: jd.Sum(), lambda m: 1.0, {}),
    "imtl_g": (lambda m: jd.IMTLG(), lambda m: 1.0, {}),
    "config": (lambda m: jd.ConFIG(), lambda m: 1.0, {}),
    "aligned_mtl": (lambda m: jd.AlignedMTL(), lambda m: 1 / m, {}),  # its mean, our sum
}


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ORACLES)
def test_equal_to_torchjd(name: str, seed: int, count: int) -> None:
    oracle, constant, options = ORACLES[name]
    gradients = rows(count, seed).double()
    expected = oracle(count)(gradients)
    found = direction(made(name, FIVE, **options), gradients, losses(FIVE[:count]))
    assert torch.allclose(
        found * constant(count), expected, atol=1e-6 * float(expected.abs().max())
    )


@pytest.mark.parametrize("seed", range(6))
def test_pcgrad_and_gradvac_of_two_equal_torchjd(seed: int) -> None:
    """With two tasks there is no order to draw."""
    gradients = rows(2, seed).double() - 0.5
    for name, oracle in (("pcgrad", jd.PCGrad()), ("gradvac", jd.GradVac(beta=0.5))):
        method = made(name, FIVE)
        for step in range(3):
            given = gradients + 0.1 * step * rows(2, seed + 20).double()
            found = direction(method, given, losses(FIVE[:2]), step)
            assert torch.allclose(found, oracle(given), atol=1e-8), name


@pytest.mark.parametrize("c", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("count", [2, 3, 5])
def test_cagrad_solves_its_problem(count: int, c: float) -> None:
    gradients = rows(count, seed=count).double() - 0.3
    gram = gramian(gradients).numpy()
    even = np.full(count, 1 / count)

    def value(w: np.ndarray) -> float:
        return float(w @ gram @ even + c * np.sqrt(even @ gram @ even * (w @ gram @ w)))

    best = minimize(value, even, bounds=[(0, 1)] * count, tol=1e-14, constraints={
        "type": "eq", "fun": lambda w: 1 - w.sum()}, options={"maxiter": 500}).x  # fmt: skip
    g0, gw = even @ gradients.numpy(), best @ gradients.numpy()
    expected = g0 + c * np.linalg.norm(g0) / np.linalg.norm(gw) * gw
    for rescale, constant in ((0, 1.0), (1, 1 + c**2), (2, 1 + c)):
        method = made("cagrad", FIVE, c=c, rescale=rescale)
        found = direction(method, gradients, losses(FIVE[:count])).numpy() * constant
        assert np.abs(found - expected).max() < 1e-3 * np.abs(expected).max()


def test_cagrad_of_strength_0_is_the_mean() -> None:
    found = direction(made("cagrad", FIVE, c=0.0), rows(3), losses(FIVE[:3]))
    assert torch.allclose(found, rows(3).mean(0), atol=1e-6)


def test_nash_mtl_is_clipped_and_fairgrad_is_not() -> None:
    gradients = rows(3) * 100
    nash = direction(made("nash_mtl", FIVE), gradients, losses(FIVE[:3]))
    assert float(nash.norm()) <= 1 + 1e-5
    free = direction(made("nash_mtl", FIVE, max_norm=0.0), gradients, losses(FIVE[:3]))
    fair = direction(made("fairgrad", FIVE), gradients, losses(FIVE[:3]))
    assert torch.cosine_similarity(free, fair, dim=0) > 1 - 1e-6


@pytest.mark.parametrize("name", ["mgda", "upgrad", "dualproj"])
@pytest.mark.parametrize("seed", range(4))
def test_no_loss_rises_along_it(name: str, seed: int) -> None:
    gradients = rows(3, seed) - 0.5
    found = direction(made(name, FIVE), gradients, losses(FIVE[:3]))
    assert (gradients @ found).min() > -2e-3 * float(gradients.norm() * found.norm())


def test_graddrop_keeps_one_sign_and_all_of_it() -> None:
    gradients = rows(3)
    found = direction(made("graddrop", FIVE), gradients, losses(FIVE[:3]))
    up, down = gradients.clamp(min=0).sum(0), gradients.clamp(max=0).sum(0)
    assert (torch.isclose(found, up) | torch.isclose(found, down)).all()
    whole = direction(made("graddrop", FIVE, leak=1.0), gradients, losses(FIVE[:3]))
    assert torch.allclose(whole, gradients.sum(0))


def test_db_mtl_brings_logarithmic_gradients_to_one_norm() -> None:
    logs = rows(3)  # of log L already: the weighting that it brings
    norms = logs.norm(dim=1, keepdim=True)
    expected = (logs / norms).sum(0) * norms.max()
    for beta, growth in ((0.9, 1.1), (0.0, 2.0)):  # b = 2 g + 0.9 (g - 2 g)
        method = made("db_mtl", FIVE, beta=beta)
        assert torch.allclose(direction(method, logs, losses(FIVE[:3])), expected, atol=1e-5)
        again = direction(method, 2 * logs, losses(FIVE[:3]), 1)
        assert torch.allclose(again, growth * expected, rtol=1e-4, atol=1e-4)


def test_moco_tracks_normalised_gradients() -> None:
    gradients, values = rows(2), losses(FIVE[:2])
    unit = [0.5 * g / g.norm() * v for g, v in zip(gradients, values.values(), strict=True)]
    y = torch.stack(unit).double()
    held = torch.tensor([0.2, 0.2]).double()
    mixed = torch.softmax(held - 0.1 * (y @ y.T) @ held, 0)
    found = direction(made("moco", FIVE), gradients, values)
    assert torch.allclose(found.double(), mixed @ y, atol=1e-6)


def test_excess_mtl_follows_its_formula() -> None:
    gradients = rows(2)
    logs = torch.zeros(2, dtype=torch.float64)
    squares = torch.zeros_like(gradients)
    first, method = None, made("excess_mtl", FIVE)
    for step in range(3):
        g = gradients * (step + 1)
        squares = squares + g.square()
        excess = (g.square() / (squares + 1e-7).sqrt()).sum(1).double()
        first = excess if first is None else first
        logs = logs + 0.01 * excess / first
        expected = 2 * torch.softmax(logs, 0)
        assert torch.allclose(
            direction(method, g, losses(FIVE[:2]), step), expected.float() @ g, rtol=1e-5
        )


def test_sdmgrad_without_a_pull_ends_at_the_shortest_vector() -> None:
    gradients = rows(3)
    method = made("sdmgrad", FIVE, strength=0.0, lr=0.2, momentum=0.0, iterations=3000)
    found = direction(method, gradients, losses(FIVE[:3]))
    expected = least_norm(gramian(gradients)).float() @ gradients
    assert torch.allclose(found, expected, atol=1e-4)


def test_ntkmtl_sr_levels_the_largest_eigenvalues() -> None:
    method = made("ntkmtl_sr", FIVE)
    gradients = rows(2, width=8 * 6)
    method.features = torch.zeros(8, 6)
    method.begin(Moment())
    method(gradients, losses(FIVE[:2]))
    top = []
    for g in gradients:
        jacobian = torch.stack([part.sum(0) for part in g.view(8, 6).chunk(4)])
        top.append(float(torch.linalg.eigvalsh(jacobian @ jacobian.T)[-1]))
    mean = sum(top) / 2
    expected = [(mean / value) ** 0.5 for value in top]
    assert [*method.used.values()] == pytest.approx(expected, rel=1e-4)


def test_rep_mtls_penalties_follow_their_formulas() -> None:
    from mtlcli.balancing.rep_mtl import alignment, entropy

    s = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    size = s.mean(2).abs()
    shares = size / size.sum(0)
    assert torch.isclose(entropy(s), -(shares * shares.log()).sum(0).mean())
    anchors = s.mean(3).permute(1, 2, 0)
    big = torch.stack([a @ a.T for a in anchors]).flatten(1)
    total = 0.0
    for b in range(3):
        others = [k for k in range(3) if k != b]
        against = torch.stack([torch.cosine_similarity(big[b], big[k], dim=0) for k in others])
        for t in range(2):
            affinity = (s[t, b] @ s[t, b].T).flatten()
            near = torch.cosine_similarity(big[b], affinity, dim=0) / 0.1
            total += float((against / 0.1).logsumexp(0) - near)
    assert float(alignment(s, 0.1)) == pytest.approx(total / 6)
