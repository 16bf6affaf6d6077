"""The fast graphs against the artifact's own, and against hearing everything."""

import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import pytest
from support.tiny_whisper import tiny_once
from support.whispers import opened

from ovw import Whisper
from ovw.api import batches
from ovw.audio.mel import log_mel_spectrogram, pad_frames
from ovw.convert.plan import Converted
from ovw.errors import OvwError
from ovw.models import Dims
from ovw.runtime.aligner import add_scores, align
from ovw.runtime.device import EXACT, DeviceOptions, capabilities
from ovw.runtime.fast.decoder import FastDecoder
from ovw.runtime.fast.encoder import FastEncoder
from ovw.runtime.fast.window import ABSENT, join
from ovw.runtime.sessions import open_sessions
from ovw.transcribe import fallback, window_decoder
from ovw.transcribe.decoding.task import DecodingResult, DecodingTask
from ovw.transcribe.language import detect_languages
from ovw.transcribe.model_sessions import FastModelSessions, ModelSessions
from ovw.transcribe.options import TranscribeOptions
from ovw.transcribe.recording import Recording
from ovw.transcribe.tokenizer import Tokenizer

PROMPT = [50258, 50259, 50359]


@pytest.fixture(scope="module")
def speech(demo_samples: np.ndarray) -> list[np.ndarray]:
    """Clips of different lengths, cut at pauses of the demo."""
    return [demo_samples, demo_samples[: 5 * 16000], demo_samples[5 * 16000 : 11 * 16000]]


def text(segments: object) -> str:
    return "".join(segment.text for segment in segments).strip()  # type: ignore[attr-defined]


def sessions(folder: Path, dims: Dims, device: DeviceOptions = EXACT) -> tuple[FastEncoder, FastDecoder]:
    return FastEncoder(folder, device, dims), FastDecoder(folder, device)


def mels(dims: Dims, count: int, frames: int) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [rng.standard_normal((1, dims.n_mels, frames)).astype(np.float32) * 0.3 for _ in range(count)]


@pytest.mark.parametrize("model", ["tiny", "tiny_v3"])
def test_in_full_context_it_computes_the_same(model: str, request: pytest.FixtureRequest) -> None:
    made: Converted = request.getfixturevalue(model)
    dims = made.manifest.dimensions()
    heard = mels(dims, 3, dims.n_frames)
    encoder, decoder = sessions(made.folder, dims)
    plain_encoder, plain_decoder = open_sessions(made.folder, "genai", EXACT)
    decoder.start(encoder(heard, merge=False))
    plain_decoder.start([plain_encoder(mel)[0] for mel in heard])
    tokens, rows = np.array([[11, 12, 13]] * 3), np.arange(3, dtype=np.int32)
    assert np.allclose(decoder.step(tokens, rows), plain_decoder.step(tokens, rows), atol=1e-4)
    beams, order = np.arange(6)[:, None] + 5, np.array([0, 0, 1, 1, 2, 2], np.int32)
    assert np.allclose(decoder.step(beams, order), plain_decoder.step(beams, order), atol=1e-4)
    swapped = np.array([1, 0, 2, 3, 5, 4], np.int32)
    found, expected = decoder.step(beams, swapped, [-1]), plain_decoder.step(beams, swapped, [-1])
    assert np.allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("beams", [1, 3])
