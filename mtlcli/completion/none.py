"""No completion: a missing label contributes nothing."""

from collections.abc import Mapping

import torch

from mtlcli.completion.base import Completion, Seen, Supplement


class Nothing(Completion):
    """Missing labels are masked; each task learns from its own rows alone. Costs nothing."""

    needs_classes = False

    def __init__(self, tasks: list[str]) -> None:
        super().__init__(tasks)

    def complete(
        self, seen: Mapping[str, Seen], generator: torch.Generator
    ) -> dict[str, Supplement]:
        return {}
