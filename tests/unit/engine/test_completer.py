"""When the teacher is asked, and what a batch is told of its answers."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from mtlcli.completion.base import Supplement
from mtlcli.completion.fixmatch import FixMatch
from mtlcli.completion.freematch import FreeMatch
from mtlcli.completion.pseudo import Pseudo
from mtlcli.data.batch import Batch
from mtlcli.engine.completer import Completer, Plan, Turn
from mtlcli.engine.distributed import World
from mtlcli.engine.tally import Sums, Tally
from mtlcli.io.column import Column
from mtlcli.tasks.classification import Classification
from mtlcli.tasks.regression import Regression
from mtlcli.tasks.segmentation import Segmentation

POSE = Column("classification", ("front", "left", "right"), mirror=(("left", "right"),))
YAW = Column("regression", low=-30, high=90, mirror="negate")
LOGITS = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]])


@pytest.fixture
def completer() -> Completer:
    tasks = {
        "pose": Classification("pose", POSE),
        "yaw": Regression("yaw", YAW),
        "parts": Segmentation("parts", Column("segmentation", ("a", "b"), encoding="index")),
    }
    made = Completer(
        Pseudo(list(tasks)), tasks, None, World(torch.device("cpu")), Plan(), tally=Tally()
    )  # type: ignore[arg-type]
    weights = torch.tensor([1.0, 0.5, 0.0])
    made.tables = {"pose": Supplement(LOGITS, weights, 1 - weights)}
    return made


def batch(rows: list[int], mirrored: list[bool]) -> Batch:
    index = torch.tensor(rows)
    images = torch.zeros(len(rows), 3, 4, 4, dtype=torch.uint8)
    return Batch(images, {}, {}, index, [], mirrored=torch.tensor(mirrored))


def test_answers_are_looked_up_by_row_and_mirrored_with_the_picture(completer: Completer) -> None:
    more = completer.attach(batch([2, 0, 1], [False, True, False]), 1).more
    assert more["pose.logits"].tolist() == [[7, 8, 9], [1, 3, 2], [4, 5, 6]]
    assert more["pose.hard"].tolist() == [0.0, 1.0, 0.5]
    assert more["pose.soft"].tolist() == [1.0, 0.0, 0.5]
    assert more["row"].tolist() == [2, 0, 1]


def test_parts_of_a_batch_keep_their_own_answers(completer: Completer) -> None:
    whole = completer.attach(batch([2, 0, 1], [False, True, False]), 1)
    parts = whole.parts(3)
    assert torch.equal(torch.cat([p.more["pose.logits"] for p in parts]), whole.more["pose.logits"])


def test_a_mirrored_number_changes_its_sign(completer: Completer) -> None:
    task = completer.tasks["yaw"]
    output = torch.tensor([[0.25], [-1.0]])
    assert torch.allclose(task.pseudo(task.mirror(output)), -task.pseudo(output))


def test_tasks_of_every_pixel_are_not_completed(completer: Completer) -> None:
    assert set(completer.tasks) == {"pose", "yaw"}
    assert completer.answers("pose", 1) and not completer.answers("yaw", 1)


def test_the_tables_and_the_counts_survive_a_restart(completer: Completer) -> None:
    completer.tally.sums = {"pose": Sums(rows=3.0, kept=2.0)}
    state = completer.state_dict()
    completer.tables, completer.tally.sums = {}, {}
    completer.load_state_dict(state)
    assert torch.equal(completer.tables["pose"].logits, LOGITS)
    assert completer.tally.sums == {"pose": Sums(rows=3.0, kept=2.0)}


@pytest.mark.parametrize(("plan", "epochs"), [
    (Plan(1, 1), [1, 2, 3, 4, 5]), (Plan(2, 2), [2, 4]), (Plan(0, 0), [0]), (Plan(4, 3), [4]),
])  # fmt: skip
def test_when_the_teacher_is_asked(plan: Plan, epochs: list[int]) -> None:
    assert [epoch for epoch in range(6) if plan.due(epoch)] == epochs


class Asking(Completer):
    """Notes when a teacher would be asked."""

    def _ask(self, turn: Turn, net: object) -> None:
        self.asked = [*getattr(self, "asked", []), (*self._turn, turn.rows)]


def asking(plan: Plan, turns: list[Turn], completion: type = Pseudo) -> Asking:
    tasks = {"pose": Classification("pose", POSE)}
    return Asking(
        completion(["pose"]), tasks, None, World(torch.device("cpu")), plan, turns=turns,
        tally=Tally(),
    )  # type: ignore[arg-type]  # fmt: skip


TWO = [Turn(0, (0, 4)), Turn(3, (4, 9))]


@pytest.mark.parametrize(("plan", "asked"), [
    (Plan(1, 1), [(1, 0, (0, 4)), (1, 1, (4, 9)), (2, 0, (0, 4)), (2, 1, (4, 9))]),
    (Plan(0, 2), [(0, 0, (0, 4)), (0, 1, (4, 9)), (2, 0, (0, 4)), (2, 1, (4, 9))]),
    (Plan(1, 0), [(1, 0, (0, 4))]),
])  # fmt: skip
def test_the_teacher_is_asked_before_each_datasets_turn(plan: Plan, asked: list[object]) -> None:
    """Also where the first step of a turn has no picture; a fixed teacher but once."""
    made = asking(plan, TWO)
    for epoch in range(3):
        for step in (0, 1, 2, 4, 4, 5):
            made.refresh(epoch, step, None)  # type: ignore[arg-type]
    assert made.asked == asked


def test_a_turn_that_was_stopped_in_its_middle_keeps_its_answers() -> None:
    one, two = asking(Plan(0, 1), TWO), asking(Plan(0, 1), TWO)
    one.refresh(0, 3, None)  # type: ignore[arg-type]
    two.load_state_dict(one.state_dict())
    two.refresh(0, 4, None)  # type: ignore[arg-type]
    assert not hasattr(two, "asked")
    two.refresh(1, 0, None)  # type: ignore[arg-type]
    assert two.asked == [(1, 0, (0, 4))]


def test_before_the_first_epochs_are_over_nothing_is_asked_of_a_second_view() -> None:
    made = asking(Plan(after=2), [Turn()], FixMatch)
    views = replace(batch([0, 1], [False, True]), more={"strong": torch.ones(2)})
    for epoch, begun in enumerate([False, False, True, True]):
        made.refresh(epoch, 0, None)  # type: ignore[arg-type]
        assert made.answers("pose", epoch) is begun
        assert ("strong" in made.attach(views, epoch).more) is begun
    assert not hasattr(made, "asked")


@pytest.mark.parametrize(("weighting", "accumulate"), [("fixed", 1), ("fixed", 4), ("famo", 1)])
def test_a_step_learns_once_from_its_rows_however_it_is_computed(
    small: Callable[..., Any], weighting: str, accumulate: int
) -> None:
    """In parts, and where the losses are looked at again after the update."""
    objective = small("objective")(architecture="shared").eval()
    objective.train = lambda *_: objective  # without dropout
    tally, names = Tally(), ["gender", "age"]
    objective.completion = FreeMatch(names, momentum=0.5)
    objective.note = tally.note
    made = Completer(
        objective.completion, objective.tasks, None, World(torch.device("cpu")), Plan(0),
        tally=tally,
    )  # type: ignore[arg-type]  # fmt: skip
    batch = small("batch")(gender=[1, 2, 3, 6], age=[0, 4, 5, 7])
    batch = replace(batch, more={"strong": batch.images.flip(-1)})
    with torch.no_grad():
        answers = objective.net(batch.images)
    trainer = small("trainer")(
        objective, balancer=small("balancer")(weighting), completer=made, accumulate=accumulate
    )
    trainer.train_step(batch)
    for name in names:
        p = answers[name].softmax(1)[batch.weights[name] == 0]
        held = objective.completion.memory[name]
        torch.testing.assert_close(held["p"], (p.mean(0) + 1 / p.shape[1]) / 2)
        torch.testing.assert_close(held["threshold"], (p.amax(1).mean() + 1 / p.shape[1]) / 2)
        assert tally.sums[name].rows == 4