def test_in_int8_it_computes_about_the_same(base: Converted, speech: list[np.ndarray], beams: int) -> None:
    """Keys and values of the audio are int8 by default, f32 where that is asked for.

    Where the rest is computed in bf16, that has a part in the distance.
    """
    tolerance = 0.08 if "BF16" in capabilities() else 0.05
    dims = base.manifest.dimensions()
    found = []
    for device, kind in ((EXACT, np.float32), (DeviceOptions(), np.int8)):
        encoder, decoder = sessions(base.folder, dims, device)
        heard = [log_mel_spectrogram(one, dims.n_mels)[None] for one in speech[1:]]
        windows = encoder([pad_frames(mel, encoder.frames_for(mel.shape[2])) for mel in heard])
        assert {cache.dtype for cache in windows[0].batch.caches} == {np.dtype(kind)}
        decoder.start(windows)
        decoder.step(np.array([PROMPT] * 2), np.arange(2, dtype=np.int32))
        tokens = np.repeat([[50363], [50363]], beams, axis=0)
        found.append(decoder.step(tokens, np.repeat(np.arange(2, dtype=np.int32), beams), [-1])[:, 0].copy())
    exact, fast = (logits - logits.mean(axis=1, keepdims=True) for logits in found)
    assert np.linalg.norm(fast - exact) < tolerance * np.linalg.norm(exact)
    assert np.array_equal(fast.argmax(axis=1), exact.argmax(axis=1))


def test_a_window_apart_says_the_same(tiny: Converted) -> None:
    dims = tiny.manifest.dimensions()
    encoder, decoder = sessions(tiny.folder, dims, DeviceOptions())
    windows = encoder(mels(dims, 3, encoder.frames_for(500)))
    tokens, one = np.array([[11, 12, 13]]), np.zeros(1, np.int32)
    found = []
    for window in (windows[1], windows[1].detached()):
        decoder.start([window])
        found.append(decoder.step(tokens, one).copy())
    assert windows[1].detached().batch is not windows[1].batch
    assert np.array_equal(*found)


def test_only_the_asked_positions(tiny: Converted) -> None:
    dims = tiny.manifest.dimensions()
    encoder, decoder = sessions(tiny.folder, dims)
    windows = encoder(mels(dims, 1, dims.n_frames))
    tokens, row = np.array([[11, 12, 13, 14]]), np.zeros(1, np.int32)
    decoder.start(windows)
    everything = decoder.step(tokens, row).copy()
    decoder.start(windows)
    assert np.array_equal(decoder.step(tokens, row, [1, -1]), everything[:, [1, -1]])


def test_windows_leave_a_batch(tiny: Converted) -> None:
    dims = tiny.manifest.dimensions()
    encoder, decoder = sessions(tiny.folder, dims)
    windows = encoder(mels(dims, 3, dims.n_frames))
    tokens, rows = np.array([[11, 12]] * 3), np.arange(3, dtype=np.int32)
    decoder.start(windows)
    decoder.step(tokens, rows)
    expected = decoder.step(tokens[:, :1], rows)[[0, 2]].copy()
    decoder.start(windows)
    decoder.step(tokens, rows)
    assert decoder.narrow([0, 2])
    assert np.allclose(decoder.step(tokens[:2, :1], np.array([0, 2], np.int32)), expected, atol=1e-5)


@pytest.mark.parametrize("apart", [False, True])
def test_windows_of_several_lengths_side_by_side(tiny: Converted, apart: bool) -> None:
    dims = tiny.manifest.dimensions()
    encoder, decoder = sessions(tiny.folder, dims)
    short, longer = (encoder.frames_for(size) for size in (200, 900))
    windows = encoder([*mels(dims, 1, short), *mels(dims, 1, longer)])
    if apart:
        windows = [encoder([mel])[0] for mel in (*mels(dims, 1, short), *mels(dims, 1, longer))]
    *caches, bias = join(windows)
    assert all(len(cache) == 2 and cache.shape[2] == bias.shape[3] for cache in caches)
    assert (bias[0] == ABSENT).any()
    assert not (bias[1] == ABSENT).any()
    tokens, one = np.array([[11, 12, 13]]), np.zeros(1, np.int32)
    alone = []
    for window in windows:
        decoder.start([window])
        alone.append(decoder.step(tokens, one)[0].copy())
    decoder.start(windows)
    together = decoder.step(np.repeat(tokens, 2, 0), np.arange(2, dtype=np.int32))
    assert np.allclose(together, alone, atol=1e-4)


