"""Faults that are foreseen: what, where, what next; and the exit code of each kind."""

from typing import ClassVar


class MtlError(Exception):
    """A fault the user can mend; ends the command with one short message and no traceback.

    :param what: the fault in one sentence, with the value found.
    :param where: file, line or row, key; left out where the sentence says it.
    :param hint: what to do next, if possible a command to paste.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, where: object = None, hint: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = None if where is None else str(where)
        self.hint = hint

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.hint:
            lines.append(f"  next:  {self.hint}")
        return "\n".join(lines)


class UsageError(MtlError):
    """An option or a recipe that cannot be followed."""

    exit_code = 2


class DataError(MtlError):
    """Data, a picture or a checkpoint that is missing, broken or of the wrong form."""

    exit_code = 3


class MissingError(MtlError):
    """Weights, a model or an optional package that is not there."""

    exit_code = 4


class PartialError(MtlError):
    """The work is done, but for some of its inputs."""

    exit_code = 5


class GateError(MtlError):
    """A metric did not reach the bound that was asked for."""

    exit_code = 6


class StoppedError(MtlError):
    """Stopped by the user or the system; what was finished is saved and can be resumed."""

    exit_code = 130
