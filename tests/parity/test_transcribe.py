"""Our runner against openai-whisper's `transcribe` on the same weights, and real words on real weights."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import whisper
from support.openai_whisper import OpenAiWhisper
from support.spoken import WORDS, words
from support.tiny_whisper import DEMO_VIDEO, SELFTEST_CLIP
from support.whispers import opened

from ovw import Whisper
from ovw.audio.decode import load_audio
from ovw.convert.plan import Converted
from ovw.errors import OvwError, UsageError


@pytest.fixture(scope="module")
def ours(base: Converted) -> Whisper:
    return opened(base.folder, exact=True)


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    """45 seconds: three windows, with a pause and a change of voice level."""
    demo, clip = load_audio(DEMO_VIDEO), load_audio(SELFTEST_CLIP)
    gap = np.zeros(16000 * 4, np.float32)
    return np.concatenate([demo, gap, clip * 0.5, demo])


@pytest.mark.weights
@pytest.mark.parametrize(("beam_size", "previous"), [(1, True), (5, False)])
def test_same_text_and_times_as_openai(
    ours: Whisper, theirs: OpenAiWhisper, speech: np.ndarray, beam_size: int, previous: bool
) -> None:
    options = {"initial_prompt": "A talk about OpenVINO."} if previous and beam_size == 1 else {}
    expected = theirs.transcribe(
        speech, language="en", beam_size=beam_size if beam_size > 1 else None,
        condition_on_previous_text=previous, **options,
    )  # fmt: skip
    found = list(
        ours.transcribe(
            speech,
            temperature=(0.0,),
            language="en",
            beam_size=beam_size,
            condition_on_previous_text=previous,
            **options,
        )
    )
    spoken = [s for s in expected["segments"] if s["text"].strip()]
    assert [s.text for s in found] == [s["text"] for s in spoken]
    for a, b in zip(found, spoken, strict=True):
        assert (a.start, a.end) == pytest.approx((b["start"], b["end"]), abs=0.02)
        assert a.avg_logprob == pytest.approx(b["avg_logprob"], abs=1e-3)
        assert a.no_speech_prob == pytest.approx(b["no_speech_prob"], abs=1e-3)
        assert a.compression_ratio == pytest.approx(b["compression_ratio"])


OPTIONS = [
    pytest.param({"word_timestamps": True}, marks=pytest.mark.slow),
    {"word_timestamps": True, "hallucination_silence_threshold": 0.5},
    {"clip_timestamps": (3.0, 12.5, 20.0)},
    {"initial_prompt": "A talk about OpenVINO.", "carry_initial_prompt": True},
    pytest.param({"without_timestamps": True, "length_penalty": 0.5, "beam_size": 2}, marks=pytest.mark.slow),
    {"suppress_tokens": (11, 13), "suppress_blank": False, "max_initial_timestamp": 0.5},
]


@pytest.mark.weights
@pytest.mark.parametrize("options", OPTIONS)
def test_options_mean_what_they_mean_to_openai(
    ours: Whisper, theirs: OpenAiWhisper, speech: np.ndarray, options: dict
) -> None:
    asked = dict(options)
    for key in ("clip_timestamps", "suppress_tokens"):
        if key in asked:
            asked[key] = ",".join(map(str, asked[key]))
    expected = theirs.transcribe(speech, language="en", **asked)
    found = list(ours.transcribe(speech, temperature=0, language="en", **{"beam_size": 1, **options}))
    spoken = [s for s in expected["segments"] if s["text"].strip()]
    assert [s.text for s in found] == [s["text"] for s in spoken]
    for a, b in zip(found, spoken, strict=True):
        assert (a.start, a.end) == pytest.approx((b["start"], b["end"]), abs=0.02)
        if "word_timestamps" in options:
            assert "".join(w.word for w in a.words or ()) == a.text
            assert [w.word for w in a.words or ()] == [w["word"] for w in b["words"]]
            assert [w.start for w in a.words or ()] == pytest.approx([w["start"] for w in b["words"]], abs=0.05)
            assert [w.end for w in a.words or ()] == pytest.approx([w["end"] for w in b["words"]], abs=0.05)
            chances = [w["probability"] for w in b["words"]]
            assert [w.probability for w in a.words or ()] == pytest.approx(chances, abs=1e-2)


@pytest.mark.weights
def test_language_and_translation_as_openai(ours: Whisper, theirs: OpenAiWhisper, demo_samples: np.ndarray) -> None:
    result = ours.transcribe(demo_samples, task="translate", temperature=(0.0,), beam_size=1)
    chances = theirs.language_chances(demo_samples)
    assert result.language == max(chances, key=chances.get) == "en"
    assert result.detection
    assert result.detection.probability == pytest.approx(chances["en"], abs=1e-3)
    assert ours.detect_language(demo_samples).probability == pytest.approx(chances["en"], abs=1e-3)
    later = ours.transcribe(demo_samples, clip_timestamps=(4.0,))  # detected in the first 30 s, as openai does
    assert later.detection == result.detection
    expected = theirs.transcribe(demo_samples, task="translate")
    assert "".join(s.text for s in result) == expected["text"]


@pytest.mark.weights
def test_padding_by_audio_is_openais_decode(ours: Whisper, theirs: OpenAiWhisper, demo_samples: np.ndarray) -> None:
    expected = theirs.decode(demo_samples, "en")
    found = ours.transcribe(demo_samples, pad="audio", temperature=(0.0,), beam_size=1, language="en")
    assert "".join(s.text for s in found).strip() == expected


@pytest.mark.weights
@pytest.mark.parametrize("model", ["base", "real_tiny_en"])
def test_real_words_with_everything_at_its_default(request: pytest.FixtureRequest, model: str) -> None:
    import jiwer

    whisper_ = opened(request.getfixturevalue(model).folder)
    segments = list(whisper_.transcribe(DEMO_VIDEO))
    assert jiwer.wer(WORDS, words("".join(s.text for s in segments))) < 0.1
    assert all(a.end <= b.start for a, b in itertools.pairwise(segments))
    assert segments[0].temperature == 0


@pytest.mark.weights
def test_silence_as_openai(ours: Whisper, theirs: OpenAiWhisper) -> None:
    silence = np.zeros(16000 * 8, np.float32)
    expected = theirs.transcribe(silence, language="en")
    found = ours.transcribe(silence, language="en", temperature=(0.0,), beam_size=1)
    assert "".join(s.text for s in found) == expected["text"]
    assert list(ours.transcribe(np.zeros(0, np.float32), language="en")) == []


@pytest.mark.weights
def test_one_recording_leaves_no_trace_in_the_next(base: Converted, demo_samples: np.ndarray) -> None:
    """In the device's own precision, where the CPU plugin may go on reading memory that it was once given."""
    model, clip = opened(base.folder), load_audio(SELFTEST_CLIP)

    def text(samples: np.ndarray) -> str:
        freed = [np.full(2_000_000, np.nan, np.float32) for _ in range(4)]  # what is freed next must not come back
        del freed
        return "".join(s.text for s in model.transcribe(samples, temperature=(0.0,), beam_size=2))

    first = [text(clip), text(demo_samples)]
    assert words(first[0]) == "the weather is fine today so we will walk to the river"
    assert [text(clip), text(demo_samples), text(clip)] == [*first, first[0]]


