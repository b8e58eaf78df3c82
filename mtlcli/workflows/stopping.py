"""Ctrl-C and SIGTERM during training: finish the running step, save everything, then stop."""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

from mtlcli import console

_SAME_ASKING = 1.0  # seconds


class Stop:
    """Whether somebody asked to stop."""

    requested = False
    _at = 0.0

    def ask(self, number: int, frame: FrameType | None) -> None:
        """The signal handler; a second signal ends the program at once (saves are atomic)."""
        if self.requested:
            # the terminal and torchrun both pass on one Ctrl-C
            if time.monotonic() - self._at > _SAME_ASKING:
                raise KeyboardInterrupt
            return
        self.requested, self._at = True, time.monotonic()
        console.info("stopping after this step; once more to stop at once")


@contextlib.contextmanager
def deferred() -> Iterator[Stop]:
    """Turn the signals into a flag as long as the block runs."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    old = {number: signal.signal(number, stop.ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
