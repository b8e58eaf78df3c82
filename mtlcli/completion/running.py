"""Running averages that a completion keeps by task, on the device, without waiting for it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from mtlcli.completion.base import Completion

Named = dict[str, Tensor]


class Step:
    """What one training step adds to a task's averages; its batch may come in parts.

    :param before: what was known before it.
    :param over_ranks: the sum of a tensor over all ranks.
    """

    def __init__(self, before: Named, over_ranks: Callable[[Tensor], Tensor]) -> None:
        self.before = before
        self.over_ranks = over_ranks
        self._seen: dict[str, tuple[Tensor, Tensor, Tensor]] = {}

    def mean(self, name: str, values: Tensor, among: Tensor) -> tuple[Tensor, Tensor]:
        """The mean of what was told under ``name`` in this step.

        :param values: ``[N]`` or ``[N, C]``, of this part.
        :param among: ``[N] bool``, the rows that count.
        :returns: the mean, and the number of those rows, over all ranks and parts so far.
        """
        here, rows = mean(values, among, self.over_ranks)
        here, _, rows = self._with_before(name, here, torch.zeros_like(here), rows)
        return here, rows

    def spread(self, name: str, values: Tensor, among: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As :meth:`mean`, with the unbiased variance; 0 for fewer than two rows."""
        here, rows = mean(values, among, self.over_ranks)
        square, _ = mean((values - here).square(), among, self.over_ranks)
        here, squares, rows = self._with_before(name, here, square * rows, rows)
        return here, squares / (rows - 1).clamp(min=1), rows

    def _with_before(
        self, name: str, here: Tensor, squares: Tensor, rows: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Mean, squares about it and count of two sets of rows (Chan et al. 1979, eq. 2.1)."""
        if name in self._seen:
            centre, others, count = self._seen[name]
            both = (count + rows).clamp(min=1)
            apart = here - centre
            here = centre + apart * rows / both
            squares = others + squares + apart.square() * count * rows / both
            rows = count + rows
        self._seen[name] = here, squares, rows
        return here, squares, rows


class Averaging(Completion):
    """An online completion whose ``memory`` holds running averages by task.

    They learn once a step, however many parts its batch comes in: after the last part they are
    those of the whole batch.
    """

    def __init__(self, tasks: list[str]) -> None:
        super().__init__(tasks)
        self._steps: dict[str, Step] | None = None

    @contextmanager
    def step(self) -> Iterator[None]:
        self._steps = {}
        try:
            yield
        finally:
            self._steps = None

    def begun(self, task: str, start: Named, like: Tensor) -> Step:
        """The step that is going on; a new one where none is.

        :param start: what is known before the first of all.
        :param like: on the device of the rows.
        """
        if self._steps is not None and task in self._steps:
            return self._steps[task]
        found = {**start, **self.memory.get(task, {})}
        before = {name: value.to(like.device) for name, value in found.items()}
        made = Step(before, self.over_ranks)
        if self._steps is not None:
            self._steps[task] = made
        return made


def mean(
    values: Tensor, among: Tensor, over_ranks: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """The mean of ``values`` ``[N]`` or ``[N, C]`` over the rows ``among`` of all ranks; 0 if there
    is none.

    :param over_ranks: the sum of a tensor over all ranks.
    :returns: the mean, and the number of those rows.
    """
    mask = among if values.dim() == 1 else among[:, None]
    sums = torch.where(mask, values, 0).sum(0)
    totals = over_ranks(torch.cat([sums.view(-1), among.sum().to(sums).view(1)]))
    count = totals[-1]
    return totals[:-1].view(sums.shape) / count.clamp(min=1), count


def average(before: Tensor, now: Tensor, momentum: float, known: Tensor) -> Tensor:
    """``momentum · before + (1 - momentum) · now`` if ``known``, a bool scalar; else ``before``."""
    return torch.where(known, torch.lerp(now, before, momentum), before)
