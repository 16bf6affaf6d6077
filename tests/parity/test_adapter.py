"""The artifact inside openai-whisper's pipeline says what PyTorch says."""

import numpy as np
import pytest
from support.openai_whisper import OpenAiWhisper
from support.tiny_whisper import SELFTEST_CLIP

from ovw.adapters.openai_whisper import load
from ovw.audio.decode import load_audio
from ovw.convert.plan import Converted
from ovw.errors import OvwError

BEAMS = pytest.param({"beam_size": 5, "patience": 1.5}, marks=pytest.mark.slow)


@pytest.mark.weights
@pytest.mark.parametrize("options", [{}, BEAMS, {"task": "translate", "language": "en"}])
def test_same_as_pytorch(base: Converted, theirs: OpenAiWhisper, demo_samples: np.ndarray, options: dict) -> None:
    expected = theirs.transcribe(demo_samples, **options)
    found = load(base.folder).transcribe(demo_samples, temperature=0.0, **options)
    assert found["text"] == expected["text"]
    assert found["language"] == expected["language"]
    assert [s["tokens"] for s in found["segments"]] == [s["tokens"] for s in expected["segments"]]


def test_sampling_and_refusal(tiny: Converted) -> None:
    model = load(tiny.folder)
    clip = load_audio(SELFTEST_CLIP)
    result = model.transcribe(clip, temperature=0.5, best_of=3, sample_len=8, language="en", no_speech_threshold=None)
    assert isinstance(result["text"], str)
    with pytest.raises(OvwError, match="word_timestamps"):
        model.transcribe(clip, word_timestamps=True)


def test_files_need_no_program(tiny: Converted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    model, options = load(tiny.folder), {"temperature": 0.0, "sample_len": 8, "language": "en"}
    told = model.transcribe(load_audio(SELFTEST_CLIP), **options)["segments"]
    for file in (SELFTEST_CLIP, str(SELFTEST_CLIP)):
        assert [s["tokens"] for s in model.transcribe(file, **options)["segments"]] == [s["tokens"] for s in told]
