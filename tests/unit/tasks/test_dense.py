"""What every dense task kind promises: splits of a set add up, unlabelled pixels do nothing."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtlcli import catalog, registry
from mtlcli.errors import UsageError
from mtlcli.tasks.dense import DenseTask
from mtlcli.tasks.normals import Normals
from tests.unit.tasks.dense_cases import (
    HEIGHT,
    IMAGES,
    SYMMETRIC,
    TASKS,
    VECTORS,
    WIDTH,
    batch_of,
    every_task,
    perfect,
    target_of,
)

HISTOGRAMS = {"angles", "raw_angles", "predicted", "right", "found"}


def _scores(task: DenseTask, *batch: Tensor) -> dict[str, float]:
    metrics = task.metrics()
    metrics.update(*batch)
    return metrics.compute()


def test_every_dense_kind_is_tried() -> None:
    dense = {kind for kind in catalog.TASKS if registry.load("task kind", kind).dense}
    assert {task.kind for task in TASKS.values()} == dense


@every_task
def test_the_metrics_lead_with_those_of_the_kind(task: DenseTask) -> None:
    metrics = task.metrics()
    fresh = {key: value.clone() for key, value in metrics.state.items()}
    metrics.update(*batch_of(task))
    scores = list(metrics.compute())
    assert scores[: len(task.directions)] == list(task.directions)
    assert task.primary == scores[0]
    assert all(s.dtype == torch.float64 and s.device.type == "cpu" for s in metrics.state.values())
    assert all(task.metrics().state[key].equal(value) for key, value in fresh.items())


@every_task
@pytest.mark.parametrize("cuts", [[1], [2, 5], list(range(1, IMAGES))])
def test_states_of_parts_add_up_to_the_whole_and_do_not_grow(
    task: DenseTask, cuts: list[int]
) -> None:
    batch = batch_of(task)
    whole = task.metrics()
    whole.update(*batch)
    ranks = [task.metrics(), task.metrics()]
    for i, part in enumerate(zip(*(torch.tensor_split(x, cuts) for x in batch), strict=True)):
        ranks[i % 2].update(*part)
    for key, state in whole.state.items():
        joined = ranks[0].state[key] + ranks[1].state[key]
        # float32 functions differ in the last bit by where a number lies in its vector; one in
        # thousands then falls into the next bin
        bins = 2 if key in HISTOGRAMS else 0
        torch.testing.assert_close(joined.cumsum(0), state.cumsum(0), rtol=1e-6, atol=bins)
        assert joined.sum().item() == pytest.approx(state.sum().item(), rel=1e-6)
        assert state.shape == task.metrics().state[key].shape


@every_task
@pytest.mark.parametrize("cuts", [[1], [2, 5]])
def test_the_mean_over_a_batch_is_that_over_its_parts(task: DenseTask, cuts: list[int]) -> None:
    batch = batch_of(task)
    parts = list(zip(*(torch.tensor_split(x, cuts) for x in batch), strict=True))
    loss = torch.stack([task.loss(*part) for part in parts]).sum()
    count = torch.stack([task.count(*part[1:]) for part in parts]).sum()
    torch.testing.assert_close(loss, task.loss(*batch))
    assert float(count) == float(task.count(*batch[1:])) > 0
    torch.testing.assert_close(task.loss(*batch[:2], 2 * batch[2]), 2 * loss)
    assert float(task.count(batch[1], 2 * batch[2])) == 2 * float(count)


@every_task
@pytest.mark.parametrize("extra", [(0, 5, 0, 3), (4, 0, 2, 0), (1, 1, 1, 1)])
def test_ignored_padding_changes_nothing(task: DenseTask, extra: tuple[int, int, int, int]) -> None:
    output, target, weight = batch_of(task)
    padded = F.pad(target, extra, value=0 if task.kind == "depth" else 255)
    noise = torch.randn(IMAGES, task.outputs, *padded.shape[-2:]) * 50
    left, right, top, bottom = extra
    height, width = padded.shape[-2:]
    noise[:, :, top : height - bottom, left : width - right] = output
    torch.testing.assert_close(task.loss(noise, padded, weight), task.loss(output, target, weight))
    assert task.count(padded, weight).equal(task.count(target, weight))
    assert _scores(task, noise, padded, weight) == pytest.approx(
        _scores(task, output, target, weight), rel=1e-6
    )


@every_task
def test_rows_without_a_label_change_nothing(task: DenseTask) -> None:
    output, target, weight = batch_of(task)
    seen = weight > 0
    without = output[seen], target[seen], weight[seen]
    output[~seen] = math.nan
    given = _scores(task, output, target, weight)
    assert given == pytest.approx(_scores(task, *without), rel=1e-6)
    torch.testing.assert_close(task.loss(output, target, weight), task.loss(*without))
    assert task.count(target, weight).equal(task.count(*without[1:]))


@every_task
def test_only_labelled_pixels_have_a_gradient(task: DenseTask) -> None:
    output, target, weight = batch_of(task)
    output.requires_grad_()
    torch.autograd.backward(task.loss(output, target, weight))
    assert output.grad is not None and output.grad.isfinite().all() and output.grad.any()
    counted = task.valid(target) & (weight > 0).view(-1, 1, 1)
    assert not output.grad.masked_fill(counted.unsqueeze(1), 0).any()


@every_task
@pytest.mark.parametrize("blank", ["pixels", "rows"])
def test_without_a_label_loss_and_gradient_are_zero_and_scores_unknown(
    task: DenseTask, blank: str
) -> None:
    output, target, weight = batch_of(task)
    if blank == "rows":
        weight = weight * 0
    else:
        target = target.new_full(target.shape, 0 if task.kind == "depth" else 255)
    output.requires_grad_()
    loss = task.loss(output, target, weight)
    torch.autograd.backward(loss)
    assert loss.item() == 0 and task.count(target, weight).item() == 0
    assert output.grad is not None and not output.grad.any()
    scores = _scores(task, output.detach(), target, weight)
    assert all(map(math.isnan, scores.values()))
    assert all(map(math.isnan, task.metrics().compute().values()))


@every_task
def test_a_perfect_prediction_scores_perfectly(task: DenseTask) -> None:
    _, target, weight = batch_of(task)
    output = perfect(task, target)
    scores = _scores(task, output, target, weight)
    if task.kind == "normals" and isinstance(task, Normals) and task.space == "raw":
        scores = {name: value for name, value in scores.items() if name.startswith("raw_")}
        directions = {"raw_mean": "min", "raw_rmse": "min", "raw_11": "max"}
    else:
        directions = dict(task.directions)
    for name, direction in directions.items():
        # what the encoding rounds off and half a bin of the median are left of an angle
        best = pytest.approx(0, abs=0.2 if task.kind == "normals" else 1e-5)
        assert scores[name] == (1 if direction == "max" else best), name
    loss = task.loss(output, target, weight) / task.count(target, weight)
    assert loss.item() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("task", SYMMETRIC.values(), ids=SYMMETRIC)
def test_mirroring_changes_no_score(task: DenseTask) -> None:
    output, target, weight = batch_of(task)
    flipped, mirrored = output.flip(-1), target.flip(-1)
    if task.kind == "normals":
        known = (mirrored != 255).any(1)
        mirrored[:, 0] = torch.where(known, 254 - mirrored[:, 0], 255)
        flipped[:, 0] *= -1
    torch.testing.assert_close(
        task.loss(flipped, mirrored, weight), task.loss(output, target, weight)
    )
    before, after = (
        _scores(task, *batch) for batch in ((output, target, weight), (flipped, mirrored, weight))
    )
    assert {k: after[k] for k in task.directions} == pytest.approx(
        {k: before[k] for k in task.directions}, rel=1e-5
    )


@every_task
@pytest.mark.parametrize("scale", [0.0, 1e4])
def test_extreme_outputs_have_finite_losses_and_gradients(task: DenseTask, scale: float) -> None:
    output, target, weight = batch_of(task)
    output = (output * scale).requires_grad_()
    loss = task.loss(output, target, weight)
    torch.autograd.backward(loss)
    assert loss.isfinite() and output.grad is not None and output.grad.isfinite().all()


@every_task
def test_low_precision_is_taken_in_full_precision(task: DenseTask) -> None:
    output, target, weight = batch_of(task)
    low = output.bfloat16()
    full = task.loss(low.float(), target, weight)
    torch.testing.assert_close(task.loss(low, target, weight), full)
    assert task.decode(low) == task.decode(low.float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = _scores(task, output, target, weight)
        torch.testing.assert_close(task.loss(low.float(), target, weight), full)
        assert task.decode(low.float()) == task.decode(low)
    assert cast == _scores(task, output, target, weight)


@every_task
def test_a_nan_output_makes_no_score_look_good(task: DenseTask) -> None:
    output, target, weight = batch_of(task)
    score = _scores(task, torch.full_like(output, math.nan), target, weight)[task.primary]
    assert math.isnan(score) or score < 0.3


@every_task
def test_a_head_answers_at_the_size_of_its_features(task: DenseTask) -> None:
    head = task.head(5)
    output = head(torch.randn(2, 5, 4, 6))
    assert output.shape == (2, task.outputs, 4, 6)
    assert isinstance(head.last, nn.Conv2d) and head.last.out_channels == task.outputs


@every_task
def test_outputs_are_brought_to_the_size_of_the_labels_once(task: DenseTask) -> None:
    small = torch.randn(IMAGES, task.outputs, 3, 4)
    wanted = F.interpolate(small, (HEIGHT, WIDTH), mode="bilinear", align_corners=False)
    enlarged = task.at_size_of(small, target_of(task))
    assert enlarged.equal(wanted) and task.resize(small, (HEIGHT, WIDTH)).equal(wanted)
    assert task.at_size_of(enlarged, target_of(task)) is enlarged


def test_a_dilation_of_0_is_refused() -> None:
    with pytest.raises(UsageError, match=r"tasks\.n\.rate"):
        Normals("n", VECTORS, rate=0)
