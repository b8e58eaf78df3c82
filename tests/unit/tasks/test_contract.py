"""What every image-level task kind promises: splits of a set add up, missing labels do nothing."""

import copy
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mtlcli import catalog
from mtlcli.errors import DataError
from mtlcli.io.column import Column
from mtlcli.tasks.age import Age
from mtlcli.tasks.attributes import Attributes
from mtlcli.tasks.base import ImageTask
from mtlcli.tasks.classification import Classification
from mtlcli.tasks.identity import Identity
from mtlcli.tasks.regression import Regression

COLOURS = Column("classification", classes=("red", "green", "blue"))
YEARS = Column("age", low=1, high=80, unit="years")
ANGLE = Column("regression", low=-90, high=90, unit="degrees")
WORN = Column("attributes", classes=("hat", "tie", "bag"), groups=("head", "neck", "neck"))
TASKS: dict[str, ImageTask] = {
    "classification": Classification("colour", COLOURS),
    "smoothed": Classification("colour", COLOURS, smoothing=0.1, hidden=4),
    "age": Age("age", YEARS),
    "age, one year": Age("age", YEARS, spread=0, expected=0),
    "age, own range": Age("age", YEARS, low=0, high=40, hidden=4),
    "regression": Regression("angle", ANGLE),
    "l1": Regression("angle", ANGLE, loss="l1"),
    "l2, open": Regression("angle", Column("regression"), loss="l2"),
    "attributes": Attributes("worn", WORN, positive_weight=3.0, hidden=4),
    "identity": Identity("who", COLOURS, size=5),
    "cosface": Identity("who", COLOURS, size=5, margin="cosface", m=0.35, norm=True, hidden=4),
    "latent tasks": Attributes("worn", WORN, loss="squared_hinge", head="latent_task", latents=2),
}
every_task = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
WIDTH, ROWS = 6, 40


