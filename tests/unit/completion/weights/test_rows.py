"""The labelled and the unlabelled rows of a task, apart and in groups."""

from collections.abc import Callable

import torch

from mtlcli.completion.base import Seen
from mtlcli.completion.weights.rows import Rows, subsample


def test_rows_are_parted_by_their_labels(make_seen: Callable[..., Seen]) -> None:
    seen = make_seen(30)
    rows, free = Rows.of(seen), ~seen.labelled
    assert torch.equal(rows.features, seen.features[free])
    assert torch.equal(rows.known, seen.features[seen.labelled])
    assert torch.equal(rows.classes, seen.targets[seen.labelled])
    assert torch.equal(rows.guess, seen.logits[free].argmax(1))


def test_every_unlabelled_row_is_in_one_group(make_seen: Callable[..., Seen]) -> None:
    rows = Rows.of(make_seen(40, 4))
    for per_class in (False, True):
        groups = [*rows.groups(per_class)]
        chosen = torch.cat([index for index, _ in groups])
        assert chosen.sort().values.tolist() == [*range(len(rows.guess))]
    for index, known in rows.groups(True):
        (kind,) = set(rows.guess[index].tolist())
        assert torch.equal(known, rows.known[rows.classes == kind])


def test_a_subsample_has_no_row_twice(generator: torch.Generator) -> None:
    points = torch.zeros(20, 2)
    assert subsample(points, 20, generator).tolist() == [*range(20)]
    assert len(set(subsample(points, 7, generator).tolist())) == 7
