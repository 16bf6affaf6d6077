"""The end of a process: on SIGTERM as on Ctrl-C, soon, with its children, leaving nothing behind.

Both signals raise `KeyboardInterrupt` in the main thread, so that every `finally` runs. Native code, such as an
inference, does not notice: after `GRACE_S` seconds the process ends all the same.

The first Ctrl-C while a `LiveInput` is read ends that input alone: what was read of it is transcribed.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from ovw.scratch import remove_scratch

GRACE_S = 1.2
"""Between a signal and the end."""
_PR_SET_PDEATHSIG = 1
_SHOW_CURSOR = "\x1b[?25h"
INPUT_ENDS = "ovw: the input ends here; Ctrl-C once more stops at once\n"
_received: list[int] = []
_watching: list[int] = []
_kept: list[object] = []
_live: list[LiveInput] = []
_ended: list[LiveInput] = []


class LiveInput:
    """Sound that may go on for ever, such as a microphone in a pipe; Ctrl-C ends it instead of the process.

    Attributes:
        began: something was read of it; before that Ctrl-C ends the process.
        ended: Ctrl-C has ended it.
    """

    def __init__(self) -> None:
        self.began = False
        self.ended = False
        self._waits = False

    @contextmanager
    def is_open(self) -> Iterator[None]:
        """In this block Ctrl-C ends the input; for the main thread of a process that called `end_on_signals`."""
        _live.append(self)
        try:
            yield
        finally:
            _live.remove(self)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """In this block, which waits for more of it, Ctrl-C raises `KeyboardInterrupt` as well."""
        self._waits = True
        try:
            yield
        finally:
            self._waits = False

    def end(self) -> None:
        """End it.

        Raises:
            KeyboardInterrupt: to end the wait for more of it.
        """
        self.ended = True
        _ended.append(self)
        if self._waits:
            raise KeyboardInterrupt


def input_was_ended() -> bool:
    """Whether Ctrl-C has ended a live input; there is nothing more to begin."""
    return bool(_ended)


def end_on_signals() -> None:
    """Let SIGTERM and Ctrl-C end this process as described above; for the main thread of a program of our own."""
    if sys.platform == "win32" or _watching or threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):  # one that is ignored stays so
            signal.signal(number, _interrupt)
    read, write = os.pipe()
    _watching.append(read)
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(read,), daemon=True, name="ovw-signals").start()


@contextmanager
def without_interrupts() -> Iterator[None]:
    """In this block Ctrl-C waits. A process that is started in it never receives any."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def exit_code() -> int:
    """128 and the number of the signal that ends this process: 130 after Ctrl-C, 143 after SIGTERM."""
    return 128 + (_received[0] if _received else signal.SIGINT)


def was_interrupted() -> bool:
    """Whether a signal ends this process."""
    return bool(_received)


def _interrupt(number: int, frame: FrameType | None) -> None:
    if number == signal.SIGINT and not _ended and (live := _begun()):
        live.end()
        return
    _received.append(number)
    raise KeyboardInterrupt


def _begun() -> LiveInput | None:
    """The live input that is open, once something was read of it."""
    return next((one for one in _live if one.began), None)


def _watch(read: int) -> None:
    """Ends the process some time after the first signal, at once after the second; one may end a live input before."""
    numbers: list[int] = []
    is_spared = False
    while True:
        first = not numbers
        numbers += [number for number in os.read(read, 64) if number in (signal.SIGINT, signal.SIGTERM)]
        if numbers[:1] == [signal.SIGINT] and first and not is_spared and (_begun() or _ended):
            del numbers[0]
            is_spared = True
            sys.stderr.write(INPUT_ENDS)
        if numbers and first:
            _received.extend(numbers[:1])  # the handler waits for the main thread to come back from native code
            threading.Thread(target=_end_later, daemon=True).start()
        if len(numbers) > 1:
            _end_now()


def _end_later() -> None:
    time.sleep(GRACE_S)
    sys.stderr.write(f"{_SHOW_CURSOR if sys.stderr.isatty() else ''}ovw: interrupted\n")
    _end_now()


def _end_now() -> None:
    remove_scratch()
    end_at_once(exit_code())


def end_at_once(code: int) -> None:
    """End without tearing anything down, which takes OpenVINO and PyTorch seconds.

    Args:
        code: of the exit.
    """
    with suppress(OSError, ValueError):  # closed, or its reader is gone
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def end_after_exit_functions(code: int) -> None:
    """As `end_at_once`, behind the functions that other packages have registered for the exit."""
    atexit._run_exitfuncs()
    end_at_once(code)


def keep(thing: object) -> None:
    """Keep what would take long to take apart until the process ends, which does it at once; or until the next one."""
    _kept[:] = [thing]


def end_with_parent(parent: int) -> None:
    """Have this process killed when the one that started it ends, however that ends, or has ended already.

    Args:
        parent: its process id.
    """
    if sys.platform == "win32":
        return
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_outlive_nobody, args=(parent,), daemon=True).start()
    if os.getppid() != parent:
        os._exit(1)


def _outlive_nobody(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
