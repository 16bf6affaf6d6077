"""The parity gate: an artifact on disk against PyTorch in f32, before it may be used."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ovw.artifact.layouts import layout_row
from ovw.artifact.manifest import Golden, Parity, Shapes
from ovw.artifact.names import GGML_ENCODER_ENDING
from ovw.artifact.precisions import precision_row
from ovw.convert.reference import PyTorchReference
from ovw.convert.sources.checkpoint import Checkpoint
from ovw.convert.sources.ggml import read_ggml
from ovw.errors import NotEqualError
from ovw.memory import give_back
from ovw.runtime.device import EXACT
from ovw.runtime.protocols import Decoder
from ovw.runtime.sessions import open_decoder, open_encoder
from ovw.transcribe.selftest import clip_mel, encoder_golden, feed, golden_prompt, greedy_tokens, text_golden
from ovw.transcribe.tokenizer import Tokenizer


@dataclass(frozen=True)
class Tolerance:
    """Largest distances of an artifact from PyTorch.

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
COMPRESSED = {
    "int8": Tolerance(encoder=0.1, logits=8.0, greedy=False),
    "int8-ptq": Tolerance(encoder=0.3, logits=8.0, greedy=False),
    "int4": Tolerance(encoder=0.3, logits=30.0, greedy=False),
}
"""A graph that is wired wrongly is beyond these by far; whether words are lost is for the WER gate to decide."""


def tolerance_for(checkpoint: Checkpoint, precision: str) -> Tolerance:
    """FP32, and FP16 of f16 weights, lose nothing; FP16 of f32 weights rounds them; the rest is compressed."""
    row = precision_row(precision)
    if row.compressed:
        return COMPRESSED[precision]
    exact = not row.stores_f16 or all(tensor.dtype == np.float16 for tensor in checkpoint.tensors.values())
    return LOSSLESS if exact else ROUNDED


def prove(
    folder: Path, checkpoint: Checkpoint, tolerance: Tolerance, layout: str, shapes: Shapes
) -> tuple[Parity, Golden]:
    """Run the graphs in `folder` beside PyTorch on the bundled clip.

    Compared are the encoder's output, and decoder logits with an empty cache, with a filled one and after a reorder of
    beams, each against PyTorch without a cache; and the greedy tokens of both, from log-mel on. Of the whispercpp
    layout it is the encoder and every tensor of the ggml file. Encoder and decoder, ours and PyTorch's, are four models
    in f32: only one is in memory at a time.

    Args:
        folder: with every file but the manifest.
        checkpoint: what it was made from.
        tolerance: how far it may be off.
        layout: of the folder.
        shapes: what its graphs take.

    Raises:
        OvwError: beyond the tolerance; the message holds the figures.
    """
    reference = PyTorchReference(checkpoint)
    mel = clip_mel(checkpoint.dims, shapes)
    hidden = reference.encode(mel)
    own_hidden = open_encoder(folder, layout, EXACT)(mel)
    give_back()
    off = _relative_l2(own_hidden, hidden)
    if not layout_row(layout).decodes:
        parity = _measured(tolerance, off, ggml=same_tensors(folder, checkpoint))
        return _passed(parity, tolerance), encoder_golden(own_hidden)
    decoder = open_decoder(folder, layout, EXACT)
    tokenizer = Tokenizer.from_artifact(folder)
    prompt = golden_prompt(tokenizer)
    tokens = greedy_tokens(decoder, own_hidden, prompt, tokenizer.eot, shapes)
    probe = _Probe(prompt, tokens, checkpoint.dims.n_vocab, _beams(shapes))
    found = probe.run(decoder, hidden)
    del decoder
    give_back()
    one = hidden[:1]
    beams, greedy_logits = reference.logits([(probe.sequences, one.repeat(probe.beams, 0)), (probe.greedy, one)])
    split = len(prompt), len(prompt) + probe.steps.shape[1]
    expected = (beams[:1, : split[0]], beams[:1, split[0] : split[1]], beams[:, -1:])
    same = greedy_logits[0, len(prompt) - 1 :].argmax(-1).tolist() == tokens
    distances = [None if f is None else _distance(f, e) for f, e in zip(found, expected, strict=True)]
    parity = _measured(tolerance, off, distances, same)
    return _passed(parity, tolerance), text_golden(prompt, tokens, tokenizer)


def _beams(shapes: Shapes) -> int:
    """As many beams as the batch has room for, three at most; all rows of a static batch."""
    low, high = shapes.batch
    return low if low > 1 else min(3, high if high > 0 else 3)


