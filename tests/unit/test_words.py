"""Word timing against openai/whisper's own functions."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import whisper.timing as openai
from hypothesis import given, settings
from hypothesis import strategies as st
from whisper.tokenizer import get_tokenizer

from ovw.artifact.port_names import LOGITS
from ovw.convert.plan import Converted
from ovw.runtime.aligner import SCORES
from ovw.transcribe.result import Segment, Word
from ovw.transcribe.tokenizer import Tokenizer
from ovw.transcribe.words.alignment import WordTiming, align
from ovw.transcribe.words.dtw import warp
from ovw.transcribe.words.fit import fit_words, merge_punctuation
from ovw.transcribe.words.hallucination import WindowTimes, first_hallucinated, is_anomalous
from ovw.transcribe.words.split import split_words

PREPENDED, APPENDED = "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、"


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 12), m=st.integers(1, 30), seed=st.integers(0, 10**6), levels=st.sampled_from([2, 1000]))
def test_warp_is_whispers(n: int, m: int, seed: int, levels: int) -> None:
    cost = np.random.default_rng(seed).integers(0, levels, (n, m)).astype(np.float64)  # few levels: many ties
    assert np.array_equal(np.array(warp(cost)), openai.dtw_cpu(cost))


@pytest.fixture(scope="module")
def tokenizer(tiny: Converted) -> Tokenizer:
    return Tokenizer.from_artifact(tiny.folder)


@pytest.mark.parametrize("language", ["en", "ja", "de"])
@pytest.mark.parametrize(
    "text",
    [" Hello, world! It's 3,000 — naïve “quotes” (yes).", "今日は、いい天気です。", " 😀 emoji\n\ttabs � broken", ""],
)
def test_words_are_whispers(tokenizer: Tokenizer, text: str, language: str) -> None:
    theirs = get_tokenizer(True, num_languages=99, language=language, task="transcribe")
    tokens = [*theirs.encode(text), theirs.eot]
    words, split = theirs.split_to_word_tokens(tokens)
    found = split_words(tokenizer, tokens, language)
    assert [w.text for w in found] == words
    assert [w.tokens for w in found] == split


class _Aligner:
    """An aligner whose logits [n, n_vocab] and scores [heads, n, S] are given."""

    def __init__(self, logits: np.ndarray, scores: np.ndarray) -> None:
        self._outputs = {LOGITS: logits[None], SCORES: scores[None]}

    def start(self, audio: object) -> None: ...

    def run(self, tokens: np.ndarray, beam_idx: np.ndarray) -> dict[str, np.ndarray]:
        return self._outputs

    def release(self) -> None: ...


class _Model:
    """openai/whisper's model as far as its alignment sees it, with given logits and scores."""

    device = "cpu"
    dims = SimpleNamespace(n_text_layer=1)

    def __init__(self, logits: np.ndarray, scores: np.ndarray) -> None:
        self._logits, self._scores = torch.from_numpy(logits[None]), torch.from_numpy(scores[None])
        self.decoder = SimpleNamespace(blocks=[SimpleNamespace(cross_attn=self)])
        self.alignment_heads = torch.ones(1, len(scores)).to_sparse()

    def register_forward_hook(self, hook: Callable[..., None]) -> SimpleNamespace:
        hook(None, None, (self._scores,))
        return SimpleNamespace(remove=lambda: None)

    def __call__(self, mel: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        return self._logits


@pytest.mark.parametrize(("seed", "frames"), [(0, 3000), (1, 400), (2, 101), (3, 16), (4, 6)])
def test_alignment_is_whispers(tokenizer: Tokenizer, seed: int, frames: int) -> None:
    theirs = get_tokenizer(True, num_languages=99, language="en", task="transcribe")
    text = theirs.encode(" So it goes on and on.")
    rng = np.random.default_rng(seed)
    length = len(theirs.sot_sequence) + 1 + len(text) + 1
    logits = rng.standard_normal((length, 51865)).astype(np.float32)
    scores = 3 * rng.standard_normal((3, length, 1500)).astype(np.float32)
    expected = openai.find_alignment(_Model(logits, scores), theirs, text, torch.zeros(80, 3000), frames)
    sessions = SimpleNamespace(tokenizer=tokenizer, aligner=_Aligner(logits, scores))
    window = SimpleNamespace(language="en", size=frames)
    found = align(sessions, window, np.zeros(0), theirs.sot_sequence, text)
    assert [(w.word, w.tokens, w.start, w.end) for w in found] == [(w.word, w.tokens, w.start, w.end) for w in expected]
    assert [w.probability for w in found] == pytest.approx([w.probability for w in expected], rel=1e-4)


@st.composite
def timings(draw: st.DrawFn) -> list[tuple[str, float, float]]:
    texts = draw(
        st.lists(st.sampled_from([" a", " bee", ".", ",", "!", ' "', " (", ")", "-", " -", "。", "c"]), max_size=12)
    )
    at, out = 0.0, []
    for text in texts:
        at += draw(st.sampled_from([0.0, 0.0, 0.1, 3.0]))
        length = draw(st.sampled_from([0.0, 0.1, 0.3, 0.5, 2.5]))
        out.append((text, at, at + length))
        at += length
    return out


def as_timings(words: list[tuple[str, float, float]], kind: type) -> list:
    return [kind(word, [i], start, end, 0.5) for i, (word, start, end) in enumerate(words)]


@settings(max_examples=200, deadline=None)
@given(timings())
def test_punctuation_is_merged_as_by_whisper(words: list[tuple[str, float, float]]) -> None:
    ours, theirs = as_timings(words, WordTiming), as_timings(words, openai.WordTiming)
    merge_punctuation(ours, PREPENDED, APPENDED)
    openai.merge_punctuations(theirs, PREPENDED, APPENDED)
    assert [(t.word, t.tokens) for t in ours] == [(t.word, t.tokens) for t in theirs]


@settings(max_examples=300, deadline=None)
@given(
    words=timings(), cut=st.integers(0, 12), last=st.sampled_from([0.0, 5.0, 9.5]), shift=st.sampled_from([-1.0, 0, 1])
)
def test_words_are_fitted_as_by_whisper(
    words: list[tuple[str, float, float]], cut: int, last: float, shift: float
) -> None:
    """The whole of `add_word_timestamps`, its alignment replaced by a constructed one."""
    eot, offset = 1000, 10.0
    bounds = [(0, min(cut, len(words))), (min(cut, len(words)), len(words))]
    segments = [
        make(range(a, b), offset + words[a][1] + shift, offset + words[b - 1][2] + shift) for a, b in bounds if a < b
    ]
    expected = [{"seek": 1000, "start": s.start, "end": s.end, "tokens": s.tokens} for s in segments]
    tokenizer = type("T", (), {"eot": eot})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(openai, "find_alignment", lambda *a, **k: as_timings(words, openai.WordTiming))
        openai.add_word_timestamps(
            segments=expected, model=None, tokenizer=tokenizer, mel=None, num_frames=3000, last_speech_timestamp=last
        )
    found = fit_words(segments, as_timings(words, WordTiming), eot, offset, last, (PREPENDED, APPENDED))
    assert [(s.start, s.end) for s in found] == [(s["start"], s["end"]) for s in expected]
    assert [[(w.word, w.start, w.end) for w in s.words or ()] for s in found] == [
        [(w["word"], w["start"], w["end"]) for w in s["words"]] for s in expected
    ]


def make(tokens: range, start: float, end: float, words: tuple[Word, ...] | None = None) -> Segment:
    return Segment(0, start, end, "x", list(tokens), 0.0, -0.1, 1.0, 0.0, 1000, words=words)


def spoken(start: float, *, probability: float = 0.9, length: float = 0.3) -> Segment:
    words = tuple(Word(start + i * 0.5, start + i * 0.5 + length, " word", probability) for i in range(4))
    return make(range(4), start, start + 2, words)


def test_made_up_text_is_found() -> None:
    good, bad = spoken(11.0), spoken(20.0, probability=0.05, length=0.02)
    times = WindowTimes(10.0, 40.0, 40.0)
    assert is_anomalous(bad)
    assert not is_anomalous(good)
    assert not is_anomalous(None)
    assert first_hallucinated([good, bad], times, 9.0, 2.0) == 1
    assert first_hallucinated([good, spoken(20.0)], times, 9.0, 2.0) == 2
    # an odd word in the middle of speech is none
    between = [spoken(15.0), spoken(17.2, probability=0.05, length=0.02), spoken(19.5)]
    assert first_hallucinated(between, times, 14.9, 2.0) == 3
