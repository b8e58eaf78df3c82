"""Which parameters each task's output depends on: found in the graph, not guessed from names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mtlcli.models.backbones.base import eval_mode
from mtlcli.models.base import MultiTaskNet


@dataclass(frozen=True)
class Reach:
    """The parameters of a network by who uses them.

    :param shared: those that two tasks or more reach, in the network's order.
    :param own: task → those that it alone reaches.
    """

    shared: list[nn.Parameter]
    own: dict[str, list[nn.Parameter]]


def leaves_of(output: Tensor) -> set[int]:
    """The ids of the leaf tensors that ``output`` depends on."""
    seen: set[Any] = set()
    found: set[int] = set()
    todo = [output.grad_fn]
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            found.add(id(node.variable))
        todo += [following for following, _ in node.next_functions]
    return found


def reach(net: MultiTaskNet, images: Tensor) -> Reach:
    """By one forward pass in evaluation mode, which leaves the network as it was.

    :param images: ``[B, 3, H, W] uint8``; one will do.
    """
    with eval_mode(net), torch.enable_grad():
        outputs = net(images)
    return divide(net, {task: leaves_of(output) for task, output in outputs.items()})


def divide(net: nn.Module, reached: Mapping[str, set[int]]) -> Reach:
    """Shared and own parameters from what each task reaches."""
    shared: list[nn.Parameter] = []
    own: dict[str, list[nn.Parameter]] = {task: [] for task in reached}
    for parameter in net.parameters():
        users = [task for task, leaves in reached.items() if id(parameter) in leaves]
        if len(users) > 1:
            shared.append(parameter)
        elif users:
            own[users[0]].append(parameter)
    return Reach(shared, own)
