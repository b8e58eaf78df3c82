"""The pictures of a run, drawn when it ends."""

from collections.abc import Mapping

from mtlcli.io.run_dir import RunDir
from mtlcli.tasks.base import Task
from mtlcli.workflows.checks import Ready


def draw_run(run: RunDir, tasks: Mapping[str, Task], ready: Ready) -> None:
    """Curves."""
