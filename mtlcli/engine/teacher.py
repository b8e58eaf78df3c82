"""A teacher looks at a whole split: what it says of each row, on the CPU of every rank."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from mtlcli.completion.base import Seen, Supplement
from mtlcli.data.batch import Batch
from mtlcli.engine import precision as numbers
from mtlcli.engine.distributed import World
from mtlcli.models.backbones.base import eval_mode
from mtlcli.models.base import MultiTaskNet
from mtlcli.models.dataset_norms import whose
from mtlcli.tasks.completable import Completable


@dataclass(frozen=True)
class Teacher:
    """A network that answers for a task.

    :param places: where each of the task's classes stands among the network's outputs, ``[C]
        int64``; None: in the same order.
    :param ours: whether it was trained on the datasets that the rows come from, so that norms that
        keep datasets apart have statistics of them.
    """

    net: MultiTaskNet
    places: Tensor | None = None
    ours: bool = False


class Look(NamedTuple):
    """What was seen of a split.

    :param total: rows of the split.
    :param rows: ``[N] int64``, those whose pictures could be used, in order.
    :param seen: task → what its teacher says of them.
    """

    total: int
    rows: Tensor
    seen: dict[str, Seen]

    def over_all(self, found: Supplement) -> Supplement:
        """A supplement of the rows seen, over all of the split: zeros elsewhere."""
        parts = {}
        for name, values in vars(found).items():
            parts[name] = values.new_zeros(self.total, *values.shape[1:])
            parts[name][self.rows] = values
        return Supplement(**parts)


@torch.no_grad()
def look(
    teachers: Mapping[str, Teacher],
    tasks: Mapping[str, Completable],
    batches: Iterable[Batch],
    total: int,
    world: World,
    *,
    precision: str = "fp32",
) -> Look:
    """Ask the teachers about all rows.

    :param batches: this rank's part of the rows.
    :param total: rows of the split.
    """
    parts: dict[str, list[Seen]] = {name: [] for name in tasks}
    index = []
    for batch in batches:
        index.append(batch.index)
        answers = _answers(teachers, batch.to(world.device), world, precision)
        for name, (features, outputs) in answers.items():
            known = batch.weights[name] > 0
            target = tasks[name].class_of(batch.targets[name])
            parts[name].append(Seen(outputs.cpu(), features.cpu(), target, known))
    where = torch.cat(index)
    there = _scattered(torch.ones(len(where)), where, total, world) > 0
    whole = {name: _whole(total, where, pieces, world) for name, pieces in parts.items()}
    # what no teacher saw must not pass for a row of class 0 without features
    seen = {n: Seen(*(values[there] for values in vars(one).values())) for n, one in whole.items()}
    return Look(total, there.nonzero().flatten(), seen)


def _answers(
    teachers: Mapping[str, Teacher], batch: Batch, world: World, precision: str
) -> dict[str, tuple[Tensor, Tensor]]:
    """Task → features ``[B, D]`` and outputs ``[B, C]``, fp32; each network runs once."""
    made = {}
    for teacher in {id(one.net): one for one in teachers.values()}.values():
        net, dataset = teacher.net, batch.more.get("dataset") if teacher.ours else None
        with eval_mode(net), whose(net, dataset), numbers.autocast(precision, world.device):
            features = net.embed(batch.images)
            made[id(net)] = features, net.answer(features)
    found = {}
    for name, teacher in teachers.items():
        features, outputs = made[id(teacher.net)]
        output = outputs[name].float()
        found[name] = (
            features[name].float(),
            output if teacher.places is None else output[:, teacher.places.to(output.device)],
        )
    return found


def _whole(total: int, where: Tensor, pieces: list[Seen], world: World) -> Seen:
    """All ranks' rows in their order; those that none saw are zeros."""
    columns = zip(*(vars(piece).values() for piece in pieces), strict=True)
    logits, features, targets, labelled = (
        _scattered(torch.cat(column), where, total, world) for column in columns
    )
    return Seen(logits, features, targets, labelled)


def _scattered(values: Tensor, where: Tensor, total: int, world: World) -> Tensor:
    plain = values.float() if values.dtype == torch.bool else values
    whole = plain.new_zeros(total, *values.shape[1:])
    whole[where] = plain
    return world.sum(whole).to(values.dtype)
