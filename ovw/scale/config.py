"""Options of every verb that transcribes: device, workers, decoding."""

from __future__ import annotations

from pydantic import Field

from ovw.choices import FloatType
from ovw.runtime.device import DeviceOptions
from ovw.scale.pools import pool_for, threads_of
from ovw.scale.task import Pool
from ovw.transcribe.exact import run_policy
from ovw.transcribe.options import TranscribeOptions


class RunConfig(TranscribeOptions):
    """A model, its decoding, and who runs it."""

    model: str | None = None
    """An artifact folder or the name of an installed artifact."""
    device: str = "CPU"
    """An OpenVINO device."""
    inference_precision: FloatType | None = None
    """Arithmetic; by default the device's own."""
    threads: int = Field(default=0, ge=0)
    """Inference threads of a worker; 0 for all cores, shared out among the workers."""
    exact: bool = False
    """openai/whisper's algorithm in f32, no approximation."""
    workers: int | None = Field(default=None, ge=1)
    """Processes, each with a model of its own; by default this one alone."""
    ray: str | None = None
    """Run the workers on Ray: `local`, `auto`, or a cluster's address."""

    def decoding(self) -> TranscribeOptions:
        """The decoding options alone; those of a file give way to `exact`."""
        return run_policy(exact=self.exact).decoding(self.part(TranscribeOptions))

    def running(self) -> DeviceOptions:
        """The device options of one worker; `exact` asks for f32."""
        threads = threads_of(self.workers or 1, self.threads)
        chosen = DeviceOptions(device=self.device, precision=self.inference_precision, threads=threads)
        return run_policy(exact=self.exact).device(chosen)

    def pool(self) -> Pool:
        """Who does the work."""
        return pool_for(self.workers or 1, self.ray, self.running().threads or 1)