def test_merged_positions_stand_for_all_of_the_window(tiny: Converted) -> None:
    dims = tiny.manifest.dimensions()
    encoder, _ = sessions(tiny.folder, dims)
    first, second = encoder(mels(dims, 2, dims.n_frames))
    assert not first.full_context
    assert len(first.bias) == first.batch.caches[0].shape[2] < dims.n_audio_ctx / 2
    for window in (first, second):
        assert np.exp(window.bias).sum() == pytest.approx(dims.n_audio_ctx, rel=1e-4)
    assert not np.array_equal(first.bias, second.bias)
    (plain,) = encoder(mels(dims, 1, dims.n_frames), merge=False)
    assert plain.full_context
    assert not plain.bias.any()


def test_a_batch_that_grows_after_a_small_one(base: Converted) -> None:
    """The CPU plugin's own 8-bit cache gave NaN to new rows."""
    dims = base.manifest.dimensions()
    encoder, decoder = sessions(base.folder, dims, DeviceOptions())
    windows = encoder(mels(dims, 4, encoder.frames_for(300)))
    for count in (1, 4):
        decoder.start(windows[:count])
        logits = decoder.step(np.array([PROMPT] * count), np.arange(count, dtype=np.int32))
        assert np.isfinite(logits).all()


def test_a_window_goes_when_its_language_or_words_were_found(tiny: Converted) -> None:
    dims, tokenizer = tiny.manifest.dimensions(), Tokenizer.from_artifact(tiny.folder)
    encoder, decoder = sessions(tiny.folder, dims)
    scoring = FastDecoder(tiny.folder, EXACT, lambda model: add_scores(model, [(0, 0)]))
    for use in (
        lambda audio: detect_languages(decoder, audio, tokenizer),
        lambda audio: align(scoring, audio[0], PROMPT),
    ):
        audio = encoder(mels(dims, 1, dims.n_frames))
        held = weakref.ref(audio[0].batch)
        found = use(audio)
        del audio
        assert held() is None
        assert found


def test_which_engine_runs(tiny: Converted) -> None:
    assert isinstance(Whisper(tiny.folder)._sessions, FastModelSessions)
    assert type(Whisper(tiny.folder, exact=True)._sessions) is ModelSessions


def test_short_context_says_what_full_context_says(base: Converted, speech: list[np.ndarray]) -> None:
    whisper = opened(base.folder, device=EXACT)
    for samples in speech:
        words = [
            text(whisper.transcribe(samples, language="en", beam_size=1, audio_context=context))
            for context in ("auto", "full")
        ]
        assert jiwer.wer(*(line.lower().replace(",", "").replace("!", ".") for line in words)) <= 0.1


@pytest.mark.parametrize("beams", [1, 5])
def test_full_context_is_exact(base: Converted, demo_samples: np.ndarray, beams: int) -> None:
    asked = {"language": "en", "beam_size": beams, "temperature": 0, "vad": False}
    fast = list(opened(base.folder, device=EXACT).transcribe(demo_samples, audio_context="full", **asked))
    exact = list(opened(base.folder, exact=True).transcribe(demo_samples, **asked))
    assert [segment.tokens for segment in fast] == [segment.tokens for segment in exact]


def test_many_at_once_say_what_each_says_alone(base: Converted, speech: list[np.ndarray]) -> None:
    whisper = opened(base.folder, device=EXACT)
    asked = TranscribeOptions(language="en", beam_size=1, batch_size=2)
    together = [text(one) for one in whisper.transcribe_many(speech, asked)]
    alone = [text(whisper.transcribe(one, asked)) for one in speech]
    assert together == alone
    assert [one.language for one in whisper.transcribe_many(speech, batch_size=2, beam_size=1)] == ["en"] * 3


