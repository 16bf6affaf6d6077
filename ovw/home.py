"""Folders of ovw, `$OVW_HOME` or `~/.cache/ovw`, and caches of other programs that it reads."""

from __future__ import annotations

import os
from pathlib import Path


def user_path(path: str | os.PathLike[str]) -> Path:
    """A path whose `~` is somebody's home; a user that is not known stays as written."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - pathlib's raises


def real_path(path: str | os.PathLike[str]) -> Path:
    """A path through all links. One that leads in a circle stays as it is, to be refused where it is opened."""
    return Path(os.path.realpath(path))  # pathlib's raises


def home() -> Path:
    """The folder for everything ovw keeps."""
    return user_path(os.environ.get("OVW_HOME") or _caches() / "ovw")


def _caches() -> Path:
    """Of this user's programs: `$XDG_CACHE_HOME`, by default `~/.cache`."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    return Path(named) if Path(named).is_absolute() else Path.home() / ".cache"


def whisper_cache() -> Path:
    """Checkpoints that openai-whisper has downloaded."""
    return _caches() / "whisper"


def huggingface_cache() -> Path:
    """Repositories that huggingface-hub has downloaded, see its `HF_HUB_CACHE` and `HF_HOME`."""
    if named := os.environ.get("HF_HUB_CACHE"):
        return user_path(named)
    return user_path(os.environ.get("HF_HOME") or _caches() / "huggingface") / "hub"


def models_dir() -> Path:
    """Named artifacts: `base-fp16` is the folder of that name in here."""
    return home() / "models"


def weights_dir() -> Path:
    """Downloaded checkpoints."""
    return home() / "weights"


def exports_dir() -> Path:
    """OpenVINO folders of other programs, fetched from the hub."""
    return home() / "exports"


def checked_dir() -> Path:
    """Records of how each artifact may compute on this machine, see `ovw.transcribe.checks.guard`."""
    return home() / "checked"


def compiled_dir() -> Path:
    """Graphs as a device runs them; made anew when they are not there."""
    return home() / "compiled"
