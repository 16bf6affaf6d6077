"""Sequential transcription: a 30-second window at a time, each prompted with the text before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ovw.audio.mel import HOP_LENGTH, log_mel_spectrogram, pad_frames
from ovw.models import Dims
from ovw.runtime.sessions import Decoder, Encoder
from ovw.transcribe.decoding.task import DecodingResult, DecodingTask, control_tokens
from ovw.transcribe.fallback import decode_with_fallback, is_skippable
from ovw.transcribe.language import detect_language
from ovw.transcribe.options import TranscribeOptions
from ovw.transcribe.result import Detection, Segment
from ovw.transcribe.segments import Piece, split_window
from ovw.transcribe.tokenizer import Tokenizer

PROMPT_RESET_TEMPERATURE = 0.5
"""Text sampled above this is too uncertain to prompt the next window."""


@dataclass(frozen=True)
class Engine:
    """A loaded model: its sessions, tokenizer and dimensions."""

    encoder: Encoder
    decoder: Decoder
    tokenizer: Tokenizer
    dims: Dims


class Recording:
    """A recording as the encoder wants it: windows of log-mel frames.

    Args:
        samples: [n], 16 kHz.
        dims: of the model.
        pad: `mel` fills the last window with zeros in the spectrogram, `audio` with silence in the samples.
    """

    def __init__(self, samples: NDArray[np.float32], dims: Dims, pad: str) -> None:
        self._samples = samples
        self._dims = dims
        self._pad = pad
        self.n_frames = len(samples) // HOP_LENGTH
        self._mel = log_mel_spectrogram(samples, dims.n_mels, dims.n_frames) if pad == "mel" else None

    def window(self, seek: int, size: int) -> NDArray[np.float32]:
        """The window that starts at frame `seek` and holds `size` frames of audio, [1, n_mels, frames]."""
        if self._mel is not None:
            return pad_frames(self._mel[None, :, seek : seek + size], self._dims.n_frames)
        samples = self._samples[seek * HOP_LENGTH : (seek + size) * HOP_LENGTH]
        return pad_frames(
            log_mel_spectrogram(samples, self._dims.n_mels, self._dims.n_frames - size)[None], self._dims.n_frames
        )

    def opening(self) -> NDArray[np.float32]:
        """The first window with the silence after a short recording as it sounds: what language detection hears."""
        if self._mel is not None:
            return pad_frames(self._mel[None], self._dims.n_frames)
        return self.window(0, min(self.n_frames, self._dims.n_frames))


def identify(engine: Engine, recording: Recording) -> Detection:
    """Detect the language of a recording from its first window."""
    return detect_language(engine.decoder, engine.encoder(recording.opening()), engine.tokenizer)


@dataclass
class Context:
    """The text so far, from which each window's prompt is cut."""

    tokens: list[int]
    reset_since: int = field(default=0)

    def prompt(self) -> list[int]:
        return self.tokens[self.reset_since :]

    def extend(self, pieces: list[Piece], result: DecodingResult, options: TranscribeOptions) -> None:
        for piece in pieces:
            self.tokens += piece.tokens
        if not options.condition_on_previous_text or result.temperature > PROMPT_RESET_TEMPERATURE:
            self.reset_since = len(self.tokens)


def transcribe_sequentially(
    engine: Engine,
    recording: Recording,
    language: str | None,
    options: TranscribeOptions,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[Segment]:
    """Transcribe a recording window by window, yielding segments as each window is done.

    Args:
        engine: the model.
        recording: what to transcribe.
        language: code; `None` for an English-only model.
        options: what was asked for.
        on_progress: told the frames done and the frames in all, after each window.
    """
    tokenizer, total = engine.tokenizer, recording.n_frames
    control = control_tokens(tokenizer, language, options.task, without_timestamps=options.without_timestamps)
    task = DecodingTask(engine.decoder, tokenizer, options, control, engine.dims.n_text_ctx)
    rng = np.random.default_rng(options.seed)
    context = Context(tokenizer.encode(" " + options.initial_prompt.strip()) if options.initial_prompt else [])
    seek = count = 0
    while seek < total:
        size = min(engine.dims.n_frames, total - seek)
        hidden = engine.encoder(recording.window(seek, size))
        prompt = context.prompt()
        result = decode_with_fallback(lambda t: task.run(hidden, prompt, t, rng), options)  # noqa: B023
        if is_skippable(result, options):
            seek += size
            on_progress(seek, total)
            continue
        pieces, advance = split_window(result.tokens, tokenizer, seek, size)
        spoken = [p for p in pieces if p.start != p.end and tokenizer.text_of(p.tokens).strip()]
        for piece in spoken:
            yield _segment(count, piece, result, tokenizer, seek)
            count += 1
        context.extend(spoken, result, options)
        seek += advance
        on_progress(min(seek, total), total)


def _segment(number: int, piece: Piece, result: DecodingResult, tokenizer: Tokenizer, seek: int) -> Segment:
    return Segment(
        id=number,
        start=round(piece.start, 3),
        end=round(piece.end, 3),
        text=tokenizer.text_of(piece.tokens),
        tokens=piece.tokens,
        temperature=result.temperature,
        avg_logprob=result.avg_logprob,
        compression_ratio=result.compression_ratio,
        no_speech_prob=result.no_speech_prob,
        seek=seek,
    )
