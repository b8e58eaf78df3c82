"""Rows of which some are labelled, and a teacher that is right most of the time."""

from collections.abc import Callable

import pytest
import torch

from mtlcli.completion.base import Seen

MakeSeen = Callable[..., Seen]


def seen_of(
    rows: int, classes: int = 3, seed: int = 0, *, share: float = 0.4, width: int = 5
) -> Seen:
    """One cluster per class; ``share`` of the rows is labelled."""
    drawn = torch.Generator().manual_seed(seed)
    targets = torch.randint(classes, (rows,), generator=drawn)
    centres = 2 * torch.randn(classes, width, generator=drawn)
    features = centres[targets] + torch.randn(rows, width, generator=drawn)
    logits = torch.randn(rows, classes, generator=drawn)
    logits += 2 * torch.nn.functional.one_hot(targets, classes)
    return Seen(logits, features, targets, torch.rand(rows, generator=drawn) < share)


@pytest.fixture(scope="session")
def make_seen() -> MakeSeen:
    """Makes rows: ``make_seen(20, classes=4, seed=1, share=0.5)``."""
    return seen_of


@pytest.fixture
def generator() -> torch.Generator:
    """A seeded generator."""
    return torch.Generator().manual_seed(3)
