"""What a test run makes once, whichever of its processes needs it first, and all of them share."""

from __future__ import annotations

import atexit
import os
import pickle
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ovw.artifact.lock import locked

ROOT_VARIABLE = "OVW_TESTS_SHARED"
Made = TypeVar("Made")


def open_shared_root() -> Path:
    """The folder that the processes of a run share; the first one makes it, and removes it at its end."""
    if ROOT_VARIABLE not in os.environ:
        os.environ[ROOT_VARIABLE] = root = tempfile.mkdtemp(prefix="ovw-tests-")
        atexit.register(shutil.rmtree, root, ignore_errors=True)
    for moved in ("HF_HOME", "HF_HUB_CACHE"):  # caches are below the shared root, whatever the user has set
        os.environ.pop(moved, None)
    return Path(os.environ[ROOT_VARIABLE])


def once(name: str, make: Callable[[Path], Made]) -> Made:
    """What `make` gives for a folder of its own: made by the first process that asks, unpickled by the others."""
    folder = open_shared_root() / name
    made = folder.with_name(f"{name}.made")
    with locked(folder.with_name(f"{name}.lock"), wait=True):
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of an attempt that failed
            folder.mkdir()
            made.write_bytes(pickle.dumps(make(folder)))
    return pickle.loads(made.read_bytes())


def with_caches(home: Path) -> Path:
    """A `$OVW_HOME` that has its compiled graphs and checks in common with the whole run."""
    for name in ("compiled", "checked"):
        kept = open_shared_root() / "home" / name
        kept.mkdir(parents=True, exist_ok=True)
        home.mkdir(parents=True, exist_ok=True)
        (home / name).symlink_to(kept)
    return home
