"""What a teacher says of a split, whatever part of it could be seen, and in whose order."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from mtlcli.completion.distill import Distill
from mtlcli.completion.pseudo import Pseudo
from mtlcli.data.batch import Batch
from mtlcli.engine.completer import Completer, Plan, Turn
from mtlcli.engine.distributed import World
from mtlcli.engine.tally import Tally
from mtlcli.engine.teacher import Look, Teacher, look
from mtlcli.io.column import Column
from mtlcli.models.dataset_norms import install
from mtlcli.tasks.classification import Classification

CPU = World(torch.device("cpu"))
NAMES = ("a", "b", "c")
TASKS = {"x": Classification("x", Column("classification", NAMES))}


class Net(nn.Module):
    """Features are the first three channels' first pixels, behind a norm; answers are those."""

    def __init__(self) -> None:
        super().__init__()
        self.norm: nn.Module = nn.BatchNorm1d(3)

    def embed(self, images: Tensor) -> dict[str, Tensor]:
        return {"x": self.norm(images[:, :, 0, 0].float())}

    def answer(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"x": features["x"] * 2}


class Pictures:
    """A loader of a split of which some pictures are bad."""

    def __init__(self, total: int, good: Sequence[int], labelled: Sequence[int] = ()) -> None:
        self.rows = range(total)
        drawn = torch.Generator().manual_seed(0)
        images = torch.randint(0, 255, (total, 3, 2, 2), dtype=torch.uint8, generator=drawn)
        known = torch.zeros(total)
        known[list(labelled)] = 1
        dataset = torch.arange(total) // 3
        index = torch.tensor(good)
        whole = Batch(
            images[index], {"x": index % 3}, {"x": known[index]}, index, [],
            more={"dataset": dataset[index]},
        )  # fmt: skip
        self.whole = whole
        self.parts = whole.parts(2)

    def __iter__(self) -> object:
        return iter(self.parts)


def asked(teacher: Teacher, pictures: Pictures) -> Look:
    return look({"x": teacher}, TASKS, pictures, len(pictures.rows), CPU)  # type: ignore[arg-type]


def test_only_rows_that_were_seen_are_told_of() -> None:
    """A row without a picture has no label, no features, and no class."""
    net, pictures = Net().eval(), Pictures(6, good=[0, 2, 3, 5], labelled=[2, 4])
    found = asked(Teacher(net), pictures)  # type: ignore[arg-type]
    assert found.rows.tolist() == [0, 2, 3, 5]
    seen = found.seen["x"]
    assert seen.labelled.tolist() == [False, True, False, False]
    assert seen.targets.tolist() == [0, 2, 0, 2]
    expected = net.embed(pictures.whole.images)["x"]
    torch.testing.assert_close(seen.features, expected)
    whole = found.over_all(Distill(["x"]).complete({"x": seen}, torch.Generator())["x"])
    assert whole.soft.tolist() == [1, 0, 0, 1, 0, 1]
    assert torch.equal(whole.logits[found.rows], seen.logits)
    assert not whole.logits[[1, 4]].any()


def test_a_teachers_classes_are_known_by_name() -> None:
    net, pictures = Net().eval(), Pictures(6, good=range(6))
    ours = asked(Teacher(net), pictures).seen["x"]  # type: ignore[arg-type]
    theirs = asked(Teacher(net, torch.tensor([2, 0, 1])), pictures).seen["x"]  # type: ignore[arg-type]
    assert torch.equal(theirs.logits, ours.logits[:, [2, 0, 1]])
    assert torch.equal(theirs.features, ours.features)


@pytest.mark.parametrize("ours", [True, False])
def test_norms_of_each_dataset_are_those_that_training_used(ours: bool) -> None:
    """A network from elsewhere answers by the mixture of the datasets that it knew."""
    net, pictures = Net(), Pictures(6, good=range(6))
    norms = install(net, 2)
    net.norm.running_mean[:] = torch.tensor([[10.0], [200.0]])  # type: ignore[index, operator]
    net.norm.num_batches_tracked[:] = 1  # type: ignore[index, operator]
    found = asked(Teacher(net, ours=ours), pictures).seen["x"].features  # type: ignore[arg-type]
    net.eval()
    mixed = net.embed(pictures.whole.images)["x"]
    with norms.of(pictures.whole.more["dataset"]):
        apart = net.embed(pictures.whole.images)["x"]
    torch.testing.assert_close(found, apart if ours else mixed)
    assert not torch.allclose(apart, mixed)


def test_in_each_turn_the_rows_of_its_dataset_are_counted() -> None:
    """Over an epoch every row counts once, though the teacher looks at all of them twice."""
    pictures = Pictures(6, good=[0, 1, 2, 3, 5], labelled=[0])
    turns = [Turn(0, (0, 3)), Turn(2, (3, 6))]
    made = Completer(Pseudo(["x"]), TASKS, pictures, CPU, Plan(0, 1), turns=turns, tally=Tally())  # type: ignore[arg-type]
    made.refresh(0, 0, Net())  # type: ignore[arg-type]
    assert made.tally.sums["x"].rows == 2
    made.refresh(0, 2, Net())  # type: ignore[arg-type]
    found, spent = made.close()
    assert found["x"]["rows"] == 4 and found["x"]["kept"] == 1
    assert spent.teaching > 0
    assert made.tables["x"].hard.tolist() == [0, 1, 1, 1, 0, 1]
