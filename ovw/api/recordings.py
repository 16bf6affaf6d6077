"""Opening of media as recordings: what is known of their length and loudness before the first window."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ovw.api.batches import is_live, seconds_of_samples
from ovw.audio.choice import Stream
from ovw.audio.decode import media_duration
from ovw.audio.mel import FRAMES_PER_SECOND
from ovw.audio.open_files import can_seek
from ovw.audio.pipes import is_pipe
from ovw.audio.samples import Media, blocks_of
from ovw.models import Dims
from ovw.runtime.device import require_own_process
from ovw.transcribe.options import TranscribeOptions
from ovw.transcribe.recording import LOOKAHEAD, Recording, loudest_bin


@dataclass(frozen=True)
class RecordingOpener:
    """Opens media for a model.

    Attributes:
        dims: of the model.
        whole_loudness: find the loudest sound of a recording that is longer than what is read before its first window;
            it is read twice.
        threads: of voice activity detection; 0 for all usable cores.
    """

    dims: Dims
    whole_loudness: bool = False
    threads: int = 0

    def open(
        self, media: Media, stream: Stream, options: TranscribeOptions, vad_executor: Executor | None = None
    ) -> Recording:
        """Open a file or samples; media as `Whisper.transcribe` takes it.

        Raises:
            OvwError: it cannot be read, or this process was forked from one that transcribes.
        """
        require_own_process()
        expected = _expected(media, stream)
        loudest = None
        if self.whole_loudness and not 0 < expected * FRAMES_PER_SECOND <= LOOKAHEAD and _can_be_read_twice(media):
            loudest = loudest_bin(blocks_of(media, stream), self.dims.n_mels)
        return Recording(
            blocks_of(media, stream),
            self.dims,
            options.padding,
            options.speech_rules(),
            longest_speech=round(options.chunk_length * FRAMES_PER_SECOND),
            expected=expected,
            loudest=loudest,
            lookahead=0 if is_live(media) else LOOKAHEAD,  # what arrives live is not waited for
            vad_executor=vad_executor,
            vad_threads=self.threads,
        )


def _expected(media: Media, stream: Stream) -> float:
    """Seconds of a recording as far as they are known before it is read, else 0."""
    if is_live(media):
        return 0.0
    if isinstance(media, str | Path):
        return media_duration(Path(media), stream, report=True) or 0.0
    return seconds_of_samples(media)


def _can_be_read_twice(media: Any) -> bool:
    if isinstance(media, str | Path):
        return not is_pipe(Path(media))
    return hasattr(media, "__array__") or can_seek(media)
