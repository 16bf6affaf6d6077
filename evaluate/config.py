"""The configuration of `ovw eval`: the dataset, the decoding options and everything around them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from ovw.datasets.resolve import DatasetOptions
from ovw.errors import UsageError
from ovw.models import find_language
from ovw.runtime.device import DeviceOptions
from ovw.scale.pools import threads_of
from ovw.transcribe.options import TranscribeOptions


class EvalConfig(TranscribeOptions, DatasetOptions):
    """What a command line or a YAML file says."""

    beam_size: int = Field(default=1, ge=1, le=64)
    """Beams at temperature 0; 1 is greedy decoding."""
    model: str | None = None
    """An artifact folder or the name of an installed artifact."""
    reference: str | None = None
    """What to compare with: `pytorch`, a `.pt` file, an artifact, an earlier run's folder, or a JSONL of hypotheses."""
    output: str | None = None
    """The run's folder; by default one below `$OVW_HOME/evals` that belongs to just this request."""
    detect_language: bool = False
    """Let the model find the language, even where the dataset tells it."""
    device: str = "CPU"
    """An OpenVINO device."""
    inference_precision: Literal["f32", "bf16", "f16"] | None = None
    """Arithmetic; by default the device's own."""
    threads: int = Field(default=0, ge=0)
    """Inference threads of a worker; 0 for all cores, shared out among the workers."""
    exact: bool = False
    """openai/whisper's algorithm in f32, no approximation."""
    strict: bool = False
    """Stop at the first clip that cannot be used."""
    force: bool = False
    """Begin anew where the folder holds another run."""
    interval: Literal["utterance", "speaker"] = "utterance"
    """What the bootstrap draws: speakers, where few of them said much."""
    draws: int = Field(default=2000, ge=100, le=100_000)
    """Sets that the bootstrap draws."""
    worst: int = Field(default=10, ge=0)
    """Utterances to show with their errors."""
    workers: int = Field(default=1, ge=1)
    """Processes, each with a model of its own."""
    ray: str | None = None
    """Run the workers on Ray: `local`, `auto`, or a cluster's address."""

    @model_validator(mode="after")
    def _check_language(self) -> EvalConfig:
        if self.language:
            find_language(self.language)
        if self.detect_language and self.language:
            raise UsageError("language and detect_language contradict each other", "leave one of them out")
        return self

    def decoding(self) -> TranscribeOptions:
        """The decoding options alone."""
        return TranscribeOptions(**{name: getattr(self, name) for name in TranscribeOptions.model_fields})

    def speech(self) -> DatasetOptions:
        """The dataset options alone."""
        return DatasetOptions(**{name: getattr(self, name) for name in DatasetOptions.model_fields})

    def running(self) -> DeviceOptions:
        """The device options of one worker; `exact` asks for f32."""
        precision = "f32" if self.exact else self.inference_precision
        threads = threads_of(self.workers, self.threads)
        return DeviceOptions(device=self.device, precision=precision, threads=threads)
