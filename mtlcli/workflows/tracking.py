"""TensorBoard, for those who want it; ``metrics.csv`` is always written."""

from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

from mtlcli.errors import MissingError


def require() -> None:
    """See that TensorBoard is installed.

    :raises MissingError: it is not.
    """
    if find_spec("tensorboard") is None:
        raise MissingError(
            "train.tensorboard needs the package tensorboard",
            hint='pip install "mtlcli[tensorboard]"',
        )


class Tracker:
    """Writes the numbers of each metrics row as TensorBoard scalars; does nothing when off."""

    def __init__(self, folder: Path, on: bool) -> None:
        self._writer: Any = None
        if on:
            require()
            from torch.utils.tensorboard.writer import SummaryWriter

            self._writer = SummaryWriter(str(folder / "tensorboard"))

    def __enter__(self) -> "Tracker":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            self._writer.close()

    def add(self, row: dict[str, Any]) -> None:
        """Write one row; the step is the row's."""
        if self._writer is None:
            return
        for key, value in row.items():
            if key not in ("epoch", "step"):
                self._writer.add_scalar(key.replace(".", "/"), float(value), int(row["step"]))
