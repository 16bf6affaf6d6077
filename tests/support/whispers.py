"""Artifacts of real weights, opened once a process: that takes seconds each."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from ovw import Whisper
from ovw.runtime.device import DeviceOptions


@cache
def opened(folder: Path, device: DeviceOptions | None = None, *, exact: bool = False) -> Whisper:
    """The artifact, for every test that asks for it in this way; nobody may change it."""
    return Whisper(folder, device=device, exact=exact)
