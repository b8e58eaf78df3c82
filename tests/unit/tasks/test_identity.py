"""Identity: unit embeddings, strangers that count in retrieval alone, scores that add up."""

import math

import pytest
import torch

from mtlcli.errors import DataError, UsageError
from mtlcli.io.column import Column
from mtlcli.tasks.identity import Identity
from mtlcli.tasks.identity_head import IdentityHead
from mtlcli.tasks.retrieval import retrieve

WHO = Column("identity", classes=("ann", "bob", "cid"))
CELLS = ["ann", "eve", "", "bob", "fay", "eve", "cid", "ann", "fay", "bob"]


def _task(**options: object) -> Identity:
    return Identity("who", WHO, size=6, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("hidden", [0, 5])
def test_embeddings_have_length_1_and_cosines_are_those_of_the_classes(
    norm: bool, hidden: int
) -> None:
    head = IdentityHead(7, 6, 3, norm=norm, hidden=hidden).eval()
    features = 5 * torch.randn(4, 7, 2, 3)
    output = head(features)
    unit = head.last.weight / head.last.weight.norm(dim=1, keepdim=True)
    torch.testing.assert_close(output[:, :6].norm(dim=1), torch.ones(4))
    torch.testing.assert_close(output[:, 6:], output[:, :6] @ unit.T)
    torch.testing.assert_close(head.answer(head.embed(features)), output)


def test_a_vector_of_nothing_has_finite_gradients() -> None:
    head = IdentityHead(7, 6, 3)
    torch.nn.init.zeros_(head.body.last.bias)
    output = head(torch.zeros(2, 7, 1, 1))
    loss = _task().loss(output, torch.tensor([0, 1]), torch.ones(2))
    torch.autograd.backward(loss)
    assert all(p.grad is None or p.grad.isfinite().all() for p in head.parameters())


def test_the_head_rounds_no_cosine_under_autocast() -> None:
    head, features = IdentityHead(7, 6, 3), torch.randn(4, 7, 1, 1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = head(features)
    assert output.dtype == torch.float32
    unit = head.last.weight / head.last.weight.norm(dim=1, keepdim=True)
    torch.testing.assert_close(output[:, :6].norm(dim=1), torch.ones(4))
    torch.testing.assert_close(output[:, 6:], output[:, :6] @ unit.T)


def test_the_loss_reaches_every_weight_of_the_head() -> None:
    head = IdentityHead(7, 6, 3, norm=True, hidden=4)
    output = head(torch.randn(5, 7, 2, 2))
    loss = _task().loss(output, torch.tensor([0, 1, 2, 0, 1]), torch.ones(5))
    torch.autograd.backward(loss)
    # a bias before a batch norm has no effect
    names = [n for n, p in head.named_parameters() if p.grad is None or not p.grad.any()]
    assert names in ([], ["body.last.bias"])


def test_strangers_have_labels_of_their_own_and_are_the_same_in_every_table() -> None:
    task = _task()
    labels = task.encode(CELLS)
    assert labels.values.tolist() == [0, 3, 0, 1, 4, 3, 2, 0, 4, 1]
    assert labels.present.tolist() == [cell != "" for cell in CELLS]
    assert task.encode(["gil", "fay"]).values.tolist() == [5, 4]
    assert [task.told(torch.tensor(i)) for i in (2, 3, 5)] == ["cid", "eve", "gil"]


def test_strangers_count_neither_in_the_loss_nor_in_the_accuracy() -> None:
    task = _task()
    labels = task.encode(CELLS)
    target, weight = torch.from_numpy(labels.values), torch.from_numpy(labels.present).float()
    output = task.head(7)(torch.randn(len(CELLS), 7, 1, 1))
    known = (target < 3) & (weight > 0)
    torch.testing.assert_close(
        task.loss(output, target, weight), task.loss(output[known], target[known], weight[known])
    )
    assert float(task.count(target, weight)) == int(known.sum()) == 5
    metrics = task.metrics()
    metrics.update(output, target, weight)
    wanted = (task.cosines(output)[known].argmax(1) == target[known]).double().mean()
    assert metrics.compute()["accuracy"] == pytest.approx(float(wanted))


@pytest.mark.parametrize("cuts", [[5], [1, 2, 3], [0, 10]])
def test_parts_and_ranks_have_the_retrieval_scores_of_the_whole(cuts: list[int]) -> None:
    task = _task()
    labels = task.encode(CELLS)
    target, weight = torch.from_numpy(labels.values), torch.from_numpy(labels.present).float()
    output = task.head(7)(torch.randn(len(CELLS), 7, 1, 1)).detach()
    whole, ranks = task.metrics(), [task.metrics(), task.metrics()]
    whole.update(output, target, weight)
    for i, part in enumerate(zip(*(torch.tensor_split(x, cuts) for x in (output, target, weight)),
                                 strict=True)):  # fmt: skip
        ranks[i % 2].update(*part)
    joined = task.metrics()
    joined.state = {k: ranks[0].state[k] + ranks[1].state[k] for k in joined.state}
    joined.rows = {k: [*ranks[1].rows[k], *ranks[0].rows[k]] for k in joined.rows}
    assert joined.compute() == pytest.approx(whole.compute())
    seen = weight > 0
    found = retrieve(
        task.embeddings(output)[seen], target[seen], task.embeddings(output)[seen], target[seen],
        same=True,
    )  # fmt: skip
    assert found.asked.tolist() == [1, 1, 1, 1, 1, 0, 1, 1, 1]  # nobody else is cid
    assert whole.compute()["map"] == pytest.approx(float(found.precision.sum() / 8))
    assert whole.compute()["rank1"] == pytest.approx(float(found.first.sum() / 8))


def test_vectors_of_one_direction_for_each_identity_are_found_perfectly() -> None:
    task = _task()
    target = torch.tensor([0, 1, 2, 3, 4] * 3)
    output = torch.cat([torch.eye(6)[target], torch.zeros(15, 3)], 1)
    metrics = task.metrics()
    metrics.update(output, target, torch.ones(15))
    scores = metrics.compute()
    assert (scores["map"], scores["rank1"]) == pytest.approx((1, 1))


def test_without_a_known_identity_the_accuracy_is_unknown_and_retrieval_is_not() -> None:
    task, target = _task(), torch.tensor([3, 3, 4, 4])
    metrics = task.metrics()
    metrics.update(task.head(7)(torch.randn(4, 7, 1, 1)), target, torch.ones(4))
    scores = metrics.compute()
    assert math.isnan(scores["accuracy"]) and 0 <= scores["rank1"] <= 1


def test_answers_name_the_nearest_and_say_how_near() -> None:
    task = _task()
    (answer,) = task.decode(torch.tensor([[0.0] * 6 + [0.1, 0.9, -0.3]]))
    assert answer == {
        "label": "bob", "cosine": 0.9, "nearest": {"bob": 0.9, "ann": 0.1, "cid": -0.3},
    }  # fmt: skip
    task.encode(["eve"])
    assert task.judged(answer, torch.tensor(0)) == ("is ann", True)
    assert task.judged(answer, torch.tensor(3)) == ("is eve, never learnt", False)
    assert task.error(answer, torch.tensor(1)) < task.error(answer, torch.tensor(0))


@pytest.mark.parametrize("classes", [(), ("ann",)])
def test_one_identity_cannot_be_told_apart(classes: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match="tells identities apart"):
        Identity("who", Column("identity", classes=classes))


def test_settings_that_cannot_be() -> None:
    with pytest.raises(UsageError, match="size is 0"):
        Identity("who", WHO, size=0)
    with pytest.raises(UsageError, match="half a turn"):
        Identity("who", WHO, m=4)
    with pytest.raises(DataError, match="names nobody") as caught:
        Identity("who", WHO).encode(["ann", " "])
    assert caught.value.where == "row 3"


def test_the_evidence_is_the_cosine_of_the_nearest_or_of_the_one_named() -> None:
    task = _task()
    output = torch.cat(
        [torch.full((2, task.size), 0.9), torch.tensor([[0.1, 0.6, -0.2], [0.7, 0.2, 0.5]])], 1
    )
    numbers, of = task.evidence(output)
    assert numbers.tolist() == pytest.approx([0.6, 0.7]) and of == ["bob", "ann"]
    numbers, of = task.evidence(output, "cid")
    assert numbers.tolist() == pytest.approx([-0.2, 0.5]) and of == ["cid", "cid"]
