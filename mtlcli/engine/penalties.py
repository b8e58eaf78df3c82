"""The gradient of the regularisers, beside gradients that an aggregator mixes."""

import torch
from torch import Tensor, nn

from mtlcli.engine.distributed import World
from mtlcli.engine.objective import Objective


class Penalties:
    """Their gradient over the parts of a batch, times the loss scaler's scale; else nothing.

    :ivar value: of this rank, over the parts so far.
    """

    def __init__(self, objective: Objective) -> None:
        wanted = objective.net.parameters() if objective.regularisers else ()
        self._parameters = [p for p in wanted if p.requires_grad]
        self._gradients: dict[int, Tensor] = {}
        self.value = torch.zeros(())

    def add(self, idle: Tensor, scaler: torch.amp.GradScaler) -> None:
        """Take in one part; its graph stays for the tasks' own backward passes."""
        if not self._parameters:
            return
        self.value = self.value.to(idle) + idle.detach()
        found = torch.autograd.grad(
            scaler.scale(idle), self._parameters, retain_graph=True, allow_unused=True
        )
        for index, gradient in enumerate(found):
            if gradient is not None:
                held = self._gradients.get(index)
                self._gradients[index] = gradient if held is None else held + gradient

    def hand_out(self, world: World) -> None:
        """Add it to ``.grad``, summed over the ranks, which all reach the same parameters."""
        for index, gradient in sorted(self._gradients.items()):
            parameter: nn.Parameter = self._parameters[index]
            whole = world.sum(gradient)
            if parameter.grad is None:
                parameter.grad = whole
            else:
                parameter.grad.add_(whole)
