"""The artifact, untouched, in openvino-genai's WhisperPipeline."""

import itertools
import re
from pathlib import Path

import numpy as np
import openvino_genai
import pytest
from support.tiny_whisper import DEMO_VIDEO, convert_one
from support.whispers import opened

from ovw import Whisper
from ovw.convert.config import ConvertConfig
from ovw.convert.plan import Converted

pytestmark = pytest.mark.consumer


def normal(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s]", "", text.lower()).split())


def generate(made: Converted, samples: np.ndarray, **options: object) -> "openvino_genai.WhisperDecodedResults":
    pipe = openvino_genai.WhisperPipeline(str(made.folder), "CPU", INFERENCE_PRECISION_HINT="f32")
    config = pipe.get_generation_config()
    for name, value in options.items():
        setattr(config, name, value)
    return pipe.generate(samples.tolist(), config)


@pytest.mark.weights
def test_same_words(base: Converted, demo_samples: np.ndarray) -> None:
    result = generate(base, demo_samples, return_timestamps=True, language="<|en|>", task="transcribe")
    ours = opened(base.folder, exact=True).transcribe(
        DEMO_VIDEO, pad="audio", beam_size=1, temperature=(0.0,), language="en"
    )
    segments = list(ours)
    assert normal(str(result)) == normal("".join(s.text for s in segments))
    assert [c.start_ts for c in result.chunks] == pytest.approx([s.start for s in segments], abs=0.021)


@pytest.mark.weights
def test_english_only(real_tiny_en: Converted, demo_samples: np.ndarray) -> None:
    result = generate(real_tiny_en, demo_samples, return_timestamps=True)
    ours = opened(real_tiny_en.folder, exact=True).transcribe(
        demo_samples, pad="audio", beam_size=1, temperature=(0.0,)
    )
    assert normal(str(result)) == normal("".join(s.text for s in ours))


@pytest.mark.weights
def test_language_detection_prompt_and_beams(base: Converted, demo_samples: np.ndarray) -> None:
    result = generate(
        base,
        demo_samples,
        return_timestamps=True,
        num_beams=3,
        initial_prompt="A talk about OpenVINO.",
        task="translate",
    )
    assert "hello and welcome" in normal(str(result))


@pytest.mark.weights
def test_word_timestamps(base: Converted, demo_samples: np.ndarray) -> None:
    """GenAI finds the cross attention by the names of our nodes, and the alignment heads in our config."""
    pipe = openvino_genai.WhisperPipeline(str(base.folder), "CPU", INFERENCE_PRECISION_HINT="f32", word_timestamps=True)
    config = pipe.get_generation_config()
    config.word_timestamps, config.return_timestamps, config.language = True, True, "<|en|>"
    timed = pipe.generate(demo_samples.tolist(), config).words
    assert [normal(w.word) for w in timed][:3] == ["hello", "and", "welcome"]
    assert all(a.start_ts <= b.start_ts for a, b in itertools.pairwise(timed))


def test_128_mels_load(tiny_v3: Converted, demo_samples: np.ndarray) -> None:
    assert generate(tiny_v3, demo_samples, language="<|yue|>", max_new_tokens=8) is not None


@pytest.mark.weights
@pytest.mark.parametrize("precision", ["int8", pytest.param("int8-ptq", marks=pytest.mark.slow)])
def test_compressed(tmp_path: Path, demo_samples: np.ndarray, precision: str) -> None:
    config = ConvertConfig(
        size="tiny.en", precision=precision, gate="none",
        output=tmp_path / "compressed", offline=True,
    )  # fmt: skip
    made = convert_one(config)
    result = generate(made, demo_samples, return_timestamps=True)
    ours = Whisper(made.folder, exact=True).transcribe(demo_samples, pad="audio", beam_size=1, temperature=(0.0,))
    assert normal(str(result)) == normal("".join(s.text for s in ours))
