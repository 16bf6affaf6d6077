"""The parity gate: an artifact on disk against PyTorch in f32, before it may be used."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ovw.artifact.manifest import Golden, Parity
from ovw.convert.reference import Reference
from ovw.convert.sources.checkpoint import Checkpoint
from ovw.errors import OvwError
from ovw.runtime.decoder import DecoderSession
from ovw.runtime.device import EXACT
from ovw.runtime.encoder import EncoderSession
from ovw.transcribe.selftest import CLIP, clip_mel, clip_sha256, golden_prompt, greedy_tokens
from ovw.transcribe.tokenizer import Tokenizer


@dataclass(frozen=True)
class Tolerance:
    """How far an artifact may be from PyTorch.

    Attributes:
        encoder: relative L2 distance of the hidden states.
        logits: largest absolute difference of decoder logits.
        greedy: whether greedy decoding must give the same tokens.
    """

    encoder: float
    logits: float
    greedy: bool


LOSSLESS = Tolerance(encoder=1e-5, logits=1e-3, greedy=True)
ROUNDED = Tolerance(encoder=5e-3, logits=0.1, greedy=False)
"""FP16 of weights that were published in f32: rounding is what was asked for."""


def tolerance_for(checkpoint: Checkpoint, precision: str) -> Tolerance:
    """FP32, and FP16 of f16 weights, lose nothing; FP16 of f32 weights rounds them."""
    exact = precision == "fp32" or all(tensor.dtype == np.float16 for tensor in checkpoint.tensors.values())
    return LOSSLESS if exact else ROUNDED


def prove(folder: Path, checkpoint: Checkpoint, tolerance: Tolerance) -> tuple[Parity, Golden]:
    """Run the IR in `folder` beside PyTorch on the bundled clip.

    Compared are the encoder's output, and decoder logits with an empty cache, with a filled one and after a reorder of
    beams, each against PyTorch without a cache; and what both say greedily, from log-mel to tokens.

    Raises:
        OvwError: beyond the tolerance; the message holds the figures.
    """
    reference = Reference(checkpoint)
    mel = clip_mel(checkpoint.dims)
    hidden = reference.encode(mel)
    own_hidden = EncoderSession(folder, EXACT)(mel)
    tokenizer = Tokenizer.from_artifact(folder)
    prompt = golden_prompt(tokenizer)
    decoder = DecoderSession(folder, EXACT)
    tokens = greedy_tokens(decoder, own_hidden, prompt, tokenizer.eot)
    probe = _Probe(prompt, tokens, checkpoint.dims.n_vocab)
    empty, filled, reordered = probe.run(decoder, hidden)
    del decoder
    expected = reference.logits([(probe.sequences, hidden.repeat(len(probe.sequences), 0)), (probe.spoken, hidden)])
    parity = Parity(
        encoder_relative_l2=_relative_l2(own_hidden, hidden),
        logits_empty_cache=_distance(empty, expected[0][:1, : empty.shape[1]]),
        logits_filled_cache=_distance(filled, expected[0][:1, empty.shape[1] : empty.shape[1] + filled.shape[1]]),
        logits_beam_reorder=_distance(reordered, expected[0][:, -1:]),
        greedy_tokens_equal=expected[1][0, len(prompt) - 1 :].argmax(-1).tolist() == tokens,
        tolerance_encoder=tolerance.encoder,
        tolerance_logits=tolerance.logits,
    )
    _require(parity, tolerance)
    text = tokenizer.text_of(tokens).strip()
    return parity, Golden(clip=CLIP, clip_sha256=clip_sha256(), prompt=prompt, tokens=tokens, text=text)


class _Probe:
    """Token sequences that take a decoder through every use of its cache.

    The prompt goes into an empty cache and the next tokens, one by one, into a filled one. Three beams then continue it
    with different tokens, are reordered, and continue once more; `sequences` [3, n] holds what each beam has seen then.
    `spoken` [1, n] is the greedy sequence, fed to PyTorch in one go: if every next token is its likeliest too, greedy
    decoding is equal.
    """

    ORDER = (2, 0, 0)

    def __init__(self, prompt: list[int], tokens: list[int], n_vocab: int) -> None:
        self.prompt = np.array([prompt])
        self.steps = np.array([tokens[:6] or prompt[-1:]])
        rng = np.random.default_rng(0)
        self.first, self.second = rng.integers(0, n_vocab, (2, 3, 1))
        shared = np.concatenate([self.prompt, self.steps], 1).repeat(3, 0)
        self.sequences = np.concatenate([shared, self.first[list(self.ORDER)], self.second], 1)
        self.spoken = np.array([[*prompt, *tokens[:-1]]])

    def run(self, decoder: DecoderSession, hidden: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Logits with an empty cache, with a filled cache and after the reorder."""
        one, three = np.zeros(1, np.int32), np.zeros(3, np.int32)
        decoder.start(hidden)
        empty = decoder.step(self.prompt, one).copy()
        filled = np.concatenate([decoder.step(step[None, None], one).copy() for step in self.steps[0]], 1)
        decoder.step(self.first, three)
        reordered = decoder.step(self.second, np.array(self.ORDER, np.int32)).copy()
        return [empty, filled, reordered]


def _relative_l2(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def _distance(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    return float(np.abs(found - expected).max())


def _require(parity: Parity, tolerance: Tolerance) -> None:
    """Refuse what is too far off; figures that are not numbers are too far off."""
    limits = {
        "encoder relative L2": (parity.encoder_relative_l2, tolerance.encoder),
        "logits, empty cache": (parity.logits_empty_cache, tolerance.logits),
        "logits, filled cache": (parity.logits_filled_cache, tolerance.logits),
        "logits, beam reorder": (parity.logits_beam_reorder, tolerance.logits),
    }
    figures = ", ".join(f"{name} {value:.2g} (allowed {limit:g})" for name, (value, limit) in limits.items())
    close = all(math.isfinite(value) and value <= limit for value, limit in limits.values())
    same = "equal" if parity.greedy_tokens_equal else "different"
    if not close or (tolerance.greedy and not parity.greedy_tokens_equal):
        raise OvwError(
            f"the artifact is not equal to PyTorch: {figures}, greedy tokens {same}",
            "nothing was written; please report it",
        )
