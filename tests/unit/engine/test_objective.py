"""Labels that are missing change nothing for those that are there."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from mtlcli.completion.distill import Distill
from mtlcli.completion.fixmatch import FixMatch
from mtlcli.completion.freematch import FreeMatch
from mtlcli.engine.objective import Count, Objective
from mtlcli.io.column import Column
from mtlcli.tasks.classification import Classification

Small = Callable[..., Any]
GENDER = Column("classification", ("female", "male"))


def equal(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor], tolerance: float) -> None:
    assert one.keys() == two.keys()
    for name, gradient in one.items():
        assert torch.allclose(gradient, two[name], rtol=tolerance, atol=tolerance), name


@pytest.mark.parametrize("missing", [{}, {"age": [1, 2, 7]}, {"age": [0], "gender": [5, 6]}])
def test_targets_of_missing_labels_are_never_read(
    small: Small, missing: dict[str, list[int]]
) -> None:
    objective, batch = small("objective")(), small("batch")(**missing)
    expected = small("gradients")(objective, batch)
    for task, rows in missing.items():
        batch.targets[task][rows] = 1  # any other legal value
    equal(small("gradients")(objective, batch), expected, 0)


def test_rows_without_any_label_change_nothing(small: Small) -> None:
    objective = small("objective")().eval()
    batch = small("batch")(gender=[2, 5], age=[2, 5])
    kept = torch.tensor([0, 1, 3, 4, 6, 7])
    fewer = batch._each(lambda tensor: tensor[kept])
    whole = small("gradients")(objective, batch)
    equal(small("gradients")(objective, fewer), whole, 1e-6)


def test_a_task_without_labels_leaves_the_others_gradients(small: Small) -> None:
    objective = small("objective")(architecture="shared").eval()
    alone = small("gradients")(objective, small("batch")(age=list(range(8))))
    both = small("gradients")(objective, small("batch")())
    for name, gradient in alone.items():
        assert torch.isfinite(gradient).all(), name
        if name.startswith("net.heads.age"):
            assert not gradient.any(), name
        if name.startswith("net.heads.gender"):
            assert torch.equal(gradient, both[name]), name
    assert alone["net.heads.gender.last.weight"].any()


def test_a_batch_without_any_label_gives_zero_gradients_everywhere(small: Small) -> None:
    rows = list(range(8))
    found = small("gradients")(small("objective")(), small("batch")(gender=rows, age=rows))
    assert found
    assert not any(gradient.any() for gradient in found.values())


def test_an_absent_task_has_no_loss(small: Small) -> None:
    objective, batch = small("objective")(), small("batch")(age=list(range(8)))
    counts = {"gender": Count(8.0), "age": Count(0.0)}
    losses, idle = objective(batch.images, batch.targets, batch.weights, counts, {})
    assert list(losses) == ["gender"]
    assert idle == 0 and idle.requires_grad


def test_losses_are_sums_over_the_counts_given(small: Small) -> None:
    objective, batch = small("objective")(), small("batch")(age=[0, 1])
    once = {"gender": Count(8.0), "age": Count(6.0)}
    more = {"gender": Count(16.0), "age": Count(24.0)}
    one = objective(batch.images, batch.targets, batch.weights, once, {})[0]
    two = objective(batch.images, batch.targets, batch.weights, more, {})[0]
    assert torch.isclose(one["gender"], two["gender"] * 2)
    assert torch.isclose(one["age"], two["age"] * 4)


@pytest.mark.parametrize("absent", [["age"], ["gender", "age"]])
def test_every_parameter_gets_a_gradient_so_that_ranks_agree(
    small: Small, absent: list[str]
) -> None:
    objective = small("objective")()
    batch = small("batch")(**{task: list(range(8)) for task in absent})
    found = small("gradients")(objective, batch)
    assert found.keys() == dict(objective.named_parameters()).keys()


def test_losses_are_formed_in_fp32_under_autocast(small: Small) -> None:
    """In bf16 an expected age would be known to half a year only."""
    objective, batch = small("objective")().eval(), small("batch")()
    counts = {"gender": Count(8.0), "age": Count(8.0)}
    given: dict[str, torch.Tensor] = {}
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        objective.net.register_forward_hook(lambda *parts: given.update(parts[2]))
        losses, _ = objective(batch.images, batch.targets, batch.weights, counts, {})
    assert given["age"].dtype == torch.bfloat16
    task = objective.tasks["age"]
    exact = task.loss(given["age"].float(), batch.targets["age"], batch.weights["age"]) / 8
    assert losses["age"].dtype == torch.float32
    assert torch.equal(losses["age"], exact)


def slow_completed(
    kind: str, z: torch.Tensor, bar: torch.Tensor, hard: torch.Tensor, soft: torch.Tensor, t: float
) -> float:
    """Σ a · loss(z, ŷ) + b · T² · KL(softmax(z̄/T) ‖ softmax(z/T)), one row and class at a time."""

    def softmax(values: list[float], by: float) -> list[float]:
        powers = [math.exp(value / by) for value in values]
        return [power / sum(powers) for power in powers]

    total = 0.0
    for ours, theirs, a, b in zip(z.tolist(), bar.tolist(), hard, soft, strict=True):
        p, q = softmax(theirs, 1.0), softmax(ours, 1.0)
        if kind == "gender":
            learnt = -math.log(q[p.index(max(p))])
        else:
            said, meant = (sum((1 + k) * x for k, x in enumerate(row)) for row in (q, p))
            bell = softmax([-((1 + k - meant) ** 2) / 8 for k in range(len(p))], 1.0)
            learnt = sum(x * math.log(x / y) for x, y in zip(bell, q, strict=True) if x)
            learnt += 0.1 * abs(said - meant)
        pt, qt = softmax(theirs, t), softmax(ours, t)
        kept = t**2 * sum(x * math.log(x / y) for x, y in zip(pt, qt, strict=True))
        total += float(a) * learnt + float(b) * kept
    return total


@pytest.mark.parametrize("temperature", [1.0, 2.0])
@pytest.mark.parametrize("factor", [0.0, 0.5])
def test_completed_rows_are_learnt_as_the_formula_says(
    small: Small, factor: float, temperature: float
) -> None:
    objective = small("objective")().eval()
    objective.completion = Distill(["gender", "age"], temperature=temperature)
    objective.factor = factor
    rows = {"gender": [0, 2, 3], "age": [1, 4, 5, 6]}
    batch = small("batch")(**rows)
    drawn = torch.Generator().manual_seed(7)
    more = {}
    for task, classes in (("gender", 2), ("age", 40)):
        open_ = (batch.weights[task] == 0).float()
        more[f"{task}.logits"] = 2 * torch.randn(8, classes, generator=drawn)
        more[f"{task}.hard"] = torch.rand(8, generator=drawn) * open_
        more[f"{task}.soft"] = torch.rand(8, generator=drawn) * open_
    counts = {"gender": Count(5.0, 3.0), "age": Count(4.0, 4.0)}
    with torch.no_grad():
        args = batch.images, batch.targets, batch.weights, counts
        found = objective(*args, more)[0]
        plain = {task: Count(count.labels) for task, count in counts.items()}
        taught = objective(*args[:3], plain, {})[0]
        outputs = objective.net(batch.images)
    for task, count in counts.items():
        parts = (more[f"{task}.{part}"] for part in ("logits", "hard", "soft"))
        completed = slow_completed(task, outputs[task], *parts, temperature)
        assert completed > 0.1
        expected = float(taught[task]) + factor * completed / count.completed
        assert float(found[task]) == pytest.approx(expected, rel=1e-4), task


class Linear(torch.nn.Module):
    """Its answers are its weight times each picture's first pixels; it keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(2))
        self.given: list[torch.Tensor] = []

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        output = images[:, :2, 0, 0].float() / 50 * self.weight
        output.retain_grad()
        self.given.append(output)
        return {"gender": output}


