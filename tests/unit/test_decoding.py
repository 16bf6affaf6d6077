"""Filters and searches against openai/whisper's own, on random logits."""

from copy import deepcopy
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch
import whisper.decoding as openai
from hypothesis import given, settings
from hypothesis import strategies as st
from whisper.tokenizer import get_tokenizer

from ovw.convert.plan import Converted
from ovw.transcribe.decoding.filters import (
    NoRepeatNgram,
    RepetitionPenalty,
    SuppressBlank,
    TimestampRules,
    build_filters,
    suppressed_tokens,
)
from ovw.transcribe.decoding.numeric import largest, logsumexp
from ovw.transcribe.decoding.search import BeamSearch, DecodedSequence, Sampling, Search, best_sequence
from ovw.transcribe.decoding.task import DecodingTask
from ovw.transcribe.options import TranscribeOptions
from ovw.transcribe.result import compression_ratio
from ovw.transcribe.tokenizer import Tokenizer

THEIRS = get_tokenizer(True, num_languages=99, language="en", task="transcribe")
EOT, BEGIN, VOCAB = THEIRS.eot, THEIRS.timestamp_begin, 51865


@pytest.fixture(scope="module")
def tokenizer(tiny: Converted) -> Tokenizer:
    return Tokenizer.from_artifact(tiny.folder)


def random_logits(seed: int, rows: int) -> np.ndarray:
    logits = 3 * np.random.default_rng(seed).standard_normal((rows, VOCAB)).astype(np.float32)
    logits[:, BEGIN:] += np.random.default_rng(seed + 1).choice([-8, 0, 2, 4])
    return logits


token = st.one_of(st.integers(0, EOT - 1), st.integers(BEGIN, BEGIN + 1500))


@settings(max_examples=60, deadline=None)
@given(sampled=st.lists(token, max_size=5), seed=st.integers(0, 1000), initial=st.sampled_from([None, 0.0, 0.5, 1.0]))
def test_timestamp_rules_are_whispers(sampled: list[int], seed: int, initial: float | None) -> None:
    ours = random_logits(seed, 2)
    theirs = torch.from_numpy(ours.copy())
    rows = [sampled, [BEGIN, *sampled[1:]] if sampled else []]
    prompt = list(THEIRS.sot_sequence)
    index = round(initial / 0.02) if initial else None  # openai/whisper takes 0 for no limit
    openai.ApplyTimestampRules(THEIRS, len(prompt), index).apply(theirs, torch.tensor([prompt + row for row in rows]))
    _Rules(initial)(ours, rows)
    assert np.array_equal(np.isneginf(ours), np.isneginf(theirs.numpy()))


def test_words_behind_the_timestamps_are_words() -> None:
    """A fine-tuned vocabulary goes on after 30.00."""
    word, end = BEGIN + 1501, EOT
    rules = _Rules(None)
    closed = np.zeros((1, word + 1), np.float32)
    closed[0, end] = 20
    rules(closed, [[BEGIN, 1, BEGIN + 5]])
    assert np.isneginf(closed[0, word])
    assert not np.isneginf(closed[0, end])
    after_pair = np.zeros((1, word + 1), np.float32)
    rules(after_pair, [[BEGIN, 1, BEGIN + 5, BEGIN + 5]])
    assert not np.isneginf(after_pair[0, word])
    likely = np.zeros((1, word + 1), np.float32)
    likely[0, word] = 20
    rules(likely, [[BEGIN, 1]])
    assert not np.isneginf(likely[0, word])
    likely[0, word] = 0
    rules(likely, [[BEGIN, word]])
    assert np.isneginf(likely[0, word]), "times are jointly likelier"


class _Rules(TimestampRules):
    def __init__(self, initial: float | None) -> None:
        class Ids:
            timestamp_begin, eot, no_timestamps = BEGIN, EOT, THEIRS.no_timestamps
            timestamp_end = BEGIN + 1501

        super().__init__(Ids(), initial)  # type: ignore[arg-type]


def test_suppress_lists(tokenizer: Tokenizer) -> None:
    controls = {THEIRS.transcribe, THEIRS.translate, THEIRS.sot, THEIRS.sot_prev, THEIRS.sot_lm, THEIRS.no_speech}
    assert set(suppressed_tokens(tokenizer, (-1,))) == {*THEIRS.non_speech_tokens, *controls}
    assert set(suppressed_tokens(tokenizer, (7,))) == {7, *controls}
    assert suppressed_tokens(tokenizer, ()) == []


