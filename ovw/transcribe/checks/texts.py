"""The self-test in every mode of the runner: alone, in batches, with beams, and as openai/whisper does it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np

from ovw.artifact.manifest import Manifest
from ovw.memory import give_back
from ovw.runtime.device import DeviceOptions
from ovw.runtime.protocols import Audio
from ovw.transcribe.checks.guard import ExecutionMode, execution_modes, find_fault, reference_of
from ovw.transcribe.checks.probe import probe_windows, takes_probe
from ovw.transcribe.decoding.task import DecodingResult, DecodingTask
from ovw.transcribe.exact import AS_LICENSED, EXACTLY
from ovw.transcribe.model_sessions import ModelSessions
from ovw.transcribe.options import TranscribeOptions
from ovw.transcribe.prompt import Prompt, PromptBuilder
from ovw.transcribe.selftest import default_language

BATCHES = (8, 16)
BEAMS = 5
TEXT = TranscribeOptions(beam_size=1, temperature=(0.0,), vad=False, max_new_tokens=24)
SAME_ARITHMETIC = 0.1
"""Share of the words that a batch may change in f32: rows differ by so little that only ties are decided otherwise."""
OTHER_ARITHMETIC = 0.34
"""Share of the words that bf16, int8 and approximations may change in two short stretches of speech."""
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
    results = _decode(exact.sessions, exact.sessions.encode(probe_windows(exact.sessions.dims)), 1)
    expected = _spelled(exact.sessions, results) if all(result.avg_logprob > PLAUSIBLE for result in results) else None
    del exact
    give_back()
    default = next(execution_modes(folder, manifest, DeviceOptions(), AS_LICENSED))
    if fault := find_fault(default, reference, manifest):
        yield f"{default.name}: {fault}"
    yield from _text_problems(default, manifest, expected)


def _text_problems(mode: ExecutionMode, manifest: Manifest, expected: Sequence[str] | None) -> Iterator[str]:
    """Texts that a batch or beams change, or that are far from those in f32.

    Those without a meaning, of random weights, are only compared in f32: rounding decides between their tokens, and
    `find_fault` has compared their logits.
    """
    sessions, most = mode.sessions, manifest.shapes.batch[1]
    if expected is None and sessions.decoder.precision != "f32":
        return
    audio = [sessions.detached(window) for window in sessions.encode(probe_windows(sessions.dims))]
    alone = [_texts(sessions, [window], 1)[0] for window in audio]
    by_batch = SAME_ARITHMETIC if sessions.decoder.precision == "f32" else OTHER_ARITHMETIC  # kernels go by rows
    if expected is not None and _changed(expected, alone) > OTHER_ARITHMETIC:
        yield f"one by one: {' '.join(alone)!r}, in f32 it is {' '.join(expected)!r}"
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
