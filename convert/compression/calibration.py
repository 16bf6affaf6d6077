"""Calibration speech: log-mels to find the ranges of the encoder's activations with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from ovw.artifact.manifest import SpeechSet
from ovw.audio import SAMPLE_RATE
from ovw.audio.mel import HOP_LENGTH, log_mel_spectrogram
from ovw.datasets.audio import Clip, usable_clips
from ovw.datasets.resolve import DatasetOptions, choose, open_dataset
from ovw.datasets.utterance import Utterance
from ovw.errors import OvwError
from ovw.media_fragment import sharing
from ovw.models import Dims


@dataclass(frozen=True)
class Speech:
    """Clips of a dataset.

    Attributes:
        name: of the dataset.
        utterances: with their texts, which may be empty.
        clips: their audio.
        limit: of clips, where one was asked for.
    """

    name: str
    utterances: Sequence[Utterance]
    clips: Sequence[Clip]
    limit: int | None = None

    def describe(self) -> SpeechSet:
        """Their description for a manifest."""
        return SpeechSet(
            name=self.name,
            clips=len(self.clips),
            seconds=round(sum(len(clip.samples) for clip in self.clips) / SAMPLE_RATE, 1),
            audio={u.id: clip.sha256 for u, clip in zip(self.utterances, self.clips, strict=True)},
            limit=self.limit,
        )


def read_speech(options: DatasetOptions, count: int, *, texts: bool, but: Sequence[str] = ()) -> Speech:
    """Clips of a dataset, drawn at random by its seed.

    Args:
        options: which dataset; a limit of its own goes before `count`.
        count: how many, if there are that many.
        texts: they have to have one.
        but: hashes of audio that is to be left out.

    Raises:
        OvwError: no such dataset, or none of its clips can be used.
    """
    dataset = open_dataset(options, texts=texts)
    drawn = options.model_copy(update={"limit": options.limit or count, "shuffle": True})
    is_left_out = sharing(but)
    pairs = [(u, clip) for u, clip in usable_clips(choose(dataset, drawn)) if not is_left_out(clip.sha256)]
    if not pairs:
        raise OvwError(f"{dataset.name} has no clip that can be used", f"{dataset.origin} was read")
    chosen, clips = zip(*pairs, strict=True)
    return Speech(dataset.name, chosen, clips, options.limit)


def windows_of(speech: Speech, dims: Dims, count: int) -> list[NDArray[np.float32]]:
    """Log-mels [1, n_mels, frames] of clips, and of windows that speech fills to the end, at most `count`.

    Both are what an encoder meets: a clip with silence behind it, and a piece of a long recording.
    """
    whole = dims.n_frames * HOP_LENGTH
    full = list(islice(_filled(speech.clips, whole), count // 3))
    pieces = [clip.samples[:whole] for clip in speech.clips[: count - len(full)]]
    return [
        log_mel_spectrogram(samples, dims.n_mels, dims.n_frames)[None, :, : dims.n_frames] for samples in pieces + full
    ]


def _filled(clips: Sequence[Clip], length: int) -> Iterator[NDArray[np.float32]]:
    """The clips one behind the other, cut into windows of `length` samples."""
    held: list[NDArray[np.float32]] = []
    for clip in clips:
        held.append(clip.samples)
        if sum(map(len, held)) >= length:
            yield np.concatenate(held)[:length]
            held = []