def test_suppress_blank(tokenizer: Tokenizer) -> None:
    logits = np.zeros((1, VOCAB), np.float32)
    SuppressBlank(tokenizer)(logits, [[]])
    assert set(np.flatnonzero(np.isneginf(logits[0]))) == {*THEIRS.encode(" "), EOT}
    logits[:] = 0
    SuppressBlank(tokenizer)(logits, [[1]])
    assert not np.isneginf(logits).any()


def test_no_ngram_comes_twice() -> None:
    rows = [[7, BEGIN, 8, 9, 7, 8], [7, 8], [1, 2, 1, 2, 1]]
    logits = np.zeros((3, VOCAB), np.float32)
    NoRepeatNgram(3, EOT)(logits, rows)
    assert [np.flatnonzero(np.isneginf(row)).tolist() for row in logits] == [[9], [], [2]]
    logits[:] = 0
    NoRepeatNgram(1, EOT)(logits, rows)
    assert [np.flatnonzero(np.isneginf(row)).tolist() for row in logits] == [[7, 8, 9], [7, 8], [1, 2]]


def test_repeated_tokens_get_less_likely() -> None:
    logits = np.ones((1, VOCAB), np.float32)
    logits[0, 5] = -1
    RepetitionPenalty(2.0, EOT)(logits, [[5, 6, 6, BEGIN]])
    assert (logits[0, 5], logits[0, 6], logits[0, 7], logits[0, BEGIN]) == (-2, 0.5, 1, 1)


@pytest.mark.parametrize(
    ("options", "sampled"),
    [
        ({"suppress_tokens": (7,)}, [BEGIN, 5]),
        ({"repetition_penalty": 2.0}, [BEGIN, 7]),
        ({"no_repeat_ngram_size": 1}, [BEGIN, 7]),
    ],
)
def test_times_are_compared_with_text_that_other_rules_leave(
    tokenizer: Tokenizer, options: dict[str, object], sampled: list[int]
) -> None:
    """Times are jointly likelier than any text but one token, which another rule puts down."""
    logits = np.full((1, VOCAB), -20, np.float32)
    logits[0, BEGIN + 10 : BEGIN + 20] = 2  # jointly 2 + log(10) = 4.3
    logits[0, 7], logits[0, 8] = 5, 4
    for apply in build_filters(tokenizer, TranscribeOptions(**options)):
        apply(logits, [sampled])
    assert np.isneginf(logits[0, :BEGIN]).all()


def advance(search: Search, logits: np.ndarray) -> None:
    search.advance(logits, logsumexp(logits), largest(logits, search.choices))


class _Inference:
    def __init__(self) -> None:
        self.sources: list[int] = []

    def rearrange_kv_cache(self, sources: list[int]) -> None:
        self.sources = list(sources)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("beams", "patience"), [(5, 1.0), (5, 2.0), (1, 2.0)])
def test_beam_search_is_whispers(seed: int, beams: int, patience: float) -> None:
    steps, prompt = 12, [50258, 50259]
    inference = _Inference()
    theirs = openai.BeamSearchDecoder(beams, EOT, inference, patience)
    ours = BeamSearch(beams, EOT, patience)
    tokens = torch.tensor([prompt] * beams)
    sums = torch.zeros(beams)
    rng = np.random.default_rng(seed)
    for step in range(steps):
        row = (4 * rng.standard_normal((1, VOCAB))).astype(np.float32)
        logits = row.repeat(beams, 0) if step == 0 else (4 * rng.standard_normal((beams, VOCAB))).astype(np.float32)
        logits[:, EOT] = logits.max() - rng.uniform(0, 6) if step else -np.inf  # no empty text, as with the filters on
        tokens, done = theirs.update(tokens, torch.from_numpy(logits.copy()), sums)
        advance(ours, logits)
        assert ours.sampled == [t[len(prompt) :] for t in tokens.tolist()]
        assert ours.sources == inference.sources
        assert ours.done == done
        (expected,), (logprobs,) = deepcopy(theirs).finalize(tokens[None], sums[None])
        texts = [sequence[len(prompt) : -1] for sequence in expected]
        assert [found.tokens for found in ours.hypotheses()] == [text.tolist() for text in texts]
        assert [found.sum_logprob for found in ours.hypotheses()] == pytest.approx(logprobs, abs=1e-4)
        (best,) = openai.MaximumLikelihoodRanker(None).rank([texts], [logprobs])
        assert best_sequence(ours.hypotheses(), None) == ours.hypotheses()[best]
        if done:
            break


