"""Work that the page may be asked for, in place of the verbs; the page runs it in another process."""

from __future__ import annotations

import os
import time
from pathlib import Path

from ovw.artifact.staging import staged_folder
from ovw.errors import OvwError
from ovw.ui.actions import OnStep


def counted(on_step: OnStep) -> int:
    on_step("one")
    on_step("two")
    return 3


def refused(on_step: OnStep) -> int:
    raise OvwError("no room", "make some")


def crashed(on_step: OnStep) -> int:
    os._exit(7)


def written(target: Path, deaf: bool, on_step: OnStep) -> int:
    """Begin to write an artifact and do not come to an end.

    Args:
        target: its folder.
        deaf: do not notice signals, as native code does not.
        on_step: gets the number of the process.
    """
    with staged_folder(target) as folder:
        (folder / "half").touch()
        while True:
            try:
                on_step(str(os.getpid()))
                time.sleep(600)
            except KeyboardInterrupt:
                if not deaf:
                    raise
