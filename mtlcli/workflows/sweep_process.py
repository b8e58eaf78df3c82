"""A job's process, and the devices that processes are put on."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from mtlcli.io import files

_PATIENCE = 30.0  # seconds to end in, once told to end at once


class Child(Protocol):
    """A running command."""

    def poll(self) -> int | None:
        """Its exit code; None as long as it runs."""

    def interrupt(self) -> None:
        """Ask it to save and stop."""

    def end(self) -> None:
        """Stop it, whatever it does."""


Spawn = Callable[[Sequence[str], dict[str, str], Path, Path], Child]


class Process:
    """``python -m mtlcli`` in the current folder.

    :param words: what stands behind ``mtl``.
    :param variables: added to the environment.
    :param out: takes stdout, one JSON document.
    :param log: takes stderr, after what it holds.
    """

    def __init__(
        self, words: Sequence[str], variables: dict[str, str], out: Path, log: Path
    ) -> None:
        with files.explained(log), out.open("w") as stdout, log.open("a") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mtlcli", *words],
                stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
                env={**os.environ, **variables},
            )  # fmt: skip

    def poll(self) -> int | None:
        """Its exit code; None as long as it runs."""
        return self._process.poll()

    def interrupt(self) -> None:
        """Ask it to stop; a Ctrl-C from the terminal at the same time counts as the same.

        Not by Ctrl-C's own signal, which children of a shell's background job ignore.
        """
        self._process.terminate()

    def end(self) -> None:
        """Asked once more; killed where that does not help."""
        self.interrupt()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def pick_lanes(device: str, jobs: int | None) -> list[str]:
    """A device for each job that may run at the same time.

    :param device: ``auto`` or ``cuda``: every CUDA device there is.
    :param jobs: how many; None: one for each device.
    :raises UsageError: there is no such device.
    """
    import torch

    from mtlcli.workflows.build import pick_device

    chosen = pick_device(device)
    several = device in ("auto", "cuda") and chosen.type == "cuda"
    devices = [f"cuda:{i}" for i in range(torch.cuda.device_count())] if several else [str(chosen)]
    count = jobs or len(devices)
    return [devices[index % len(devices)] for index in range(count)]
