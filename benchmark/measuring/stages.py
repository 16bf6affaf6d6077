"""The stages of an artifact's graphs, timed one after the other in this process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from ovw.artifact.layouts import encoder_file, layout_row
from ovw.artifact.locate import load_manifest
from ovw.audio import SAMPLE_RATE
from ovw.audio.mel import FRAMES_PER_SECOND, log_mel_spectrogram, pad_frames
from ovw.benchmark.case import GraphJob
from ovw.benchmark.measuring.clock import Run, collect, timed
from ovw.benchmark.measuring.energy import EnergyMeter, collect_with_energy
from ovw.benchmark.measuring.throughput import windows_per_second
from ovw.benchmark.roofline.graph_cost import decoder_work, encoder_work, graph_files
from ovw.errors import OvwError
from ovw.runtime.device import compile_model, core, inference_precision, running_properties
from ovw.runtime.encoder import EncoderSession
from ovw.runtime.protocols import Audio, Decoder, Encoder, Windows
from ovw.runtime.sessions import open_decoder, open_encoder, require_runnable
from ovw.transcribe.checks.guard import open_checked
from ovw.transcribe.model_sessions import FastModelSessions, has_fast_path
from ovw.transcribe.recording import Recording, Window
from ovw.transcribe.selftest import bundled_clip, golden_prompt
from ovw.transcribe.tokenizer import Tokenizer
from ovw.voice_activity.spans import FrameSpan

Emit = Callable[[dict[str, Any]], None]
STEPS = 16
"""Tokens timed before the cache is filled anew."""
FILL = 16
"""Tokens fed at once while a cache is filled: logits of all of them are made."""
TEXT_TOKENS = 100
"""Tokens that are turned into text."""


class GraphBench:
    """An artifact's graphs and what to feed them.

    Args:
        job: the case and how long to time it.
        emit: takes what was measured, at once.
    """

    def __init__(self, job: GraphJob, emit: Emit) -> None:
        self._job, self._emit = job, emit
        self.case = job.case
        self._manifest = load_manifest(job.case.folder)
        self._energy = EnergyMeter()

    @cached_property
    def tokenizer(self) -> Tokenizer:
        return Tokenizer.from_artifact(self.case.folder)

    @cached_property
    def encoder(self) -> Encoder:
        return open_encoder(self.case.folder, self._manifest.layout, self.case.device, self._fix)

    @cached_property
    def decoder(self) -> Decoder:
        return open_decoder(self.case.folder, self._manifest.layout, self.case.device)

    @cached_property
    def speech(self) -> NDArray[np.float32]:
        """The bundled clip, repeated to fill a window, [n]."""
        return np.resize(bundled_clip(), self.case.frames * SAMPLE_RATE // FRAMES_PER_SECOND)

    @cached_property
    def mel(self) -> NDArray[np.float32]:
        """Log-mel spectrogram, [batch, n_mels, frames]."""
        one = pad_frames(log_mel_spectrogram(self.speech, self._manifest.dims["n_mels"]), self.case.frames)
        return np.repeat(one[None], self.case.batch, axis=0)

    @cached_property
    def hidden(self) -> NDArray[np.float32]:
        """Hidden states, [batch, frames / 2, state]."""
        return self.encoder(self.mel)

    @cached_property
    def prompt(self) -> NDArray[np.int64]:
        """The prompt of every hypothesis, [batch * beams, n]."""
        return np.repeat(np.array([golden_prompt(self.tokenizer)], np.int64), self._rows, axis=0)

    @cached_property
    def runner(self) -> FastModelSessions:
        """The sessions over which `ovw transcribe` would run this artifact here.

        Raises:
            OvwError: they are the artifact's own graphs.
        """
        sessions = open_checked(self.case.folder, self._manifest, self.case.device)
        if not isinstance(sessions, FastModelSessions):
            raise OvwError("the runner uses the artifact's own graphs")
        return sessions

    @property
    def has_runner_graphs(self) -> bool:
        """Whether the runner makes graphs of its own from the artifact's."""
        return has_fast_path(self.case.folder, self._manifest) and self.case.device.device == "CPU"

    @cached_property
    def windows(self) -> list[Window]:
        """The speech as windows of the runner."""
        recording = Recording(iter([self.speech]), self._manifest.dimensions(), "audio")
        span = FrameSpan(0, recording.frames_before(self.case.frames))
        return [Window(recording, span, None)] * self.case.batch

    @cached_property
    def audio(self) -> list[Audio]:
        """The windows as the runner encodes them."""
        return self.runner.encode(self.windows)

    @property
    def _rows(self) -> int:
        return self.case.batch * self.case.beam_size

    def _fix(self, encoder: ov.Model) -> None:
        """Give the encoder the one shape it is fed, if the case wants that."""
        if self.case.shapes == "static":
            encoder.reshape({0: list(self.mel.shape)})

    def run(self) -> None:
        """Time every stage that was asked for; one that the artifact has no room for is left out with the reason."""
        wanted = [stage for stage in self.case.stages if stage != "pipeline"]
        if layout_row(self._manifest.layout).runtime != "onnxruntime":
            require_runnable(self.case.folder, self._manifest.layout)
            self._cold(wanted)
        work = list(self._warm_stages(wanted))
        deadline = time.perf_counter() + self._job.timing.limit
        for done, (stage, measure) in enumerate(work):
            left = max(0.0, deadline - time.perf_counter())
            try:
                measure(stage, left / (len(work) - done))
            except OvwError as error:
                self._emit({"left_out": {stage: error.message}})
        self._emit({"facts": self._facts()})

    def _cold(self, wanted: list[Any]) -> None:
        """Stages that happen once in a process: reading, compiling, the first inference."""
        folder, layout = self.case.folder, self._manifest.layout
        paths = [encoder_file(folder, layout), folder / f"{layout_row(layout).decoder}.xml"]
        models: list[ov.Model] = []

        def read() -> None:
            models.extend(core().read_model(path) for path in paths)
            _ = self.tokenizer

        self._once("load", wanted, read)
        self._fix(models[0])
        if "compile" in wanted:
            self._once("compile", wanted, lambda: [compile_model(model, self.case.device) for model in models])
        models.clear()
        _ = self.encoder, self.decoder, self.mel
        self._once("first_inference", wanted, lambda: self._prefill(self.decoder, self.hidden))

    def _once(self, stage: str, wanted: list[Any], call: Callable[[], object]) -> None:
        seconds = timed(call)()
        if stage in wanted:
            self._report(stage, "ms", [1000 * s for s in seconds])

    def _warm_stages(self, wanted: list[Any]) -> Iterator[tuple[str, Callable[[str, float], None]]]:
        n_mels = self._manifest.dims["n_mels"]
        tokens = [t % self.tokenizer.eot for t in range(1000, 1000 + TEXT_TOKENS)]
        steady: dict[str, Callable[[], object]] = {
            "mel": lambda: log_mel_spectrogram(self.speech, n_mels),
            "encoder": lambda: self.encoder(self.mel),
            "prefill": lambda: self._prefill(self.decoder, self.hidden),
            "runner_encoder": lambda: self.runner.encode(self.windows),
            "runner_prefill": lambda: self._prefill(self.runner.decoder, self.audio),
            "detokenize": lambda: self.tokenizer.text_of(tokens),
        }
        for stage in wanted:
            if stage in steady:
                yield stage, self._steady(timed(steady[stage]))
            elif stage == "token":
                for cached in self._job.cache:
                    yield f"token_{cached}", self._token(lambda: (self.decoder, self.hidden), cached)
            elif stage == "runner_token":
                for cached in self._job.cache:
                    yield f"runner_token_{cached}", self._token(lambda: (self.runner.decoder, self.audio), cached)
            elif stage == "throughput":
                yield stage, self._throughput

    def _steady(self, run: Run) -> Callable[[str, float], None]:
        def measure(stage: str, limit: float) -> None:
            samples, joules = collect_with_energy(run, self._job.timing, limit, self._energy)
            self._report(stage, "ms", samples)
            if joules is not None:
                self._report(f"{stage}_energy", "J", [joules])

        return measure

    def _token(self, opened: Callable[[], tuple[Decoder, Windows]], cached: int) -> Callable[[str, float], None]:
        """Times single tokens of a decoder over audio, from a cache of the prompt and `cached` more tokens on."""

        def measure(stage: str, limit: float) -> None:
            room = self._manifest.dims["n_text_ctx"] - self.prompt.shape[1] - STEPS
            if cached > room:
                raise OvwError(f"a cache of {cached} tokens is more than the {room} there is room for")
            one, same = self.prompt[:, -1:].copy(), np.arange(self._rows, dtype=np.int32)
            decoder, audio = opened()

            def run() -> list[float]:
                self._fill(decoder, audio, cached)
                return [timed(lambda: decoder.step(one, same))()[0] for _ in range(STEPS)]

            samples, _ = collect(run, self._job.timing, limit)
            self._report(stage, "ms", samples)

        return measure

    def _prefill(self, decoder: Decoder, audio: Windows) -> None:
        """Feed the prompt; the runner asks for the logits of the start of the transcript and of the last token."""
        decoder.start(audio)
        decoder.step(self.prompt, np.arange(self._rows, dtype=np.int32), [0, -1])

    def _fill(self, decoder: Decoder, audio: Windows, cached: int) -> None:
        self._prefill(decoder, audio)
        longest = decoder.max_tokens
        step = min(FILL, longest) if longest > 0 else FILL
        same = np.arange(self._rows, dtype=np.int32)
        filler = np.repeat(self.prompt[:, -1:], cached, axis=1)
        for at in range(0, cached, step):
            decoder.step(filler[:, at : at + step], same, [-1])

    def _throughput(self, stage: str, limit: float) -> None:
        if not isinstance(self.encoder, EncoderSession):
            raise OvwError("onnxruntime runs one request at a time")
        rates = windows_per_second(self.encoder.compiled, self.mel, self._job.timing, limit)
        self._report(stage, "/s", rates)

    def _report(self, stage: str, unit: str, samples: list[float]) -> None:
        self._emit({"stage": stage, "unit": unit, "samples": [round(value, 6) for value in samples]})

    def _facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = {"prompt_tokens": self.prompt.shape[1]}
        for name, session in (("encoder", self.encoder), ("decoder", self.decoder)):
            if compiled := getattr(session, "compiled", None):
                facts[f"{name}_precision"] = inference_precision(compiled)
                facts |= {f"{name}_{key}": value for key, value in running_properties(compiled).items()}
        facts["energy"] = self._energy.reason or "of the whole processor package"
        return facts | ({"work": self._work(facts)} if self._job.count and self._has_cache else {})

    @property
    def _has_cache(self) -> bool:
        """Whether the decoder has its cache inside, as the counting of its work expects."""
        return layout_row(self._manifest.layout).cache == "inside"

    def _work(self, facts: dict[str, Any]) -> dict[str, Any]:
        """Operations and bytes of the stages."""
        encoder, decoder = graph_files(self.case.folder)
        dims, hidden, fed = self._manifest.dimensions(), list(self.hidden.shape), self.prompt.shape[1]
        found = {"encoder": encoder_work(encoder, list(self.mel.shape), facts["encoder_precision"])}
        calls = {"prefill": (fed, 0)} | {f"token_{cached}": (1, fed + cached) for cached in self._job.cache}
        for stage, (tokens, cached) in calls.items():
            call = (self._rows, tokens, cached, hidden)
            found[stage] = decoder_work(decoder, dims, *call, facts["decoder_precision"])
        return {stage: work.to_json() for stage, work in found.items()}
