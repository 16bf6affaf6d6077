"""Windows that are decoded twice: in full context, with beams, or without them."""

from dataclasses import replace

import numpy as np
import pytest
from support.tiny_whisper import tiny_once
from support.whispers import opened

from ovw.convert.plan import Converted
from ovw.runtime.device import EXACT
from ovw.transcribe import second_search
from ovw.transcribe.decoding.task import DecodingResult, DecodingTask
from ovw.transcribe.options import TranscribeOptions
from ovw.transcribe.recording import Recording


@pytest.fixture
def padded(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether zeros were asked for behind each window, in the order of encoding."""
    asked: list[bool] = []
    window = Recording.window

    def watched(self: Recording, *frames: int, **options: bool) -> np.ndarray:
        asked.append(options.get("zeros", False))
        return window(self, *frames, **options)

    monkeypatch.setattr(Recording, "window", watched)
    return asked


def test_unsure_windows_of_a_batch_are_decoded_otherwise(
    base: Converted, speech: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    whisper = opened(base.folder, device=EXACT)
    beams: list[int] = []
    decode = DecodingTask.run

    def watched(self: DecodingTask, *given: object) -> list[DecodingResult]:
        beams.append(self.options.beam_size)
        return decode(self, *given)  # type: ignore[arg-type]

    def decoded(beam_size: int, context: str = "auto") -> list[tuple[float, list[int]]]:
        """Mean log probability of each clip's one window, and its tokens."""
        beams.clear()
        asked = TranscribeOptions(language="en", beam_size=beam_size, batch_size=2, audio_context=context)
        found = [list(one) for one in whisper.transcribe_many(speech[1:], asked)]
        return [(segments[0].avg_logprob, [t for s in segments for t in s.tokens]) for segments in found]

    monkeypatch.setattr(DecodingTask, "run", watched)
    for limit in ("GREEDY_FLOOR", "BEAMS_FLOOR"):
        monkeypatch.setattr(second_search, limit, -10.0)
    greedy, searched = decoded(1), decoded(second_search.BEAMS)
    assert beams == [second_search.BEAMS]
    both = list(zip(greedy, searched, strict=True))
    monkeypatch.setattr(second_search, "GREEDY_FLOOR", 0.0)
    likelier = [two[1] if two[0] - one[0] > second_search.LEAST_GAIN else one[1] for one, two in both]
    assert [tokens for _, tokens in decoded(1)] == likelier
    assert beams == [1, second_search.BEAMS]
    monkeypatch.setattr(second_search, "BEAMS_FLOOR", 0.0)
    longer = [max(pair)[1] if len(pair[0][1]) > len(pair[1][1]) else pair[1][1] for pair in both]
    assert [tokens for _, tokens in decoded(second_search.BEAMS)] == longer
    assert beams == [second_search.BEAMS, 1]
    for beam_size in (1, 2):
        decoded(beam_size, "full")
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


def test_what_looks_wrong_is_decoded_in_full(
    base: Converted, speech: list[np.ndarray], padded: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A window that repeats itself in its short context is decoded again in the full one, at the same temperature."""
    whisper = opened(base.folder)
    expected = whisper.transcribe(speech[1], language="en", beam_size=1, audio_context="full").text
    contexts: list[tuple[list[bool], float]] = []
    decode = DecodingTask.run

    def watched(self: DecodingTask, audio: list, prompts: list, temperature: float, rng: object) -> list:
        results = decode(self, audio, prompts, temperature, rng)  # type: ignore[arg-type]
        contexts.append(([window.full_context for window in audio], temperature))
        if not audio[0].full_context:
            return [DecodingResult(r.tokens, r.avg_logprob, r.no_speech_prob, 9.9, temperature) for r in results]
        return results

    monkeypatch.setattr(DecodingTask, "run", watched)
    padded.clear()
    found = whisper.transcribe(speech[1], language="en", beam_size=1).text
    assert contexts == [([False], 0.0), ([True], 0.0)]
    assert padded == [False, True]  # openai/whisper's padding, as in full context
    assert "welcome" in found
    assert found == expected


@pytest.mark.parametrize(
    ("seconds", "pad", "zeros"),
    [(8, "auto", [False, True]), (8, "audio", [False]), (2, "auto", [False]), (4, "auto", [False, True])],
)
def test_own_graphs_encode_doubtful_windows_as_in_full_context(
    speech: list[np.ndarray],
    padded: list[bool],
    monkeypatch: pytest.MonkeyPatch,
    seconds: int,
    pad: str,
    zeros: list[bool],
) -> None:
    """Where the padding would be the same they are not encoded again."""
    whisper = opened(tiny_once(layout="stateless").folder)
    unlikely = DecodingResult([*range(300, 340)], -2.0, 0.0, 1.0, 0.0)  # as many tokens as so much speech has
    monkeypatch.setattr(DecodingTask, "run", lambda self, audio, *others: [unlikely] * len(audio))
    padded.clear()
    whisper.transcribe(speech[0][: 16000 * seconds], language="en", pad=pad).document("clip")
    assert padded == zeros


def test_short_windows_are_encoded_in_full(
    base: Converted, speech: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below three seconds, in a batch of their own; there the text is that of the full context."""
    whisper = opened(base.folder)
    contexts: list[list[bool]] = []
    decode = DecodingTask.run

    def watched(self: DecodingTask, audio: list, *others: object) -> list:
        contexts.append([window.full_context for window in audio])
        return decode(self, audio, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(DecodingTask, "run", watched)
    asked = TranscribeOptions(language="en", beam_size=1, temperature=0.0)
    clips = [speech[1][: round(16000 * seconds)] for seconds in (2.9, 5.5, 1.0)]
    texts = [result.text for result in whisper.transcribe_many(clips, asked, batch_size=3)]
    assert contexts[:2] == [[False], [True, True]]
    assert all(len(rest) == 1 for rest in contexts[2:])  # what was left behind a timestamp
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
    decode = DecodingTask.run

    def unsure(self: DecodingTask, audio: list, *others: object) -> list[DecodingResult]:
        contexts.append([window.full_context for window in audio])
        results = decode(self, audio, *others)  # type: ignore[arg-type]
        return [
            replace(found, tokens=[], avg_logprob=-0.6) if not window.full_context else found
            for found, window in zip(results, audio, strict=True)
        ]

    monkeypatch.setattr(DecodingTask, "run", unsure)
    assert whisper.transcribe(clip, language="en", beam_size=1, batch_size=8).text == expected
    assert contexts == [[False], [True]]
