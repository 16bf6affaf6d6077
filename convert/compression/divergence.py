"""Divergence of a compressed artifact from the fp32 IR, token by token: a finer measure than words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ovw.artifact.manifest import read_manifest
from ovw.artifact.names import DEFAULT_LAYOUT
from ovw.audio.mel import log_mel_spectrogram
from ovw.convert.compression.calibration import Speech
from ovw.runtime.device import EXACT
from ovw.runtime.sessions import open_sessions
from ovw.transcribe.decoding.numeric import log_softmax
from ovw.transcribe.selftest import feed, golden_prompt, greedy_tokens
from ovw.transcribe.tokenizer import Tokenizer

CLIPS = 12


@dataclass(frozen=True)
class GreedyOutput:
    """The fp32 IR's greedy tokens for a clip, with their log probabilities.

    Attributes:
        mel: [1, n_mels, frames].
        tokens: prompt and greedy tokens.
        log_probs: of every token after the prompt, [n, n_vocab].
    """

    mel: NDArray[np.float32]
    tokens: list[int]
    log_probs: NDArray[np.float32]


def greedy_outputs(folder: Path, speech: Speech) -> list[GreedyOutput]:
    """Greedy tokens of the first clips in f32, and how likely each next token was held to be.

    Args:
        folder: of the fp32 IR.
        speech: clips.
    """
    dims = read_manifest(folder).dimensions()
    tokenizer = Tokenizer.from_artifact(folder)
    prompt = golden_prompt(tokenizer)
    encoder, decoder = open_sessions(folder, DEFAULT_LAYOUT, EXACT)
    outputs = []
    for clip in speech.clips[:CLIPS]:
        mel = log_mel_spectrogram(clip.samples, dims.n_mels, dims.n_frames)[None, :, : dims.n_frames]
        hidden = encoder(mel)
        tokens = [*prompt, *greedy_tokens(decoder, hidden, prompt, tokenizer.eot)]
        decoder.start(hidden)
        outputs.append(GreedyOutput(mel, tokens, log_softmax(feed(decoder, np.array([tokens]))[0, len(prompt) - 1 :])))
    return outputs


def divergence(folder: Path, outputs: list[GreedyOutput]) -> float:
    """Kullback-Leibler divergence of an artifact's next-token distributions from fp32's, mean over tokens, millinats.

    Args:
        folder: of the artifact.
        outputs: of the fp32 IR; its tokens are fed whatever this artifact holds likely.
    """
    encoder, decoder = open_sessions(folder, DEFAULT_LAYOUT, EXACT)
    found = []
    for one in outputs:
        decoder.start(encoder(one.mel))
        own = log_softmax(feed(decoder, np.array([one.tokens]))[0, -len(one.log_probs) :])
        found.append((np.exp(one.log_probs) * (one.log_probs - own)).sum(-1))
    return 1e3 * float(np.concatenate(found).mean())
