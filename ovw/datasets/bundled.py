"""The speech that ships with ovw: enough to calibrate with and to notice damage, not enough to cite a WER.

Two sets of 24 clips, five minutes each, three speakers each, of LibriSpeech's train-clean (see `ovw/assets/speech`).
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from ovw.datasets.manifest import ManifestDataset
from ovw.errors import UsageError, did_you_mean

BUNDLED = "bundled"
SPLITS = ("test", "calibration")


@dataclass(frozen=True)
class BundledSpeech(ManifestDataset):
    """One of the two sets."""

    split: str

    @property
    def name(self) -> str:
        return f"{BUNDLED} {self.split}"


def bundled(split: str | None) -> BundledSpeech:
    """The set that is meant, `test` by default.

    Raises:
        UsageError: no such split.
    """
    chosen = split or SPLITS[0]
    if chosen not in SPLITS:
        raise UsageError(f"the bundled speech has no split '{chosen}'", did_you_mean(chosen, SPLITS))
    return BundledSpeech(Path(str(files("ovw.assets"))) / "speech" / chosen / "manifest.jsonl", chosen)
