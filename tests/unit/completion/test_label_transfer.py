"""Label transfer: a task's label is read off another task's answers."""

from collections.abc import Callable

import pytest
import torch
from torch.nn.functional import one_hot

from mtlcli.completion.base import Seen
from mtlcli.completion.label_transfer import LabelTransfer
from mtlcli.completion.transfer import Transfer, train


def related(rows: int = 300) -> dict[str, Seen]:
    """b says which of two pairs the class of a is in; features say which of the pair."""
    drawn = torch.Generator().manual_seed(0)
    targets = torch.randint(4, (rows,), generator=drawn)
    pair, side = targets // 2, targets % 2
    noise = torch.randn(rows, 4, generator=drawn)
    features = torch.stack([2.0 * side - 1, torch.zeros(rows)], 1)
    labelled = torch.arange(rows) < rows // 2
    return {
        "a": Seen(noise, features, targets, labelled),
        "b": Seen(5.0 * one_hot(pair, 2), torch.zeros(rows, 3), pair, ~labelled),
    }


def test_unlabelled_rows_are_told_apart_by_the_other_task(generator: torch.Generator) -> None:
    seen = related()
    method = LabelTransfer(["a", "b"], steps=60, batch=64, rate=0.02)
    found = method.complete(seen, generator)["a"]
    free = ~seen["a"].labelled
    right = (found.logits.argmax(1) == seen["a"].targets)[free].float().mean()
    assert right > 0.95  # the teacher is right on a quarter of them
    assert torch.equal(found.soft, free.float()) and not found.hard.any()


def test_a_task_without_labels_keeps_the_teachers_answers(
    make_seen: Callable[..., Seen], generator: torch.Generator
) -> None:
    seen = {"a": make_seen(20), "b": make_seen(20, 4, share=0.0)}
    found = LabelTransfer(["a", "b"], steps=2, mix=0.5).complete(seen, generator)
    assert torch.equal(found["b"].logits, seen["b"].logits)
    assert not torch.equal(found["a"].logits, seen["a"].logits)
    assert (found["b"].hard == 0.5).all() and (found["b"].soft == 0.5).all()


def test_scores_are_inner_products_with_one_table(generator: torch.Generator) -> None:
    seen = related(12)
    net = Transfer(seen, 5, 7, generator)
    rows = torch.tensor([3, 1])
    with torch.no_grad():
        o = seen["b"].logits[rows].softmax(1) @ net.vectors["b"]
        middle, width = net.scales["a"]
        told = torch.cat([(seen["a"].features[rows] - middle) / width, o, torch.ones(2, 1)], 1)
        h = torch.cat([(told @ net.first["a"]).relu(), torch.ones(2, 1)], 1) @ net.last["a"]
        for place, row in enumerate(net("a", seen, rows)):
            for label in range(4):
                wanted = (h[place] * net.vectors["a"][label]).sum()
                torch.testing.assert_close(row[label], wanted)


@pytest.mark.parametrize("elements", [1, 100])
def test_any_size_of_block_gives_the_same(elements: int, generator: torch.Generator) -> None:
    seen = related(30)
    net = Transfer(seen, 5, 7, generator)
    torch.testing.assert_close(net.answers("a", seen, elements), net.answers("a", seen))


def test_nothing_is_learned_without_labels(
    make_seen: Callable[..., Seen], generator: torch.Generator
) -> None:
    seen = {"a": make_seen(20, share=0.0)}
    net = Transfer(seen, 5, 7, generator)
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    train(net, seen, generator, steps=5, batch=4, rate=0.1)
    assert all(torch.equal(before[name], p) for name, p in net.named_parameters())