def _cells(task: ImageTask, count: int = ROWS) -> list[str]:
    """Cells of which every fifth is empty."""
    numbers = torch.randint(1, 40, (count,)).tolist()
    texts = {
        "classification": [COLOURS.classes[n % 3] for n in numbers],
        "identity": [COLOURS.classes[n % 3] for n in numbers],
        "age": [f"{n}" for n in numbers],
        "regression": [f"{n - 20}.25" for n in numbers],
        "attributes": ["".join("01?"[(n + k) // (k + 1) % 3] for k in range(3)) for n in numbers],
    }[task.kind]
    return ["" if i % 5 == 0 else text for i, text in enumerate(texts)]


def _batch(task: ImageTask, count: int = ROWS) -> tuple[Tensor, Tensor, Tensor]:
    """Outputs, targets and weights as training has them."""
    labels = task.encode(_cells(task, count))
    output = task.head(WIDTH)(torch.randn(count, WIDTH, 2, 2)).detach() * 3
    return output, torch.from_numpy(labels.values), torch.from_numpy(labels.present).float()


def test_every_image_level_kind_is_tried() -> None:
    kinds = {task.kind for task in TASKS.values()}
    assert kinds >= {"classification", "age", "regression", "attributes", "identity"}
    assert {task.kind for task in TASKS.values()} <= catalog.TASKS.keys()


@every_task
def test_an_empty_cell_is_unlabelled_and_no_other_is(task: ImageTask) -> None:
    labels = task.encode(_cells(task))
    assert labels.present.tolist() == [i % 5 != 0 for i in range(ROWS)]
    assert len(labels.values) == ROWS
    assert not task.encode([]).present.any() and not task.encode(["", ""]).present.any()


@every_task
@pytest.mark.parametrize("odd", ["violet", "1e999", "nan", "-inf", "1;2", " "])
def test_a_wrong_cell_is_named_with_its_row(task: ImageTask, odd: str) -> None:
    good = next(cell for cell in _cells(task) if cell)
    if task.kind == "identity" and odd.strip():
        assert task.encode([good, odd]).present.all()  # someone else
        return
    with pytest.raises(DataError) as caught:
        task.encode([good, "", odd, good])
    assert repr(odd) in caught.value.what and task.name in caught.value.what
    assert caught.value.where == "row 4"  # the header is row 1


@every_task
def test_the_metrics_have_the_names_and_directions_of_the_kind(task: ImageTask) -> None:
    metrics = task.metrics()
    output, target, weight = _batch(task)
    metrics.update(output, target, weight)
    found = list(metrics.compute())
    assert found[: len(task.directions)] == list(task.directions)
    assert len(found) == len(task.directions) or task.kind == "attributes"
    assert task.primary == next(iter(task.directions))
    assert all(state.dtype == torch.float64 for state in metrics.state.values())


@every_task
@pytest.mark.parametrize("cuts", [[], [1], [7, 7, 20], list(range(1, ROWS)), [39]])
def test_scores_of_a_split_set_equal_those_of_the_whole(task: ImageTask, cuts: list[int]) -> None:
    batch = _batch(task)
    whole = task.metrics()
    whole.update(*batch)
    ranks = [task.metrics(), task.metrics()]
    for i, part in enumerate(zip(*(torch.tensor_split(x, cuts) for x in batch), strict=True)):
        ranks[i % 2].update(*part)
    joined = task.metrics()
    joined.state = {key: ranks[0].state[key] + ranks[1].state[key] for key in joined.state}
    joined.rows = {key: ranks[0].rows[key] + ranks[1].rows[key] for key in joined.rows}
    assert joined.compute() == pytest.approx(whole.compute(), rel=1e-9, nan_ok=True)


@every_task
def test_missing_labels_change_no_score(task: ImageTask) -> None:
    output, target, weight = _batch(task)
    seen = weight > 0
    with_gaps, without = task.metrics(), task.metrics()
    output[~seen] = math.nan  # not even these
    with_gaps.update(output, target, weight)
    without.update(output[seen], target[seen], weight[seen])
    assert with_gaps.compute() == without.compute()


@every_task
def test_missing_labels_change_no_gradient(task: ImageTask) -> None:
    output, target, weight = _batch(task)
    seen = weight > 0
    output[~seen] *= 1000
    target[~seen] = target[seen][0]
    whole, part = output.clone().requires_grad_(), output[seen].clone().requires_grad_()
    losses = task.loss(whole, target, weight), task.loss(part, target[seen], weight[seen])
    for loss in losses:
        assert loss.dtype == torch.float32 and loss.shape == ()
        torch.autograd.backward(loss)
    torch.testing.assert_close(losses[0], losses[1])
    assert whole.grad is not None and part.grad is not None
    torch.testing.assert_close(whole.grad[seen], part.grad)
    assert not whole.grad[~seen].any()
    known = (target[seen] >= 0) if task.kind == "attributes" else seen  # entries, not images
    assert float(task.count(target, weight)) == int(known.sum())


@every_task
def test_without_a_label_the_loss_is_zero_and_scores_are_unknown(task: ImageTask) -> None:
    output, target, weight = _batch(task)
    assert float(task.loss(output, target, weight * 0)) == 0
    metrics = task.metrics()
    metrics.update(output, target, weight * 0)
    assert all(map(math.isnan, metrics.compute().values()))
    assert all(map(math.isnan, task.metrics().compute().values()))


@every_task
def test_the_loss_is_a_sum_over_images_and_follows_the_weight(task: ImageTask) -> None:
    output, target, weight = _batch(task)
    whole = task.loss(output, target, weight)
    each = [task.loss(output[i : i + 1], target[i : i + 1], weight[i : i + 1]) for i in range(ROWS)]
    torch.testing.assert_close(torch.stack(each).sum(), whole)
    torch.testing.assert_close(task.loss(output, target, 2 * weight), 2 * whole)


@every_task
@pytest.mark.parametrize("scale", [0.0, 1e4, 1e30])
def test_extreme_outputs_have_finite_losses_and_gradients(task: ImageTask, scale: float) -> None:
    output, target, weight = _batch(task)
    if task.kind in ("regression", "attributes"):
        scale = min(scale, 1e9)  # squares overflow
    output = (output * scale).requires_grad_()
    loss = task.loss(output, target, weight)
    torch.autograd.backward(loss)
    assert loss.isfinite() and output.grad is not None and output.grad.isfinite().all()


@every_task
def test_low_precision_outputs_are_taken_in_full_precision(task: ImageTask) -> None:
    output, target, weight = _batch(task)
    low = output.bfloat16()
    torch.testing.assert_close(
        task.loss(low, target, weight), task.loss(low.float(), target, weight)
    )
    assert task.decode(low) == task.decode(low.float())


@every_task
def test_under_autocast_nothing_is_rounded_to_bf16(task: ImageTask) -> None:
    output, target, weight = _batch(task)
    plain, cast = task.metrics(), task.metrics()
    plain.update(output, target, weight)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast.update(output, target, weight)
        loss, decoded = task.loss(output, target, weight), task.decode(output)
    assert cast.compute() == plain.compute()
    assert decoded == task.decode(output)
    torch.testing.assert_close(loss, task.loss(output, target, weight))


@every_task
def test_a_head_has_the_outputs_that_the_loss_takes(task: ImageTask) -> None:
    head = task.head(WIDTH)
    output = head(torch.randn(3, WIDTH, 4, 5))
    assert output.shape[0] == 3 and output.ndim == 2
    beside = task.size if isinstance(task, Identity) else 0
    assert isinstance(head.last, nn.Linear)
    assert head.last.out_features == output.shape[1] - beside
    task.loss(output, *_batch(task, 3)[1:])


@every_task
def test_decoded_answers_are_plain_values_with_a_caption(task: ImageTask) -> None:
    decoded = task.decode(_batch(task)[0])
    assert len(decoded) == ROWS
    for answer in decoded:
        assert _plain(answer)
        assert 0 < len(task.caption(answer)) < 30


def _plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(type(key) is str and _plain(inner) for key, inner in value.items())
    return type(value) in (str, int, float, bool)


@every_task
def test_a_nan_output_of_a_labelled_image_makes_no_score_look_good(task: ImageTask) -> None:
    output, target, weight = _batch(task)
    metrics = task.metrics()
    metrics.update(torch.full_like(output, math.nan), target, weight)
    scores = metrics.compute()
    if task.kind == "attributes":
        assert scores["accuracy"] == scores["balanced_accuracy"] == 0
    if task.kind == "identity":
        assert set(scores.values()) == {0}
        return
    assert math.isnan(scores[task.primary]) or task.kind in ("classification", "attributes")


@every_task
def test_fresh_metrics_are_fresh(task: ImageTask) -> None:
    first = task.metrics()
    before = copy.deepcopy(first.state)
    first.update(*_batch(task))
    assert all(task.metrics().state[key].equal(before[key]) for key in before)


@every_task
def test_agreement_is_a_share_for_classes_and_a_distance_otherwise(task: ImageTask) -> None:
    one, two = _batch(task)[0], _batch(task)[0]
    share, apart = task.agreement(one, one)
    shares = task.kind in ("classification", "attributes", "identity")
    assert (share, apart) == ((1, None) if shares else (None, 0))
    share, apart = task.agreement(one, two)
    answers = [task.decode(output) for output in (one, two)]
    pairs = list(zip(*answers, strict=True))
    if task.kind in ("classification", "identity"):
        assert share == pytest.approx(sum(a["label"] == b["label"] for a, b in pairs) / ROWS)
    elif task.kind == "attributes":
        there = [[set(a["present"].split(", ")) for a in pair] for pair in pairs]
        same = [[(n in a) == (n in b) for n in WORN.classes] for a, b in there]
        assert share == pytest.approx(sum(map(sum, same)) / ROWS / 3)
    else:
        wanted = sum(abs(a["value"] - b["value"]) for a, b in pairs) / ROWS
        assert apart == pytest.approx(wanted, abs=0.1)


@every_task
def test_a_sure_and_right_answer_is_less_wrong_than_another(task: ImageTask) -> None:
    """What run pictures say of an answer: a truth in words, and a distance that is 0 at best."""
    output, target, weight = _batch(task)
    seen = [i for i in range(ROWS) if weight[i] > 0]
    decoded = task.decode(output)
    errors = [task.error(decoded[i], target[i]) for i in seen]
    assert min(errors) >= 0 and max(errors) > min(errors)
    for i in seen:
        words, wrong = task.judged(decoded[i], target[i])
        assert words and task.told(target[i])
        assert wrong is False or task.kind in ("classification", "attributes", "identity")
