"""Network and task losses as one module: the one thing that DDP wraps."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mtlcli.completion.base import Completion, Seen, Supplement
from mtlcli.completion.none import Nothing
from mtlcli.models.base import MultiTaskNet
from mtlcli.tasks.base import Task
from mtlcli.tasks.completable import Completable

#: told of (task, rows [B], answers as targets [B], supplement) that the network gave itself.
Note = Callable[[str, Tensor, Tensor, Supplement], None]


class Count(NamedTuple):
    """What a task's sums are divided by: over the whole batch, all its parts and ranks.

    :param labels: as :meth:`Task.count` counts them.
    :param completed: rows without a label that a completion answers for.
    """

    labels: float
    completed: float = 0.0

    @property
    def present(self) -> bool:
        """Whether the task has anything to learn from the batch."""
        return self.labels > 0 or self.completed > 0


class Objective(nn.Module):
    """Images and labels in, a loss per task out.

    :param completion: what stands in for missing labels.
    :param factor: λ, of the completed rows' loss beside the labelled rows'.
    :param note: told of what the network answered itself.
    """

    def __init__(
        self,
        net: MultiTaskNet,
        tasks: Mapping[str, Task],
        completion: Completion | None = None,
        *,
        factor: float = 1.0,
        note: Note | None = None,
    ) -> None:
        super().__init__()
        self.net = net
        self.tasks = dict(tasks)
        self.completion = completion or Nothing(list(tasks))
        self.factor = factor
        self.note = note

    def forward(
        self,
        images: Tensor,
        targets: Mapping[str, Tensor],
        weights: Mapping[str, Tensor],
        counts: Mapping[str, Count],
        more: Mapping[str, Tensor],
    ) -> tuple[dict[str, Tensor], Tensor]:
        """One pass; the losses are formed in fp32 whatever the network computes in.

        :param images: ``[B, 3, H, W] uint8``.
        :param counts: what each task's loss sums are divided by. A task without any is left out.
        :param more: what else is known of the rows; ``strong`` is a second view to learn from
            where the network answers for itself, ``TASK.logits``, ``.hard`` and ``.soft`` what a
            teacher answered.
        :returns: each present task's share of its mean loss, and a zero that every other output
            has a part in, so that DDP sees every parameter used.
        """
        outputs, learners, more = self._outputs(images, targets, weights, more)
        losses: dict[str, Tensor] = {}
        idle = []
        with torch.autocast(images.device.type, enabled=False):
            for name, task in self.tasks.items():
                output, count = outputs[name].float(), counts[name]
                if not count.present:
                    idle.append(output.sum() * 0)
                    continue
                output = task.at_size_of(output, targets[name])
                labelled = task.loss(output, targets[name], weights[name]) / (count.labels or 1)
                losses[name] = labelled
                if count.completed:
                    completed = self._completed(name, learners[name].float(), more)
                    losses[name] = labelled + self.factor * completed / count.completed
            return losses, torch.stack([images.new_zeros((), dtype=torch.float32), *idle]).sum()

    def _outputs(
        self, images: Tensor, targets: Mapping[str, Tensor], weights: Mapping[str, Tensor],
        more: Mapping[str, Tensor],
    ) -> tuple[dict[str, Tensor], dict[str, Tensor], Mapping[str, Tensor]]:  # fmt: skip
        """What labelled rows and completed rows learn through, and what the latter learn."""
        if "strong" not in more:
            outputs = self.net(images)
            return outputs, outputs, more
        both = self.net(torch.cat([images, more["strong"]]))
        outputs = {name: output[: len(images)] for name, output in both.items()}
        learners = {name: output[len(images) :] for name, output in both.items()}
        return outputs, learners, {**more, **self._asked(outputs, targets, weights, more)}

    @torch.no_grad()
    def _asked(
        self, outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor],
        weights: Mapping[str, Tensor], more: Mapping[str, Tensor],
    ) -> dict[str, Tensor]:  # fmt: skip
        """The network's answers for the weakly changed pictures, as far as they are believed."""
        seen = {}
        for name, task in self._completable().items():
            logits = outputs[name].detach().float()
            seen[name] = Seen(logits, logits, task.class_of(targets[name]), weights[name] > 0)
        generator = torch.Generator().manual_seed(torch.initial_seed() & 0x7FFFFFFF)
        found: dict[str, Tensor] = {}
        for name, made in self.completion.complete(seen, generator).items():
            parts = {"logits": made.logits, "hard": made.hard, "soft": made.soft}
            found |= {f"{name}.{part}": values for part, values in parts.items()}
            if self.note is not None:
                answers = self._completable()[name].pseudo(made.logits)
                self.note(name, more["row"], answers, made)
        return found

    def _completed(self, name: str, output: Tensor, more: Mapping[str, Tensor]) -> Tensor:
        """Σ a · loss(z, ŷ) + b · T² · KL(z̄ ‖ z) over the rows that a completion answers for."""
        task = self.tasks[name]
        assert isinstance(task, Completable)
        logits, hard, soft = (more[f"{name}.{part}"] for part in ("logits", "hard", "soft"))
        learnt = task.loss(output, task.pseudo(logits), hard)
        return learnt + task.distil(output, logits, soft, self.completion.temperature)

    def _completable(self) -> dict[str, "Completable"]:
        return {name: task for name, task in self.tasks.items() if isinstance(task, Completable)}