def test_a_language_is_found_in_the_window_that_is_decoded(
    base: Converted, speech: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Short recordings are encoded once; where that leaves doubt, the language is that of full context."""
    whisper, asked = opened(base.folder, device=EXACT), {"batch_size": 2, "beam_size": 1}
    alone = [whisper.transcribe(one, **asked).detection for one in speech]
    apart: list[object] = []
    opening = ModelSessions.encode_opening

    def watched(self: ModelSessions, *given: Any, **options: Any) -> object:
        apart.append(given)
        return opening(self, *given, **options)

    monkeypatch.setattr(ModelSessions, "encode_opening", watched)
    for certain in (window_decoder.CERTAIN_MERGED, 0.0, 1.1):
        apart.clear()
        monkeypatch.setattr(window_decoder, "CERTAIN_MERGED", certain)
        together = [one.detection for one in whisper.transcribe_many(speech, **asked)]
        assert [one.language for one in together if one] == ["en"] * 3
        if certain:
            assert all(
                abs(a.probability - b.probability) < 0.05 for a, b in zip(together, alone, strict=True) if a and b
            )
        else:
            assert not apart
    assert together == alone
    noise = np.random.default_rng(0).normal(0, 1e-4, 5 * 16_000).astype(np.float32)
    (silent,) = whisper.transcribe_many([noise], **asked)
    assert silent.detection == whisper.transcribe(noise, **asked).detection
    assert not list(silent)


def test_unsure_windows_of_a_batch_are_decoded_otherwise(
    base: Converted, speech: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    whisper = opened(base.folder, device=EXACT)
    beams: list[int] = []
    decode = DecodingTask.run

    def watched(self: DecodingTask, *given: object) -> list[DecodingResult]:
        beams.append(self.options.beam_size)
        return decode(self, *given)  # type: ignore[arg-type]

    def heard(beam_size: int, context: str = "auto") -> list[tuple[float, list[int]]]:
        """How likely each clip's one window is, and its tokens."""
        beams.clear()
        asked = TranscribeOptions(language="en", beam_size=beam_size, batch_size=2, audio_context=context)
        found = [list(one) for one in whisper.transcribe_many(speech[1:], asked)]
        return [(segments[0].avg_logprob, [t for s in segments for t in s.tokens]) for segments in found]

    monkeypatch.setattr(DecodingTask, "run", watched)
    for limit in ("UNSURE_LOGPROB", "UNSURE_SEARCH_LOGPROB"):
        monkeypatch.setattr(fallback, limit, -10.0)
    greedy, searched = heard(1), heard(fallback.UNSURE_BEAMS)
    assert beams == [fallback.UNSURE_BEAMS]
    both = list(zip(greedy, searched, strict=True))
    monkeypatch.setattr(fallback, "UNSURE_LOGPROB", 0.0)
    assert [tokens for _, tokens in heard(1)] == [max(pair)[1] for pair in both]
    assert beams == [1, fallback.UNSURE_BEAMS]
    monkeypatch.setattr(fallback, "UNSURE_SEARCH_LOGPROB", 0.0)
    longer = [max(pair)[1] if len(pair[0][1]) > len(pair[1][1]) else pair[1][1] for pair in both]
    assert [tokens for _, tokens in heard(fallback.UNSURE_BEAMS)] == longer
    assert beams == [fallback.UNSURE_BEAMS, 1]
    for beam_size in (1, 2):
        heard(beam_size, "full")
        assert beams == [beam_size]


def test_greedy_decoding_saves_a_text_that_a_search_passed_over(
    base: Converted, speech: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search can end with a text that lacks its first sentence."""
    whisper = opened(base.folder)
    asked = TranscribeOptions(language="en", batch_size=8)
    expected = whisper.transcribe(speech[2], asked, beam_size=1).text
    decode = DecodingTask.run

    def passing_over(self: DecodingTask, *given: object) -> list[DecodingResult]:
        results = decode(self, *given)  # type: ignore[arg-type]
        short = self.options.beam_size > 1
        return [replace(one, tokens=one.tokens[-8:], avg_logprob=-0.4) if short else one for one in results]

    monkeypatch.setattr(DecodingTask, "run", passing_over)
    assert whisper.transcribe(speech[2], asked).text == expected


def test_recordings_are_read_a_few_batches_at_a_time(
    base: Converted, speech: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []
    together = Whisper._together

    def watched(self: Whisper, jobs: list, **rest: Any) -> list:
        held.append(len(jobs))
        return together(self, jobs, **rest)

    monkeypatch.setattr(Whisper, "_together", watched)
    monkeypatch.setattr(batches, "GROUP", 1)
    asked = TranscribeOptions(language="en", beam_size=1, batch_size=2)
    shortest_first = speech[::-1]
    found = list(opened(base.folder).transcribe_many(shortest_first, asked))
    assert held == [2], "the longest is read alone"
    assert [one.duration for one in found] == [len(samples) / 16000 for samples in shortest_first]
    assert all("hello" in text(found[i]).lower() for i in (1, 2))  # the two that begin with it


def test_one_that_fails_does_not_stop_the_others(base: Converted, speech: list[np.ndarray]) -> None:
    asked = TranscribeOptions(language="en", beam_size=1)
    media = [speech[1], np.full(16_000, np.nan, np.float32), speech[2], "missing.wav"]
    found = dict(opened(base.folder).transcribe_each(media, asked))
    assert [isinstance(found[i], OvwError) for i in range(4)] == [False, True, False, True]
    assert all(text(found[i]) for i in (0, 2))
    assert "missing.wav" in str(found[3])
    with pytest.raises(OvwError):
        opened(base.folder).transcribe_many(media, asked)


def test_words_have_the_same_times(base: Converted, speech: list[np.ndarray]) -> None:
    whisper = opened(base.folder, device=EXACT)
    asked = {"language": "en", "beam_size": 1, "word_timestamps": True}
    short = [w for s in whisper.transcribe(speech[1], **asked) for w in s.words or ()]
    full = [w for s in whisper.transcribe(speech[1], **asked, audio_context="full") for w in s.words or ()]
    assert len(short) == len(full) > 5
    assert np.allclose([w.start for w in short], [w.start for w in full], atol=0.15)


def test_words_are_timed_without_merging(
    base: Converted, speech: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    merged: list[bool] = []
    encode = FastEncoder.__call__

    def watched(self: FastEncoder, mels: list, *, merge: bool = True) -> list:
        merged.append(merge)
        return encode(self, mels, merge=merge)

    monkeypatch.setattr(FastEncoder, "__call__", watched)
    whisper = opened(base.folder)
    for words in (True, False):
        list(whisper.transcribe(speech[1], language="en", beam_size=1, word_timestamps=words))
    assert merged == [False, True]


def test_what_looks_wrong_is_heard_in_full(
    base: Converted, speech: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A window that repeats itself in its short context is decoded again in the full one, at the same temperature."""
    whisper = opened(base.folder)
    expected = whisper.transcribe(speech[1], language="en", beam_size=1, audio_context="full").text
    heard: list[tuple[list[bool], float]] = []
    zeros: list[bool] = []
    decode, window = window_decoder.DecodingTask.run, Recording.window

    def padded(self: Recording, *frames: int, **options: bool) -> np.ndarray:
        zeros.append(options["zeros"])
        return window(self, *frames, **options)

    def watched(self: window_decoder.DecodingTask, audio: list, prompts: list, temperature: float, rng: object) -> list:
        results = decode(self, audio, prompts, temperature, rng)  # type: ignore[arg-type]
        heard.append(([window.full_context for window in audio], temperature))
        if not audio[0].full_context:
            return [DecodingResult(r.tokens, r.avg_logprob, r.no_speech_prob, 9.9, temperature) for r in results]
        return results

    monkeypatch.setattr(window_decoder.DecodingTask, "run", watched)
    monkeypatch.setattr(Recording, "window", padded)
    found = list(whisper.transcribe(speech[1], language="en", beam_size=1))
    assert heard == [([False], 0.0), ([True], 0.0)]
    assert zeros == [False, True]  # openai/whisper's padding, as in full context
    assert "welcome" in text(found)
    assert text(found).strip() == expected.strip()


@pytest.mark.parametrize(
    ("seconds", "pad", "zeros"),
    [(8, "auto", [False, True]), (8, "audio", [False]), (2, "auto", [False]), (4, "auto", [False, True])],
)
def test_own_graphs_encode_doubtful_windows_as_in_full_context(
    speech: list[np.ndarray], monkeypatch: pytest.MonkeyPatch, seconds: int, pad: str, zeros: list[bool]
) -> None:
    """Where the padding would be the same they are not encoded again."""
    whisper = opened(tiny_once(layout="stateless").folder)
    found: list[bool] = []
    window = Recording.window

    def padded(self: Recording, *frames: int, **options: bool) -> np.ndarray:
        found.append(options["zeros"])
        return window(self, *frames, **options)

    unlikely = DecodingResult([*range(300, 340)], -2.0, 0.0, 1.0, 0.0)  # as many tokens as so much speech has
    monkeypatch.setattr(window_decoder.DecodingTask, "run", lambda self, audio, *others: [unlikely] * len(audio))
    monkeypatch.setattr(Recording, "window", padded)
    whisper.transcribe(speech[0][: 16000 * seconds], language="en", pad=pad).document("clip")
    assert found == zeros


def test_short_windows_are_encoded_in_full(
    base: Converted, speech: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below three seconds, beside longer ones as alone; there the text is that of the full context."""
    whisper = opened(base.folder)
    contexts: list[list[bool]] = []
    decode = window_decoder.DecodingTask.run

    def watched(self: window_decoder.DecodingTask, audio: list, *others: object) -> list:
        contexts.append([window.full_context for window in audio])
        return decode(self, audio, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(window_decoder.DecodingTask, "run", watched)
    asked = TranscribeOptions(language="en", beam_size=1, temperature=0.0)
    clips = [speech[1][: round(16000 * seconds)] for seconds in (2.9, 5.5, 1.0)]
    texts = [result.text for result in whisper.transcribe_many(clips, asked, batch_size=3)]
    assert contexts.pop(0) == [False, True, True]
    assert all(len(rest) == 1 for rest in contexts)  # what was left behind a timestamp
    for clip, found in zip(clips[::2], texts[::2], strict=True):
        assert found == whisper.transcribe(clip, asked, audio_context="full").text


def test_unsure_windows_of_a_few_seconds_have_the_text_of_the_full_context(
    base: Converted, speech: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its padding too, zeros; they are not searched."""
    whisper = opened(base.folder)
    clip = speech[1][: 16000 * 4]
    expected = whisper.transcribe(clip, language="en", beam_size=1, batch_size=8, audio_context="full").text
    contexts: list[list[bool]] = []
    decode = window_decoder.DecodingTask.run

    def unsure(self: window_decoder.DecodingTask, audio: list, *others: object) -> list[DecodingResult]:
        contexts.append([window.full_context for window in audio])
        results = decode(self, audio, *others)  # type: ignore[arg-type]
        return [
            replace(found, tokens=[], avg_logprob=-0.6) if not window.full_context else found
            for found, window in zip(results, audio, strict=True)
        ]

    monkeypatch.setattr(window_decoder.DecodingTask, "run", unsure)
    assert whisper.transcribe(clip, language="en", beam_size=1, batch_size=8).text == expected
    assert contexts == [[False], [True]]


def test_silence_of_any_kind_is_no_speech(base: Converted) -> None:
    whisper = opened(base.folder)
    for pad in ("mel", "audio"):
        assert text(whisper.transcribe(np.zeros(16000 * 6, np.float32), language="en", pad=pad)) == ""
