"""Network and task losses as one module: the one thing that DDP wraps."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mtlcli.completion.base import Completion, Seen, Supplement
from mtlcli.completion.none import Nothing
from mtlcli.models.base import MultiTaskNet
from mtlcli.models.dataset_norms import norms_of
from mtlcli.regularisers.base import Regulariser, Sight
from mtlcli.tasks.base import Task, full
from mtlcli.tasks.completable import Completable

#: told of (task, rows [B], answers as targets [B], supplement, unlabelled [B] bool) that the
#: network gave itself.
Note = Callable[[str, Tensor, Tensor, Supplement, Tensor], None]
Named = Mapping[str, Tensor]


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

    :param regularisers: penalties that are descended beside the losses, unbalanced.
    :param completion: what stands in for missing labels.
    :param factor: λ, of the completed rows' loss beside the labelled rows'.
    :param note: told of what the network answered itself.
    """

    def __init__(
        self,
        net: MultiTaskNet,
        tasks: Mapping[str, Task],
        regularisers: Sequence[Regulariser] = (),
        completion: Completion | None = None,
        *,
        factor: float = 1.0,
        note: Note | None = None,
    ) -> None:
        super().__init__()
        self.net = net
        self.tasks = dict(tasks)
        self.regularisers = nn.ModuleList(regularisers)
        self.completion = completion or Nothing(list(tasks))
        self.factor = factor
        self.note = note
        self._norms = norms_of(net)

    def forward(
        self,
        images: Tensor,
        targets: Named,
        weights: Named,
        counts: Mapping[str, Count],
        more: Named,
        share: float = 1.0,
    ) -> tuple[dict[str, Tensor], Tensor]:
        """One pass; the losses are formed in fp32 whatever the network computes in.

        :param images: ``[B, 3, H, W] uint8``.
        :param counts: what each task's loss sums are divided by. A task without any is left out.
        :param more: what else is known of the rows; ``strong`` is a second view to learn from
            where the network answers for itself, ``TASK.logits``, ``.hard`` and ``.soft`` what a
            teacher answered.
        :param share: of this pass in the penalties; over all parts and ranks it adds up to 1.
        :returns: each present task's share of its mean loss, and this pass's share of the
            penalties, in which every other output has a part, so that DDP sees every parameter
            used. Without regularisers that is a zero.
        """
        strong = more.get("strong")
        with self._whose(more):
            both = images if strong is None else torch.cat([images, strong])
            outputs, features = self._seen(both)
        size, learners = len(images), outputs
        if strong is not None:
            learners = {name: output[size:] for name, output in outputs.items()}
            outputs = {name: output[:size] for name, output in outputs.items()}
            more = {**more, **self._asked(outputs, targets, weights, more)}
        losses: dict[str, Tensor] = {}
        idle = []
        with torch.autocast(images.device.type, enabled=False):
            for name, task in self.tasks.items():
                if not counts[name].present:
                    idle.append(full(outputs[name]).sum() * 0)
                    continue
                output = task.at_size_of(full(outputs[name]), targets[name])
                losses[name] = task.loss(output, targets[name], weights[name])
                losses[name] = losses[name] / (counts[name].labels or 1)
                if counts[name].completed:
                    completed = self._completed(name, full(learners[name]), more)
                    losses[name] = losses[name] + self.factor * completed / counts[name].completed
            idle += self._penalties(features, learners, share)
            return losses, torch.stack([images.new_zeros((), dtype=torch.float32), *idle]).sum()

    @contextlib.contextmanager
    def looking(self) -> Iterator[None]:
        """Inside, what the network answers itself is neither noted nor learnt from."""
        note, self.note, self.completion.learns = self.note, None, False
        try:
            yield
        finally:
            self.note, self.completion.learns = note, True

    def _whose(self, more: Named) -> contextlib.AbstractContextManager[None]:
        """Inside, norms that keep datasets apart know the rows'."""
        if self._norms is None or "dataset" not in more:
            return contextlib.nullcontext()
        views = 2 if "strong" in more else 1
        return self._norms.of(torch.cat([more["dataset"]] * views))

    def _seen(self, images: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Outputs and, only where there are regularisers, features."""
        if not self.regularisers:
            return self.net(images), {}
        features = self.net.embed(images)
        return self.net.answer(features), features

    def _penalties(self, features: Named, outputs: Named, share: float) -> list[Tensor]:
        if not self.regularisers:
            return []
        count = len(next(iter(outputs.values())))
        last = {task: x[-count:].float() for task, x in features.items()}
        heads = dict(self.net.heads.items())
        sight = Sight(heads, last, {task: x.float() for task, x in outputs.items()})
        return [share * regulariser(sight) for regulariser in self.regularisers]

    @torch.no_grad()
    def _asked(
        self, outputs: Named, targets: Named, weights: Named, more: Named
    ) -> dict[str, Tensor]:
        """The network's answers for the weakly changed pictures, as far as they are believed."""
        tasks = {name: task for name, task in self.tasks.items() if isinstance(task, Completable)}
        seen = {}
        for name, task in tasks.items():
            logits = outputs[name].detach().float()
            seen[name] = Seen(logits, logits, task.class_of(targets[name]), weights[name] > 0)
        generator = torch.Generator().manual_seed(torch.initial_seed() & 0x7FFFFFFF)
        found: dict[str, Tensor] = {}
        for name, made in self.completion.complete(seen, generator).items():
            parts = {"logits": made.logits, "hard": made.hard, "soft": made.soft}
            found |= {f"{name}.{part}": values for part, values in parts.items()}
            if self.note is not None:
                answers = tasks[name].pseudo(made.logits)
                self.note(name, more["row"], answers, made, ~seen[name].labelled)
        return found

    def _completed(self, name: str, output: Tensor, more: Named) -> Tensor:
        """Σ a · loss(z, ŷ) + b · T² · KL(z̄ ‖ z) over the rows that a completion answers for."""
        task = self.tasks[name]
        assert isinstance(task, Completable)
        logits, hard, soft = (more[f"{name}.{part}"] for part in ("logits", "hard", "soft"))
        learnt = task.loss(output, task.pseudo(logits), hard)
        return learnt + task.distil(output, logits, soft, self.completion.temperature)
