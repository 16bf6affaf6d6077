"""The artifact inside openai-whisper's pipeline says what PyTorch says."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import whisper
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


@pytest.fixture(scope="module")
def mel() -> torch.Tensor:
    return whisper.log_mel_spectrogram(whisper.pad_or_trim(load_audio(SELFTEST_CLIP)))


@pytest.mark.parametrize("asked", [{}, {"beam_size": 3, "patience": 2.0}])
def test_its_functions_take_the_model(tiny: Converted, tiny_pt: Path, mel: torch.Tensor, asked: dict) -> None:
    """The cache is reordered for beams, as the keys and values of PyTorch are."""
    model, theirs = load(tiny.folder), whisper.load_model(str(tiny_pt))
    options = whisper.DecodingOptions(fp16=False, language="en", sample_len=20, **asked)
    expected = whisper.decode(theirs, mel, options).tokens
    for decode in (partial(whisper.decode, model), model.decode):
        assert decode(mel, options).tokens == expected
        assert [result.tokens for result in decode(mel[None], options)] == [expected]


def test_its_functions_take_the_model_with_default_options(tiny: Converted, mel: torch.Tensor) -> None:
    result = whisper.decode(load(tiny.folder), mel, whisper.DecodingOptions(), sample_len=4)
    assert result.audio_features.dtype == torch.float16
    assert len(result.tokens) == 4


def test_threads_share_a_model(tiny: Converted) -> None:
    model, clip = load(tiny.folder), load_audio(SELFTEST_CLIP)
    clips = [np.roll(clip, 4000 * i)[: 20_000 + 3000 * i] for i in range(4)]

    def tokens(samples: np.ndarray) -> list:
        asked = {"temperature": 0.0, "sample_len": 8, "no_speech_threshold": None}
        return [s["tokens"] for s in model.transcribe(samples, **asked)["segments"]]

    alone = list(map(tokens, clips))
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(tokens, clips)) == alone
        list(pool.map(model.embed_audio, [torch.zeros(1, model.dims.n_mels, 3000)] * 4))


def test_two_caches_at_a_time_are_refused(tiny: Converted, mel: torch.Tensor) -> None:
    model, caches = load(tiny.folder), ({}, {})
    tokens, features = torch.tensor([[50258]]), model.embed_audio(mel[None])
    for cache in caches:
        model.decoder(tokens, features, kv_cache=cache)
    with pytest.raises(OvwError, match="something else meanwhile"):
        model.decoder(tokens, features, kv_cache=caches[0])
    assert model.decoder(tokens, features, kv_cache=caches[1]).shape == (1, 1, model.dims.n_vocab)


def test_attention_is_not_given_out(tiny: Converted) -> None:
    model = load(tiny.folder)
    with pytest.raises(OvwError, match="word_timestamps is not available"):
        whisper.transcribe(
            model, load_audio(SELFTEST_CLIP), word_timestamps=True, fp16=False, language="en", temperature=0.0,
            no_speech_threshold=None,
        )  # fmt: skip
    with pytest.raises(OvwError, match="word_timestamps is not available"):
        _ = model.alignment_heads
    assert not hasattr(model, "alignment_heads")
    assert not hasattr(model.decoder.blocks[0], "cross_attn")
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        _ = model.other


def test_gradients_end_at_the_model(tiny: Converted, mel: torch.Tensor) -> None:
    model = load(tiny.folder)
    features = model.embed_audio(mel[None].requires_grad_())
    assert model.logits(torch.tensor([[50258]]), features.requires_grad_()).shape[-1] == model.dims.n_vocab