class _Probe:
    """Token sequences that take a decoder through every use of its cache.

    The prompt goes into an empty cache and the next tokens, one by one, into a filled one. Beams then continue it with
    different tokens, are reordered, and continue once more; `sequences` [beams, n] holds what each has seen then.
    `greedy` [1, n] is the greedy sequence, fed to PyTorch in one go: if every next token is its likeliest too, greedy
    decoding is equal.
    """

    def __init__(self, prompt: list[int], tokens: list[int], n_vocab: int, beams: int) -> None:
        self.beams = beams
        self.order = np.array([beams - 1] + [0] * (beams - 1), np.int32)
        self.prompt = np.array([prompt])
        self.steps = np.array([tokens[:6] or prompt[-1:]])
        rng = np.random.default_rng(0)
        self.first, self.second = rng.integers(0, n_vocab, (2, beams, 1))
        shared = np.concatenate([self.prompt, self.steps], 1).repeat(beams, 0)
        self.sequences = np.concatenate([shared, self.first[self.order], self.second], 1)
        self.greedy = np.array([[*prompt, *tokens[:-1]]])

    def run(self, decoder: Decoder, hidden: NDArray[np.float32]) -> tuple[NDArray[np.float32] | None, ...]:
        """Logits with an empty cache, with a filled cache and after the reorder (if there is more than one beam)."""
        rows = np.arange(len(hidden), dtype=np.int32)
        decoder.start(hidden)
        empty = feed(decoder, self.prompt.repeat(len(rows), 0))[:1]
        steps = (np.full((len(rows), 1), token) for token in self.steps[0])
        filled = np.concatenate([decoder.step(step, rows)[:1].copy() for step in steps], 1)
        if self.beams == 1:
            return empty, filled, None
        decoder.step(self.first, np.zeros(self.beams, np.int32))
        return empty, filled, decoder.step(self.second, self.order).copy()


def _measured(
    tolerance: Tolerance,
    encoder: float,
    logits: Sequence[float | None] = (None, None, None),
    greedy: bool | None = None,
    *,
    ggml: bool | None = None,
) -> Parity:
    empty, filled, reordered = logits
    return Parity(
        encoder_relative_l2=encoder,
        logits_empty_cache=empty,
        logits_filled_cache=filled,
        logits_beam_reorder=reordered,
        greedy_tokens_equal=greedy,
        ggml_tensors_equal=ggml,
        tolerance_encoder=tolerance.encoder,
        tolerance_logits=tolerance.logits,
    )


def _relative_l2(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def _distance(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    return float(np.abs(found - expected).max())


def _passed(parity: Parity, tolerance: Tolerance) -> Parity:
    """Refuse what is too far off; figures that are not numbers are too far off."""
    measured = {
        "encoder relative L2": (parity.encoder_relative_l2, tolerance.encoder),
        "logits, empty cache": (parity.logits_empty_cache, tolerance.logits),
        "logits, filled cache": (parity.logits_filled_cache, tolerance.logits),
        "logits, beam reorder": (parity.logits_beam_reorder, tolerance.logits),
    }
    limits = {name: (value, limit) for name, (value, limit) in measured.items() if value is not None}
    figures = [f"{name} {value:.2g} (allowed {limit:g})" for name, (value, limit) in limits.items()]
    wrong = [name for name, (value, limit) in limits.items() if not (math.isfinite(value) and value <= limit)]
    if parity.greedy_tokens_equal is not None:
        figures.append(f"greedy tokens {'equal' if parity.greedy_tokens_equal else 'different'}")
        wrong += ["greedy tokens"] if tolerance.greedy and not parity.greedy_tokens_equal else []
    if parity.ggml_tensors_equal is not None:
        figures.append(f"ggml tensors {'equal' if parity.ggml_tensors_equal else 'different'}")
        wrong += [] if parity.ggml_tensors_equal else ["ggml tensors"]
    if wrong:
        raise NotEqualError(
            f"the artifact is not equal to PyTorch: {', '.join(figures)}", "nothing was written; please report it"
        )
    return parity


def same_tensors(folder: Path, checkpoint: Checkpoint) -> bool:
    """Whether the folder's ggml file, read back, holds the checkpoint's tensors, in the types it stores them in."""
    path = next(p for p in folder.glob("*.bin") if not p.stem.endswith(GGML_ENCODER_ENDING))
    found = read_ggml(path).tensors
    return set(found) == set(checkpoint.tensors) and all(
        np.array_equal(tensor, np.asarray(checkpoint.tensors[name], tensor.dtype)) for name, tensor in found.items()
    )
