"""`Whisper`: a loaded artifact that transcribes media."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ovw.api.align import TO_RECOGNISE, require_passages, timed_passages
from ovw.api.batches import Job, batch_size_for, groups_of, is_live, jobs_of, outcomes_of, seconds_of, title_of
from ovw.api.recordings import RecordingOpener
from ovw.api.request import check_decoder, check_request
from ovw.api.transcription import Transcription
from ovw.artifact.locate import load_manifest, locate_or_default
from ovw.audio.choice import Stream
from ovw.audio.samples import Media, as_media, read_whole
from ovw.cgroups import usable_cores
from ovw.errors import DAMAGE, OvwError, UsageError, quoted, reason
from ovw.memory import give_back
from ovw.models import Capabilities
from ovw.runtime.device import DeviceOptions
from ovw.runtime.sessions import require_runnable
from ovw.transcribe.artifact_defaults import artifact_defaults, with_defaults
from ovw.transcribe.checks.guard import open_checked
from ovw.transcribe.exact import run_policy
from ovw.transcribe.forced_alignment import align_parts
from ovw.transcribe.known_text import TextPart
from ovw.transcribe.language import identify
from ovw.transcribe.model_sessions import ModelSessions
from ovw.transcribe.options import AUTO, TranscribeOptions
from ovw.transcribe.pipeline import Progress, transcribe, transcribe_many
from ovw.transcribe.recording import Recording
from ovw.transcribe.result import Detection, Segment
from ovw.voice_activity.detector import speech_worker

logger = logging.getLogger(__name__)


class Whisper:
    """A loaded artifact. Threads may share one; their windows take turns, see docs/runner.md.

    Args:
        model: an artifact folder or the name of an installed one, such as `base-fp16`; the preferred one if not given.
        device: how to run it.
        exact: openai/whisper's own algorithm in f32: no approximation, no batches, silence is not left out; options
            that contradict it are refused.

    Attributes:
        folder: of the artifact.
        manifest: of the artifact.
        capabilities: of the model.
        threads: that it runs on; 0 for all usable cores.

    Raises:
        OvwError: no such artifact, or one that cannot be read.
        UsageError: `exact` with another precision than f32.
    """

    def __init__(
        self, model: str | Path | None = None, *, device: DeviceOptions | None = None, exact: bool = False
    ) -> None:
        if device is not None and not isinstance(device, DeviceOptions):
            raise UsageError(f"device is {quoted(device)}", "give DeviceOptions(device='CPU'), of ovw.runtime.device")
        self.exact = exact
        self._policy = run_policy(exact=exact)
        self._policy.check(device or DeviceOptions())
        folder = locate_or_default(model)
        options = self._policy.device(device or DeviceOptions())
        self.folder = folder
        self.threads = options.threads
        self.manifest = load_manifest(folder)
        self._opener = RecordingOpener(self.manifest.dimensions(), self._policy.whole_loudness, self.threads)
        self._vad_executor = None if exact else speech_worker(self.threads)
        self.capabilities = Capabilities(tuple(self.manifest.languages), self.manifest.translate)
        try:
            self._sessions = self._open(options)
            self._defaults = artifact_defaults(folder, self.manifest)
        except DAMAGE as error:
            hint = f"ovw verify {folder} lists what is wrong"
            raise OvwError(f"{folder} cannot be loaded: {reason(error)}", hint) from error

    def _open(self, options: DeviceOptions) -> ModelSessions:
        """The sessions of the artifact; subclasses open those of other runtimes. Raises as the constructor does."""
        require_runnable(self.folder, self.manifest.layout)
        return open_checked(self.folder, self.manifest, options, self._policy)

    @property
    def approximations(self) -> list[str]:
        """Names of those that the runner may use with this artifact here, see `ovw.runtime.approximations`."""
        return self._sessions.approximations.without(self._policy.approximations_left_out()).in_use()

    def approximations_for(self, options: TranscribeOptions) -> list[str]:
        """Names of those that it uses in a transcription with these options."""
        return self._sessions.approximations.without(options.approximations_left_out()).in_use()

    @property
    def precision(self) -> str:
        """The arithmetic that the device really uses, such as `bf16`."""
        return self._sessions.decoder.precision

    def transcribe(
        self,
        media: Media,
        options: TranscribeOptions | None = None,
        *,
        stream: Stream = None,
        on_progress: Progress = lambda done, total: None,
        **overrides: Any,
    ) -> Transcription:
        """Transcribe a file or samples.

        Args:
            media: path of any audio or video file, an open binary file, samples at 16 kHz (an array of any common type,
                mono or channels, or a list of floats), or blocks of samples as they arrive.
            options: decoding options.
            stream: which audio stream of the file, counted from 0, or a fuller choice.
            on_progress: called with the mel frames done and the frames in all.
            **overrides: single fields of `TranscribeOptions`, over `options`.

        Raises:
            OvwError: the media cannot be read, or the model cannot do what is asked.
        """
        media = as_media(media)
        chosen, language = self._request(options, overrides, live=is_live(media))
        recording = self._opener.open(media, stream, chosen, self._vad_executor)
        detection = None
        if language is None:
            detection = identify(self._sessions, recording, self._policy.detecting(chosen))
            language = detection.language
        segments = transcribe(self._sessions, recording, self._steering(language), chosen, on_progress)
        return self._transcription(language, detection, chosen, title_of(media), recording, segments)

    def transcribe_many(
        self, media: Sequence[Media], options: TranscribeOptions | None = None, **overrides: Any
    ) -> list[Transcription]:
        """Transcribe files or samples together, windows of all of them beside each other; see `transcribe_each`.

        Args:
            media: as `transcribe` takes them.
            options: decoding options.
            **overrides: single fields of `TranscribeOptions`, over `options`.

        Returns:
            One transcription for each, in the same order.

        Raises:
            OvwError: as `transcribe`, for the first that fails.
        """
        found: dict[int, Transcription] = {}
        for place, outcome in self.transcribe_each(media, options, **overrides):
            if isinstance(outcome, OvwError):
                raise outcome
            found[place] = outcome
            list(outcome)  # decodes a long one
        return [found[place] for place in range(len(media))]

    def transcribe_each(
        self,
        media: Sequence[Media],
        options: TranscribeOptions | None = None,
        *,
        streams: Sequence[Stream] | None = None,
        **overrides: Any,
    ) -> Iterator[tuple[int, Transcription | OvwError]]:
        """Transcribe files or samples, each given as soon as it is ready; one that fails does not stop the others.

        Short ones are taken together, those of about the same length a few batches at a time, which is several times
        faster than one by one and keeps memory bounded. Long ones fill batches of their own, and are decoded as they
        are iterated.

        Args:
            media: as `transcribe` takes them.
            options: decoding options.
            streams: the audio stream to take of each, as `transcribe` takes it.
            **overrides: single fields of `TranscribeOptions`, over `options`.

        Yields:
            The place in `media`, and the transcription or why there is none.

        Raises:
            OvwError: the model cannot do what is asked.
        """
        jobs = jobs_of(media, streams)
        chosen, asked = self._request(options, overrides)
        alone = partial(self.transcribe, options=options, **overrides)
        seconds = [seconds_of(one) if chosen.batch_size > 1 else 0.0 for one, _ in jobs]  # opens files
        for group in groups_of(seconds, chosen.batch_size):
            together = partial(self._together, asked=asked, options=chosen)
            yield from zip(group, outcomes_of([jobs[i] for i in group], together, alone), strict=True)
            give_back()

    def detect_language(self, media: Media, *, stream: Stream = None) -> Detection:
        """Detect the language of a recording, as `transcribe` does without one: certain for an English-only model.

        Args:
            media: as `transcribe` takes it.
            stream: which audio stream of the file, counted from 0, or a fuller choice.

        Raises:
            OvwError: the media cannot be read.
        """
        found = self.transcribe(media, language=AUTO, stream=stream)  # nothing is decoded before it is asked for
        return found.detection or Detection(found.language, 1.0, {found.language: 1.0})

    def align(
        self,
        media: Media,
        text: str | Sequence[str],
        *,
        language: str | None = None,
        stream: Stream = None,
        on_progress: Progress = lambda done, total: None,
    ) -> Transcription:
        """The times of the words of a text that is known: lyrics, a script, corrected subtitles.

        Recordings of up to a window (30 s) are aligned at once (openai/whisper, `timing.py`). Longer ones, and those
        where that leaves doubt, are transcribed to find out which part of the text belongs where.

        Args:
            media: as `transcribe` takes it; an open file, a pipe or blocks are held in memory.
            text: of the recording, cut into sentences; or passages, which become a segment each.
            language: of the sound and the text; detected by default.
            stream: which audio stream of the file, counted from 0, or a fuller choice.
            on_progress: called with the mel frames done and the frames in all.

        Returns:
            A segment for each passage, with its words; `avg_logprob` is low where something else is spoken.

        Raises:
            OvwError: the media cannot be read, or the model cannot time words.
            UsageError: there is no text, or more than fits the recording.
        """
        passages = require_passages(text)
        name, media = title_of(media), as_media(media)
        if is_live(media):
            media, stream = read_whole(media, stream), None  # it is read twice
        found = self.transcribe(media, TO_RECOGNISE, stream=stream, language=language)
        if found.is_read and not found.duration:
            raise OvwError(f"{name or 'the recording'} has no sound to align a text with", "check what it holds")
        steered = self._steering(found.language)

        def align(parts: Sequence[TextPart]) -> Iterator[Segment]:
            recording = self._opener.open(media, stream, found.options, self._vad_executor)
            return align_parts(self._sessions, recording, parts, steered, found.options, on_progress)

        segments = timed_passages(found, passages, self.manifest.dimensions().n_frames, align)
        return replace(found.with_segments(segments), media=name)

    def _together(self, jobs: Sequence[Job], asked: str | None, options: TranscribeOptions) -> list[Transcription]:
        # spectrograms and voice activity leave the interpreter free, but one of the threads is mostly waiting for it
        with ThreadPoolExecutor((self.threads or usable_cores()) + 1) as pool:
            recordings = list(pool.map(lambda job: self._opener.open(job[0], job[1], options), jobs))
        steered = AUTO if asked is None else self._steering(asked)
        found = transcribe_many(self._sessions, recordings, steered, options)
        for recording in recordings:
            recording.forget(sys.maxsize)
        return [
            self._transcription(
                seen.language if seen else str(asked), seen, options, title_of(media), recording, iter(segments)
            )
            for (media, _), recording, (segments, seen) in zip(jobs, recordings, found, strict=True)
        ]

    def _transcription(
        self,
        language: str,
        detection: Detection | None,
        options: TranscribeOptions,
        media: str,
        recording: Recording,
        segments: Iterator[Segment],
    ) -> Transcription:
        model = {
            "name": self.manifest.name,
            "precision": self.manifest.precision,
            "inference_precision": self.precision,
            "approximations": self.approximations_for(options),
        }
        return Transcription(language, detection, options, media, model, recording, segments)

    def _request(
        self, options: TranscribeOptions | None, overrides: dict[str, Any], *, live: bool = False
    ) -> tuple[TranscribeOptions, str | None]:
        """The options in force, and the language if it need not be detected; raises as `transcribe`."""
        chosen = with_defaults(options, overrides, self._defaults)
        language = check_request(self.folder.name, self.capabilities, chosen)
        check_decoder(self.folder, self.manifest, chosen)
        self._policy.check(chosen, overrides)
        chosen = self._policy.decoding(chosen)
        size = batch_size_for(chosen, self.manifest.dimensions(), self.manifest.shapes.batch[1], live=live)
        return chosen.model_copy(update={"batch_size": size}), language

    def _steering(self, language: str) -> str | None:
        """The language for the decoder's prompt; `None` for an English-only model."""
        return language if self._sessions.tokenizer.multilingual else None
