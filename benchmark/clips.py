"""The clips that every engine transcribes: decoded once, handed over as samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from ovw.audio import SAMPLE_RATE
from ovw.benchmark.config import BenchConfig
from ovw.datasets.audio import Clip, read_clip, usable_clips
from ovw.datasets.fingerprint import fingerprint
from ovw.datasets.resolve import choose, open_dataset
from ovw.datasets.utterance import Utterance
from ovw.errors import OvwError
from ovw.transcribe.selftest import CLIP, bundled_file


@dataclass(frozen=True)
class ClipFile:
    """A clip on disk.

    Attributes:
        id: in its dataset.
        file: `.npy` of its samples at 16 kHz, float32.
        seconds: of audio.
        reference: its text, where that is known.
        language: of it, where that is known.
    """

    id: str
    file: Path
    seconds: float
    reference: str | None = None
    language: str | None = None


@dataclass(frozen=True)
class Clips:
    """All clips, and their description for a record."""

    clips: Sequence[ClipFile]
    description: dict[str, Any]

    @property
    def seconds(self) -> float:
        return sum(clip.seconds for clip in self.clips)

    @property
    def language(self) -> str | None:
        """The one language of all clips, if it is one."""
        found = {clip.language for clip in self.clips}
        return found.pop() if len(found) == 1 else None


def prepare_clips(config: BenchConfig, folder: Path) -> Clips:
    """Decode the clips of the request into a folder.

    Raises:
        OvwError: no such dataset, or no clip in it that can be used.
    """
    speech = config.speech()
    if speech is None:
        with bundled_file() as path:
            bundled = Utterance(CLIP, path, CLIP, "", "en")
            clip, digest = _write(bundled, read_clip(bundled), folder)
        return Clips([clip], {"name": CLIP, "clips": 1, "sha256": digest})
    dataset = open_dataset(speech)
    items = list(choose(dataset, speech))
    made = [_write(item, clip, folder, n) for n, (item, clip) in enumerate(usable_clips(items))]
    if not made:
        raise OvwError(f"{dataset.name} has no clip that can be used", f"{dataset.origin} was read")
    prints = fingerprint((clip.id, clip.reference or "", digest) for clip, digest in made)
    description = {"name": dataset.name, "clips": len(made), "fingerprint": prints, "problems": len(items) - len(made)}
    return Clips([clip for clip, _ in made], description)


def _write(utterance: Utterance, read: Clip, folder: Path, number: int = 0) -> tuple[ClipFile, str]:
    """Write a clip's samples; the hash is of them."""
    samples = read.samples
    file = folder / f"{number}.npy"
    np.save(file, samples)
    seconds = len(samples) / SAMPLE_RATE
    clip = ClipFile(utterance.id, file, seconds, utterance.reference or None, utterance.language)
    return clip, sha256(samples.tobytes()).hexdigest()
