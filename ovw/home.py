"""Where ovw keeps things: `$OVW_HOME`, by default `~/.cache/ovw`."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """The folder for everything ovw keeps."""
    return Path(os.environ.get("OVW_HOME") or Path.home() / ".cache" / "ovw")


def models_dir() -> Path:
    """Named artifacts: `base-fp16` is the folder of that name in here."""
    return home() / "models"


def weights_dir() -> Path:
    """Downloaded checkpoints."""
    return home() / "weights"


def checked_dir() -> Path:
    """Records of how each artifact may compute on this machine, see `ovw.transcribe.checks.guard`."""
    return home() / "checked"


def compiled_dir() -> Path:
    """Graphs as a device runs them; made anew when they are not there."""
    return home() / "compiled"
