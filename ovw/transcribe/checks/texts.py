"""The self-test in every mode of the runner: alone, in batches, with beams, and as openai/whisper does it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ovw.artifact.manifest import Manifest
from ovw.memory import give_back
from ovw.runtime.device import DeviceOptions
from ovw.runtime.protocols import Audio
from ovw.transcribe.checks.guard import ExecutionMode, execution_modes, find_fault, reference_of
from ovw.transcribe.checks.probe import probe_windows, takes_probe
from ovw.transcribe.decoding.numeric import log_softmax
from ovw.transcribe.decoding.task import DecodingResult, DecodingTask
from ovw.transcribe.exact import AS_LICENSED, EXACTLY
from ovw.transcribe.model_sessions import ModelSessions
from ovw.transcribe.options import TranscribeOptions
from ovw.transcribe.prompt import Prompt, PromptBuilder
from ovw.transcribe.selftest import default_language, feed

BATCHES = (8, 16)
BEAMS = 5
TEXT = TranscribeOptions(beam_size=1, temperature=(0.0,), vad=False, max_new_tokens=24)
SAME_ARITHMETIC = 0.1
"""Share of the words that a batch may change in f32: rows differ by so little that only ties are decided otherwise."""
OTHER_ARITHMETIC = 0.34
"""Share of the words that a batch may change in bf16."""
LESS_LIKELY = 0.25
"""Nats a token that texts found in f32 may lose in bf16, int8 and with approximations. Which of several texts that are
about as likely is found may change all the same: with tiny.en half of the words, at a loss of -0.02."""
PLAUSIBLE = -1.0
"""Mean log probability of a text with a meaning; those of random weights do not."""


def find_mode_problems(folder: Path, manifest: Manifest) -> Iterator[str]:
    """Each mode in which an artifact does not compute here what it was proved to compute, in one line."""
    if not takes_probe(manifest.shapes, manifest.dimensions()):
        return
    reference = reference_of(folder, manifest)
    (exact,) = execution_modes(folder, manifest, DeviceOptions(), EXACTLY)
    if fault := find_fault(exact, reference, manifest):
        yield f"--exact: {fault}"
    expected = _texts_in(exact.sessions)
    del exact
    give_back()
    default = next(execution_modes(folder, manifest, DeviceOptions(), AS_LICENSED))
    if fault := find_fault(default, reference, manifest):
        yield f"{default.name}: {fault}"
    yield from _text_problems(default, manifest, expected)


@dataclass(frozen=True)
class _Expected:
    """Texts in f32 by their tokens, and the negative log-likelihood of all of them, in nats."""

    tokens: list[list[int]]
    nats: float


def _texts_in(sessions: ModelSessions) -> _Expected | None:
    """Greedy texts of the probe; `None` where they mean nothing, as those of random weights."""
    audio = sessions.encode(probe_windows(sessions.dims))
    results = _decode(sessions, audio, 1)
    tokens = [result.tokens for result in results]
    if any(result.avg_logprob <= PLAUSIBLE for result in results):
        return None
    return _Expected(tokens, _nats_alone(sessions, audio, tokens))


def _nats_alone(sessions: ModelSessions, audio: Sequence[Audio], texts: Sequence[Sequence[int]]) -> float:
    """Negative log-likelihood of texts, a window at a time, as graphs of one row take them."""
    prompt = prompt_of(sessions, TEXT)
    pairs = zip(audio, texts, strict=True)
    return sum(float(text_nats(sessions, [window], prompt, [tokens])[0]) for window, tokens in pairs)


def _text_problems(mode: ExecutionMode, manifest: Manifest, expected: _Expected | None) -> Iterator[str]:
    """Texts that a batch or beams change, and texts in f32 that are far less likely here.

    Those without a meaning, of random weights, are only compared in f32: rounding decides between their tokens, and
    `find_fault` has compared their logits.
    """
    sessions, most = mode.sessions, manifest.shapes.batch[1]
    if expected is None and sessions.decoder.precision != "f32":
        return
    audio = [sessions.detached(window) for window in sessions.encode(probe_windows(sessions.dims))]
    alone = [_texts(sessions, [window], 1)[0] for window in audio]
    by_batch = SAME_ARITHMETIC if sessions.decoder.precision == "f32" else OTHER_ARITHMETIC  # kernels go by rows
    if expected is not None:
        nats = _nats_alone(sessions, audio, expected.tokens)
        lost = (nats - expected.nats) / sum(len(tokens) + 1 for tokens in expected.tokens)
        if not lost <= LESS_LIKELY:
            words = " ".join(sessions.tokenizer.text_of(tokens).strip() for tokens in expected.tokens)
            yield f"one by one: {' '.join(alone)!r}, in f32 it is {words!r}, {lost:.2f} nats a token less likely here"
    for rows in BATCHES:
        if most < 0 or most >= rows:
            order = [row % len(audio) for row in range(rows)]
            found = _texts(sessions, [audio[at] for at in order], 1)
            if _changed([alone[at] for at in order], found) > by_batch:
                yield f"batch of {rows}: {' '.join(found[:2])!r}, one by one it is {' '.join(alone)!r}"
    if most < 0 or most >= BEAMS * len(audio):
        beams = [_texts(sessions, [window], BEAMS)[0] for window in audio]
        together = _texts(sessions, audio, BEAMS)
        if _changed(beams, together) > by_batch:
            yield f"{BEAMS} beams in a batch: {' '.join(together)!r}, one by one it is {' '.join(beams)!r}"


def _texts(sessions: ModelSessions, audio: Sequence[Audio], beam_size: int) -> list[str]:
    """The texts of encoded windows, decoded together."""
    return _spelled(sessions, _decode(sessions, audio, beam_size))


def _decode(sessions: ModelSessions, audio: Sequence[Audio], beam_size: int) -> list[DecodingResult]:
    return decode_windows(sessions, audio, TEXT.model_copy(update={"beam_size": beam_size}))


def decode_windows(sessions: ModelSessions, audio: Sequence[Audio], options: TranscribeOptions) -> list[DecodingResult]:
    """Encoded windows decoded together at temperature 0, after the same prompt."""
    task = DecodingTask(sessions.decoder, sessions.tokenizer, options, sessions.dims.n_text_ctx)
    return task.run(audio, [prompt_of(sessions, options)] * len(audio), 0.0, np.random.default_rng(0))


def text_nats(
    sessions: ModelSessions, audio: Sequence[Audio], prompt: Prompt, texts: Sequence[Sequence[int]]
) -> NDArray[np.float64]:
    """Negative log-likelihood of each text and its end, nats [texts]; shorter ones are filled up for the batch.

    Args:
        sessions: of the model.
        audio: the encoded window of each text.
        prompt: before all of them.
        texts: their tokens.
    """
    decoder, eot = sessions.decoder, sessions.tokenizer.eot
    start, longest = len(prompt.tokens), max(map(len, texts))
    fed = np.full((len(texts), start + longest + 1), eot, np.int64)
    for row, tokens in enumerate(texts):
        fed[row, : start + len(tokens)] = [*prompt.tokens, *tokens]
    decoder.start(audio)
    logits = feed(decoder, fed[:, :-1])[:, start - 1 :]
    logprobs = np.take_along_axis(log_softmax(logits), fed[:, start:, None], 2)[..., 0]
    decoder.release()
    return np.array([-row[: len(tokens) + 1].sum() for row, tokens in zip(logprobs, texts, strict=True)])


def prompt_of(sessions: ModelSessions, options: TranscribeOptions) -> Prompt:
    """The prompt of bundled speech: English, or the first language there is."""
    tokenizer = sessions.tokenizer
    return PromptBuilder(tokenizer, options, sessions.dims.n_text_ctx).build(default_language(tokenizer))


def _spelled(sessions: ModelSessions, results: Sequence[DecodingResult]) -> list[str]:
    return [sessions.tokenizer.text_of(result.tokens).strip() for result in results]


def word_changes(expected: Sequence[str], found: Sequence[str]) -> tuple[int, int]:
    """Words of the expected texts, and how many of them are substituted, deleted or inserted in others."""
    words = changed = 0
    for before, after in zip(expected, found, strict=True):
        old, new = before.split(), after.split()
        edits = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
        changed += sum(max(b - a, d - c) for kind, a, b, c, d in edits if kind != "equal")
        words += len(old)
    return words, changed


def _changed(expected: Sequence[str], found: Sequence[str]) -> float:
    words, changed = word_changes(expected, found)
    return changed / max(words, 1)
