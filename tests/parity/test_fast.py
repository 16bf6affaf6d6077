"""The fast graphs against the artifact's own, and against full context."""

import weakref
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import pytest
from support.whispers import opened

from ovw import Whisper
from ovw.api import batches
from ovw.artifact.ir_names import MASKED_SCORE
from ovw.audio.mel import log_mel_spectrogram, pad_frames
from ovw.convert.plan import Converted
from ovw.errors import OvwError
from ovw.models import Dims
from ovw.runtime.aligner import add_scores, align
from ovw.runtime.device import EXACT, DeviceOptions, capabilities
from ovw.runtime.fast.decoder import FastDecoder
from ovw.runtime.fast.encoder import FastEncoder
from ovw.runtime.fast.window import join
from ovw.runtime.sessions import open_sessions
from ovw.transcribe import window_decoder
from ovw.transcribe.language import detect_languages
from ovw.transcribe.model_sessions import FastModelSessions, ModelSessions
from ovw.transcribe.options import TranscribeOptions
from ovw.transcribe.tokenizer import Tokenizer

PROMPT = [50258, 50259, 50359]


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
    spectrograms = mels(dims, 3, dims.n_frames)
    encoder, decoder = sessions(made.folder, dims)
    plain_encoder, plain_decoder = open_sessions(made.folder, "genai", EXACT)
    decoder.start(encoder(spectrograms, merge=False))
    plain_decoder.start([plain_encoder(mel)[0] for mel in spectrograms])
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
        spectrograms = [log_mel_spectrogram(one, dims.n_mels)[None] for one in speech[1:]]
        windows = encoder([pad_frames(mel, encoder.frames_for(mel.shape[2])) for mel in spectrograms])
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
    assert (bias[0] == MASKED_SCORE).any()
    assert not (bias[1] == MASKED_SCORE).any()
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


def test_silence_of_any_kind_is_no_speech(base: Converted) -> None:
    """Without voice activity detection most of these give a "You" or a "Thanks for watching!"."""
    rng, seconds = np.random.default_rng(0), np.arange(16000 * 6) / 16000
    kinds = {
        "zeros": np.zeros(len(seconds)),
        "faint noise": 1e-4 * rng.standard_normal(len(seconds)),
        "noise": 1e-2 * rng.standard_normal(len(seconds)),
        "hum": 0.02 * np.sin(2 * np.pi * 50 * seconds),
        "offset": np.full(len(seconds), 0.1),
        "clicks": 0.5 * (rng.random(len(seconds)) > 0.9999),
    }
    whisper = opened(base.folder)
    found = {kind: text(whisper.transcribe(kinds[kind].astype(np.float32), language="en")) for kind in kinds}
    assert found == dict.fromkeys(kinds, "")