def online(
    labelled: list[bool], note: list[Any], completion: FixMatch | FreeMatch | None = None
) -> tuple[Objective, Linear, Callable[[], dict[str, torch.Tensor]]]:
    """A stub network asked for four pictures and their second views, which differ from them."""
    net, tasks = Linear(), {"gender": Classification("gender", GENDER)}
    objective = Objective(
        net, tasks, completion=completion or FixMatch(["gender"], threshold=0.9),  # type: ignore[arg-type]
        note=lambda *told: note.append(told),
    )  # fmt: skip
    weak, strong = torch.zeros(2, 4, 3, 1, 1, dtype=torch.uint8)
    weak[:, :2, 0, 0] = torch.tensor([[200, 0], [0, 200], [40, 20], [200, 0]])
    strong[:, :2, 0, 0] = torch.tensor([[60, 10], [70, 20], [80, 30], [90, 40]])
    weights = {"gender": torch.tensor(labelled).float()}
    known = sum(labelled)
    counts = {"gender": Count(float(known), 4.0 - known)}
    more = {"strong": strong, "row": torch.arange(4)}
    targets = {"gender": torch.zeros(4, dtype=torch.long)}
    return objective, net, lambda: objective(weak, targets, weights, counts, more)[0]


def test_what_the_network_answers_itself_is_learnt_on_the_second_view_alone() -> None:
    """Rows 0, 1 and 3 are sure; row 3 is labelled, so that its own picture teaches."""
    noted: list[Any] = []
    _, net, losses = online([False, False, False, True], noted)
    loss = losses()["gender"]
    loss.backward()  # type: ignore[no-untyped-call]
    (output,) = net.given
    assert output.grad is not None
    moved = output.grad.abs().sum(1) > 0
    assert moved.tolist() == [False, False, False, True, True, True, False, False]
    probability = output.detach().softmax(1)
    taught = -probability[3, 0].log()
    learnt = -(probability[4, 0].log() + probability[5, 1].log()) / 3
    assert torch.isclose(loss, taught + learnt)
    ((task, rows, answers, made, unlabelled),) = noted
    assert (task, rows.tolist(), answers.tolist()) == ("gender", [0, 1, 2, 3], [0, 1, 0, 0])
    assert made.hard.tolist() == [1, 1, 0, 0]
    assert unlabelled.tolist() == [True, True, True, False]


def test_who_looks_again_notes_nothing_and_learns_nothing() -> None:
    noted: list[Any] = []
    completion = FreeMatch(["gender"], momentum=0.5)
    objective, _, losses = online([False] * 4, noted, completion)
    first = losses()["gender"]
    held = dict(completion.memory["gender"])
    with objective.looking():
        again = losses()["gender"]
    assert torch.equal(first, again)
    assert len(noted) == 1 and completion.memory["gender"] == held
    losses()
    assert len(noted) == 2 and completion.memory["gender"] != held
