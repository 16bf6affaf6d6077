"""openai-whisper's base on the real weights, as it computes or as it was recorded: PyTorch takes most of such a test.

`OVW_TESTS_RECORD=1 python -m pytest tests/parity/test_transcribe.py tests/parity/test_adapter.py` records it anew; the
slow tests compare with PyTorch itself.
"""

from __future__ import annotations

import json
import os
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import whisper

from ovw.convert.sources.resolve import load_checkpoint
from ovw.models import find_size

RECORDS = Path(__file__).parents[1] / "golden" / "openai-whisper-base.json"
FIGURES = ("start", "end", "text", "tokens", "avg_logprob", "no_speech_prob", "compression_ratio", "words")


class OpenAiWhisper:
    """What it computes, with PyTorch on this machine."""

    @cached_property
    def model(self) -> whisper.Whisper:
        checkpoint = load_checkpoint(find_size("base"), None, offline=True)
        model = whisper.Whisper(whisper.ModelDimensions(**checkpoint.dims.as_dict()))
        model.load_state_dict({k: torch.from_numpy(np.asarray(v, np.float32)) for k, v in checkpoint.tensors.items()})
        model.set_alignment_heads(whisper._ALIGNMENT_HEADS["base"])
        return model.eval()

    def transcribe(self, samples: np.ndarray, **options: Any) -> dict[str, Any]:
        """Language, text and segments, greedily unless `options` say otherwise."""
        found = self.model.transcribe(samples, fp16=False, temperature=0.0, **options)
        segments = [{name: segment[name] for name in FIGURES if name in segment} for segment in found["segments"]]
        return {"language": found["language"], "text": found["text"], "segments": segments}

    def language_chances(self, samples: np.ndarray) -> dict[str, float]:
        """Of the first window."""
        mel = whisper.pad_or_trim(whisper.log_mel_spectrogram(samples, padding=480_000), 3000)
        return dict(self.model.detect_language(mel)[1])

    def decode(self, samples: np.ndarray, language: str) -> str:
        """The text of one window that is padded as samples."""
        mel = whisper.log_mel_spectrogram(whisper.pad_or_trim(samples))
        return str(whisper.decode(self.model, mel, whisper.DecodingOptions(fp16=False, language=language)).text)


class RecordedWhisper:
    """What it came to when it was recorded; what was not recorded is computed."""

    def __init__(self) -> None:
        self._records = json.loads(RECORDS.read_text(encoding="utf-8")) if RECORDS.exists() else {}
        self._computing = OpenAiWhisper()
        self._anew = bool(os.environ.get("OVW_TESTS_RECORD"))

    def transcribe(self, samples: np.ndarray, **options: Any) -> dict[str, Any]:
        return self._recall("transcribe", samples, **options)

    def language_chances(self, samples: np.ndarray) -> dict[str, float]:
        return self._recall("language_chances", samples)

    def decode(self, samples: np.ndarray, language: str) -> str:
        return self._recall("decode", samples, language=language)

    def _recall(self, call: str, samples: np.ndarray, **options: Any) -> Any:
        key = f"{call} {len(samples)} {json.dumps(options, sort_keys=True)}"
        if self._anew or key not in self._records:
            self._records[key] = getattr(self._computing, call)(samples, **options)
        if self._anew:
            text = json.dumps(dict(sorted(self._records.items())), indent=1, ensure_ascii=False)
            RECORDS.write_text(text + "\n", encoding="utf-8")
        return json.loads(json.dumps(self._records[key]))