@pytest.mark.parametrize(("patience", "search"), [(1.0, Sampling), (1.6, BeamSearch)])
def test_one_beam_with_patience_is_a_search(patience: float, search: type[Search]) -> None:
    task = DecodingTask(Mock(), Mock(), TranscribeOptions(beam_size=1, patience=patience), 448)
    assert isinstance(task._search(0.0, np.random.default_rng(0)), search)


def test_greedy_is_whispers() -> None:
    theirs, ours = openai.GreedyDecoder(0.0, EOT), Sampling(1, EOT, 0.0, np.random.default_rng(0))
    tokens, sums = torch.tensor([[50258]]), torch.zeros(1)
    for seed in range(5):
        logits = random_logits(seed, 1)
        tokens, _ = theirs.update(tokens, torch.from_numpy(logits.copy()), sums)
        advance(ours, logits)
    assert ours.sampled == [tokens[0, 1:].tolist()]
    assert ours.hypotheses()[0].sum_logprob == pytest.approx(sums.item(), rel=1e-5)


def test_sampling_follows_the_distribution() -> None:
    chances = np.array([0.5, 0.3, 0.2])
    logits = np.full((3000, 10), -np.inf, np.float32)
    logits[:, :3] = np.log(chances)
    search = Sampling(3000, 9, 1.0, np.random.default_rng(1))
    advance(search, logits)
    drawn = np.bincount([row[0] for row in search.sampled], minlength=3) / 3000
    assert np.abs(drawn - chances).max() < 0.03
    hot = Sampling(3000, 9, 0.2, np.random.default_rng(1))
    advance(hot, logits)
    assert np.mean([row[0] == 0 for row in hot.sampled]) > 0.9
    likely = [np.log(chances[found.tokens[0]]) for found in hot.hypotheses()]
    assert [found.sum_logprob for found in hot.hypotheses()] == pytest.approx(likely), "as without a temperature"


def test_ended_rows_stay_ended() -> None:
    search = Sampling(1, 9, 0.0, np.random.default_rng(0))
    end, other = np.zeros((1, 10), np.float32), np.zeros((1, 10), np.float32)
    end[0, 9], other[0, 3] = 5, 5
    advance(search, end)
    total = search.hypotheses()[0].sum_logprob
    advance(search, other)
    assert search.done
    assert search.hypotheses() == [DecodedSequence([], total)]


def test_ranking_by_length() -> None:
    short, long = DecodedSequence([1], -1.0), DecodedSequence([1] * 10, -5.0)
    assert best_sequence([short, long], None) is long
    assert best_sequence([short, long], 0.0) is short


@pytest.mark.parametrize(("alpha", "penalty"), [(0.6, 1.5157), (1.0, 2.0)])
def test_length_penalty_is_of_google_nmt(alpha: float, penalty: float) -> None:
    """((5 + 7) / 6) ** alpha for seven tokens, and 1 for one."""
    short = DecodedSequence([1], -1.0)
    better, worse = (DecodedSequence([1] * 7, -penalty + change) for change in (0.001, -0.001))
    assert best_sequence([short, better], alpha) is better
    assert best_sequence([short, worse], alpha) is short


def test_compression_ratio() -> None:
    assert compression_ratio("") == 0
    text = "so it goes and " * 40
    assert compression_ratio(text) == pytest.approx(openai.compression_ratio(text))
    assert compression_ratio(text) > 2.4


def test_words_behind_the_timestamps_are_text(tokenizer: Tokenizer) -> None:
    from support.huggingface_folder import with_more_words
    from support.tiny_whisper import TINY
    from tokenizers import Tokenizer as BpeTokenizer

    ours = Tokenizer(BpeTokenizer.from_str(with_more_words(TINY, [" covfefe"])), tokenizer.suppress)
    tokens = ours.encode(" So much covfefe")
    assert tokens[-1] == TINY.n_vocab
    assert ours.text_of([BEGIN, *tokens, BEGIN + 5, EOT]) == " So much covfefe"


def test_tokenizer_is_whispers(tokenizer: Tokenizer, tmp_path: Path) -> None:
    text = " Hello — wörld! 日本語 ♪ 3,000 it's\n\ttab 😀"
    assert tokenizer.encode(text) == THEIRS.encode(text)
    assert tokenizer.decode([*THEIRS.encode(text), BEGIN + 3]) == text
    assert tokenizer.decode([0xD8 % 256, 200]) == THEIRS.decode([0xD8 % 256, 200])
    assert tokenizer.language_tokens == dict(zip(THEIRS.all_language_codes, THEIRS.all_language_tokens, strict=True))
    assert tokenizer.timestamp_begin == BEGIN
    assert tokenizer.seconds(BEGIN + 75) == pytest.approx(1.5)
