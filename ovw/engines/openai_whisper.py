"""openai-whisper on PyTorch in f32: what every other engine is compared with."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ovw.engines.base import Engine, EngineResult
from ovw.engines.registry import EngineSpec
from ovw.errors import OvwError, reason
from ovw.extras import require
from ovw.transcribe.options import AUTO, TranscribeOptions

SAME = (
    "task", "temperature", "compression_ratio_threshold", "logprob_threshold", "no_speech_threshold",
    "initial_prompt", "length_penalty", "suppress_blank", "without_timestamps",
    "max_initial_timestamp",
)  # fmt: skip
"""Options it knows by the same name."""
ONLY_OURS = ("repetition_penalty", "no_repeat_ngram_size", "hotwords", "prefix", "multilingual")
"""Options that change the text and that it does not have; at their defaults they do nothing."""


class OpenaiWhisperEngine(Engine):
    """openai-whisper's own model and decoding on the CPU.

    Args:
        checkpoint: an OpenAI `.pt` file.
        threads: of PyTorch; 0 for its default.

    Raises:
        OvwError: openai-whisper is not installed, or the file is no checkpoint.
    """

    def __init__(self, checkpoint: Path, threads: int = 0) -> None:
        require("the PyTorch reference", "torch", "whisper", extra="convert")
        import torch
        import whisper

        if threads:
            torch.set_num_threads(threads)
        self._torch = torch
        try:
            self._model = whisper.load_model(str(checkpoint), device="cpu")
        except (RuntimeError, OSError, KeyError, TypeError, EOFError) as error:
            raise OvwError(f"{checkpoint} cannot be loaded: {reason(error)}", "give an OpenAI .pt file") from None

    def transcribe(self, samples: NDArray[np.float32], options: TranscribeOptions) -> EngineResult:
        """Transcribe samples [n] at 16 kHz.

        Raises:
            OvwError: an option that it does not have.
        """
        self._torch.manual_seed(options.seed)
        result = self._model.transcribe(samples, fp16=False, verbose=None, **translate_options(options))
        segments = result["segments"]
        return EngineResult(
            text=str(result["text"]).strip(),
            language=str(result["language"]),
            tokens=sum(len(segment["tokens"]) for segment in segments),
            temperature=max((float(segment["temperature"]) for segment in segments), default=0.0),
            avg_logprob=min((float(segment["avg_logprob"]) for segment in segments), default=None),
            no_speech_prob=max((float(segment["no_speech_prob"]) for segment in segments), default=None),
        )

    def describe(self) -> dict[str, Any]:
        """Engine, versions, arithmetic and threads."""
        return {
            "engine": "pytorch",
            "version": version("openai-whisper"),
            "torch": self._torch.__version__,
            "inference_precision": "f32",
            "device": "CPU",
            "threads": self._torch.get_num_threads(),
        }


def translate_options(options: TranscribeOptions) -> dict[str, Any]:
    """The options in openai-whisper's names: greedy decoding is no beam search at all there.

    Raises:
        OvwError: an option that it does not have.
    """
    defaults = TranscribeOptions()
    if beyond := [name for name in ONLY_OURS if getattr(options, name) != getattr(defaults, name)]:
        raise OvwError(f"openai-whisper has no {beyond[0]}", "leave it out to compare with it")
    beams = options.beam_size > 1
    return {
        **{name: getattr(options, name) for name in SAME},
        "condition_on_previous_text": options.condition_on_previous_text is not False,
        "language": None if options.language == AUTO else options.language,
        "beam_size": options.beam_size if beams else None,
        "patience": options.patience if beams else None,
        "best_of": options.best_of,
        "suppress_tokens": list(options.suppress_tokens),
        "sample_len": options.max_new_tokens,
    }


def load_engine(spec: EngineSpec) -> OpenaiWhisperEngine:
    """The engine that a spec names; raises as its constructor."""
    return OpenaiWhisperEngine(spec.model, threads=spec.device.threads if spec.device else 0)
