"""Label transfer: a small network reads a task's label off the other tasks' answers."""

from collections.abc import Mapping

import torch

from mtlcli.completion.base import Completion, Seen, Supplement
from mtlcli.completion.transfer import Transfer, train
from mtlcli.registry import Count, Fraction, Positive


class LabelTransfer(Completion):
    """z̄ = ⟨h_i, e_y⟩: labels embedded in one table, h_i from the other tasks' embedded answers.

    Augenstein et al. (NAACL 2018), label embeddings and label transfer network, as the baseline
    LEL-LTN of Hong et al. (ICME 2020): every label y of every task has a vector e_y; o_i^s = Σ_y
    p_i^s(y) e_y of each other task s, beside the task's features (standardised), go through one
    hidden layer to h_i. The table and one such network per task are trained by the cross-entropy of
    the labelled rows, from new each time; a task without any keeps the teacher's answers. The
    paper learns the network's probabilities by their squared difference, here by KL: mix = 0.
    Cost: ``steps`` small steps on ``batch`` rows per task, and one pass over all rows.

    :param mix: the share of the hard label; the rest keeps to the network's whole answer.
    :param size: length of a label's vector.
    :param hidden: width of the hidden layer.
    :param steps: of Adam.
    :param batch: labelled rows per step and task.
    :param rate: learning rate.
    :param temperature: T of the soft term.
    """

    def __init__(
        self,
        tasks: list[str],
        *,
        mix: Fraction = 0.0,
        size: Count = 32,
        hidden: Count = 128,
        steps: Count = 300,
        batch: Count = 256,
        rate: Positive = 0.005,
        temperature: Positive = 1.0,
    ) -> None:
        super().__init__(tasks)
        self.mix, self.temperature = mix, temperature
        self.size, self.hidden = max(1, size), max(1, hidden)
        self.steps, self.batch, self.rate = steps, max(1, batch), rate

    def complete(
        self, seen: Mapping[str, Seen], generator: torch.Generator
    ) -> dict[str, Supplement]:
        # outside of the caller's no_grad or inference_mode
        with torch.inference_mode(False), torch.enable_grad():
            net = Transfer(seen, self.size, self.hidden, generator)
            train(net, seen, generator, steps=self.steps, batch=self.batch, rate=self.rate)
        with torch.no_grad():
            return {
                task: one.supplement(
                    hard=self.mix,
                    soft=1 - self.mix,
                    logits=net.answers(task, seen) if one.labelled.any() else None,
                )
                for task, one in seen.items()
            }
