"""When the teacher is asked, and what a batch is told of its answers."""

import pytest
import torch

from mtlcli.completion.base import Supplement
from mtlcli.completion.pseudo import Pseudo
from mtlcli.data.batch import Batch
from mtlcli.engine.completer import Completer, Plan
from mtlcli.engine.distributed import World
from mtlcli.engine.tally import Tally
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
    more = completer.attach(batch([2, 0, 1], [False, True, False])).more
    assert more["pose.logits"].tolist() == [[7, 8, 9], [1, 3, 2], [4, 5, 6]]
    assert more["pose.hard"].tolist() == [0.0, 1.0, 0.5]
    assert more["pose.soft"].tolist() == [1.0, 0.0, 0.5]
    assert more["row"].tolist() == [2, 0, 1]


def test_parts_of_a_batch_keep_their_own_answers(completer: Completer) -> None:
    whole = completer.attach(batch([2, 0, 1], [False, True, False]))
    parts = whole.parts(3)
    assert torch.equal(torch.cat([p.more["pose.logits"] for p in parts]), whole.more["pose.logits"])


def test_a_mirrored_number_changes_its_sign(completer: Completer) -> None:
    task = completer.tasks["yaw"]
    output = torch.tensor([[0.25], [-1.0]])
    assert torch.allclose(task.pseudo(task.mirror(output)), -task.pseudo(output))


def test_tasks_of_every_pixel_are_not_completed(completer: Completer) -> None:
    assert set(completer.tasks) == {"pose", "yaw"}
    assert completer.answers("pose") and not completer.answers("yaw")


def test_the_tables_survive_a_restart(completer: Completer) -> None:
    state = completer.state_dict()
    completer.tables = {}
    completer.load_state_dict(state)
    assert torch.equal(completer.tables["pose"].logits, LOGITS)


@pytest.mark.parametrize(("plan", "epochs"), [
    (Plan(1, 1), [1, 2, 3, 4, 5]), (Plan(2, 2), [2, 4]), (Plan(0, 0), [0]), (Plan(4, 3), [4]),
])  # fmt: skip
def test_when_the_teacher_is_asked(plan: Plan, epochs: list[int]) -> None:
    assert [epoch for epoch in range(6) if plan.due(epoch)] == epochs