@pytest.mark.weights
def test_fallback_raises_the_temperature_and_is_seeded(ours: Whisper, demo_samples: np.ndarray) -> None:
    options = {"language": "en", "temperature": (0.0, 0.4), "logprob_threshold": 0.0, "no_speech_threshold": None}
    runs = [[(s.text, s.temperature) for s in ours.transcribe(demo_samples, **options, seed=3)] for _ in range(2)]
    assert runs[0] == runs[1]
    assert {temperature for _, temperature in runs[0]} == {0.4}


def test_tiny_random_equals_openai_under_every_rule(tiny: Converted, tiny_pt: object, demo_samples: np.ndarray) -> None:
    """Random weights wander through all of the rules: loops, timestamps, prompts."""
    theirs = whisper.load_model(str(tiny_pt))
    ours = Whisper(tiny.folder, exact=True)
    clip = demo_samples[: 16000 * 9]
    for options in ({"beam_size": 1}, {"beam_size": 3, "patience": 2.0}, {"beam_size": 1, "suppress_tokens": ()}):
        asked = {k: v for k, v in options.items() if (k, v) != ("beam_size", 1)}
        if "suppress_tokens" in asked:
            asked["suppress_tokens"] = ""
        expected = theirs.transcribe(
            clip, fp16=False, temperature=0.0, language="de", no_speech_threshold=None, sample_len=40, **asked
        )
        found = list(
            ours.transcribe(
                clip, temperature=(0.0,), language="de", no_speech_threshold=None, max_new_tokens=40, **options
            )
        )
        spoken = [s for s in expected["segments"] if s["text"].strip()]
        assert [s.tokens for s in found] == [s["tokens"] for s in spoken]


def test_requests_a_model_cannot_serve(tiny_en_random: Converted, tiny: Converted) -> None:
    english, many = Whisper(tiny_en_random.folder), Whisper(tiny.folder)
    nothing = np.zeros(100, np.float32)
    for model, options, message in (
        (english, {"language": "de"}, "does not know the language 'de'"),
        (english, {"task": "translate"}, "cannot translate"),
        (many, {"language": "klingon"}, "unknown language 'klingon'"),
        (many, {"beam_size": 0}, "beam_size = 0"),
        (many, {"beams": 3}, "did you mean 'beam_size'"),
        (many, {"temperature": (9.0,)}, "allowed are values from 0 to 2"),
    ):
        with pytest.raises(UsageError, match=message):
            model.transcribe(nothing, **options)


@pytest.mark.parametrize("device", ["AUTO", "AUTO:CPU", "HETERO:CPU", "MULTI:CPU"])
def test_devices_that_stand_for_others(tiny: Converted, device: str) -> None:
    from ovw import Whisper
    from ovw.runtime.device import DeviceOptions

    whisper = Whisper(tiny.folder, device=DeviceOptions(device=device, precision="f32"))
    assert whisper.precision == "f32"
    assert Whisper(tiny.folder, device=DeviceOptions(device=device)).precision in ("f32", "bf16", "f16")


def test_a_device_without_devices_is_explained(tiny: Converted) -> None:
    from ovw import Whisper
    from ovw.runtime.device import DeviceOptions

    with pytest.raises(OvwError, match=r"cannot be loaded: .+"):
        Whisper(tiny.folder, device=DeviceOptions(device="HETERO"))
