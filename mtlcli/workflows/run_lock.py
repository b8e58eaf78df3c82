"""One process at a time for one run folder; the system lets go when that process ends, however."""

import contextlib
import errno
import sys
from collections.abc import Iterator

from mtlcli.errors import UsageError
from mtlcli.io.run_dir import RunDir

if sys.platform != "win32":
    import fcntl

_HELD = (errno.EACCES, errno.EAGAIN)


@contextlib.contextmanager
def held(run: RunDir) -> Iterator[None]:
    """Hold a run for as long as the block runs.

    :raises UsageError: another process holds it.
    """
    if sys.platform == "win32":
        yield
        return
    with (run.path / ".lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as fault:
            if fault.errno in _HELD:  # else the file system knows no locks
                raise UsageError(
                    f"{run.path} is being trained by another process",
                    hint="wait until it ends or stop it; to go on with another run, name that one",
                ) from None
        yield
